"""Where a training stands, in one file that a kill at any moment leaves whole (io).

Everything that the rest of a training depends on is in it: weights, the optimizer's moments, the best weights so far,
and the counts. Draws and learning rates are functions of the step, so that no generator has a state to keep.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from code2lora.errors import TrainingError
from repopeftbench.atomic import waiting_name

_METADATA_KEY = "state"  # one key: safetensors writes several in no fixed order
_WEIGHT, _BEST, _MOMENT = "weight.", "best.", "moment."


@dataclass(slots=True, kw_only=True)
class Standing:
    """What has happened so far.

    Attributes:
        settings_sha256: The training that this belongs to.
        step: Optimizer steps done.
        draws: Tasks drawn.
        tokens: Target tokens that the loss counted.
        curve: Validation loss by step, in order (nats per target token).
        best_step: The step of the lowest loss on the curve; None before the first validation.
        best_loss: That loss.
        worse: Validations since.
        finished: Whether nothing is left to do.
    """

    settings_sha256: str
    step: int = 0
    draws: int = 0
    tokens: int = 0
    curve: list[tuple[int, float]] = field(default_factory=list)
    best_step: int | None = None
    best_loss: float | None = None
    worse: int = 0
    finished: bool = False


def save_state(
    path: Path,
    standing: Standing,
    weights: Mapping[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    best: Mapping[str, torch.Tensor],
) -> None:
    """Writes the state.

    Args:
        path: The file; its folder is there.
        standing: The counts.
        weights: What is trained, in the order in which the optimizer has it.
        optimizer: Its moments are kept.
        best: The best weights so far; empty before the first validation.

    Raises:
        OSError: the file cannot be written.
    """
    tensors: dict[str, torch.Tensor] = {f"{_WEIGHT}{name}": tensor for name, tensor in weights.items()}
    tensors |= {f"{_BEST}{name}": tensor for name, tensor in best.items()}
    for name, weight in weights.items():
        for key, value in optimizer.state.get(weight, {}).items():
            tensors[f"{_MOMENT}{key}.{name}"] = value
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    waiting = path.with_name(waiting_name(path.name))
    save_file(stored, waiting, metadata={_METADATA_KEY: json.dumps(asdict(standing), sort_keys=True)})
    with waiting.open("rb") as file:
        os.fsync(file.fileno())
    waiting.replace(path)


def load_state(
    path: Path, weights: Mapping[str, nn.Parameter], optimizer: torch.optim.Optimizer
) -> tuple[Standing, dict[str, torch.Tensor]]:
    """Puts a stored state into weights and optimizer.

    Args:
        path: The file.
        weights: What is trained, of the training that wrote it.
        optimizer: Gets its moments back.

    Returns:
        The counts, and the best weights so far.

    Raises:
        TrainingError: the file is damaged or of another training.
    """
    try:
        with safe_open(path, framework="pt") as file:
            raw = json.loads((file.metadata() or {})[_METADATA_KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        raw["curve"] = [(int(step), float(loss)) for step, loss in raw["curve"]]
        standing = Standing(**raw)
        with torch.no_grad():
            for name, weight in weights.items():
                weight.copy_(tensors[f"{_WEIGHT}{name}"])
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise TrainingError(
            f"{path} is damaged or of another training ({error}); start anew with --overwrite."
        ) from error
    moments = {}
    for index, name in enumerate(weights):
        keys = [key for key in tensors if key.startswith(_MOMENT) and key.partition(".")[2].partition(".")[2] == name]
        moments[index] = {key.split(".")[1]: tensors[key] for key in sorted(keys)}
    if standing.step:
        optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    best = {name.removeprefix(_BEST): tensor for name, tensor in tensors.items() if name.startswith(_BEST)}
    return standing, best


def copied(weights: Mapping[str, nn.Parameter]) -> dict[str, torch.Tensor]:
    """The weights as they are now, apart from what happens to them later."""
    return {name: weight.detach().cpu().clone() for name, weight in weights.items()}


def put_back(weights: Mapping[str, nn.Parameter], kept: Mapping[str, torch.Tensor]) -> None:
    """Gives weights the values that were kept."""
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(kept[name])
