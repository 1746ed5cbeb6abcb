"""What a controlled repository is, before any text: its facts, when each is stated, asked for and changed."""

from collections.abc import Mapping
from dataclasses import dataclass

from repopeftbench.dataset.truth import Stratum

Pairs = tuple[tuple[str, str], ...]
TURNS = 6
"""Turns that a question may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """The values of a fact from a commit on: `value`, and those of its components and of what stands beside it."""

    commit: int
    values: Pairs

    @property
    def value(self) -> str:
        """What is asked for."""
        return dict(self.values)["value"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Where a fact is asked for: the commit that brings the test, the test file, and which of the ways to ask."""

    commit: int
    file: str
    turn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One fact of a repository; a distractor has no question.

    Attributes:
        number: its place in the repository.
        stratum: what the answer is to be had from.
        kind: what defines what is asked for, a value of `SymbolKind`, or `argument`.
        form: `direct`, or how it is composed.
        pool: where its values come from.
        idiom: what it is in every domain; of the domain stratum alone.
        names: the texts of `$NAME`, `$PART` and so on.
        stated: the commit that brings the production code.
        question: where it is asked for.
        versions: its values, oldest first; the first one is of the commit that states it.
    """

    number: int
    stratum: Stratum
    kind: str
    form: str
    pool: str
    idiom: str | None
    names: Pairs
    stated: int
    question: Question | None
    versions: tuple[Version, ...]

    def at(self, commit: int) -> Version:
        """The version that holds after a commit."""
        return max((one for one in self.versions if one.commit <= commit), key=lambda one: one.commit)

    def changes(self, commit: int) -> int:
        """How often the value had changed up to and including a commit."""
        return sum(1 for one in self.versions[1:] if one.commit <= commit)

    def in_parent(self, commit: int) -> bool:
        """Whether the commit before had stated the same value."""
        return self.stated < commit and self.at(commit - 1).value == self.at(commit).value

    def filling(self, commit: int) -> Mapping[str, str]:
        """The texts of all placeholders after a commit."""
        return dict(self.names) | dict(self.at(commit).values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """A repository as its facts: `package` is its name, `domain` the key of its theme, `commits` how many it has."""

    package: str
    domain: str
    commits: int
    facts: tuple[Fact, ...]
