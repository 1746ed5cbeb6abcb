import math

import numpy as np
import torch

from code2lora.pooling import file_weights, pool_diff, pool_repository, pool_weighted

FILES = torch.randn(5, 8, generator=torch.Generator().manual_seed(0)) + 0.5
PATHS = ["README.md", "src/pkg/__init__.py", "docs/conf.py", "pkg/core/engine.py", "pkg/deep/down/plain.py"]
TOKENS, LINES = [900, 30, 4, 7000, 120], [80, 3, 0, 700, 20]


def unit(vector):
    return vector / np.linalg.norm(vector)


def numpy_weights(paths=PATHS):
    """The published scores in plain NumPy; the bonus of each path is written out."""
    files = FILES.numpy().astype(np.float64)
    units = files / np.linalg.norm(files, axis=1, keepdims=True)
    distinct = 1.0 - units @ unit(units.mean(axis=0))
    size = np.log1p(np.array(TOKENS, dtype=np.float64))
    size = (size - size.min()) / (size.max() - size.min() + 1e-8)
    bonus = np.array([0.1, 0.15 - 0.25, -0.25, 0.15, 0.0])
    short = np.array([math.log(min(max(count, 1) / 20, 1.0) + 1e-6) for count in LINES])
    score = (distinct + 0.3 * size + bonus + 0.15 * short) / 0.15
    return np.exp(score - score.max()) / np.exp(score - score.max()).sum()


def test_file_weights_equal_the_numpy_reference():
    found = file_weights(FILES, paths=PATHS, tokens=TOKENS, lines=LINES).numpy()
    assert np.abs(found - numpy_weights()).max() < 1e-6


def test_weighted_pool_is_weighted_mean_then_maximum_of_length_one():
    files = FILES.numpy().astype(np.float64)
    expected = unit(np.concatenate([0.6 * numpy_weights() @ files, 1.4 * files.max(axis=0)]))
    found = pool_weighted(FILES, paths=PATHS, tokens=TOKENS, lines=LINES).numpy()
    assert np.abs(found - expected).max() < 1e-6


def test_single_file_has_all_the_weight():
    assert file_weights(FILES[:1], paths=["x.py"], tokens=[0], lines=[0]).tolist() == [1.0]


def test_repository_is_mean_then_maximum_of_length_one():
    files = FILES.numpy().astype(np.float64)
    expected = unit(np.concatenate([files.mean(axis=0), files.max(axis=0)]))
    assert np.abs(pool_repository(FILES).numpy() - expected).max() < 1e-6


def test_diff_is_maximum_then_mean_without_a_norm():
    expected = torch.cat([FILES.max(dim=0).values, FILES.mean(dim=0)])
    assert torch.equal(pool_diff(FILES), expected)
    assert float(pool_diff(FILES).norm()) > 1.5


def test_repository_of_zeros_stays_finite():
    assert pool_repository(torch.zeros(2, 4)).tolist() == [0.0] * 8
