"""Controlled benchmarks end to end: every task has its truth, and the best scores in it are those that can be had."""

import hashlib
import subprocess
from collections import defaultdict
from dataclasses import replace
from math import sqrt

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from controlled_oracles import PrefixReader, repository_answer

from harness.cli import run_command
from repopeftbench.audit.files import files_on_disk
from repopeftbench.audit.occurrences import occurs
from repopeftbench.dataset.store import Dataset
from repopeftbench.dataset.truth import TRUTH, TRUTH_NAME, Stratum, has_truth, read_recipe, read_truth, write_truth
from repopeftbench.errors import ConfigError, DatasetError
from repopeftbench.mining.testfiles import FileKind, file_kind
from repopeftbench.pool import LocalEngine
from repopeftbench.schema import Event, Split, State, TaskInput, Track
from repopeftbench.synthetic.controlled import BenchmarkOptions, Templates, make_benchmark
from repopeftbench.synthetic.controlled.benchmark import repositories_folder
from repopeftbench.synthetic.controlled.values import FOLLOWS
from repopeftbench.views import DatasetViews

PRIVATE = (Stratum.PRIVATE_DIRECT, Stratum.PRIVATE_COMPOSED)


def silent(*_):
    """No progress."""


def made(folder, repos, **options):
    how = BenchmarkOptions(folder=folder, repos=repos, engine=LocalEngine(1), **options)
    make_benchmark(how, silent)
    return folder


class Benchmark:
    """A dataset with its tasks and truth by id."""

    def __init__(self, folder):
        self.folder = folder
        self.dataset = Dataset(folder)
        self.tasks = {
            task.task_id: task
            for track in Track
            for split in self.dataset.splits(track)
            for task in self.dataset.tasks(track, split)
        }
        self.truths = {truth.task_id: truth for truth in read_truth(folder)}

    def em(self, answer):
        """By stratum: how many of its tasks `answer` has right, the sum of what it may expect, and their number."""
        found = defaultdict(lambda: [0, 0])
        for task_id, task in self.tasks.items():
            found[self.truths[task_id].stratum][0] += answer(task) == task.target
            found[self.truths[task_id].stratum][1] += 1
        return found

    def best(self, stratum, view):
        scores = [getattr(one, f"best_{view}") for one in self.truths.values() if one.stratum is stratum]
        return sum(scores) / len(scores)


@pytest.fixture(scope="module", params=[0, 1], ids=["train", "test"])
def benchmark(request, tmp_path_factory):
    return Benchmark(made(tmp_path_factory.mktemp("controlled") / "data", 6, seed=request.param))


def test_every_task_has_its_truth_and_no_other(benchmark):
    assert benchmark.truths.keys() == benchmark.tasks.keys()
    for task_id, truth in benchmark.truths.items():
        task = benchmark.tasks[task_id]
        assert (truth.repo_id, truth.track, truth.split) == (task.repo_id, task.track, task.split)
        assert (truth.history_index, truth.value) == (task.history_index, task.target)


def test_nothing_is_lost_between_repositories_and_tasks(benchmark):
    assert list(benchmark.dataset.rejects()) == []
    assert sum(task.track is Track.STATIC for task in benchmark.tasks.values()) == 6 * 32
    assert {entry.kept_commits for entry in benchmark.dataset.manifest.repositories} == {8}


def test_both_tracks_have_every_split(benchmark):
    for track in Track:
        assert set(benchmark.dataset.splits(track)) == set(Split) - {Split.OOD_TEST}


def test_value_stands_in_the_prefix_of_copied_facts_and_of_no_private_one(benchmark):
    for task_id, task in benchmark.tasks.items():
        stratum = benchmark.truths[task_id].stratum
        if stratum is Stratum.COPY:
            assert occurs(task.target, task.prefix)
        elif stratum is not Stratum.DOMAIN:
            assert not occurs(task.target, task.prefix), task.prefix
            assert task.target.strip('"') not in task.prefix, task.prefix


def test_answers_of_changed_facts_follow_the_commit(benchmark):
    by_fact = defaultdict(dict)
    for task_id, truth in benchmark.truths.items():
        if truth.track is Track.EVOLUTION:
            by_fact[truth.repo_id, truth.fact][truth.changes] = benchmark.tasks[task_id]
    changed = [versions for versions in by_fact.values() if len(versions) > 1]
    assert len(changed) >= 6 * 3
    for versions in changed:
        for changes, task in versions.items():
            assert (task.event is Event.MODIFIED) == (changes > 0)
            assert changes == 0 or task.old_target == versions[changes - 1].target


@pytest.mark.parametrize("state", list(State))
def test_who_sees_the_repository_reaches_exactly_the_known_best(benchmark, state):
    views = DatasetViews(benchmark.dataset.manifest, benchmark.folder, folder=benchmark.folder)
    for task_id, task in benchmark.tasks.items():
        truth = benchmark.truths[task_id]
        answer = repository_answer(TaskInput.of(task), views.of_task(task, state))
        if truth.stratum is Stratum.NONE:
            assert answer is None
        elif truth.stratum is Stratum.COPY and state is State.PARENT and not truth.in_parent:
            assert answer in (None, task.target)
        elif state is State.COMMIT or task.track is Track.STATIC or truth.in_parent:
            assert (answer, truth.best_repository) == (task.target, 1), task.prefix
        else:
            assert answer != task.target


@pytest.mark.slow
@pytest.mark.parametrize("templates", list(Templates))
def test_known_best_of_64_repositories_holds_for_what_each_view_allows(tmp_path, templates):
    whole = Benchmark(made(tmp_path / "data", 64, seed=9001, role="test", templates=templates))
    assert whole.dataset.splits(Track.STATIC) == (Split.CR_TEST,)
    for view, domains in (("prefix", False), ("domain", True)):
        reader = PrefixReader(range(100, 104), 250, domains=domains)
        em = whole.em(lambda task, reader=reader: reader.answer(task.prefix))
        for stratum, (right, count) in em.items():
            best = whole.best(stratum, view)
            # Tracks repeat facts: half of the tasks are independent at worst.
            error = 4 * sqrt(best * (1 - best) / (count / 2))
            assert right / count <= best + error, (view, stratum, right / count, best)
        assert em[Stratum.COPY] == [em[Stratum.COPY][1]] * 2
        if domains:
            assert em[Stratum.DOMAIN][0] / em[Stratum.DOMAIN][1] == pytest.approx(float(FOLLOWS), abs=0.06)


def test_prefix_alone_is_right_on_copies_and_near_chance_on_private_facts(benchmark):
    reader = PrefixReader(range(100, 102), 200, domains=True)
    em = benchmark.em(lambda task: reader.answer(task.prefix))
    assert em[Stratum.COPY][0] == em[Stratum.COPY][1]
    for stratum in (*PRIVATE, Stratum.NONE):
        best = benchmark.best(stratum, "domain")
        right, count = em[stratum]
        assert right / count <= best + 4 * sqrt(best * (1 - best) / (count / 2))


def test_values_of_the_none_stratum_are_in_no_view(benchmark):
    views = DatasetViews(benchmark.dataset.manifest, benchmark.folder, folder=benchmark.folder)
    for task_id, truth in benchmark.truths.items():
        if truth.stratum is Stratum.NONE:
            view = views.of_task(benchmark.tasks[task_id], State.COMMIT)
            assert not any(path.endswith(".json") for path in view.production_files())
            assert all(file_kind(path) is FileKind.PRODUCTION for path in view.production_files())
            assert truth.sources == ()
    assert not any("/figures.json" in commit.production_diff for commit in benchmark.dataset.commits())


def test_same_recipe_gives_the_same_bytes_wherever_it_is_made(tmp_path):
    folders = [made(tmp_path / name, 2, seed=2) for name in ("one", "other")]
    digests = [
        [(str(p.relative_to(f)), hashlib.sha256(p.read_bytes()).hexdigest()) for p in sorted(f.rglob("*.parquet"))]
        for f in folders
    ]
    assert digests[0] == digests[1]
    assert TRUTH_NAME in {name for name, _ in digests[0]}
    heads = [[head_of(p) for p in sorted(repositories_folder(f).iterdir()) if p.is_dir()] for f in folders]
    assert heads[0] == heads[1]
    assert len(heads[0]) == 2


def head_of(repository):
    done = subprocess.run(["git", "-C", repository, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    return done.stdout


def test_recipe_is_kept_with_the_truth(tmp_path):
    folder = made(tmp_path / "data", 1, seed=3, templates=Templates.TRAIN, role="val")
    assert read_recipe(folder) == {
        "generator": "2",
        "repos": "1",
        "seed": "3",
        "templates": "train",
        "role": "val",
    }
    assert Dataset(folder).splits(Track.STATIC) == (Split.CR_VAL,)


def test_made_again_after_a_kill_it_is_whole(tmp_path):
    folder = made(tmp_path / "data", 1, seed=3)
    truth = (folder / TRUTH_NAME).read_bytes()
    (folder / TRUTH_NAME).unlink()
    (folder / f".{TRUTH_NAME}.part").write_bytes(b"half")
    assert made(folder, 1, seed=3) == folder
    assert (folder / TRUTH_NAME).read_bytes() == truth


def test_repositories_of_another_recipe_are_not_overwritten(tmp_path):
    folder = made(tmp_path / "data", 1, seed=3)
    with pytest.raises(ConfigError, match="holds other things than these repositories"):
        made(folder, 1, seed=4)
    assert [path.name for path in repositories_folder(folder).iterdir() if path.is_dir()]
    assert has_truth(folder)


def test_truth_is_no_stranger_in_its_dataset_and_goes_with_it(tmp_path):
    folder = made(tmp_path / "data", 1, seed=3)
    assert files_on_disk(Dataset(folder)).problems == ()
    listing = repositories_folder(folder) / "repos.toml"
    assert run_command(["mine", str(listing), "--cutoff", "none", "-o", str(folder), "--workers", "1"]) == 0
    assert not has_truth(folder)


def test_truth_that_is_not_there_or_damaged_is_one_sentence(tmp_path):
    with pytest.raises(DatasetError, match="comes with benchmarks of repobench synth --repos"):
        list(read_truth(tmp_path))
    (tmp_path / TRUTH_NAME).write_bytes(b"no parquet")
    with pytest.raises(DatasetError, match="cannot be read"):
        list(read_truth(tmp_path))
    pq.write_table(TRUTH.empty_table().drop_columns(["form"]), tmp_path / TRUTH_NAME)
    with pytest.raises(DatasetError, match="has other columns"):
        list(read_truth(tmp_path))


def test_truth_with_an_unknown_stratum_is_one_sentence(benchmark, tmp_path):
    rows = pq.read_table(benchmark.dataset.folder / TRUTH_NAME).slice(0, 1).to_pylist()
    pq.write_table(pa.Table.from_pylist([rows[0] | {"stratum": "secret"}], schema=TRUTH), tmp_path / TRUTH_NAME)
    with pytest.raises(DatasetError, match=r"'secret' in .*truth.parquet, column stratum is none of copy, domain"):
        list(read_truth(tmp_path))


def test_truth_is_read_back_as_it_was_written(benchmark, tmp_path):
    truths = [replace(one, sources=("a.B", "c.D")) for one in list(benchmark.truths.values())[:50]]
    write_truth(tmp_path, reversed(truths), {"seed": "1"})
    assert sorted(read_truth(tmp_path), key=lambda one: one.task_id) == sorted(truths, key=lambda one: one.task_id)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--repos", "0", "-o", "data"], "a benchmark needs --repos 1 or more"),
        (["--repos", "2", "--seed", "-1", "-o", "data"], "a seed of 0 or more, not 2 and -1"),
        (["--repos", "2"], "name it with -o"),
        (["other", "--repos", "2", "-o", "data"], "name it with -o"),
        (["--repos", "2", "--count", "3", "-o", "data"], "--count 3 has no meaning with --repos"),
        (["--repos", "2", "--commits", "3", "-o", "data"], "--commits 3 has no meaning with --repos"),
        (["--repos", "2", "--workers", "-1", "-o", "data"], "--workers -1 must not be negative"),
        (["other", "--role", "test"], "--role test has no meaning without --repos"),
        (["other", "-o", "data"], "--out data has no meaning without --repos"),
        ([], "there is nowhere to write to"),
    ],
)
def test_uses_of_synth_that_mean_nothing_are_one_sentence(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert run_command(["synth", *arguments]) == 2
    said = capsys.readouterr().err
    assert message in " ".join(said.split())
    assert list(tmp_path.iterdir()) == []


def test_synth_shows_strata_and_their_best_scores(tmp_path, capsys):
    assert run_command(["synth", "--repos", "1", "-o", str(tmp_path / "data"), "--workers", "1"]) == 0
    shown = capsys.readouterr().out
    for stratum in Stratum:
        assert stratum.value in shown
    assert "80.00" in shown
