"""The frozen records of a run: what a predictor is asked, what it answers, and what that is worth.

An infrastructure failure (`Prediction.error`) is a different thing from a wrong answer, yet it stays in every
denominator: it scores as wrong and is counted apart. A score that does not exist is an `Unscored` with its reason,
never NaN and never a missing row.
"""

from dataclasses import dataclass

from repopeftbench.schema import Family, RepositoryView, Split, TaskInput, Track


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionRequest:
    """All a predictor gets for one task: what it may see of the task, and of the repository."""

    task: TaskInput
    view: RepositoryView


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A predictor's raw text for one task: what it would write after the prefix, not yet stopped."""

    task_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One task's answer as a run keeps it.

    `stopped` is `raw` up to the end of the first complete expression, and `complete` says whether there was one.
    `error` is None unless the predictor failed on this task; then both texts are empty.
    """

    task_id: str
    raw: str
    stopped: str
    complete: bool
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unscored:
    """Why a score does not exist."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The verdicts on one prediction, with what a report groups by.

    `edit_similarity` is in [0, 1]. A failed prediction has `em_strict` false and similarity 0.
    """

    task_id: str
    repo_id: str
    track: Track
    split: Split
    family: Family
    em_strict: bool
    edit_similarity: float | Unscored
    complete: bool
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """What a finished run comes to: counts of tasks, and means over all of them.

    `resumed_at` is the number of tasks that an earlier, interrupted start had answered. `em_strict` is in [0, 1];
    `edit_similarity` too, over the tasks that have one. None is the mean of nothing.
    """

    tasks: int
    failures: int
    resumed_at: int
    em_strict: float | None
    edit_similarity: float | None
