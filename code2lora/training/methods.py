"""What a training starts from: the untrained method of a recipe, with the vectors that it is conditioned on (io).

Every network is drawn from the training's seed; torch's global generator is left as it was. Nothing is read of a
repository beyond the places in history that the draws and the validation ask for.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch

from code2lora.evolution import CommitGRU, GRUConfig
from code2lora.head import Code2LoRAHead, HeadConfig
from code2lora.lora import target_modules, type_dims
from code2lora.symbol_features import symbol_features
from code2lora.text_head import Text2LoRAConfig, Text2LoRAHead
from code2lora.training.hypernetworks import (
    EvolvingHypernetwork,
    StaticHypernetwork,
    TextHypernetwork,
    place_in_history,
)
from code2lora.training.loop import Method
from code2lora.training.memories import (
    MemoryHypernetwork,
    definitions_at,
    fitted_book,
    memory_config,
    untrained_head,
)
from code2lora.training.plan import Draw
from code2lora.training.vectors import VectorSource
from code2lora.training.weights import FullFineTuning, SharedLoRA
from code2lora.whitening import Whitening

if TYPE_CHECKING:
    from code2lora.training.session import TrainingSession


def untrained_lora(session: "TrainingSession") -> SharedLoRA:
    """An adapter that changes nothing yet, as the recipe has it."""
    own = session.recipe.settings
    assert own.rank is not None and own.alpha is not None and own.layers is not None  # the recipe was checked
    return SharedLoRA(
        session.backbone,
        rank=own.rank,
        alpha=own.alpha,
        layers=own.layers,
        modules=own.modules,
        seed=session.seed,
    )


def untrained_method(session: "TrainingSession", learnt: frozenset[str], draws: Iterable[Draw]) -> Method:
    """The method of a recipe for one network that serves all repositories.

    Args:
        session: The training.
        learnt: The repositories that are learnt from; what is fitted beforehand is fitted to them alone.
        draws: Everything that will be asked for, validation included.
    """
    name, own, state = session.recipe.method, session.recipe.settings, session.recipe.terms.state
    if name == "shared-lora":
        return untrained_lora(session)
    if name == "fft":
        return FullFineTuning(session.backbone)
    places = {(draw.repo_id, place_in_history(draw.commit, state)) for draw in draws}
    if name == "code2lora-memory":
        return _memory(session, learnt, places)
    source = VectorSource(session.data, session.encoder, str(own.encoder_recipe), session.vectors)
    prepared = session.prepared or ignore
    if session.encoding is not None:
        source.tell_encoding(session.encoding)
    if name == "code2lora-static":
        return _static(session, learnt, source.snapshots(places, own.snapshots, prepared))
    if name == "text2lora":
        found = source.snapshots if own.input == "files" else source.descriptions
        return _text(session, found(places, own.snapshots, prepared))
    latest = dict(sorted(places))  # of each repository the last place
    histories = source.histories(latest, prepared)
    head, gru = _head(session, int(own.state_dim or 0)), _gru(session, 2 * session.encoder.width)
    return EvolvingHypernetwork(gru, head, histories, state)


def ignore(done: int, total: int) -> None:
    """The progress of a caller that does not ask for it."""


def _static(
    session: "TrainingSession", learnt: frozenset[str], vectors: dict[tuple[str, int], torch.Tensor]
) -> StaticHypernetwork:
    """The static head, behind a whitening of its vectors where the recipe asks for one."""
    own, width, state = session.recipe.settings, 2 * session.encoder.width, session.recipe.terms.state
    if own.whiten is None:
        return StaticHypernetwork(_head(session, width), vectors, state)
    whitening = Whitening(width, own.whiten)
    whitening.fit(torch.stack([vector for (repo_id, _), vector in sorted(vectors.items()) if repo_id in learnt]))
    whitened = {place: whitening(vector) for place, vector in vectors.items()}
    return StaticHypernetwork(_head(session, whitening.kept), whitened, state, whitening)


def _text(session: "TrainingSession", vectors: dict[tuple[str, int], torch.Tensor]) -> TextHypernetwork:
    own, targets = session.recipe.settings, target_modules(session.backbone.model)
    assert own.rank is not None and own.alpha is not None and own.latent_dim is not None  # the recipe was checked
    config = Text2LoRAConfig(
        type_dims=type_dims(targets),
        layers=1 + max(target.layer for target in targets),
        input_dim=session.encoder.width * (2 if own.input == "files" else 1),
        latent_dim=own.latent_dim,
        rank=own.rank,
        alpha=own.alpha,
    )
    with torch.random.fork_rng():
        torch.manual_seed(session.seed)
        head = Text2LoRAHead(config).to(session.backbone.device)
    return TextHypernetwork(head, vectors, session.recipe.terms.state)


def _memory(session: "TrainingSession", learnt: frozenset[str], places: set[tuple[str, int]]) -> MemoryHypernetwork:
    own, backbone, terms = session.recipe.settings, session.backbone, session.recipe.terms
    features = symbol_features(own.symbols or "states", backbone)
    head = untrained_head(memory_config(own, backbone.model, features), session.seed)
    prepared = session.prepared or ignore
    defined = definitions_at(session.data, places, limit=own.snapshots, most=own.records or 0, progress=prepared)
    book = fitted_book(head, features, defined, learnt)
    return MemoryHypernetwork(head.to(backbone.device), book, terms.state, own.least_share or 1.0)


def _head(session: "TrainingSession", input_dim: int) -> Code2LoRAHead:
    own = session.recipe.settings
    assert own.rank is not None and own.alpha is not None and own.hidden_dim is not None  # the recipe was checked
    dims = type_dims(target_modules(session.backbone.model))
    config = HeadConfig(type_dims=dims, input_dim=input_dim, hidden_dim=own.hidden_dim, rank=own.rank, alpha=own.alpha)
    with torch.random.fork_rng():
        torch.manual_seed(session.seed)
        return Code2LoRAHead(config).to(session.backbone.device)


def _gru(session: "TrainingSession", width: int) -> CommitGRU:
    own = session.recipe.settings
    assert own.state_dim is not None  # the recipe was checked
    with torch.random.fork_rng():
        torch.manual_seed(session.seed + 1)
        config = GRUConfig(diff_input_dim=width, repo_state_dim=width, hidden_dim=own.state_dim)
        return CommitGRU(config).to(session.backbone.device)
