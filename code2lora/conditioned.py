"""A head whose conditioning is real: a shared LoRA, and beside it a memory that the symbols of a repository write.

The change of a module of type m is `scaling * (B_s A_s + B_0 M_m A_0)`: what all repositories share, and a core `M_m`
between two learned bases, which alone is the repository's. A definition makes one write for each token of its value: a
key, from its name and the token before, and what to say, from the token. Both are whitened, go through a small network
and become unit vectors; a projection for each type makes them `k` and `v`. The core is what recalls all of them with
the least error: `M = (sum of v k^T) (sum of k k^T + ridge)^-1`. Without the ridge it is `sum of v k^T / sqrt(writes)`.
One rule is learnt for all symbols of all repositories, and sums can be changed by what a commit adds and removes.

It does not know what features are made from (`symbol_features.py`), nor how sums are kept (`symbol_memory.py`).

Legend: `N` repositories side by side, `S` writes of one, `F` width of features, `P` of whitened ones, `M` module types,
`R` rank of a core, `Q` rank of the shared part, `L` layers (1: all share one pair), `I` and `O` features in and out.
"""
# Upper-case suffixes state the axes of a tensor.

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from code2lora.adapters import Adapter, Factors
from code2lora.errors import ShapeError
from code2lora.whitening import Whitening

Recall = Literal["ridge", "sum"]
RECALLS: tuple[Recall, ...] = ("ridge", "sum")
_INITIAL_RIDGE = 0.1
_LEAST_RIDGE = 1e-3
_SPOKEN_GAIN = 150.0
"""Length of what a recalled write adds to the residual stream at first; chosen on nano, and learnt from there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryConfig:
    """The sizes of a memory head.

    Attributes:
        type_dims: Features in and out of each module type, such as `{"q_proj": (1536, 1536)}`.
        layers: Pairs of bases: 1 for all layers, or one for each; the cores are the same for all layers.
        key_dim: Width of the features that say what a write is about.
        value_dim: Width of the features that say what it says.
        whitened_dim: Most directions that are kept of either.
        rank: Rank of the cores.
        shared_rank: Rank of the shared part.
        alpha: Numerator of the adapters' scaling; its denominator is `rank + shared_rank`.
        recall: How sums become cores: `ridge` or `sum`.
        whitens: Whether features are whitened, or only brought to one length.
        gated: Whether a write counts as much as a number between 0 and 1 that is learnt from its key.
    """

    type_dims: Mapping[str, tuple[int, int]]
    layers: int = 1
    key_dim: int
    value_dim: int
    whitened_dim: int = 256
    rank: int = 16
    shared_rank: int = 8
    alpha: float = 48.0
    recall: Recall = "ridge"
    whitens: bool = True
    gated: bool = False

    def __post_init__(self) -> None:
        """Sorts the types; refuses sizes that make no head."""
        dims = {name: (int(sizes[0]), int(sizes[1])) for name, sizes in sorted(self.type_dims.items())}
        object.__setattr__(self, "type_dims", dims)
        if not dims:
            raise ShapeError("A memory head needs at least one module type in type_dims.")
        counts = ("layers", "key_dim", "value_dim", "whitened_dim", "rank", "shared_rank")
        sizes = {name: getattr(self, name) for name in counts}
        sizes |= {f"type_dims[{name!r}]": min(pair) for name, pair in dims.items()}
        for name, size in sizes.items():
            if size < 1:
                raise ShapeError(f"A memory head's {name} is {size}: give at least 1.")
        if not 0 < self.alpha < math.inf:
            raise ShapeError(f"A memory head's alpha is {self.alpha}: give a positive number.")
        if self.recall not in RECALLS:
            raise ShapeError(f"A memory head's recall is {self.recall!r}: give one of {', '.join(RECALLS)}.")

    @property
    def types(self) -> tuple[str, ...]:
        """The module types, sorted."""
        return tuple(self.type_dims)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sums:
    """What the writes of some repositories add up to: all that their adapters depend on.

    Attributes:
        said_NMRR: Sums of `v k^T`.
        asked_NMRR: Sums of `k k^T`.
        writes_N: How many there are.
    """

    said_NMRR: torch.Tensor
    asked_NMRR: torch.Tensor
    writes_N: torch.Tensor


class MemoryHead(nn.Module):
    """Maps what the symbols of repositories write to adapters.

    Attributes:
        config: The sizes.
    """

    def __init__(self, config: MemoryConfig) -> None:
        """Makes a head whose shared part changes nothing yet; draws from torch's global generator.

        Args:
            config: The sizes.
        """
        super().__init__()
        self.config = config
        types, rank = len(config.type_dims), config.rank
        self.key_white = Whitening(config.key_dim, config.whitened_dim)
        self.value_white = Whitening(config.value_dim, config.whitened_dim)
        self.key_net = _correction(self.key_white.kept)
        self.value_net = _correction(self.value_white.kept)
        self.key_write = nn.Parameter(torch.randn(types, rank, self.key_white.kept) * rank**-0.5)
        self.value_write = nn.Parameter(torch.randn(types, rank, self.value_white.kept) * rank**-0.5)
        self.log_ridge = nn.Parameter(torch.full((types,), math.log(_INITIAL_RIDGE)))
        self.gate = nn.Linear(self.key_white.kept, 1) if config.gated else None
        self.bases = nn.ParameterDict()
        for name, (inputs, outputs) in config.type_dims.items():
            self.bases[f"A0_{name}"] = nn.Parameter(_uniform(config.layers, rank, inputs))
            self.bases[f"B0_{name}"] = nn.Parameter(torch.randn(config.layers, outputs, rank) * rank**-0.5)
            self.bases[f"As_{name}"] = nn.Parameter(_uniform(config.layers, config.shared_rank, inputs))
            self.bases[f"Bs_{name}"] = nn.Parameter(torch.zeros(config.layers, outputs, config.shared_rank))

    def fit(self, keys_SF: torch.Tensor, values_SF: torch.Tensor, asked_type: str | None = None) -> None:
        """Fits the whitening to the writes of training repositories, and starts the bases where it can be known.

        Where keys are the inputs of the first layer's modules of a type, those modules start as a memory that works:
        `A_0` asks as the keys were made, and `B_0` takes a value back to the token that it was made from, into the
        residual stream. All other modules start with a generated part of zero. Without such a start nothing of a value
        can be made out before both sides of a core have found each other by chance.

        Args:
            keys_SF: Features of what each write is about.
            values_SF: Features of what each says.
            asked_type: That module type; None where keys are something else: then modules that write into the residual
                stream start with such a `B_0` alone.
        """
        if self.config.whitens:
            self.key_white.fit(keys_SF)
            self.value_white.fit(values_SF)
        spoken_FP = nn.functional.normalize(self.value_white.projection, dim=0)
        speak = (asked_type,) if asked_type else ("o_proj", "down_proj")
        with torch.no_grad():
            for index, (name, (inputs, outputs)) in enumerate(self.config.type_dims.items()):
                up_LOR = self.bases[f"B0_{name}"].zero_()
                if name in speak and outputs == self.config.value_dim:
                    up_OR = _SPOKEN_GAIN * spoken_FP @ self.value_write[index].T
                    up_LOR[: 1 if asked_type else None] = up_OR
                if name == asked_type and inputs == self.config.key_dim:
                    self.bases[f"A0_{name}"][0] = self.key_write[index] @ self._asking(keys_SF).T

    def _asking(self, keys_SF: torch.Tensor) -> torch.Tensor:
        """A linear stand-in for whitening to unit length (`F`, `P`): without the mean's direction, which all share."""
        mean_F = nn.functional.normalize(self.key_white.mean, dim=0)
        projection_FP = self.key_white.projection
        length = ((keys_SF - self.key_white.mean) @ projection_FP).norm(dim=-1).mean()
        asking_FP: torch.Tensor = (projection_FP - mean_F[:, None] * (mean_F @ projection_FP)) / length
        return asking_FP

    def whitened(self, keys_SF: torch.Tensor, values_SF: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Features as the networks take them (each `S`, `P`): fixed once the head is fitted.

        Args:
            keys_SF: Features of what each write is about.
            values_SF: Features of what each says.

        Raises:
            ShapeError: they have another width.
        """
        if (keys_SF.shape[-1], values_SF.shape[-1]) != (self.config.key_dim, self.config.value_dim):
            raise ShapeError(
                f"Features of shapes {tuple(keys_SF.shape)} and {tuple(values_SF.shape)} do not fit this memory head: "
                f"give widths {self.config.key_dim} and {self.config.value_dim}."
            )
        keys_SP: torch.Tensor = self.key_white(keys_SF)
        values_SP: torch.Tensor = self.value_white(values_SF)
        return keys_SP, values_SP

    def written(self, keys_SP: torch.Tensor, values_SP: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The `k` and the `v` of some writes (each ..., `S`, `M`, `R`), from whitened features."""
        keys_SP = _unit(keys_SP + self.key_net(keys_SP))
        values_SP = _unit(values_SP + self.value_net(values_SP))
        asked_SMR = torch.einsum("...p,mrp->...mr", keys_SP, self.key_write)
        said_SMR = torch.einsum("...p,mrp->...mr", values_SP, self.value_write)
        if self.gate is not None:
            # Of both sides, so that what is not to count does not take up room either.
            weight_SM1 = torch.sigmoid(self.gate(keys_SP)).sqrt()[..., None]
            return asked_SMR * weight_SM1, said_SMR * weight_SM1
        return asked_SMR, said_SMR

    def sums(self, keys_NSP: torch.Tensor, values_NSP: torch.Tensor, mask_NS: torch.Tensor) -> Sums:
        """What the writes of some repositories add up to.

        Args:
            keys_NSP: Whitened keys; rows of padding may hold anything finite.
            values_NSP: Whitened values.
            mask_NS: 1 for a write, 0 for padding.
        """
        asked_NSMR, said_NSMR = self.written(keys_NSP, values_NSP)
        kept_NSMR = asked_NSMR * mask_NS[..., None, None]
        return Sums(
            said_NMRR=torch.einsum("nsmr,nsmq->nmrq", said_NSMR, kept_NSMR),
            asked_NMRR=torch.einsum("nsmr,nsmq->nmrq", asked_NSMR, kept_NSMR),
            writes_N=mask_NS.sum(dim=1),
        )

    def cores(self, sums: Sums) -> torch.Tensor:
        """The cores (`N`, `M`, `R`, `R`), in the type of number that the sums have."""
        said_NMRR, asked_NMRR = sums.said_NMRR, sums.asked_NMRR
        if self.config.recall == "sum":
            return said_NMRR / sums.writes_N.clamp(min=1).to(said_NMRR).sqrt()[:, None, None, None]
        ridge_M = self.log_ridge.to(said_NMRR).exp().clamp(min=_LEAST_RIDGE)
        identity_RR = torch.eye(self.config.rank, dtype=said_NMRR.dtype, device=said_NMRR.device)
        damped_NMRR = asked_NMRR + ridge_M[:, None, None] * identity_RR
        # Symmetric, so that dividing from the right is solving for the transpose.
        solved: torch.Tensor = torch.linalg.solve(damped_NMRR, said_NMRR.mT).mT
        return solved

    def adapter(self, cores_NMRR: torch.Tensor) -> Adapter:
        """The adapters of some cores: `N` rows of rank `Q + R`, plain LoRA factors."""
        rows = len(cores_NMRR)
        factors = {}
        for index, name in enumerate(self.config.types):
            made_NLRI = torch.einsum("nrq,lqi->nlri", cores_NMRR[:, index], self.bases[f"A0_{name}"])
            shared_NLQI = self.bases[f"As_{name}"].expand(rows, -1, -1, -1)
            up_LOR = torch.cat([self.bases[f"Bs_{name}"], self.bases[f"B0_{name}"]], dim=2)
            factors[name] = Factors(
                A_BLRI=torch.cat([shared_NLQI, made_NLRI], dim=2), B_BLOR=up_LOR.expand(rows, -1, -1, -1)
            )
        return Adapter(factors=factors, alpha=self.config.alpha)

    def scale_generated(self, strength: float) -> None:
        """Multiplies the generated part of every adapter from now on; the shared part stays as it is."""
        with torch.no_grad():
            self.value_write.mul_(strength)


def _correction(width: int) -> nn.Sequential:
    """A network that adds nothing at first: a symbol starts as what it is."""
    last = nn.Linear(width, width)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(width, width), nn.GELU(), last)


def _unit(vectors_SP: torch.Tensor) -> torch.Tensor:
    """Centred vectors of length 1: a layer norm over the root of the width, without weights of its own."""
    width = vectors_SP.shape[-1]
    unit_SP: torch.Tensor = nn.functional.layer_norm(vectors_SP, (width,)) / math.sqrt(width)
    return unit_SP


def _uniform(layers: int, rank: int, inputs: int) -> torch.Tensor:
    return (torch.rand(layers, rank, inputs) * 2 - 1) / math.sqrt(inputs)
