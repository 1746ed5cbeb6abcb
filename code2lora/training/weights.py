"""Methods whose adapter is one for all tasks: a LoRA that is trained by itself, and the whole backbone without one.

Legend: `L` layers (1: all share one pair), `R` rank, `I` and `O` features in and out.
"""
# Upper-case suffixes state the axes of a tensor.

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import torch
from torch import nn

from code2lora.adapters import Adapter, Factors
from code2lora.errors import TrainingError
from code2lora.lora import TargetModule, target_modules, type_dims
from code2lora.training.plan import Draw

if TYPE_CHECKING:
    from code2lora.backbone import Backbone


class SharedLoRA:
    """One adapter for every task: `shared-lora`, and of one repository `per-repo-lora`.

    Starts as PEFT does: what projects down is random, what projects up is zero, so that nothing changes at first.
    """

    def __init__(
        self,
        backbone: "Backbone",
        *,
        rank: int,
        alpha: float,
        layers: Literal["each", "shared"],
        seed: int,
        modules: Sequence[str] | None = None,
    ) -> None:
        """Makes the factors.

        Args:
            backbone: The model; each of its linear modules inside layers gets a pair.
            rank: Rank of each pair.
            alpha: Numerator of the scaling.
            layers: `each` has pairs of its own, or all share one per module type.
            seed: Seeds the factors; torch's global generator is left as it was.
            modules: Types of the modules that get a pair; None: all of them.

        Raises:
            TrainingError: the backbone has no modules of such a type.
        """
        targets = target_modules(backbone.model)
        dims = chosen_dims(targets, modules)
        count = 1 + max(target.layer for target in targets) if layers == "each" else 1
        generator = torch.Generator().manual_seed(seed)
        self._alpha = alpha
        self._factors = nn.ParameterDict()
        for name, (inputs, outputs) in dims.items():
            A_LRI = (torch.rand(count, rank, inputs, generator=generator) * 2 - 1) * inputs**-0.5
            self._factors[f"A_{name}"] = nn.Parameter(A_LRI.to(backbone.device))
            self._factors[f"B_{name}"] = nn.Parameter(torch.zeros(count, outputs, rank, device=backbone.device))
        self._types = tuple(dims)

    def parameters(self) -> Mapping[str, nn.Parameter]:
        """The factors by name."""
        return dict(sorted(self._factors.named_parameters()))

    def adapter(self, draws: Sequence[Draw]) -> tuple[Adapter, Sequence[int]]:
        """The one adapter, for every draw."""
        return self.factors(), [0] * len(draws)

    def factors(self) -> Adapter:
        """The adapter as a record."""
        pairs = {
            name: Factors(A_BLRI=self._factors[f"A_{name}"][None], B_BLOR=self._factors[f"B_{name}"][None])
            for name in self._types
        }
        return Adapter(factors=pairs, alpha=self._alpha)


def chosen_dims(targets: tuple[TargetModule, ...], modules: Sequence[str] | None) -> dict[str, tuple[int, int]]:
    """Features in and out of the module types that a recipe adapts, in the backbone's order.

    Args:
        targets: The modules of a backbone.
        modules: Their types; None: all of them.

    Raises:
        TrainingError: the backbone has no modules of such a type.
    """
    dims = type_dims(targets)
    if unknown := sorted(set(modules or dims) - dims.keys()):
        raise TrainingError(f"The backbone has no modules of type {', '.join(unknown)}; it has {', '.join(dims)}.")
    return {name: size for name, size in dims.items() if name in (modules or dims)}


class FullFineTuning:
    """The backbone's own weights: `fft`."""

    def __init__(self, backbone: "Backbone") -> None:
        """Lets every weight learn.

        Args:
            backbone: A model in float32 that nothing else uses; it is changed.
        """
        self._model = backbone.model.requires_grad_(True)

    def parameters(self) -> Mapping[str, nn.Parameter]:
        """Every weight by name; tied ones once."""
        return dict(sorted(self._model.named_parameters()))

    def adapter(self, draws: Sequence[Draw]) -> tuple[None, Sequence[int]]:
        """No adapter."""
        return None, [0] * len(draws)
