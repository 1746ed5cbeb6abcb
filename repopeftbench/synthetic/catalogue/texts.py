"""Kinds of feature about codes, check characters, times and lines of text (notation of cases: `execution`)."""

from ..draw import Draw, Names, Values
from ..model import Kind, part


def _codes(draw: Draw) -> tuple[Names, Values]:
    names = draw.topic(
        title="{Subject}Codes",
        prefix="{SUBJECT}_PREFIX",
        make="make_{subject}_code",
        read="read_{subject}_code",
        valid="is_{subject}_code",
    )
    rng = draw.rng
    values = {"prefix_value": draw.letters(2), "width": rng.randint(4, 7)}
    return {**names, "mark": rng.choice("-/.:")}, {
        **values,
        "number": rng.randint(2, 99),
        "large": rng.randint(100, 999),
    }


CODES = Kind(
    key="codes",
    area="things",
    draw=_codes,
    tunable=("prefix_value", "width"),
    parts=(
        part(
            '''
#: Letters in front of every $subject code.
$prefix = $prefix_value


def $make(number, width=$width):
    """Return the code of $subject ``number``, padded to ``width`` digits."""
    if number < 0:
        raise $Invalid(f"no $subject has the number {number}")
    return f"{$prefix}$mark{number:0{width}d}"
''',
            """
# ${make}_pads_the_number
assert $make($number) == ?
assert $make($large) == ?
assert $make(0, width=2) == ?
# ${make}_refuses_negative_numbers
raises $Invalid !: $make(-$number)
""",
        ),
        part(
            '''
def $read(text):
    """Return the number in a $subject code; the inverse of :func:`$make`."""
    prefix, _, digits = text.partition("$mark")
    if prefix != $prefix or not digits.isdigit():
        raise $Invalid(f"not a $subject code: {text!r}")
    return int(digits)
''',
            """
# ${read}_inverts_${make}
assert $read($make($number)) == ?
assert $read($make($large, width=9)) == ?
# ${read}_refuses_other_texts
raises $Invalid ~: $read("$l0")
raises $Invalid: $read($prefix)
""",
        ),
        part(
            '''
def $valid(text, width=$width):
    """Return whether ``text`` is a code with exactly ``width`` digits."""
    prefix, _, digits = text.partition("$mark")
    return prefix == $prefix and digits.isdigit() and len(digits) == width
''',
            """
# ${valid}_wants_all_digits
assert $valid($make($number)) is ?
assert $valid($make($number, width=3)) is ?
assert not $valid("$l1")
# ${valid}_with_width
assert $valid($make($large, width=3), width=3) is ?
assert $valid("") is ?
""",
        ),
    ),
)


def _check(draw: Draw) -> tuple[Names, Values]:
    names = draw.topic(
        title="{Subject}CheckCharacter",
        letters="{SUBJECT}_CHECK_LETTERS",
        factors="{SUBJECT}_CHECK_FACTORS",
        check="{subject}_check_letter",
        sealed="seal_{subject}_number",
        proper="is_sealed_{subject}",
    )
    rng = draw.rng
    alphabet = "".join(rng.sample("ABCDEFGHJKLMNPRSTUVWXYZ", 11))
    digits = ["".join(rng.choice("0123456789") for _ in range(rng.randint(4, 7))) for _ in range(3)]
    values = {"factor_values": tuple(rng.sample(range(2, 11), rng.randint(3, 5))), "d0": digits[0], "d1": digits[1]}
    return names, {**values, "letter_values": alphabet, "d2": digits[2]}


CHECK = Kind(
    key="check",
    area="things",
    draw=_check,
    tunable=("factor_values",),
    parts=(
        part(
            '''
#: Check letters by remainder, and the factors of the digits from the left.
$letters = $letter_values
$factors = $factor_values


def $check(digits):
    """Return the check letter of a string of digits."""
    total = sum(factor * int(digit) for factor, digit in zip(cycle($factors), digits))
    return $letters[total % len($letters)]
''',
            """
# ${check}_examples
assert $check($d0) == ?
assert $check($d1) == ?
# ${check}_of_nothing
assert $check("") == ?
assert $check("0000") == ?
# ${check}_numbers
table digits: $d0 | $d2 | "31" | "7777"
assert $check(digits) == ?
""",
        ),
        part(
            '''
def $sealed(digits):
    """Return the digits with their check letter behind them."""
    return digits + $check(digits)
''',
            """
# ${sealed}_appends_the_letter
assert $sealed($d2) == ?
assert $sealed("12")[:-1] == ?
assert $sealed($d0)[-1] in $letters
""",
        ),
        part(
            '''
def $proper(text):
    """Return whether the last character of ``text`` is its check letter."""
    return bool(text) and text[:-1].isdigit() and $sealed(text[:-1]) == text
''',
            """
# ${proper}_accepts_sealed_numbers
assert $proper($sealed($d1))
assert $proper($sealed($d2)) is True
# ${proper}_notices_damage
assert $proper("") is ?
assert $proper($d0 + "?") is ?
""",
        ),
    ),
)


def _timetable(draw: Draw) -> tuple[Names, Values]:
    names = draw.topic(
        title="{Subject}Timetable",
        times="{subject}_times",
        clock="{subject}_clock",
        following="next_{subject}_after",
        span="{subject}_day_length",
    )
    rng = draw.rng
    values = {"first": rng.randrange(240, 600, 5), "interval": rng.randint(7, 75), "count": rng.randint(3, 5)}
    return names, {**values, "now": rng.randint(610, 660), "shift": rng.randint(11, 59)}


TIMETABLE = Kind(
    key="timetable",
    area="time",
    draw=_timetable,
    tunable=("first", "interval", "count"),
    parts=(
        part(
            '''
def $clock(minutes):
    """Return minutes since midnight as ``HH:MM``."""
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"


def $times(first=$first, interval=$interval, count=$count):
    """Return the times of all $subjects of one day, as ``HH:MM``."""
    return [$clock(first + index * interval) for index in range(count)]
''',
            """
# ${times}_of_a_day
assert $times() == ?
# ${times}_first_and_last
assert $times()[0] == ?
assert $times(count=9)[-1] == ?
assert len($times()) == ?
# ${clock}_minutes
table minutes: 0 | $shift | $now | 1439
assert $clock(minutes) == ?
# ${times}_with_other_interval
assert $times(interval=60, count=2) == ?
assert $times(count=0) == []
""",
        ),
        part(
            '''
def $following(now, first=$first, interval=$interval):
    """Return the minute of the first $subject at or after ``now``."""
    if now <= first:
        return first
    return first + math.ceil((now - first) / interval) * interval
''',
            """
# ${following}_now
assert $following($now) == ?
assert $following(0) == ?
assert $following($now) >= $now
# ${following}_on_the_minute
assert $following(600, first=540, interval=30) == ?
""",
        ),
        part(
            '''
def $span(count=$count, interval=$interval):
    """Return the minutes between the first and the last $subject of a day."""
    return max(0, count - 1) * interval
''',
            """
# ${span}_by_default
assert $span() == ?
assert $span(1) == 0
assert $span(4, interval=$shift) == ?
""",
        ),
    ),
)


def _lines(draw: Draw) -> tuple[Names, Values]:
    names = draw.topic(
        title="{Subject}{Cost}Lines",
        line="{subject}_{cost}_line",
        money="{cost}_as_text",
        footer="{subject}_{cost}_footer",
    )
    rng = draw.rng
    names["symbol"] = rng.choice(("€", "kr", "CHF", "zł"))
    return names, {
        "width": rng.randint(14, 24),
        "tax": rng.randint(5, 25),
        "a": rng.randint(101, 999),
        "b": rng.randint(1000, 9000),
    }


LINES = Kind(
    key="lines",
    area="money",
    draw=_lines,
    tunable=("width", "tax"),
    parts=(
        part(
            '''
def $money(cents):
    """Return an amount of cents with its currency."""
    return f"{cents / 100:,.2f} $symbol"


def $line(name, cents, width=$width):
    """Return one line of a bill: the name, dots, and the amount."""
    return f"{name:.<{width}}{$money(cents):.>14}"
''',
            """
# ${money}_amounts
assert $money($a) == ?
assert $money($b * 100) == ?
assert $money(0) == ?
# ${line}_is_filled_with_dots
assert $line("$l0", $a) == ?
assert len($line("$l1", $b)) == ?
# ${line}_width
assert $line("$l2", $b, width=10) == ?
assert $line("$p0", $a, width=9).startswith("$p0"), "the name comes first"
""",
        ),
        part(
            '''
def $footer(amounts, tax=$tax):
    """Return the lines below a bill: sum, tax in percent, and what is to be paid."""
    total = sum(amounts)
    share = total * tax // 100
    return [
        $line("sum", total),
        $line(f"tax {tax} %", share),
        $line("to pay", total + share),
    ]
''',
            """
# ${footer}_lines
assert $footer([$a, $b])[1] == ?
assert len($footer([$a])) == 3
# ${footer}_whole
assert $footer([$a], tax=10) == ?
# ${footer}_of_an_empty_bill
assert $footer([])[-1] == ?
""",
        ),
    ),
)
