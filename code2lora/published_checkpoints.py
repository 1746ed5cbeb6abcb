"""Reads the authors' `.pt` checkpoints as plain data (io): static, evolution, multi-task, and the first static ones.

A `.pt` file is a pickle, which can run anything. Here torch's restricted reader builds tensors, containers and the
few records of options that the authors' files hold; a file that asks for anything else is refused before it is built.
`save_checkpoint` then keeps the same bits in a format that holds no code.

| layout | top-level keys |
|---|---|
| static | `state_dict`, `config` |
| evolution | `head_state`, `gru_state`, `head_config`, `gru_config`, `per_step_input` |
| first static | `hypernet_state_dict`, `hypernet_config` (`type_shapes` instead of `type_dims`), `module_specs` |

All but the last may have `type_dims` and `args`. Defaults for absent fields are those of the authors' own reader.
"""

import argparse
import hashlib
import pathlib
import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Mapping
from typing import Any

import torch
from pydantic import JsonValue

from code2lora.checkpoints import Checkpoint, gru_of, head_of
from code2lora.errors import CheckpointError, ShapeError
from code2lora.evolution import GRUConfig
from code2lora.head import HeadConfig

# Paths of both systems become pure ones: they name files and touch none. Python 3.13 pickled them from `_local`.
_PLAIN_TYPES: list[Any] = [
    argparse.Namespace,
    *(
        (plain, f"{module}.{name}")
        for module in ("pathlib", "pathlib._local")
        for name, plain in (
            ("PosixPath", pathlib.PurePosixPath),
            ("PurePosixPath", pathlib.PurePosixPath),
            ("WindowsPath", pathlib.PureWindowsPath),
            ("PureWindowsPath", pathlib.PureWindowsPath),
        )
    ),
]
_REFUSED = re.compile(r"(?:GLOBAL|class) (\w[\w.]*)")
# What torch's reader ends in on files that are no checkpoints, or no longer.
_READ_ERRORS = (
    pickle.UnpicklingError,
    struct.error,
    zipfile.BadZipFile,
    *(RuntimeError, OSError, EOFError, ValueError, LookupError, AttributeError, TypeError, AssertionError),
)
_TASK_NAMES = ("assert_rhs", "qa")  # rows of the released multi-task head, in the order of its training options
_CHUNK_BYTES = 1 << 20
_KNOWN_KEYS = {
    "static": {"state_dict", "config", "type_dims", "args"},
    "evolution": {"head_state", "gru_state", "head_config", "gru_config", "per_step_input", "type_dims", "args"},
    "first-static": {"hypernet_state_dict", "hypernet_config", "module_specs", "args"},
}
_NEEDED_KEYS = {
    "static": {"state_dict"},
    "evolution": {"head_state", "gru_state"},
    "first-static": {"hypernet_state_dict", "hypernet_config"},
}


def load_published(path: pathlib.Path) -> Checkpoint:
    """Reads one of the authors' checkpoint files.

    Args:
        path: The `.pt` file.

    Returns:
        The networks in evaluation mode, on the processor; `origin` holds the layout, the file's hash, the training
        options, and the names of top-level entries that were not used.

    Raises:
        CheckpointError: the file is absent, damaged, of another layout, holds anything but plain data, or its weights
            do not fit its stated sizes; missing and unknown weights are named.
    """
    content = _read_plain(path)
    layout = _layout(content, path)
    args = _options(content.get("args"))
    where = str(path)
    origin: dict[str, JsonValue] = {
        "layout": layout,
        "file_sha256": _file_sha256(path),
        "args": {name: _plain(value) for name, value in sorted(args.items())},
        "unused": [*sorted(content.keys() - _KNOWN_KEYS[layout])],
    }
    try:
        head_config, gru_config = _configs(content, layout, args)
    except (ShapeError, TypeError, ValueError, KeyError, IndexError) as error:
        raise CheckpointError(f"{path} states sizes that cannot be used ({error}).") from error
    names = {"static": "state_dict", "evolution": "head_state", "first-static": "hypernet_state_dict"}
    return Checkpoint(
        head=head_of(head_config, _weights(content, names[layout], path), where),
        gru=None if gru_config is None else gru_of(gru_config, _weights(content, "gru_state", path), where),
        tasks=_task_names(args, head_config.num_tasks),
        origin=origin,
    )


def _read_plain(path: pathlib.Path) -> Mapping[str, Any]:
    """What the file holds, built by torch's restricted reader."""
    if not path.is_file():
        raise CheckpointError(f"{path} is no file: name a checkpoint that the authors published.")
    try:
        with torch.serialization.safe_globals(_PLAIN_TYPES), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol")  # what is wrong with it is said below
            # A mapped file is read as its weights are used: a checkpoint of 3 GB needs that memory once.
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except _READ_ERRORS as error:
        if match := _REFUSED.search(str(error)):
            raise CheckpointError(
                f"{path} asks for {match[1]}, which is no plain data: it was not read further, and nothing of it ran; "
                "use a checkpoint from a source that you trust."
            ) from error
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise CheckpointError(f"{path} is no checkpoint that torch can read ({reason}); fetch it again.") from error
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise CheckpointError(f"{path} holds a {type(content).__name__}, not the named parts of a checkpoint.")
    return content


def _layout(content: Mapping[str, Any], path: pathlib.Path) -> str:
    for layout, needed in _NEEDED_KEYS.items():
        if needed <= content.keys():
            return layout
    expected = "; ".join(f"{', '.join(sorted(needed))} ({layout})" for layout, needed in _NEEDED_KEYS.items())
    raise CheckpointError(
        f"{path} has the parts {', '.join(sorted(content)) or 'none'}: no known layout; expected {expected}."
    )


def _configs(content: Mapping[str, Any], layout: str, args: Mapping[str, Any]) -> tuple[HeadConfig, GRUConfig | None]:
    """The sizes that the file states, with the authors' defaults for those that it does not."""
    gru_config = None
    if layout == "evolution":
        stated = content.get("gru_config") or {}
        gru_config = GRUConfig(
            diff_input_dim=int(stated.get("diff_input_dim", 2048)),
            repo_state_dim=int(stated.get("repo_state_dim", 2048)),
            hidden_dim=int(stated.get("hidden_dim", 2048)),
            per_step_input=content.get("per_step_input") or "diff",
        )
    name = {"static": "config", "evolution": "head_config", "first-static": "hypernet_config"}[layout]
    stated = content.get(name) or {}
    dims = stated.get("type_dims") or stated.get("type_shapes") or content.get("type_dims")
    if not dims:
        raise ValueError("type_dims is missing")
    types = stated.get("types") or list(dims)
    head_config = HeadConfig(
        type_dims={str(kind): (int(dims[kind][0]), int(dims[kind][1])) for kind in types},
        input_dim=int(stated.get("input_dim", 2048 if gru_config is None else gru_config.hidden_dim)),
        hidden_dim=int(stated.get("hidden_dim", 1024)),
        rank=int(stated.get("rank", 16)),
        alpha=float(args.get("alpha", 32.0)),
        num_tasks=int(stated.get("num_tasks") or 0),
        task_dim=int(stated.get("task_dim") or 64),
    )
    return head_config, gru_config


def _weights(content: Mapping[str, Any], name: str, path: pathlib.Path) -> dict[str, torch.Tensor]:
    weights = content[name]
    if not isinstance(weights, Mapping) or not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise CheckpointError(f"{path} has a {name} that is not tensors by name: it is damaged; fetch it again.")
    return dict(weights)


def _options(args: Any) -> dict[str, Any]:
    """The training options by name, however they were stored."""
    if isinstance(args, argparse.Namespace):
        args = vars(args)
    return {str(name): value for name, value in args.items()} if isinstance(args, Mapping) else {}


def _plain(value: Any) -> JsonValue:
    """An option as JSON: containers kept, paths and all else as text."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return str(value)


def _task_names(args: Mapping[str, Any], count: int) -> tuple[str, ...]:
    """The tasks' names: from the training options, else those of the released checkpoint, else numbers."""
    stated = args.get("tasks")
    names = tuple(stated.replace(",", " ").split()) if isinstance(stated, str) else stated
    if isinstance(names, list | tuple) and len(names) == count and all(isinstance(name, str) for name in names):
        return tuple(names)
    return _TASK_NAMES if count == len(_TASK_NAMES) else tuple(str(row) for row in range(count))


def _file_sha256(path: pathlib.Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
