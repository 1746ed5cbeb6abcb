"""Reads adapters that `export.py` wrote, and whatever PEFT wrote in the same layout, back as records (io).

Legend: `L` layers (1: all share one pair), `R` rank, `I` and `O` features in and out.
"""
# Upper-case suffixes state the axes of a tensor.

import json
import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from code2lora.adapters import Adapter, Factors
from code2lora.errors import AdapterError
from code2lora.export import CONFIG_NAME, WEIGHTS_NAME

_FACTOR = re.compile(r"base_model\.model\..*?layers\.(\d+)\.(?:.*\.)?(\w+)\.lora_([AB])\.weight")


def load_adapter(folder: Path) -> Adapter:
    """The adapter in a PEFT folder, with factors of its own for each layer, in float32.

    Args:
        folder: A folder with `adapter_config.json` and `adapter_model.safetensors`.

    Raises:
        AdapterError: the folder holds no such adapter, or one that is more than plain LoRA in every layer.
    """
    config = _read_config(folder / CONFIG_NAME)
    try:
        tensors = load_file(folder / WEIGHTS_NAME)
    except (OSError, SafetensorError) as error:
        raise AdapterError(f"{folder / WEIGHTS_NAME} cannot be read ({error}): write the adapter again.") from error
    found: dict[tuple[str, str], dict[int, torch.Tensor]] = {}
    for name, tensor in sorted(tensors.items()):
        match = _FACTOR.fullmatch(name)
        if match is None:
            raise AdapterError(f"{folder / WEIGHTS_NAME} holds {name}, which is no factor of plain LoRA in a layer.")
        found.setdefault((match[2], match[3]), {})[int(match[1])] = tensor.float()
    layers = {layer for factors in found.values() for layer in factors}
    types = sorted({name for name, _ in found})
    whole = set(range(len(layers)))
    if not types or any(set(found.get((name, factor), ())) != whole for name in types for factor in "AB"):
        raise AdapterError(f"{folder / WEIGHTS_NAME} lacks factors of some layers: write the adapter again.")
    return Adapter(
        factors={name: Factors(A_BLRI=_stacked(found[name, "A"]), B_BLOR=_stacked(found[name, "B"])) for name in types},
        alpha=float(config["lora_alpha"]),
    )


def _stacked(by_layer: dict[int, torch.Tensor]) -> torch.Tensor:
    return torch.stack([by_layer[layer] for layer in sorted(by_layer)])[None]


def _read_config(path: Path) -> dict[str, Any]:
    """PEFT's configuration, refused where it asks for more than `alpha / r * B @ A`."""
    try:
        config = json.loads(path.read_text("utf-8"))
        plain = config["peft_type"] == "LORA" and float(config["lora_alpha"]) > 0
    except FileNotFoundError as error:
        raise AdapterError(f"{path.parent} holds no adapter (no {path.name}): name another folder.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AdapterError(f"{path} is damaged ({error}): write the adapter again.") from error
    others = ("use_rslora", "use_dora", "fan_in_fan_out", "rank_pattern", "alpha_pattern", "modules_to_save")
    asked = [name for name in others if config.get(name)]
    if not plain or asked:
        raise AdapterError(f"{path} describes more than plain LoRA ({', '.join(asked) or config['peft_type']}).")
    return dict(config)
