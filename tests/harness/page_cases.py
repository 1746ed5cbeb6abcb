"""What the tests of the page share: a small dataset with runs, and texts that want to be more than text."""

from dataclasses import replace

from contest.made_up import made_up_tasks, skilled, write_dataset, write_run

from harness.commands.reporting import make_report, write_all
from harness.costs import Costs, note_costs

MARK = "hacked"
HOSTILE = (
    f"<script>window.{MARK}=1</script>",
    f"</script><script>window.{MARK}=1</script>",
    f"<!-- <script> --><img src=x onerror=window.{MARK}=1>",
    f"'\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}'; window.{MARK}=1; //",
    f"]]></style><svg onload=window.{MARK}=1>",
    "{{ 7 * 7 }}{% raw %} ${7 * 7} \\u003cscript\\u003e \ud800 é中\N{PILE OF POO}",
)
HOSTILE_REPOSITORY = f"evil/<img src=x onerror=window.{MARK}=1>"


def hostile_tasks():
    """Tasks in which everything that a repository decides is hostile."""
    made = made_up_tasks(len(HOSTILE) * 4, repositories=2)
    texts = [HOSTILE[place % len(HOSTILE)].replace("\ud800", "") for place in range(len(made))]
    return [
        replace(
            task,
            repo_id=HOSTILE_REPOSITORY,
            test_file=f"tests/{text}.py",
            test_function=text,
            prefix=f"# {text}\nassert x ==",
            target=repr(text),
            suffix=f"  # {text}",
            old_target=text,
        )
        for task, text in zip(made, texts, strict=True)
    ]


def write_hostile(folder):
    """A report in `folder/out` on hostile tasks and answers, by methods with hostile names."""
    tasks = hostile_tasks()
    dataset = write_dataset(folder / "data", tasks, {HOSTILE_REPOSITORY: f"javascript:window.{MARK}=1"})
    answers = {task.task_id: text for task, text in zip(tasks, [*HOSTILE[:5]] * len(tasks), strict=False)}
    write_run(folder / "runs" / "one", dataset, tasks, HOSTILE[0], answers)
    write_run(
        folder / "runs" / "other", dataset, tasks, HOSTILE[1], {task.task_id: f" {task.target}" for task in tasks}
    )
    write_all(make_report([folder / "runs"], [folder / "data"]), folder / "out")
    return folder / "out"


def write_usual(folder, count=240, *, repositories=9):
    """A report in `folder/out` on three methods: one fails on some tasks and has counted costs, one has two seeds."""
    tasks = made_up_tasks(count, repositories=repositories)
    dataset = write_dataset(folder / "data", tasks)
    failures = {task.task_id for task in tasks[::40]}
    write_run(folder / "runs" / "able", dataset, tasks, "able", skilled(tasks, 0.7, seed=1), failures)
    note_costs(folder / "runs" / "able", Costs(tasks=2, prompt_tokens=30))
    write_run(folder / "runs" / "plain", dataset, tasks, "plain", skilled(tasks, 0.2, seed=2))
    for seed in (0, 1):
        answers = skilled(tasks, 0.4, seed=3 + seed)
        write_run(folder / "runs" / f"seeded-{seed}", dataset, tasks, "seeded", answers, seed=seed)
    write_all(make_report([folder / "runs"], [folder / "data"]), folder / "out")
    return folder / "out"
