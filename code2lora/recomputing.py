"""Activations of decoder layers that are computed again when gradients are taken, instead of being kept.

transformers has a switch for it that does nothing here: it asks whether the model is in training mode, and a frozen
base model is not, as it must not drop anything out. This one wraps the layers of any model and needs no mode.
"""

import contextlib
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING

from torch import nn
from torch.utils.checkpoint import checkpoint

from code2lora.batch_sizes import free_bytes
from code2lora.errors import AdapterError

if TYPE_CHECKING:
    from code2lora.backbone import Backbone

_LAYER = re.compile(r"(?:^|\.)layers\.\d+$")
_SHARE = 0.5
"""Of free memory, for activations."""
_ALWAYS_KEPT = 2_000_000_000
"""Bytes of activations that are kept in any case."""


def recomputed_if_large(backbone: "Backbone", tokens: int) -> AbstractContextManager[None]:
    """`recomputed_layers` where the activations of a batch would take most of the memory that is free, else nothing.

    Args:
        backbone: The model.
        tokens: Of the largest batch.
    """
    config = backbone.model.config
    hidden, layers = int(config.hidden_size), int(config.num_hidden_layers)
    inner = int(getattr(config, "intermediate_size", None) or 4 * hidden)
    # Measured on the bundled backbone, with an adapter that learns in every module: 4,956 numbers of these 4,864.
    kept = tokens * layers * (8 * hidden + 4 * inner) * backbone.model.dtype.itemsize
    if kept <= max(_ALWAYS_KEPT, _SHARE * free_bytes(backbone.device)):
        return contextlib.nullcontext()
    return recomputed_layers(backbone.model)


@contextlib.contextmanager
def recomputed_layers(model: nn.Module) -> Iterator[None]:
    """While it lasts, of each decoder layer only the input is kept for the way back; gradients are the same.

    Costs one more forward pass for each backward pass. What changes a layer, such as `Injection.use`, must stay as it
    is from the forward pass to the end of the backward pass. Random choices inside layers are not repeated.

    Args:
        model: A causal language model; its layers are as before at the end.

    Raises:
        AdapterError: it has no numbered `layers`.
    """
    layers = [module for name, module in model.named_modules() if _LAYER.search(name)]
    if not layers:
        raise AdapterError(f"{type(model).__name__} has no numbered `layers` whose activations could be left out.")
    try:
        for layer in layers:
            # An attribute of the instance hides the method of the class, and goes without a trace.
            layer.__dict__["forward"] = partial(
                checkpoint, layer.forward, use_reentrant=False, preserve_rng_state=False
            )
        yield
    finally:
        for layer in layers:
            layer.__dict__.pop("forward", None)
