"""What a predictor is, and how one is found by name.

A predictor answers requests and knows nothing of targets, scores, files or runs. A method's module is imported when
the method is built, so that the list of methods costs nothing and a base install can show it.
"""

import importlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, TypeAlias, cast, runtime_checkable

from code2lora.encoding_progress import EncodingProgress
from harness.errors import PredictorError, UnknownMethodError
from harness.predictors.retrieval.recipe import RetrievalRecipe
from harness.records import Answer, Conditioning, PredictionRequest
from repopeftbench.schema import State, Task


class Predictor(Protocol):
    """Anything that answers tasks."""

    def predict(self, requests: Sequence[PredictionRequest]) -> Iterator[Answer]:
        """Exactly one answer per request, in any order.

        An answer depends on the requests of this call alone, never on earlier calls: a resumed run skips those. An
        answer is raw text as it would follow the prefix, white space included; the caller stops it. A
        PredictorError ends the run; any other exception says that these requests cannot be answered together, and the
        caller then asks for them one by one.
        """
        ...


@runtime_checkable
class HasWeights(Protocol):
    """A predictor whose answers come out of weights."""

    @property
    def weights_sha256(self) -> str:
        """Identifies the weights."""
        ...


@runtime_checkable
class HasAdapters(Protocol):
    """A predictor whose adapters are made of what it may see of a repository."""

    def conditioning(self, request: PredictionRequest) -> Conditioning:
        """What its adapters are made with, and what the one of this request changes.

        Raises:
            PredictorError: it changes nothing, or cannot be made.
        """
        ...


@runtime_checkable
class HasEncoder(Protocol):
    """A predictor that turns the texts of a repository into vectors before it answers."""

    def tell_encoding(self, progress: EncodingProgress) -> None:
        """Has `progress` told how far that is, from now on."""
        ...


class Refresh(StrEnum):
    """When a method that is conditioned on a snapshot takes a new one on the evolution track.

    `start` keeps that of the last train commit, or of the first commit where a repository has none: how much an
    adapter loses by ageing.
    """

    EVERY_COMMIT = "every-commit"
    START = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictorSettings:
    """The options that methods share; a method ignores what does not concern it.

    `backbone` is `nano`, a Hub id or a folder; `device` and `dtype` may be `auto`; `batch_size` counts tasks and
    `max_new_tokens` tokens of the backbone, both at least 1. `state` is what every method of a run sees of a commit.
    `checkpoint` is a folder of trained weights (of hypernetworks also a `.pt` file or a Hub id), None for the method's
    own where the backbone has one. Of hypernetworks, `encoder` is a backbone, None for the checkpoint's; `embeddings`
    is a dataset whose published vectors take the encoder's place. Of methods that retrieve, `encoder` is a backbone,
    None for the run's own; `retrieval` is the method's recipe, None for `clean`.
    """

    backbone: str = "nano"
    device: str = "auto"
    dtype: str = "auto"
    batch_size: int = 16
    max_new_tokens: int = 64
    state: State = State.COMMIT
    checkpoint: str | None = None
    encoder: str | None = None
    refresh: Refresh = Refresh.EVERY_COMMIT
    embeddings: Path | None = None
    retrieval: RetrievalRecipe | None = None

    def __post_init__(self) -> None:
        """Refuses limits that no method can work with."""
        for name, value in (("batch-size", self.batch_size), ("max-new-tokens", self.max_new_tokens)):
            if value < 1:
                raise PredictorError(f"--{name} {value} is too small: give 1 or more")
        if self.embeddings is not None and self.encoder is not None:
            raise PredictorError(f"--encoder {self.encoder} has no use with --embeddings dataset: give one of them")


TrainingTasks: TypeAlias = Callable[[], Iterable[Task]]
"""Gives the train-role tasks of the dataset, of both tracks; called only by methods that learn from them."""

PredictorFactory: TypeAlias = Callable[[PredictorSettings, TrainingTasks], Predictor]

METHODS: Mapping[str, str] = MappingProxyType(
    {
        "most-frequent": "harness.predictors.trivial:MostFrequent",
        "copy-prefix": "harness.predictors.trivial:CopyPrefix",
        "previous-version": "harness.predictors.trivial:PreviousVersion",
        "pretrained": "harness.predictors.causal:build_pretrained",
        "icl": "harness.predictors.retrieval.methods:build_icl",
        "rag": "harness.predictors.retrieval.methods:build_rag",
        "drc": "harness.predictors.retrieval.methods:build_drc",
        "shared-lora": "harness.predictors.adapted:build_shared_lora",
        "per-repo-lora": "harness.predictors.adapted:build_per_repo_lora",
        "fft": "harness.predictors.adapted:build_fft",
        "shared-lora-rag": "harness.predictors.retrieval.methods:build_shared_lora_rag",
        "fft-rag": "harness.predictors.retrieval.methods:build_fft_rag",
        "text2lora": "harness.predictors.hypernet:build_text",
        "code2lora-static": "harness.predictors.hypernet:build_static",
        "code2lora-evo": "harness.predictors.hypernet:build_evolution",
        "code2lora-memory": "harness.predictors.hypernet:build_memory",
    }
)
"""Every method's name and the `module:attribute` of its factory."""


def build_predictor(name: str, settings: PredictorSettings, training: TrainingTasks) -> Predictor:
    """The predictor called `name`, ready to answer.

    Args:
        name: one of METHODS, or `module:attribute` of somebody's own class or function; such a module is imported, from
            the current folder first, and so runs.
        settings: what the user asked for.
        training: gives tasks to learn from.

    Raises:
        UnknownMethodError: there is no such method.
        PredictorError: the method cannot be built with these settings on this machine.
    """
    if name not in METHODS and ":" not in name:
        raise UnknownMethodError(name, METHODS)
    return _factory(METHODS.get(name) or name)(settings, training)


def _factory(path: str) -> PredictorFactory:
    """What `module:attribute` names."""
    module, _, attribute = path.partition(":")
    if path not in METHODS.values() and str(Path.cwd()) not in sys.path:
        # A console script does not look into the current folder.
        sys.path.insert(0, str(Path.cwd()))
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise  # of something that the module imports
        raise PredictorError(
            f"--method {path}: there is no module {module!r} in the current folder or among the installed ones"
        ) from error
    if not hasattr(found, attribute):
        raise PredictorError(f"--method {path}: {module} has no {attribute!r}: check the spelling")
    return cast(PredictorFactory, getattr(found, attribute))


def weights_of(predictor: Predictor) -> str | None:
    """What the weights behind `predictor` are, for the run's manifest; None where it has none."""
    return predictor.weights_sha256 if isinstance(predictor, HasWeights) else None


def tell_encoding_of(predictor: Predictor, progress: EncodingProgress) -> None:
    """Has `progress` told how far `predictor` is with encoding repositories; one without an encoder tells nothing."""
    if isinstance(predictor, HasEncoder):
        predictor.tell_encoding(progress)


def conditioning_of(predictor: Predictor, request: PredictionRequest) -> Conditioning | None:
    """What the adapters of `predictor` are made with, for the run's manifest; None where it has none.

    Raises:
        PredictorError: the adapter of `request` changes nothing, or cannot be made.
    """
    return predictor.conditioning(request) if isinstance(predictor, HasAdapters) else None
