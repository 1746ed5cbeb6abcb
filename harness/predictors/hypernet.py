"""`code2lora-*` and `text2lora`: the backbone with an adapter that is made of what a task's view shows.

Tasks of different repositories and commits are answered in one batch, each row with its own adapter. A view shows
production files, their diffs and the project's own description alone, so no test text reaches an adapter.
"""

import time
import weakref
from collections.abc import Iterator, Sequence

import torch

from code2lora.adapted_generation import generate_adapted
from code2lora.adapters import Adapter
from code2lora.backbone import Backbone
from code2lora.encoding_progress import EncodingProgress
from code2lora.errors import Code2LoRAError
from code2lora.generation import check_limits
from code2lora.lora import adapter_effect
from code2lora.named_checkpoints import EVOLUTION, MEMORY, STATIC, TEXT
from harness.costs import Costs
from harness.errors import PredictorError
from harness.hypernetworks import Hypernetwork, HypernetworkSettings, load_hypernetwork
from harness.predictors.protocol import PredictorSettings, Refresh, TrainingTasks
from harness.records import Answer, Conditioning, PredictionRequest
from harness.stopping import is_complete
from repopeftbench.errors import RepoBenchError
from repopeftbench.schema import HistoryView, Split, Track

_CANARY_TOKENS = 64


class HypernetPredictor:
    """Continues each prefix with one backbone and the adapter of the prefix's repository."""

    def __init__(self, network: Hypernetwork, settings: PredictorSettings) -> None:
        """Takes a loaded network; of `settings` the batch size, the token limit and `refresh` still matter."""
        self._network = network
        self._settings = settings
        self.costs = Costs()
        self._met: set[tuple[str, str]] = set()
        if network.store is not None:
            weakref.finalize(self, network.store.close)

    @property
    def weights_sha256(self) -> str:
        """What the backbone's weights are."""
        return self._network.backbone.weights_sha256

    def tell_encoding(self, progress: EncodingProgress) -> None:
        """Has `progress` told how far the encoding of repositories is, from now on."""
        self._network.tell_encoding(progress)

    def conditioning(self, request: PredictionRequest) -> Conditioning:
        """What adapters are made with, and what the one of this request changes on the end of its prefix.

        Raises:
            PredictorError: it changes nothing, or cannot be made.
        """
        network = self._network
        try:
            adapter = self._adapter(request)
            ids = _last_tokens(network.backbone, request.task.prefix)
            change = adapter_effect(network.backbone.model, ids, adapter)
        except (Code2LoRAError, RepoBenchError) as error:
            raise PredictorError(f"adapter of {request.task.repo_id} at {request.task.commit_sha}: {error}") from error
        return Conditioning(
            checkpoint_sha256=network.checkpoint.fingerprint(),
            encoder_sha256=network.encoder_sha256,
            vectors_sha256=network.inputs.sha256,
            task_id=request.task.task_id,
            adapter_sha256=adapter.sha256(),
            logit_change=float(f"{change:.4g}"),
        )

    def predict(self, requests: Sequence[PredictionRequest]) -> Iterator[Answer]:
        """One answer per request, in order.

        Raises:
            PredictorError: the settings do not fit the backbone, or an adapter cannot be used.
        """
        adapters = [self._adapter(request) for request in requests]
        texts = self._generated([request.task.prefix for request in requests], adapters)
        distinct = {id(adapter): adapter for adapter in adapters}
        names = {key: adapter.sha256() for key, adapter in distinct.items()}
        for request, adapter, text in zip(requests, adapters, texts, strict=True):
            yield Answer(task_id=request.task.task_id, text=text, adapter_sha256=names[id(adapter)])

    def _generated(self, prefixes: Sequence[str], adapters: Sequence[Adapter]) -> list[str]:
        try:
            generated = generate_adapted(
                self._network.backbone,
                prefixes,
                adapters,
                max_new_tokens=self._settings.max_new_tokens,
                batch_size=self._settings.batch_size,
                stop=is_complete,
            )
        except Code2LoRAError as error:
            raise PredictorError(str(error)) from error
        self.costs.add_prompts(one.prompt_tokens for one in generated)
        return [one.text for one in generated]

    def _adapter(self, request: PredictionRequest) -> Adapter:
        view = request.view
        if request.task.track is Track.EVOLUTION and self._settings.refresh is Refresh.START:
            view = _start(view)
        started = time.perf_counter()
        adapter = self._network.conditioner.adapter(view)
        self.costs.adapter_seconds += time.perf_counter() - started
        self._met.add((view.repo_id, view.commit_sha))
        self.costs.adapters = len(self._met)
        return adapter


def build_static(settings: PredictorSettings, training: TrainingTasks) -> HypernetPredictor:
    """`code2lora-static`; nothing is learnt from `training`.

    Raises:
        PredictorError: something cannot be loaded or does not fit; the message says what and what to do.
    """
    return _build(STATIC, settings)


def build_evolution(settings: PredictorSettings, training: TrainingTasks) -> HypernetPredictor:
    """`code2lora-evo`; nothing is learnt from `training`.

    Raises:
        PredictorError: something cannot be loaded or does not fit; the message says what and what to do.
    """
    if settings.refresh is not Refresh.EVERY_COMMIT:
        raise PredictorError(f"--refresh {settings.refresh} is for {STATIC}: {EVOLUTION} takes one step per commit")
    return _build(EVOLUTION, settings)


def build_memory(settings: PredictorSettings, training: TrainingTasks) -> HypernetPredictor:
    """`code2lora-memory`; nothing is learnt from `training`.

    Raises:
        PredictorError: something cannot be loaded or does not fit; the message says what and what to do.
    """
    return _build(MEMORY, settings)


def build_text(settings: PredictorSettings, training: TrainingTasks) -> HypernetPredictor:
    """`text2lora`; nothing is learnt from `training`.

    Raises:
        PredictorError: something cannot be loaded or does not fit; the message says what and what to do.
    """
    return _build(TEXT, settings)


def _build(method: str, settings: PredictorSettings) -> HypernetPredictor:
    try:
        network = load_hypernetwork(
            HypernetworkSettings(
                method=method,
                backbone=settings.backbone,
                device=settings.device,
                dtype=settings.dtype,
                checkpoint=settings.checkpoint,
                encoder=settings.encoder,
                embeddings=settings.embeddings,
            )
        )
        check_limits(network.backbone, max_new_tokens=settings.max_new_tokens, batch_size=settings.batch_size)
    except (Code2LoRAError, RepoBenchError) as error:
        raise PredictorError(str(error)) from error
    return HypernetPredictor(network, settings)


def _start(view: HistoryView) -> HistoryView:
    """The view at the last train commit, at the first commit where there is none; never later than `view`."""
    commits = view.kept_commits()
    train = [commit for commit in commits if commit.split is Split.IR_TRAIN]
    chosen = train[-1:] or commits[:1]
    return view.at(chosen[0].commit_sha) if chosen else view


def _last_tokens(backbone: Backbone, prefix: str) -> torch.Tensor:
    """The end of a prefix as ids (1, tokens)."""
    tokenizer = backbone.tokenizer
    ids = list(tokenizer(prefix, verbose=False)["input_ids"])[-_CANARY_TOKENS:] or [tokenizer.eos_token_id or 0]
    return torch.tensor([ids], device=backbone.device)
