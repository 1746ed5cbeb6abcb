"""From a repository's view to its adapter: of one snapshot, or of the walk over its kept commits.

Every adapter is made by itself, never in a batch, so that it is the same bits whatever was asked before: a run that
was interrupted goes on with the adapters that it would have had. What was made last is remembered.

Legend: `E` width of a context vector.
"""
# Upper-case suffixes state the axes of a tensor.

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Protocol

import torch

from code2lora.adapters import Adapter, Factors
from code2lora.checkpoints import Checkpoint
from code2lora.errors import AdapterError, CheckpointError
from code2lora.evolution import CommitGRU
from code2lora.lora import check_fits, target_modules
from code2lora.state_vectors import StateVectors
from code2lora.walk import CommitVectors, WalkState, start_walk, walk
from repopeftbench.schema import HistoryView, KeptCommit

ASSERTION_TASK = "assert_rhs"
"""What heads of several tasks call the completion of assertions."""
_REMEMBERED_ADAPTERS = 128
_REMEMBERED_WALKS = 4


class Conditioner(Protocol):
    """Gives a repository's adapter."""

    def adapter(self, view: HistoryView) -> Adapter:
        """The adapter of what a view shows, of one row."""
        ...


class SnapshotConditioner:
    """Adapters of snapshots, as in the static method."""

    def __init__(self, checkpoint: Checkpoint, vectors: StateVectors) -> None:
        """Takes the networks.

        Args:
            checkpoint: A head without a GRU.
            vectors: Gives the head's context.

        Raises:
            CheckpointError: the checkpoint walks commits, or takes vectors of another width.
        """
        if checkpoint.gru is not None:
            raise CheckpointError("the checkpoint has a commit GRU: it is for code2lora-evo, not for code2lora-static")
        whitening = checkpoint.whitening
        takes = checkpoint.head.config.input_dim if whitening is None else whitening.sizes["width"]
        _check_width("head", takes, vectors.width)
        self._checkpoint = checkpoint
        self._vectors = vectors
        self._adapters = _Recent(_REMEMBERED_ADAPTERS)

    def adapter(self, view: HistoryView) -> Adapter:
        """The adapter of a view's production files, of one row."""
        key = (view.repo_id, view.commit_sha)
        found = self._adapters.get(key)
        if found is None:
            context_E = self._vectors.state(view)
            if self._checkpoint.whitening is not None:
                context_E = self._checkpoint.whitening(context_E)
            found = _adapter_of(self._checkpoint, context_E)
            self._adapters.put(key, found)
        return found


class WalkConditioner:
    """Adapters of histories, as in the evolution method: one step of the GRU for each kept commit."""

    def __init__(self, checkpoint: Checkpoint, vectors: StateVectors) -> None:
        """Takes the networks.

        Args:
            checkpoint: A head with a GRU.
            vectors: Gives the vectors of commits.

        Raises:
            CheckpointError: the checkpoint has no GRU, or takes vectors of another width.
        """
        self._gru = _gru_of(checkpoint, vectors)
        self._checkpoint = checkpoint
        self._vectors = vectors
        self._adapters = _Recent(_REMEMBERED_ADAPTERS)
        self._walks: OrderedDict[str, list[WalkState]] = OrderedDict()

    def adapter(self, view: HistoryView) -> Adapter:
        """The adapter after the last of a view's kept commits, of one row."""
        commits = view.kept_commits()
        key = (view.repo_id, commits[-1].commit_sha if commits else "")
        found = self._adapters.get(key)
        if found is None:
            found = context_adapter(self._checkpoint, self._state(view, commits))
            self._adapters.put(key, found)
        return found

    def _state(self, view: HistoryView, commits: Sequence[KeptCommit]) -> WalkState:
        """The state after all of a view's kept commits; states of the repository that are known are not made again."""
        states = self._walks.get(view.repo_id)
        if states is None:
            states = [first_state(self._gru, self._vectors, view)]
            if commits:  # what nothing is known of is no start for a walk
                self._walks[view.repo_id] = states
        if len(states) <= len(commits):
            later = [commit.commit_sha for commit in commits[len(states) - 1 :]]
            states.extend(walk(self._gru, states[-1], commit_vectors(self._gru, self._vectors, view, later)))
        if view.repo_id in self._walks:
            self._walks.move_to_end(view.repo_id)
        if len(self._walks) > _REMEMBERED_WALKS:
            self._walks.popitem(last=False)
        return states[len(commits)]


def first_state(gru: CommitGRU, vectors: StateVectors, view: HistoryView) -> WalkState:
    """Where a walk over a view's kept commits begins: with the files at the first of them, as published.

    Where there is no commit yet it begins with nothing.
    """
    commits = view.kept_commits()
    start = vectors.state(view.at(commits[0].commit_sha)) if commits else torch.zeros(vectors.width)
    return start_walk(gru, start, vectors_sha256=vectors.sha256)


def commit_vectors(
    gru: CommitGRU, vectors: StateVectors, view: HistoryView, commit_shas: Sequence[str]
) -> Iterator[CommitVectors]:
    """What some of a view's kept commits bring to a walk, in order, as it is needed."""
    needs_state = gru.config.per_step_input != "diff"
    for sha in commit_shas:
        repo_state_E = vectors.state(view.at(sha)) if needs_state else None
        yield CommitVectors(commit_sha=sha, diff_E=vectors.diff(view, sha), repo_state_E=repo_state_E)


def context_adapter(checkpoint: Checkpoint, state: WalkState) -> Adapter:
    """The adapter of a walk's state, of one row.

    Args:
        checkpoint: The networks; their GRU walked there.
        state: Where the walk stands.
    """
    assert checkpoint.gru is not None
    with torch.no_grad():
        return _adapter_of(checkpoint, checkpoint.gru.context(state.hidden_D[None])[0])


def check_head_fits(checkpoint: Checkpoint, model: torch.nn.Module, name: str) -> None:
    """Refuses a checkpoint whose adapters are of other sizes than a model's modules, before any is made.

    Args:
        checkpoint: The networks.
        model: The base model.
        name: What the base model is called.

    Raises:
        CheckpointError: it does not fit.
    """
    config = checkpoint.head.config
    nothing = torch.zeros(())  # expanded: shapes without memory
    factors = {
        kind: Factors(
            A_BLRI=nothing.expand(1, 1, config.rank, inputs), B_BLOR=nothing.expand(1, 1, outputs, config.rank)
        )
        for kind, (inputs, outputs) in config.type_dims.items()
    }
    try:
        check_fits(Adapter(factors=factors, alpha=config.alpha), target_modules(model))
    except AdapterError as error:
        raise CheckpointError(f"the checkpoint does not fit backbone {name!r}: {error}") from error


def assertion_task(tasks: Sequence[str]) -> str | None:
    """The task that a head is asked for: the completion of assertions, where it has several and names that one."""
    return ASSERTION_TASK if ASSERTION_TASK in tasks else None


def _gru_of(checkpoint: Checkpoint, vectors: StateVectors) -> CommitGRU:
    gru = checkpoint.gru
    if gru is None:
        raise CheckpointError("the checkpoint has no commit GRU: it is for code2lora-static, not for code2lora-evo")
    _check_width("GRU's start", gru.config.repo_state_dim, vectors.width)
    steps = 2 if gru.config.per_step_input == "concat" else 1
    _check_width("GRU's step", gru.config.diff_input_dim, steps * vectors.width)
    return gru


def _check_width(what: str, takes: int, gives: int) -> None:
    if takes != gives:
        raise CheckpointError(
            f"the checkpoint's {what} takes vectors of width {takes}, the encoder gives {gives}: "
            "name with --encoder the one that the checkpoint was trained with"
        )


def _adapter_of(checkpoint: Checkpoint, context_E: torch.Tensor) -> Adapter:
    head = checkpoint.head
    named = assertion_task(checkpoint.tasks)
    task = None if named is None else checkpoint.tasks.index(named)
    device = next(head.parameters()).device
    with torch.no_grad():
        return head(context_E[None].to(device), task)  # type: ignore[no-any-return]


class _Recent:
    """The adapters that were used last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[str, str], Adapter] = OrderedDict()

    def get(self, key: tuple[str, str]) -> Adapter | None:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: tuple[str, str], adapter: Adapter) -> None:
        self._kept[key] = adapter
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
