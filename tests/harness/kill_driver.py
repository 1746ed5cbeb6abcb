"""A process that answers 22 tasks in chunks of 4 into a folder, for tests that kill it.

kill_driver.py slow FOLDER        answers slowly; the caller kills it
kill_driver.py exhaust FOLDER     in forked children, dies of SIGKILL before and after every call that reaches the
                                  disk, resumes, and prints where the files differ from an uninterrupted run's
"""

import os
import signal
import sys
import time
from pathlib import Path

import pyarrow as pa
from harness_cases import HISTORY_LENGTHS, make_task, make_view

from harness.manifest import describe_run
from harness.predictors.protocol import PredictorSettings
from harness.predictors.scripted import ScriptedPredictor
from harness.run_store import COMPLETE, MANIFEST, PREDICTIONS, SCORES
from harness.runner import run_method
from harness.selection import TaskSelection
from repopeftbench.schema import Split

TASKS = tuple(make_task(n, repo_id=f"r{n % 3}", target=str(n % 5)) for n in range(22))
ANSWERS = {task.task_id: f" {n % 4}\n é{n}" for n, task in enumerate(TASKS)}
FAILURES = frozenset({TASKS[5].task_id, TASKS[21].task_id})
REPRODUCIBLE = (MANIFEST, PREDICTIONS, SCORES, COMPLETE)


def describe(**options):
    manifest = describe_run(
        TASKS,
        method="scripted",
        settings=PredictorSettings(**options),
        selection=TaskSelection(splits=(Split.CR_TEST,)),
        dataset_sha256="d" * 64,
    )
    return manifest.model_copy(update={"chunk_tasks": 4})


def run(folder, before=None):
    predictor = ScriptedPredictor(answers=ANSWERS, failures=FAILURES, before=before)
    return run_method(
        tasks=TASKS,
        predictor=predictor,
        views=make_view,
        manifest=describe(),
        folder=folder,
        history_lengths=HISTORY_LENGTHS,
    )


def bytes_of(folder):
    return {name: (folder / name).read_bytes() for name in REPRODUCIBLE}


def die():
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def stepping(call, at, steps):
    """`call`, dying of SIGKILL before or after it when `at` such moments have passed."""

    def wrapped(*arguments, **options):
        if len(steps) >= at:
            die()
        steps.append("before")
        result = call(*arguments, **options)
        if len(steps) >= at:
            die()
        steps.append("after")
        return result

    return wrapped


def run_in_child(folder, at):
    """Runs in a child that dies at the `at`-th moment around its disk calls; whether it died before the end.

    This process never runs itself: a fork copies no threads, and running starts some.
    """
    child = os.fork()
    if child == 0:
        steps = []
        for owner, name in ((os, "fsync"), (Path, "replace"), (Path, "touch")):
            setattr(owner, name, stepping(getattr(owner, name), at, steps))
        run(folder)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL), code
    return code != 0


def exhaust(root):
    pa.array(["x"])  # imports pandas where it is installed, which takes each child a second otherwise
    run_in_child(root / "whole", 10**9)
    whole = bytes_of(root / "whole")
    at, different = 0, []
    while run_in_child(root / f"{at}", at):
        run_in_child(root / f"{at}", 5)  # the second start dies too, early
        run_in_child(root / f"{at}", 10**9)
        if bytes_of(root / f"{at}") != whole or len(list((root / f"{at}").iterdir())) != 6:
            different.append(at)
        at += 1
    print(f"kills={at} different={different}")  # noqa: T201 - read by the test


if __name__ == "__main__":
    mode, folder = sys.argv[1], Path(sys.argv[2])
    if mode == "exhaust":
        exhaust(folder)
    else:
        run(folder, before=lambda task_id: time.sleep(0.01))
