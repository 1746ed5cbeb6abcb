"""Seconds from a commit to a repository's new adapter: its memory changed by the diff, against one written afresh.

Both are timed in the same process on the same history, with a head of the recipe's sizes and random weights (what it
has learnt changes no cost): what `repobench adapt --method code2lora-memory --evo` does between opening the repository
and writing the folder. Every refreshed memory is checked to be the bits of the fresh one.

    python benchmarks/memory_refresh.py REPOSITORY [--commits 20] [--backbone nano]
"""

import argparse
import itertools
import statistics
import sys
import time
from pathlib import Path

import torch

from code2lora.backbone import load_backbone
from code2lora.memory_checkpoints import MemoryCheckpoint
from code2lora.symbol_features import Definition, chosen_definitions, symbol_features
from code2lora.symbol_memory import SymbolMemory
from code2lora.training.memories import memory_config, untrained_head
from code2lora.training.recipe import load_recipe
from repopeftbench.gitrepo import GitRepository
from repopeftbench.live_views import LiveHistory
from repopeftbench.schema import SymbolRecord


def main() -> None:
    """Prints a row for each commit and the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository", type=Path)
    parser.add_argument("--commits", type=int, default=20)
    parser.add_argument("--backbone", default="nano")
    options = parser.parse_args()
    shas = _commits(options.repository, options.commits + 1)
    before, _, _ = _fresh(options.repository, shas[0], None)
    memory = _memory(options.backbone, before)
    state = memory.of(before)
    rows = []
    for old, new in itertools.pairwise(shas):
        history = LiveHistory(GitRepository(options.repository), "repository", new)
        started = time.perf_counter()
        changes = history.symbol_changes(old, new)
        state = memory.changed(state, changes.added, changes.removed)
        refreshed = memory.adapter(state)
        seconds = time.perf_counter() - started
        records, fresh_seconds, adapter_sha256 = _fresh(options.repository, new, memory)
        if refreshed.sha256() != adapter_sha256:
            sys.exit(f"{new}: the refreshed adapter is not the fresh one")
        changed = len(changes.added) + len(changes.removed)
        rows.append((changed, seconds, fresh_seconds))
        _say(f"{new[:10]} {changed:6,} of {len(records):6,} records {seconds:8.3f} s {fresh_seconds:8.3f} s")
    ratio = statistics.median(fresh / refresh for _, refresh, fresh in rows)
    _say(
        f"median of {len(rows)} commits: {statistics.median(row[1] for row in rows):.3f} s refreshed, "
        f"{statistics.median(row[2] for row in rows):.3f} s afresh, {ratio:.1f} times"
    )


def _commits(repository: Path, count: int) -> list[str]:
    opened = GitRepository(repository)
    return [commit.sha for commit in opened.history(opened.resolve(None))][-count:]


def _memory(backbone_name: str, records: tuple[SymbolRecord, ...]) -> SymbolMemory:
    """A memory of random weights, whose whitening is fitted to a repository's own symbols."""
    recipe = load_recipe("nano" if backbone_name == "nano" else "clean", "code2lora-memory")
    backbone = load_backbone(backbone_name, device="cpu")
    features = symbol_features(recipe.settings.symbols or "states", backbone)
    head = untrained_head(memory_config(recipe.settings, backbone.model, features), 0)
    writes = [features.writes(one) for one in chosen_definitions(map(Definition.of, records), 200)]
    keys, values = (torch.cat([getattr(one, side) for one in writes]) for side in ("keys_SF", "values_SF"))
    head.fit(keys, values, features.asked_type)
    most = recipe.settings.records or 0
    checkpoint = MemoryCheckpoint(
        head=head, symbols=recipe.settings.symbols or "states", records=most, backbone_sha256=backbone.weights_sha256
    )
    return SymbolMemory(checkpoint, features)


def _fresh(repository: Path, sha: str, memory: SymbolMemory | None) -> tuple[tuple[SymbolRecord, ...], float, str]:
    """The records of a commit; the seconds to read them and write a memory of them, and its adapter."""
    history = LiveHistory(GitRepository(repository), "repository", sha)
    started = time.perf_counter()
    records = history.symbol_changes(None, sha).added
    adapter = None if memory is None else memory.adapter(memory.of(records))
    return records, time.perf_counter() - started, "" if adapter is None else adapter.sha256()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
