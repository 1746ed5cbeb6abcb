"""`rag`, `drc`, `icl`, `fft-rag`, `shared-lora-rag`: a predictor that continues prefixes, with context before them.

What continues them is that of `pretrained`, `fft` and `shared-lora`, and so are limits and stopping: where an answer
ends is read off the prefix, not off the context. The context is made of the request alone (of `icl`, of training tasks,
too), so an answer does not depend on earlier calls.
"""

import hashlib
import weakref
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Protocol, TypeVar

from code2lora.backbone import Backbone, load_backbone
from code2lora.encoding_progress import EncodingProgress
from code2lora.errors import Code2LoRAError
from code2lora.vector_store import SqliteVectorStore
from harness import hypernetworks
from harness.costs import Costs
from harness.errors import PredictorError
from harness.predictors.adapted import build_fft, build_shared_lora
from harness.predictors.causal import CausalPredictor, build_pretrained
from harness.predictors.protocol import PredictorSettings, TrainingTasks
from harness.predictors.retrieval.compression import CountTokens
from harness.predictors.retrieval.dense import TextVectors
from harness.predictors.retrieval.examples import Examples
from harness.predictors.retrieval.passages import DependencyPassages, RetrievedPassages
from harness.predictors.retrieval.prompts import PromptBuilder
from harness.predictors.retrieval.recipe import (
    DrcSettings,
    IclSettings,
    RagSettings,
    RetrievalSettings,
    load_retrieval,
)
from harness.records import Answer, PredictionRequest
from repopeftbench.errors import RepoBenchError

_Settings = TypeVar("_Settings", RagSettings, DrcSettings, IclSettings)


class ContextSource(Protocol):
    """Finds context for a request."""

    def blocks(self, request: PredictionRequest, budget: int, count_tokens: CountTokens) -> list[str]:
        """Texts of at most so many tokens, the one to stand nearest to the prefix last."""
        ...


class RetrievalPredictor:
    """Continues each prefix behind the context that was found for it."""

    def __init__(
        self,
        continuer: CausalPredictor,
        source: ContextSource,
        prompts: PromptBuilder,
        encoder_sha256: str | None = None,
    ) -> None:
        """Takes what continues prompts, what finds context, and what puts it before prefixes.

        Args:
            continuer: Continues them.
            source: Finds context.
            prompts: Puts it before prefixes.
            encoder_sha256: The weights that context is found with, where they are not the continuer's own.
        """
        self._continuer = continuer
        self._source = source
        self._prompts = prompts
        self._encoder_sha256 = encoder_sha256

    @property
    def costs(self) -> Costs:
        """What the continuer's answers cost; its prompts are the prefixes with their context."""
        return self._continuer.costs

    @property
    def weights_sha256(self) -> str:
        """What the continuer's weights are, and the encoder's, if those are others."""
        if self._encoder_sha256 is None:
            return self._continuer.weights_sha256
        both = f"{self._continuer.weights_sha256} {self._encoder_sha256}"
        return hashlib.sha256(both.encode()).hexdigest()

    def tell_encoding(self, progress: EncodingProgress) -> None:
        """Has `progress` told how far the encoding of repositories is, from now on; some sources encode nothing."""
        if isinstance(self._source, RetrievedPassages):
            self._source.tell_encoding(progress)

    def prompt(self, request: PredictionRequest) -> str:
        """The text that is continued for a request; it ends in the request's prefix.

        Raises:
            PredictorError: the repository cannot be read, or the encoder is of no use.
        """
        try:
            return self._prompts.prompt(request.task.prefix, partial(self._source.blocks, request))
        except (Code2LoRAError, RepoBenchError) as error:
            raise PredictorError(f"context of {request.task.repo_id} at {request.task.commit_sha}: {error}") from error

    def predict(self, requests: Sequence[PredictionRequest]) -> Iterator[Answer]:
        """One answer per request, in order.

        Raises:
            PredictorError: no context can be found, or the settings do not fit the backbone.
        """
        yield from self._continuer.continued(requests, [self.prompt(request) for request in requests])


def build_rag(settings: PredictorSettings, training: TrainingTasks) -> RetrievalPredictor:
    """`rag`: the backbone as it comes, with passages; nothing is learnt from `training`.

    Raises:
        PredictorError: something cannot be loaded or does not fit; the message says what and what to do.
    """
    return _with_passages("rag", build_pretrained(settings, training), settings)


def build_fft_rag(settings: PredictorSettings, training: TrainingTasks) -> RetrievalPredictor:
    """`fft-rag`: the weights of `fft`, which never saw context in training, with passages.

    Raises:
        PredictorError: the checkpoint or the encoder cannot be used; the message says what and what to do.
    """
    return _with_passages("fft-rag", build_fft(settings, training), settings)


def build_shared_lora_rag(settings: PredictorSettings, training: TrainingTasks) -> RetrievalPredictor:
    """`shared-lora-rag`: the weights of `shared-lora`, which never saw context in training, with passages.

    Raises:
        PredictorError: the checkpoint or the encoder cannot be used; the message says what and what to do.
    """
    return _with_passages("shared-lora-rag", build_shared_lora(settings, training), settings)


def build_drc(settings: PredictorSettings, training: TrainingTasks) -> RetrievalPredictor:
    """`drc`: the backbone as it comes, with the definitions that a prefix leads to; nothing is learnt from `training`.

    Raises:
        PredictorError: the backbone or the recipe cannot be used; the message says what and what to do.
    """
    own = _own("drc", settings, DrcSettings)
    return _predictor(build_pretrained(settings, training), DependencyPassages(own), own, settings)


def build_icl(settings: PredictorSettings, training: TrainingTasks) -> RetrievalPredictor:
    """`icl`: the backbone as it comes, with training tasks as examples.

    Raises:
        PredictorError: the backbone or the recipe cannot be used; the message says what and what to do.
    """
    own = _own("icl", settings, IclSettings)
    return _predictor(build_pretrained(settings, training), Examples(training, own), own, settings)


def _own(method: str, settings: PredictorSettings, kind: type[_Settings]) -> _Settings:
    """The method's table of the recipe that was chosen; `clean` if none was."""
    recipe = settings.retrieval or load_retrieval("clean", method)
    if recipe.method != method or not isinstance(recipe.settings, kind):
        raise PredictorError(f"The retrieval recipe is that of {recipe.method}, not of {method}.")
    return recipe.settings


def _with_passages(method: str, continuer: CausalPredictor, settings: PredictorSettings) -> RetrievalPredictor:
    own = _own(method, settings, RagSettings)
    if not own.dense_tokens:
        return _predictor(continuer, RetrievedPassages(own, None), own, settings)
    try:
        encoder = _encoder(settings, continuer.backbone)
        path = hypernetworks.vector_store_path()
        path.parent.mkdir(parents=True, exist_ok=True)
        store = SqliteVectorStore(path)
    except (Code2LoRAError, OSError) as error:
        raise PredictorError(str(error)) from error
    vectors = TextVectors(hypernetworks.keyed_encoder(encoder), store, own.dense_tokens)
    source = RetrievedPassages(own, vectors)
    predictor = _predictor(continuer, source, own, settings, None if settings.encoder is None else encoder)
    weakref.finalize(predictor, store.close)
    return predictor


def _encoder(settings: PredictorSettings, backbone: Backbone) -> Backbone:
    """What makes vectors: the one that was named, else the backbone."""
    if settings.encoder is None or settings.encoder == backbone.name:
        return backbone
    return load_backbone(settings.encoder, device=settings.device, dtype=settings.dtype)


def _predictor(
    continuer: CausalPredictor,
    source: ContextSource,
    own: RetrievalSettings,
    settings: PredictorSettings,
    encoder: Backbone | None = None,
) -> RetrievalPredictor:
    prompts = PromptBuilder(continuer.backbone, own, settings.max_new_tokens)
    return RetrievalPredictor(continuer, source, prompts, None if encoder is None else encoder.weights_sha256)
