"""Writes an adapter as a GGUF LoRA file, which llama.cpp loads beside a base model in GGUF (io).

Needs the package `gguf`, which is imported only here and only when something is written. llama.cpp reorders the rows
of the query and key projections of some families when it converts a base model, so their factors are reordered alike.
"""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from code2lora.adapters import Adapter
from code2lora.errors import ExportError
from code2lora.export import peft_tensors
from code2lora.lora import target_modules
from repopeftbench.atomic import waiting_name

if TYPE_CHECKING:
    from code2lora.backbone import Backbone

# The family's name in llama.cpp, and whether its converter interleaves the rotary halves of queries and keys.
_FAMILIES = {"qwen2": ("qwen2", False), "qwen3": ("qwen3", False), "llama": ("llama", True), "mistral": ("llama", True)}


def export_gguf(path: Path, adapter: Adapter, backbone: "Backbone") -> None:
    """Writes an adapter as one GGUF file of float32 factors; equal adapters give equal bytes.

    Args:
        path: The file; one that is there is replaced.
        adapter: An adapter of one row.
        backbone: The base model that it is for.

    Raises:
        ExportError: the package `gguf` is missing, the base model is of a family that this export does not know, or
            the adapter has more rows.
        AdapterError: the adapter does not fit the base model.
        OSError: the file cannot be written.
    """
    family = str(backbone.model.config.model_type)
    if family not in _FAMILIES:
        raise ExportError(
            f"Backbone {backbone.name!r} is of family {family!r}: GGUF is written for {', '.join(sorted(_FAMILIES))}; "
            "export for peft instead."
        )
    try:
        gguf: Any = importlib.import_module("gguf")
    except ImportError as error:
        raise ExportError("Package 'gguf' is needed to write GGUF files; run: pip install gguf") from error
    architecture, interleaved = _FAMILIES[family]
    tensors = peft_tensors(adapter, backbone.model)
    names = _gguf_names(gguf, architecture, backbone)
    waiting = path.with_name(waiting_name(path.name))
    writer = gguf.GGUFWriter(waiting, architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", adapter.alpha)
    for target in target_modules(backbone.model):
        if target.type not in adapter.factors:
            continue
        A_RI = tensors[f"base_model.model.{target.name}.lora_A.weight"]
        B_OR = tensors[f"base_model.model.{target.name}.lora_B.weight"]
        if interleaved and target.type in ("q_proj", "k_proj"):
            B_OR = _interleave_halves(B_OR, _heads(backbone, target.type))
        writer.add_tensor(f"{names[target.name]}.lora_a", A_RI.numpy())
        writer.add_tensor(f"{names[target.name]}.lora_b", B_OR.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    waiting.replace(path)


def _gguf_names(gguf: Any, architecture: str, backbone: "Backbone") -> dict[str, str]:
    """What llama.cpp calls the weights of each module that may have an adapter."""
    number = next(arch for arch, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    targets = target_modules(backbone.model)
    known = gguf.get_tensor_name_map(number, 1 + max(target.layer for target in targets))
    names = {}
    for target in targets:
        name = known.get_name(f"{target.name}.weight", try_suffixes=(".weight",))
        if name is None:
            raise ExportError(
                f"GGUF has no name for {target.name} of family {architecture!r}; export for peft instead."
            )
        names[target.name] = name
    return names


def _heads(backbone: "Backbone", kind: str) -> int:
    """Attention heads of a projection."""
    config = backbone.model.config
    return int(config.num_attention_heads if kind == "q_proj" else config.num_key_value_heads)


def _interleave_halves(B_OR: torch.Tensor, heads: int) -> torch.Tensor:
    """The rows of each head in the order first of one half, first of the other, second of one, and so on."""
    outputs, rank = B_OR.shape
    return B_OR.view(heads, 2, outputs // heads // 2, rank).transpose(1, 2).reshape(outputs, rank).contiguous()
