"""What a fact can be: pools of values of known size, what is typical of a domain, and the best chance to name a value.

Values are source text. Within its pool a private value is drawn uniformly, whatever states it and whoever asks: a
composed one is drawn first, and its components are made to fit. So the chance of the likeliest value is exact.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from random import Random
from types import MappingProxyType

from repopeftbench.dataset.truth import Stratum

from ..themes import THEMES

NUMBER, WORD, ERROR = "number", "word", "error"
ERROR_NAMES = tuple(f"{word}Error" for word in "Missing Invalid Empty Unknown Locked Expired Blocked Denied".split())
POOLS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        # Multiples of six: halves, thirds and sums of smaller numbers give every one of them.
        NUMBER: tuple(str(number) for number in range(12, 97, 6)),
        WORD: tuple(
            f'"{word}"'
            for word in "red green left right closed high low fast slow last loud near full light cool deep".split()
        ),
        ERROR: tuple(f"errors.{name}" for name in ERROR_NAMES),
    }
)
"""All values of a kind."""

IDIOMS: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("rounding", "timeout", "retries", "chunk"), NUMBER)
    | dict.fromkeys(("pace", "facing", "tone", "finish"), WORD)
)
"""What every domain has a typical value for, and the pool that it comes from."""
FOLLOWS = Fraction(4, 5)
"""How many repositories have the value that is typical of their domain; the others have any other one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The best possible score of a task, as the chance of the likeliest value, for what a method may know.

    `prefix`: the prefix, and how often each value is right for such a question in all domains together; `domain`: also
    what is typical of the domain, which the prefix names; `repository`: also the production code at the task's commit.
    """

    prefix: Fraction
    domain: Fraction
    repository: Fraction


def _typical() -> dict[tuple[str, str], str]:
    # Of the generator, not of a seed: what is learnt from the repositories of one seed holds in those of another.
    found: dict[tuple[str, str], str] = {}
    for idiom, pool in IDIOMS.items():
        values = Random(f"typical {idiom}").sample(POOLS[pool], len(THEMES))
        found |= {(theme.key, idiom): value for theme, value in zip(THEMES, values, strict=True)}
    return found


TYPICAL: Mapping[tuple[str, str], str] = MappingProxyType(_typical())
"""The typical value by domain and idiom; it differs between domains."""


def idiom_chances(domain: str, idiom: str) -> dict[str, Fraction]:
    """The chance of every value of an idiom in a repository of the domain."""
    pool = POOLS[IDIOMS[idiom]]
    rest = (1 - FOLLOWS) / (len(pool) - 1)
    return {value: FOLLOWS if value == TYPICAL[domain, idiom] else rest for value in pool}


@cache
def best_of(stratum: Stratum, pool: str, idiom: str | None = None) -> Best:
    """The best possible scores of a task of this stratum.

    Args:
        stratum: what the answer is to be had from.
        pool: the pool of its values.
        idiom: what the domain has a typical value for; of the domain stratum alone.
    """
    one, uniform = Fraction(1), Fraction(1, len(POOLS[pool]))
    match stratum:
        case Stratum.COPY:
            return Best(prefix=one, domain=one, repository=one)
        case Stratum.DOMAIN:
            assert idiom is not None, "the domain stratum asks for idioms"
            chances = [idiom_chances(theme.key, idiom) for theme in THEMES]
            anywhere = max(sum((found[value] for found in chances), Fraction(0)) / len(THEMES) for value in POOLS[pool])
            known = min(max(found.values()) for found in chances)
            return Best(prefix=anywhere, domain=known, repository=one)
        case Stratum.NONE:
            return Best(prefix=uniform, domain=uniform, repository=uniform)
    return Best(prefix=uniform, domain=uniform, repository=one)
