"""D8, the edit test: something in the repository is renamed, its adapter made again: does the answer move with it?

For a task of the private stratum the target is replaced, wherever production code says it as whole tokens, by the
target of another repository's task of the same shape (number, string, name). The shift is what that does to
`log p(new) - log p(old)`, in nats of the whole target; above 0 it follows the repository: causal evidence.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.diagnosing.cases import Case
from harness.diagnosing.contrasts import estimate_nats
from harness.diagnosing.measuring import Bench, own_adapters
from harness.diagnosing.strata import Stratum, stands_in_code
from harness.diagnosing.subjects import Subject
from harness.stats import Estimate
from repopeftbench.errors import GitObjectError
from repopeftbench.schema import HistoryView, KeptCommit, SymbolChanges, SymbolRecord, content_id
from repopeftbench.symbol_sets import ExtractedSymbols

EDITS = 4
"""Most edits of one repository."""
_SHAPES = {
    "number": re.compile(r"-?\d[\d_.]+"),
    "string": re.compile(r"'[^'\\\n]{2,}'|\"[^\"\\\n]{2,}\""),
    "name": re.compile(r"(?!True$|False$|None$)[A-Za-z_]\w{2,}"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EditTest:
    """What edits did.

    Attributes:
        shift: Of `log p(new) - log p(old)`, in nats; above 0 follows the edit.
        followed: Share of edits with a shift above 0.
        edits: How many.
        skipped: Private tasks that were tried without anything to edit.
    """

    shift: Estimate
    followed: float
    edits: int
    skipped: int


class EditedView:
    """A `HistoryView` of a repository in which one text stands in the place of another, at every commit.

    It has an identity of its own, so that nobody who remembers the repository mistakes it for that.
    """

    def __init__(self, view: HistoryView, old: str, new: str) -> None:
        """Describes it.

        Args:
            view: The repository as it is.
            old: What to replace, as whole tokens.
            new: By what.
        """
        self._view = view
        self._old, self._new = old, new
        self._pattern = re.compile(rf"(?<![\w.]){re.escape(old)}(?![\w.]\w|\w)")
        self._texts: dict[str, str] | None = None

    @property
    def repo_id(self) -> str:
        """The repository's, with what tells the edit."""
        return f"{self._view.repo_id}#{content_id(self._old, self._new)}"

    @property
    def commit_sha(self) -> str:
        """The commit that was edited."""
        return self._view.commit_sha

    @property
    def changed(self) -> int:
        """How many files are not as they were."""
        return len(self._changed())

    def production_files(self) -> Sequence[str]:
        """The paths are as they were."""
        return self._view.production_files()

    def read(self, path: str) -> str:
        """The text after the edit."""
        return self._edited(self._view.read(path))

    def blobs(self) -> Mapping[str, str]:
        """The content ids; edited contents have ids of their own."""
        edited = self._changed()
        return {path: content_id(edited[path]) if path in edited else blob for path, blob in self._view.blobs().items()}

    def description(self) -> str:
        """What the project says of itself, after the edit."""
        return self._edited(self._view.description())

    def kept_commits(self) -> Sequence[KeptCommit]:
        """The kept commits are as they were."""
        return self._view.kept_commits()

    def production_diff(self, commit_sha: str) -> str:
        """The diff after the edit."""
        return self._edited(self._view.production_diff(commit_sha))

    def symbols(self) -> Sequence[SymbolRecord]:
        """What the edited files define."""
        return ExtractedSymbols().records(self)

    def symbol_changes(self, commit_sha: str) -> SymbolChanges:
        """The difference between what edited files define at a kept commit and at the one before."""
        shas = [commit.commit_sha for commit in self.kept_commits()]
        place = shas.index(commit_sha)
        before = self.at(shas[place - 1]) if place else None
        return ExtractedSymbols().changes(before, self.at(commit_sha))

    def at(self, commit_sha: str) -> "EditedView":
        """The edited repository at one of `kept_commits`."""
        return EditedView(self._view.at(commit_sha), self._old, self._new)

    def _edited(self, text: str) -> str:
        return self._pattern.sub(lambda _: self._new, text)

    def _changed(self) -> dict[str, str]:
        if self._texts is None:
            self._texts = {}
            for path in self._view.production_files():
                try:
                    text = self._view.read(path)
                except GitObjectError:
                    continue  # what cannot be read is left as it is
                if (edited := self._edited(text)) != text:
                    self._texts[path] = edited
        return self._texts


def shape_of(target: str) -> str | None:
    """`number`, `string` or `name`; None of what cannot be renamed."""
    return next((name for name, pattern in _SHAPES.items() if pattern.fullmatch(target)), None)


def edit_test(bench: Bench, subject: Subject, strata: Mapping[str, str], *, seed: int) -> EditTest | None:
    """D8 on at most four private tasks of each repository; None where nothing can be edited.

    Args:
        bench: The tasks and how they are measured.
        subject: What makes adapters anew; adapters of folders cannot.
        strata: Of the tasks.
        seed: Which tasks are edited, and to what.
    """
    private = {
        repo_id: sorted(
            (case for case in cases if strata.get(case.task_id) == Stratum.PRIVATE and shape_of(case.target)),
            key=lambda case: content_id(seed, "edit", case.task_id),
        )
        for repo_id, cases in bench.by_repository().items()
    }
    clusters, shifts, skipped = [], [], 0
    for done, (repo_id, cases) in enumerate(private.items()):
        bench.progress("edits", done, len(private))
        made = 0
        for case in cases:
            if made == EDITS:
                break
            shift = _shift(bench, subject, case, _replacements(private, case, seed))
            if shift is None:
                skipped += 1
                continue
            made += 1
            clusters.append(repo_id)
            shifts.append(shift)
    if not shifts:
        return None
    followed = sum(shift > 0 for shift in shifts) / len(shifts)
    estimate = estimate_nats(clusters, shifts, seed=seed)
    return EditTest(shift=estimate, followed=followed, edits=len(shifts), skipped=skipped)


def _replacements(private: Mapping[str, Sequence[Case]], case: Case, seed: int) -> list[str]:
    """Targets of other repositories' tasks that have the shape of this one's, in an order of its own."""
    shape = shape_of(case.target)
    others = {
        one.target
        for repo_id, cases in private.items()
        if repo_id != case.repo_id
        for one in cases
        if shape_of(one.target) == shape and one.target != case.target
    }
    return sorted(others, key=lambda target: content_id(seed, case.task_id, target))


def _shift(bench: Bench, subject: Subject, case: Case, replacements: Sequence[str]) -> float | None:
    view = bench.views(case.repo_id, case.commit_sha)
    new = next((text for text in replacements if text not in case.prefix and not stands_in_code(view, text)), None)
    if new is None:
        return None
    edited = EditedView(view, case.target, new)
    if not edited.changed:
        return None
    (before,) = own_adapters(bench, subject, [case])
    after = subject.adapter(edited)
    gap = case.continuation[: len(case.continuation) - len(case.target)]
    renamed = replace(case, task_id=f"{case.task_id}#new", continuation=gap + new, target=new)
    found = bench.cells.measure([case, renamed], [before, before])
    moved = bench.cells.measure([case, renamed], [after, after])
    preferred = [one[case.task_id].total - one[renamed.task_id].total for one in (found, moved)]
    return preferred[1] - preferred[0]
