"""Rename detection agrees with git's own on the same trees."""

import random
import subprocess

import pytest

from repopeftbench.gitrepo import GitRepository
from repopeftbench.paper.diffs import new_file, old_file
from repopeftbench.paper.renames import MOST_SCORE, renames


def by_git(folder):
    command = ["git", "-C", folder, "diff", "-M", "--raw", "--no-abbrev", "HEAD~1", "HEAD"]
    lines = subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()
    fields = [line.split("\t") for line in lines]
    return {new: (old, int(meta.split()[4][1:])) for meta, old, new in (f for f in fields if len(f) == 3)}


def by_us(folder):
    repository = GitRepository(folder)
    history = repository.history(repository.resolve(None))
    deltas = repository.deltas(history[-2].sha, history[-1].sha)
    deleted = [old_file(delta) for delta in deltas if delta.blob is None]
    added = [new_file(delta) for delta in deltas if delta.old_blob is None]
    found = renames(deleted, added, repository.read)
    return {new: (rename.old.path, rename.score * 100 // MOST_SCORE) for new, rename in found.items()}


@pytest.mark.parametrize("seed", range(12))
def test_renames_are_those_of_git(make_repository, seed):
    rng = random.Random(seed)
    texts = ["".join(f"line {rng.randrange(60)} of it\n" for _ in range(rng.randrange(0, 30))) for _ in range(4)]
    before = {f"d{rng.randrange(3)}/f{n}.py": rng.choice(texts) + "x\n" * rng.randrange(3) for n in range(8)}
    after = dict.fromkeys(before)
    for n in range(8):
        text = rng.choice(texts)
        after[f"e{rng.randrange(2)}/f{n + rng.randrange(2)}.py"] = text + "y\n" * rng.randrange(4)
    folder = make_repository(before, after)
    assert by_us(folder) == by_git(folder)


def test_similar_lines_beyond_64_bytes_and_carriage_returns_count_as_git_counts_them(make_repository):
    long = "".join(f"{n:03d} " * 40 + "\n" for n in range(20))
    folder = make_repository(
        {"a.py": long, "c.py": "one\r\ntwo\r\nthree\r\nfour\r\n"},
        {"a.py": None, "c.py": None, "b.py": long.replace("007", "700"), "d.py": "one\ntwo\nthree\nfour\n"},
    )
    assert by_us(folder) == by_git(folder)
    assert by_us(folder)["b.py"][0] == "a.py"
