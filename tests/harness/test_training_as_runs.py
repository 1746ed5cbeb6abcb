"""What a training is conditioned on is what a run is conditioned on: vectors of a mined dataset, from both sides."""

import pytest
import torch

from code2lora.checkpoints import Checkpoint
from code2lora.conditioning import SnapshotConditioner, WalkConditioner
from code2lora.encoder import RECIPES
from code2lora.evolution import CommitGRU, GRUConfig
from code2lora.head import Code2LoRAHead, HeadConfig
from code2lora.state_vectors import EncodedVectors, Recipes
from code2lora.training.hypernetworks import EvolvingHypernetwork, StaticHypernetwork, place_in_history
from code2lora.training.plan import Draw
from code2lora.training.vectors import VectorSource
from code2lora.vector_store import SqliteVectorStore
from harness.cli import run_command
from harness.training_data import DatasetTrainingData
from repopeftbench.dataset.store import Dataset
from repopeftbench.gitrepo import write_history
from repopeftbench.schema import Split, State, Track
from repopeftbench.views import DatasetViews

DAY, START, COMMITS = 86_400, 1_672_617_600, 6


class Letters:
    """Encodes a window by how often some letters stand in it."""

    width, context_length, weights_sha256 = 4, 2_048, "l" * 64

    def tokens(self, text):
        return [ord(letter) for letter in text]

    def read_again(self, tokens, limit):
        return list(tokens)[:limit]

    def encode(self, windows):
        return torch.tensor([[float(window.count(ord(letter))) for letter in "aeio"] for window in windows])


def files(n):
    asserts = "".join(f"def test_{m}():\n    assert f({m}) == {m + n}\n\n\n" for m in range(n + 1))
    return [
        ("pkg/__init__.py", f"def f(x):\n    return x + {n}\n{'a' * n}e = {n}\n".encode()),
        ("pkg/bad.py", b"# coding: utf-8\nx = '\xff'\n"),
        ("README.md", f"# pkg\n\n{'aeio' * n} of version {n}\n".encode()),
        ("LICENSE", b"oooooo\n"),
        ("tests/test_it.py", f"from pkg import f\n\n\n{asserts}".encode()),
    ]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mined")
    write_history(folder / "pkg", [(f"c {n}", START + n * DAY, files(n)) for n in range(COMMITS)])
    (folder / "list.toml").write_text('[[repository]]\nsource = "pkg"\nrole = "train"\n')
    mine = ["mine", str(folder / "list.toml"), "--cutoff", "none", "--workers", "1", "-o", str(folder / "data")]
    assert run_command([*mine, "--cache", str(folder / "cache")]) == 0
    return Dataset(folder / "data")


@pytest.fixture
def sides(dataset, tmp_path):
    """The vectors of a training and those of a run, each with a store of its own."""

    def make(recipe, track=Track.EVOLUTION):
        source = VectorSource(DatasetTrainingData(dataset, track), Letters(), recipe, stores[0])
        return source, EncodedVectors(Letters(), Recipes(state=RECIPES[recipe]), stores[1])

    stores = [SqliteVectorStore(tmp_path / f"{side}.sqlite") for side in ("training", "run")]
    yield make
    for store in stores:
        store.close()


def tasks_of(dataset, track):
    return list(dataset.tasks(track, Split.IR_TRAIN))


@pytest.mark.parametrize("recipe", ["clean", "paper-evo", "paper-static"])
@pytest.mark.parametrize("state", State)
def test_files_and_descriptions_at_a_task_are_the_same(dataset, sides, state, recipe):
    source, vectors = sides(recipe)
    views = DatasetViews(dataset.manifest, dataset.folder, folder=dataset.folder)
    tasks = {task.commit_index: task for task in tasks_of(dataset, Track.EVOLUTION)}
    assert 0 in tasks
    asked = {(task.repo_id, place_in_history(commit, state.value)) for commit, task in tasks.items()}
    learnt = source.snapshots(asked, None, lambda done, total: None)
    said = source.descriptions(asked, None, lambda done, total: None)
    different = set()
    for commit, task in tasks.items():
        view, place = views.of_task(task, state), (task.repo_id, place_in_history(commit, state.value))
        assert torch.equal(vectors.state(view), learnt[place])
        assert torch.equal(vectors.description(view.repo_id, view.description()), said[place])
        different.add((tuple(learnt[place].tolist()), tuple(said[place].tolist())))
    assert len(different) == len(tasks)


@pytest.mark.parametrize("state", State)
def test_histories_up_to_a_task_are_the_same(dataset, sides, state):
    source, vectors = sides("clean")
    views = DatasetViews(dataset.manifest, dataset.folder, folder=dataset.folder)
    for task in tasks_of(dataset, Track.EVOLUTION):
        place = place_in_history(task.commit_index, state.value)
        history = source.histories({task.repo_id: place}, lambda done, total: None)[task.repo_id]
        view = views.of_task(task, state)
        commits = view.kept_commits()
        assert len(history.diffs_TE) == len(commits) == place + 1
        for diff, commit in zip(history.diffs_TE, commits, strict=True):
            assert torch.equal(diff, *vectors.diffs(view, [commit.commit_sha]))
        if commits:
            assert torch.equal(history.first_state_E, vectors.state(view.at(commits[0].commit_sha)))


@pytest.mark.parametrize("state", State)
def test_a_run_makes_the_adapters_that_were_trained(dataset, sides, state):
    """Of every commit, the first one included, which shows nothing where a task may know its parent alone."""
    source, vectors = sides("clean")
    views = DatasetViews(dataset.manifest, dataset.folder, folder=dataset.folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        gru = CommitGRU(GRUConfig(diff_input_dim=8, repo_state_dim=8, hidden_dim=5))
        sizes = {"type_dims": {"q_proj": (3, 2)}, "hidden_dim": 4, "rank": 1, "alpha": 2.0}
        static, walking = (Code2LoRAHead(HeadConfig(input_dim=width, **sizes)) for width in (8, 5))
    tasks = {task.commit_index: task for task in tasks_of(dataset, Track.EVOLUTION)}
    (repo_id,) = {task.repo_id for task in tasks.values()}
    places = {(repo_id, place_in_history(commit, state.value)) for commit in tasks}
    snapshots = source.snapshots(places, None, lambda done, total: None)
    histories = source.histories({repo_id: max(place for _, place in places)}, lambda done, total: None)
    for method, conditioner in (
        (
            StaticHypernetwork(static, snapshots, state.value),
            SnapshotConditioner(Checkpoint(head=static), vectors),
        ),
        (
            EvolvingHypernetwork(gru, walking, histories, state.value),
            WalkConditioner(Checkpoint(head=walking, gru=gru), vectors),
        ),
    ):
        made = []
        for commit, task in tasks.items():
            with torch.no_grad():
                trained, _ = method.adapter([Draw(row=0, repo_id=repo_id, commit=commit)])
            run = conditioner.adapter(views.of_task(task, state))
            assert torch.allclose(run.factors["q_proj"].A_BLRI, trained.factors["q_proj"].A_BLRI, atol=1e-7)
            made.append(run.sha256())
        assert len(set(made)) == len(made) > 2


def test_tasks_of_the_static_track_stand_in_their_snapshot(dataset, sides):
    source, vectors = sides("clean", Track.STATIC)
    views = DatasetViews(dataset.manifest, dataset.folder, folder=dataset.folder)
    tasks = tasks_of(dataset, Track.STATIC)
    places = DatasetTrainingData(dataset, Track.STATIC).places("ir_train")
    assert [place.task_id for place in places] == [task.task_id for task in tasks] != []
    for place, task in zip(places, tasks, strict=True):
        at = (place.repo_id, place.commit)
        learnt = source.snapshots({at}, None, lambda done, total: None)[at]
        assert torch.equal(learnt, vectors.state(views.of_task(task, State.COMMIT)))


def test_a_description_is_the_readme_of_its_commit_and_no_licence(dataset):
    data = DatasetTrainingData(dataset)
    texts = [data.description(task.repo_id, task.commit_index) for task in tasks_of(dataset, Track.EVOLUTION)]
    assert texts[0] == "# README.md\n# pkg\n\n of version 0\n"
    assert not [text for text in texts if "oooooo" in text or "assert" in text]
