import datetime as dt
import json
import shutil

import pyarrow.parquet as pq
import pytest

from repopeftbench.dataset.build import BuildOptions, build_dataset, parse_cutoff
from repopeftbench.dataset.store import Dataset
from repopeftbench.errors import ConfigError, DatasetError, RepositoryListError
from repopeftbench.gitrepo import GitRepository
from repopeftbench.pool import LocalEngine
from repopeftbench.schema import Split, Track
from repopeftbench.sources import repository_list
from repopeftbench.views import DatasetViews

DAY = 86_400


def silent(_name, _done, _total):
    pass


def build(tmp_path, *folders, name="data", **options):
    listing = tmp_path / f"{name}.txt"
    listing.write_text("".join(f"{folder}\n" for folder in folders))
    options = {"cutoff": "none", "cache": tmp_path / "cache", **options}
    result = build_dataset(repository_list(str(listing)), BuildOptions(folder=tmp_path / name, **options), silent)
    return result, Dataset(tmp_path / name)


def growing(count, tag=""):
    """A history in which each commit adds a test file with two assertions of its own."""
    return [
        {f"tests/test_{n}.py": f"def test_a():\n    assert f{tag}({n}) == {n}\n    assert g{tag}({n}) == {n}\n"}
        for n in range(count)
    ]


def test_five_repositories_make_a_cross_repo_suite(tmp_path, make_repository):
    folders = [make_repository(*growing(6, f"_{n}"), name=f"r{n}") for n in range(5)]
    result, dataset = build(tmp_path, *folders)
    assert result.failed == {}
    assert sorted(entry.role for entry in result.manifest.repositories) == ["cr_test", "cr_val"] + ["train"] * 3
    assert {split for track in Track for split in dataset.splits(track)} == set(Split) - {Split.OOD_TEST}
    assert result.manifest.notes == ()


def test_four_repositories_make_none_and_a_note_says_so(tmp_path, make_repository):
    result, dataset = build(tmp_path, *(make_repository(*growing(4), name=f"r{n}") for n in range(4)))
    assert {split.suite for track in Track for split in dataset.splits(track)} == {"ir"}
    assert result.manifest.notes == ("No cross-repo suite: 4 in-distribution repositories, 5 are needed.",)


def test_splits_are_chronological_and_statements_of_train_are_dropped(tmp_path, make_repository):
    history = growing(10)
    history[9]["tests/test_9.py"] = "def test_z():\n    assert f(0) == 0\n    assert h(9) == 9\n"
    _, dataset = build(tmp_path, make_repository(*history))
    tasks = {split: list(dataset.tasks(Track.EVOLUTION, split)) for split in dataset.splits(Track.EVOLUTION)}
    assert {split: sorted({t.history_index for t in rows}) for split, rows in tasks.items()} == {
        Split.IR_TRAIN: list(range(8)),
        Split.IR_VAL: [8],
        Split.IR_TEST: [9],
    }
    assert [task.statement for task in tasks[Split.IR_TEST]] == ["assert h(9) == 9"]
    leaked = [reject for reject in dataset.rejects() if reject.reason == "in-train"]
    assert {(reject.track, reject.statement) for reject in leaked} == {
        (Track.EVOLUTION, "assert f(0) == 0"),
        (Track.STATIC, "assert f(0) == 0"),
    }
    last = list(dataset.commits())[-1]
    assert (last.split, last.tasks, last.rejects) == (Split.IR_TEST, 1, 1)


def test_static_splits_are_by_file(tmp_path, make_repository):
    _, dataset = build(tmp_path, make_repository(*growing(10)))
    files = {split: {t.test_file for t in dataset.tasks(Track.STATIC, split)} for split in dataset.splits(Track.STATIC)}
    assert {split: len(paths) for split, paths in files.items()} == {"ir_train": 8, "ir_val": 1, "ir_test": 1}
    assert files[Split.IR_TEST] == {"tests/test_9.py"}


def test_capped_out_train_statement_is_a_leak_too(tmp_path, make_repository):
    many = "def test_a():\n" + "".join(f"    assert f({n}) == {n}\n" for n in range(30))
    again = "def test_b():\n" + "".join(f"    assert f({n}) == {n}\n" for n in range(30)) + "    assert new() == 1\n"
    history = [{"tests/test_a.py": many}, *growing(8, "_x")[1:], {"tests/test_b.py": again}]
    _, dataset = build(tmp_path, make_repository(*history))
    train = {task.statement for task in dataset.tasks(Track.EVOLUTION, Split.IR_TRAIN)}
    leaked = {
        reject.statement
        for reject in dataset.rejects()
        if reject.reason == "in-train" and reject.track is Track.EVOLUTION
    }
    # Four of the thirty were tasks in train; what the last commit's cap picked of the others is a leak all the same.
    assert leaked - train
    assert leaked <= {f"assert f({n}) == {n}" for n in range(30)}
    held_out = [task for split in (Split.IR_VAL, Split.IR_TEST) for task in dataset.tasks(Track.EVOLUTION, split)]
    assert not any(task.statement.startswith("assert f(") and task.test_file == "tests/test_b.py" for task in held_out)


def test_cutoff_ends_histories_and_makes_young_repositories_ood(tmp_path, make_repository):
    cutoff = int(dt.datetime(2025, 4, 1, tzinfo=dt.UTC).timestamp())
    old = make_repository(*growing(6), name="old", start=cutoff - 4 * DAY)
    young = make_repository(*growing(3), name="young", start=cutoff)
    result, dataset = build(tmp_path, old, young, cutoff="2025-04-01")
    entries = {entry.repo_id: entry for entry in result.manifest.repositories}
    assert (entries["old"].role, entries["old"].commits, entries["old"].ended_by_cutoff) == ("train", 4, True)
    assert (entries["young"].role, entries["young"].commits) == ("ood_test", 3)
    assert all(task.committer_time < cutoff for t in Track for task in dataset.tasks(t, Split.IR_TRAIN))
    assert {task.repo_id for t in Track for task in dataset.tasks(t, Split.OOD_TEST)} == {"young"}
    assert any("cutoff ends 1 histories" in note for note in result.manifest.notes)


def test_one_and_two_processes_give_the_same_bytes(tmp_path, make_repository):
    folders = [make_repository(*growing(5, f"_{n}"), name=f"r{n}") for n in range(3)]
    _, one = build(tmp_path, *folders, name="one", engine=LocalEngine(1))
    _, two = build(tmp_path, *reversed(folders), name="two", engine=LocalEngine(2), commits_per_part=2)
    assert one.manifest.files == two.manifest.files
    for entry in one.manifest.files:
        assert (one.folder / entry.path).read_bytes() == (two.folder / entry.path).read_bytes()


def test_mining_goes_on_from_finished_parts(tmp_path, make_repository, monkeypatch):
    from repopeftbench.mining import engine

    folders = [make_repository(*growing(4, f"_{n}"), name=f"r{n}") for n in range(2)]
    mined = []
    whole = engine.RepositoryMiner.walk

    def failing(self, history, first, end):
        mined.append((self._repo_id, first))
        if len(mined) == 4:
            raise KeyboardInterrupt
        return whole(self, history, first, end)

    monkeypatch.setattr(engine.RepositoryMiner, "walk", failing)
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path, *folders, commits_per_part=3)
    with pytest.raises(DatasetError, match="run the same command again"):
        Dataset(tmp_path / "data")
    _, resumed = build(tmp_path, *folders, commits_per_part=3)
    assert mined == [("r0", 0), ("r0", 3), ("r1", 0), ("r1", 3), ("r1", 3)]
    monkeypatch.undo()
    _, fresh = build(tmp_path, *folders, name="fresh")
    assert resumed.manifest.files == fresh.manifest.files


@pytest.mark.parametrize("size", [1, 2, 5])
def test_where_a_history_is_divided_does_not_show(tmp_path, make_repository, size):
    test = "def test_a():\n    assert f({0}) == {0}\n    assert h({0}) == {0}\n"
    history = [
        *growing(2),
        {"src/a.py": "x = 1\n"},
        {"tests/test_0.py": None, "tests/test_moved.py": test.format(0).replace("h", "g")},
        {"src/a.py": "x = 2\n"},
        {"tests/test_moved.py": test.format(7), "README": "1"},
        *({"src/a.py": f"x = {n}\n"} for n in range(3, 8)),
        *growing(9)[7:],
        {"tests/test_old.py": "print 'python 2'\n"},
        {"tests/test_old.py": test.format(8)},
    ]
    repository = make_repository(*history)
    _, whole = build(tmp_path, repository, name="whole")
    _, divided = build(tmp_path, repository, name="divided", commits_per_part=size)
    assert divided.manifest == whole.manifest
    assert [commit.commit_index for commit in divided.commits()] == list(range(len(list(whole.commits()))))


def test_bad_sources_are_named_and_the_others_go_on(tmp_path, make_repository):
    good = make_repository(*growing(3))
    result, dataset = build(tmp_path, good, tmp_path / "missing", "word")
    assert sorted(result.failed) == sorted([str(tmp_path / "missing"), "word"])
    assert result.manifest.failed_sources == result.failed
    assert dataset.splits(Track.STATIC)


def test_nothing_mined_is_one_sentence(tmp_path, make_repository):
    without_tests = make_repository({"a.py": "x = 1\n"})
    with pytest.raises(RepositoryListError, match="repo has no assertion with a target in a test file"):
        build(tmp_path, without_tests)


def test_every_file_is_in_the_manifest_and_every_row_is_typed(tmp_path, make_repository):
    result, dataset = build(tmp_path, make_repository(*growing(5)))
    listed = {entry.path: entry for entry in result.manifest.files}
    on_disk = {path.relative_to(dataset.folder).as_posix() for path in dataset.folder.rglob("*.parquet")}
    assert set(listed) == on_disk
    for path, entry in listed.items():
        assert pq.read_metadata(dataset.folder / path).num_rows == entry.rows
    assert next(dataset.commits()).production_diff == ""
    assert all(
        task.split is not None and task.track is Track.STATIC for task in dataset.tasks(Track.STATIC, Split.IR_TRAIN)
    )


def test_another_schema_version_and_damage_are_refused(tmp_path, make_repository):
    _, dataset = build(tmp_path, make_repository(*growing(3)))
    path = dataset.folder / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "schema_version": 99}))
    with pytest.raises(DatasetError, match=r"schema version 99.*install a newer repobench"):
        Dataset(dataset.folder)
    path.write_text(json.dumps({**manifest, "schema_version": 1}))
    with pytest.raises(DatasetError, match=r"schema version 1, .*mine the dataset again"):
        Dataset(dataset.folder)
    path.write_text(json.dumps({**manifest, "stranger": 1}))
    with pytest.raises(DatasetError, match="is damaged"):
        Dataset(dataset.folder)
    path.unlink()
    with pytest.raises(DatasetError, match="is not a dataset"):
        Dataset(dataset.folder)


def test_a_users_folder_called_tasks_is_left_alone(tmp_path, make_repository):
    (tmp_path / "data" / "tasks").mkdir(parents=True)
    (tmp_path / "data" / "tasks" / "mine.txt").write_text("precious")
    with pytest.raises(DatasetError, match="holds other things"):
        build(tmp_path, make_repository(*growing(3)))
    assert (tmp_path / "data" / "tasks" / "mine.txt").read_text() == "precious"


def test_a_dataset_is_replaced_and_a_half_replaced_one_is_repaired(tmp_path, make_repository):
    repository = make_repository(*growing(5))
    _, first = build(tmp_path, repository)
    (tmp_path / "data" / ".new").mkdir()
    (tmp_path / "data" / "manifest.json").unlink()
    _, again = build(tmp_path, repository)
    assert again.manifest == first.manifest


def test_the_same_commit_under_two_entries_is_mined_once(tmp_path, make_repository):
    repository = make_repository(*growing(6))
    result, dataset = build(tmp_path, repository, f"{repository}@main", repository / ".git")
    assert len(dataset.manifest.repositories) == 1
    assert [problem.split(":")[0] for problem in result.failed.values()] == [
        f"the same commit of the same repository as {dataset.manifest.repositories[0].repo_id}"
    ] * len(result.failed)
    assert result.failed


def test_two_revisions_of_a_repository_have_the_same_role(tmp_path, make_repository):
    folders = [make_repository(*growing(6, f"_{n}"), name=f"r{n}") for n in range(6)]
    entries = [entry for folder in folders for entry in (folder, f"{folder}@main~1")]
    result, _ = build(tmp_path, *entries)
    roles = {}
    for entry in result.manifest.repositories:
        roles.setdefault(entry.location, set()).add(entry.role)
    assert sorted(map(len, roles.values())) == [1] * 6


def test_folder_with_other_things_is_left_alone(tmp_path, make_repository):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.tex").write_text("precious")
    with pytest.raises(DatasetError, match="holds other things"):
        build(tmp_path, make_repository(*growing(3)))


def test_production_diff_is_production_code_since_the_last_kept_commit(tmp_path, make_repository):
    history = [
        {"src/a.py": "x = 1\n", "tests/test_a.py": "def test_a():\n    assert f() == 1\n", "README.md": "one\n"},
        {"src/a.py": "x = 2\n", "tests/data.py": "y = 1\n"},
        {"src/a.py": "x = 3\n", "tests/test_a.py": "def test_a():\n    assert f() == 3\n", "README.md": "two\n"},
        {
            "src/b.py": "n = [\n" + "    1,\n" * 40_000 + "]\n",
            "tests/test_b.py": "def test_b():\n    assert g() == 3\n",
        },
    ]
    _, dataset = build(tmp_path, make_repository(*history))
    first, second, third = dataset.commits()
    assert [c.history_index for c in (first, second, third)] == [0, 2, 3]
    assert "+x = 1" in first.production_diff
    assert ("-x = 1" in second.production_diff, "+x = 3" in second.production_diff) == (True, True)
    assert not any(word in second.production_diff for word in ("README", "tests/", "x = 2"))
    assert (third.production_diff_truncated, second.production_diff_truncated) == (True, False)
    assert 199_000 < len(third.production_diff.encode()) <= 200_000


def test_production_diff_keeps_moves_in_and_out_of_production_code(tmp_path, make_repository):
    body = "".join(f"line_{n} = {n}\n" for n in range(20))
    history = [
        {
            "pkg/a.py": body,
            "tests/shared.py": body.replace("line", "row"),
            "tests/test_a.py": "def test_a():\n    pass\n",
        },
        {
            "pkg/a.py": None,
            "src/a.py": body,
            "tests/shared.py": None,
            "src/shared.py": body.replace("line", "row"),
            "tests/test_a.py": "def test_a():\n    assert f() == 1\n",
        },
        {
            "src/shared.py": None,
            "tests/again.py": body.replace("line", "row"),
            "tests/test_a.py": "def test_a():\n    assert f() == 2\n",
        },
    ]
    _, dataset = build(tmp_path, make_repository(*history))
    first, second = (commit.production_diff for commit in dataset.commits())
    assert "rename from pkg/a.py\nrename to src/a.py" in first
    assert ("+row_3 = 3" in first, "tests/shared.py" in first) == (True, False)
    assert ("-row_3 = 3" in second, "tests/again.py" in second) == (True, False)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("none", None),
        ("2025-04-01", dt.datetime(2025, 4, 1, tzinfo=dt.UTC)),
        ("2025-04-01T12:00:00+02:00", dt.datetime(2025, 4, 1, 10, tzinfo=dt.UTC)),
    ],
)
def test_cutoff_is_a_day_a_moment_or_none(text, moment):
    assert parse_cutoff(text) == moment


def test_cutoff_that_is_no_date_is_refused():
    with pytest.raises(ConfigError, match="'soon' is no date"):
        parse_cutoff("soon")


def test_a_mined_dataset_shows_production_files_without_the_clones(tmp_path, make_repository):
    history = growing(3)
    history[0] |= {"src/a.py": "x = 1\n", "README.md": "old\n"}
    history[1] |= {"src/a.py": "x = 2\n", "src/b.py": "y = 1\n"}
    repository = make_repository(*history, {"src/a.py": None}, {"src/c.py": "z = 1\n"})
    result, dataset = build(tmp_path, repository)
    shutil.rmtree(repository)
    views = DatasetViews(result.manifest, tmp_path / "cache", folder=dataset.folder)
    first, second, *_ = dataset.commits()
    (static, *_) = dataset.tasks(Track.STATIC, Split.IR_TRAIN)
    assert views.view("repo", first.commit_sha).read("src/a.py") == "x = 1\n"
    assert views.view("repo", second.commit_sha).read("src/a.py") == "x = 2\n"
    assert views.view("repo", static.commit_sha).production_files() == ("src/b.py", "src/c.py")
    ledger = result.manifest.blobs
    assert ledger is not None
    # Three versions of production files and the first README, one more production file, three tests.
    assert (ledger.seen, ledger.kept) == (8, 8)


def test_snapshots_can_be_left_out_and_go_when_they_are(tmp_path, make_repository):
    repository = make_repository(*growing(3))
    _, with_them = build(tmp_path, repository)
    beside = {"files", "trees", "symbols.parquet"}
    assert {entry.path.partition("/")[0] for entry in with_them.manifest.files} >= beside
    result, without = build(tmp_path, repository, snapshots=False)
    assert result.manifest.blobs is None
    assert not any((without.folder / name).exists() for name in beside)
    assert [entry for entry in with_them.manifest.files if entry.path.partition("/")[0] not in beside] == [
        *without.manifest.files
    ]


def test_parts_of_a_copy_that_lacked_something_are_mined_again(tmp_path, make_repository):
    repository = make_repository(*growing(4))
    blob = GitRepository(repository).python_files(GitRepository(repository).resolve(None))[1].blob
    loose = repository / ".git" / "objects" / blob[:2] / blob[2:]
    whole = loose.read_bytes()
    loose.unlink()
    # The other source fails, so that the parts stay.
    _, broken = build(tmp_path, repository, tmp_path / "missing")
    assert "missing-blob" in {reject.reason for reject in broken.rejects()}
    loose.write_bytes(whole)
    _, repaired = build(tmp_path, repository, tmp_path / "missing")
    _, fresh = build(tmp_path, repository, name="fresh")
    assert repaired.manifest.files == fresh.manifest.files != broken.manifest.files


def test_parts_that_are_there_serve_a_history_that_has_grown(tmp_path, make_repository, monkeypatch):
    from repopeftbench.mining import engine

    repository = make_repository(*growing(7))
    build(tmp_path, f"{repository}@main~2", tmp_path / "missing", commits_per_part=2)
    mined = []
    whole = engine.RepositoryMiner.walk

    def recording(self, history, first, end):
        mined.append((first, end))
        return whole(self, history, first, end)

    monkeypatch.setattr(engine.RepositoryMiner, "walk", recording)
    _, grown = build(tmp_path, repository, tmp_path / "missing", commits_per_part=2)
    assert mined == [(4, 6), (6, 7)]
    _, fresh = build(tmp_path, repository, name="fresh")
    assert grown.manifest.files == fresh.manifest.files
