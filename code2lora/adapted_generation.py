"""Texts that continue prompts, each with the adapter of its prompt: `generation.py` and `lora.py` together."""

from collections.abc import Callable, Sequence

from code2lora.adapters import Adapter, stack
from code2lora.backbone import Backbone
from code2lora.generation import Generated, generate
from code2lora.lora import Injection


def generate_adapted(
    backbone: Backbone,
    prompts: Sequence[str],
    adapters: Sequence[Adapter],
    *,
    max_new_tokens: int,
    batch_size: int,
    stop: Callable[[str, str], bool],
) -> tuple[Generated, ...]:
    """Continues every prompt greedily with its adapter; see `generate`.

    Args:
        backbone: The model; it is left as it was.
        prompts: Texts to continue.
        adapters: One of each prompt, of one row. Prompts with the very same record may share what they begin with.
        max_new_tokens: Most tokens per answer.
        batch_size: Rows decoded together.
        stop: Whether a text, which follows a prompt, has gone far enough.

    Returns:
        One record per prompt, in order.

    Raises:
        AdapterError: an adapter does not fit the model, or the others.
        GenerationError: the limits do not fit the backbone.
    """
    distinct = {id(adapter): adapter for adapter in adapters}
    places = {key: place for place, key in enumerate(distinct)}
    numbers = [places[id(adapter)] for adapter in adapters]
    resident = stack(list(distinct.values())) if distinct else None
    with Injection(backbone.model) as injection:
        return generate(
            backbone,
            prompts,
            max_new_tokens=max_new_tokens,
            batch_size=batch_size,
            stop=stop,
            on_rows=lambda rows: injection.use(resident, [numbers[row] for row in rows]),
            kinds=numbers,
        )
