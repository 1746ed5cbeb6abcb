"""How vectors of windows and files become one vector of a diff or a repository: pure functions.

Source: the published data preparation; the released weights expect just these orders, scales and norms. What they do
not agree on is kept: a diff is maximum then mean without a norm, a repository mean then maximum.

Legend: `W` windows of a text, `F` files, `E` width of the encoder.
"""
# Upper-case suffixes state the axes of a tensor.

import re
from collections.abc import Sequence

import torch

_TINY = 1e-12
_LOW_PATHS = re.compile(r"(^|/)(__init__|setup|conf|version|constants?|typing.*)\.py$")
# The published list also names README and CONTRIBUTING, in capitals, against a path in small letters: never found.
_HIGH_PATHS = re.compile(r"(^|/)(src|core|lib)/")
_LOW_BONUS, _HIGH_BONUS, _ROOT_BONUS = -0.25, 0.15, 0.1
_SIZE_SHARE, _SHORT_SHARE, _TEMPERATURE = 0.3, 0.15, 0.15
_FULL_LINES = 20
_MEAN_SCALE, _MAX_SCALE = 0.6, 1.4


def pool_diff(windows_WE: torch.Tensor) -> torch.Tensor:
    """A diff's vector: maximum, then mean, over its windows (2 `E`); no norm.

    Args:
        windows_WE: At least one.
    """
    return torch.cat([windows_WE.amax(dim=0), windows_WE.mean(dim=0)])


def pool_repository(files_FE: torch.Tensor) -> torch.Tensor:
    """A repository's vector: mean, then maximum, over its files, of length 1 (2 `E`).

    Args:
        files_FE: The vectors of its files, at least one; a content that stands at two paths comes twice.
    """
    vector = torch.cat([files_FE.mean(dim=0), files_FE.amax(dim=0)])
    return _unit(vector)


def pool_weighted(
    files_FE: torch.Tensor, *, paths: Sequence[str], tokens: Sequence[int], lines: Sequence[int]
) -> torch.Tensor:
    """A repository's vector as in the first static track: weighted mean, then maximum (2 `E`), of length 1.

    The published files hold it before the norm, which training and evaluation both took.

    Args:
        files_FE: The vectors of its files, at least one.
        paths: Where they stand.
        tokens: Their lengths in tokens.
        lines: Their lengths in lines.
    """
    weights_F = file_weights(files_FE, paths=paths, tokens=tokens, lines=lines)
    mean_E = (files_FE * weights_F[:, None]).sum(dim=0)
    vector = torch.cat([_MEAN_SCALE * mean_E, _MAX_SCALE * files_FE.amax(dim=0)])
    return _unit(vector)


def file_weights(
    files_FE: torch.Tensor, *, paths: Sequence[str], tokens: Sequence[int], lines: Sequence[int]
) -> torch.Tensor:
    """How much each file counts in the first static track's mean (`F`); they sum to 1.

    More for what differs from the other files, for long files, for some paths and for the repository's root.

    Args:
        files_FE: The files' vectors.
        paths: Where they stand.
        tokens: Their lengths in tokens.
        lines: Their lengths in lines.
    """
    unit_FE = torch.nn.functional.normalize(files_FE, dim=-1)
    centre_E = torch.nn.functional.normalize(unit_FE.mean(dim=0), dim=-1)
    distinct_F = 1.0 - (unit_FE * centre_E).sum(dim=-1).clamp(-1.0, 1.0)
    log_tokens_F = torch.tensor(tokens, dtype=torch.float32).clamp(min=1.0).log1p()
    span = log_tokens_F.max() - log_tokens_F.min()
    size_F = (log_tokens_F - log_tokens_F.min()) / (span + 1e-8) if len(tokens) > 1 else torch.ones(1)
    bonus_F = torch.tensor([_path_bonus(path) for path in paths])
    fullness_F = (torch.tensor(lines, dtype=torch.float32).clamp(min=1.0) / _FULL_LINES).clamp(max=1.0)
    score_F = distinct_F + _SIZE_SHARE * size_F + bonus_F + _SHORT_SHARE * torch.log(fullness_F + 1e-6)
    return torch.softmax(score_F / _TEMPERATURE, dim=0)


def _unit(vector: torch.Tensor) -> torch.Tensor:
    """A vector of length 1; zeros stay zeros."""
    unit: torch.Tensor = vector / (vector.norm() + _TINY)
    return unit


def _path_bonus(path: str) -> float:
    """What a path adds to a file's score."""
    path = path.lower()
    bonus = _LOW_BONUS if _LOW_PATHS.search(path) else 0.0
    bonus += _HIGH_BONUS if _HIGH_PATHS.search(path) else 0.0
    return bonus + (_ROOT_BONUS if "/" not in path else 0.0)
