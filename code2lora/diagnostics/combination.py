"""Sums of updates, exact by concatenating ranks: the mean adapter of D2a and the blends of D4.

`mean(A)` and `mean(B)` are not the factors of the mean update. Concatenated along the rank, scaled factors are exactly
those of any weighted sum; QR and SVD then bring the rank down where it is larger than wanted, and tell what that cost.

Legend: `L` layers, `R` rank, `I` and `O` features in and out.
"""
# Upper-case suffixes state the axes of a tensor.

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from code2lora.adapters import Adapter, Factors
from code2lora.errors import AdapterError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reduced:
    """An adapter of bounded rank; `error` is `|dW - dW_reduced| / |dW|` over all modules, 0 where nothing was lost."""

    adapter: Adapter
    error: float


def weighted_sum(adapters: Sequence[Adapter], weights: Sequence[float]) -> Adapter:
    """The adapter whose update is exactly the weighted sum of updates; its rank is the sum of theirs.

    Args:
        adapters: At least one, of one row, module types and sizes; ranks and scalings may differ.
        weights: One for each.

    Raises:
        AdapterError: they are of different models, or have more rows.
    """
    if not adapters or any(one.rows != 1 or one.type_dims != adapters[0].type_dims for one in adapters):
        raise AdapterError("Only adapters of one row and of the same module types can be summed: give at least one.")
    layers = max(one.layers for one in adapters)
    if any(one.layers not in (1, layers) for one in adapters):
        raise AdapterError("Adapters of models with different numbers of layers cannot be summed.")
    factors = {}
    for name in adapters[0].types:
        pairs = [one.factors[name] for one in adapters]
        factors[name] = Factors(
            A_BLRI=torch.cat([pair.A_BLRI.expand(-1, layers, -1, -1) for pair in pairs], dim=2),
            B_BLOR=torch.cat(
                [
                    pair.B_BLOR.expand(-1, layers, -1, -1) * (weight * one.scaling)
                    for one, pair, weight in zip(adapters, pairs, weights, strict=True)
                ],
                dim=3,
            ),
        )
    return Adapter(factors=factors, alpha=float(sum(one.rank for one in adapters)))  # a scaling of 1


def reduced(adapter: Adapter, rank: int) -> Reduced:
    """The best adapter of at most `rank`: QR of both factors, SVD of what stands between them; float64.

    Args:
        adapter: Of one row.
        rank: At least 1. An adapter of no more is returned as it is; no update needs more than its modules have.
    """
    rank = min(rank, _fullest(adapter))
    if adapter.rank <= rank:
        return Reduced(adapter=adapter, error=0.0)
    factors, lost, whole = {}, 0.0, 0.0
    for name, pair in adapter.factors.items():
        left_LOR, up_LRR = torch.linalg.qr(pair.B_BLOR[0].double() * adapter.scaling)
        right_LIR, down_LRR = torch.linalg.qr(pair.A_BLRI[0].double().mT)
        u_LRR, values_LR, v_LRR = torch.linalg.svd(up_LRR @ down_LRR.mT, full_matrices=False)
        kept = min(rank, values_LR.shape[1])
        whole += float((values_LR**2).sum())
        lost += float((values_LR[:, kept:] ** 2).sum())
        # A module that is smaller than the rank is filled up with zeros: an adapter has one rank.
        half_L1R = values_LR[:, None, :kept].sqrt()
        B_LOR = torch.nn.functional.pad(left_LOR @ (u_LRR[..., :kept] * half_L1R), (0, rank - kept))
        A_LIR = torch.nn.functional.pad(right_LIR @ (v_LRR.mT[..., :kept] * half_L1R), (0, rank - kept))
        dtype = pair.A_BLRI.dtype
        factors[name] = Factors(A_BLRI=A_LIR.mT[None].to(dtype), B_BLOR=B_LOR[None].to(dtype))
    error = math.sqrt(lost / whole) if whole > 0 else 0.0
    return Reduced(adapter=Adapter(factors=factors, alpha=float(rank)), error=error)


def mean_adapter(adapters: Sequence[Adapter], rank: int) -> Reduced:
    """The mean of updates, exact by rank concatenation, then of at most `rank`.

    Many adapters are not held side by side: a sum whose rank exceeds what modules can have is brought down to that in
    between, which loses nothing.

    Args:
        adapters: At least one.
        rank: Most rank of the result; at least four times that of one adapter keeps what repositories differ in.

    Raises:
        AdapterError: they are of different models.
    """
    most = _fullest(adapters[0]) if adapters else 1
    weight, waiting, weights = 1 / max(1, len(adapters)), list[Adapter](), list[float]()
    for one in adapters:
        waiting.append(one)
        weights.append(weight)
        if sum(held.rank for held in waiting) > 2 * most:
            waiting, weights = [reduced(weighted_sum(waiting, weights), most).adapter], [1.0]
    return reduced(weighted_sum(waiting, weights), rank)


def blended(mean: Adapter, own: Adapter, strength: float) -> Adapter:
    """`mean + strength * (own - mean)`, exactly; 0 is the mean, 1 the own adapter."""
    return weighted_sum((mean, own), (1 - strength, strength))


def _fullest(adapter: Adapter) -> int:
    """The largest rank that an update of any module can have."""
    return max(min(sizes) for sizes in adapter.type_dims.values())
