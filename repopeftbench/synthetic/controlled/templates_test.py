"""The templates of odd seeds: modules are imported, definitions are annotated, tests keep what they found first."""

from types import MappingProxyType

from .values import ERROR, NUMBER
from .wording import Ask, Wording, way

TEST = Wording(
    modules=MappingProxyType(
        {
            "limits": "bounds",
            "services": "works",
            "kinds": "grades",
            "options": "settings",
            "base": "roots",
            "api": "gate",
            "figures": "tables",
        }
    ),
    by_name=False,
    direct=(
        way("constant", "limits::$NAME", "limits.$NAME", limits="$NAME: Final = $value"),
        way(
            "enum-member",
            'kinds::$Name["PRIME"].value',
            "kinds.$Name.PRIME",
            kinds='@unique\nclass $Name(Enum):\n    """Grades."""\n\n    MINOR = $spare0\n    MAJOR = $spare1\n'
            "    PRIME = $value",
        ),
        way(
            "exception",
            "services::${Name}Error.__mro__[1]",
            "services.${Name}Error",
            pools=(ERROR,),
            services='class ${Name}Error($value):\n    """Refused."""',
        ),
        way(
            "default",
            "services::$name(**{})",
            "services.$name",
            services="def $name(*, chosen=$value):\n    return chosen",
        ),
        way(
            "config-key",
            "options::$Name().chief",
            "options.$Name.chief",
            options="@dataclass\nclass $Name:\n    other: object = $spare0\n    chief: object = $value",
        ),
        way(
            "return",
            "services::$name(None)",
            "services.$name",
            services='def $name(*_: object):\n    """As agreed."""\n    return $value',
        ),
    ),
    composed=(
        way(
            "constant",
            "options::$NAME",
            "limits.$PART",
            form="product",
            pools=(NUMBER,),
            limits="$PART: Final = $first",
            options="$NAME: Final = $factor * limits::$PART",
        ),
        way(
            "constant",
            "limits::$NAME",
            "limits.$PART limits.$OTHER",
            form="sum",
            pools=(NUMBER,),
            limits="$PART: Final = $first\n$OTHER: Final = $second\n$NAME: Final = sum([$PART, $OTHER])",
        ),
        way(
            "constant",
            "services::$Name().share",
            "base.$Part.share",
            form="inherited",
            base='class $Part:\n    """A root."""\n\n    share = $value',
            services='class $Name(base::$Part):\n    """Another one."""',
        ),
        way(
            "constant",
            "api::$NAME",
            "limits.$PART",
            form="alias",
            limits="$PART: Final = $value",
            api="$NAME = limits::$PART",
        ),
        way(
            "default",
            "services::$name(**{})",
            "limits.$PART",
            form="default",
            limits="$PART: Final = $value",
            services="def $name(*, chosen=limits::$PART):\n    return chosen",
        ),
        way(
            "return",
            "services::$name(None)",
            "options.$PART",
            form="through",
            options='$PART: Final = {"chief": $value}',
            services='def $name(*_: object):\n    """As set."""\n    return options::$PART.get("chief")',
        ),
        way(
            "exception",
            "services::$name",
            "options.$PART",
            form="through",
            pools=(ERROR,),
            options="$PART: Final = $value",
            services='def $name(*_: object) -> None:\n    """Refuses."""\n    raise options::$PART',
        ),
    ),
    copied=(
        way(
            "argument",
            "services::$Name(held=$value).held",
            services='@dataclass\nclass $Name:\n    """What is held."""\n\n    held: object',
        ),
        way("argument", "services::$name(None, $value)", services="def $name(*pieces):\n    return pieces[-1]"),
    ),
    unseen=(
        way(
            "return",
            "figures::$name(None)",
            figures='def $name(*_: object):\n    """As listed."""\n    return FIGURES.get("$name")',
        ),
    ),
    asks=(
        Ask(
            "test_that_${name}_is_as_agreed",
            'def test_that_${name}_is_as_agreed():\n    """The books say so."""\n    seen_$name = [$E]\n'
            "    assert seen_$name[0] == $V",
        ),
        Ask("test_the_$name", "def test_the_$name():\n    assert (told := $E) == $V, told"),
        Ask(
            "${Name}Case.test_it",
            "class ${Name}Case(unittest.TestCase):\n    def test_it(self):\n"
            '        with self.subTest("$name"):\n            self.assertEqual(first=$E, second=$V)',
        ),
    ),
    refusals=(
        Ask(
            "${Name}Refusal.test_it",
            "class ${Name}Refusal(unittest.TestCase):\n    def test_it(self):\n        refusing_$name = $E\n"
            "        self.assertRaises($V, refusing_$name, None)",
        ),
    ),
)
