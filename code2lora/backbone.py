"""Loads a frozen base language model with its tokenizer: the bundled `nano`, a local folder or a Hub id (io).

The only module beside `training/nano.py` that imports transformers, and only inside functions, so its import is cheap.
It never runs code that a model repository brings along, reads weights from safetensors only, and treats no name but
`nano` specially, which stands for a folder inside the package. It knows nothing of prompts, decoding or adapters.
"""

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from code2lora.errors import BackboneError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

NANO = "nano"
NANO_FOLDER = Path(__file__).parent / "assets" / "nano"
DTYPES = ("auto", "float32", "bfloat16", "float16")
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json")
_CHUNK_BYTES = 1 << 20
_UNLIMITED = 10**9  # tokenizers without a limit state one above this


@dataclass(frozen=True, slots=True, kw_only=True)
class Backbone:
    """A base model ready for inference: evaluation mode, no gradients, left padding.

    Attributes:
        model: The causal language model.
        tokenizer: Its tokenizer; `pad_token` is always set.
        name: The name it was asked for by.
        weights_sha256: What the weights are, for manifests: of a local folder the hex digest over its safetensors files
            in order of name; of a Hub id `commit:` and the commit hash that was resolved, or `commit:unknown`.
        context_length: Most tokens that prompt and answer may have together.
        device: The torch device that holds the model.
    """

    model: "PreTrainedModel" = field(repr=False)
    tokenizer: "PreTrainedTokenizerBase" = field(repr=False)
    name: str
    weights_sha256: str
    context_length: int
    device: str


def load_backbone(name: str, *, device: str = "auto", dtype: str = "auto") -> Backbone:
    """Loads a backbone by name.

    Args:
        name: `nano`, a local folder in the format of transformers, or a Hub id such as `Qwen/Qwen2.5-Coder-1.5B`.
        device: A torch device; `auto` is the first CUDA device where there is one, otherwise the processor.
        dtype: One of `DTYPES`; `auto` is bfloat16 on CUDA and float32 elsewhere.

    Returns:
        The backbone.

    Raises:
        BackboneError: torch or transformers is missing, the device or dtype cannot be used, or the model is absent,
            incomplete, unreachable or of an architecture that transformers does not know.
    """
    torch_device = _resolve_device(device)
    torch_dtype = _resolve_dtype(dtype, torch_device)
    folder = local_folder(name)
    if folder is not None:
        check_folder(folder, name)
    model, tokenizer = _load(str(folder or name), name, torch_dtype, is_local=folder is not None)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "left"
    model = model.train(False).requires_grad_(False).to(torch_device)
    return Backbone(
        model=model,
        tokenizer=tokenizer,
        name=name,
        weights_sha256=hash_weights(folder) if folder is not None else _hub_commit(model),
        context_length=_context_length(model, tokenizer, name),
        device=str(torch_device),
    )


def load_config(name: str) -> Any:
    """A backbone's configuration, as transformers reads it; no weights are read.

    Args:
        name: As for `load_backbone`.

    Raises:
        BackboneError: transformers is missing, or the model is absent, unreachable or of an unknown architecture.
    """
    try:
        from transformers import AutoConfig
    except ImportError as error:
        raise _missing(error) from error
    folder = local_folder(name)
    if folder is not None:
        check_folder(folder, name)
    try:
        return AutoConfig.from_pretrained(
            str(folder or name), trust_remote_code=False, local_files_only=folder is not None
        )
    except (OSError, ValueError, KeyError) as error:
        raise BackboneError(
            f"Backbone {name!r} has no configuration that can be read ({_first_line(error)})."
        ) from error


def resolve_dtype(device: str, dtype: str) -> tuple[str, "torch.dtype"]:
    """What `device` and `dtype` mean on this machine, `auto` included.

    Raises:
        BackboneError: they cannot be used here.
    """
    found = _resolve_device(device)
    return str(found), _resolve_dtype(dtype, found)


def local_folder(name: str) -> Path | None:
    """The folder that a name means, or None for a Hub id.

    Args:
        name: A backbone's name.

    Returns:
        The bundled folder for `nano`; the path itself if it is a folder, or if it can be nothing but a path (absolute,
        starting with `.` or `~`, or with more than one slash), whether or not it exists.
    """
    if name == NANO:
        return NANO_FOLDER
    path = Path(name).expanduser()
    if path.is_dir() or path.is_absolute() or name.startswith(".") or name.count("/") > 1:
        return path
    return None


def check_folder(folder: Path, name: str) -> None:
    """Raises `BackboneError` unless a folder has a config, a tokenizer and safetensors weights.

    Args:
        folder: The model folder.
        name: What the user called it.
    """
    if not folder.is_dir():
        raise BackboneError(
            f"Backbone {name!r}: folder {folder} does not exist; name a model folder, a Hub id or 'nano'."
        )
    if not (folder / "config.json").is_file():
        raise BackboneError(f"Backbone {name!r}: {folder} has no config.json; name a folder saved by transformers.")
    if not any((folder / file).is_file() for file in _TOKENIZER_FILES):
        raise BackboneError(f"Backbone {name!r}: {folder} has no tokenizer.json; save the tokenizer beside the model.")
    if not any(folder.glob("*.safetensors")):
        raise BackboneError(f"Backbone {name!r}: {folder} has no .safetensors file; save the weights as safetensors.")


def hash_weights(folder: Path) -> str:
    """The hex SHA-256 over the bytes of a folder's safetensors files in order of name (one file: that file's own)."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    return digest.hexdigest()


def _load(
    source: str, name: str, dtype: "torch.dtype", *, is_local: bool
) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase"]:
    """Model and tokenizer as transformers loads them, its failures told in one sentence."""
    try:
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError as error:
        raise _missing(error) from error
    options: dict[str, Any] = {"trust_remote_code": False, "local_files_only": is_local}
    try:
        with _no_progress_bars():
            tokenizer = AutoTokenizer.from_pretrained(source, **options)
            model = AutoModelForCausalLM.from_pretrained(source, dtype=dtype, use_safetensors=True, **options)
    except OSError as error:
        advice = "check its files" if is_local else "check the id and the network, or name a local folder or 'nano'"
        raise BackboneError(f"Backbone {name!r} cannot be loaded ({_first_line(error)}); {advice}.") from error
    except (ValueError, KeyError, RuntimeError, ImportError) as error:
        # What transformers raises for unknown architectures, wrong shapes, needed remote code and missing extras.
        raise BackboneError(
            f"Backbone {name!r} is no causal language model that transformers can load ({_first_line(error)}); "
            "choose another one or update transformers."
        ) from error
    return model, tokenizer


def _resolve_device(device: str) -> "torch.device":
    """The torch device of a name, `auto` included; raises if it cannot be used here."""
    try:
        import torch
    except ImportError as error:
        raise _missing(error) from error
    has_cuda = torch.cuda.is_available()
    if device == "auto":
        return torch.device("cuda:0" if has_cuda else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError as error:
        raise BackboneError(f"Device {device!r} is not a torch device; use auto, cpu or cuda:0.") from error
    if resolved.type == "cuda" and not has_cuda:
        raise BackboneError(f"Device {device!r} cannot be used: torch sees no CUDA device; use auto or cpu.")
    return resolved


def _resolve_dtype(dtype: str, device: "torch.device") -> "torch.dtype":
    """The torch dtype of a name, `auto` included (bfloat16 decodes slower than float32 on a processor)."""
    import torch

    if dtype not in DTYPES:
        raise BackboneError(f"Dtype {dtype!r} is not known; use one of {', '.join(DTYPES)}.")
    if dtype == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    resolved: torch.dtype = getattr(torch, dtype)
    return resolved


def _context_length(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", name: str) -> int:
    """The model's stated context in tokens, else the tokenizer's."""
    stated = getattr(model.config, "max_position_embeddings", None) or tokenizer.model_max_length
    if not isinstance(stated, int) or not 0 < stated < _UNLIMITED:
        raise BackboneError(
            f"Backbone {name!r} states no context length; set max_position_embeddings in its config.json."
        )
    return stated


def _hub_commit(model: "PreTrainedModel") -> str:
    """The commit that a Hub id was resolved to, as `commit:HASH`."""
    return f"commit:{getattr(model.config, '_commit_hash', None) or 'unknown'}"


def _missing(error: ImportError) -> BackboneError:
    """The error for an absent torch or transformers."""
    return BackboneError(f"Package {error.name!r} is needed for models; run: pip install repopeftbench[models]")


def _first_line(error: Exception) -> str:
    """The first line of an error's message, without its full stop."""
    lines = str(error).strip().splitlines()
    return lines[0].strip().rstrip(".") if lines else type(error).__name__


@contextlib.contextmanager
def _no_progress_bars() -> Iterator[None]:
    """Silences transformers' progress bars, which would break into the caller's own; restores the setting."""
    from transformers.utils import logging as transformers_logging

    was_enabled = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if was_enabled:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
