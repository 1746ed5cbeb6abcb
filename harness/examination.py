"""What one look at the machine found: a record for each thing that commands need."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Whether a thing is there."""

    OK = "ok"
    ABSENT = "absent"
    """Something that only some commands need is missing."""
    BROKEN = "broken"
    """Something that every command needs is missing or damaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that commands need.

    Attributes:
        area: what it belongs to, such as `packages`.
        name: what it is.
        state: whether it is there.
        detail: what was found.
        fix: the command that mends it, empty where nothing has to be mended.
    """

    area: str
    name: str
    state: State
    detail: str
    fix: str = ""


def is_broken(findings: Iterable[Finding]) -> bool:
    """Whether something that every command needs is not there."""
    return any(finding.state is State.BROKEN for finding in findings)


def guarded(area: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What `look` finds; a look that fails is a finding too, so that one broken library does not hide the rest."""
    try:
        yield from look()
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        detail = f"{type(error).__name__}: {' '.join(str(error).split())}"
        yield Finding(
            area=area, name=area, state=State.ABSENT, detail=detail, fix="pip install --force-reinstall repopeftbench"
        )
