"""The static track's extractor: the text of a test file -> prefix-target pairs that passed the published filter.

Source: `extract_from_file`, `is_valid_pair` and `classify_difficulty` of `create_qnas_v2.py`. It differs from the
evolution track's: only comparisons of `assert`, real source text up to the cut, a structured prefix, a function around.
"""

from dataclasses import dataclass

from repopeftbench.paper import families
from repopeftbench.paper.families import Kind
from repopeftbench.paper.parsed import Innermost, parse
from repopeftbench.paper.structured import FileOutline, structured_prefix

MOST_TARGET_CHARACTERS = 500
_READERS: dict[Kind, families.Reader] = {
    Kind.COMPARE: families.compare,
    Kind.SELF: families.self_method,
    Kind.SELF_RAISES_REGEX: families.self_raises_regex_lenient,
    Kind.PYTEST: families.pytest_call,
    Kind.UNDERSCORE: families.underscore_lenient,
}
_BRACKETS_ONLY = frozenset({")", "))", ")))", "]", "]]", "}"})
_IMPORTS_WITHIN = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticPair:
    """One pair of the static track; `lineno` counts from 1, columns count UTF-8 bytes.

    `was_multiline`: the target had several lines before they were joined. `test_class` is empty outside classes.
    """

    file: str
    prefix: str
    target: str
    assertion_type: str
    difficulty: str
    lineno: int
    col_offset: int
    target_col_offset: int
    test_function: str
    test_class: str
    was_multiline: bool

    @property
    def has_imports(self) -> bool:
        """Whether the prefix begins with imports, by the published measure."""
        return "import " in self.prefix[:_IMPORTS_WITHIN]

    @property
    def context_lines(self) -> int:
        """Lines of the prefix, the cut line included."""
        return self.prefix.count("\n") + 1


def static_pairs(text: str, path: str) -> tuple[StaticPair, ...] | None:
    """The valid pairs of a file, breadth first; None where it does not parse."""
    file = parse(text)
    if file is None:
        return None
    lines = text.splitlines()
    outline = FileOutline(file.tree)
    functions, classes = Innermost(file.functions()), Innermost(file.classes())
    found: list[StaticPair] = []
    for node in file.nodes:
        reading = families.read(file, node, _READERS)
        lineno = int(getattr(node, "lineno", 0))
        function = functions.around(lineno, lineno) if reading is not None else None
        if reading is None or function is None:
            continue
        around = classes.around(lineno, lineno)
        column = reading.cut.col_offset
        prefix = structured_prefix(lines, outline.chosen(lineno, function, around), lineno, column)
        if not is_valid(prefix, reading.target):
            continue
        found.append(
            StaticPair(
                file=path,
                prefix=prefix,
                target=reading.target,
                assertion_type=reading.assertion_type,
                difficulty=difficulty(reading.target),
                lineno=lineno,
                col_offset=int(getattr(node, "col_offset", 0)),
                target_col_offset=column,
                test_function=function.name,
                test_class=around.name if around is not None else "",
                was_multiline=reading.was_multiline,
            )
        )
    return tuple(found)


def is_valid(prefix: str, target: str) -> bool:
    """The published filter; single characters pass it, whatever the paper says."""
    stripped = target.strip()
    return (
        bool(stripped)
        and not stripped.startswith(",")
        and stripped not in _BRACKETS_ONLY
        and len(stripped) <= MOST_TARGET_CHARACTERS
        and "(," not in prefix.rstrip().split("\n")[-1]
    )


def difficulty(target: str) -> str:
    """The published tier of a target, by its text without closing parentheses."""
    text = target.strip().rstrip(")")
    if text in ("True", "False"):
        return "bool_literal"
    if text == "None":
        return "none_literal"
    if text.startswith(("'", '"', "b'", 'b"', "f'", 'f"')):
        return "string_literal"
    if _is_number(text):
        return "numeric_literal"
    if text.startswith(("[", "(", "{")):
        return "collection"
    if "(" in target:
        return "func_call"
    return "variable" if text.isidentifier() else "complex_expr"


def _is_number(text: str) -> bool:
    try:
        float(text.replace("-", "", 1))
    except ValueError:
        return False
    return True
