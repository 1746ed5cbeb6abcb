"""What a training leaves in its folder, by method (io).

| method | folder holds |
|---|---|
| `code2lora-*`, `text2lora` | `checkpoint.json`, `weights.safetensors` (`code2lora/checkpoints.py`) |
| `shared-lora` | `adapter_model.safetensors`, `adapter_config.json` (`code2lora/export.py`): peft loads it |
| `per-repo-lora` | one such folder for each repository, `adapters/OWNER/NAME` |
| `fft` | `model.safetensors`, `config.json` and the tokenizer: a backbone like any other |

Each has `training.json` and `run.log` beside that.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from pydantic import JsonValue
from safetensors.torch import save_file

from code2lora.checkpoints import Checkpoint, save_checkpoint
from code2lora.encoder import PAPER_DIFF
from code2lora.errors import TrainingError
from code2lora.export import AdapterSource, export_peft
from code2lora.folders import replace_folder
from code2lora.memory_checkpoints import MemoryCheckpoint, save_memory_checkpoint
from code2lora.text_checkpoints import TextCheckpoint, save_text_checkpoint
from code2lora.training.hypernetworks import EvolvingHypernetwork, StaticHypernetwork, TextHypernetwork
from code2lora.training.memories import MemoryHypernetwork
from code2lora.training.record import LOG_NAME, RECORD_NAME, Settings, TrainingRecord
from code2lora.training.weights import FullFineTuning, SharedLoRA

if TYPE_CHECKING:
    from code2lora.backbone import Backbone

ADAPTERS_NAME = "adapters"
ALL_REPOSITORIES = "all training repositories"


def write_folder(folder: Path, record: TrainingRecord, log: Path, write: Callable[[Path], None]) -> None:
    """Puts a training's results in place, whole or not at all.

    Args:
        folder: A new or empty folder, or one of an earlier training, which is replaced.
        record: What came of it.
        log: The file that becomes `run.log`.
        write: Writes the weights into the folder that it is given.

    Raises:
        TrainingError: the folder holds something else.
        OSError: it cannot be written.
    """

    def fill(partial: Path) -> None:
        write(partial)
        (partial / LOG_NAME).write_bytes(log.read_bytes() if log.is_file() else b"")
        (partial / RECORD_NAME).write_text(record.to_json(), "utf-8")

    if not replace_folder(folder, RECORD_NAME, fill):
        raise TrainingError(f"{folder} holds something that is no training of ours; choose another folder.")


def write_hypernetwork(folder: Path, method: StaticHypernetwork | EvolvingHypernetwork, settings: Settings) -> None:
    """Writes a checkpoint into an empty folder."""
    origin = _origin(settings) | _inputs(settings) | {"diff_recipe": PAPER_DIFF.name}
    gru = method.gru.cpu() if isinstance(method, EvolvingHypernetwork) else None
    whitening = method.whitening if isinstance(method, StaticHypernetwork) else None
    save_checkpoint(folder, Checkpoint(head=method.head.cpu(), gru=gru, whitening=whitening, origin=origin))


def write_memory(folder: Path, method: MemoryHypernetwork, settings: Settings) -> None:
    """Writes a memory's checkpoint into an empty folder."""
    checkpoint = MemoryCheckpoint(
        head=method.head.cpu(),
        symbols=settings.own["symbols"],
        records=settings.own["records"],
        backbone_sha256=settings.backbone_sha256,
        origin=_origin(settings) | {"backbone": settings.backbone},
    )
    save_memory_checkpoint(folder, checkpoint)


def write_text(folder: Path, method: TextHypernetwork, settings: Settings) -> None:
    """Writes the checkpoint of `text2lora` into an empty folder."""
    origin = _origin(settings) | _inputs(settings)
    save_text_checkpoint(folder, TextCheckpoint(head=method.head.cpu(), input=settings.own["input"], origin=origin))


def _origin(settings: Settings) -> dict[str, JsonValue]:
    """Where every trained checkpoint comes from."""
    return {
        "made_by": "repobench train",
        "settings_sha256": settings.sha256(),
        "dataset_sha256": settings.dataset_sha256,
        "state": settings.terms["state"],
    }


def _inputs(settings: Settings) -> dict[str, JsonValue]:
    """What a network was given that is conditioned on an encoder's vectors."""
    return {
        "backbone_sha256": settings.backbone_sha256,
        "encoder": settings.encoder,
        "encoder_sha256": str(settings.encoder_sha256).partition(" ")[0],
        "state_recipe": settings.own["encoder_recipe"],
    }


def write_adapter(
    folder: Path, method: SharedLoRA, backbone: "Backbone", settings: Settings, repo_id: str = ALL_REPOSITORIES
) -> None:
    """Writes an adapter into an empty or absent folder, as peft has it."""
    source = AdapterSource(repo_id=repo_id, commit_sha="none", checkpoint_sha256=settings.sha256())
    folder.parent.mkdir(parents=True, exist_ok=True)
    export_peft(folder, method.factors().detach(), backbone, source)


def write_backbone(folder: Path, method: FullFineTuning, backbone: "Backbone") -> None:
    """Writes a whole model into an empty folder, in float32."""
    model = backbone.model
    trained = method.parameters()
    every = dict(model.named_parameters(remove_duplicate=False))
    tensors: dict[str, torch.Tensor] = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in model.state_dict().items()
        if name in trained or name not in every
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    if model.generation_config is not None:
        model.generation_config.save_pretrained(folder)
    backbone.tokenizer.save_pretrained(folder)


def count(parameters: Mapping[str, torch.nn.Parameter]) -> int:
    """How many numbers some parameters have."""
    return sum(parameter.numel() for parameter in parameters.values())
