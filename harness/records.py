"""The frozen records of a run: what a predictor is asked, what it answers, and what that is worth.

An infrastructure failure (`Prediction.error`) is a different thing from a wrong answer, yet it stays in every
denominator: it scores as wrong and is counted apart. A score that does not exist is an `Unscored` with its reason,
never NaN and never a missing row.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from repopeftbench.schema import Event, Family, HistoryView, Split, TargetType, TaskInput, Track


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionRequest:
    """All a predictor gets for one task: what it may see of the task, and of the repository."""

    task: TaskInput
    view: HistoryView


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A predictor's raw text for one task: what it would write after the prefix, not yet stopped.

    `adapter_sha256` is the adapter that it was written with, None where there was none.
    """

    task_id: str
    text: str
    adapter_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditioning:
    """What a predictor with adapters works with, and that they work: the canary of a run.

    `logit_change` is the largest change of a logit that the adapter of `task_id` makes on the end of the task's prefix,
    to four digits: more than 0. `encoder_sha256` is None where published vectors take the encoder's place.
    """

    checkpoint_sha256: str
    encoder_sha256: str | None
    vectors_sha256: str
    task_id: str
    adapter_sha256: str
    logit_change: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One task's answer as a run keeps it.

    `stopped` is `raw` up to the end of the first complete expression, and `complete` says whether there was one.
    `error` is None unless the predictor failed on this task; then both texts are empty. `adapter_sha256` is the adapter
    that it was made with, None where there was none.
    """

    task_id: str
    raw: str
    stopped: str
    complete: bool
    error: str | None
    adapter_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unscored:
    """Why a score does not exist."""

    reason: str


Measure = float | Unscored
"""A number in [0, 1], or why there is none."""


class CodeBleu(NamedTuple):
    """CodeBLEU of one prediction and its four components; `degenerate` names those with nothing to measure."""

    score: Measure
    ngram: Measure
    weighted: Measure
    syntax: Measure
    dataflow: Measure
    degenerate: tuple[str, ...] = ()

    @classmethod
    def settled(cls, value: Measure) -> "CodeBleu":
        """One value for the whole and for each component: a verdict that needs no measuring, or why there is none."""
        return cls(score=value, ngram=value, weighted=value, syntax=value, dataflow=value)


class CodeBleuBackend(StrEnum):
    """What computes the paper's CodeBLEU: our own code, or the `codebleu` package 0.7.0."""

    OURS = "ours"
    PACKAGE = "package"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFacts:
    """What a score keeps of its task: all that a report groups by, and no prefix.

    Lengths are in characters. `target_in_prefix`: the target stands in the prefix word for word, between token
    boundaries. `repository_commits` counts the first-parent commits of the mined history, so that
    `history_index / max(1, repository_commits - 1)` is the task's place in it, from 0 to 1.

    `raw_target` is the dataset's; the lengths, `target_in_prefix` and the published metrics are of it. `target` is
    stopped as predictions are (`stopping.stop_target`): it differs where a published target holds more than an
    expression.
    """

    task_id: str
    repo_id: str
    track: Track
    split: Split
    family: Family
    event: Event
    target_type: TargetType
    target_characters: int
    prefix_characters: int
    target_in_prefix: bool
    history_index: int
    repository_commits: int
    target: str
    raw_target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The verdicts on one prediction, with what a report groups by (see `TaskFacts`) and both texts.

    Names that end in `_paper` hold the published metric of the raw texts, all others the metric of the stopped ones,
    `prediction` and `target`; `harness.metrics` says what each measures. `codebleu_degenerate` names the components of
    `codebleu` that have nothing to measure on this target. A failed prediction is wrong, and has the numbers of an
    empty one.
    """

    task_id: str
    repo_id: str
    track: Track
    split: Split
    family: Family
    event: Event
    target_type: TargetType
    target_characters: int
    prefix_characters: int
    target_in_prefix: bool
    history_index: int
    repository_commits: int
    em_strict: bool
    em_ast: bool | Unscored
    em_paper: bool
    edit_similarity: Measure
    edit_similarity_paper: Measure
    codebleu: Measure
    codebleu_ngram: Measure
    codebleu_weighted: Measure
    codebleu_syntax: Measure
    codebleu_dataflow: Measure
    codebleu_degenerate: tuple[str, ...]
    codebleu_paper: Measure
    codebleu_paper_ngram: Measure
    codebleu_paper_weighted: Measure
    codebleu_paper_syntax: Measure
    codebleu_paper_dataflow: Measure
    complete: bool
    failed: bool
    target: str
    prediction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """What a finished run comes to: counts of tasks, and means over all of them.

    `resumed_at` is the number of tasks that an earlier, interrupted start had answered. Means are in [0, 1]: the exact
    matches over all tasks, `em_ast`, `edit_similarity` and `codebleu` over those that have one. None is the mean of
    nothing.
    """

    tasks: int
    failures: int
    resumed_at: int
    em_strict: float | None
    em_ast: float | None
    em_paper: float | None
    edit_similarity: float | None
    codebleu: float | None
