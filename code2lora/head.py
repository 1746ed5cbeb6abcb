"""`Code2LoRAHead` as published: a vector of the repository in, one LoRA pair per module type out.

Source: the Code2LoRA paper, section 3.2, and its published implementation, whose names of weights are kept so that
published checkpoints load (`published_checkpoints.py`). Known of this network and kept: every layer of the base model
gets the same pair, no layer starts at zero, and of an input of length 1 little is left behind the first bias.

It does not know where the vector comes from, nor what uses the adapter.

Legend: `B` rows, `N` vectors of a row, `E` embedding width, `H` trunk width, `R` rank, `I` and `O` features in and out.
"""
# Upper-case suffixes state the axes of a tensor.

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from code2lora.adapters import Adapter, Factors
from code2lora.errors import ShapeError

_INITIAL_LOG_SCALE = -3.5
_LEAST_SCALE, _MOST_SCALE = 1e-5, 0.3
_TASK_STD = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadConfig:
    """The sizes of a head.

    Attributes:
        type_dims: Features in and out of each module type, such as `{"q_proj": (1536, 1536)}`.
        input_dim: Width of the context vector.
        hidden_dim: Width of the trunk.
        rank: Rank of the adapters.
        alpha: Numerator of the adapters' scaling; published beside the sizes, not among them.
        num_tasks: Rows of the task embedding; 0 for a head without one.
        task_dim: Width of the task embedding; without meaning where `num_tasks` is 0.
    """

    type_dims: Mapping[str, tuple[int, int]]
    input_dim: int = 2048
    hidden_dim: int = 1024
    rank: int = 16
    alpha: float = 32.0
    num_tasks: int = 0
    task_dim: int = 64

    def __post_init__(self) -> None:
        """Sorts the types; refuses sizes that are not positive."""
        dims = {name: (int(sizes[0]), int(sizes[1])) for name, sizes in sorted(self.type_dims.items())}
        object.__setattr__(self, "type_dims", dims)
        if not dims:
            raise ShapeError("A head needs at least one module type in type_dims.")
        sizes = {"input_dim": self.input_dim, "hidden_dim": self.hidden_dim, "rank": self.rank}
        sizes |= {f"type_dims[{name!r}]": min(pair) for name, pair in dims.items()}
        if self.num_tasks:
            sizes |= {"num_tasks": self.num_tasks, "task_dim": self.task_dim}
        for name, size in sizes.items():
            if size < 1:
                raise ShapeError(f"A head's {name} is {size}: give at least 1.")
        if not 0 < self.alpha < math.inf:
            raise ShapeError(f"A head's alpha is {self.alpha}: give a positive number.")

    @property
    def types(self) -> tuple[str, ...]:
        """The module types, sorted."""
        return tuple(self.type_dims)


class Code2LoRAHead(nn.Module):
    """Maps context vectors to adapters.

    Attributes:
        config: The sizes.
    """

    def __init__(self, config: HeadConfig) -> None:
        """Makes a head with PyTorch's default initialisation, as published; draws from torch's global generator.

        Args:
            config: The sizes.
        """
        super().__init__()
        self.config = config
        width, rank, dims = config.hidden_dim, config.rank, config.type_dims
        self.task_embedding = nn.Embedding(config.num_tasks, config.task_dim) if config.num_tasks else None
        if self.task_embedding is not None:
            nn.init.normal_(self.task_embedding.weight, std=_TASK_STD)
        task_dim = config.task_dim if config.num_tasks else 0
        self.trunk = nn.Sequential(
            nn.Linear(config.input_dim + task_dim, width), nn.GELU(), nn.Linear(width, width), nn.GELU()
        )
        self.heads_A = nn.ModuleDict({name: nn.Linear(width, rank * dims[name][0]) for name in dims})
        self.heads_B = nn.ModuleDict({name: nn.Linear(width, dims[name][1] * rank) for name in dims})
        self.log_scale_A = nn.ParameterDict({name: nn.Parameter(torch.tensor(_INITIAL_LOG_SCALE)) for name in dims})
        self.log_scale_B = nn.ParameterDict({name: nn.Parameter(torch.tensor(_INITIAL_LOG_SCALE)) for name in dims})

    def forward(self, context: torch.Tensor, tasks: torch.Tensor | int | None = None) -> Adapter:
        """The adapters of some context vectors.

        Args:
            context: Vectors (`B`, `E`) of any floating-point type; (`B`, `N`, `E`) is reduced to its maxima over `N`.
            tasks: Rows of the task embedding, one for all or one each (`B`); None is row 0. Unused by a head without.

        Returns:
            An adapter of `B` rows, shared by all layers. Every number of it is at most 0.3.

        Raises:
            ShapeError: the context has another width, or a task is not in the embedding.
        """
        config = self.config
        if context.dim() not in (2, 3) or context.shape[-1] != config.input_dim:
            raise ShapeError(
                f"A context of shape {tuple(context.shape)} does not fit this head: give (rows, {config.input_dim})."
            )
        context_BE = context.max(dim=1).values if context.dim() == 3 else context
        context_BE = context_BE.to(self.log_scale_A[config.types[0]].dtype)
        if self.task_embedding is not None:
            context_BE = torch.cat([context_BE, self.task_embedding(self._task_rows(tasks, context_BE))], dim=-1)
        hidden_BH = self.trunk(context_BE)
        hidden_BH = nn.functional.normalize(hidden_BH, dim=-1) * math.sqrt(config.hidden_dim)
        factors = {}
        for name, (inputs, outputs) in config.type_dims.items():
            A_BRI = self.heads_A[name](hidden_BH).view(-1, config.rank, inputs)
            B_BOR = self.heads_B[name](hidden_BH).view(-1, outputs, config.rank)
            factors[name] = Factors(
                A_BLRI=(torch.tanh(A_BRI) * _scale(self.log_scale_A[name]))[:, None],
                B_BLOR=(torch.tanh(B_BOR) * _scale(self.log_scale_B[name]))[:, None],
            )
        return Adapter(factors=factors, alpha=config.alpha)

    def _task_rows(self, tasks: torch.Tensor | int | None, context_BE: torch.Tensor) -> torch.Tensor:
        """The row of the task embedding of each context (`B`)."""
        rows_B = torch.as_tensor(0 if tasks is None else tasks, device=context_BE.device).long().reshape(-1)
        if rows_B.numel() not in (1, len(context_BE)) or not ((rows_B >= 0) & (rows_B < self.config.num_tasks)).all():
            raise ShapeError(
                f"Tasks {rows_B.tolist()} do not fit {len(context_BE)} contexts and {self.config.num_tasks} tasks: "
                f"give one task, or one per context, from 0 to {self.config.num_tasks - 1}."
            )
        return rows_B.expand(len(context_BE))


def _scale(log_scale: torch.Tensor) -> torch.Tensor:
    """The learned scale, within its limits; outside them its gradient is zero."""
    return torch.exp(log_scale).clamp(_LEAST_SCALE, _MOST_SCALE)
