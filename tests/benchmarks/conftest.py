import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tests")]


class History:
    """Writes a history with `git fast-import`, merges and renames included; every commit gets a mark, from 1."""

    def __init__(self, folder):
        self.folder = folder
        self.stream = []
        self.commits = 0

    def commit(self, files=(), *, parents=None, renames=()):
        """Adds a commit on top of `parents` (default: the last one) and returns its mark."""
        self.commits += 1
        parents = parents or ([self.commits - 1] if self.commits > 1 else [])
        self.stream += ["commit refs/heads/main", f"mark :{self.commits}"]
        self.stream += [f"committer A <a@example.org> {1_700_000_000 + self.commits} +0000", "data 0"]
        self.stream += [f"{word} :{mark}" for word, mark in zip(["from", "merge"], parents, strict=False)]
        self.stream += [f"R {old} {new}" for old, new in renames]
        for path, text in dict(files).items():
            self.stream += [f"M 100644 inline {path}", f"data {len(text.encode())}", text]
        return self.commits

    def write(self):
        """Writes the repository and returns its folder."""
        subprocess.run(["git", "init", "--quiet", "--bare", str(self.folder)], check=True)
        (self.folder / "HEAD").write_text("ref: refs/heads/main\n", "utf-8")
        data = "\n".join([*self.stream, ""]).encode()
        command = ["git", "-C", str(self.folder), "fast-import", "--quiet", "--force"]
        subprocess.run(command, input=data, check=True)
        return self.folder


@pytest.fixture
def history(tmp_path):
    return History(tmp_path / "small.git")
