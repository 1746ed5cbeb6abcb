"""From a repository's view to the adapter of its description: a `Conditioner` for `text2lora`.

Legend: `E` width of the text's vector.
"""
# Upper-case suffixes state the axes of a tensor.

import torch

from code2lora.adapters import Adapter
from code2lora.conditioning import RecentAdapters, check_width
from code2lora.state_vectors import EncodedVectors
from code2lora.text_checkpoints import TextCheckpoint
from repopeftbench.schema import HistoryView

_REMEMBERED_ADAPTERS = 32


class TextConditioner:
    """Adapters of what repositories say of themselves; made one by one, so that what was asked before does not show."""

    def __init__(self, checkpoint: TextCheckpoint, vectors: EncodedVectors) -> None:
        """Takes the networks.

        Args:
            checkpoint: The head.
            vectors: Gives the vectors of texts and files.

        Raises:
            CheckpointError: the head takes vectors of another width.
        """
        gives = vectors.width if checkpoint.input == "files" else vectors.width // 2
        check_width("head", checkpoint.head.config.input_dim, gives)
        self._checkpoint = checkpoint
        self._vectors = vectors
        self._adapters = RecentAdapters(_REMEMBERED_ADAPTERS)

    def adapter(self, view: HistoryView) -> Adapter:
        """The adapter of what a view's repository says of itself, of one row."""
        return self._adapters.of((view.repo_id, view.commit_sha), lambda: self._made(view))

    def _made(self, view: HistoryView) -> Adapter:
        is_text = self._checkpoint.input == "description"
        context_E = (
            self._vectors.description(view.repo_id, view.description()) if is_text else self._vectors.state(view)
        )
        head = self._checkpoint.head
        with torch.no_grad():
            return head(context_E[None].to(next(head.parameters()).device))  # type: ignore[no-any-return]
