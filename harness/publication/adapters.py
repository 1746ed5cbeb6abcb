"""Adapters as the files of a model repository on the Hub (io): PEFT's layout, an index, a card.

adapter_config.json   adapter_model.safetensors   adapters.json   README.md     (or one subfolder per adapter)

It reads the header of the weights, never the weights, and knows neither torch nor peft.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from harness.errors import RunError
from harness.publication.front_matter import front_matter
from repopeftbench.atomic import write_atomically
from repopeftbench.dataset.attribution import cell
from repopeftbench.dataset.hub_changes import Ownership
from repopeftbench.dataset.manifest import file_sha256

CONFIG_NAME, WEIGHTS_NAME, INDEX_NAME = "adapter_config.json", "adapter_model.safetensors", "adapters.json"
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
_LARGEST_HEADER = 100 << 20
_FEW = 50
"""Adapters up to which the card lists them."""


ADAPTERS = Ownership(marker=INDEX_NAME, patterns=(f"*{CONFIG_NAME}", f"*{WEIGHTS_NAME}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """One adapter; `name` is its folder below the repository's root, `.` for the root itself."""

    name: str
    base_model: str
    peft_type: str
    rank: int | None
    size_bytes: int
    sha256: str


def find_adapters(root: Path) -> tuple[Path, ...]:
    """The folders of adapters that are `root` or below it, sorted."""
    return tuple(sorted(path.parent for path in root.rglob(CONFIG_NAME) if (path.parent / WEIGHTS_NAME).is_file()))


def write_adapter_repository(source: Path, folder: Path, repo_id: str, licence: str | None) -> tuple[str, ...]:
    """Fills an empty folder with links to the files of all adapters in `source`, an index, and a card; no remarks.

    Raises:
        RunError: an adapter is damaged, or names a base model that nobody else can load.
    """
    adapters = []
    for place in find_adapters(source):
        adapter = read_adapter(place, place.relative_to(source).as_posix())
        (folder / adapter.name).mkdir(parents=True, exist_ok=True)
        for name in (CONFIG_NAME, WEIGHTS_NAME):
            (folder / adapter.name / name).symlink_to((place / name).resolve())
        adapters.append(adapter)
    index = [{field: getattr(adapter, field) for field in Adapter.__slots__} for adapter in adapters]
    write_atomically(folder / INDEX_NAME, (json.dumps({"adapters": index}, indent=2) + "\n").encode())
    write_atomically(folder / "README.md", _card(tuple(adapters), repo_id, licence).encode())
    return ()


def read_adapter(folder: Path, name: str) -> Adapter:
    """What an adapter's configuration and the header of its weights say.

    Raises:
        RunError: one of them is damaged, or the base model is a folder of this machine.
    """
    path = folder / CONFIG_NAME
    try:
        config = json.loads(path.read_text("utf-8"))
        peft_type, base_model, rank = config["peft_type"], config["base_model_name_or_path"], config.get("r")
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} is no configuration of an adapter ({error!r}): export the adapter again") from error
    if not isinstance(base_model, str) or not _HUB_ID.fullmatch(base_model) or Path(base_model).exists():
        raise RunError(
            f"{path} names the base model {base_model!r}, which others cannot load: "
            "put its id on the Hub there (base_model_name_or_path)"
        )
    _check_weights(folder / WEIGHTS_NAME)
    return Adapter(
        name=name,
        base_model=base_model,
        peft_type=str(peft_type),
        rank=rank if isinstance(rank, int) else None,
        size_bytes=(folder / WEIGHTS_NAME).stat().st_size,
        sha256=file_sha256(folder / WEIGHTS_NAME),
    )


def _check_weights(path: Path) -> None:
    """Refuses a file that is not whole; the format is https://huggingface.co/docs/safetensors."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(_LARGEST_HEADER, size - 8):
                raise ValueError("its header has no possible length")
            header = json.loads(file.read(length))
        ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
        if not ends or 8 + length + max(ends) != size:
            raise ValueError("it holds no tensors, or not all bytes of them")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(f"{path} is no whole safetensors file ({error}): export the adapter again") from error


def _card(adapters: tuple[Adapter, ...], repo_id: str, licence: str | None) -> str:
    bases = sorted({adapter.base_model for adapter in adapters})
    on_hub = [base for base in bases if "/" in base]
    metadata = {
        "library_name": "peft",
        "license": licence,
        "base_model": on_hub or None,
        "pipeline_tag": "text-generation",
        "tags": ["repopeftbench", "code", *sorted({adapter.peft_type.lower() for adapter in adapters})],
    }
    first = adapters[0]
    subfolder = "" if first.name == "." else f", subfolder={json.dumps(first.name)}"
    rows = [
        f"| {cell(one.name)} | {one.base_model} | {cell(one.peft_type)} | {one.rank or ''} | {one.size_bytes:,} |"
        for one in adapters[:_FEW]
    ]
    more = [f"\n{len(adapters) - _FEW:,} more are in `{INDEX_NAME}`."] if len(adapters) > _FEW else []
    table = "\n".join(["| adapter | base model | type | rank | bytes |", "|---|---|---|--:|--:|", *rows, *more])
    count = "An adapter" if len(adapters) == 1 else f"{len(adapters):,} adapters"
    return f"""{front_matter(metadata)}
# {count} for {", ".join(bases)}

Made with RepoPeftBench, for assertion completion. Weights are in PEFT's format; `{INDEX_NAME}` has the SHA-256 of each
file of weights.

```python
from peft import PeftModel
from transformers import AutoModelForCausalLM

base = AutoModelForCausalLM.from_pretrained("{first.base_model}")
model = PeftModel.from_pretrained(base, "{repo_id}"{subfolder})
```

{table}
"""
