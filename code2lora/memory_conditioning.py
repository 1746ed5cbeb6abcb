"""From a repository's view to the adapter of its memory: a `Conditioner` for `code2lora-memory`.

A memory is exact, so that it does not matter how it came about: of the next commit, or of another repository's task in
between, the adapter is the very bits of one that is written afresh. What a view asks for is made from the memory of the
same repository that was asked for last, at the cost of what differs.
"""

from collections import OrderedDict

from torch import nn

from code2lora.adapters import Adapter
from code2lora.conditioning import RecentAdapters, check_fits_backbone
from code2lora.errors import CheckpointError
from code2lora.memory_checkpoints import MemoryCheckpoint
from code2lora.symbol_memory import MemoryState, SymbolMemory
from repopeftbench.schema import HistoryView

_REMEMBERED_ADAPTERS = 32
_REMEMBERED_MEMORIES = 16


class MemoryConditioner:
    """Adapters of what repositories define."""

    def __init__(self, memory: SymbolMemory) -> None:
        """Takes the networks."""
        self._memory = memory
        self._states: OrderedDict[str, MemoryState] = OrderedDict()
        self._adapters = RecentAdapters(_REMEMBERED_ADAPTERS)

    def adapter(self, view: HistoryView) -> Adapter:
        """The adapter of what a view's production files define, of one row."""
        return self._adapters.of((view.repo_id, view.commit_sha), lambda: self._made(view))

    def _made(self, view: HistoryView) -> Adapter:
        state = self._memory.became(self._states.get(view.repo_id) or self._memory.empty(), view.symbols())
        self._states[view.repo_id] = state
        self._states.move_to_end(view.repo_id)
        if len(self._states) > _REMEMBERED_MEMORIES:
            self._states.popitem(last=False)
        return self._memory.adapter(state)


def check_memory_fits(checkpoint: MemoryCheckpoint, model: nn.Module, name: str, weights_sha256: str) -> None:
    """Refuses a checkpoint of another backbone, before any adapter is made.

    Args:
        checkpoint: The head.
        model: The base model.
        name: What the base model is called.
        weights_sha256: What its weights are.

    Raises:
        CheckpointError: it does not fit, or was trained with other weights: its symbols would be other vectors.
    """
    config = checkpoint.head.config
    check_fits_backbone(config.type_dims, config.layers, model, name)
    if weights_sha256 != checkpoint.backbone_sha256:
        raise CheckpointError(
            f"the checkpoint was trained with a backbone of weights {checkpoint.backbone_sha256[:12]}, {name!r} has "
            f"{weights_sha256[:12]}: name that one with --backbone, or train for this one"
        )
