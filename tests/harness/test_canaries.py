"""No method sees the answer, other test text of the evaluated commit, or anything of later commits.

Every place that a method could look at holds a string of its own. Tokenizers and the index of words are listened to:
whatever becomes a prompt, a query, a chunk that is encoded or an example that is counted goes through one of them.
"""

import dataclasses
import re

import pytest
import trained_checkpoints
from hypernet_cases import save_small_checkpoints
from trained_checkpoints import write_checkpoint
from transformers import PreTrainedTokenizerBase

import harness.hypernetworks as hypernetworks
import harness.predictors.retrieval.lexical as lexical
from harness.cli import run_command
from harness.predictors.protocol import METHODS, PredictorSettings, build_predictor, conditioning_of
from harness.predictors.retrieval.recipe import SETTINGS as RETRIEVING_METHODS
from harness.predictors.retrieval.recipe import load_retrieval
from harness.records import PredictionRequest
from repopeftbench.dataset.store import Dataset
from repopeftbench.gitrepo import write_history
from repopeftbench.schema import Split, State, TaskInput, Track
from repopeftbench.views import DatasetViews

COMMITS, DAY, START = 8, 86_400, 1_672_617_600
CANARY = re.compile(r"(?:CODE|TEST|GOAL|OTHER)_[a-z]+_\d+_")
LIST = "".join(
    f'[[repository]]\nsource = "{name}"\nrole = "{role}"\n' for name, role in (("seen", "train"), ("new", "cr_test"))
)


def history(name):
    """A commit adds a function, a test of it, and another test file; each text says of which commit it is."""
    for n in range(COMMITS):
        code = "".join(f'def make_{m}():\n    """CODE_{name}_{m}_."""\n    return {m}\n\n\n' for m in range(n + 1))
        tests = [
            f"def test_{m}():\n    note = 'TEST_{name}_{m}_'\n    assert make_{m}() == 'GOAL_{name}_{m}_'\n\n\n"
            for m in reversed(range(n + 1))
        ]
        names = ", ".join(f"make_{m}" for m in range(n + 1))
        yield (
            f"commit {n}",
            START + n * DAY,
            [
                (f"src/{name}/__init__.py", f"from .code import {names}\n".encode()),
                (f"src/{name}/code.py", code.encode()),
                ("README.md", f"# {name}\n\nCODE_{name}_{n}_\n".encode()),
                ("tests/test_code.py", f"from {name} import {names}\n\n\n{''.join(tests)}".encode()),
                (
                    f"tests/test_other_{n}.py",
                    f"from {name} import make_{n}\n\n\ndef test_other():\n    note = 'OTHER_{name}_{n}_'\n"
                    f"    assert make_{n}() != 'OTHER_{name}_{n}_'\n".encode(),
                ),
            ],
        )


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("canaries")
    for name in ("seen", "new"):
        write_history(folder / name, list(history(name)))
    (folder / "repos.toml").write_text(LIST)
    assert run_command(["mine", str(folder / "repos.toml"), "-o", str(folder / "data"), "--cutoff", "none"]) == 0
    return Dataset(folder / "data")


@pytest.fixture(scope="module")
def checkpoints(data, tmp_path_factory):
    """Of methods that have no weights of their own with nano, or whose weights are those of a repository."""
    folder = tmp_path_factory.mktemp("checkpoints")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trained_checkpoints, "REPOSITORIES", [entry.repo_id for entry in data.manifest.repositories])
        trained = {name: str(write_checkpoint(folder / name, name)) for name in ("fft", "per-repo-lora", "text2lora")}
    return save_small_checkpoints(folder / "small") | trained | {"fft-rag": trained["fft"]}


@pytest.fixture
def heard(tmp_path, monkeypatch):
    """Every text that a tokenizer or the index of words is given."""
    texts = []

    def listening(call, place):
        def listen(*arguments, **options):
            texts.append(arguments[place])
            return call(*arguments, **options)

        return listen

    kinds = {PreTrainedTokenizerBase, *_all_kinds(PreTrainedTokenizerBase)}
    for kind in kinds:
        if "__call__" in vars(kind):
            monkeypatch.setattr(kind, "__call__", listening(kind.__call__, 1))
    monkeypatch.setattr(lexical, "words_of", listening(lexical.words_of, 0))
    monkeypatch.setattr(hypernetworks, "vector_store_path", lambda: tmp_path / "vectors.sqlite")
    return texts


def _all_kinds(kind):
    return {inner for one in kind.__subclasses__() for inner in (one, *_all_kinds(one))}


def tasks_of(data, *splits):
    for track in Track:
        for split in splits:
            yield from data.tasks(track, split)


def commit_of(canary):
    return int(canary.split("_")[2])


def allowed(canary, task, method, state):
    """Whether a method may meet a string when it answers a task."""
    kind, name, _, _ = canary.split("_")
    if canary in task.prefix:
        return True
    if kind == "CODE":
        parent = state is State.PARENT and task.track is Track.EVOLUTION
        return name == task.repo_id.rpartition("/")[2] and commit_of(canary) <= task.history_index - parent
    if method != "icl":
        return False
    # Only training tasks, and of the task's own repository only those of earlier commits.
    return name == "seen" and (not task.repo_id.endswith("seen") or commit_of(canary) < task.history_index)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("method", METHODS)
def test_no_method_meets_what_it_must_not_know(data, checkpoints, heard, method, state):
    training = list(tasks_of(data, Split.IR_TRAIN))
    groups = {(task.track, task.split): task for task in tasks_of(data, Split.IR_TEST, Split.CR_TEST)}
    assert len(groups) == 4
    views = DatasetViews(data.manifest, data.folder, folder=data.folder)
    settings = PredictorSettings(checkpoint=checkpoints.get(method), max_new_tokens=2, state=state)
    predictor = build_predictor(method, settings, lambda: iter(training))
    for task in groups.values():  # the last of each
        heard.clear()
        request = PredictionRequest(task=TaskInput.of(task), view=views.of_task(task, state))
        conditioning_of(predictor, request)
        list(predictor.predict([request]))
        met = {canary for text in heard for canary in CANARY.findall(str(text))}
        assert sorted(canary for canary in met if not allowed(canary, task, method, state)) == []


@pytest.mark.parametrize("recipe", ["clean", "paper"])
@pytest.mark.parametrize("method", sorted(RETRIEVING_METHODS))
def test_context_is_found_and_does_not_tell_the_target(data, checkpoints, heard, method, recipe):
    settings = PredictorSettings(
        checkpoint=checkpoints.get(method), max_new_tokens=2, retrieval=load_retrieval(recipe, method)
    )
    predictor = build_predictor(method, settings, lambda: tasks_of(data, Split.IR_TRAIN))
    views = DatasetViews(data.manifest, data.folder, folder=data.folder)
    for task in list(tasks_of(data, Split.CR_TEST))[-3:]:
        request = PredictionRequest(task=TaskInput.of(task), view=views.of_task(task, State.COMMIT))
        prompt = predictor.prompt(request)
        context = prompt.removesuffix(task.prefix)
        assert prompt.endswith(task.prefix)
        assert CANARY.search(context)
        assert not any(canary in context for canary in CANARY.findall(task.target))


def test_examples_of_a_training_task_come_from_earlier_commits_alone(data):
    settings = PredictorSettings(max_new_tokens=2, retrieval=load_retrieval("clean", "icl", k=100))
    predictor = build_predictor("icl", settings, lambda: tasks_of(data, Split.IR_TRAIN))
    views = DatasetViews(data.manifest, data.folder, folder=data.folder)
    shown = 0
    for task in tasks_of(data, Split.IR_TRAIN):
        request = PredictionRequest(task=TaskInput.of(task), view=views.of_task(task, State.COMMIT))
        context = predictor.prompt(request).removesuffix(task.prefix)
        commits = {commit_of(canary) for canary in CANARY.findall(context)}
        assert all(commit < task.history_index for commit in commits)
        shown += len(commits)
    assert shown


def test_the_listener_hears_what_is_planted(data, heard):
    """Were the strings not where methods look, or the listener deaf, the tests above would pass on anything."""
    (task,) = list(tasks_of(data, Split.CR_TEST))[-1:]
    told = dataclasses.replace(task, prefix=task.prefix + task.target)
    views = DatasetViews(data.manifest, data.folder, folder=data.folder)
    request = PredictionRequest(task=TaskInput.of(told), view=views.of_task(task, State.COMMIT))
    list(build_predictor("rag", PredictorSettings(max_new_tokens=2), lambda: iter(())).predict([request]))
    assert any(task.target.strip("'") in str(text) for text in heard)
    assert any("CODE_new" in str(text) for text in heard)
