"""From a repository's view to the adapter of its description: a `Conditioner` for `text2lora`.

Legend: `E` width of the text's vector.
"""
# Upper-case suffixes state the axes of a tensor.

from collections import OrderedDict

import torch
from torch import nn

from code2lora.adapters import Adapter, Factors
from code2lora.errors import AdapterError, CheckpointError
from code2lora.lora import check_fits, target_modules
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
        takes = checkpoint.head.config.input_dim
        if takes != gives:
            raise CheckpointError(
                f"the checkpoint's head takes vectors of width {takes}, the encoder gives {gives}: "
                "name with --encoder the one that the checkpoint was trained with"
            )
        self._checkpoint = checkpoint
        self._vectors = vectors
        self._adapters: OrderedDict[tuple[str, str], Adapter] = OrderedDict()

    def adapter(self, view: HistoryView) -> Adapter:
        """The adapter of what a view's repository says of itself, of one row."""
        key = (view.repo_id, view.commit_sha)
        if key not in self._adapters:
            self._adapters[key] = self._made(view)
        self._adapters.move_to_end(key)
        if len(self._adapters) > _REMEMBERED_ADAPTERS:
            self._adapters.popitem(last=False)
        return self._adapters[key]

    def _made(self, view: HistoryView) -> Adapter:
        is_text = self._checkpoint.input == "description"
        context_E = self._vectors.description(view.description()) if is_text else self._vectors.state(view)
        head = self._checkpoint.head
        with torch.no_grad():
            return head(context_E[None].to(next(head.parameters()).device))  # type: ignore[no-any-return]


def check_text_fits(checkpoint: TextCheckpoint, model: nn.Module, name: str) -> None:
    """Refuses a checkpoint whose adapters are of other sizes than a model's modules, before any is made.

    Args:
        checkpoint: The head.
        model: The base model.
        name: What the base model is called.

    Raises:
        CheckpointError: it does not fit.
    """
    config = checkpoint.head.config
    nothing = torch.zeros(())  # expanded: shapes without memory
    factors = {
        kind: Factors(
            A_BLRI=nothing.expand(1, config.layers, config.rank, inputs),
            B_BLOR=nothing.expand(1, config.layers, outputs, config.rank),
        )
        for kind, (inputs, outputs) in config.type_dims.items()
    }
    try:
        check_fits(Adapter(factors=factors, alpha=config.alpha), target_modules(model))
    except AdapterError as error:
        raise CheckpointError(f"the checkpoint does not fit backbone {name!r}: {error}") from error
