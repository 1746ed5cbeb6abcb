"""In which ways an environment is asked for, packages of which day are wanted, and which trees share one. Pure."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date

from sandboxes.requirements.asked import Asked
from sandboxes.requirements.specifiers import without_bounds

VERSION = 1  # of the rules: a new one makes new environments


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One way to ask.

    Attributes:
        name: says how it differs from what was asked for.
        requirements: all of them must be had.
        optional: each is left out where it cannot be had.
    """

    name: str
    requirements: tuple[str, ...]
    optional: tuple[str, ...] = ()


def attempts(asked: Asked) -> tuple[Attempt, ...]:
    """The ways to ask for it, from the strictest; the next one is for when no environment comes of the last."""
    exact = tuple(sorted({*asked.runtime, *asked.tests}))
    loose_tests = tuple(sorted({*asked.runtime, *map(without_bounds, asked.tests)}))
    loose = tuple(sorted(set(map(without_bounds, exact))))
    needed = tuple(sorted({*map(without_bounds, asked.runtime), "pytest"}))
    optional = tuple(line for line in loose if line not in needed)
    tries = (
        Attempt(name="as asked", requirements=exact),
        Attempt(name="tests' bounds dropped", requirements=loose_tests),
        Attempt(name="all bounds dropped", requirements=loose),
        Attempt(name="what tests need where it can be had", requirements=needed, optional=optional),
    )
    asks = [(attempt.requirements, attempt.optional) for attempt in tries]
    return tuple(attempt for place, attempt in enumerate(tries) if asks.index(asks[place]) == place)


def as_of(committed: date | None, floor: date) -> str:
    """The day that packages are taken from: the end of the commit's quarter, `floor` at least; empty for the newest.

    A quarter, so that commits share environments; `floor`, because what is older than a Python does not run on it.
    """
    if committed is None:
        return ""
    month = (committed.month - 1) // 3 * 3 + 4  # the first after the quarter, 13 for January
    return max(date(committed.year + month // 13, (month - 1) % 12 + 1, 1), floor).isoformat()


def key_of(asked: Asked, day: str, tools: Iterable[str]) -> str:
    """Names what would be made; equal for trees that ask for the same on the same day, with the same `tools`."""
    guesses = [asdict(guess) for guess in asked.guesses]
    text = json.dumps([VERSION, asked.runtime, asked.tests, guesses, day, list(tools)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
