"""`shared-lora`, `per-repo-lora` and `fft`: weights that `repobench train` learnt, without a look at the repository.

`fft` is a backbone in the checkpoint's folder. The LoRA methods put an adapter into the backbone that they were trained
for: one for all tasks, or the one of a task's repository.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from code2lora.adapted_generation import generate_adapted
from code2lora.adapter_folders import load_adapter
from code2lora.adapters import Adapter
from code2lora.backbone import NANO, Backbone, load_backbone
from code2lora.errors import Code2LoRAError
from code2lora.generation import Generated, check_limits
from code2lora.lora import check_fits, target_modules
from code2lora.named_checkpoints import ASSETS
from code2lora.tensor_hash import tensors_sha256
from code2lora.training.artefacts import ADAPTERS_NAME
from code2lora.training.record import TrainingRecord, read_record
from harness.errors import PredictorError
from harness.predictors.causal import CausalPredictor, stop_behind
from harness.predictors.protocol import PredictorSettings, TrainingTasks
from harness.records import PredictionRequest


class AdaptedPredictor(CausalPredictor):
    """Continues each prefix with one backbone and the adapter of the task's repository."""

    def __init__(self, backbone: Backbone, adapters: Mapping[str | None, Adapter], settings: PredictorSettings) -> None:
        """Takes the adapters.

        Args:
            backbone: The model; it is left as it was after every call.
            adapters: By repository; the one of None serves every other.
            settings: Of these only the batch size and the token limit still matter.
        """
        super().__init__(backbone, settings)
        self._adapters = adapters

    @property
    def weights_sha256(self) -> str:
        """What the adapters are."""
        return tensors_sha256(
            {
                f"{repo_id}/{name}": tensor
                for repo_id, adapter in self._adapters.items()
                for name, tensor in adapter.tensors().items()
            }
        )

    def _generated(self, requests: Sequence[PredictionRequest], prompts: Sequence[str]) -> Sequence[Generated]:
        adapters = [self._adapters[self._name_of(request.task.repo_id)] for request in requests]
        try:
            return generate_adapted(
                self._backbone,
                prompts,
                adapters,
                max_new_tokens=self._settings.max_new_tokens,
                batch_size=self._settings.batch_size,
                stop=stop_behind(requests, prompts),
            )
        except Code2LoRAError as error:
            raise PredictorError(str(error)) from error

    def _name_of(self, repo_id: str) -> str | None:
        """What the adapter of a repository is kept by."""
        if repo_id in self._adapters:
            return repo_id
        if None not in self._adapters:
            raise PredictorError(
                f"The checkpoint has no adapter for {repo_id}: per-repo-lora answers repositories that it was trained "
                "on; choose splits inside them, such as --split ir_test."
            )
        return None


def build_shared_lora(settings: PredictorSettings, training: TrainingTasks) -> AdaptedPredictor:
    """One adapter for all tasks; nothing is learnt from `training` any more.

    Raises:
        PredictorError: the checkpoint is missing, damaged, of another method or for another backbone.
    """
    folder, record = _checkpoint("shared-lora", settings)
    try:
        return _adapted(settings, record, {None: load_adapter(folder)})
    except Code2LoRAError as error:
        raise PredictorError(str(error)) from error


def build_per_repo_lora(settings: PredictorSettings, training: TrainingTasks) -> AdaptedPredictor:
    """An adapter for each repository that was trained on; other repositories cannot be answered.

    Raises:
        PredictorError: the checkpoint is missing, damaged, of another method or for another backbone.
    """
    folder, record = _checkpoint("per-repo-lora", settings)
    try:
        names = [outcome.repo_id for outcome in record.outcomes if outcome.repo_id is not None]
        return _adapted(settings, record, {name: load_adapter(folder / ADAPTERS_NAME / name) for name in sorted(names)})
    except Code2LoRAError as error:
        raise PredictorError(str(error)) from error


def build_fft(settings: PredictorSettings, training: TrainingTasks) -> CausalPredictor:
    """The backbone that was trained as a whole; nothing is learnt from `training` any more.

    Raises:
        PredictorError: the checkpoint is missing, damaged or of another method.
    """
    folder, _ = _checkpoint("fft", settings)
    try:
        backbone = load_backbone(str(folder.absolute()), device=settings.device, dtype=settings.dtype)
        check_limits(backbone, max_new_tokens=settings.max_new_tokens, batch_size=settings.batch_size)
    except Code2LoRAError as error:
        raise PredictorError(str(error)) from error
    return CausalPredictor(backbone, settings)


def _checkpoint(method: str, settings: PredictorSettings) -> tuple[Path, TrainingRecord]:
    """The folder of a method's weights and its record: the one that was named, or the bundled one of `nano`."""
    bundled = ASSETS / method
    if settings.checkpoint is None and settings.backbone == NANO and bundled.is_dir():
        folder = bundled
    elif settings.checkpoint is None:
        # The methods that retrieve continue with weights of others: it is theirs that was asked for.
        asked = method if settings.retrieval is None else settings.retrieval.method
        raise PredictorError(
            f"--method {asked} needs --checkpoint FOLDER: train one with repobench train --method {method}."
        )
    else:
        folder = Path(settings.checkpoint).expanduser()
    try:
        record = read_record(folder)
    except Code2LoRAError as error:
        raise PredictorError(str(error)) from error
    if record.settings.method != method:
        raise PredictorError(f"{folder} holds weights of {record.settings.method}, not of {method}: name another one.")
    return folder, record


def _adapted(
    settings: PredictorSettings, record: TrainingRecord, adapters: Mapping[str | None, Adapter]
) -> AdaptedPredictor:
    """The predictor, once backbone and adapters are known to belong together."""
    backbone = load_backbone(settings.backbone, device=settings.device, dtype=settings.dtype)
    check_limits(backbone, max_new_tokens=settings.max_new_tokens, batch_size=settings.batch_size)
    if record.settings.backbone_sha256 != backbone.weights_sha256:
        raise PredictorError(
            f"The checkpoint was trained on backbone {record.settings.backbone!r} "
            f"({record.settings.backbone_sha256[:12]}), not on {settings.backbone!r} ({backbone.weights_sha256[:12]})."
        )
    targets = target_modules(backbone.model)
    for adapter in adapters.values():
        check_fits(adapter, targets)
    placed = {repo_id: adapter.to(backbone.model.device) for repo_id, adapter in adapters.items()}
    return AdaptedPredictor(backbone, placed, settings)
