"""One training, from a dataset to a folder of weights: reads, prepares, trains, writes; survives kills (io).

While it lasts, everything is in a folder beside the result, `NAME.training`: sequences, state, log. It is deleted once
the result is in place.
"""

import importlib.metadata
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from code2lora.encoder import VectorStore, WindowEncoder
from code2lora.encoding_progress import EncodingProgress
from code2lora.errors import TrainingError
from code2lora.training.artefacts import (
    ADAPTERS_NAME,
    count,
    write_adapter,
    write_backbone,
    write_folder,
    write_hypernetwork,
    write_memory,
    write_text,
)
from code2lora.training.data import TaskPlace, TrainingData, TrainingSplit
from code2lora.training.hypernetworks import EvolvingHypernetwork, StaticHypernetwork, TextHypernetwork
from code2lora.training.log import LogReader, TrainingLog, tell
from code2lora.training.loop import Course, Method, train_method
from code2lora.training.memories import MemoryHypernetwork, is_shared, with_strength
from code2lora.training.methods import untrained_lora, untrained_method
from code2lora.training.nano_recipe import TrainingProgress
from code2lora.training.plan import Draw, Plan, TaskGroup
from code2lora.training.recipe import TrainingRecipe
from code2lora.training.record import (
    LOG_NAME,
    RECORD_NAME,
    Outcome,
    Settings,
    TrainingRecord,
    outcome_of,
    read_record,
)
from code2lora.training.tokens import TokenStore
from code2lora.training.weights import FullFineTuning, SharedLoRA
from code2lora.training.workspace import claimed, work_folder
from repopeftbench.schema import content_id

if TYPE_CHECKING:
    from code2lora.backbone import Backbone


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainingSession:
    """What a training is made from.

    Attributes:
        recipe: The recipe, for one method.
        seed: Seeds weights and draws.
        data: The dataset.
        backbone: The model to condition; `fft` changes it and needs it in float32.
        encoder: Makes the vectors of repositories, for the methods that have any.
        encoder_name: What the encoder is loaded by.
        vectors: Where they are kept.
        save_seconds: Least time between two states on the disk.
        progress: Told after every step: the name of what is trained, and how far it is.
        prepared: Told how far the vectors are, as `(done, total)`.
        encoding: Told how far the texts are that they are made of.
        reader: Told what the log says; also of a training that is there already.
    """

    recipe: TrainingRecipe
    seed: int
    data: TrainingData
    backbone: "Backbone"
    encoder: WindowEncoder
    encoder_name: str
    vectors: VectorStore
    save_seconds: float = 600.0
    progress: Callable[[str, TrainingProgress], None] | None = None
    prepared: Callable[[int, int], None] | None = None
    encoding: EncodingProgress | None = None
    reader: LogReader | None = None

    def settings(self) -> Settings:
        """Everything that the weights depend on."""
        conditioned = self.recipe.settings.encoder_recipe is not None
        return Settings(
            method=self.recipe.method,
            recipe=self.recipe.name,
            # What has a default is left out at it: records from before it was there stay equal.
            terms=self.recipe.terms.model_dump(mode="json", exclude_defaults=True),
            own=self.recipe.settings.model_dump(mode="json", exclude={"terms"}, exclude_none=True),
            seed=self.seed,
            dataset_sha256=self.data.sha256,
            backbone=self.backbone.name,
            backbone_sha256=self.backbone.weights_sha256,
            encoder=self.encoder_name if conditioned else None,
            encoder_sha256=self.encoder.weights_sha256 if conditioned else None,
            device=torch.device(self.backbone.device).type,
            versions={name: importlib.metadata.version(name) for name in ("torch", "transformers")},
        )


def train(session: TrainingSession, folder: Path) -> TrainingRecord:
    """Trains and writes a folder; a training that is there already is only read.

    Args:
        session: What to train.
        folder: Where the result goes. Beside it, `NAME.training` holds what is needed to go on after a kill.

    Returns:
        What came of it.

    Raises:
        TrainingError: there is nothing to train on, the folder is of another training, or training diverged.
        OSError: the folder cannot be written.
    """
    settings = session.settings()
    if (folder / RECORD_NAME).is_file():
        record = read_record(folder)
        if record.settings_sha256 != settings.sha256():
            raise TrainingError(f"{folder} holds another training; choose another folder, or give --overwrite.")
        shutil.rmtree(work_folder(folder), ignore_errors=True)  # there if a kill came just before its deletion
        if session.reader is not None:
            tell(session.reader, folder / LOG_NAME)
        return record
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise TrainingError(f"{folder} holds something that is no training of ours; choose another folder.")
    work = work_folder(folder)
    with claimed(work, settings):
        training = _Training(session, settings, work)
        if session.recipe.method == "per-repo-lora":
            record, write = training.each_repository()
        else:
            record, write = training.all_repositories()
        write_folder(folder, record, work / LOG_NAME, write)
    shutil.rmtree(work)
    return record


class _Training:
    """One training in progress."""

    def __init__(self, session: TrainingSession, settings: Settings, work: Path) -> None:
        self.session = session
        self.settings = settings
        self.work = work
        self.log = TrainingLog(work / LOG_NAME, session.reader)
        self.recipe = session.recipe
        self.pool = pool_of(session.data.places("ir_train"))
        if not self.pool:
            track = session.recipe.terms.track
            raise TrainingError(f"The dataset has no task of ir_train in its {track} track: mine more commits.")

    def all_repositories(self) -> tuple[TrainingRecord, Callable[[Path], None]]:
        """Trains one network for all of them."""
        plan = Plan(self.pool, self.recipe.terms, self.session.seed)
        exam = self._exam(self.session.data.places("cr_val"))
        every = [draw for step in range(plan.terms.steps) for draw in plan.step(step)]
        every += [draw for draws in exam for draw in draws]
        method = untrained_method(self.session, frozenset(repo_id for repo_id, _ in self.pool), every)
        outcome = self._train(method, plan, exam, "cr_val", repo_id=None)
        record = self._record((outcome,), len(plan.rows()), count(method.parameters()))
        return record, partial(self._write, method=method)

    def each_repository(self) -> tuple[TrainingRecord, Callable[[Path], None]]:
        """Trains an adapter for each of them, one after the other, with its share of the draws."""
        terms, outcomes, tasks, parameters = self.recipe.terms, [], 0, 0
        validation: dict[str, list[TaskPlace]] = {}
        for place in self.session.data.places("ir_val"):
            validation.setdefault(place.repo_id, []).append(place)
        adapters = self.work / ADAPTERS_NAME
        for index, (repo_id, groups) in enumerate(self.pool):
            share = terms.draws // len(self.pool) + (index < terms.draws % len(self.pool))
            if set(repo_id.split("/")) & {"", ".", ".."} or "\\" in repo_id:
                raise TrainingError(
                    f"Repository {repo_id!r} cannot name a folder for its adapter: rename it in the list."
                )
            if not share:
                raise TrainingError(f"{terms.draws} draws for {len(self.pool)} repositories: give at least as many.")
            plan = Plan(((repo_id, groups),), terms.model_copy(update={"draws": share}), self.session.seed)
            method = untrained_lora(self.session)
            exam = self._exam(validation.get(repo_id, ()))
            outcomes.append(self._train(method, plan, exam, "ir_val", repo_id=repo_id))
            write_adapter(adapters / repo_id, method, self.session.backbone, self.settings, repo_id)
            tasks, parameters = tasks + len(plan.rows()), count(method.parameters())
        record = self._record(tuple(outcomes), tasks, parameters)

        def write(folder: Path) -> None:
            shutil.copytree(adapters, folder / ADAPTERS_NAME)

        return record, write

    def _exam(self, places: Iterable[TaskPlace]) -> tuple[tuple[Draw, ...], ...]:
        """The validation tasks of each repository: those with the smallest hash, so that the choice is the data's."""
        chosen: dict[str, list[TaskPlace]] = {}
        for place in places:
            chosen.setdefault(place.repo_id, []).append(place)
        limit = self.recipe.terms.validation_tasks
        return tuple(
            tuple(
                Draw(row=place.row, repo_id=repo_id, commit=place.commit)
                for place in sorted(found, key=lambda place: content_id("exam", place.task_id))[:limit]
            )
            for repo_id, found in sorted(chosen.items())
        )

    def _train(
        self, method: Method, plan: Plan, exam: tuple[tuple[Draw, ...], ...], split: TrainingSplit, repo_id: str | None
    ) -> Outcome:
        """Trains one method over one plan."""
        session = self.session
        work = self.work if repo_id is None else self.work / "repositories" / repo_id
        work.mkdir(parents=True, exist_ok=True)
        rows = sorted(draw.row for draws in exam for draw in draws)
        course = Course(
            backbone=session.backbone,
            plan=plan,
            tokens=self._tokens("ir_train", plan.rows(), work / "train.tokens"),
            exam=exam,
            exam_tokens=self._tokens(split, rows, work / "exam.tokens"),
            learning_rate=self.recipe.settings.learning_rate,
            detach_input=self.recipe.settings.detach_input,
            settings_sha256=self.settings.sha256(),
            folder=work,
            save_seconds=session.save_seconds,
            other_rates=self._other_rates(method),
        )
        name = repo_id or self.recipe.method

        def report(progress: TrainingProgress) -> None:
            self.log.add(name, progress)
            if session.progress is not None:
                session.progress(name, progress)

        standing = train_method(method, course, report)
        outcome = outcome_of(standing, repo_id=repo_id, validation=split)
        return with_strength(outcome, method, course) if isinstance(method, MemoryHypernetwork) else outcome

    def _other_rates(self, method: Method) -> dict[str, float]:
        rate = self.recipe.settings.shared_learning_rate
        return {} if rate is None else {name: rate for name in method.parameters() if is_shared(name)}

    def _tokens(self, split: TrainingSplit, rows: Sequence[int], path: Path) -> TokenStore:
        texts = self.session.data.texts(split, rows) if rows else ()
        length = min(self.recipe.terms.context_length, self.session.backbone.context_length)
        return TokenStore(self.session.backbone, texts, length, path)

    def _record(self, outcomes: tuple[Outcome, ...], tasks: int, parameters: int) -> TrainingRecord:
        return TrainingRecord(
            settings=self.settings,
            settings_sha256=self.settings.sha256(),
            repositories=len(self.pool),
            tasks=tasks,
            draws=sum(outcome.draws for outcome in outcomes),
            target_tokens=sum(outcome.target_tokens for outcome in outcomes),
            steps=sum(outcome.steps for outcome in outcomes),
            trainable_parameters=parameters,
            outcomes=outcomes,
        )

    def _write(self, folder: Path, method: Method) -> None:
        """Writes what was trained into an empty folder."""
        if isinstance(method, SharedLoRA):
            write_adapter(folder, method, self.session.backbone, self.settings)
        elif isinstance(method, FullFineTuning):
            write_backbone(folder, method, self.session.backbone)
        elif isinstance(method, StaticHypernetwork | EvolvingHypernetwork):
            write_hypernetwork(folder, method, self.settings)
        elif isinstance(method, MemoryHypernetwork):
            write_memory(folder, method, self.settings)
        elif isinstance(method, TextHypernetwork):
            write_text(folder, method, self.settings)


def pool_of(places: Sequence[TaskPlace]) -> tuple[tuple[str, tuple[TaskGroup, ...]], ...]:
    """Tasks by repository in order of name, and by commit in order of history."""
    rows: dict[str, dict[int, list[int]]] = {}
    for place in places:
        rows.setdefault(place.repo_id, {}).setdefault(place.commit, []).append(place.row)
    return tuple(
        (repo_id, tuple(TaskGroup(commit=commit, rows=tuple(found)) for commit, found in sorted(commits.items())))
        for repo_id, commits in sorted(rows.items())
    )
