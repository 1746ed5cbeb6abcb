"""The templates of even seeds: names are imported, definitions are bare, tests ask in thousands of ways."""

from types import MappingProxyType

from .asking import asks, refusals
from .values import ERROR, NUMBER
from .wording import Way, Wording, way

_MEMBERS = (
    ("EXTRA", "PLAIN = $spare0", "EXTRA = $value", "SPARE = $spare1"),
    ("BROAD", "BROAD = $value", "NARROW = $spare0", "USUAL = $spare1"),
    ("OUTER", "INNER = $spare0", "MIDDLE = $spare1", "OUTER = $value"),
    ("SECOND", "FIRST = $spare0", "SECOND = $value", "THIRD = $spare1"),
)
_KEYS = (
    ("main", '"main": $value, "spare": $spare0'),
    ("usual", '"rare": $spare0, "usual": $value'),
    ("first", '"first": $value, "second": $spare0, "third": $spare1'),
    ("here", '"there": $spare0, "here": $value'),
)


def _member(asked: str, *members: str) -> Way:
    body = "\n    ".join(members)
    return way(
        "enum-member", f"kinds::$Name.{asked}.value", f"kinds.$Name.{asked}", kinds=f"class $Name(Enum):\n    {body}"
    )


def _key(asked: str, items: str) -> Way:
    return way("config-key", f'options::$NAME["{asked}"]', "options.$NAME", options=f"$NAME = {{{items}}}")


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
        *(_member(*members) for members in _MEMBERS),
        way(
            "exception",
            "services::${Name}Error.__base__",
            "services.${Name}Error",
            pools=(ERROR,),
            services="class ${Name}Error($value):\n    pass",
        ),
        way("default", "services::$name()", "services.$name", services="def $name(given=$value):\n    return given"),
        *(_key(*key) for key in _KEYS),
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
    asks=asks(),
    refusals=refusals(),
)
