"""Answers the chunks of a run on a Ray cluster: one worker per GPU, or per CPU, each with a predictor of its own.

Chunks are those of a run in one process, and each is answered as there, so the predictions are the same bytes where
the devices are the same. A shard is the chunks that begin in one repository: what a worker knows of a repository
serves all of them. The driver puts the chunks back in order and is the only one that writes. Workers read the dataset
from the path that the driver was given: it must be theirs too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from harness.answering import AnsweringHere, Note
from harness.errors import HarnessError, RunError
from harness.predictors.protocol import PredictorSettings, build_predictor, weights_of
from harness.records import Prediction
from repopeftbench.errors import RepoBenchError
from repopeftbench.ray_actors import serve
from repopeftbench.schema import Split, Task, Track


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """What a worker is set up with; equal ones give equal answers.

    Attributes:
        method: The method's name.
        settings: Its settings.
        data: Folder of the dataset.
        dataset_sha256: What must be in it.
        cache: Folder of the clones.
        weights_sha256: The weights that the driver found.
    """

    method: str
    settings: PredictorSettings
    data: Path
    dataset_sha256: str
    cache: Path
    weights_sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answered:
    """A chunk's predictions and what is to be noted of them; or why there are none."""

    predictions: Sequence[Prediction] = ()
    notes: Sequence[str] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweringOnRay:
    """Workers of the cluster that this process is connected to (`Answering`).

    Attributes:
        workplace: What they are set up with.
        on_gpus: Whether each has a GPU.
    """

    workplace: Workplace
    on_gpus: bool

    def answers(self, chunks: Sequence[Sequence[Task]], note: Note) -> Iterator[list[Prediction]]:
        """The predictions of each chunk, in order; those that are done earlier wait.

        Raises:
            RunError: a worker cannot be set up, or its predictor gave up.
            ConfigError: a worker has other versions, or there is no GPU.
            SourceError: a worker was lost too often.
        """
        shards = _by_repository(chunks)
        order = [(shard, place) for shard, items in enumerate(shards) for place in range(len(items))]
        waiting: dict[tuple[int, int], _Answered] = {}
        following = 0
        for where, answered in serve(partial(_answer, self.workplace), shards, on_gpus=self.on_gpus):
            waiting[where] = answered
            while following < len(order) and order[following] in waiting:
                done = waiting.pop(order[following])
                following += 1
                for line in done.notes:
                    note(line)
                if done.problem is not None:
                    raise RunError(f"A worker cannot go on: {done.problem}")
                yield list(done.predictions)


def _by_repository(chunks: Sequence[Sequence[Task]]) -> list[list[Sequence[Task]]]:
    """The chunks, in order, by the track and repository that they begin in."""
    shards: list[list[Sequence[Task]]] = []
    last: tuple[Track, str] | None = None
    for chunk in chunks:
        begins = (chunk[0].track, chunk[0].repo_id)
        if begins != last:
            shards.append([])
        last = begins
        shards[-1].append(chunk)
    return shards


def _answer(workplace: Workplace, chunk: Sequence[Task]) -> _Answered:
    """At a worker: one chunk."""
    notes: list[str] = []
    try:
        (predictions,) = _opened(workplace).answers([chunk], notes.append)
    except (HarnessError, RepoBenchError) as error:
        return _Answered(notes=tuple(notes), problem=str(error))
    return _Answered(predictions=tuple(predictions), notes=tuple(notes))


@lru_cache(maxsize=1)
def _opened(workplace: Workplace) -> AnsweringHere:
    """At a worker: the predictor, and what it may see; once for all chunks."""
    from repopeftbench.dataset.store import Dataset
    from repopeftbench.views import DatasetViews

    dataset = Dataset(workplace.data)
    if dataset.sha256 != workplace.dataset_sha256:
        raise RunError(
            f"{workplace.data} holds another dataset here than where the run was started: copy the same one."
        )

    def training() -> Iterator[Task]:
        for track in Track:
            yield from dataset.tasks(track, Split.IR_TRAIN)

    predictor = build_predictor(workplace.method, workplace.settings, training)
    if weights_of(predictor) != workplace.weights_sha256:
        raise RunError(
            f"--backbone {workplace.settings.backbone} has other weights here than where the run was started."
        )
    views = DatasetViews(dataset.manifest, workplace.cache, folder=dataset.folder)
    return AnsweringHere(predictor, lambda task: views.of_task(task, workplace.settings.state))
