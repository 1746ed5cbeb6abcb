"""How tests of even seeds ask for a value: test functions that are composed of parts, some thousands of them.

Who is trained on three ways to ask learns these three; who is trained on thousands has to find what is asked for. The
parts are titles, what stands before the question (nothing, a docstring, a comment, a line that has nothing to do with
it) and forms of the question over names of variables. What odd seeds ask with is no part and no composition of these
(`templates_test.py`): no list with an index, no walrus, no keyword arguments, no sub-tests.
"""

from itertools import product

from .wording import Ask

_TITLES = (
    "test_${name}",
    "test_${name}_value",
    "test_value_of_${name}",
    "test_${name}_holds",
    "test_what_${name}_gives",
    "test_${name}_by_default",
    "test_rule_of_${name}",
    "test_${name}_stays",
    "test_${name}_now",
    "test_plain_${name}",
)
_BEFORE = (
    "",
    '"""What was agreed on."""\n',
    '"""As in the manual."""\n',
    "# settled with everybody\n",
    "# see the README\n",
    "started = object()\n",
    "unused = None\n",
)
_VARIABLES = "result value got actual found answer current outcome reply observed ${name}_value its_$name".split()
_QUESTIONS = (
    "assert $E == $V",
    "assert ($E) == $V",
    'assert $E == $V, "$name is another"',
    "assert $E == $V  # for now",
)
_QUESTIONS_OF_A_VARIABLE = (
    "%s = $E\nassert %s == $V",
    "%s = $E\nrepr(%s)\nassert %s == $V",
    "%s = lambda: $E\nassert %s() == $V",
    "def %s():\n    return $E\n\nassert %s() == $V",
    "%s, other = $E, None\nassert %s == $V",
    "for %s in ($E,):\n    assert %s == $V",
    '%s = dict(it=$E)\nassert %s["it"] == $V',
    "%s = $E\nkept = %s\nassert kept == $V",
)
_METHODS = ("test_amount", "test_value", "test_what_is_stated", "test_rule")
_CHECKS = (
    "self.assertEqual($E, $V)",
    "self.assertEqual(($E), $V)",
    'self.assertEqual($E, $V, "$name")',
    "assert $E == $V",
)
_CHECKS_OF_A_VARIABLE = (
    "%s = $E\nself.assertEqual(%s, $V)",
    "%s = lambda: $E\nself.assertEqual(%s(), $V)",
    "%s, other = $E, None\nself.assertEqual(%s, $V)",
    '%s = dict(it=$E)\nself.assertEqual(%s["it"], $V)',
)
_TRIES = ("act_$name", "call", "attempt", "refused", "run_$name", "action")


def asks() -> tuple[Ask, ...]:
    """All ways to ask for a value, functions first."""
    questions = (*_QUESTIONS, *_with_variables(_QUESTIONS_OF_A_VARIABLE))
    functions = [
        Ask(title, f"def {title}():\n{_indented(before + question, 1)}")
        for title, before, question in product(_TITLES, _BEFORE, questions)
    ]
    checks = (*_CHECKS, *_with_variables(_CHECKS_OF_A_VARIABLE))
    methods = [
        Ask(
            f"Test$Name.{method}",
            f"class Test$Name(unittest.TestCase):\n    def {method}(self):\n{_indented(before + check, 2)}",
        )
        for method, before, check in product(_METHODS, _BEFORE, checks)
    ]
    return (*functions, *methods)


def refusals() -> tuple[Ask, ...]:
    """All ways to ask what a function refuses with."""
    return tuple(
        Ask(
            f"{title}_refuses",
            f"def {title}_refuses():\n{_indented(f'{before}{act} = $E', 1)}\n    pytest.raises($V, {act})",
        )
        for title, before, act in product(_TITLES, _BEFORE, _TRIES)
    )


def _with_variables(forms: tuple[str, ...]) -> list[str]:
    return [form.replace("%s", variable) for form, variable in product(forms, _VARIABLES)]


def _indented(text: str, levels: int) -> str:
    """`text` with every line that is not empty moved in."""
    return "\n".join("    " * levels + line if line else "" for line in text.split("\n"))
