"""Context and prefix as one prompt that fits the backbone. Knows tokens, and nothing of where context comes from.

Equal terms: context counts in the context length that a method without any has for the prefix, and it is what gets cut.
The prefix keeps every token that it would have alone; one that fills the context length stands alone.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from harness.predictors.retrieval.compression import CountTokens
from harness.predictors.retrieval.recipe import Shared

if TYPE_CHECKING:
    from code2lora.backbone import Backbone

Blocks = Callable[[int, CountTokens], list[str]]
"""Called with a budget in tokens and what counts them; gives texts, the one to stand nearest to the prefix last."""
_SEPARATORS = {"code": "\n\n", "published": "\n\n\n"}


class PromptBuilder:
    """Puts context before prefixes."""

    def __init__(self, backbone: "Backbone", settings: Shared, max_new_tokens: int) -> None:
        """Takes the backbone, whose tokenizer counts, and how many tokens of its context the answer may need."""
        self._tokenizer: Any = backbone.tokenizer
        opening = len(self._tokenizer("")["input_ids"])
        self._room = backbone.context_length - max_new_tokens - opening
        self._settings = settings
        self._separator = _SEPARATORS[settings.layout]

    def prompt(self, prefix: str, blocks: Blocks) -> str:
        """The prefix with as much context before it as the recipe asks for and there is room.

        Args:
            prefix: The text before the cut; the prompt ends in it.
            blocks: Not called where there is no room.
        """
        left = self._room - self.count(prefix)
        if left <= 0:
            return prefix
        if self._settings.layout == "published":
            # As published: generation then cuts the whole on its left, wherever that falls.
            return self._joined(blocks(self._settings.context_tokens, self.count), prefix)
        kept = blocks(min(self._settings.context_tokens, left), self.count)
        prompt = self._joined(kept, prefix)
        # Blocks are counted apart; joined, they can have a token more.
        while kept and self.count(prompt) > self._room:
            kept = kept[1:]
            prompt = self._joined(kept, prefix)
        return prompt

    def count(self, text: str) -> int:
        """The tokens of a text."""
        return len(self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def _joined(self, blocks: list[str], prefix: str) -> str:
        return self._separator.join([*blocks, prefix])
