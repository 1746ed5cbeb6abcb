"""The templates of even seeds: names are imported, definitions are bare, tests compare at once."""

from types import MappingProxyType

from .values import ERROR, NUMBER
from .wording import Ask, Wording, way

TRAIN = Wording(
    modules=MappingProxyType(
        {
            "limits": "limits",
            "services": "services",
            "kinds": "kinds",
            "options": "options",
            "base": "base",
            "api": "api",
            "figures": "figures",
        }
    ),
    by_name=True,
    direct=(
        way("constant", "limits::$NAME", "limits.$NAME", limits="$NAME = $value"),
        way(
            "enum-member",
            "kinds::$Name.EXTRA.value",
            "kinds.$Name.EXTRA",
            kinds="class $Name(Enum):\n    PLAIN = $spare0\n    EXTRA = $value\n    SPARE = $spare1",
        ),
        way(
            "exception",
            "services::${Name}Error.__base__",
            "services.${Name}Error",
            pools=(ERROR,),
            services="class ${Name}Error($value):\n    pass",
        ),
        way("default", "services::$name()", "services.$name", services="def $name(given=$value):\n    return given"),
        way(
            "config-key",
            'options::$NAME["main"]',
            "options.$NAME",
            options='$NAME = {"main": $value, "spare": $spare0}',
        ),
        way("return", "services::$name()", "services.$name", services="def $name():\n    return $value"),
    ),
    composed=(
        way(
            "constant",
            "limits::$NAME",
            "limits.$PART",
            form="product",
            pools=(NUMBER,),
            limits="$PART = $first\n$NAME = $PART * $factor",
        ),
        way(
            "constant",
            "options::$NAME",
            "limits.$PART limits.$OTHER",
            form="sum",
            pools=(NUMBER,),
            limits="$PART = $first\n$OTHER = $second",
            options="$NAME = limits::$PART + limits::$OTHER",
        ),
        way(
            "constant",
            "services::$Name.level",
            "base.$Part.level",
            form="inherited",
            base="class $Part:\n    level = $value",
            services="class $Name(base::$Part):\n    note = None",
        ),
        way(
            "constant",
            "api::$NAME",
            "limits.$PART",
            form="alias",
            limits="$PART = $value",
            api="from limits import $PART as $NAME",
        ),
        way(
            "default",
            "services::$name()",
            "limits.$PART",
            form="default",
            limits="$PART = $value",
            services="def $name(given=limits::$PART):\n    return given",
        ),
        way(
            "return",
            "services::$name()",
            "options.$PART",
            form="through",
            options='$PART = {"main": $value}',
            services='def $name():\n    return options::$PART["main"]',
        ),
        way(
            "exception",
            "services::$name",
            "options.$PART",
            form="through",
            pools=(ERROR,),
            options="$PART = $value",
            services='def $name():\n    raise options::$PART("refused")',
        ),
    ),
    copied=(
        way(
            "argument",
            "services::$Name(given=$value).given",
            services="class $Name:\n    def __init__(self, given):\n        self.given = given",
        ),
        way(
            "argument",
            "services::$name(kept=$value, spare=None)",
            services="def $name(kept, spare):\n    return kept",
        ),
    ),
    unseen=(way("return", "figures::$name()", figures='def $name():\n    return FIGURES["$name"]'),),
    asks=(
        Ask("test_$name", "def test_$name():\n    assert $E == $V"),
        Ask("test_${name}_value", "def test_${name}_value():\n    ${name}_value = $E\n    assert ${name}_value == $V"),
        Ask(
            "Test$Name.test_amount",
            "class Test$Name(unittest.TestCase):\n    def test_amount(self):\n        self.assertEqual($E, $V)",
        ),
    ),
    refusals=(
        Ask(
            "test_${name}_refuses",
            "def test_${name}_refuses():\n    act_$name = $E\n    pytest.raises($V, act_$name)",
        ),
    ),
)
