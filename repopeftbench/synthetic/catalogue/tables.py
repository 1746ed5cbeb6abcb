"""Kinds of feature that look things up: price bands, rules and settings (notation of cases: `execution`)."""

from ..draw import Draw, Names, Values
from ..model import Kind, part


def _bands(draw: Draw) -> tuple[Names, Values]:
    names = draw.topic(
        title="{Subject}{Measure}Bands",
        table="{SUBJECT}_{MEASURE}_BANDS",
        lookup="{subject}_{cost}_by_{measure}",
        limits="{subject}_{measure}_limits",
        heaviest="largest_{subject}_{measure}",
    )
    rng = draw.rng
    limits = sorted(rng.sample(range(3, 200), rng.randint(4, 6)))
    prices = sorted(rng.sample(range(120, 4800, 5), len(limits)))
    rows = tuple(zip(limits, prices, strict=True))
    probes = [rng.choice(limits[:-1]) + rng.randint(0, 1) for _ in range(2)]
    return names, {
        "rows": rows,
        "low": rng.randint(1, 2),
        "probe": probes[0],
        "other": probes[1],
        "over": rng.randint(300, 900),
    }


BANDS = Kind(
    key="bands",
    area="money",
    draw=_bands,
    tunable=("rows",),
    parts=(
        part(
            '''
#: Upper limit in $unit, and the $cost in cents up to there.
$table = (
$rows_rows
)


def $lookup($measure):
    """Return the $cost in cents of one $subject, read from the table of bands."""
    for limit, amount in $table:
        if $measure <= limit:
            return amount
    raise $TooLarge(f"{$measure} $unit is above {$table[-1][0]} $unit")
''',
            """
# ${lookup}_reads_the_first_band
assert $lookup($low) == ?
assert $lookup($rows_k0) == ?
# ${lookup}_bands
table $measure: $low | $probe | $rows_klast
assert $lookup($measure) == ?
# ${lookup}_above_the_last_band
raises $TooLarge !: $lookup($over)
# ${lookup}_is_dearer_further_up
assert $lookup($low) <= $lookup($other), "bands must not get cheaper"
assert $lookup($rows_klast) == ?
""",
        ),
        part(
            '''
def $limits():
    """Return the upper limits of all bands, in $unit."""
    return [limit for limit, _ in $table]
''',
            """
# ${limits}_are_complete
assert $limits() == ?
assert $low not in $limits()
""",
        ),
        part(
            '''
def $heaviest(budget):
    """Return the largest $measure whose $cost stays within ``budget`` cents, or None."""
    fitting = [limit for limit, amount in $table if amount <= budget]
    return max(fitting, default=None)
''',
            """
# ${heaviest}_within_budget
assert $heaviest(2000) == ?
assert $heaviest(900) == ?
# ${heaviest}_without_money
assert $heaviest(0) is None
""",
        ),
    ),
)


def _rules(draw: Draw) -> tuple[Names, Values]:
    names = draw.topic(
        title="{Subject}{Holder}Rules",
        listed="{SUBJECT}_{HOLDER}_BANNED",
        banned="is_{subject}_banned_from_{holder}",
        check="check_{subject}_for_{holder}",
        reason="why_not_in_{holder}",
    )
    labels = [names[f"l{index}"] for index in range(3)]
    return names, {"weeks": draw.pairs(labels, range(2, 30))}


RULES = Kind(
    key="rules",
    area="kinds",
    draw=_rules,
    tunable=("weeks",),
    parts=(
        part(
            '''
#: Contents that no $holder takes, and for how many weeks the ban holds.
$listed = {
$weeks_items
}


def $banned(content, week=0):
    """Return whether ``content`` is banned in the given week of the season."""
    return week < $listed.get(content, 0)
''',
            """
# ${banned}_at_first
assert $banned("$l0") is ?
assert $banned("$l4") is ?
assert $banned("$l1") is True
# ${banned}_in_week
table content, week: "$l0", 5 | "$l1", 12 | "$l2", 20
assert $banned(content, week=week) is ?
# ${banned}_list
assert sorted($listed) == ?
assert $listed["$l2"] == ?
assert "$l3" not in $listed
""",
        ),
        part(
            '''
def $check(content, week=0):
    """Raise :class:`$Invalid` unless ``content`` may go into this $holder."""
    if $banned(content, week):
        raise $Invalid(f"{content} is banned until week {$listed[content]}")
''',
            """
# ${check}_lets_others_pass
assert $check("$l4") is None
# ${check}_names_the_week
raises $Invalid !: $check("$l0")
raises $Invalid ~: $check("$l1", 1)
""",
        ),
        part(
            '''
def $reason(content):
    """Return one sentence about ``content`` for the notice board."""
    weeks = $listed.get(content)
    if weeks is None:
        return f"{content.title()}: welcome"
    return f"{content.title()}: banned for {weeks} weeks"
''',
            """
# ${reason}_of_banned_contents
assert $reason("$l0") == ?
assert $reason("$l2") == ?
# ${reason}_of_anything_else
assert $reason("$l3") == ?
assert $reason("$l4").startswith("$l4".title())
""",
        ),
    ),
)


def _settings(draw: Draw) -> tuple[Names, Values]:
    names = draw.topic(
        title="{Holder}{Subject}Settings",
        defaults="{HOLDER}_{SUBJECT}_DEFAULTS",
        load="load_{holder}_{subject}_settings",
        shown="show_{holder}_{subject}_settings",
    )
    rng = draw.rng
    options = (f"{names['measure']}_step", "retries", f"max_{names['subjects']}", "timeout", "pause")
    pairs = draw.pairs(options[: rng.randint(3, 5)], range(2, 240))
    return names, {"options": pairs, "changed": rng.randint(300, 500)}


SETTINGS = Kind(
    key="settings",
    area="base",
    draw=_settings,
    tunable=("options",),
    parts=(
        part(
            '''
#: What each $holder uses until it is told otherwise.
$defaults = {
$options_items
}


def $load(**changes):
    """Return the defaults with ``changes`` applied; unknown options are refused."""
    unknown = sorted(set(changes) - set($defaults))
    if unknown:
        raise $Unknown(f"unknown option: {', '.join(unknown)}")
    return {**$defaults, **changes}
''',
            """
# ${load}_without_changes
assert $load() == ?
assert $load() is not $defaults
# ${load}_applies_changes
settings = $load(retries=$changed)
assert settings["retries"] == ?
assert settings["$options_k0"] == ?
# ${load}_refuses_unknown_options
raises $Unknown !: $load($l0=1)
raises $Unknown: $load($l1=1, $l2=2)
""",
        ),
        part(
            '''
def $shown(settings=None):
    """Return the settings as lines of ``option=value``, sorted."""
    settings = $defaults if settings is None else settings
    return "\\n".join(f"{option}={value}" for option, value in sorted(settings.items()))
''',
            """
# ${shown}_defaults
assert $shown().splitlines() == ?
# ${shown}_given_settings
assert $shown({"$l0": $changed}) == ?
assert $shown({}) == ?
""",
        ),
    ),
)
