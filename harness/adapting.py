"""One repository -> its adapter: of its files at a commit, or of the walk over its history, which can be gone on with.

The state of a walk is kept in a file beside the adapter. A later start with the same networks, the same way of making
vectors and a history that holds the last commit walked over takes one step for each commit that is new, and comes to
the very numbers of a walk from the first commit.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TypeAlias

import torch

from code2lora.adapters import Adapter
from code2lora.checkpoints import Checkpoint
from code2lora.conditioning import assertion_task, commit_vectors, context_adapter
from code2lora.errors import CheckpointError
from code2lora.evolution import CommitGRU
from code2lora.export import AdapterSource, export_peft
from code2lora.gguf_export import export_gguf
from code2lora.lora import adapter_effect
from code2lora.state_vectors import StateVectors
from code2lora.symbol_memory import SymbolMemory
from code2lora.walk import CommitVectors, WalkState, load_walk, save_walk, start_walk, walk
from harness.hypernetworks import Hypernetwork
from repopeftbench.errors import ConfigError
from repopeftbench.live_views import LiveHistory
from repopeftbench.schema import CommitRecord

GGUF_NAME = "adapter.gguf"
Walked: TypeAlias = Callable[[int, int], None]
"""Called as `walked(done, total)`, in commits of a history, at the start, after every kept one, and at the end."""
_CANARY = "assert "


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AdaptedRepository:
    """A repository's adapter.

    `source` says what it was made from; `steps` are the commits that were walked over this time, 0 without a walk.
    `logit_change` is the largest change of a logit after `assert `: more than 0.
    """

    adapter: Adapter
    source: AdapterSource
    steps: int
    logit_change: float


def walk_file(folder: Path) -> Path:
    """Where the walk of an adapter's folder is kept."""
    return folder.with_name(f"{folder.name}.walk.safetensors")


def adapt_snapshot(history: LiveHistory, network: Hypernetwork) -> AdaptedRepository:
    """The adapter of a repository's production files at the last commit of `history`.

    Raises:
        Code2LoRAError: it cannot be made, or changes nothing.
        GitObjectError: the repository lacks the commit's files.
    """
    adapter = network.conditioner.adapter(history.view(history.commit_sha))
    return described(adapter, history.repo_id, history.commit_sha, network, commits_walked=None)


def adapt_history(history: LiveHistory, network: Hypernetwork, kept: Path, walked: Walked) -> AdaptedRepository:
    """The adapter after the last kept commit of `history`; the walk is kept in the file `kept`, and goes on from there.

    Args:
        history: the repository.
        network: one with a commit GRU.
        kept: the file of the walk; one that belongs to other networks, vectors or commits is replaced.
        walked: told how far the walk is.

    Raises:
        ConfigError: the history has no kept commit.
        CheckpointError: `kept` holds no walk.
        Code2LoRAError: the adapter cannot be made, or changes nothing.
    """
    checkpoint, vectors = network.checkpoint, network.inputs
    # WalkConditioner has refused checkpoints without a GRU.
    assert isinstance(checkpoint, Checkpoint) and checkpoint.gru is not None and not isinstance(vectors, SymbolMemory)
    state = _resumed(history, network, checkpoint.gru, kept)
    before = 0 if state is None else state.commits
    state = _walked(_kept_commits(history, state, walked), history, vectors, checkpoint.gru, state)
    if state is None or state.commit_sha is None:
        raise ConfigError(
            f"{history.repo_id} has no commit with new assertions up to {history.commit_sha}, so there is nothing to "
            "walk over: leave out --evo"
        )
    kept.parent.mkdir(parents=True, exist_ok=True)
    save_walk(kept, state)
    adapter = context_adapter(checkpoint, state)
    made = described(adapter, history.repo_id, state.commit_sha, network, commits_walked=state.commits)
    return replace(made, steps=state.commits - before)


def write_adapter(folder: Path, made: AdaptedRepository, network: Hypernetwork, *, gguf: bool) -> Path:
    """Writes an adapter for peft and vLLM, or for llama.cpp; the folder, or the file.

    Raises:
        ExportError: the folder holds something else, or the format cannot be written.
        OSError: it cannot be written.
    """
    if not gguf:
        export_peft(folder, made.adapter, network.backbone, made.source)
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    export_gguf(folder / GGUF_NAME, made.adapter, network.backbone)
    return folder / GGUF_NAME


def _resumed(history: LiveHistory, network: Hypernetwork, gru: CommitGRU, kept: Path) -> WalkState | None:
    """The kept state, if the walk can go on from it; a commit's id stands for all commits before it."""
    if not kept.is_file():
        return None
    state = load_walk(kept)
    same = (state.gru_sha256, state.vectors_sha256) == (gru.sha256(), network.inputs.sha256)
    if not same or state.commit_sha is None or not history.holds(state.commit_sha):
        return None
    if state.hidden_D.shape != (gru.config.hidden_dim,):
        raise CheckpointError(f"{kept} holds a state of another width; delete it and walk from the first commit.")
    return replace(state, hidden_D=state.hidden_D.to(network.backbone.device))


def _kept_commits(history: LiveHistory, state: WalkState | None, walked: Walked) -> Iterator[CommitRecord]:
    """The kept commits after a state; `walked` is told of each that is behind."""
    last = None if state is None else state.commit_sha
    walked(0 if last is None else history.place(last) + 1, history.length)
    for record in history.kept_after(last):
        yield record
        walked(history.place(record.commit_sha) + 1, history.length)
    walked(history.length, history.length)


def _walked(
    records: Iterator[CommitRecord],
    history: LiveHistory,
    inputs: StateVectors,
    gru: CommitGRU,
    state: WalkState | None,
) -> WalkState | None:
    """The state after the last of the kept commits; None where there is none."""
    if state is None:
        first = next(records, None)
        if first is None:
            return None
        view = history.view(first.commit_sha, (first,))
        state = start_walk(gru, inputs.state(view), vectors_sha256=inputs.sha256)
        records = chain((first,), records)

    def vectors() -> Iterator[CommitVectors]:
        for record in records:
            view = history.view(record.commit_sha, (record,))
            yield from commit_vectors(gru, inputs, view, [record.commit_sha])

    for after in walk(gru, state, vectors()):
        state = after
    return state


def described(
    adapter: Adapter, repo_id: str, commit_sha: str, network: Hypernetwork, *, commits_walked: int | None
) -> AdaptedRepository:
    """An adapter with what it was made from, after it has shown that it changes something.

    Raises:
        AdapterError: it changes nothing, or is not finite.
    """
    backbone, checkpoint = network.backbone, network.checkpoint
    ids = torch.tensor([backbone.tokenizer(_CANARY)["input_ids"]], device=backbone.device)
    return AdaptedRepository(
        adapter=adapter,
        source=AdapterSource(
            repo_id=repo_id,
            commit_sha=commit_sha,
            commits_walked=commits_walked,
            task=assertion_task(checkpoint.tasks) if isinstance(checkpoint, Checkpoint) else None,
            checkpoint_sha256=checkpoint.fingerprint(),
            encoder_sha256=network.encoder_sha256,
        ),
        steps=0,
        logit_change=adapter_effect(backbone.model, ids, adapter),
    )
