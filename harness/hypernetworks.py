"""What methods with a hypernetwork are made of: backbone, checkpoint, and the vectors that it is conditioned on (io).

Loads and checks all of it before anything is answered or written, so that what cannot work is one sentence. Vectors of
contents are kept in the user's cache folder and serve every run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import platformdirs
import torch
from pydantic import JsonValue

from code2lora.backbone import Backbone, load_backbone
from code2lora.backbone_encoder import BackboneEncoder
from code2lora.checkpoints import Checkpoint
from code2lora.conditioning import Conditioner, SnapshotConditioner, WalkConditioner, check_fits_backbone
from code2lora.encoding_progress import EncodingProgress
from code2lora.errors import CheckpointError
from code2lora.memory_checkpoints import MemoryCheckpoint
from code2lora.memory_conditioning import MemoryConditioner, check_memory_fits
from code2lora.named_checkpoints import (
    EVOLUTION,
    MEMORY,
    TEXT,
    default_checkpoint,
    open_checkpoint,
    open_memory,
    open_text,
)
from code2lora.published_vectors import PublishedVectors
from code2lora.state_vectors import EncodedVectors, Recipes, StateVectors
from code2lora.symbol_features import symbol_features
from code2lora.symbol_memory import SymbolMemory
from code2lora.text_checkpoints import TextCheckpoint
from code2lora.text_conditioning import TextConditioner
from code2lora.vector_store import SqliteVectorStore
from repopeftbench.dataset.embeddings import PublishedEmbeddings


@dataclass(frozen=True, slots=True, kw_only=True)
class HypernetworkSettings:
    """What a hypernetwork is loaded by.

    Attributes:
        method: `code2lora-static`, `code2lora-evo`, `code2lora-memory` or `text2lora`.
        backbone: The base model's name.
        device: A torch device, or `auto`.
        dtype: The backbone's and the encoder's type of number, or `auto`.
        checkpoint: A folder, a `.pt` file or a Hub id; None is the backbone's own.
        encoder: A backbone's name; None is the one that the checkpoint was trained with.
        embeddings: A dataset's folder whose published vectors take the encoder's place.
    """

    method: str
    backbone: str
    device: str = "auto"
    dtype: str = "auto"
    checkpoint: str | None = None
    encoder: str | None = None
    embeddings: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hypernetwork:
    """A loaded hypernetwork with its base model.

    Attributes:
        backbone: The base model.
        checkpoint: The networks, on the backbone's device.
        inputs: What they are conditioned on: vectors, or symbols and a memory of them.
        conditioner: Makes adapters of views.
        encoder_sha256: The encoder's weights; None where published vectors take its place.
        store: Where vectors are kept.

    A context manager that closes the store.
    """

    backbone: Backbone
    checkpoint: Checkpoint | MemoryCheckpoint | TextCheckpoint
    inputs: StateVectors | SymbolMemory
    conditioner: Conditioner
    encoder_sha256: str | None
    store: SqliteVectorStore | None

    def tell_encoding(self, progress: EncodingProgress) -> None:
        """Has `progress` told how far encoding is, from now on; symbols and published vectors are not encoded."""
        if isinstance(self.inputs, EncodedVectors):
            self.inputs.tell_encoding(progress)

    def __enter__(self) -> "Hypernetwork":
        return self

    def __exit__(self, *_: object) -> None:
        if self.store is not None:
            self.store.close()


def vector_store_path() -> Path:
    """The file of all vectors in the user's cache folder."""
    return platformdirs.user_cache_path("repobench") / "vectors.sqlite"


def load_hypernetwork(settings: HypernetworkSettings) -> Hypernetwork:
    """Loads a hypernetwork with all that it needs.

    Raises:
        CheckpointError: the checkpoint is missing, damaged or of another method, or fits neither backbone nor encoder.
        BackboneError: the backbone or the encoder cannot be loaded.
        EncoderError: the store of vectors cannot be used.
        DatasetError: the dataset has no published vectors.
        OSError: the cache folder cannot be made.
    """
    if settings.method == MEMORY:
        return _load_memory(settings)
    if settings.method == TEXT:
        return _load_text(settings)
    named = open_checkpoint(settings.checkpoint or default_checkpoint(settings.method, settings.backbone))
    backbone = load_backbone(settings.backbone, device=settings.device, dtype=settings.dtype)
    check_fits_backbone(named.checkpoint.head.config.type_dims, 1, backbone.model, backbone.name)
    checkpoint = _on_device(named.checkpoint, backbone.device)
    store: SqliteVectorStore | None = None
    vectors: StateVectors
    if settings.embeddings is not None:
        vectors, encoder_sha256 = PublishedVectors(PublishedEmbeddings(settings.embeddings)), None
    else:
        encoder = _encoder(named.encoder, named.checkpoint.origin, settings, backbone)
        store = _open_store()
        vectors, encoder_sha256 = EncodedVectors(keyed_encoder(encoder), named.recipes, store), encoder.weights_sha256
    kind = WalkConditioner if settings.method == EVOLUTION else SnapshotConditioner
    return Hypernetwork(
        backbone=backbone,
        checkpoint=checkpoint,
        inputs=vectors,
        conditioner=kind(checkpoint, vectors),
        encoder_sha256=encoder_sha256,
        store=store,
    )


def _load_memory(settings: HypernetworkSettings) -> Hypernetwork:
    for option, value in (("--encoder", settings.encoder), ("--embeddings", settings.embeddings)):
        if value is not None:
            raise CheckpointError(f"{option} {value} has no use with {MEMORY}, which is given symbols: leave it out")
    checkpoint = open_memory(settings.checkpoint or default_checkpoint(MEMORY, settings.backbone))
    backbone = load_backbone(settings.backbone, device=settings.device, dtype=settings.dtype)
    check_memory_fits(checkpoint, backbone.model, backbone.name, backbone.weights_sha256)
    checkpoint = replace(checkpoint, head=checkpoint.head.to(backbone.device))
    memory = SymbolMemory(checkpoint, symbol_features(checkpoint.symbols, backbone))
    return Hypernetwork(
        backbone=backbone,
        checkpoint=checkpoint,
        inputs=memory,
        conditioner=MemoryConditioner(memory),
        encoder_sha256=None,
        store=None,
    )


def _load_text(settings: HypernetworkSettings) -> Hypernetwork:
    if settings.embeddings is not None:
        raise CheckpointError(f"--embeddings has no use with {TEXT}, which is given texts: leave it out")
    checkpoint, encoder_name, recipe = open_text(settings.checkpoint or default_checkpoint(TEXT, settings.backbone))
    backbone = load_backbone(settings.backbone, device=settings.device, dtype=settings.dtype)
    sizes = checkpoint.head.config
    check_fits_backbone(sizes.type_dims, sizes.layers, backbone.model, backbone.name)
    encoder = _encoder(encoder_name, checkpoint.origin, settings, backbone)
    checkpoint = replace(checkpoint, head=checkpoint.head.to(backbone.device))
    store = _open_store()
    vectors = EncodedVectors(keyed_encoder(encoder), Recipes(state=recipe), store)
    return Hypernetwork(
        backbone=backbone,
        checkpoint=checkpoint,
        inputs=vectors,
        conditioner=TextConditioner(checkpoint, vectors),
        encoder_sha256=encoder.weights_sha256,
        store=store,
    )


def _open_store() -> SqliteVectorStore:
    path = vector_store_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    return SqliteVectorStore(path)


def _encoder(
    named: str, origin: Mapping[str, JsonValue], settings: HypernetworkSettings, backbone: Backbone
) -> Backbone:
    """The encoder that the user names, else the one of a checkpoint, which must be the one that it was trained with."""
    name = settings.encoder or named
    is_backbone = name == settings.backbone
    found = backbone if is_backbone else load_backbone(name, device=settings.device, dtype=settings.dtype)
    trained_with = origin.get("encoder_sha256")
    if settings.encoder is None and trained_with not in (None, found.weights_sha256):
        raise CheckpointError(
            f"the checkpoint was trained with encoder {named!r} of weights {str(trained_with)[:12]}, "
            f"the one found has {found.weights_sha256[:12]}: name the right one with --encoder"
        )
    return found


def keyed_encoder(encoder: Backbone) -> BackboneEncoder:
    """The encoder; the kind of device and of number are part of what its vectors are kept by, as they round."""
    kind, dtype = torch.device(encoder.device).type, str(encoder.model.dtype).removeprefix("torch.")
    if (kind, dtype) == ("cpu", "float32"):
        return BackboneEncoder(encoder)
    return BackboneEncoder(replace(encoder, weights_sha256=f"{encoder.weights_sha256} {kind} {dtype}"))


def _on_device(checkpoint: Checkpoint, device: str) -> Checkpoint:
    gru = None if checkpoint.gru is None else checkpoint.gru.to(device)
    # The whitening stays where vectors are made.
    return replace(checkpoint, head=checkpoint.head.to(device), gru=gru)
