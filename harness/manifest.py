"""What a run is: everything its answers depend on, as the manifest of its folder. Pure; holds no clock time.

Backbones, checkpoints and encoders that are named by a folder are the only machine paths that a manifest can hold,
because the user gave them.
"""

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version

from pydantic import BaseModel, ConfigDict, Field

from harness.predictors.protocol import PredictorSettings, Refresh
from harness.records import CodeBleuBackend, Conditioning
from harness.scoring import METRIC_VERSIONS
from harness.selection import TaskSelection
from repopeftbench import __version__
from repopeftbench.schema import Split, State, Task, Track

FORMAT = 2
"""The layout of a run folder."""

CHUNK_TASKS = 64
"""Least tasks that are answered, written and resumed together."""
_CHUNK_BATCHES = 4
"""Batches of a chunk, so that few rows of a batch stay empty while the last of a chunk are answered."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SettingsManifest(_Strict):
    """The predictor's settings as they were asked for (`auto` is kept as such)."""

    backbone: str
    device: str
    dtype: str
    batch_size: int
    max_new_tokens: int
    state: State = State.COMMIT
    checkpoint: str | None = None
    encoder: str | None = None
    refresh: Refresh = Refresh.EVERY_COMMIT
    published_embeddings: bool = False


class ConditioningManifest(_Strict):
    """What adapters were made with, and the canary (see `Conditioning`)."""

    checkpoint_sha256: str
    encoder_sha256: str | None
    vectors_sha256: str
    task_id: str
    adapter_sha256: str
    logit_change: float


class TrainingManifest(_Strict):
    """What a method's weights were trained with; `settings_sha256` is of everything but the seed."""

    recipe: str
    seed: int
    settings_sha256: str
    repositories: int
    draws: int
    target_tokens: int
    steps: int
    trainable_parameters: int


class ScorersManifest(_Strict):
    """What scores depend on beside the metrics' own versions."""

    codebleu_backend: CodeBleuBackend
    python: str
    """`3.11`: its parser decides about `em_ast`, its tokenizer about the comments of the paper's CodeBLEU."""
    tree_sitter: str
    tree_sitter_python: str
    rapidfuzz: str


class RunManifest(_Strict):
    """The configuration of a run; two runs with equal manifests on one machine give equal bytes.

    `dataset_sha256` is of the dataset's manifest, `task_ids_sha256` of the task ids in the order of the run, one per
    line.
    """

    format: int = FORMAT
    method: str
    settings: SettingsManifest
    weights_sha256: str | None
    conditioning: ConditioningManifest | None = None
    training: TrainingManifest | None = None
    """None of methods without weights of their own, and of weights that no `repobench train` made."""
    retrieval: dict[str, str | int | float | bool] | None = None
    """What the method's retrieval recipe says; None of methods that do not retrieve."""
    dataset_sha256: str
    tracks: tuple[Track, ...]
    splits: tuple[Split, ...]
    limit: int | None
    seed: int
    task_count: int
    task_ids_sha256: str
    chunk_tasks: int = Field(default=CHUNK_TASKS, ge=1)
    metric_versions: dict[str, int]
    scorers: ScorersManifest
    tool_version: str


def chunk_tasks(batch_size: int) -> int:
    """Tasks of a chunk: fixed by the batch size alone, as rows that are read together and so roundings depend on it."""
    return max(CHUNK_TASKS, _CHUNK_BATCHES * batch_size)


def describe_run(
    tasks: Sequence[Task],
    *,
    method: str,
    settings: PredictorSettings,
    selection: TaskSelection,
    dataset_sha256: str,
    weights_sha256: str | None = None,
    conditioning: Conditioning | None = None,
) -> RunManifest:
    """The manifest of a run of `method` over `tasks`, which are selected and in the order of the run."""
    return RunManifest(
        method=method,
        settings=SettingsManifest(
            backbone=settings.backbone,
            device=settings.device,
            dtype=settings.dtype,
            batch_size=settings.batch_size,
            max_new_tokens=settings.max_new_tokens,
            state=settings.state,
            checkpoint=settings.checkpoint,
            encoder=settings.encoder,
            refresh=settings.refresh,
            published_embeddings=settings.embeddings is not None,
        ),
        weights_sha256=weights_sha256,
        conditioning=None if conditioning is None else ConditioningManifest(**asdict(conditioning)),
        retrieval=None if settings.retrieval is None else settings.retrieval.described(),
        dataset_sha256=dataset_sha256,
        tracks=selection.tracks,
        splits=selection.splits,
        limit=selection.limit,
        seed=selection.seed,
        task_count=len(tasks),
        task_ids_sha256=hash_task_ids(tasks),
        chunk_tasks=chunk_tasks(settings.batch_size),
        metric_versions=dict(METRIC_VERSIONS),
        scorers=current_scorers(),
        tool_version=__version__,
    )


def current_scorers(backend: CodeBleuBackend = CodeBleuBackend.OURS) -> ScorersManifest:
    """What scores that are made now depend on."""
    return ScorersManifest(
        codebleu_backend=backend,
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        tree_sitter=version("tree-sitter"),
        tree_sitter_python=version("tree-sitter-python"),
        rapidfuzz=version("rapidfuzz"),
    )


def hash_task_ids(tasks: Sequence[Task]) -> str:
    """Hex SHA-256 of the ids of `tasks` in order, one per line."""
    return hashlib.sha256("".join(f"{task.task_id}\n" for task in tasks).encode()).hexdigest()


def first_difference(found: RunManifest, wanted: RunManifest) -> str | None:
    """The first field in which two manifests differ, as `settings.backbone: 'a' there, 'b' here`; None if none does."""
    there, here = _flat(found), _flat(wanted)
    for name in here | there:
        if there.get(name) != here.get(name):
            return f"{name}: {there.get(name)!r} there, {here.get(name)!r} here"
    return None


def _flat(manifest: RunManifest) -> dict[str, object]:
    fields = manifest.model_dump(mode="json")
    flat = {"method": fields.pop("method")}
    for group in ("settings", "conditioning", "training", "retrieval", "scorers"):
        values = fields.pop(group)
        flat |= {group: None} if values is None else {f"{group}.{name}": value for name, value in values.items()}
    return {**flat, **fields}
