"""Adapters as records: for every module type the two factors of a low-rank change, per row and per layer.

It knows neither how an adapter comes about nor how a model uses it.

Legend: `B` rows of a batch (1: every row has the same), `L` layers (1: all layers share one pair), `R` rank,
`I` features that a module takes, `O` features that it gives.
"""
# Upper-case suffixes state the axes of a tensor.

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from code2lora.errors import AdapterError
from code2lora.tensor_hash import tensors_sha256


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Factors:
    """The factors of one module type: the change of its weights is `scaling * B @ A`.

    Attributes:
        A_BLRI: What projects a module's input down to the rank.
        B_BLOR: What projects it up to the module's output.
    """

    A_BLRI: torch.Tensor
    B_BLOR: torch.Tensor

    def __post_init__(self) -> None:
        """Refuses factors that do not fit each other."""
        A, B = self.A_BLRI, self.B_BLOR
        if A.dim() != 4 or B.dim() != 4 or (A.shape[:2], A.shape[2]) != (B.shape[:2], B.shape[3]):
            raise AdapterError(
                f"Factors of shapes {tuple(A.shape)} and {tuple(B.shape)} do not fit each other: "
                "give (rows, layers, rank, in) and (rows, layers, out, rank)."
            )
        if not A.is_floating_point() or A.dtype != B.dtype or A.device != B.device:
            raise AdapterError(
                f"Factors are {A.dtype} on {A.device} and {B.dtype} on {B.device}: "
                "give floating-point numbers of one type on one device."
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Adapter:
    """LoRA weights for one or many rows.

    Attributes:
        factors: By module type (the last part of a module's name, such as `q_proj`), in sorted order.
        alpha: The numerator of the scaling.
    """

    factors: Mapping[str, Factors]
    alpha: float

    def __post_init__(self) -> None:
        """Sorts the types; refuses factors of different ranks, rows or layers."""
        object.__setattr__(self, "factors", dict(sorted(self.factors.items())))
        if len({(pair.A_BLRI.shape[:3], pair.A_BLRI.dtype, pair.A_BLRI.device) for pair in self.factors.values()}) != 1:
            shapes = ", ".join(f"{name} {tuple(pair.A_BLRI.shape)}" for name, pair in self.factors.items())
            raise AdapterError(
                "An adapter needs at least one module type, and one number of rows, layers and ranks for all of them; "
                f"given: {shapes or 'none'}."
            )

    @property
    def types(self) -> tuple[str, ...]:
        """The module types, sorted."""
        return tuple(self.factors)

    @property
    def type_dims(self) -> dict[str, tuple[int, int]]:
        """Features that the modules of each type take and give."""
        return {name: (pair.A_BLRI.shape[3], pair.B_BLOR.shape[2]) for name, pair in self.factors.items()}

    @property
    def rows(self) -> int:
        """Rows, each with its own factors; 1 serves any number of rows of a batch."""
        return self._shape[0]

    @property
    def layers(self) -> int:
        """Layers with factors of their own; 1 where all layers share one pair."""
        return self._shape[1]

    @property
    def rank(self) -> int:
        """The rank of the change."""
        return self._shape[2]

    @property
    def scaling(self) -> float:
        """What the product of the factors is multiplied by: alpha over rank."""
        return self.alpha / self.rank

    @property
    def _shape(self) -> torch.Size:
        return next(iter(self.factors.values())).A_BLRI.shape

    def take(self, rows: Sequence[int]) -> "Adapter":
        """The adapter of some rows, in the order given.

        Args:
            rows: Positions from 0; one may come more than once.
        """
        index = torch.tensor(tuple(rows), dtype=torch.long)
        return self._map(lambda factor: factor[index.to(factor.device)])

    def detach(self) -> "Adapter":
        """The same numbers without a way back to what made them."""
        return self._map(torch.Tensor.detach)

    def to(self, place: torch.device | torch.dtype) -> "Adapter":
        """The adapter on another device, or in another type of number."""
        return self._map(lambda factor: factor.to(place))

    def _map(self, change: Callable[[torch.Tensor], torch.Tensor]) -> "Adapter":
        factors = {
            name: Factors(A_BLRI=change(pair.A_BLRI), B_BLOR=change(pair.B_BLOR)) for name, pair in self.factors.items()
        }
        return Adapter(factors=factors, alpha=self.alpha)

    def tensors(self) -> dict[str, torch.Tensor]:
        """The factors by name: `A.q_proj`, `B.q_proj`, and so on."""
        return {f"A.{name}": pair.A_BLRI for name, pair in self.factors.items()} | {
            f"B.{name}": pair.B_BLOR for name, pair in self.factors.items()
        }

    def sha256(self) -> str:
        """What the adapter is: the hex SHA-256 over alpha and the bits of every factor."""
        alpha = torch.tensor(self.alpha, dtype=torch.float64)
        return tensors_sha256(self.tensors() | {"alpha": alpha})


def stack(adapters: Sequence[Adapter]) -> Adapter:
    """One adapter whose rows are those of several, in order.

    Args:
        adapters: At least one, all of the same types, sizes and alpha.

    Raises:
        AdapterError: they differ in that, or there is none.
    """
    kinds = {(tuple(a.type_dims.items()), a.layers, a.rank, a.alpha) for a in adapters}
    if len(kinds) != 1:
        raise AdapterError(
            f"{len(adapters)} adapters of {len(kinds)} kinds cannot be rows of one: give at least one, "
            "all of the same module types, sizes, rank and alpha."
        )
    return Adapter(
        factors={
            name: Factors(
                A_BLRI=torch.cat([adapter.factors[name].A_BLRI for adapter in adapters]),
                B_BLOR=torch.cat([adapter.factors[name].B_BLOR for adapter in adapters]),
            )
            for name in adapters[0].types
        },
        alpha=adapters[0].alpha,
    )
