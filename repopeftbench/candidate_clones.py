"""What the histories of candidates tell: tests and their framework at HEAD, age, and who copied whom (io: reads git).

The code of the paper looks for the word `pytest` in dependency files; its text says pytest or unittest. Here there
must be test files by our own rule (`mining.testfiles`), and beside them the word `pytest` in a dependency file, or an
import of pytest or unittest in one of the tests.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from repopeftbench.candidate_rows import Candidate
from repopeftbench.candidates import Selection, Thresholds, age_fate, without
from repopeftbench.errors import GitObjectError, SourceError
from repopeftbench.gitrepo import GitRepository
from repopeftbench.mining.testfiles import FileKind, file_kind
from repopeftbench.pool import Engine, Failure, Report
from repopeftbench.sources import cached_clone, local_copy

UNREACHABLE = "unreachable"
NO_TEST_FILE = "no-test-file"
NO_FRAMEWORK = "no-test-framework"
SAME_HISTORY = "same-history"
DEPENDENCY_FILES = frozenset(
    "requirements.txt requirements-dev.txt requirements-test.txt pyproject.toml setup.cfg tox.ini Pipfile".split()
)
"""Those that the paper's code looks into, at the root."""
_IMPORT = re.compile(rb"^[ \t]*(?:import|from)[ \t]+(?:pytest|unittest)\b", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What one repository's history tells; `root` is the first commit of its first-parent history."""

    root: str
    begin: dt.datetime
    test_files: int
    framework: bool


def select_by_clones(
    selection: Selection,
    thresholds: Thresholds,
    *,
    clones: Path | None,
    cache: Path,
    engine: Engine,
    report: Report,
) -> Selection:
    """A selection without the candidates whose histories break a rule.

    Of several candidates whose histories begin with the same commit (renamed, or copied by hand) the one with most
    stars stays.

    Args:
        selection: what metadata leaves.
        thresholds: the rules' numbers.
        clones: folder of clones that are there (`OWNER/NAME`, `OWNER__NAME`, or as `mine` names them in its cache);
            None clones to `cache`.
        cache: folder of the clones that `mine` makes.
        engine: what does the work.
        report: progress.
    """
    outcomes = engine.map(selection.kept, partial(_inspect, clones=clones, cache=cache), report)
    found = dict(zip((candidate.key for candidate in selection.kept), outcomes, strict=True))
    checked = without(selection, lambda candidate: _fate(found[candidate.key], thresholds))
    roots = {key: one.root for key, one in found.items() if isinstance(one, Inspection)}
    return without(checked, _copied(checked.kept, roots))


def inspect(folder: Path) -> Inspection:
    """What the history in a folder tells at HEAD.

    Raises:
        SourceError: there is no repository, or no commit.
        GitObjectError: this copy lacks a tree or a commit.
    """
    repository = GitRepository(folder)
    head = repository.resolve(None)
    history = repository.history(head)
    files = {delta.path: delta.blob for delta in repository.deltas(None, head) if delta.blob is not None}
    tests = [path for path in files if file_kind(path) is FileKind.TEST]
    return Inspection(
        root=history[0].sha,
        begin=dt.datetime.fromtimestamp(history[0].committer_time, tz=dt.UTC),
        test_files=len(tests),
        framework=_names_pytest(repository, files) or _imports_framework(repository, files, tests),
    )


def _inspect(candidate: Candidate, report: Report, *, clones: Path | None, cache: Path) -> Inspection:
    folder = local_copy(candidate.source, cache) if clones is None else _there(candidate, clones)
    found = inspect(folder)
    report(candidate.full_name, 1, 1)
    return found


def _there(candidate: Candidate, clones: Path) -> Path:
    names = [candidate.full_name, candidate.full_name.replace("/", "__")]
    places = [
        cached_clone(candidate.source.url or "", clones),
        *(clones / f"{one}{end}" for one in names for end in ("", ".git")),
    ]
    for place in places:
        if place.is_dir():
            return place
    raise SourceError(f"{clones} holds neither {names[0]} nor {names[1]}: clone it there, or leave --clones out")


def _names_pytest(repository: GitRepository, files: Mapping[str, str]) -> bool:
    return any(b"pytest" in _read(repository, files[name]).lower() for name in sorted(DEPENDENCY_FILES & files.keys()))


def _imports_framework(repository: GitRepository, files: Mapping[str, str], tests: Sequence[str]) -> bool:
    return any(_IMPORT.search(_read(repository, files[path])) for path in tests)


def _read(repository: GitRepository, blob: str) -> bytes:
    try:
        return repository.read(blob)
    except GitObjectError:
        # A submodule in that place, or a blob that this copy lacks: it tells nothing.
        return b""


def _fate(found: Inspection | Failure[Candidate], thresholds: Thresholds) -> tuple[str, str] | None:
    if isinstance(found, Failure):
        return UNREACHABLE, found.problem
    if not found.test_files:
        return NO_TEST_FILE, "HEAD has no test file"
    if not found.framework:
        return NO_FRAMEWORK, "no dependency file names pytest, and no test imports pytest or unittest"
    return age_fate(found.begin, thresholds, "its history begins")


def _copied(kept: Sequence[Candidate], roots: Mapping[str, str]) -> Callable[[Candidate], tuple[str, str] | None]:
    best: dict[str, Candidate] = {}
    for candidate in sorted(kept, key=lambda one: (-one.stars, one.key)):
        best.setdefault(roots[candidate.key], candidate)

    def fate(candidate: Candidate) -> tuple[str, str] | None:
        other = best[roots[candidate.key]]
        if other is candidate:
            return None
        return SAME_HISTORY, f"its history begins with the same commit as that of {other.full_name}"

    return fate
