"""One repository -> the adapter of its memory, and the memory kept beside it, which the next commit only changes.

The file of a memory says which commit it is of. A later start with the same checkpoint reads what has changed between
that commit and the new one: files of equal content are not parsed, definitions that stay are not written again, and the
adapter is the very bits of one that is made afresh. How many commits lie between does not matter.
"""

from dataclasses import replace
from pathlib import Path

from code2lora.symbol_memory import MemoryState, SymbolMemory, load_memory, save_memory
from harness.adapting import AdaptedRepository, described
from harness.hypernetworks import Hypernetwork
from repopeftbench.live_views import LiveHistory


def memory_file(folder: Path) -> Path:
    """Where the memory of an adapter's folder is kept."""
    return folder.with_name(f"{folder.name}.memory.safetensors")


def adapt_memory(history: LiveHistory, network: Hypernetwork, kept: Path) -> AdaptedRepository:
    """The adapter at the last commit of `history`; its memory is kept in a file, and changed from there.

    Args:
        history: the repository.
        network: one with a memory.
        kept: the file of the memory; one that was made with another checkpoint or on other commits is replaced.

    Returns:
        The adapter; its `steps` are the records that came or went.

    Raises:
        CheckpointError: `kept` holds no memory.
        Code2LoRAError: the adapter cannot be made, or changes nothing.
        GitObjectError: the repository lacks a commit's files.
    """
    memory = network.inputs
    assert isinstance(memory, SymbolMemory)  # load_hypernetwork made it for this method
    state, before = _kept(history, memory, kept)
    changes = history.symbol_changes(before, history.commit_sha)
    state = memory.changed(state, changes.added, changes.removed)
    kept.parent.mkdir(parents=True, exist_ok=True)
    save_memory(kept, state, history.commit_sha)
    made = described(memory.adapter(state), history.repo_id, history.commit_sha, network, commits_walked=None)
    return replace(made, steps=len(changes.added) + len(changes.removed))


def _kept(history: LiveHistory, memory: SymbolMemory, kept: Path) -> tuple[MemoryState, str | None]:
    """The kept memory and its commit, if it can be changed from there; otherwise an empty one."""
    if kept.is_file():
        state, commit_sha = load_memory(kept)
        if state.made_with == memory.sha256 and history.holds(commit_sha):
            return state, commit_sha
    return memory.empty(), None
