"""Activations of decoder layers that are computed again when gradients are taken, instead of being kept.

transformers has a switch for it that does nothing here: it asks whether the model is in training mode, and a frozen
base model is not, as it must not drop anything out. This one wraps the layers of any model and needs no mode.
"""

import contextlib
import re
from collections.abc import Iterator
from functools import partial

from torch import nn
from torch.utils.checkpoint import checkpoint

from code2lora.errors import AdapterError

_LAYER = re.compile(r"(?:^|\.)layers\.\d+$")


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
