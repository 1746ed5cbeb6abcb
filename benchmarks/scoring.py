"""Scoring with `repobench` against its peers, on the same pairs of prediction and target, in one run.

    python benchmarks/scoring.py [--pairs 20000] [--predictions 90000] [--workers 2] [--rounds 3] [--seed 0]

Pairs are made of the standard library's own code (`contest/pairs.py`); 31 % are equal. Contenders:

- edit similarity: ours (rapidfuzz) and that of the paper's protocol, against `difflib` without its junk heuristic;
- CodeBLEU: our two profiles against the `codebleu` package 0.7.0, where it is installed.

Each measurement is a fresh process on one core, so that no cache is warm, without garbage collection, as scoring does;
the best of the rounds counts, in pairs per second of CPU time. Then all metrics score as many predictions as a large
run has, in the processes that `repobench score` uses: time and peak memory for a third of the predictions and for all.
"""

import argparse
import gc
import multiprocessing
import platform
import random
import resource
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from difflib import SequenceMatcher
from functools import partial
from importlib.metadata import PackageNotFoundError, version

from contest.pairs import Pair, expressions, make_pairs

from harness.metrics import codebleu, codebleu_package, codebleu_paper, editsim, published
from harness.records import Prediction, TaskFacts
from harness.scoring import CHUNK_PREDICTIONS, score_predictions
from repopeftbench.schema import Event, Family, Split, TargetType, Track

_POOL = 8_500
"""Different targets to draw from; of 20,000 pairs about 7,700 then have a target of their own."""


Contender = Callable[[Sequence[str], Sequence[str]], object]
"""What is measured: predictions and their targets in, as many at once as scoring has in a chunk."""

_PROCESSES = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints."""
    options = _options(arguments)
    pool = expressions()
    pool = random.Random(options.seed).sample(pool, min(_POOL, len(pool)))
    pairs = make_pairs(pool, options.pairs, seed=options.seed)
    targets = [target for _, target in pairs]
    print(
        f"{len(pairs):,} pairs, {sum(one == other for one, other in pairs):,} of them equal, {len(set(targets)):,} "
        f"different targets, mean target {sum(map(len, targets)) / len(targets):.1f} characters; {_versions()}\n"
    )
    print("| what | contender | pairs per CPU second | times the peer |\n| --- | --- | ---: | ---: |")
    for what, contenders in _contests().items():
        rates = {name: _best_rate(contender, pairs, options.rounds) for name, contender in contenders.items()}
        peer = next(iter(rates.values()))
        for name, rate in rates.items():
            print(f"| {what} | {name} | {rate:,.0f} | {rate / peer:.1f} |", flush=True)
    print("\n| predictions | processes | wall s | CPU s | peak of a worker, MB | peak of the parent, MB |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for count in (options.predictions // 3, options.predictions):
        cost = _in_fresh_process(_score_all, make_pairs(pool, count, seed=options.seed + 1), options.workers)
        print(f"| {count:,} | {options.workers} | {' | '.join(f'{figure:,.0f}' for figure in cost)} |", flush=True)
    return 0


def _contests() -> dict[str, dict[str, Contender]]:
    """The contenders by what they measure, the peer first."""
    contests: dict[str, dict[str, Contender]] = {
        "edit similarity": {
            "difflib": partial(_each, _difflib),
            "ours": editsim.edit_similarities,
            "ours, paper's protocol": partial(_each, _edit_similarity_paper),
        }
    }
    try:
        version("codebleu")
    except PackageNotFoundError:
        print("codebleu is left out: pip install --no-deps codebleu==0.7.0", file=sys.stderr)
    else:
        contests["CodeBLEU"] = {
            "codebleu 0.7.0": partial(_each, codebleu_package.package_codebleu),
            "ours, paper's profile": partial(_each, codebleu_paper.package_formula),
            "ours, clean profile": partial(_each, codebleu.codebleu),
        }
    return contests


def _each(measure: Callable[[str, str], object], predictions: Sequence[str], targets: Sequence[str]) -> None:
    for prediction, target in zip(predictions, targets, strict=True):
        measure(prediction, target)


def _difflib(prediction: str, target: str) -> float:
    return SequenceMatcher(None, prediction, target, autojunk=False).ratio()


def _edit_similarity_paper(prediction: str, target: str) -> object:
    return published.edit_similarity_paper(published.Truncated(prediction, target))


def _best_rate(contender: Contender, pairs: list[Pair], rounds: int) -> float:
    return max(_in_fresh_process(_rate, contender, pairs) for _ in range(rounds))


def _rate(contender: Contender, pairs: list[Pair]) -> float:
    chunks = [pairs[first : first + CHUNK_PREDICTIONS] for first in range(0, len(pairs), CHUNK_PREDICTIONS)]
    texts = [([prediction for prediction, _ in chunk], [target for _, target in chunk]) for chunk in chunks]
    contender(["x"], ["y"])  # imports and tables that are made once
    gc.disable()  # for all of them, as `timeit` and scoring do
    start = time.process_time()
    for predictions, targets in texts:
        contender(predictions, targets)
    return len(pairs) / (time.process_time() - start)


def _score_all(pairs: list[Pair], workers: int) -> tuple[float, float, float, float]:
    """Wall and CPU seconds; peak memory of the largest worker and of the process that keeps predictions and scores."""
    tasks = [_task(number, target) for number, (_, target) in enumerate(pairs)]
    predictions = [
        Prediction(task_id=str(number), raw=f" {text}\n", stopped=text, complete=True, error=None)
        for number, (text, _) in enumerate(pairs)
    ]
    start, before = time.perf_counter(), _cpu_seconds()
    score_predictions(tasks, predictions, workers=workers)
    seconds, cpu = time.perf_counter() - start, _cpu_seconds() - before
    own, children = (resource.getrusage(who).ru_maxrss / 1024 for who in _PROCESSES)
    return seconds, cpu, children, own


def _cpu_seconds() -> float:
    return sum(sum(resource.getrusage(who)[:2]) for who in _PROCESSES)


def _task(number: int, target: str) -> TaskFacts:
    return TaskFacts(
        task_id=str(number),
        repo_id="org/a",
        track=Track.STATIC,
        split=Split.CR_TEST,
        family=Family.ASSERT,
        event=Event.SNAPSHOT,
        target_type=TargetType.OTHER,
        target_characters=len(target),
        prefix_characters=0,
        target_in_prefix=False,
        history_index=0,
        repository_commits=1,
        target=target,
        raw_target=target,
    )


def _in_fresh_process(work: Callable[..., object], *arguments: object) -> object:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def _versions() -> str:
    names = ("rapidfuzz", "tree-sitter", "tree-sitter-python")
    return ", ".join([f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in names)])


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name, default in (("pairs", 20_000), ("predictions", 90_000), ("workers", 2), ("rounds", 3), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
