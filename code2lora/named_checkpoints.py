"""Checkpoints by name: which one a user means, which one a backbone has of its own, and what its inputs are (io).

| name | means |
|---|---|
| a folder | a checkpoint of ours |
| a `.pt` file | one of the authors' |
| `ORG/NAME`, `ORG/NAME:FILE.pt` | either of them, on the Hub |

What the networks were trained to be given stands in a checkpoint's `origin`: `encoder`, `state_recipe`, `diff_recipe`.
The authors' files do not say it; it is what their data was prepared with.
"""

from dataclasses import dataclass
from pathlib import Path

from code2lora.backbone import NANO, NANO_FOLDER
from code2lora.checkpoint_folders import CHECKPOINT_NAME
from code2lora.checkpoints import Checkpoint, load_checkpoint
from code2lora.encoder import CLEAN, PAPER_DIFF, PAPER_EVO, PAPER_STATIC, RECIPES, Recipe
from code2lora.errors import CheckpointError
from code2lora.hub import fetch_checkpoint, is_hub_id
from code2lora.memory_checkpoints import MemoryCheckpoint, load_memory_checkpoint
from code2lora.published_checkpoints import load_published
from code2lora.state_vectors import Recipes
from code2lora.text_checkpoints import TextCheckpoint, load_text_checkpoint

STATIC, EVOLUTION, MEMORY = "code2lora-static", "code2lora-evo", "code2lora-memory"
TEXT = "text2lora"
ASSETS = NANO_FOLDER.parent
PUBLISHED_ENCODER = "Qwen/Qwen3-Embedding-0.6B"
_FIRST_STATIC = "first-static"

_PUBLISHED = {
    ("Qwen/Qwen2.5-Coder-1.5B", STATIC): "code2lora/code2lora-direct:code2lora_direct.pt",
    ("Qwen/Qwen2.5-Coder-1.5B", EVOLUTION): "code2lora/code2lora-gru:code2lora_gru.pt",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NamedCheckpoint:
    """Networks, and what they are to be given.

    Attributes:
        checkpoint: The networks.
        encoder: The backbone that makes vectors.
        recipes: How it makes them.
    """

    checkpoint: Checkpoint
    encoder: str
    recipes: Recipes


def is_bundled(method: str) -> bool:
    """Whether a method's checkpoint for nano is in the package."""
    return (ASSETS / method / CHECKPOINT_NAME).is_file()


def default_checkpoint(method: str, backbone: str) -> str:
    """The name of the checkpoint of a method for a backbone, where the user names none.

    Args:
        method: `code2lora-static`, `code2lora-evo` or `code2lora-memory`.
        backbone: A backbone's name.

    Raises:
        CheckpointError: there is none.
    """
    if backbone == NANO and is_bundled(method):
        return str(ASSETS / method)
    found = _PUBLISHED.get((backbone, method))
    if found is None:
        raise CheckpointError(
            f"{method} has no checkpoint of its own for backbone {backbone!r}: "
            "name one with --checkpoint (a folder, a .pt file or a Hub id)."
        )
    return found


def open_checkpoint(name: str) -> NamedCheckpoint:
    """The checkpoint that a name means, on the processor.

    Raises:
        CheckpointError: there is none, it cannot be fetched, it is damaged, or it names inputs that are not known.
    """
    path = _found(name)
    checkpoint = load_checkpoint(path) if path.is_dir() else load_published(path)
    origin = checkpoint.origin
    first = origin.get("layout") == _FIRST_STATIC
    return NamedCheckpoint(
        checkpoint=checkpoint,
        encoder=str(origin.get("encoder") or PUBLISHED_ENCODER),
        recipes=Recipes(
            state=_recipe(origin.get("state_recipe"), PAPER_STATIC if first else PAPER_EVO, name),
            diff=_recipe(origin.get("diff_recipe"), PAPER_DIFF, name),
        ),
    )


def open_memory(name: str) -> MemoryCheckpoint:
    """The checkpoint of `code2lora-memory` that a name means, on the processor.

    Raises:
        CheckpointError: there is none, it cannot be fetched, or it is damaged or of another method.
    """
    path = _found(name)
    if not path.is_dir():
        raise CheckpointError(f"{path} is a published checkpoint, which has no memory: name a folder of {MEMORY}.")
    return load_memory_checkpoint(path)


def open_text(name: str) -> tuple[TextCheckpoint, str, Recipe]:
    """The checkpoint of `text2lora` that a name means, on the processor; its encoder, and how that is used.

    Raises:
        CheckpointError: there is none, it cannot be fetched, it is damaged or of another method, or it names inputs
            that are not known.
    """
    path = _found(name)
    if not path.is_dir():
        raise CheckpointError(f"{path} is a published checkpoint of another method: name a folder of {TEXT}.")
    checkpoint = load_text_checkpoint(path)
    origin = checkpoint.origin
    return checkpoint, str(origin.get("encoder") or PUBLISHED_ENCODER), _recipe(origin.get("state_recipe"), CLEAN, name)


def _found(name: str) -> Path:
    """The file or folder that a name means; fetched, where it is on the Hub."""
    path = Path(name).expanduser()
    if path.exists():
        return path
    if not is_hub_id(name):
        raise CheckpointError(
            f"Checkpoint {name!r} does not exist: name a folder, a .pt file, ORG/NAME or ORG/NAME:FILE.pt."
        )
    return fetch_checkpoint(name)


def _recipe(stated: object, otherwise: Recipe, name: str) -> Recipe:
    if stated is None:
        return otherwise
    if not isinstance(stated, str) or stated not in RECIPES:
        raise CheckpointError(
            f"Checkpoint {name!r} was trained with the recipe {stated!r}, this version knows {', '.join(RECIPES)}: "
            "install the repobench that trained it."
        )
    return RECIPES[stated]
