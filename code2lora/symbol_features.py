"""Symbol records as features of a memory: which of them count, and what each of them writes.

A record makes one write for each token of its value and one for the end of it. What it says is the token, as the
backbone speaks it, so that an answer is recalled token by token. What it is about comes in two kinds:

| features | a key is |
|---|---|
| `states` | what the first layer's attention gathers just before the token, in `assert NAME == VALUE` |
| `embeddings` | the mean and the last of the name's embeddings, that of the token before, kind and position |

The first is in the space in which the adapted module itself is asked later on, by a test that says much the same: NAME
is followed by what its kind is asked for with, such as a call. One layer of the frozen backbone runs for it, which must
have no adapter in it then.

Records that say the same are one, wherever they stand. Of a repository with too many the first count in an order that
is the record's alone: kinds whose values tests ask for come first, then short values, then names. That no record's
place depends on another one is what keeps a commit's cost to what it changes.

Legend: `S` writes of a record, `F` features, `E` width of the backbone's embeddings.
"""
# Upper-case suffixes state the axes of a tensor.

import contextlib
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nsmallest
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import torch
from torch import nn

from code2lora.errors import AdapterError
from code2lora.lora import target_modules
from repopeftbench.schema import SymbolKind, SymbolRecord

if TYPE_CHECKING:
    from code2lora.backbone import Backbone

MOST_TOKENS = 8
"""Tokens of a value that are written; assertions are seldom longer."""
_MOST_NAME_TOKENS = 24
_MOST_NAME_CHARACTERS = 120
_KINDS = (
    SymbolKind.CONSTANT,
    SymbolKind.ENUM_MEMBER,
    SymbolKind.RETURN,
    SymbolKind.CONFIG_KEY,
    SymbolKind.DEFAULT,
    SymbolKind.EXCEPTION,
    SymbolKind.CLASS,
    SymbolKind.SIGNATURE,
)
_ASKED_WITH = {
    SymbolKind.RETURN: "()",
    SymbolKind.ENUM_MEMBER: ".value",
    SymbolKind.EXCEPTION: ".__base__",
    SymbolKind.CLASS: ".__base__",
}
_VERSION = "token writes 1"
FeatureKind = Literal["states", "embeddings"]
ASKED_MODULE = "o_proj"
"""The module whose input in the first layer is a key of `states`: what attention has gathered there."""


class Definition(NamedTuple):
    """What a record says, wherever it stands."""

    kind: SymbolKind
    name: str
    value: str

    @classmethod
    def of(cls, record: SymbolRecord) -> "Definition":
        """What `record` says."""
        return cls(record.kind, record.name, record.value)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Writes:
    """The features of what one definition writes.

    Attributes:
        keys_SF: What each write is about.
        values_SF: What it says.
    """

    keys_SF: torch.Tensor
    values_SF: torch.Tensor


class SymbolFeatures(Protocol):
    """Gives the writes of definitions."""

    @property
    def key_dim(self) -> int:
        """Width of what a write is about."""
        ...

    @property
    def value_dim(self) -> int:
        """Width of what it says."""
        ...

    @property
    def asked_type(self) -> str | None:
        """The module type whose input in the first layer keys are, None where they are something else."""
        ...

    @property
    def sha256(self) -> str:
        """Everything that decides about features beside the definition."""
        ...

    def writes(self, definition: Definition) -> Writes:
        """What a definition writes; the same bits whatever was asked before."""
        ...


def symbol_features(kind: FeatureKind, backbone: "Backbone") -> "EmbeddedSymbols":
    """The features of a kind, of a backbone without adapters.

    Raises:
        AdapterError: `states` of a backbone that has no such module.
    """
    return EmbeddedSymbols(backbone) if kind == "embeddings" else StateSymbols(backbone)


class EmbeddedSymbols:
    """`SymbolFeatures` of kind `embeddings`."""

    asked_type: str | None = None

    def __init__(self, backbone: "Backbone") -> None:
        """Takes the backbone; its layers are not used.

        Args:
            backbone: Its tokenizer and both of its embeddings are.
        """
        self._tokenizer: Any = backbone.tokenizer
        model: Any = backbone.model
        self._read_VE: torch.Tensor = model.get_input_embeddings().weight.detach()
        speaks = model.get_output_embeddings()
        self._said_VE: torch.Tensor = self._read_VE if speaks is None else speaks.weight.detach()
        self._end = int(backbone.tokenizer.eos_token_id or 0)
        self._sha256 = hashlib.sha256(f"{_VERSION}\0{backbone.weights_sha256}".encode()).hexdigest()

    @property
    def key_dim(self) -> int:
        """Width of what a write is about: the name's mean and last token, the token before, kind and position."""
        return 3 * self._read_VE.shape[1] + len(_KINDS) + MOST_TOKENS + 1

    @property
    def value_dim(self) -> int:
        """Width of what it says: a token as the backbone speaks it."""
        return int(self._said_VE.shape[1])

    @property
    def sha256(self) -> str:
        """The backbone's weights, and this way of reading them."""
        return self._sha256

    def writes(self, definition: Definition) -> Writes:
        """What a definition writes: float32 on the processor."""
        name = self._tokens(definition.name)[-_MOST_NAME_TOKENS:] or [self._end]
        said = self._said(definition)
        name_TE = self._read(name)
        before_SE = torch.cat([torch.zeros(1, name_TE.shape[1]), self._read(said[:-1])])
        kind_F = torch.zeros(len(_KINDS))
        kind_F[_KINDS.index(definition.kind)] = 1.0
        place_SF = torch.eye(MOST_TOKENS + 1)[: len(said)]
        # Embeddings are of another size than ones and zeros: places and kinds get a size like theirs.
        size = float(self._read_VE.float().std())
        about_F = torch.cat([name_TE.mean(dim=0), name_TE[-1], kind_F * size])
        keys_SF = torch.cat([about_F.expand(len(said), -1), before_SE, place_SF * size], dim=1)
        return self._writes(keys_SF, said)

    def _said(self, definition: Definition) -> list[int]:
        """The tokens that a definition's writes say."""
        return [*self._tokens(" " + definition.value)[:MOST_TOKENS], self._end]

    def _writes(self, keys_SF: torch.Tensor, said: list[int]) -> Writes:
        return Writes(keys_SF=keys_SF, values_SF=self._said_VE[torch.tensor(said)].float().cpu())

    def _read(self, tokens: list[int]) -> torch.Tensor:
        return self._read_VE[torch.tensor(tokens, dtype=torch.long)].float().cpu()

    def _tokens(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


class StateSymbols(EmbeddedSymbols):
    """`SymbolFeatures` of kind `states`."""

    asked_type = ASKED_MODULE

    def __init__(self, backbone: "Backbone") -> None:
        """Takes the backbone, whose first layer runs.

        Raises:
            AdapterError: it has no module of this type.
        """
        super().__init__(backbone)
        self._model = backbone.model
        self._device = backbone.device
        asked = [target for target in target_modules(backbone.model) if target.type == ASKED_MODULE]
        if not asked:
            raise AdapterError(
                f'Backbone {backbone.name!r} has no {ASKED_MODULE}: use symbols = "embeddings" in the recipe.'
            )
        self._module = backbone.model.get_submodule(asked[0].name)
        self._key_dim = asked[0].in_features
        facts = f"states {_VERSION}\0{backbone.weights_sha256}\0{backbone.model.dtype}"
        self._sha256 = hashlib.sha256(facts.encode()).hexdigest()

    @property
    def key_dim(self) -> int:
        """Width of what a write is about: what attention gathers."""
        return self._key_dim

    def writes(self, definition: Definition) -> Writes:
        """What a definition writes: float32 on the processor."""
        said = self._said(definition)
        asked = self._tokens(f"assert {_as_asked(definition)[-_MOST_NAME_CHARACTERS:]} ==")
        states_TF = self._gathered(asked + said[:-1])
        return self._writes(states_TF[len(asked) - 1 :], said)

    def _gathered(self, tokens: list[int]) -> torch.Tensor:
        """What the first layer's attention gathers at each token; the rest of the backbone is not run."""
        found: list[torch.Tensor] = []

        def take(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            found.append(inputs[0][0].float().cpu())
            raise _Enough

        handle = self._module.register_forward_pre_hook(take)
        try:
            with torch.inference_mode(), contextlib.suppress(_Enough):
                self._model(input_ids=torch.tensor([tokens], device=self._device), use_cache=False)
        finally:
            handle.remove()
        return found[0].clone()


def _as_asked(definition: Definition) -> str:
    """How a test asks for what a definition says: a call of what returns it or has it as a default, a value, a base."""
    kind, name = definition.kind, definition.name
    if kind is SymbolKind.DEFAULT:
        return f"{name.rpartition('.')[0] or name}()"
    return name + _ASKED_WITH.get(kind, "")


class _Enough(Exception):  # noqa: N818 - ends a pass, nothing failed
    """What was wanted of a forward pass is there."""


def chosen_definitions(definitions: Iterable[Definition], most: int) -> list[Definition]:
    """The definitions that count, without repeats and in the order of their rank.

    Args:
        definitions: What a repository defines.
        most: How many may count.
    """
    return nsmallest(most, set(definitions), key=_rank)


def _rank(definition: Definition) -> tuple[int, int, str, str]:
    return _KINDS.index(definition.kind), len(definition.value), definition.name, definition.value
