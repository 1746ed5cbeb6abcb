"""D1, the geometry of effective updates: norms and cosines of `scaling * B @ A` from the factors alone.

The update itself, features in times features out, is never made: the inner product of two updates is that of two
matrices of the size of their ranks. Diversity is necessary for conditioning, never evidence of it.

Legend: `N` adapters, `R` and `Q` ranks, `L` layers, `I` and `O` features in and out.
"""
# Upper-case suffixes state the axes of a tensor.

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from code2lora.adapters import Adapter
from code2lora.errors import AdapterError

NEARLY_EQUAL = 0.999
"""A cosine above it counts as the same adapter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry:
    """D1 of some adapters; cosines are in [-1, 1], of pairs of two different ones.

    Attributes:
        cosine: `N` rows of `N`; of a zero update the cosine with every other one is 0.
        norms: Frobenius norms of the updates over all modules.
        mean_cosine: The mean over pairs.
        least_cosine: The least.
        nearly_equal: The share of pairs above 0.999, in [0, 1].
        spread: rho, the median of `|dW_i - mean| / |dW_i|`; 0 where all are equal.
        effective_rank: Exponential of the entropy of the spectrum of the centred Gram matrix, from 1 to `N - 1`; 0
            where nothing varies.
    """

    cosine: tuple[tuple[float, ...], ...]
    norms: tuple[float, ...]
    mean_cosine: float
    least_cosine: float
    nearly_equal: float
    spread: float
    effective_rank: float


def inner_product(one: Adapter, other: Adapter) -> float:
    """The sum over layers and module types of `tr(dW_one^T dW_other)`, from the factors.

    An adapter whose layers share a pair is taken once for each layer of the other.

    Args:
        one: An adapter of one row.
        other: Another; ranks and scalings may differ.

    Raises:
        AdapterError: they are of different models, or have more rows.
    """
    if one.rows != 1 or other.rows != 1 or one.type_dims != other.type_dims:
        raise AdapterError("Adapters of one row and of the same module types have an inner product: these do not.")
    total = 0.0
    for name, pair in one.factors.items():
        mate = other.factors[name]
        down_LRQ = pair.A_BLRI[0].double() @ mate.A_BLRI[0].double().mT
        up_LRQ = pair.B_BLOR[0].double().mT @ mate.B_BLOR[0].double()
        total += float((down_LRQ * up_LRQ).sum())
    return total * one.scaling * other.scaling


def gram(adapters: Sequence[Adapter]) -> torch.Tensor:
    """The inner products of all pairs (`N`, `N`), float64.

    Args:
        adapters: Of one row each, of one model.

    Raises:
        AdapterError: they are of different models.
    """
    count = len(adapters)
    products_NN = torch.zeros(count, count, dtype=torch.float64)
    for row in range(count):
        for column in range(row, count):
            products_NN[row, column] = products_NN[column, row] = inner_product(adapters[row], adapters[column])
    return products_NN


def geometry(products_NN: torch.Tensor) -> Geometry:
    """D1 from the inner products of at least two updates (`gram`).

    Raises:
        ValueError: there are fewer than two.
    """
    count = len(products_NN)
    if count < 2:
        raise ValueError(f"the geometry of {count} adapters says nothing: give at least 2")
    squares_N = products_NN.diagonal().clamp(min=0)
    norms_N = squares_N.sqrt()
    scale_NN = norms_N[:, None] * norms_N[None]
    cosine_NN = torch.where(scale_NN > 0, products_NN / scale_NN.clamp(min=1e-300), 0.0).clamp(-1, 1)
    between = cosine_NN[~torch.eye(count, dtype=torch.bool)]
    # |dW_i - mean|^2 = G_ii - 2 mean_j G_ij + mean_jk G_jk
    distances_N = (squares_N - 2 * products_NN.mean(dim=1) + products_NN.mean()).clamp(min=0).sqrt()
    relative_N = torch.where(norms_N > 0, distances_N / norms_N.clamp(min=1e-300), 0.0)
    return Geometry(
        cosine=tuple(tuple(row) for row in cosine_NN.tolist()),
        norms=tuple(norms_N.tolist()),
        mean_cosine=float(between.mean()),
        least_cosine=float(between.min()),
        nearly_equal=float((between > NEARLY_EQUAL).double().mean()),
        spread=float(relative_N.quantile(0.5)),
        effective_rank=_effective_rank(products_NN),
    )


def relative_distance(one: Adapter, other: Adapter) -> float:
    """`|dW_one - dW_other| / |dW_other|`; 0 of equal updates, infinite where the other is zero and one is not."""
    own, mixed, reference = (inner_product(a, b) for a, b in ((one, one), (one, other), (other, other)))
    distance = math.sqrt(max(0.0, own - 2 * mixed + reference))
    if reference <= 0:
        return math.inf if distance > 0 else 0.0
    return distance / math.sqrt(reference)


def _effective_rank(products_NN: torch.Tensor) -> float:
    centred_NN = products_NN - products_NN.mean(dim=0) - products_NN.mean(dim=1, keepdim=True) + products_NN.mean()
    values_N = torch.linalg.eigvalsh(centred_NN).clamp(min=0)
    total = float(values_N.sum())
    if total <= 1e-12 * float(products_NN.diagonal().abs().sum()):
        return 0.0
    shares = [share for share in (values_N / total).tolist() if share > 0]
    return math.exp(-math.fsum(share * math.log(share) for share in shares))
