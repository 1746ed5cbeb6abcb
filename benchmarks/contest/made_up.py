"""A dataset and runs that are made up, of any size, with no line of anybody's code: for the page of a report.

Every task has a test file of its own making; a method of some skill answers a share of the tasks rightly, and what it
gets wrong is a slip of the target or another expression. The same arguments give the same bytes.
"""

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from harness.manifest import describe_run
from harness.predictors.protocol import PredictorSettings
from harness.predictors.scripted import MemoryView, ScriptedPredictor
from harness.runner import run_method
from harness.selection import TaskSelection
from harness.task_facts import history_lengths
from repopeftbench.dataset.manifest import LedgerEntry, Manifest, MiningConfig, RepositoryEntry, current_versions
from repopeftbench.dataset.store import Dataset, DatasetWriter
from repopeftbench.dataset.tables import to_table
from repopeftbench.schema import Event, Family, Split, TargetType, Task, Track, content_id

_NOUNS = ("parcel", "ledger", "beacon", "orchard", "voyage", "lantern", "harvest", "signal", "meadow", "quarry")
_VERBS = ("weigh", "count", "route", "pack", "open", "settle", "trace", "fold", "measure", "label")
_PLACES = (
    (Track.STATIC, Split.IR_TRAIN),
    (Track.STATIC, Split.CR_TEST),
    (Track.EVOLUTION, Split.IR_TEST),
    (Track.EVOLUTION, Split.CR_TEST),
)
_HISTORY = 400


def made_up_tasks(count: int, *, repositories: int, seed: int = 0) -> list[Task]:
    """`count` tasks of `repositories` repositories of unequal size, in dataset order."""
    generator = random.Random(seed)
    weights = [1 / (place + 3) for place in range(repositories)]
    names = [f"{_NOUNS[place % 10]}-works/{_VERBS[place // 10 % 10]}-{place}" for place in range(repositories)]
    tasks = [_task(number, generator.choices(names, weights)[0], generator) for number in range(count)]
    return sorted(
        tasks, key=lambda task: (task.track, task.split or "", task.repo_id, task.history_index, task.task_id)
    )


def _task(number: int, repo_id: str, generator: random.Random) -> Task:
    noun, verb = generator.choice(_NOUNS), generator.choice(_VERBS)
    target, kind = _target(generator, noun)
    track, split = _PLACES[number % len(_PLACES)]
    family = generator.choices((Family.ASSERT, Family.UNITTEST, Family.APPROX), (8, 2, 1))[0]
    event = Event.SNAPSHOT if track is Track.STATIC else generator.choice((Event.ADDED, Event.MODIFIED))
    call = f"{verb}_{noun}({generator.randrange(90)})"
    prefix = _file(generator, noun, verb) + f"\n\ndef test_{verb}_{noun}_{number}():\n    assert {call} =="
    return Task(
        task_id=content_id("made-up", number),
        repo_id=repo_id,
        track=track,
        split=split,
        commit_sha=content_id("commit", repo_id, number // 40) + "0" * 8,
        commit_index=number % 50,
        history_index=generator.randrange(_HISTORY),
        committer_time=1_700_000_000 + number,
        test_file=f"tests/test_{noun}.py",
        test_function=f"test_{verb}_{noun}_{number}",
        lineno=prefix.count("\n") + 1,
        statement_start_byte=0,
        statement_end_byte=0,
        target_start_byte=0,
        target_end_byte=0,
        family=family,
        event=event,
        statement=f"assert {call} == {target}",
        statement_key=content_id("key", number),
        prefix=prefix,
        gap=" ",
        target=target,
        suffix="",
        old_target=target[::-1] if event is Event.MODIFIED else None,
        target_type=kind,
        licence=None,
    )


def _target(generator: random.Random, noun: str) -> tuple[str, TargetType]:
    amount = generator.randrange(500)
    return generator.choice(
        (
            (str(amount), TargetType.NUMBER),
            (f'"{noun} {amount}"', TargetType.STRING),
            (f"[{amount}, {amount // 3}]", TargetType.COLLECTION),
            (f"{noun.capitalize()}({amount})", TargetType.CALL),
            ("None", TargetType.NONE),
            (f"{noun}.{generator.choice(_VERBS)}", TargetType.ATTRIBUTE),
        )
    )


def _file(generator: random.Random, noun: str, verb: str) -> str:
    """Imports, fixtures and helpers, as a prefix has them: one to four kilobytes."""
    lines = [f"from {noun}s import {noun.capitalize()}, {verb}_{noun}", ""]
    for place in range(generator.randrange(8, 30)):
        one, other = generator.choice(_NOUNS), generator.choice(_VERBS)
        lines += ["", f"def make_{one}_{place}(size={generator.randrange(99)}):", f'    """A {one} to {other}."""']
        lines += [
            f"    {one} = {one.capitalize()}(size * {generator.randrange(2, 9)})",
            f"    return {one}.{other}()",
            "",
        ]
    return "\n".join(lines)


def write_dataset(folder: Path, tasks: Sequence[Task], locations: Mapping[str, str] | None = None) -> Dataset:
    """A dataset folder with these tasks and no commits; `locations` are of repositories, by id."""
    writer = DatasetWriter(folder)
    ledger = LedgerEntry(seen=len(tasks), kept=len(tasks), dropped={})
    with writer:
        for place in dict.fromkeys((task.track, task.split) for task in tasks):
            chosen = [task for task in tasks if (task.track, task.split) == place]
            assert place[1] is not None
            writer.add_tasks(*place, to_table(Task, chosen))
        repositories = tuple(
            RepositoryEntry(
                repo_id=repo_id,
                location=(locations or {}).get(repo_id, f"https://github.com/{repo_id}.git"),
                revision="0" * 40,
                licence="MIT",
                role="train",
                commits=_HISTORY,
                kept_commits=1,
                ended_by_cutoff=False,
                static=ledger,
                evolution=ledger,
            )
            for repo_id in sorted({task.repo_id for task in tasks})
        )
        writer.finish(
            Manifest(
                config=MiningConfig(families=("assert",), prefix_bytes=None, snapshots=False),
                versions=current_versions(),
                repositories=repositories,
                failed_sources={},
                notes=(),
                static=ledger,
                evolution=ledger,
                files=writer.files(),
            )
        )
    return Dataset(folder)


def write_run(
    folder: Path,
    dataset: Dataset,
    tasks: Sequence[Task],
    method: str,
    answers: Mapping[str, str],
    failures: Collection[str] = (),
    seed: int = 0,
) -> Path:
    """A finished run of a method that gives these answers, by task."""
    run_method(
        tasks=tasks,
        predictor=ScriptedPredictor(answers=answers, failures=failures),
        views=lambda task: MemoryView(repo_id=task.repo_id, commit_sha=task.commit_sha),
        manifest=describe_run(
            tasks,
            method=method,
            settings=PredictorSettings(),
            selection=TaskSelection(splits=tuple({task.split: None for task in tasks if task.split}), seed=seed),
            dataset_sha256=dataset.sha256,
        ),
        folder=folder,
        history_lengths=history_lengths(dataset.manifest),
    )
    return folder


def skilled(tasks: Sequence[Task], skill: float, *, seed: int) -> dict[str, str]:
    """Answers that are right with a chance of about `skill`, lower in some repositories and late in the history."""
    answers = {}
    for task in tasks:
        generator = random.Random(f"{seed} {task.task_id}")
        handicap = 0.5 + random.Random(f"{seed} {task.repo_id}").random()
        chance = skill * handicap * (1.15 - 0.4 * task.history_index / _HISTORY)
        answers[task.task_id] = (
            f" {task.target if generator.random() < chance else _slip(task, generator)}\n    more = 1\n"
        )
    return answers


def _slip(task: Task, generator: random.Random) -> str:
    mistakes: tuple[Callable[[], str], ...] = (
        lambda: f"{task.target}.value",
        lambda: _target(generator, generator.choice(_NOUNS))[0],
        lambda: task.target.replace("1", "7").replace("a", "e"),
        lambda: "(",
    )
    return generator.choice(mistakes)()
