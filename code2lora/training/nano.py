"""Trains a small backbone (`nano`) from scratch: a list of releases in, a model folder with its card out (io).

While it lasts, everything is in a folder beside the result, `NAME.training`: encoded corpus, state, log. It is deleted
once the result is in place. It makes no claim of quality: the result lets every command run offline.
"""

import importlib.metadata
import logging
import platform
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from code2lora.errors import TrainingError
from code2lora.folders import replace_folder
from code2lora.training.corpus import read_corpus
from code2lora.training.log import TrainingLog, read_log
from code2lora.training.nano_card import CARD_NAME, model_card
from code2lora.training.nano_data import read_data, write_data
from code2lora.training.nano_loop import NanoCourse, NanoOutcome, train_weights
from code2lora.training.nano_model import trained_weights, write_model
from code2lora.training.nano_recipe import NanoRecipe, TrainingProgress, check_recipe
from code2lora.training.nano_record import NanoRecord, NanoSettings, read_nano_record
from code2lora.training.record import LOG_NAME, RECORD_NAME
from code2lora.training.sdists import INDEX, SourceList, fetch_sources
from code2lora.training.workspace import SETTINGS_NAME, claimed, work_folder

__all__ = ["NAME", "NanoSession", "begun_steps", "train_nano"]

NAME = "nano"
_DATA_NAME = "corpus"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NanoSession:
    """What a training is made from.

    Attributes:
        recipe: Every number that it depends on.
        sources: The releases to learn from.
        cache: The folder that keeps their files; what is missing is downloaded into it.
        device: A torch device.
        index: Base of the simple index that knows where the files lie.
        save_seconds: Least time between two states on the disk; 0 writes one at every log step.
        compiled: Whether steps are compiled by torch.
        prepared: Told how far the preparation is: what is done, and `(done, total)`. When training begins it is told
            `nano`, the steps that an earlier start made, and all of them.
        progress: Told at every log step how far the training is.
    """

    recipe: NanoRecipe
    sources: SourceList
    cache: Path
    device: torch.device
    index: str = INDEX
    save_seconds: float = 600.0
    compiled: bool = False
    prepared: Callable[[str, int, int], None] | None = None
    progress: Callable[[TrainingProgress], None] | None = None

    def settings(self) -> NanoSettings:
        """Everything that the weights depend on."""
        versions = {name: importlib.metadata.version(name) for name in ("tokenizers", "torch", "transformers")}
        return NanoSettings(
            recipe=asdict(self.recipe),
            sources=tuple(asdict(source) for source in self.sources.sources),
            source_bytes=self.sources.source_bytes,
            device=self.device.type,
            compiled=self.compiled,
            versions={"python": platform.python_version(), **versions},
        )


def train_nano(session: NanoSession, folder: Path) -> NanoRecord:
    """Trains a backbone and writes its folder; a training that is there already is only read.

    The folder holds the weights (bfloat16), configuration and tokenizer, MODEL_CARD.md, run.log with a JSON line for
    every log step, and training.json. Set `OMP_NUM_THREADS=1` where other work shares the processor: two threads wait
    for each other.

    Args:
        session: What to train.
        folder: Where the result goes. Beside it, `NAME.training` holds what is needed to go on after a kill.

    Returns:
        What came of it.

    Raises:
        CorpusError: a file cannot be had or has another hash, or the corpus is shorter than one window.
        TrainingError: the recipe cannot be used, a loss is not finite, or the folder is of another training.
        OSError: the folder cannot be written.
    """
    check_recipe(session.recipe)
    settings = session.settings()
    if (folder / RECORD_NAME).is_file():
        record = read_nano_record(folder)
        if record.settings_sha256 != settings.sha256():
            raise TrainingError(f"{folder} holds another training; choose another folder, or give --overwrite.")
        shutil.rmtree(work_folder(folder), ignore_errors=True)  # there if a kill came just before its deletion
        return record
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise TrainingError(f"{folder} holds something that is no training of ours; choose another folder.")
    work = work_folder(folder)
    with claimed(work, settings):
        record = _trained(session, settings, work, folder)
    shutil.rmtree(work)
    return record


def begun_steps(folder: Path) -> int | None:
    """The steps of the training that a folder holds or that goes on beside it; None where there is none.

    Args:
        folder: Where its result goes.
    """
    if (folder / RECORD_NAME).is_file():
        return int(read_nano_record(folder).recipe["steps"])
    path = work_folder(folder) / SETTINGS_NAME
    if not path.is_file():
        return None
    try:
        return int(NanoSettings.model_validate_json(path.read_text("utf-8")).recipe["steps"])
    except (OSError, ValueError, KeyError) as error:
        raise TrainingError(f"{path} is no beginning of a training of nano; start anew with --overwrite.") from error


def _trained(session: NanoSession, settings: NanoSettings, work: Path, folder: Path) -> NanoRecord:
    """Prepares what is not prepared, trains, and puts the result in place."""
    if not (work / _DATA_NAME).is_dir():
        _prepare(session, work / _DATA_NAME)
    data = read_data(work / _DATA_NAME)
    log = TrainingLog(work / LOG_NAME)

    def begin(done: int) -> None:
        if session.prepared is not None:
            session.prepared(NAME, done, session.recipe.steps)

    def report(at: TrainingProgress) -> None:
        log.add(NAME, at)
        _log.info("step %d/%d loss %.4f eta %.0f s", at.step, at.steps, at.loss, at.eta_seconds)
        if session.progress is not None:
            session.progress(at)

    course = NanoCourse(
        recipe=session.recipe,
        data=data,
        device=session.device,
        settings_sha256=settings.sha256(),
        folder=work,
        save_seconds=session.save_seconds,
        compiled=session.compiled,
    )
    outcome = train_weights(course, begin, report)
    record = _record(settings, outcome, data.facts)

    def fill(partial: Path) -> None:
        write_model(partial, outcome.model, data.tokenizer)
        shutil.copyfile(work / LOG_NAME, partial / LOG_NAME)
        (partial / CARD_NAME).write_text(model_card(record, read_log(work / LOG_NAME)), "utf-8")
        (partial / RECORD_NAME).write_text(record.to_json(), "utf-8")

    if not replace_folder(folder, RECORD_NAME, fill):
        raise TrainingError(f"{folder} holds something that is no training of ours; choose another folder.")
    return record


def _prepare(session: NanoSession, folder: Path) -> None:
    """Fetches, reads and encodes the corpus."""

    def told(name: str) -> Callable[[int, int], None]:
        return lambda done, total: session.prepared(name, done, total) if session.prepared is not None else None

    releases = session.sources.sources
    fetch_sources(releases, session.cache, index=session.index, progress=told("fetching"))
    corpus = read_corpus(
        releases,
        session.cache,
        source_bytes=session.sources.source_bytes,
        val_fraction=session.recipe.val_fraction,
        progress=told("reading"),
    )
    write_data(corpus, session.recipe, folder, told("encoding"))


def _record(settings: NanoSettings, outcome: NanoOutcome, facts: dict[str, object]) -> NanoRecord:
    standing = outcome.standing
    return NanoRecord(
        **settings.model_dump(exclude={"sources"}),
        settings_sha256=settings.sha256(),
        corpus=facts,
        parameters=sum(weight.numel() for weight in trained_weights(outcome.model).values()),
        steps=standing.step,
        tokens=standing.tokens,
        curve=tuple(standing.curve),
        best_step=standing.step if standing.best_step is None else standing.best_step,
        validation=outcome.validation,
        unseen=outcome.unseen,
    )
