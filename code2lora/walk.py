"""A walk of the commit GRU over one history: stops after any commit, is stored, and goes on to the same numbers (io).

Which state a task may see is the caller's choice: the published evaluation took the state after a task's own commit;
the state before it holds nothing of that commit.

Legend: `B` repositories side by side (here one), `E` embedding width, `D` width of the hidden state.
"""
# Upper-case suffixes state the axes of a tensor.

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from code2lora.errors import CheckpointError
from code2lora.evolution import CommitGRU
from repopeftbench.atomic import write_atomically

_METADATA_KEY = "walk"  # one key: safetensors writes several in no fixed order
_NO_HISTORY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CommitVectors:
    """The vectors of one commit.

    Attributes:
        commit_sha: The commit.
        diff_E: Of its production diff; zeros where that is empty.
        repo_state_E: Of the repository at it; needed at the first commit, and where steps take it.
    """

    commit_sha: str
    diff_E: torch.Tensor
    repo_state_E: torch.Tensor | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WalkState:
    """Where a walk over a history stands.

    Attributes:
        commits: Commits behind it; 0 before the first.
        commit_sha: The last of them; None before the first.
        history_sha256: A hash chain over all of them, in order.
        gru_sha256: The weights that it was walked with.
        vectors_sha256: What made the vectors that it was walked over; empty where that is not told.
        hidden_D: The hidden state.
    """

    commits: int
    commit_sha: str | None
    history_sha256: str
    gru_sha256: str
    vectors_sha256: str = ""
    hidden_D: torch.Tensor


def start_walk(gru: CommitGRU, repo_state_E: torch.Tensor, *, vectors_sha256: str = "") -> WalkState:
    """The state before the first commit.

    Args:
        gru: The network.
        repo_state_E: The repository's vector at its first kept commit.
        vectors_sha256: What makes the vectors of this walk.
    """
    with torch.no_grad():
        hidden_D = gru.start(repo_state_E[None])[0]
    return WalkState(
        commits=0,
        commit_sha=None,
        history_sha256=_NO_HISTORY,
        gru_sha256=gru.sha256(),
        vectors_sha256=vectors_sha256,
        hidden_D=hidden_D,
    )


def walk(gru: CommitGRU, state: WalkState, commits: Iterable[CommitVectors]) -> Iterator[WalkState]:
    """The states after each commit, without gradients.

    Args:
        gru: The network, of the weights that `state` was walked with.
        state: Where the walk stands.
        commits: The commits that follow, oldest first; read as they are needed.

    Yields:
        The state after each of them.

    Raises:
        CheckpointError: the state was walked with other weights.
        ShapeError: a vector has another width, or a repository's vector is missing.
    """
    if state.gru_sha256 != gru.sha256():
        raise CheckpointError(
            f"The walk's state was made with GRU weights {state.gru_sha256[:12]}, not {gru.sha256()[:12]}: "
            "walk from the first commit again."
        )
    for commit in commits:
        repo_state_BE = None if commit.repo_state_E is None else commit.repo_state_E[None]
        with torch.no_grad():
            hidden_BD = gru.step(gru.step_input(commit.diff_E[None], repo_state_BE), state.hidden_D[None])
        state = WalkState(
            commits=state.commits + 1,
            commit_sha=commit.commit_sha,
            history_sha256=_chained(state.history_sha256, commit.commit_sha),
            gru_sha256=state.gru_sha256,
            vectors_sha256=state.vectors_sha256,
            hidden_D=hidden_BD[0],
        )
        yield state


def history_sha256(commit_shas: Iterable[str]) -> str:
    """The hash chain over commits, oldest first: equal to a state's if that state is behind just these."""
    digest = _NO_HISTORY
    for commit_sha in commit_shas:
        digest = _chained(digest, commit_sha)
    return digest


def save_walk(path: Path, state: WalkState) -> None:
    """Writes a state as one safetensors file.

    Raises:
        OSError: the folder is absent or cannot be written.
    """
    facts = {
        "commits": state.commits,
        "commit_sha": state.commit_sha,
        "history_sha256": state.history_sha256,
        "gru_sha256": state.gru_sha256,
        "vectors_sha256": state.vectors_sha256,
    }
    metadata = {_METADATA_KEY: json.dumps(facts, sort_keys=True)}
    write_atomically(path, save({"hidden": state.hidden_D.cpu().contiguous()}, metadata=metadata))


def load_walk(path: Path) -> WalkState:
    """Reads a state that `save_walk` wrote.

    Raises:
        CheckpointError: the file is absent or holds no walk's state.
    """
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})[_METADATA_KEY])
            return WalkState(**facts, hidden_D=file.get_tensor("hidden"))
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{path} holds no state of a walk ({error}); delete it and walk from the first commit."
        ) from error


def _chained(before: str, commit_sha: str) -> str:
    return hashlib.sha256(f"{before}\0{commit_sha}".encode()).hexdigest()
