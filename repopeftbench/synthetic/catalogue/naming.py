"""Kinds of feature that name things: the exceptions, constants and enumerations (notation of cases: `execution`)."""

from ..draw import Draw, Names, Values, plural
from ..model import Kind, part


def _errors(draw: Draw) -> tuple[Names, Values]:
    rng = draw.rng
    names = draw.topic(
        title="{Theme}Errors",
        Base="{Theme}Error",
        Unknown=rng.choice(("NotListed", "NoSuchEntry", "UnknownName", "MissingEntry")) + "Error",
        TooLarge=rng.choice(("LimitExceeded", "OutOfRange", "BeyondScale", "OverLimit")) + "Error",
        Invalid=rng.choice(("Malformed", "BadInput", "Unreadable", "Rejected")) + "Error",
        Full=rng.choice(("NoRoomLeft", "CapacityReached", "Overbooked", "HoldFull")) + "Error",
        Extra="{Holder}ClosedError",
        Late="{Subject}TooLateError",
        describe="describe_{subject}_error",
        exit_code="exit_code_of",
    )
    codes = rng.sample(range(11, 99), 7)
    slots = ("base_code", "unknown_code", "large_code", "invalid_code", "full_code", "extra_code", "late_code")
    return names, {**dict(zip(slots, codes, strict=True)), "hour": rng.randint(6, 21), "days": rng.randint(2, 9)}


ERRORS = Kind(
    key="errors",
    area="errors",
    draw=_errors,
    tunable=("unknown_code", "large_code", "full_code", "hour"),
    parts=(
        part(
            '''
class $Base(Exception):
    """Base of every error that this package raises on purpose."""

    code = $base_code


class $Unknown($Base, LookupError):
    """A name is not listed."""

    code = $unknown_code


class $TooLarge($Base):
    """A quantity is larger than the tables go."""

    code = $large_code


class $Invalid($Base, ValueError):
    """An argument cannot be used."""

    code = $invalid_code


class $Full($Base):
    """Something has no room left."""

    code = $full_code
''',
            """
# error_codes
assert $Unknown.code == ?
assert $TooLarge.code == ?
assert [error.code for error in ($Invalid, $Full)] == ?
# error_hierarchy
assert issubclass($Unknown, LookupError)
assert $Full.__base__ is ?
assert $Invalid.__bases__ == ?
""",
        ),
        part(
            '''
def $describe(error):
    """Return the line that is logged for ``error``."""
    return f"[{type(error).__name__} {error.code}] {error}"
''',
            """
# ${describe}_shows_the_code
assert $describe($Full("no room")) == ?
assert $describe($Unknown("$l0")) == ?
# ${describe}_without_message
assert $describe($Base()) == ?
assert "$l1" in $describe($Invalid("$l1"))
""",
        ),
        part(
            '''
class $Extra($Full):
    """Nothing is taken in outside the opening hours."""

    code = $extra_code

    def __init__(self, place, hour=$hour):
        super().__init__(f"{place} is closed after {hour}:00")
        self.place = place
        self.hour = hour
''',
            """
# closed_${holder}_message
error = $Extra("$p0")
assert str(error) == ?
assert error.hour == ?
assert error.place == "$p0"
# closed_${holder}_is_a_full_one
assert issubclass($Extra, $Full)
assert $Extra.code == ?
assert $Extra("$p1", 7).args == ?
""",
        ),
        part(
            '''
class $Late($Base):
    """A $subject came after its last day."""

    code = $late_code

    def __init__(self, days):
        super().__init__(f"$subject is {days} days late")
        self.days = days


def $exit_code(error):
    """Return the exit status of the program after ``error``: its code, or 1."""
    return getattr(error, "code", 1)
''',
            """
# late_${subject}_counts_days
assert str($Late($days)) == ?
assert $Late($days).days == ?
# ${exit_code}_errors
table error: $Late(1) | $Full() | KeyError("$l3")
assert $exit_code(error) == ?
# ${exit_code}_other_errors
assert $exit_code(ValueError()) == ?
assert $exit_code($Late(3)) == ?, "late items have a code of their own"
""",
        ),
    ),
)


def _constants(draw: Draw) -> tuple[Names, Values]:
    names = draw.topic(
        title="{Subject}{Measure}Limits",
        most="MAX_{SUBJECT}_{MEASURE}",
        least="MIN_{SUBJECT}_{MEASURE}",
        home="DEFAULT_{SUBJECT}_{HOLDER}",
        codes="{SUBJECT}_{MEASURE}_CODES",
        clamp="clamp_{subject}_{measure}",
    )
    values = {
        "most_value": draw.rng.randrange(180, 4800, 20),
        "least_value": draw.rng.randint(2, 40),
        "home_value": names["p0"],
        "code_values": draw.codes(draw.rng.randint(3, 5)),
        "huge": draw.rng.randint(100_000, 900_000),
        "middle": draw.rng.randint(60, 120),
    }
    return names, values


CONSTANTS = Kind(
    key="constants",
    area="base",
    draw=_constants,
    tunable=("most_value", "least_value", "home_value", "code_values"),
    parts=(
        part(
            """
#: Largest $measure of any $subject, in $unit.
$most = $most_value

#: Smallest $measure that is still accepted, in $unit.
$least = $least_value

#: Where each $subject starts out when nothing else is said.
$home = $home_value
""",
            """
# ${subject}_${measure}_limits
assert $module.$most == ?
assert $module.$least == ?
assert $module.$least < $module.$most
# default_${holder}_for_${subject}
assert $module.$home == ?
""",
        ),
        part(
            """
#: Codes that may be printed on each $subject, in sorting order.
$codes = $code_values
""",
            """
# ${subject}_${measure}_codes_are_sorted
assert $module.$codes == ?
assert list($module.$codes) == sorted($module.$codes)
# ${subject}_${measure}_code_count
assert len($module.$codes) == ?
assert $code_values_0 in $module.$codes
""",
        ),
        part(
            """
def $clamp($measure):
    \"\"\"Return ``$measure`` moved into the range that is accepted.\"\"\"
    return max($least, min($most, $measure))
""",
            """
# ${clamp}_stops_at_the_limits
assert $clamp($huge) == ?
assert $clamp(-1) == ?  # below everything
# ${clamp}_keeps_the_middle
assert $clamp($middle) == ?
assert $module.$least <= $clamp($middle) <= $module.$most
""",
        ),
    ),
)


def _enumeration(draw: Draw) -> tuple[Names, Values]:
    name, members = draw.rng.choice(draw.theme.categories)
    names = draw.topic(
        title="{Subject}" + name,
        enum=name,
        parse="parse_" + name.lower(),
        following="next_" + name.lower(),
        at_least=plural(name.lower()) + "_from",
    )
    members = tuple(draw.rng.sample(members, len(members)))
    ranks = sorted(draw.rng.sample(range(1, 60), len(members)))
    ranked = tuple(zip(members, ranks, strict=True))
    count = draw.rng.randint(3, 4)
    return {**names, "enum_word": name.lower()}, {"members": ranked[:count], "members_reserve": ranked[count:]}


ENUMERATION = Kind(
    key="enumeration",
    area="kinds",
    draw=_enumeration,
    tunable=("members",),
    parts=(
        part(
            '''
class $enum(IntEnum):
    """How each $subject is classed; a larger value sorts later."""

$members_members

    @property
    def label(self):
        """Name as shown to people."""
        return self.name.capitalize()
''',
            """
# ${enum_word}_values
assert $enum.$members_k0.value == ?
assert $enum.$members_k1.value == ?
assert int($enum.$members_k2) == ?
# ${enum_word}_from_value
assert $enum($members_v1) is ?
assert $enum($members_v0).label == ?
# ${enum_word}_names_in_order
assert [member.name for member in $enum] == ?
assert len($enum) == ?
""",
        ),
        part(
            '''
def $parse(text):
    """Return the member of :class:`$enum` that ``text`` names, in any case."""
    try:
        return $enum[text.strip().upper()]
    except KeyError:
        raise $Unknown(f"no $enum_word is named {text!r}") from None
''',
            """
# ${parse}_ignores_case
assert $parse(" $members_k1 ".lower()) is ?
assert $parse("$members_k0") is ?
# ${parse}_unknown_name
raises $Unknown ~: $parse("$l0")
raises $Unknown: $parse("")
""",
        ),
        part(
            '''
def $at_least(floor):
    """Return every member whose value is at least ``floor``, smallest first."""
    return [member for member in sorted($enum) if member >= floor]
''',
            """
# ${at_least}_bottom_gives_all
assert $at_least(0) == ?
# ${at_least}_member
assert $at_least($enum.$members_k1)[0] is ?
assert len($at_least($enum.$members_k1)) == ?
assert $enum.$members_k0 not in $at_least($enum.$members_k1)
""",
        ),
        part(
            '''
def $following(current):
    """Return the member after ``current``; the last one is followed by the first."""
    members = sorted($enum)
    return members[(members.index(current) + 1) % len(members)]
''',
            """
# ${following}_wraps_around
table current: $enum.$members_k0 | $enum.$members_k1 | $enum.$members_klast
assert $following(current) is ?
# ${following}_is_a_member
assert isinstance($following($enum.$members_k0), $enum)
assert $following($enum.$members_k0) is ?
""",
        ),
    ),
)
