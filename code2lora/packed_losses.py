"""The loss of tasks that share an adapter, with what their prompts share read once, forward and backward.

The tasks of a commit stand in the same files, so that most of their prompt tokens repeat a sibling's. The numbers are
those of one task at a time, up to rounding.

Legend: `T` tokens of a pack, `K` positions whose logits are needed, `V` vocabulary.
"""
# Upper-case suffixes state the axes of a tensor.

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from code2lora.decoding import attends_to_all, branch_mask
from code2lora.shared_prefixes import packed

if TYPE_CHECKING:
    from code2lora.backbone import Backbone


def packed_losses(
    backbone: "Backbone", prompts: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]
) -> torch.Tensor:
    """The negative log likelihood of every target token, in nats: task by task, float32.

    Args:
        backbone: The model, with one adapter in it or none.
        prompts: The tokens of each task before its target, at least one.
        targets: Those that count.
    """
    inputs = [[*prompt, *target][:-1] for prompt, target in zip(prompts, targets, strict=True)]
    chains_only = not attends_to_all(backbone.model.config)
    losses: dict[int, torch.Tensor] = {}
    for pack in packed(inputs, [None] * len(inputs), most_rows=max(1, len(inputs)), chains_only=chains_only):
        ends = [path[len(prompts[row]) - 1 :] for row, path in zip(pack.rows, pack.paths, strict=True)]
        kept = sorted({place for end in ends for place in end})
        options: dict[str, Any] = {} if pack.is_chain else {"attention_mask": branch_mask(backbone, [pack])}
        logits_KV = backbone.model(
            input_ids=torch.tensor([pack.tokens], device=backbone.device),
            position_ids=torch.tensor([pack.depths], device=backbone.device),
            logits_to_keep=torch.tensor(kept, device=backbone.device),
            use_cache=False,
            **options,
        ).logits[0]
        for row, end in zip(pack.rows, ends, strict=True):
            places = torch.tensor([kept.index(place) for place in end], device=backbone.device)
            labels = torch.tensor(list(targets[row]), device=backbone.device)
            losses[row] = torch.nn.functional.cross_entropy(logits_KV[places].float(), labels, reduction="none")
    return torch.cat([losses[row] for row in range(len(inputs))])
