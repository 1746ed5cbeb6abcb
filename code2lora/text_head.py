"""`Text2LoRAHead`: the vector of a text about a repository in, a LoRA pair for every module of the backbone out.

What the Code2LoRA paper compares with, after Text-to-LoRA (arXiv 2506.06105): the text's vector, the layer and the
module type have an embedding each; together they go through a mixer and two residual blocks; a linear head for each
module type makes the factors. Heads start as that paper's appendix G says: weights of zero, and the bias is a LoRA's
own start, so that an untrained head changes nothing. Widths inside are ours where they are not published.

It does not know where the vector comes from, nor what uses the adapter.

Legend: `B` rows, `E` width of the vector, `M` latent width, `L` layers, `R` rank, `I` and `O` features in and out.
"""
# Upper-case suffixes state the axes of a tensor.

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from code2lora.adapters import Adapter, Factors
from code2lora.errors import ShapeError

_RESIDUAL_BLOCKS = 2
_WIDENING = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Text2LoRAConfig:
    """The sizes of a head.

    Attributes:
        type_dims: Features in and out of each module type.
        layers: Layers of the backbone; each has factors of its own.
        input_dim: Width of the text's vector.
        latent_dim: Width of what the heads are given; half of it is the text's, a quarter each the layer's and the
            type's.
        rank: Rank of the adapters.
        alpha: Numerator of the adapters' scaling.
    """

    type_dims: Mapping[str, tuple[int, int]]
    layers: int
    input_dim: int
    latent_dim: int = 256
    rank: int = 16
    alpha: float = 32.0

    def __post_init__(self) -> None:
        """Sorts the types; refuses sizes that cannot be."""
        dims = {name: (int(sizes[0]), int(sizes[1])) for name, sizes in sorted(self.type_dims.items())}
        object.__setattr__(self, "type_dims", dims)
        if not dims:
            raise ShapeError("A head needs at least one module type in type_dims.")
        sizes = {"layers": self.layers, "input_dim": self.input_dim, "rank": self.rank}
        sizes |= {f"type_dims[{name!r}]": min(pair) for name, pair in dims.items()}
        for name, size in sizes.items():
            if size < 1:
                raise ShapeError(f"A head's {name} is {size}: give at least 1.")
        if self.latent_dim < 4 or self.latent_dim % 4:
            raise ShapeError(f"A head's latent_dim is {self.latent_dim}: give a multiple of 4.")
        if not 0 < self.alpha < math.inf:
            raise ShapeError(f"A head's alpha is {self.alpha}: give a positive number.")

    @property
    def types(self) -> tuple[str, ...]:
        """The module types, sorted."""
        return tuple(self.type_dims)


class Text2LoRAHead(nn.Module):
    """Maps vectors of texts to adapters.

    Attributes:
        config: The sizes.
    """

    def __init__(self, config: Text2LoRAConfig) -> None:
        """Makes a head that changes nothing yet; draws from torch's global generator.

        Args:
            config: The sizes.
        """
        super().__init__()
        self.config = config
        half, quarter = config.latent_dim // 2, config.latent_dim // 4
        dims, rank, latent = config.type_dims, config.rank, config.latent_dim
        self.text = nn.Sequential(nn.Linear(config.input_dim, half), nn.LayerNorm(half))
        self.depth = nn.Sequential(nn.Embedding(config.layers, quarter), nn.LayerNorm(quarter))
        self.kind = nn.Sequential(nn.Embedding(len(dims), quarter), nn.LayerNorm(quarter))
        self.mixer = _mlp(latent)
        self.blocks = nn.ModuleList(nn.Sequential(nn.LayerNorm(latent), _mlp(latent)) for _ in range(_RESIDUAL_BLOCKS))
        self.last = nn.Sequential(nn.LayerNorm(latent), nn.Linear(latent, latent), nn.SiLU())
        self.heads_A = nn.ModuleDict({name: nn.Linear(latent, rank * dims[name][0]) for name in dims})
        self.heads_B = nn.ModuleDict({name: nn.Linear(latent, dims[name][1] * rank) for name in dims})
        for parameter in (*self.heads_A.parameters(), *self.heads_B.parameters()):
            nn.init.zeros_(parameter)
        for name, bias in self.heads_A.named_parameters():
            kind, _, last = name.rpartition(".")
            if last == "bias":
                bound = dims[kind][0] ** -0.5
                nn.init.uniform_(bias, -bound, bound)

    def forward(self, context_BE: torch.Tensor) -> Adapter:
        """The adapters of some texts.

        Args:
            context_BE: Their vectors, of any floating-point type.

        Returns:
            An adapter of `B` rows and `L` layers.

        Raises:
            ShapeError: the vectors have another width.
        """
        config = self.config
        if context_BE.dim() != 2 or context_BE.shape[-1] != config.input_dim:
            raise ShapeError(
                f"Vectors of shape {tuple(context_BE.shape)} do not fit this head: give (rows, {config.input_dim})."
            )
        rows, layers = len(context_BE), config.layers
        device = context_BE.device
        text_B1M = self.text(context_BE.to(next(self.parameters()).dtype))[:, None].expand(-1, layers, -1)
        depth_1LM = self.depth(torch.arange(layers, device=device))[None].expand(rows, -1, -1)
        factors = {}
        for index, (name, (inputs, outputs)) in enumerate(config.type_dims.items()):
            kind_11M = self.kind(torch.tensor([index], device=device))[None].expand(rows, layers, -1)
            hidden_BLM = self.mixer(torch.cat([text_B1M, depth_1LM, kind_11M], dim=-1))
            for block in self.blocks:
                hidden_BLM = hidden_BLM + block(hidden_BLM)
            hidden_BLM = self.last(hidden_BLM)
            factors[name] = Factors(
                A_BLRI=self.heads_A[name](hidden_BLM).view(rows, layers, config.rank, inputs),
                B_BLOR=self.heads_B[name](hidden_BLM).view(rows, layers, outputs, config.rank),
            )
        return Adapter(factors=factors, alpha=config.alpha)


def _mlp(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, _WIDENING * width), nn.SiLU(), nn.Linear(_WIDENING * width, width))
