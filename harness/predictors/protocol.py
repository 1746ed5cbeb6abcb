"""What a predictor is, and how one is found by name.

A predictor answers requests and knows nothing of targets, scores, files or runs. A method's module is imported when
the method is built, so that the list of methods costs nothing and a base install can show it.
"""

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol, TypeAlias, cast, runtime_checkable

from harness.errors import PredictorError, UnknownMethodError
from harness.records import Answer, PredictionRequest
from repopeftbench.schema import Task


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictorSettings:
    """The options that methods share; a method ignores what does not concern it.

    `backbone` is `nano`, a Hub id or a folder; `device` and `dtype` may be `auto`; `batch_size` counts tasks and
    `max_new_tokens` tokens of the backbone, both at least 1. `checkpoint` is a folder of trained weights, None for the
    method's own where it has any.
    """

    backbone: str = "nano"
    device: str = "auto"
    dtype: str = "auto"
    batch_size: int = 16
    max_new_tokens: int = 64
    checkpoint: str | None = None

    def __post_init__(self) -> None:
        """Refuses limits that no method can work with."""
        for name, value in (("batch-size", self.batch_size), ("max-new-tokens", self.max_new_tokens)):
            if value < 1:
                raise PredictorError(f"--{name} {value} is too small: give 1 or more")


TrainingTasks: TypeAlias = Callable[[], Iterable[Task]]
"""Gives the train-role tasks of the dataset, of both tracks; called only by methods that learn from them."""

PredictorFactory: TypeAlias = Callable[[PredictorSettings, TrainingTasks], Predictor]

METHODS: Mapping[str, str] = MappingProxyType(
    {
        "most-frequent": "harness.predictors.trivial:MostFrequent",
        "copy-prefix": "harness.predictors.trivial:CopyPrefix",
        "previous-version": "harness.predictors.trivial:PreviousVersion",
        "pretrained": "harness.predictors.causal:build_pretrained",
        "shared-lora": "harness.predictors.adapted:build_shared_lora",
        "per-repo-lora": "harness.predictors.adapted:build_per_repo_lora",
        "fft": "harness.predictors.adapted:build_fft",
    }
)
"""Every method's name and the `module:attribute` of its factory."""


def build_predictor(name: str, settings: PredictorSettings, training: TrainingTasks) -> Predictor:
    """The predictor called `name`, ready to answer.

    Raises:
        UnknownMethodError: there is no such method.
        PredictorError: the method cannot be built with these settings on this machine.
    """
    if name not in METHODS:
        raise UnknownMethodError(name, METHODS)
    module, _, attribute = METHODS[name].partition(":")
    factory = cast(PredictorFactory, getattr(importlib.import_module(module), attribute))
    return factory(settings, training)


def weights_of(predictor: Predictor) -> str | None:
    """What the weights behind `predictor` are, for the run's manifest; None where it has none."""
    return predictor.weights_sha256 if isinstance(predictor, HasWeights) else None
