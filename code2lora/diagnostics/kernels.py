"""D0, what the conditioning is given: how alike feature vectors are, and what could be read from them at all.

Source of D0b: Cawley and Talbot, Fast exact leave-one-out cross-validation of sparse least-squares support vector
machines (2004): the residual of a kernel ridge regression that was fitted without a row is its residual divided by one
minus its leverage.

Legend: `N` repositories, `F` width of a feature vector, `V` things to be told.
"""
# Upper-case suffixes state the axes of a tensor.

from dataclasses import dataclass

import numpy as np
import torch

PERMUTATIONS = 200
_RIDGES = (0.01, 0.1, 1.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """D0a: how much feature vectors share.

    Attributes:
        mean_share: `|mean e|^2 / mean |e|^2`, in [0, 1].
        mean_cosine: The mean cosine of two different vectors.
    """

    mean_share: float
    mean_cosine: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """D0b: what a ridge regression can read.

    Attributes:
        r2: Share of the variance of what is to be told that is explained where a repository is left out; can be
            negative.
        p: The share of permutations of the vectors, the true order included, that explain as much.
        things: How many things were to be told.
        repositories: How many repositories.
    """

    r2: float
    p: float
    things: int
    repositories: int


def kernel(features_NF: torch.Tensor) -> Kernel:
    """D0a of at least two vectors. A warning where the cosine is above 0.5; it predicts nothing by itself.

    Raises:
        ValueError: there are fewer than two.
    """
    if len(features_NF) < 2:
        raise ValueError(f"{len(features_NF)} vectors have nothing to share: give at least 2")
    features = features_NF.double()
    energy = float((features**2).sum(dim=1).mean())
    unit_NF = torch.nn.functional.normalize(features, dim=1)
    cosine_NN = unit_NF @ unit_NF.T
    count = len(features)
    return Kernel(
        mean_share=float((features.mean(dim=0) ** 2).sum()) / energy if energy > 0 else 0.0,
        mean_cosine=float((cosine_NN.sum() - cosine_NN.diagonal().sum()) / (count * (count - 1))),
    )


def information_ceiling(
    features_NF: torch.Tensor, told_NV: torch.Tensor, *, seed: int, permutations: int = PERMUTATIONS
) -> Ceiling:
    """D0b: exact leave-one-out R^2 of kernel ridge regression from vectors to a bag of things.

    A head is to be blamed for not telling things only if p is below 0.05: otherwise its input does not hold them in a
    form that is linear in it. The ridge is the best of four, for every permutation anew.

    Args:
        features_NF: A vector for each repository; they are centred here.
        told_NV: 1 where the thing belongs to the repository, else 0.
        seed: Of the permutations.
        permutations: At least 1.

    Raises:
        ValueError: there are fewer than 3 repositories, or nothing to tell.
    """
    if len(features_NF) < 3 or told_NV.shape[1] < 1:
        raise ValueError(f"{len(features_NF)} repositories and {told_NV.shape[1]} things leave nothing to regress")
    features = features_NF.double().numpy()
    features = features - features.mean(axis=0)
    products_NN = features @ features.T
    products_NN /= max(1e-300, float(np.trace(products_NN)) / len(products_NN))
    told = told_NV.double().numpy()
    hats = [_hat(products_NN, ridge) for ridge in _RIDGES]
    true = _explained(hats, told)
    generator = np.random.default_rng(seed)
    shuffled = [_explained(hats, told[generator.permutation(len(told))]) for _ in range(permutations)]
    as_good = sum(value >= true - 1e-12 for value in shuffled)
    return Ceiling(r2=true, p=(1 + as_good) / (1 + permutations), things=told.shape[1], repositories=len(told))


def _hat(products_NN: np.ndarray, ridge: float) -> np.ndarray:
    """What makes fitted values of a kernel ridge regression with a mean of its own."""
    count = len(products_NN)
    inner_NN = products_NN @ np.linalg.inv(products_NN + ridge * np.eye(count))
    mean_NN = np.full((count, count), 1 / count)
    hat: np.ndarray = mean_NN + inner_NN @ (np.eye(count) - mean_NN)
    return hat


def _explained(hats: list[np.ndarray], told: np.ndarray) -> float:
    count = len(told)
    # What the mean of the others leaves, the same for every ridge.
    whole = float((((told - told.mean(axis=0)) * count / (count - 1)) ** 2).sum())
    if whole <= 0:
        return 0.0
    left = min(float((((told - hat @ told) / (1 - hat.diagonal()).clip(1e-9)[:, None]) ** 2).sum()) for hat in hats)
    return 1 - left / whole
