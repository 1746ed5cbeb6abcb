"""From a repository's view to its adapter: of one snapshot, or of the walk over its kept commits.

Every adapter is made by itself, never in a batch, so that it is the same bits whatever was asked before: a run that
was interrupted goes on with the adapters that it would have had. What was made last is remembered.

Legend: `E` width of a context vector.
"""
# Upper-case suffixes state the axes of a tensor.

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import torch

from code2lora.adapters import Adapter
from code2lora.checkpoints import Checkpoint
from code2lora.errors import AdapterError, CheckpointError
from code2lora.evolution import CommitGRU
from code2lora.lora import check_sizes, target_modules
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
        check_width("head", takes, vectors.width)
        self._checkpoint = checkpoint
        self._vectors = vectors
        self._adapters = RecentAdapters()

    def adapter(self, view: HistoryView) -> Adapter:
        """The adapter of a view's production files, of one row."""
        return self._adapters.of((view.repo_id, view.commit_sha), lambda: self._made(view))

    def _made(self, view: HistoryView) -> Adapter:
        context_E = self._vectors.state(view)
        if self._checkpoint.whitening is not None:
            context_E = self._checkpoint.whitening(context_E)
        return _adapter_of(self._checkpoint, context_E)


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
        self._adapters = RecentAdapters()
        self._walks: OrderedDict[str, list[WalkState]] = OrderedDict()

    def adapter(self, view: HistoryView) -> Adapter:
        """The adapter after the last of a view's kept commits, of one row."""
        commits = view.kept_commits()
        key = (view.repo_id, commits[-1].commit_sha if commits else "")
        return self._adapters.of(key, lambda: context_adapter(self._checkpoint, self._state(view, commits)))

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
    for sha, diff_E in zip(commit_shas, vectors.diffs(view, commit_shas), strict=True):
        repo_state_E = vectors.state(view.at(sha)) if needs_state else None
        yield CommitVectors(commit_sha=sha, diff_E=diff_E, repo_state_E=repo_state_E)


def context_adapter(checkpoint: Checkpoint, state: WalkState) -> Adapter:
    """The adapter of a walk's state, of one row.

    Args:
        checkpoint: The networks; their GRU walked there.
        state: Where the walk stands.
    """
    assert checkpoint.gru is not None
    with torch.no_grad():
        return _adapter_of(checkpoint, checkpoint.gru.context(state.hidden_D[None])[0])


def check_fits_backbone(
    type_dims: Mapping[str, tuple[int, int]], layers: int, model: torch.nn.Module, name: str
) -> None:
    """Refuses a checkpoint whose adapters are of other sizes than a model's modules, before any is made.

    Args:
        type_dims: Features in and out by the type of module, of the adapters that its head makes.
        layers: Layers that these have factors for; 1: all share one pair.
        model: The base model.
        name: What the base model is called.

    Raises:
        CheckpointError: it does not fit.
    """
    try:
        check_sizes(type_dims, layers, target_modules(model))
    except AdapterError as error:
        raise CheckpointError(f"the checkpoint does not fit backbone {name!r}: {error}") from error


def assertion_task(tasks: Sequence[str]) -> str | None:
    """The task that a head is asked for: the completion of assertions, where it has several and names that one."""
    return ASSERTION_TASK if ASSERTION_TASK in tasks else None


def _gru_of(checkpoint: Checkpoint, vectors: StateVectors) -> CommitGRU:
    gru = checkpoint.gru
    if gru is None:
        raise CheckpointError("the checkpoint has no commit GRU: it is for code2lora-static, not for code2lora-evo")
    check_width("GRU's start", gru.config.repo_state_dim, vectors.width)
    steps = 2 if gru.config.per_step_input == "concat" else 1
    check_width("GRU's step", gru.config.diff_input_dim, steps * vectors.width)
    return gru


def check_width(what: str, takes: int, gives: int) -> None:
    """Raises `CheckpointError` unless a part of a checkpoint takes vectors as wide as the encoder gives them."""
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


class RecentAdapters:
    """The adapters that were used last; others are made again."""

    def __init__(self, most: int = _REMEMBERED_ADAPTERS) -> None:
        """Remembers at most so many."""
        self._most = most
        self._kept: OrderedDict[tuple[str, str], Adapter] = OrderedDict()

    def of(self, key: tuple[str, str], make: Callable[[], Adapter]) -> Adapter:
        """The adapter of a repository and a commit, made now if it is not remembered."""
        if key not in self._kept:
            self._kept[key] = make()
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return self._kept[key]
