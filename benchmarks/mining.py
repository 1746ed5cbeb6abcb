"""CPU seconds of mining one repository against plain parsing of the same files, in one run.

    python benchmarks/mining.py [REPOSITORY ...]

For each repository (default: this one): (a) the floor, reading and `ast`-parsing every distinct test file version of
the first-parent history once; (b) mining both tracks. Prints both and their ratio, which is what to compare between
machines.
"""

import sys
import time
from pathlib import Path

from repopeftbench.gitrepo import GitRepository
from repopeftbench.mining.drafts import DraftOptions
from repopeftbench.mining.mine import RepositoryMiner
from repopeftbench.mining.source import UnreadableSourceError, parse_module
from repopeftbench.mining.testfiles import FileKind, file_kind


def parse_every_version(path: Path) -> tuple[int, int]:
    """Parses each distinct test blob once; how many there are, and their bytes."""
    repository = GitRepository(path)
    parent, seen, size = None, set(), 0
    for commit in repository.history(repository.resolve(None)):
        for change in repository.changes(parent, commit.sha):
            if change.blob is None or change.blob in seen or file_kind(change.path or "") is not FileKind.TEST:
                continue
            seen.add(change.blob)
            raw = repository.read(change.blob)
            size += len(raw)
            try:
                parse_module(raw)
            except UnreadableSourceError:
                continue
        parent = commit.sha
    return len(seen), size


def mine(path: Path) -> tuple[int, int]:
    """Mines both tracks; how many commits and tasks there are."""
    repository = GitRepository(path)
    history = repository.history(repository.resolve(None))
    harvest = RepositoryMiner(repository, path.name, None, DraftOptions()).mine(history)
    return len(history), len(harvest.tasks)


def main(paths: list[Path]) -> int:
    """Measures each repository."""
    print("repository,commits,test_versions,test_mb,tasks,parse_cpu_s,mine_cpu_s,ratio")
    for path in paths:
        start = time.process_time()
        versions, size = parse_every_version(path)
        middle = time.process_time()
        commits, tasks = mine(path)
        end = time.process_time()
        floor, mining = middle - start, end - middle
        name = path.parent.name if path.name == "repo" else path.resolve().name
        print(
            f"{name},{commits},{versions},{size / 1e6:.1f},{tasks},{floor:.2f},{mining:.2f},"
            f"{mining / floor if floor else float('nan'):.2f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main([Path(argument) for argument in sys.argv[1:]] or [Path(__file__).parent.parent]))
