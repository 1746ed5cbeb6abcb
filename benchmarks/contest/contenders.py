"""Who takes part in `benchmarks/mining.py`, what each does and does not do, and how it is started."""

import os
import subprocess  # asks contenders whether they can start
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
from peers.answer import Answer, read_answer
from peers.gitlog import LOG
from peers.statements import normal_form

BENCHMARKS = Path(__file__).parent.parent
_REPOBENCH = (sys.executable, "-c", "from harness.cli import main; main()")
_NO_SNAPSHOTS = "--no-snapshots"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A program that is measured.

    Attributes:
        name: what the command line and the tables call it.
        does: what it does, in a few words.
        needs: the module that must be importable; importing it once also warms the disk cache.
        remedy: what to do where that module is missing.
        command: from a bare repository and an empty folder for the output to the command line.
        answer: reads what it found from that folder; None for one that finds nothing.
    """

    name: str
    does: str
    needs: str
    remedy: str
    command: Callable[[Path, Path], list[str]]
    answer: Callable[[Path], Answer] | None = None

    def obstacle(self) -> str | None:
        """Why it cannot run here, in one sentence; None if it can."""
        code = f"import {self.needs}"
        done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True)
        if done.returncode == 0:
            return None
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return f"{self.name} left out, `{code}` failed ({last}): {self.remedy}"


def environment() -> dict[str, str]:
    """The environment of every contender: this checkout's code, and git without anybody's configuration."""
    path = [str(BENCHMARKS), str(BENCHMARKS.parent), os.environ.get("PYTHONPATH", "")]
    fixed = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "LC_ALL": "C.UTF-8"}
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path)), **fixed}


def _peer(module: str) -> Callable[[Path, Path], list[str]]:
    return lambda repository, out: [sys.executable, "-m", module, str(repository), str(out / "answer.jsonl")]


def _peer_answer(out: Path) -> Answer:
    return read_answer(out / "answer.jsonl")


def _repobench(repository: Path, out: Path) -> list[str]:
    options = ["--cutoff", "none", "--workers", "1", "-o", str(out / "data"), "--cache", str(out / "cache")]
    asked = subprocess.run([*_REPOBENCH, "mine", "--help"], env=environment(), capture_output=True, text=True)
    if _NO_SNAPSHOTS in asked.stdout:
        options.append(_NO_SNAPSHOTS)
    return [*_REPOBENCH, "mine", str(repository), *options]


def _repobench_answer(out: Path) -> Answer:
    """Tasks and rejects of the evolution track; the reject of a whole file has no statement and is left out."""
    answer: Answer = {}
    tables = [*sorted(out.glob("data/tasks/evolution/*.parquet")), out / "data" / "rejects.parquet"]
    for table in tables:
        columns = ["track", "commit_sha", "test_file", "statement"]
        for row in pq.ParquetFile(table).read(columns=columns).to_pylist():
            if row["track"] == "evolution" and row["statement"] is not None:
                files = answer.setdefault(row["commit_sha"], {})
                files.setdefault(row["test_file"], Counter())[normal_form(row["statement"])] += 1
    return answer


def _git_log(repository: Path, _out: Path) -> list[str]:
    return ["git", "-C", str(repository), *LOG, "-M"]


def _parse_once(repository: Path, _out: Path) -> list[str]:
    return [sys.executable, "-m", "peers.parse_once", str(repository)]


_CHECKOUT = "the checkout is not whole"
REPOBENCH = Contender(
    name="repobench",
    does="`repobench mine --cutoff none --workers 1`: both tracks, targets, prefixes, splits, rejects, parquet",
    needs="harness.cli",
    remedy="pip install -e .",
    command=_repobench,
    answer=_repobench_answer,
)
CONTENDERS = (
    Contender(
        name="pydriller",
        does="the job with PyDriller (`source_code`, `source_code_before`) and `ast`, as its documentation shows it",
        needs="pydriller",
        remedy="pip install 'repopeftbench[bench]'",
        command=_peer("peers.with_pydriller"),
        answer=_peer_answer,
    ),
    Contender(
        name="pydriller-tuned",
        does="the same with blobs as bytes, versions remembered and the shared `ast` extractor at its fastest",
        needs="pydriller",
        remedy="pip install 'repopeftbench[bench]'",
        command=_peer("peers.with_pydriller_tuned"),
        answer=_peer_answer,
    ),
    Contender(
        name="git-plumbing",
        does="the job with one `git log --raw -M`, one `git cat-file --batch`, one `git diff-tree --stdin` and `ast`",
        needs="peers.with_git",
        remedy=_CHECKOUT,
        command=_peer("peers.with_git"),
        answer=_peer_answer,
    ),
    REPOBENCH,
    Contender(
        name="parse-once",
        does="floor: `ast.parse` of every version of every test file once, no comparison",
        needs="peers.parse_once",
        remedy=_CHECKOUT,
        command=_parse_once,
    ),
    Contender(
        name="git-log",
        does="floor: `git log --raw -M` alone",
        needs="peers.gitlog",
        remedy=_CHECKOUT,
        command=_git_log,
    ),
)
