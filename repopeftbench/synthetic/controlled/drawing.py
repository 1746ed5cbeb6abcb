"""Draws the facts of a repository: strata in fixed numbers, names without repetition, values from their pools.

Pure, and blind to wording: the same seed gives the same facts with either set of templates.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from repopeftbench.dataset.truth import Stratum

from ..draw import camel
from ..history import identity_of
from ..themes import THEMES
from .facts import TURNS, Blueprint, Fact, Pairs, Question, Version
from .values import ERROR, IDIOMS, NUMBER, POOLS, WORD, idiom_chances

COMMITS = 8
SHARES = {
    Stratum.COPY: 6,
    Stratum.DOMAIN: 8,
    Stratum.PRIVATE_DIRECT: 9,
    Stratum.PRIVATE_COMPOSED: 7,
    Stratum.NONE: 2,
}
"""How many facts of each stratum tests ask for."""
DISTRACTORS = 12

DIRECT = ("constant", "enum-member", "exception", "default", "config-key", "return")
PLAIN = ("constant", "default", "config-key", "return")
COMPOSED = (
    ("constant", "product"),
    ("constant", "sum"),
    ("constant", "inherited"),
    ("constant", "alias"),
    ("default", "default"),
    ("return", "through"),
    ("exception", "through"),
)
"""Kind and form of what every repository has once."""
_QUALIFIERS = {
    NUMBER: "limit quota floor ceiling reserve margin span stride weight depth width ration".split(),
    WORD: "mark seal badge label lane panel shade emblem ribbon plaque".split(),
    ERROR: "permit claim query entry audit review refund appeal".split(),
}
# Files are born in the order of the commits, so that files and commits divide alike into train, val and test. Changes
# touch the files of train until val begins, and the file of val at the last commit.
_FILES = ("tests/test_books.py", "tests/test_rules.py", "tests/test_cases.py", "tests/test_daily.py")
_VAL_FILE, _TEST_FILE = "tests/test_extras.py", "tests/test_finals.py"
_PLACES = (
    *((commit, file) for commit in (0, 1, 2) for file in _FILES[:2] for _ in (0, 1)),
    *((commit, file) for commit in (3, 4, 5) for file in _FILES[2:] for _ in (0, 1)),
    *((6, _VAL_FILE) for _ in range(4)),
    *((7, _TEST_FILE) for _ in range(4)),
)
_CHANGES = (*((commit, _FILES) for commit in (1, 2, 3, 4, 5)), (7, (_VAL_FILE,)))
_PRIVATE = (Stratum.PRIVATE_DIRECT, Stratum.PRIVATE_COMPOSED)


def blueprint(seed: int, index: int) -> Blueprint:
    """The facts of one repository, drawn from `(seed, index)` alone.

    Args:
        seed: chooses the family of repositories.
        index: position in the family, from 0; domains take turns.
    """
    package, domain = identity_of(seed, index)
    rng = random.Random(f"controlled {seed} {index}")
    names = _Names(rng=rng, subjects=next(theme.subjects for theme in THEMES if theme.key == domain))
    asked = [_Draft(stratum, *what) for stratum in SHARES for what in _contents(stratum, rng)]
    hidden = [_Draft(Stratum.PRIVATE_DIRECT, rng.choice(DIRECT), "direct") for _ in range(DISTRACTORS)]
    rng.shuffle(asked)
    questions = [Question(commit=commit, file=file, turn=rng.randrange(TURNS)) for commit, file in _PLACES]
    facts: list[Fact] = []
    for draft, question in zip([*asked, *hidden], [*questions, *[None] * DISTRACTORS], strict=True):
        stated = rng.randrange(COMMITS) if question is None else max(0, question.commit - 1)
        pool = _pool(draft, rng)
        version = Version(commit=stated, values=_values(draft, pool, _first_value(draft, pool, domain, rng), rng))
        fact = Fact(
            number=len(facts),
            stratum=draft.stratum,
            kind=draft.kind,
            form=draft.form,
            pool=pool,
            idiom=draft.idiom,
            names=names.of(draft, pool),
            stated=stated,
            question=question,
            versions=(version,),
        )
        facts.append(fact)
    for commit, files in _CHANGES:
        _change(facts, commit, files, rng)
    return Blueprint(package=package, domain=domain, commits=COMMITS, facts=tuple(facts))


@dataclass(frozen=True, slots=True)
class _Draft:
    """What a fact is to be, before it has a name and a value."""

    stratum: Stratum
    kind: str
    form: str
    idiom: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """Names that a repository has not used yet."""

    rng: random.Random
    subjects: Sequence[str]
    used: set[str] = field(default_factory=set)

    def of(self, draft: _Draft, pool: str) -> Pairs:
        """The names of one fact and of its components, in every spelling; an idiom has its own, under any subject."""
        own = self._one([draft.idiom] if draft.idiom else _QUALIFIERS[pool])
        made = (("NAME", own.upper()), ("name", own), ("Name", camel(own)))
        if draft.form == "direct":
            return made
        part, other = self._one(_QUALIFIERS[pool]), self._one(_QUALIFIERS[pool])
        return (*made, ("PART", part.upper()), ("Part", camel(part)), ("OTHER", other.upper()))

    def _one(self, qualifiers: Sequence[str]) -> str:
        free = [f"{one}_{what}" for one in self.subjects for what in qualifiers if f"{one}_{what}" not in self.used]
        chosen = self.rng.choice(free)
        self.used.add(chosen)
        return chosen


def _contents(stratum: Stratum, rng: random.Random) -> Iterator[tuple[str, str] | tuple[str, str, str]]:
    """Kind, form and idiom of the facts of a stratum."""
    count = SHARES[stratum]
    match stratum:
        case Stratum.COPY:
            yield from [("argument", "direct")] * count
        case Stratum.DOMAIN:
            yield from ((rng.choice(PLAIN), "direct", idiom) for idiom in IDIOMS)
        case Stratum.PRIVATE_DIRECT:
            yield from ((kind, "direct") for kind in (*DIRECT, *rng.choices(DIRECT, k=count - len(DIRECT))))
        case Stratum.PRIVATE_COMPOSED:
            yield from COMPOSED
        case Stratum.NONE:
            yield from [("return", "direct")] * count


def _pool(draft: _Draft, rng: random.Random) -> str:
    if draft.idiom is not None:
        return IDIOMS[draft.idiom]
    if draft.kind == "exception":
        return ERROR
    return NUMBER if draft.form in ("product", "sum") else rng.choice((NUMBER, WORD))


def _first_value(draft: _Draft, pool: str, domain: str, rng: random.Random) -> str:
    if draft.idiom is None:
        return rng.choice(POOLS[pool])
    chances = idiom_chances(domain, draft.idiom)
    return rng.choices(list(chances), weights=[float(chance) for chance in chances.values()])[0]


def _values(draft: _Draft, pool: str, value: str, rng: random.Random) -> Pairs:
    """The value with its components, made to fit, and two other values."""
    spares = rng.sample([other for other in POOLS[pool] if other != value], 2)
    made = {"value": value, "spare0": spares[0], "spare1": spares[1]}
    if draft.form == "product":
        factor = rng.choice((2, 3))
        made |= {"factor": str(factor), "first": str(int(value) // factor)}
    elif draft.form == "sum":
        second = rng.randint(2, 9)
        made |= {"first": str(int(value) - second), "second": str(second)}
    return tuple(made.items())


def _change(facts: list[Fact], commit: int, files: Sequence[str], rng: random.Random) -> None:
    """Gives a private fact that tests of these files ask for since an earlier commit another value."""
    open_to_change = [
        fact
        for fact in facts
        if fact.stratum in _PRIVATE and fact.question and fact.question.file in files and fact.question.commit < commit
    ]
    if not open_to_change:
        return
    fact = rng.choice(open_to_change)
    old = fact.at(commit).value
    value = rng.choice([other for other in POOLS[fact.pool] if other != old])
    values = _values(_Draft(fact.stratum, fact.kind, fact.form), fact.pool, value, rng)
    facts[fact.number] = replace(fact, versions=(*fact.versions, Version(commit=commit, values=values)))
