"""What production code defines, by its text: kinds, names and values, around errors, within bounds."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repopeftbench import symbols
from repopeftbench.mining import validity
from repopeftbench.schema import SymbolKind
from repopeftbench.symbol_sets import SymbolReader, defines_symbols
from repopeftbench.symbol_text import MARK, MOST_CHARACTERS, one_line
from repopeftbench.symbols import file_symbols


def found(text, kind=None):
    """The definitions as (kind, name, value), or of one kind as name to value."""
    definitions = file_symbols(text).definitions
    if kind is None:
        return [(one.kind.value, one.name, one.value) for one in definitions]
    return {one.name: one.value for one in definitions if one.kind is kind}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("LIMIT = 30\n_private: int = -1\n", {"LIMIT": "30", "_private": "-1"}),
        ("A = B = 'x'\nC, D = 1, [2]\n", {"A": "'x'", "B": "'x'", "C": "1", "D": "[2]"}),
        ("if WINDOWS:\n    SEP = ';'\nelse:\n    END = ':'\n", {"SEP": "';'", "END": "':'"}),
        ("try:\n    import ssl\nexcept ImportError:\n    ssl = None\n", {"ssl": "None"}),
        ("class Fees:\n    class Inner:\n        RATE = 0.5\n", {"Fees.Inner.RATE": "0.5"}),
        ("TTL = timedelta(days=1)\nNAME = OTHER.name\n", {"TTL": "timedelta(days=1)", "NAME": "OTHER.name"}),
        ("SQUARES = [n * n for n in range(9)]\nKEY = lambda x: x\nx: int\nself.a = 1\nb[0] = 2\nC += 3\n", {}),
        ("def f():\n    INSIDE = 1\n", {}),
        ('"""A docstring."""\n', {}),
    ],
)
def test_constants_are_names_of_modules_and_classes_with_simple_values(text, expected):
    assert found(text, SymbolKind.CONSTANT) == expected


def test_enum_members_are_told_by_the_bases_name_also_within_the_file():
    text = (
        "class Colour(enum.StrEnum):\n    RED = 'r'\nclass Shade(Colour):\n    DARK = auto()\nclass Plain:\n    X = 1\n"
    )
    assert found(text, SymbolKind.ENUM_MEMBER) == {"Colour.RED": "'r'", "Shade.DARK": "auto()"}
    assert found(text, SymbolKind.CONSTANT) == {"Plain.X": "1"}


def test_exceptions_and_classes_have_their_bases():
    text = "class FeeError(ValueError, metaclass=M): pass\nclass Late(FeeError): pass\nclass P(Generic[T], Q): pass\n"
    assert found(text + "class Bare: pass\n") == [
        ("class", "Bare", "object"),
        ("class", "P", "Generic[T], Q"),
        ("exception", "FeeError", "ValueError, metaclass=M"),
        ("exception", "Late", "FeeError"),
    ]


def test_functions_have_a_signature_and_a_record_for_each_default():
    text = "class Fees:\n    async def parcel(self, weight, *, zone: str = 'EU', rate=0.5, **more) -> float: ...\n"
    assert found(text)[1:] == [
        ("default", "Fees.parcel.rate", "0.5"),
        ("default", "Fees.parcel.zone", "'EU'"),
        ("signature", "Fees.parcel", "(self, weight, *, zone: str = 'EU', rate=0.5, **more) -> float"),
    ]


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("return 42", "42"),
        ("'''Docs return nothing.'''\n    if a:\n        return -1", "-1"),
        ("return {'a': (1, 'b' 'c'), 'd': not True}", "{'a': (1, 'b' 'c'), 'd': not True}"),
        ("return LIMIT * config.DEFAULT_RATE", "LIMIT * config.DEFAULT_RATE"),
        ("def inner():\n        return 2\n    return 'own'", "'own'"),
        ("return a", None),
        ("return f'{a}'", None),
        ("return", None),
        ("if a:\n        return 1\n    return 2", None),
        ("def inner():\n        return 2", None),
        ("yield 1", None),
    ],
)
def test_the_only_return_is_a_record_where_it_is_constant(body, value):
    assert found(f"def f(a):\n    {body}\n", SymbolKind.RETURN) == ({} if value is None else {"f": value})


def test_keys_of_dictionaries_are_records_also_of_those_inside():
    text = "RATES = {'EU': 1, 'US': {'NY': 2}, **MORE, OTHER: [n for n in x]}\n"
    assert found(text, SymbolKind.CONFIG_KEY) == {
        "RATES['EU']": "1",
        "RATES['US']": "{'NY': 2}",
        "RATES['US']['NY']": "2",
    }


@pytest.mark.parametrize("head", ["@dataclass(frozen=True)\nclass C:", "class C(BaseModel):", "class C(t.TypedDict):"])
def test_fields_are_records_with_their_default_or_else_their_type(head):
    text = f"{head}\n    name: str\n    size: int = 3\n    LIMIT = 9\n"
    assert found(text, SymbolKind.CONFIG_KEY) == {"C.name": "str", "C.size": "3"}
    assert found(text, SymbolKind.CONSTANT) == {"C.LIMIT": "9"}


def test_what_stands_around_errors_is_found():
    text = "BEFORE = 1\nprint 'two'\ndef broken(:\n    pass\nAFTER = 2\nclass Whole:\n    X = 3\n"
    assert found(text, SymbolKind.CONSTANT) == {"BEFORE": "1", "AFTER": "2", "Whole.X": "3"}


def test_equal_definitions_are_as_many_records():
    assert found("A = 1\nA = 1\n") == [("constant", "A", "1")] * 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("\n", {}),
        ("\x00", {}),
        ("#" * 3000, {}),
        ("é = 'ü'\r\n", {"é": "'ü'"}),
        ("A = 1\rB = 2\r", {"A": "1", "B": "2"}),
    ],
)
def test_odd_texts_are_read(text, expected):
    assert found(text, SymbolKind.CONSTANT) == expected


def test_layout_does_not_matter():
    spread = "A = [  # first\n    1,\n    'x  y',  # second\n    (2 +\n     3)\n]\n"
    assert found(spread, SymbolKind.CONSTANT) == {"A": "[1, 'x  y', (2 + 3)]"}
    assert found("B = '''one\n    two'''\n", SymbolKind.CONSTANT) == {"B": r"'''one\n    two'''"}
    assert found("C = '#\\'('\n", SymbolKind.CONSTANT) == {"C": "'#\\'('"}


@given(st.text(alphabet="ab'\"#\\ \n\t(),=é", max_size=60))
def test_a_value_is_one_short_line_and_stays_as_it_is(text):
    raw = text.encode()
    line = one_line(raw, 0, len(raw))
    assert "\n" not in line
    assert line == line.strip()
    assert len(line) <= MOST_CHARACTERS


def test_long_names_and_values_are_cut_with_a_mark():
    ((_, name, value),) = found(f"{'n' * 300} = '{'é' * 5000}'\n")
    assert len(name) == len(value) == MOST_CHARACTERS
    assert (name[-1], value[-1]) == (MARK, MARK)
    assert one_line(b"x" * 200, 0, 200) == "x" * 200


def test_generated_tables_give_few_records_and_a_count_of_the_rest():
    many = file_symbols("".join(f"A{n} = {n}\n" for n in range(3000)))
    assert (len(many.definitions), many.left_out) == (symbols.MOST_DEFINITIONS, 1000)
    table = file_symbols("T = {\n" + "".join(f"    {n}: {n},\n" for n in range(500)) + "}\nAFTER = 1\n")
    assert (len(table.definitions), table.left_out) == (symbols.MOST_KEYS + 2, 400)
    assert file_symbols("A = 1\n" * (symbols.MOST_BYTES // 6 + 1)) == ((), 0)


def test_of_a_long_text_with_errors_the_beginning_is_read(monkeypatch):
    monkeypatch.setattr(validity, "MOST_BROKEN_BYTES", 40)
    lines = "".join(f"A{n} = {n}\n" for n in range(9))
    assert len(found(lines)) == 9
    assert found(lines + "def (:\n", SymbolKind.CONSTANT) == {f"A{n}": str(n) for n in range(5)}


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    ["def (: ] = \n" * 80_000, "(" * 1_000_000, "#\n" * 500_000, "'''a" * 300_000, "T = " + "{1: " * 3000 + "}" * 3000],
    ids=["errors", "brackets", "comments", "strings", "nested"],
)
def test_hostile_texts_are_read_within_bounds(text):
    assert len(file_symbols(text).definitions) <= symbols.MOST_DEFINITIONS


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("src/fees.py", True),
        ("src/latest.py", True),
        ("tests/fees.py", False),
        ("src/test_fees.py", False),
        ("src/fees_test.py", False),
        ("conftest.py", False),
        ("src/conftest.py", False),
        ("README.md", False),
    ],
)
def test_only_production_code_defines_symbols(path, expected):
    assert defines_symbols(path) is expected
    assert bool(SymbolReader().records(path, "1" * 40, lambda: "A = 1\n")) is expected


def test_a_content_is_read_once_and_forgotten_when_there_are_too_many():
    asked = []

    def read(blob):
        asked.append(blob)
        return "A = 1\nB = 2\n"

    reader = SymbolReader(most=7)
    for path, blob in [("a.py", "1"), ("b.py", "1"), ("c.py", "2"), ("a.py", "1"), ("d.py", "3"), ("c.py", "2")]:
        assert [record.path for record in reader.records(path, blob, lambda blob=blob: read(blob))] == [path, path]
    assert asked == ["1", "2", "3", "2"]


def test_a_dictionary_of_many_names_is_looked_at_once():
    names, keys = 20_000, 2_000
    text = "a = " * names + "{" + ", ".join(f"{key}: {key}" for key in range(keys)) + "}\n"
    start = time.process_time()
    result = file_symbols(text)
    assert time.process_time() - start < 5
    assert len(result.definitions) == symbols.MOST_DEFINITIONS
    assert result.left_out == names * (1 + keys) - symbols.MOST_DEFINITIONS


def test_values_of_many_patterns_are_looked_at_once():
    text = "a, b = " * 20_000 + ", ".join(["1"] * 20_000) + "\n"
    start = time.process_time()
    assert file_symbols(text) == ((), 0)
    assert time.process_time() - start < 5


def test_keys_belong_to_every_name_of_their_dictionary():
    assert found("A = B = {1: {2: 3}}\nC, D = {4: 5}, 6\n", SymbolKind.CONFIG_KEY) == {
        "A[1]": "{2: 3}",
        "A[1][2]": "3",
        "B[1]": "{2: 3}",
        "B[1][2]": "3",
        "C[4]": "5",
    }


def test_lone_surrogates_are_read():
    assert found("A = '\ud800'\nB = 1\n", SymbolKind.CONSTANT) == {"A": "'?'", "B": "1"}


def test_a_base_inside_the_same_class_is_known_by_its_own_name():
    text = "class A:\n    class B(Enum):\n        pass\n    class C(B):\n        Y = 2\n"
    assert found(text, SymbolKind.ENUM_MEMBER) == {"A.C.Y": "2"}
