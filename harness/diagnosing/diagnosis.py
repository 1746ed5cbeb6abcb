"""A whole diagnosis: what was asked, what was found, the verdict (io: loads, measures, reports progress)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from code2lora.adapters import Adapter
from code2lora.backbone import Backbone
from code2lora.training.record import TrainingRecord
from harness.diagnosing.cases import Choice, Reference, chosen_cases, last_commits, reference
from harness.diagnosing.cells import CELLS_NAME, Cells
from harness.diagnosing.drift import DriftBin, drift
from harness.diagnosing.edits import EditTest, edit_test
from harness.diagnosing.findings import CurvePoint, Slice, curve, evidence, shared_mismatches, slices
from harness.diagnosing.inputs import InputFindings, input_findings
from harness.diagnosing.measuring import Bench, Controls, Measured, Progress, Views, measure
from harness.diagnosing.strata import known_strata
from harness.diagnosing.subjects import (
    FolderSubject,
    NetworkSubject,
    Subject,
    SubjectSettings,
    backbone_of,
    load_folder_subject,
    load_shared,
    load_subject,
)
from harness.diagnosing.verdict import Judgement, verdict
from harness.errors import DiagnosisError
from repopeftbench.dataset.store import Dataset
from repopeftbench.schema import Split, Track
from repopeftbench.views import DatasetViews

LEAST_REPOSITORIES = 50
ORACLE = "per-repo-lora"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisRequest:
    """What is asked.

    Attributes:
        subject: A run or a checkpoint; None where `adapters` is given.
        adapters: A folder of PEFT adapters; None where `subject` is given.
        data: The dataset.
        cache: Where clones are, if the dataset has no snapshots.
        out: The folder of the diagnosis, where cells are kept.
        reference: The dataset whose training repositories the mean adapter is of, and idioms; None is `data`.
        shared: The shared LoRA to compare with.
        oracle: A checkpoint of `per-repo-lora`, or a folder of adapters.
        shuffled: The same method, trained on shuffled inputs.
        settings: How networks are loaded.
        track: The track; None is static where the splits have tasks there, else evolution.
        splits: The splits.
        limit: Most tasks of a repository.
        repositories: Most repositories; None takes all.
        context_length: Most tokens of a sequence.
        seed: Of every draw.
        progress: Told stage, done and total.
    """

    subject: str | None
    adapters: Path | None
    data: Path
    cache: Path
    out: Path
    reference: Path | None = None
    shared: Path | None = None
    oracle: Path | None = None
    shuffled: str | None = None
    settings: SubjectSettings = field(default_factory=SubjectSettings)
    track: Track | None = None
    splits: tuple[Split, ...] = (Split.CR_VAL,)
    limit: int = 32
    repositories: int | None = None
    context_length: int = 512
    seed: int = 0
    progress: Progress = field(default=lambda *_: None)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Diagnosis:
    """What was found.

    Attributes:
        method: What was diagnosed.
        subject_sha256: Networks and inputs, or adapters.
        dataset_sha256: The dataset.
        backbone_sha256: The backbone.
        choice: What was measured.
        context_length: Most tokens of a sequence.
        known_strata: Whether the strata are known from the dataset's truth, not told by the rules.
        measured: Geometry and likelihoods.
        slices: Of all tasks and by stratum.
        curve: D4.
        inputs: D0.
        edits: D8.
        drift: D9.
        mismatches: In what the shared LoRA is not matched.
        judgement: The verdict.
        remarks: What else the reader must know.
    """

    method: str
    subject_sha256: str
    dataset_sha256: str
    backbone_sha256: str
    choice: Choice
    context_length: int
    known_strata: bool
    measured: Measured
    slices: tuple[Slice, ...]
    curve: tuple[CurvePoint, ...]
    inputs: InputFindings | None
    edits: EditTest | None
    drift: tuple[DriftBin, ...]
    mismatches: tuple[str, ...]
    judgement: Judgement
    remarks: tuple[str, ...]


def diagnose(request: DiagnosisRequest) -> Diagnosis:
    """Loads, measures, and judges; goes on with what was measured before in the same folder.

    Raises:
        HarnessError, Code2LoRAError, RepoBenchError: something cannot be loaded, or does not fit.
        OSError: the folder cannot be written.
    """
    dataset = Dataset(request.data)
    choice = _choice(dataset, request)
    cases = chosen_cases(dataset, choice)
    trained_on = dataset if request.reference is None else Dataset(request.reference)
    known = _reference(trained_on, choice, request)
    names = sorted({*last_commits(cases), *known.commits})
    subject, backbone = _subject(request, names)
    shared = None if request.shared is None else load_shared(request.shared, backbone)
    controls = Controls(
        shared=None if shared is None else shared[0],
        oracle=None if request.oracle is None else load_folder_subject(request.oracle, names, backbone, ORACLE),
        shuffled=None if request.shuffled is None else _shuffled(request.shuffled, subject, request.settings),
    )
    request.out.mkdir(parents=True, exist_ok=True)
    bench = Bench(
        cases=cases,
        views=_views(dataset, request),
        cells=Cells(backbone, request.context_length, request.out / CELLS_NAME),
        known=known,
        known_views=_views(trained_on, request),
        strata=known_strata(dataset, choice.track),
        seed=choice.seed,
        progress=request.progress,
    )
    measured = measure(bench, subject, controls)
    found = slices(measured, seed=choice.seed)
    mismatches = () if shared is None else _mismatches(bench, subject, measured, shared)
    placed = {task.task_id: task.stratum for task in measured.tasks}
    # Published vectors are of repositories as they were: no edit and no other start can be encoded.
    can_encode = isinstance(subject, NetworkSubject) and request.settings.embeddings is None
    return Diagnosis(
        method=subject.method,
        subject_sha256=subject.sha256,
        dataset_sha256=dataset.sha256,
        backbone_sha256=backbone.weights_sha256,
        choice=choice,
        context_length=request.context_length,
        known_strata=bench.strata is not None,
        measured=measured,
        slices=found,
        curve=curve(measured),
        inputs=input_findings(bench, subject, seed=choice.seed),
        edits=edit_test(bench, subject, placed, seed=choice.seed) if can_encode else None,
        drift=_drift(dataset, choice, bench, subject) if can_encode else (),
        mismatches=mismatches,
        judgement=verdict(evidence(measured, found, mismatches)),
        remarks=_remarks(measured, choice, placed, controls.oracle is not None),
    )


def _subject(request: DiagnosisRequest, names: list[str]) -> tuple[Subject, Backbone]:
    if (request.subject is None) == (request.adapters is None):
        raise DiagnosisError("name either a run or a checkpoint, or adapters with --adapters: one of the two")
    if request.subject is not None:
        network = load_subject(request.subject, request.settings)
        return network, network.network.backbone
    assert request.adapters is not None
    backbone = backbone_of(request.settings)
    found: FolderSubject = load_folder_subject(request.adapters, names, backbone, "adapters")
    return found, backbone


def _choice(dataset: Dataset, request: DiagnosisRequest) -> Choice:
    for option, value in (("--limit", request.limit), ("--repositories", request.repositories)):
        if value is not None and value < 1:
            raise DiagnosisError(f"{option} {value} leaves nothing to measure: give 1 or more")
    track = request.track
    if track is None:
        is_static = any(split in dataset.splits(Track.STATIC) for split in request.splits)
        track = Track.STATIC if is_static else Track.EVOLUTION
    missing = [split for split in request.splits if split not in dataset.splits(track)]
    if missing:
        have = ", ".join(dataset.splits(track)) or "none"
        raise DiagnosisError(
            f"{dataset.folder} has no task in {missing[0]} of the {track} track: choose from {have} with --split"
        )
    return Choice(
        track=track,
        splits=request.splits,
        limit=request.limit,
        repositories=request.repositories,
        seed=request.seed,
    )


def _reference(trained_on: Dataset, choice: Choice, request: DiagnosisRequest) -> Reference:
    known = reference(trained_on, choice.track)
    if request.reference is not None and len(known.commits) < 2:
        raise DiagnosisError(
            f"--reference {request.reference} has {len(known.commits)} repositories to train on in the {choice.track} "
            "track: name the dataset that the network was trained on"
        )
    return known


def _shuffled(name: str, subject: Subject, settings: SubjectSettings) -> Subject:
    shuffled = load_subject(name, settings)
    if subject.method != shuffled.method:
        raise DiagnosisError(
            f"--shuffled is of {shuffled.method}, what is diagnosed of {subject.method}: train the same method again"
        )
    return shuffled


def _views(dataset: Dataset, request: DiagnosisRequest) -> Views:
    return DatasetViews(dataset.manifest, request.cache, folder=dataset.folder).view


def _mismatches(
    bench: Bench, subject: Subject, measured: Measured, shared: tuple[Adapter, TrainingRecord | None]
) -> tuple[str, ...]:
    first = measured.labels[0]
    own = subject.adapter(bench.views(first, last_commits(bench.cases)[first]))
    assert own is not None  # it has a label
    return shared_mismatches(own, subject.record, *shared)


def _drift(dataset: Dataset, choice: Choice, bench: Bench, subject: Subject) -> tuple[DriftBin, ...]:
    """D9, where the splits have tasks of at least two repositories on the evolution track."""
    splits = tuple(split for split in choice.splits if split in dataset.splits(Track.EVOLUTION))
    if not splits:
        return ()
    try:
        cases = chosen_cases(dataset, replace(choice, track=Track.EVOLUTION, splits=splits))
    except DiagnosisError:  # of one repository alone
        return ()
    return drift(replace(bench, cases=cases), subject, seed=choice.seed)


def _remarks(measured: Measured, choice: Choice, placed: Mapping[str, str], with_oracle: bool) -> tuple[str, ...]:
    remarks = []
    count = len(measured.labels)
    if count < LEAST_REPOSITORIES:
        remarks.append(f"{count} repositories were measured; claims need at least {LEAST_REPOSITORIES} held-out ones.")
    mean = measured.mean
    if not mean.trained_on:
        remarks.append(
            f"The mean adapter is of the {mean.repositories} measured repositories themselves: the dataset has too few "
            "to train on. It is a little too good for each of them."
        )
    if mean.reduced.error > 0.01:
        remarks.append(f"Bounding the rank of the mean adapter lost {mean.reduced.error:.3f} of its norm.")
    if with_oracle and "oracle" not in measured.arms:
        remarks.append("The per-repository LoRAs are of other repositories than were measured: no headroom is known.")
    if measured.unseen:
        remarks.append(
            f"The production code of {len(measured.unseen)} repositories cannot be read, such as {measured.unseen[0]}: "
            "none of their tasks is counted as private."
        )
    trained = sorted(split for split in choice.splits if split is Split.IR_TRAIN)
    if trained:
        remarks.append("Tasks of ir_train were measured: memory of training is in every number, nothing is held out.")
    if len(placed) < 10 * count:
        remarks.append("There are fewer than ten tasks for each repository: means of repositories are noisy.")
    return tuple(remarks)
