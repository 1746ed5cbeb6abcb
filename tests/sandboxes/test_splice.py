"""A prediction stands exactly where the target stood, and nowhere else."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandboxes.cheats import Cheat, find_cheats
from sandboxes.splice import ALL_NUMBERS, ALWAYS_EQUAL, SOUND, Place, Refusal, neighbours, splice, tripwire


def place(source, target="TARGET"):
    data = source if isinstance(source, bytes) else source.encode()
    start = data.index(target.encode())
    return Place(source=data, start=start, end=start + len(target.encode()))


@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [
        ("assert f(x) == TARGET\n", "3", "assert f(x) == 3\n"),
        ("assert f(x) == TARGET  # why\n", " [1,\n 2]\n", "assert f(x) == [1,\n 2]  # why\n"),
        ("assert f(x) == TARGET, 'm'\n", "a if b else c", None),
        ("check(a, TARGET)\n", "a if b else c", "check(a, a if b else c)\n"),
        ("check(a, TARGET)\n", "x for x in y", None),
        ("check(TARGET)\n", "x for x in y", "check(x for x in y)\n"),
        ("with raises(TARGET):\n    f()\n", "ValueError", "with raises(ValueError):\n    f()\n"),
        ("assert f(x) == TARGET\n", "lambda: 0", None),
        ("check(a, (TARGET))\n", "yield", "check(a, (yield))\n"),
        ("assert 'é' == TARGET\n", "'ü'", "assert 'é' == 'ü'\n"),
    ],
)
def test_text_takes_the_target_s_place_byte_for_byte(source, text, expected):
    done = splice(place(source), text)
    assert isinstance(done, Refusal) if expected is None else done == expected.encode()


def test_escapes_that_mean_nothing_are_the_repository_s_affair(recwarn):
    done = splice(place(r"assert re.sub('\d', '', x) == TARGET" + "\n"), r"'\e'")
    assert done == rb"assert re.sub('\d', '', x) == '\e'" + b"\n"
    assert list(recwarn) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \n",
        "1\nassert True",
        "1; import os",
        "1, 'message'",
        "1 or True",
        "1 == 1",
        "1) or (1",
        "1\\",
        "1 #\n or True",
        "not x",
        "x := 1",
        "*x",
        "**x",
        "a=1",
        "x for x in y",
        "'unfinished",
        "'''unfinished",
        "(1",
        "1)",
        "]",
        "def f(): pass",
        "import os",
        "assert True",
        "1 if x else",
        "\x00",
        "(" * 500 + ")" * 500,
        "-" * 15000 + "1",
        "x" * 30000,
    ],
)
def test_anything_but_one_operand_is_refused(text):
    assert isinstance(splice(place("assert f(x) == TARGET\n"), text), Refusal)


def test_file_in_another_encoding_keeps_it():
    source = "# -*- coding: latin-1 -*-\nassert 'é' == TARGET\n".encode("latin-1")
    assert splice(place(source), "'ü'") == source.replace(b"TARGET", "'ü'".encode("latin-1"))
    assert isinstance(splice(place(source), "'☃'"), Refusal)


SAFE = st.sampled_from(["1", "x", "f(x)", "[1, 2]", "'a\\'b'", "x.y[0]", "{1: 2}", "(1, 2)", "-1", "x + y", "f'{x}'"])


@given(SAFE, SAFE)
def test_nothing_but_the_target_changes(left, text):
    source = f"def test():\n    assert {left} == TARGET\n    assert after\n"
    done = splice(place(source), text)
    assert done == source.replace("TARGET", text).encode()
    statement = ast.parse(done).body[0].body[0]
    assert ast.dump(statement.test.comparators[0]) == ast.dump(ast.parse(text, mode="eval").body)


@given(st.text(alphabet="()[]{}'\"\\#\n;:=,1 xor", max_size=12))
def test_no_text_reaches_beyond_its_place(text):
    source = "def test():\n    assert f(x) == TARGET\n    assert after\n"
    done = splice(place(source), text)
    if not isinstance(done, Refusal):
        function = ast.parse(done).body[0]
        assert [type(node) for node in function.body] == [ast.Assert, ast.Assert]
        assert function.body[0].msg is None and len(function.body[0].test.ops) == 1


def evaluate(text, **names):
    wire, token = tripwire(place("assert f(x) == TARGET\n"), text)
    with pytest.raises(KeyError) as caught:
        eval(wire, names)
    assert str(caught.value).startswith(f"'{token}:")
    return str(caught.value).strip("'").partition(":")[2]


class Anything:
    def __eq__(self, other):
        return True

    __hash__ = None


def test_tripwire_always_fails_and_says_what_the_value_equals():
    assert evaluate("41  # comment") == SOUND
    assert evaluate("x", x=Anything()) == ALWAYS_EQUAL
    assert evaluate("x", x=pytest.approx(0, abs=float("inf"))) == ALL_NUMBERS
    assert evaluate("x", x=pytest.approx(1e300)) == SOUND
    assert evaluate("f(x)", f=len, x="abc") == SOUND


def test_tripwire_fits_wherever_the_text_does():
    for source in ("assert f(x) == TARGET\n", "check(a, TARGET)\n", "with raises(TARGET):\n    f()\n"):
        where = place(source)
        assert not isinstance(splice(where, tripwire(where, "f(1)")[0]), Refusal)


def test_neighbours_are_the_other_side_or_the_other_arguments():
    def texts(source):
        return [ast.unparse(node) for node in neighbours(place(source))]

    assert texts("assert f(x) == TARGET\n") == ["f(x)"]
    assert texts("self.assertEqual(g(y), TARGET, msg='m')\n") == ["g(y)", "'m'"]
    assert texts("assert TARGET\n") == []
    assert texts("this is no Python TARGET\n") == []


@pytest.mark.parametrize(
    ("text", "cheat"),
    [
        ("f(x)", Cheat.SAME_AS_OTHER_SIDE),
        ("f( x )", Cheat.SAME_AS_OTHER_SIDE),
        ("ANY", Cheat.ALWAYS_EQUAL),
        ("mock.ANY", Cheat.ALWAYS_EQUAL),
        ("[1, unittest.mock.ANY]", Cheat.ALWAYS_EQUAL),
        ("type('E', (), {})()", Cheat.ALWAYS_EQUAL),
        ("approx(1, abs=float('inf'))", Cheat.INFINITE_TOLERANCE),
        ("approx(1, rel=math.inf)", Cheat.INFINITE_TOLERANCE),
        ("approx(1, abs=1e999)", Cheat.INFINITE_TOLERANCE),
        ("(y := f(x))", Cheat.SIDE_EFFECT),
        ("setattr(A, 'x', 1)", Cheat.SIDE_EFFECT),
        ("monkeypatch.setattr(A, 'x', 1)", Cheat.SIDE_EFFECT),
        ("pytest.skip()", Cheat.SIDE_EFFECT),
        ("__import__('os')", Cheat.SIDE_EFFECT),
        ("os._exit(0)", Cheat.SIDE_EFFECT),
        ("sys.modules['x']", Cheat.REFLECTION),
        ("x.__dict__", Cheat.REFLECTION),
        ("().__class__.__bases__", Cheat.REFLECTION),
    ],
)
def test_cheat_is_named(text, cheat):
    assert cheat in find_cheats(place("assert f(x) == TARGET\n"), text)


@pytest.mark.parametrize(
    "text",
    "3|g(x)|x|re.compile('a')|approx(1.5, abs=1e-6)|A.__name__|sys.maxsize|os.path.join(a, b)|lambda: 1|type(x)|"
    "[y for y in x]|f(y)|not a python expression".split("|"),
)
def test_honest_answer_is_no_cheat(text):
    assert find_cheats(place("assert f(x) == TARGET\n"), text) == ()


def test_literal_on_both_sides_is_no_cheat():
    assert find_cheats(place("assertEqual(1, TARGET)\n"), "1") == ()


@pytest.mark.parametrize("source", ['assert "a" in TARGET\n', 'assert TARGET == "a"\n', 'assert x and "a" != TARGET\n'])
def test_literal_on_both_sides_of_a_comparison_is_no_answer(source):
    assert find_cheats(place(source), "'a'") == (Cheat.SAME_AS_OTHER_SIDE,)


def test_bound_of_a_chain_may_be_the_other_bound():
    assert find_cheats(place("assert 0 <= x <= TARGET\n"), "0") == ()
