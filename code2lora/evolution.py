"""The commit GRU as published: a repository's vectors in, commit by commit, a context for the head out.

Source: the Code2LoRA paper, section 3.3, and its published implementation, whose names of weights are kept so that
published checkpoints load. It does not know what the vectors were made from; `walk.py` takes it over a history.

Legend: `B` repositories side by side, `E` embedding width, `D` width of the hidden state.
"""
# Upper-case suffixes state the axes of a tensor.

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from code2lora.errors import ShapeError
from code2lora.tensor_hash import tensors_sha256

StepInput = Literal["diff", "repo_state", "concat"]
STEP_INPUTS: tuple[StepInput, ...] = ("diff", "repo_state", "concat")


@dataclass(frozen=True, slots=True, kw_only=True)
class GRUConfig:
    """The sizes of a commit GRU.

    Attributes:
        diff_input_dim: Width of what a step takes: a diff's vector, a repository's, or both one after the other.
        repo_state_dim: Width of the repository's vector that the walk starts from.
        hidden_dim: Width of the state and of the context.
        per_step_input: What a step takes: one of `STEP_INPUTS`.
    """

    diff_input_dim: int = 2048
    repo_state_dim: int = 2048
    hidden_dim: int = 2048
    per_step_input: StepInput = "diff"

    def __post_init__(self) -> None:
        """Refuses sizes that are not positive or do not fit the input."""
        for name in ("diff_input_dim", "repo_state_dim", "hidden_dim"):
            if getattr(self, name) < 1:
                raise ShapeError(f"A GRU's {name} is {getattr(self, name)}: give at least 1.")
        if self.per_step_input not in STEP_INPUTS:
            raise ShapeError(
                f"A GRU's per_step_input is {self.per_step_input!r}: give one of {', '.join(STEP_INPUTS)}."
            )
        diff, state = self.diff_input_dim, self.repo_state_dim
        if (self.per_step_input == "repo_state" and diff != state) or (
            self.per_step_input == "concat" and diff <= state
        ):
            raise ShapeError(
                f"A GRU whose steps take {self.per_step_input!r} cannot have diff_input_dim {diff} "
                f"and repo_state_dim {state}: diff_input_dim is the width of all that a step takes."
            )


class CommitGRU(nn.Module):
    """Turns a sequence of commits into a context per commit.

    Attributes:
        config: The sizes.
    """

    def __init__(self, config: GRUConfig) -> None:
        """Makes a GRU with PyTorch's default initialisation, as published; draws from torch's global generator.

        Args:
            config: The sizes.
        """
        super().__init__()
        self.config = config
        width = config.hidden_dim
        self.diff_proj = nn.Sequential(nn.Linear(config.diff_input_dim, width), nn.LayerNorm(width))
        self.repo_init_proj = nn.Sequential(nn.Linear(config.repo_state_dim, width), nn.GELU(), nn.LayerNorm(width))
        self.gru = nn.GRU(width, width, num_layers=1, batch_first=True)
        self.output_norm = nn.LayerNorm(width)

    def start(self, repo_state_BE: torch.Tensor) -> torch.Tensor:
        """The state before the first commit (`B`, `D`).

        Args:
            repo_state_BE: Vectors of the repositories at their first kept commits.

        Raises:
            ShapeError: they have another width.
        """
        self._check(repo_state_BE, self.config.repo_state_dim)
        hidden_BD: torch.Tensor = self.repo_init_proj(self._cast(repo_state_BE))
        return hidden_BD

    def step(self, input_BE: torch.Tensor, hidden_BD: torch.Tensor) -> torch.Tensor:
        """The state after one more commit (`B`, `D`).

        Args:
            input_BE: What the commit brings (`step_input`).
            hidden_BD: The state before it.

        Raises:
            ShapeError: the input has another width.
        """
        self._check(input_BE, self.config.diff_input_dim)
        input_B1D = self.diff_proj(self._cast(input_BE))[:, None]
        _, hidden_1BD = self.gru(input_B1D, hidden_BD[None])
        after_BD: torch.Tensor = hidden_1BD[0]
        return after_BD

    def context(self, hidden_BD: torch.Tensor) -> torch.Tensor:
        """What the head is given in a state (`B`, `D`)."""
        context_BD: torch.Tensor = self.output_norm(hidden_BD)
        return context_BD

    def step_input(self, diff_BE: torch.Tensor, repo_state_BE: torch.Tensor | None = None) -> torch.Tensor:
        """What a step takes of a commit's two vectors, as the configuration says.

        Args:
            diff_BE: The vector of the commit's production diff; zeros where that is empty.
            repo_state_BE: The vector of the repository at the commit; None where steps take the diff alone.

        Raises:
            ShapeError: the repository's vector is needed and not given.
        """
        if self.config.per_step_input == "diff":
            return diff_BE
        if repo_state_BE is None:
            raise ShapeError(
                f"Steps of this GRU take {self.config.per_step_input!r}: give the repository's vector at every commit."
            )
        if self.config.per_step_input == "repo_state":
            return repo_state_BE
        return torch.cat([diff_BE, repo_state_BE], dim=-1)

    def sha256(self) -> str:
        """What the weights are (`tensors_sha256`)."""
        return tensors_sha256(self.state_dict())

    def _cast(self, vectors_BE: torch.Tensor) -> torch.Tensor:
        return vectors_BE.to(self.output_norm.weight)

    def _check(self, vectors_BE: torch.Tensor, width: int) -> None:
        if vectors_BE.dim() != 2 or vectors_BE.shape[1] != width:
            raise ShapeError(f"Vectors of shape {tuple(vectors_BE.shape)} do not fit this GRU: give (rows, {width}).")
