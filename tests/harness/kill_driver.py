"""A process that answers 20 tasks in chunks of 4 into a folder, for tests that kill it.

kill_driver.py slow FOLDER        answers slowly; the caller kills it
kill_driver.py exhaust FOLDER     in forked children, dies of SIGKILL before and after every call that reaches the disk, resumes,
                                  and prints each folder whose files differ from an uninterrupted run's
"""

import os
import signal
import sys
import time
from pathlib import Path

from cases import make_task, make_view

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
    return run_method(tasks=TASKS, predictor=predictor, views=make_view, manifest=describe(), folder=folder)


def bytes_of(folder):
    return {name: (folder / name).read_bytes() for name in REPRODUCIBLE}


def die():
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def run_and_die(folder, at):
    """Runs in a child that dies at the `at`-th step of its disk calls; whether it died before the end."""
    child = os.fork()
    if child == 0:
        steps = [0]

        def stepping(call):
            def wrapped(*arguments, **options):
                for moment in ("before", "after"):
                    steps[0] += 1
                    if steps[0] > at:
                        die()
                    if moment == "before":
                        result = call(*arguments, **options)
                return result

            return wrapped

        os.fsync = stepping(os.fsync)
        Path.replace = stepping(Path.replace)
        run(folder, before=stepping(lambda task_id: None))
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def exhaust(root):
    run(root / "whole")
    whole = bytes_of(root / "whole")
    at, different = 0, []
    while run_and_die(root / f"{at}", at):
        run_and_die(root / f"{at}", 5)  # the second start dies too, early
        run(root / f"{at}")
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
