"""Quality of tasks: what their targets and prefixes are like, and whether every cut is what its protocol promises.

One pass over all tasks. Distributions are measures alone. What the clean protocol forbids is an error there; in the
paper protocol the published construction does it, and it is a warning, or a note where nearly every task is so. Rules
that ask a parser are warnings too where another Python audits than mined.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from repopeftbench.audit.findings import Findings, Measure, Problem, Severity
from repopeftbench.audit.rows import rows, shown, task_splits
from repopeftbench.audit.tally import Group, counted
from repopeftbench.dataset.manifest import Manifest, current_versions
from repopeftbench.dataset.store import Dataset
from repopeftbench.mining.keys import statement_key
from repopeftbench.mining.source import syntax_tree
from repopeftbench.schema import TargetType
from repopeftbench.tasks.cut import target_type

EMPTY = "target-empty"
UNPARSABLE = "target-unparsable"
WRONG_TYPE = "target-type-wrong"
CUT = "cut-wrong"
MALFORMED = "statement-malformed"
WHITE_SPACE = "prefix-ends-in-white-space"
WRONG_KEY = "statement-key-wrong"
PUNCTUATION = "target-punctuation-only"
TARGET_LENGTHS = (1, 3, 10, 30, 80)
"""Upper ends of the classes of target lengths, in characters."""
PREFIX_SIZES = (1_024, 4_096, 16_384, 65_536)
"""Upper ends of the classes of prefix sizes, in bytes of UTF-8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """What must not be, and what to say of it; `asks_parser`: the answer depends on the Python that gives it."""

    message: str
    asks_parser: bool = False
    paper: Severity | None = Severity.WARNING
    """None: not asked of the paper protocol."""


_RULES = {
    EMPTY: _Rule(message="have no target"),
    UNPARSABLE: _Rule(message="have a target that is no expression", asks_parser=True),
    WRONG_TYPE: _Rule(message="have another target type than their target is of", asks_parser=True, paper=None),
    CUT: _Rule(message="are not cut inside their statement: prefix, gap, target and suffix do not end with it"),
    MALFORMED: _Rule(message="complete a statement that is no Python: the cut lost a part of it", asks_parser=True),
    WHITE_SPACE: _Rule(message="have a prefix that ends in white space", paper=Severity.NOTE),
    WRONG_KEY: _Rule(message="have another statement key than their statement has", asks_parser=True, paper=None),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskText:
    """The texts of one task that rules look at."""

    statement: str
    statement_key: str
    prefix: str
    gap: str
    target: str
    suffix: str
    target_type: str


@dataclass(slots=True)
class _Seen:
    """What was found in the tasks of one group."""

    tasks: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By rule, id and target of the first task that breaks it."""


def quality(dataset: Dataset) -> Findings:
    """Measures of targets and prefixes, and the tasks that break a rule."""
    paper = dataset.manifest.config.protocol == "paper"
    seen: dict[Group, _Seen] = {}
    names = tuple(TaskText.__dataclass_fields__)
    columns = ("task_id", "repo_id", *names)
    for track, split in task_splits(dataset):
        for task_id, repo_id, *values in rows(dataset.task_tables(track, split, columns), columns):
            task = TaskText(**dict(zip(names, values, strict=True)))
            group = seen.setdefault(Group(track, split, repo_id), _Seen())
            broken = tuple(broken_rules(task, paper=paper))
            group.tasks += 1
            group.counts.update((*broken, *properties(task)))
            for rule in broken:
                group.examples.setdefault(rule, (task_id, task.target))
    return Findings(problems=tuple(_problems(seen, dataset.manifest)), measures=tuple(_measures(seen, paper=paper)))


def broken_rules(task: TaskText, *, paper: bool) -> Iterator[str]:
    """The names of the rules that a task breaks."""
    if not task.target.strip():
        yield EMPTY
    elif not (_is_published_target(task.target) if paper else target_type(task.target) is not None):
        yield UNPARSABLE
    elif not paper and target_type(task.target) != task.target_type:
        yield WRONG_TYPE
    if not _is_cut_inside(task):
        yield CUT
    if not _is_statement(task.statement):
        yield MALFORMED
    if task.prefix[-1:].isspace():
        yield WHITE_SPACE
    if not paper and statement_key(task.statement) != task.statement_key:
        yield WRONG_KEY


def properties(task: TaskText) -> Iterator[str]:
    """The names of the measures that a task counts for."""
    yield f"target-type {task.target_type}"
    yield _in_class("target-characters", len(task.target), TARGET_LENGTHS)
    if task.target and not any(character.isalnum() or character == "_" for character in task.target):
        yield PUNCTUATION
    size = len(task.prefix) if task.prefix.isascii() else len(task.prefix.encode("utf-8", "surrogatepass"))
    yield _in_class("prefix-bytes", size, PREFIX_SIZES)


def _is_published_target(target: str) -> bool:
    """Whether a target is an expression, or the rest of a call with the bracket that closes it."""
    return target_type(target) is not None or target_type(f"call({target}") is not None


def _is_cut_inside(task: TaskText) -> bool:
    """Whether the statement is what prefix, gap, target and suffix end with, and begins before the gap."""
    rest = task.gap + task.target + task.suffix
    before = task.statement[: len(task.statement) - len(rest)]
    return bool(before) and before + rest == task.statement and task.prefix.endswith(before)


@lru_cache(maxsize=32_768)
def _is_statement(statement: str) -> bool:
    """Whether Python reads an `assert` statement or a call; one that is too deep for a tree is no malformed one."""
    try:
        syntax_tree(statement if statement.startswith("assert") else f"(\n{statement}\n)")
    except (SyntaxError, ValueError):
        return False
    except (RecursionError, MemoryError):
        return True
    return True


def _in_class(name: str, value: int, ends: Iterable[int]) -> str:
    lower = 0
    for end in ends:
        if value <= end:
            return f"{name} {f'{lower:,}-{end:,}' if lower not in (0, end) else f'up to {end:,}'}"
        lower = end + 1
    return f"{name} from {lower:,}"


def _classes(name: str, ends: tuple[int, ...]) -> list[str]:
    return [_in_class(name, value, ends) for value in (*ends, ends[-1] + 1)]


def _measures(seen: dict[Group, _Seen], *, paper: bool) -> Iterator[Measure]:
    asked = [name for name, rule in _RULES.items() if not paper or rule.paper is not None]
    names = [f"target-type {kind}" for kind in TargetType] + _classes("target-characters", TARGET_LENGTHS)
    names += [PUNCTUATION, *_classes("prefix-bytes", PREFIX_SIZES), *asked]
    for name in names:
        for group, found in seen.items():
            yield Measure(
                name=name,
                track=group.track,
                split=group.split,
                repo_id=group.repo_id,
                count=found.counts[name],
                of=found.tasks,
            )


def _problems(seen: dict[Group, _Seen], manifest: Manifest) -> Iterator[Problem]:
    places: dict[str, list[_Seen]] = {}
    for group, found in seen.items():
        places.setdefault(group.place, []).append(found)
    for name, rule in _RULES.items():
        severity, fix = _severity(rule, manifest)
        for where, parts in places.items():
            count, tasks = sum(part.counts[name] for part in parts), sum(part.tasks for part in parts)
            if count:
                task_id, target = next(part.examples[name] for part in parts if name in part.examples)
                message = (
                    f"{counted(count, tasks)} tasks {rule.message}, the first is {task_id} with target {shown(target)}"
                )
                yield Problem(check=name, severity=severity, where=where, message=message, fix=fix)


def _severity(rule: _Rule, manifest: Manifest) -> tuple[Severity, str]:
    if manifest.config.protocol == "paper":
        return rule.paper or Severity.NOTE, "mine with --protocol clean, which makes no such tasks"
    mined, now = manifest.versions.python, current_versions().python
    if rule.asks_parser and mined.split(".")[:2] != now.split(".")[:2]:
        return Severity.WARNING, f"audit with Python {mined}, which mined the dataset: Python {now} may parse otherwise"
    return Severity.ERROR, "mine the dataset again: mining makes no such tasks"
