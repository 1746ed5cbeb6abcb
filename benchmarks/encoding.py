"""What the states of a whole history cost to encode, against the embedding of its unique contents alone.

    python benchmarks/encoding.py DATA [--repository OWNER/NAME] [--commits 1000] [--encoder nano] [--device auto]

DATA is a mined dataset with snapshots. The states of the kept commits of one repository (by default the one with the
most) are asked for one after the other, from an empty store, as a run does; then again from the full one. In between
the same contents are embedded once each with nothing around: that is what a history cannot cost less than. The target
is a ratio of at most 1.5. On processors: one thread, its own seconds.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch

from code2lora.backbone import load_backbone
from code2lora.backbone_encoder import BackboneEncoder
from code2lora.encoder import CLEAN, encode_file
from code2lora.state_vectors import EncodedVectors, Recipes
from code2lora.vector_store import SqliteVectorStore
from repopeftbench.dataset.store import Dataset
from repopeftbench.errors import GitObjectError
from repopeftbench.schema import HistoryView, State, Track
from repopeftbench.views import DatasetViews


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints."""
    options = _options(arguments)
    torch.set_num_threads(1)
    backbone = load_backbone(options.encoder, device=options.device)
    encoder = BackboneEncoder(backbone)
    name, views = _history(options)
    texts: dict[str, str] = {}
    shown = 0
    for view in views:
        for path, blob in view.blobs().items():
            shown += 1
            if blob not in texts:
                try:
                    texts[blob] = view.read(path)
                except GitObjectError:
                    texts[blob] = ""
    encode_file(encoder, CLEAN, "x = 1\n")  # what is loaded once
    tokens = sum(len(encoder.tokens(text)) for text in texts.values())
    start = _now()
    for text in texts.values():
        encode_file(encoder, CLEAN, text)
    alone = _now() - start
    with tempfile.TemporaryDirectory() as folder:
        costs = []
        for _ in range(2):
            store = SqliteVectorStore(Path(folder) / "vectors.sqlite")
            vectors = EncodedVectors(encoder, Recipes(state=CLEAN, diff=CLEAN), store)
            start = _now()
            for view in views:
                vectors.state(view)
            costs.append(_now() - start)
            store.close()
    print(
        f"{name}: {len(views):,} states of {shown:,} files, {len(texts):,} unique contents, {tokens:,} tokens; "
        f"{backbone.name}, {backbone.model.dtype} on {backbone.device}\n\n"
        f"| what | s | of the contents alone |\n| --- | ---: | ---: |\n"
        f"| unique contents, each once ({tokens / alone:,.0f} tokens per s) | {alone:.1f} | 1.00 |\n"
        f"| the whole history from nothing | {costs[0]:.1f} | {costs[0] / alone:.2f} |\n"
        f"| the whole history again, from the store | {costs[1]:.1f} | {costs[1] / alone:.2f} |"
    )
    return 0


def _history(options: argparse.Namespace) -> tuple[str, list[HistoryView]]:
    """A repository, and its views at its kept commits that have tasks, oldest first."""
    dataset = Dataset(options.data)
    tasks = [task for split in dataset.splits(Track.EVOLUTION) for task in dataset.tasks(Track.EVOLUTION, split)]
    counts = Counter(repo_id for repo_id, _ in {(task.repo_id, task.commit_sha) for task in tasks})
    name = options.repository or min(counts, key=lambda repo_id: (-counts[repo_id], repo_id))
    own = {task.commit_sha: task for task in tasks if task.repo_id == name}
    if not own:
        raise SystemExit(f"{options.data} has no task of {name}: choose one of {', '.join(sorted(counts))}")
    ordered = sorted(own.values(), key=lambda task: task.history_index)[: options.commits]
    views = DatasetViews(dataset.manifest, options.cache, folder=dataset.folder)
    return name, [views.of_task(task, State.COMMIT) for task in ordered]


def _now() -> float:
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--repository")
    parser.add_argument("--commits", type=int, default=1_000)
    parser.add_argument("--encoder", default="nano")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--cache", type=Path, default=Path("repobench-out/cache"))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
