"""What is diagnosed, loaded (io): a run's method, a checkpoint of ours or of the authors, or anybody's PEFT adapters.

| name | means |
|---|---|
| the folder of a run | the method and checkpoint of its manifest |
| a checkpoint | a folder of ours, a .pt file of the authors, a Hub id; what it is, its networks say |
| --adapters FOLDER | one PEFT folder for each repository: FOLDER/owner/name, FOLDER/owner__name or FOLDER/name |
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from code2lora.adapter_folders import load_adapter
from code2lora.adapters import Adapter
from code2lora.backbone import Backbone, load_backbone
from code2lora.checkpoint_folders import CHECKPOINT_NAME
from code2lora.checkpoints import Checkpoint
from code2lora.encoding_progress import EncodingProgress
from code2lora.export import CONFIG_NAME
from code2lora.lora import check_fits, target_modules
from code2lora.memory_checkpoints import KIND as MEMORY_KIND
from code2lora.named_checkpoints import EVOLUTION, MEMORY, STATIC, default_checkpoint, open_checkpoint
from code2lora.symbol_memory import SymbolMemory
from code2lora.tensor_hash import tensors_sha256
from code2lora.training.artefacts import ADAPTERS_NAME
from code2lora.training.record import RECORD_NAME, TrainingRecord, read_record
from harness.errors import DiagnosisError
from harness.hypernetworks import Hypernetwork, HypernetworkSettings, load_hypernetwork
from harness.run_store import MANIFEST, read_manifest
from repopeftbench.schema import HistoryView

CONDITIONED = (STATIC, EVOLUTION, MEMORY)


class Subject(Protocol):
    """Something that gives repositories adapters."""

    @property
    def method(self) -> str:
        """What it is called."""
        ...

    @property
    def sha256(self) -> str:
        """What it is."""
        ...

    @property
    def record(self) -> TrainingRecord | None:
        """How it was trained; None where that is not known."""
        ...

    def adapter(self, view: HistoryView) -> Adapter | None:
        """The adapter of a view; None where there is none."""
        ...

    def features(self, view: HistoryView) -> dict[str, torch.Tensor]:
        """What the adapter is made from, by what it is; empty where that is not known."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NetworkSubject:
    """A hypernetwork."""

    method: str
    network: Hypernetwork
    record: TrainingRecord | None

    @property
    def sha256(self) -> str:
        """The networks and what they are given."""
        return f"{self.network.checkpoint.fingerprint()} {self.network.inputs.sha256}"

    def adapter(self, view: HistoryView) -> Adapter:
        """The adapter of a view."""
        return self.network.conditioner.adapter(view)

    def features(self, view: HistoryView) -> dict[str, torch.Tensor]:
        """The repository's vector, of a static head also what its trunk makes of it; of a memory its sums."""
        inputs, checkpoint = self.network.inputs, self.network.checkpoint
        if isinstance(inputs, SymbolMemory):
            return {"memory": inputs.of(view.symbols()).said_MRR.double().flatten()}
        assert isinstance(checkpoint, Checkpoint)
        found = {"input": inputs.state(view).float().cpu()}
        context = found["input"]
        if checkpoint.whitening is not None:
            context = found["whitened input"] = checkpoint.whitening(context)
        if checkpoint.gru is None and checkpoint.head.task_embedding is None:
            with torch.no_grad():
                place = next(checkpoint.head.parameters())
                found["penultimate"] = checkpoint.head.trunk(context[None].to(place))[0].float().cpu()
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FolderSubject:
    """Adapters in folders, one for each repository."""

    method: str
    adapters: dict[str, Adapter]
    record: TrainingRecord | None = None
    sha256: str = field(default="")

    def adapter(self, view: HistoryView) -> Adapter | None:
        """The repository's adapter."""
        return self.adapters.get(view.repo_id)

    def features(self, view: HistoryView) -> dict[str, torch.Tensor]:
        """Nothing: what they were made from is not known."""
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectSettings:
    """How what is diagnosed is loaded, and what is told how far encoding is; see `HypernetworkSettings`."""

    backbone: str = "nano"
    device: str = "auto"
    dtype: str = "auto"
    encoder: str | None = None
    embeddings: Path | None = None
    encoding: EncodingProgress | None = None


def load_subject(name: str, settings: SubjectSettings) -> NetworkSubject:
    """The network that a run or a checkpoint means.

    Raises:
        DiagnosisError: it is of a method without conditioning.
        Code2LoRAError, RunError: it cannot be loaded.
    """
    folder = Path(name).expanduser()
    backbone, checkpoint, encoder = settings.backbone, name, settings.encoder
    if (folder / MANIFEST).is_file() and not (folder / CHECKPOINT_NAME).is_file():
        manifest = read_manifest(folder)
        _require_conditioned(manifest.method, folder)
        backbone, encoder = manifest.settings.backbone, encoder or manifest.settings.encoder
        method, given = manifest.method, manifest.settings.checkpoint
    else:
        method, given = method_of(checkpoint), checkpoint
    network = load_hypernetwork(
        HypernetworkSettings(
            method=method,
            backbone=backbone,
            device=settings.device,
            dtype=settings.dtype,
            checkpoint=given,
            encoder=encoder,
            embeddings=settings.embeddings,
        )
    )
    if settings.encoding is not None:
        network.tell_encoding(settings.encoding)
    return NetworkSubject(method=method, network=network, record=_record_of(given, method, backbone))


def load_folder_subject(folder: Path, repositories: list[str], backbone: Backbone, method: str) -> FolderSubject:
    """The adapters that a folder has for some repositories.

    Args:
        folder: What `--adapters` names, or a checkpoint of `per-repo-lora`.
        repositories: Repositories to look for.
        backbone: The model that they are for.
        method: What to call them.

    Raises:
        DiagnosisError: it has none of them.
        AdapterError: one cannot be read, or does not fit.
    """
    root = folder / ADAPTERS_NAME if (folder / ADAPTERS_NAME).is_dir() else folder
    adapters = {}
    targets = target_modules(backbone.model)
    for repo_id in repositories:
        places = (root / repo_id, root / repo_id.replace("/", "__"), root / repo_id.rpartition("/")[2])
        place = next((place for place in places if (place / CONFIG_NAME).is_file()), None)
        if place is not None:
            adapter = load_adapter(place)
            check_fits(adapter, targets)
            adapters[repo_id] = adapter.to(torch.device(backbone.device))
    if not adapters:
        raise DiagnosisError(
            f"{root} has a PEFT adapter for none of {len(repositories)} repositories, such as {repositories[0]}: "
            "put them into folders owner/name"
        )
    tensors = {f"{name}/{key}": t for name, adapter in adapters.items() for key, t in adapter.tensors().items()}
    record = read_record(folder) if (folder / RECORD_NAME).is_file() else None
    return FolderSubject(method=method, adapters=adapters, record=record, sha256=tensors_sha256(tensors))


def load_shared(folder: Path, backbone: Backbone) -> tuple[Adapter, TrainingRecord | None]:
    """A shared LoRA and how it was trained.

    Raises:
        AdapterError: it cannot be read, or does not fit.
    """
    adapter = load_adapter(folder)
    check_fits(adapter, target_modules(backbone.model))
    record = read_record(folder) if (folder / RECORD_NAME).is_file() else None
    return adapter.to(torch.device(backbone.device)), record


def backbone_of(settings: SubjectSettings) -> Backbone:
    """The backbone alone, for adapters of folders.

    Raises:
        BackboneError: it cannot be loaded.
    """
    return load_backbone(settings.backbone, device=settings.device, dtype=settings.dtype)


def method_of(name: str) -> str:
    """What a checkpoint is of, as its networks say.

    Raises:
        CheckpointError: it cannot be read.
        DiagnosisError: it is of a method without conditioning.
    """
    folder = Path(name).expanduser()
    if folder.is_dir() and (folder / RECORD_NAME).is_file() and not (folder / CHECKPOINT_NAME).is_file():
        _require_conditioned(read_record(folder).settings.method, folder)
    if (folder / CHECKPOINT_NAME).is_file():
        try:
            content: Any = json.loads((folder / CHECKPOINT_NAME).read_text("utf-8"))
        except ValueError:
            content = {}  # open_checkpoint says what is wrong with it
        if isinstance(content, dict) and content.get("kind") == MEMORY_KIND:
            return MEMORY
    return STATIC if open_checkpoint(name).checkpoint.gru is None else EVOLUTION


def _require_conditioned(method: str, where: Path) -> None:
    if method not in CONDITIONED:
        raise DiagnosisError(
            f"{where} is of {method}, which no repository conditions: diagnose {', '.join(CONDITIONED)}, or name "
            "adapters with --adapters"
        )


def _record_of(given: str | None, method: str, backbone: str) -> TrainingRecord | None:
    folder = Path(given or default_checkpoint(method, backbone)).expanduser()
    return read_record(folder) if (folder / RECORD_NAME).is_file() else None
