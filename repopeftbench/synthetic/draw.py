"""Draws the private names and numbers of a feature from a theme. The one place that turns randomness into facts."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .themes import Theme

Names = Mapping[str, str]
Values = Mapping[str, object]


#: Slots of words that many features share; every other slot holds an identifier of its own.
WORD_SLOTS = frozenset(
    "subject subjects measure cost holder Subject Measure Cost Holder SUBJECT MEASURE COST HOLDER unit Theme".split()
    + [f"l{index}" for index in range(5)]
    + [f"p{index}" for index in range(3)]
)


class NamesExhaustedError(Exception):
    """The theme has no unused name left for this feature; the caller tries another kind."""


def camel(word: str) -> str:
    """`word` in the spelling of a class name: `transfer_fee` -> `TransferFee`."""
    return "".join(piece.title() for piece in word.split("_"))


def plural(word: str) -> str:
    """`word` for several of its kind: `batch` -> `batches`, `colony` -> `colonies`."""
    if word.endswith("y") and word[-2] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "x", "ch", "sh")) else f"{word}s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A source of facts for one repository: `rng` decides, `used` holds the identifiers that are taken."""

    rng: random.Random
    theme: Theme
    used: set[str] = field(default_factory=set)

    def topic(self, **patterns: str) -> dict[str, str]:
        """Words of one subject, and every pattern filled with them, all identifiers unused so far.

        Args:
            patterns: slot -> `str.format` template over `subject`, `subjects`, `measure`, `cost`, `holder`, and over
                their other spellings `Subject` and `SUBJECT`.

        Raises:
            NamesExhaustedError: no combination of words gives unused identifiers only.
        """
        for _ in range(40):
            words = self._words()
            made = {slot: pattern.format(**words) for slot, pattern in patterns.items()}
            if self.used.isdisjoint(made.values()) and len(set(made.values())) == len(made):
                self.used.update(made.values())
                return words | made
        raise NamesExhaustedError(str(patterns))

    def pairs(self, keys: Iterable[str], numbers: Sequence[int]) -> tuple[tuple[str, int], ...]:
        """Every key with a different number."""
        keys = tuple(keys)
        return tuple(zip(keys, self.rng.sample(numbers, len(keys)), strict=True))

    def letters(self, count: int) -> str:
        """A code of `count` capital letters."""
        return "".join(self.rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(count))

    def codes(self, count: int, length: int = 2) -> tuple[str, ...]:
        """`count` different codes of capital letters, sorted."""
        found: set[str] = set()
        while len(found) < count:
            found.add(self.letters(length))
        return tuple(sorted(found))

    def cents(self, low: int = 40, high: int = 900) -> int:
        """An amount in cents, a multiple of five."""
        return self.rng.randrange(low, high, 5)

    def real(self, low: float, high: float) -> float:
        """A number with two decimals."""
        return round(self.rng.uniform(low, high), 2)

    def _words(self) -> dict[str, str]:
        measure, unit = self.rng.choice(self.theme.measures)
        words = {
            "subject": self.rng.choice(self.theme.subjects),
            "measure": measure,
            "cost": self.rng.choice(self.theme.costs),
            "holder": self.rng.choice(self.theme.holders),
        }
        words |= {camel(slot): camel(word) for slot, word in words.items()} | {
            slot.upper(): word.upper() for slot, word in words.items()
        }
        labels = self.rng.sample(self.theme.labels, 5)
        places = self.rng.sample(self.theme.places, 3)
        words |= {f"l{index}": label for index, label in enumerate(labels)}
        words |= {f"p{index}": place for index, place in enumerate(places)}
        return words | {"unit": unit, "subjects": plural(words["subject"]), "Theme": camel(self.theme.key)}
