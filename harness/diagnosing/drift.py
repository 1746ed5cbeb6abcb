"""D9, drift: an adapter that was carried along a history against one that is made afresh at the task's commit.

Of `code2lora-evo` the carried one is of the walk over all kept commits, the fresh one of a walk that begins at the
task's commit, with its files and its diff. Of methods that look at one commit the carried one is that of the first kept
commit: what it costs not to look again. A memory that is carried exactly has no distance but to its own past.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from code2lora.adapters import Adapter
from code2lora.diagnostics.geometry import relative_distance
from code2lora.named_checkpoints import EVOLUTION
from harness.diagnosing.cases import Case
from harness.diagnosing.contrasts import estimate_nats
from harness.diagnosing.measuring import Bench
from harness.diagnosing.subjects import Subject
from harness.stats import Estimate
from repopeftbench.schema import HistoryView, KeptCommit, SymbolChanges, SymbolRecord

_COMMITS = (1, 4, 16, 64)
_LINES = (1, 50, 500)
_COMMIT_LABELS = ("0", "1 to 3", "4 to 15", "16 to 63", "64 or more")
_LINE_LABELS = ("no line", "1 to 49 lines", "50 to 499 lines", "large refactors: 500 lines or more")
BY_COMMITS, BY_LINES = "kept commits since the start", "changed lines of the commit"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftBin:
    """Tasks of one bin.

    Attributes:
        by: What they are divided by.
        label: Which of these.
        nll: Carried minus fresh, in nats per token; above 0 the carried one is worse.
        distance: Mean of `|dW_carried - dW_fresh| / |dW_fresh|`.
    """

    by: str
    label: str
    nll: Estimate
    distance: float


class FreshView:
    """A `HistoryView` whose history begins at its commit."""

    def __init__(self, view: HistoryView) -> None:
        """Takes the view; it has an identity of its own, so that no walk of the repository is gone on with."""
        self._view = view

    @property
    def repo_id(self) -> str:
        """The repository's, with where it begins."""
        return f"{self._view.repo_id}#{self._view.commit_sha}"

    @property
    def commit_sha(self) -> str:
        """The commit."""
        return self._view.commit_sha

    def production_files(self) -> Sequence[str]:
        """The paths."""
        return self._view.production_files()

    def read(self, path: str) -> str:
        """The text of a file."""
        return self._view.read(path)

    def blobs(self) -> Mapping[str, str]:
        """The content ids."""
        return self._view.blobs()

    def description(self) -> str:
        """What the project says of itself."""
        return self._view.description()

    def kept_commits(self) -> Sequence[KeptCommit]:
        """The last one alone."""
        return tuple(self._view.kept_commits())[-1:]

    def production_diff(self, commit_sha: str) -> str:
        """What the commit changed."""
        return self._view.production_diff(commit_sha)

    def symbols(self) -> Sequence[SymbolRecord]:
        """What the files define."""
        return self._view.symbols()

    def symbol_changes(self, commit_sha: str) -> SymbolChanges:
        """All of it is new."""
        return SymbolChanges(added=tuple(self._view.symbols()), removed=())

    def at(self, commit_sha: str) -> HistoryView:
        """The view at the last commit."""
        return self._view.at(commit_sha)


def drift(bench: Bench, subject: Subject, *, seed: int) -> tuple[DriftBin, ...]:
    """D9 of the bench's cases, which are of the evolution track: bins that have tasks, by commits, then by lines."""
    values: dict[tuple[str, int], list[tuple[str, float, float]]] = {}
    groups = bench.by_repository()
    for done, (repo_id, cases) in enumerate(groups.items()):
        bench.progress("drift", done, len(groups))
        carried, fresh = [], []
        pairs = _pairs(bench, subject, cases)
        for case in cases:
            one, other = pairs[case.commit_sha]
            carried.append(one)
            fresh.append(other)
        under_carried, under_fresh = bench.cells.measure(cases, carried), bench.cells.measure(cases, fresh)
        distances = {sha: relative_distance(one, other) for sha, (one, other) in pairs.items()}
        for case in cases:
            worse = under_carried[case.task_id].nll - under_fresh[case.task_id].nll
            row = (repo_id, worse, distances[case.commit_sha])
            diff = bench.views(repo_id, case.commit_sha).production_diff(case.commit_sha)
            values.setdefault((BY_COMMITS, bisect_right(_COMMITS, case.commit_index)), []).append(row)
            values.setdefault((BY_LINES, bisect_right(_LINES, changed_lines(diff))), []).append(row)
    labels = {BY_COMMITS: _COMMIT_LABELS, BY_LINES: _LINE_LABELS}
    return tuple(
        DriftBin(
            by=by,
            label=labels[by][place],
            nll=estimate_nats([row[0] for row in rows], [row[1] for row in rows], seed=seed),
            distance=fmean(row[2] for row in rows),
        )
        for (by, place), rows in sorted(values.items(), key=lambda item: (item[0][0] != BY_COMMITS, item[0][1]))
    )


def changed_lines(diff: str) -> int:
    """Lines that a diff adds or removes."""
    return sum(line[:1] in ("+", "-") and line[:3] not in ("+++", "---") for line in diff.splitlines())


def _pairs(bench: Bench, subject: Subject, cases: Sequence[Case]) -> dict[str, tuple[Adapter, Adapter]]:
    """The carried and the fresh adapter at each commit."""
    pairs = {}
    first: Adapter | None = None
    for sha in dict.fromkeys(case.commit_sha for case in cases):
        view = bench.views(cases[0].repo_id, sha)
        if subject.method == EVOLUTION:
            carried, fresh = subject.adapter(view), subject.adapter(FreshView(view))
        else:
            first = first or subject.adapter(view.at(view.kept_commits()[0].commit_sha))
            carried, fresh = first, subject.adapter(view)
        assert carried is not None and fresh is not None  # networks always have one
        pairs[sha] = carried, fresh
    return pairs
