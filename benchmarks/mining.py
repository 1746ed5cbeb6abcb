"""Mining with `repobench` against its peers, on the same repositories, in one run.

    python benchmarks/mining.py [REPOSITORY ...] [--repeat N] [--only NAME,...] [--skip NAME,...] [--json FILE]

Contenders (`contest/contenders.py` lists them, `peers/` holds them):

- `pydriller` and `git-plumbing` do the job that `peers/__init__.py` defines: the new assertion statements of every
  first-parent commit, and the production diff of the commits that have some. Nothing more.
- `repobench` is the whole command, which does the job and much more: it also finds targets, families and prefixes,
  tells modified from moved assertions, mines the last snapshot, splits, looks for leaks and writes parquet. Where the
  command has `--no-snapshots`, it is given. Start-up, imports included, is in its figure as in the peers'.
- `parse-once` and `git-log` are floors: parts of the job that nobody can leave out who reads whole files, or git.

In favour of the peers: they share one fast `ast` extractor (`peers/statements.py`), remember parsed versions, and do
the job alone. In favour of `repobench`: it ends a production diff at 200,000 bytes; the peers make it whole and cut it.

Every contender is a fresh process on the same throw-away copy of the repository (PyDriller writes to its
configuration); one runs at a time. Then the answers are compared: `contest/agreement.py` says how. Tables go to stdout,
progress to stderr.

Exit codes: 0 all agree; 1 a contender failed, or two disagree without an excuse; 2 nothing could be measured. A
contender that is not installed or that timed out is named and is no failure.
"""

import argparse
import platform
import shutil
import subprocess  # git tells where a repository keeps its objects
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from contest.agreement import compare, read_walk
from contest.contenders import CONTENDERS, REPOBENCH, Contender, environment
from contest.measure import Sample, measure
from contest.tables import Result, agreement_table, cost_table, write_json
from peers.answer import Answer

ROOT = Path(__file__).parent.parent
AGREED, DISAGREED, NOTHING = 0, 1, 2
_SHOWN_PROBLEMS = 20
_COPIED = ("objects", "refs", "packed-refs", "shallow")


@dataclass(frozen=True, slots=True)
class _Names:
    """A comma-separated list of contenders."""

    wanted: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> "_Names":
        wanted = frozenset(text.split(","))
        known = [contender.name for contender in CONTENDERS]
        if unknown := sorted(wanted.difference(known)):
            raise argparse.ArgumentTypeError(f"no contender {', '.join(unknown)}: choose from {', '.join(known)}")
        return cls(wanted)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, compares and prints; returns the exit code."""
    options = _options(arguments)
    contenders = _available(options)
    results = [result for path in options.repositories if (result := _contest(path, contenders, options)) is not None]
    if not results or not contenders:
        _say("nothing was measured")
        return NOTHING
    print(cost_table(results))
    if any(result.agreements for result in results):
        print(f"\n{agreement_table(results)}")
    if options.json is not None:
        write_json(options.json, results, _versions())
    problems = [problem for result in results for found in result.agreements for problem in found.problems]
    for problem in problems[:_SHOWN_PROBLEMS]:
        _say(f"disagreement: {problem}")
    failed = any(sample.problem for result in results for samples in result.samples.values() for sample in samples)
    return DISAGREED if problems or failed else AGREED


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    names = ", ".join(contender.name for contender in CONTENDERS)
    parser = argparse.ArgumentParser(description="Mining with repobench against its peers.")
    parser.add_argument("repositories", nargs="*", type=Path, default=[ROOT], metavar="REPOSITORY")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="rounds; the tables show medians")
    parser.add_argument("--only", type=_Names.parse, metavar="NAME,...", help=f"of {names}")
    parser.add_argument("--skip", type=_Names.parse, metavar="NAME,...")
    parser.add_argument("--timeout", type=float, default=3_600, metavar="S", help="wall seconds of one run")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every sample, as JSON")
    options = parser.parse_args(arguments)
    if options.repeat < 1:
        parser.error(f"--repeat {options.repeat}: at least one round")
    return options


def _available(options: argparse.Namespace) -> list[Contender]:
    found: list[Contender] = []
    for contender in CONTENDERS:
        if options.only and contender.name not in options.only.wanted:
            continue
        if options.skip and contender.name in options.skip.wanted:
            continue
        obstacle = contender.obstacle()
        if obstacle is None:
            found.append(contender)
        else:
            _say(obstacle)
    return found


def _contest(path: Path, contenders: Sequence[Contender], options: argparse.Namespace) -> Result | None:
    with tempfile.TemporaryDirectory(prefix="repobench-contest-") as folder:
        copy = Path(folder) / "repository.git"
        try:
            head = _copy(path, copy)
            walk = read_walk(copy)
        except (OSError, subprocess.CalledProcessError) as error:
            _say(f"{path} left out: {error}")
            return None
        name = path.resolve().parent.name if path.name == "repo" else path.resolve().name
        result = Result(name=name, head=head, walk=walk, samples={contender.name: [] for contender in contenders})
        answers: dict[str, Answer] = {}
        for round_ in range(options.repeat):
            for contender in contenders:
                out = Path(folder) / f"{contender.name}-{round_}"
                out.mkdir()
                sample = measure(contender.command(copy, out), environment=environment(), timeout=options.timeout)
                result.samples[contender.name].append(sample)
                _say(f"{name}, round {round_ + 1} of {options.repeat}, {contender.name}: {_in_words(sample)}")
                if contender.answer and contender.name not in answers and not (sample.timed_out or sample.problem):
                    answers[contender.name] = contender.answer(out)
                shutil.rmtree(out)
        _compare_all(result, answers)
        return result


def _copy(path: Path, copy: Path) -> str:
    """Copies a repository's objects to a bare one whose HEAD is the commit checked out in `path`; returns that SHA.

    Not `git clone`: it refuses a repository that lacks objects, even those that nobody here needs.
    """
    place = ("git", "-c", "safe.directory=*", "-C", str(path))
    head = subprocess.run([*place, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    where = subprocess.run([*place, "rev-parse", "--git-common-dir"], capture_output=True, text=True, check=True)
    source = (path / where.stdout.strip()).resolve()
    copy.mkdir()
    for name in _COPIED:
        if (source / name).is_dir():
            shutil.copytree(source / name, copy / name)
        elif (source / name).exists():
            shutil.copy(source / name, copy / name)
    (copy / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = true\n", "utf-8")
    (copy / "HEAD").write_text(f"{head}\n", "utf-8")
    return head


def _compare_all(result: Result, answers: dict[str, Answer]) -> None:
    """Compares every answer with that of `repobench`, or with the first one where it has none."""
    if not answers:
        return
    reference = REPOBENCH.name if REPOBENCH.name in answers else next(iter(answers))
    for name, answer in answers.items():
        if name != reference:
            result.agreements.append(compare(result.walk, (name, answer), (reference, answers[reference])))


def _in_words(sample: Sample) -> str:
    if sample.timed_out:
        return f"timed out after {sample.wall:.0f} s"
    return sample.problem or f"{sample.cpu:.2f} s of CPU time, {sample.wall:.2f} s"


def _versions() -> dict[str, str]:
    git = subprocess.run(["git", "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    found = {"python": platform.python_version(), "platform": platform.platform(), "git": git}
    for name in ("pydriller", "gitpython", "pygit2", "tree-sitter", "pyarrow"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _say(sentence: str) -> None:
    print(f"benchmark: {sentence}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
