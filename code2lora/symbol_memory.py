"""A repository's memory: the sums of its definitions' writes, changed by what changes (io).

The sums are whole numbers: every product is rounded to a fixed grid before it is added. Whole numbers add up exactly
and in any order, so that after thousands of commits a memory is the very bits of one that is written afresh, and taking
a definition out leaves nothing behind. A change costs the features and products of the definitions that come and go.

Which definitions count is `chosen_definitions` of all that there are: kept here as a multiset, since the same may be
defined at several places.

Legend: `S` writes, `M` module types, `R` rank of a core.
"""
# Upper-case suffixes state the axes of a tensor.

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from code2lora.adapters import Adapter
from code2lora.conditioned import MemoryHead, Sums
from code2lora.errors import CheckpointError
from code2lora.memory_checkpoints import MemoryCheckpoint
from code2lora.symbol_features import Definition, SymbolFeatures, chosen_definitions
from repopeftbench.atomic import write_atomically
from repopeftbench.schema import SymbolKind, SymbolRecord

_STEPS = 2.0**32
"""Steps of the grid in 1: products of up to 2^20 are summed over 2,000 writes without leaving 64 bits."""
_MOST_PRODUCT = 2.0**20
_METADATA_KEY = "memory"  # one key: safetensors writes several in no fixed order


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MemoryState:
    """What a repository's memory holds.

    Attributes:
        defined: How often each definition stands in the repository.
        said_MRR: Sums of `v k^T` over those that count, in steps of the grid.
        asked_MRR: Sums of `k k^T` likewise.
        writes: Writes that were summed.
        made_with: The checkpoint and the features (`SymbolMemory.sha256`).
    """

    defined: Mapping[Definition, int]
    said_MRR: torch.Tensor
    asked_MRR: torch.Tensor
    writes: int
    made_with: str


class SymbolMemory:
    """Writes and reads memories with one checkpoint."""

    def __init__(self, checkpoint: MemoryCheckpoint, features: SymbolFeatures) -> None:
        """Takes the networks.

        Args:
            checkpoint: The head; it may be on any device, sums are on the processor.
            features: Of the backbone that the head was trained with.

        Raises:
            CheckpointError: features have other widths than the head takes.
        """
        config = checkpoint.head.config
        if (features.key_dim, features.value_dim) != (config.key_dim, config.value_dim):
            raise CheckpointError(
                f"the checkpoint takes symbols of widths {config.key_dim} and {config.value_dim}, the backbone gives "
                f"{features.key_dim} and {features.value_dim}: it was trained for another backbone"
            )
        self._head: MemoryHead = checkpoint.head
        self._most = checkpoint.records
        self._features = features
        self._device = next(checkpoint.head.parameters()).device
        self.sha256 = f"{checkpoint.fingerprint()} {features.sha256}"

    def empty(self) -> MemoryState:
        """The memory of a repository that defines nothing."""
        config = self._head.config
        zeros_MRR = torch.zeros(len(config.types), config.rank, config.rank, dtype=torch.int64)
        return MemoryState(defined={}, said_MRR=zeros_MRR, asked_MRR=zeros_MRR, writes=0, made_with=self.sha256)

    def of(self, records: Iterable[SymbolRecord]) -> MemoryState:
        """The memory of a repository, written afresh."""
        return self.changed(self.empty(), records, ())

    def changed(
        self, state: MemoryState, added: Iterable[SymbolRecord], removed: Iterable[SymbolRecord]
    ) -> MemoryState:
        """The memory after a change.

        Args:
            state: The memory before it, which is left as it is.
            added: Records that came.
            removed: Records that went.

        Raises:
            CheckpointError: the memory was made with another checkpoint, or never held a record that is removed.
        """
        if state.made_with != self.sha256:
            raise CheckpointError("the memory was written with another checkpoint or backbone: write it afresh")
        defined = Counter(dict(state.defined))
        defined.update(Definition.of(record) for record in added)
        defined.subtract(Definition.of(record) for record in removed)
        for definition, count in defined.items():
            if count < 0:
                raise CheckpointError(
                    f"the memory holds no {definition.name!r} that could be removed: it is of another history; "
                    "delete it, and it is written afresh"
                )
        return self._moved(state, +defined)

    def became(self, state: MemoryState, records: Iterable[SymbolRecord]) -> MemoryState:
        """The memory of a repository that has some records now; costs what differs from `state`."""
        return self._moved(state, Counter(Definition.of(record) for record in records))

    def adapter(self, state: MemoryState) -> Adapter:
        """The adapter of a memory, of one row."""
        sums = Sums(
            said_NMRR=_numbers(state.said_MRR)[None].to(self._device),
            asked_NMRR=_numbers(state.asked_MRR)[None].to(self._device),
            writes_N=torch.tensor([state.writes], device=self._device),
        )
        with torch.no_grad():
            return self._head.adapter(self._head.cores(sums).float())

    def _moved(self, state: MemoryState, defined: Counter[Definition]) -> MemoryState:
        before = set(chosen_definitions(state.defined, self._most))
        after = set(chosen_definitions(defined, self._most))
        said_MRR, asked_MRR, writes = state.said_MRR.clone(), state.asked_MRR.clone(), state.writes
        for sign, definitions in ((1, after - before), (-1, before - after)):
            for definition in sorted(definitions):
                said, asked, count = self._products(definition)
                said_MRR += sign * said
                asked_MRR += sign * asked
                writes += sign * count
        return MemoryState(
            defined=dict(sorted(defined.items())),
            said_MRR=said_MRR,
            asked_MRR=asked_MRR,
            writes=writes,
            made_with=self.sha256,
        )

    def _products(self, definition: Definition) -> tuple[torch.Tensor, torch.Tensor, int]:
        """What a definition adds to the sums, and its writes; by itself, so that it is the same bits every time."""
        writes = self._features.writes(definition)
        keys_SF, values_SF = writes.keys_SF.to(self._device), writes.values_SF.to(self._device)
        with torch.no_grad():
            asked_SMR, said_SMR = self._head.written(*self._head.whitened(keys_SF, values_SF))
            asked_SMR, said_SMR = asked_SMR.double().cpu(), said_SMR.double().cpu()
            said_MRR = torch.einsum("smr,smq->mrq", said_SMR, asked_SMR)
            asked_MRR = torch.einsum("smr,smq->mrq", asked_SMR, asked_SMR)
        return _steps(said_MRR), _steps(asked_MRR), len(keys_SF)


def save_memory(path: Path, state: MemoryState, commit_sha: str) -> None:
    """Writes a memory as one safetensors file.

    Args:
        path: The file.
        state: The memory.
        commit_sha: The commit that it is of.

    Raises:
        OSError: the folder is absent or cannot be written.
    """
    facts = {
        "commit_sha": commit_sha,
        "writes": state.writes,
        "made_with": state.made_with,
        "defined": [[*definition, count] for definition, count in state.defined.items()],
    }
    tensors = {"said": state.said_MRR.contiguous(), "asked": state.asked_MRR.contiguous()}
    write_atomically(path, save(tensors, metadata={_METADATA_KEY: json.dumps(facts, sort_keys=True)}))


def load_memory(path: Path) -> tuple[MemoryState, str]:
    """Reads what `save_memory` wrote: the memory, and its commit.

    Raises:
        CheckpointError: the file is absent or holds no memory.
    """
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})[_METADATA_KEY])
            state = MemoryState(
                defined={
                    Definition(SymbolKind(kind), str(name), str(value)): int(count)
                    for kind, name, value, count in facts["defined"]
                },
                said_MRR=file.get_tensor("said"),
                asked_MRR=file.get_tensor("asked"),
                writes=int(facts["writes"]),
                made_with=str(facts["made_with"]),
            )
            return state, str(facts["commit_sha"])
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path} holds no memory ({error}); delete it, and it is written afresh.") from error


def _steps(products_MRR: torch.Tensor) -> torch.Tensor:
    """Products in steps of the grid."""
    largest = float(products_MRR.abs().max())
    if not largest < _MOST_PRODUCT:  # of nan too
        raise CheckpointError(f"the checkpoint makes writes of {largest:.3g}, too large to be summed: train it again")
    return (products_MRR * _STEPS).round().to(torch.int64)


def _numbers(steps_MRR: torch.Tensor) -> torch.Tensor:
    return steps_MRR.double() / _STEPS
