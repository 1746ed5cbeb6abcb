"""Writes an adapter as a folder that peft, transformers and vLLM load (io).

| file | holds |
|---|---|
| `adapter_model.safetensors` | float32 factors of every module, under peft's names |
| `adapter_config.json` | what peft and vLLM need to know |
| `code2lora_adapter.json` | what the adapter is and was made from, in hashes |

Where layers share a pair it is written once per layer, as these formats know no sharing. vLLM must be started with
`--max-lora-rank` of at least the adapter's rank. The GGUF form is written by `gguf_export.py`.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file

from code2lora.adapters import Adapter
from code2lora.errors import ExportError
from code2lora.folders import replace_folder
from code2lora.lora import check_fits, target_modules

if TYPE_CHECKING:
    from code2lora.backbone import Backbone

WEIGHTS_NAME = "adapter_model.safetensors"
CONFIG_NAME = "adapter_config.json"
CARD_NAME = "code2lora_adapter.json"
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterSource:
    """What an adapter was made from.

    Attributes:
        repo_id: The repository.
        commit_sha: The commit whose state it holds.
        commits_walked: Commits behind that state; None where it was made from one snapshot.
        task: The task that the head was asked for; None for a head of one task.
        checkpoint_sha256: The fingerprint of the checkpoint that made it.
        encoder_sha256: The weights of the encoder that made the head's input; None if that is not known.
    """

    repo_id: str
    commit_sha: str
    commits_walked: int | None = None
    task: str | None = None
    checkpoint_sha256: str
    encoder_sha256: str | None = None


def export_peft(folder: Path, adapter: Adapter, backbone: "Backbone", source: AdapterSource) -> str:
    """Writes an adapter's folder; equal adapters and sources give equal bytes.

    Args:
        folder: A new or empty folder, or one with an adapter of ours, which is replaced.
        adapter: An adapter of one row.
        backbone: The base model that it is for.
        source: What it was made from.

    Returns:
        The adapter's fingerprint: the hex SHA-256 over everything that decides about its outputs and where it comes
        from, no file name among it.

    Raises:
        ExportError: the adapter has more rows, or the folder holds something else.
        AdapterError: the adapter does not fit the base model.
        OSError: the folder cannot be written.
    """
    tensors = peft_tensors(adapter, backbone.model)
    card = _card(adapter, backbone, source)

    def write(partial: Path) -> None:
        save_file(tensors, partial / WEIGHTS_NAME, metadata={"format": "pt"})
        (partial / CONFIG_NAME).write_text(_json(_peft_config(adapter, backbone.name)), "utf-8")
        (partial / CARD_NAME).write_text(_json(card), "utf-8")

    if not replace_folder(folder, CARD_NAME, write):
        raise ExportError(f"{folder} holds something that is no adapter of ours; choose another folder.")
    return str(card["fingerprint"])


def peft_tensors(adapter: Adapter, model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The factors of every module by peft's names, in float32 on the processor.

    Args:
        adapter: An adapter of one row.
        model: The base model.

    Raises:
        ExportError: the adapter has more rows.
        AdapterError: it does not fit the model.
    """
    if adapter.rows != 1:
        raise ExportError(f"The adapter has {adapter.rows} rows: a file holds one; take one row.")
    targets = target_modules(model)
    check_fits(adapter, targets)
    tensors = {}
    for target in targets:
        if pair := adapter.factors.get(target.type):
            layer = target.layer if adapter.layers > 1 else 0
            name = f"base_model.model.{target.name}"
            # clone: safetensors refuses tensors that share memory
            tensors[f"{name}.lora_A.weight"] = pair.A_BLRI[0, layer].detach().float().cpu().contiguous().clone()
            tensors[f"{name}.lora_B.weight"] = pair.B_BLOR[0, layer].detach().float().cpu().contiguous().clone()
    return tensors


def _peft_config(adapter: Adapter, base_model: str) -> dict[str, Any]:
    """Peft's LoraConfig; fields that it adds in later versions have defaults."""
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_model,
        "revision": None,
        "inference_mode": True,
        "r": adapter.rank,
        "lora_alpha": adapter.alpha,
        "lora_dropout": 0.0,
        "target_modules": list(adapter.types),
        "fan_in_fan_out": False,
        "bias": "none",
        "modules_to_save": None,
        "init_lora_weights": True,
        "use_rslora": False,
        "use_dora": False,
    }


def _card(adapter: Adapter, backbone: "Backbone", source: AdapterSource) -> dict[str, Any]:
    """What the adapter is and was made from; the base model's name is told but is no part of the fingerprint."""
    facts = {
        "schema_version": SCHEMA_VERSION,
        **asdict(source),
        "adapter_sha256": adapter.sha256(),
        "base_weights_sha256": backbone.weights_sha256,
        "rank": adapter.rank,
        "alpha": adapter.alpha,
        "layers_share_factors": adapter.layers == 1,
        "target_modules": list(adapter.types),
    }
    fingerprint = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return {**facts, "base_model": backbone.name, "fingerprint": fingerprint}


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"
