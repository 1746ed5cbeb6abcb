"""Whitening that is fitted once on training data and stored with the weights: centred, truncated, shrunken.

Of the principal directions only the first are kept, and small ones are not blown up to the size of large ones: each is
divided by the root of its variance plus a share of the mean variance. Every vector then has the same length, so that
one from another world cannot outgrow those that were learnt from.

Legend: `S` vectors, `F` their width, `P` directions kept.
"""
# Upper-case suffixes state the axes of a tensor.

import math

import torch
from torch import nn

_SHRINKAGE = 0.05
_LEAST_LENGTH = 1e-6


class Whitening(nn.Module):
    """Maps vectors (..., `F`) to whitened ones (..., `P`) of length root `P`; a vector at the mean becomes zero.

    Attributes:
        kept: Directions kept, `P`.
    """

    mean: torch.Tensor
    projection: torch.Tensor

    def __init__(self, width: int, most: int) -> None:
        """Makes one that is not fitted yet and keeps the first directions as they are.

        Args:
            width: Width of the vectors.
            most: Most directions to keep.
        """
        super().__init__()
        self.kept = min(width, most)
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("projection", torch.eye(width)[:, : self.kept].contiguous())

    @property
    def sizes(self) -> dict[str, int]:
        """What one is made with: width of the vectors, and directions kept."""
        return {"width": len(self.mean), "kept": self.kept}

    def fit(self, vectors_SF: torch.Tensor) -> None:
        """Fits mean and directions to training data; in float64, so that the order of the vectors hardly matters.

        Args:
            vectors_SF: At least one vector.
        """
        vectors = vectors_SF.double().cpu()
        mean_F = vectors.mean(dim=0)
        centred_SF = vectors - mean_F
        variances_F, directions_FF = torch.linalg.eigh(centred_SF.T @ centred_SF / len(vectors))
        variances_F, directions_FF = variances_F.flip(0).clamp(min=0), directions_FF.flip(1)
        # The sign of a direction is a library's whim: the largest coordinate is made positive.
        largest_F = directions_FF.abs().argmax(dim=0)
        directions_FF = directions_FF * directions_FF.gather(0, largest_F[None]).sign()
        scale_F = (variances_F + _SHRINKAGE * variances_F.mean().clamp(min=1e-12)).rsqrt()
        self.mean.copy_(mean_F)
        self.projection.copy_((directions_FF * scale_F)[:, : self.kept])

    def forward(self, vectors_SF: torch.Tensor) -> torch.Tensor:
        """The whitened vectors."""
        white_SP = (vectors_SF.to(self.mean) - self.mean) @ self.projection
        length_S1 = white_SP.norm(dim=-1, keepdim=True)
        # Not normalised where there is nothing but rounding.
        return torch.where(
            length_S1 > _LEAST_LENGTH, white_SP * (math.sqrt(self.kept) / length_S1.clamp(min=_LEAST_LENGTH)), 0.0
        )
