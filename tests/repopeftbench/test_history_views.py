"""What views tell of contents and of the commits behind them: nothing of tests, nothing of later commits."""

import dataclasses

import pytest

from repopeftbench.dataset.build import BuildOptions, build_dataset
from repopeftbench.dataset.store import Dataset
from repopeftbench.errors import DatasetError, GitObjectError, SourceError
from repopeftbench.gitrepo import GitRepository
from repopeftbench.live_views import LiveHistory
from repopeftbench.schema import State, Track
from repopeftbench.sources import repository_list
from repopeftbench.views import DatasetViews

COUNT = 6


def commits():
    """Every second commit brings an assertion; the last one does not."""
    for n in range(COUNT):
        files = {"pkg/a.py": f"value = {n}\n", "pkg/same.py": "same = 1\n"}
        if n % 2 == 0:
            files["tests/test_a.py"] = f"def test_a():\n    assert a.value == {n}\n"
        yield files


@pytest.fixture
def data(tmp_path, make_repository):
    folder = make_repository(*commits())
    options = BuildOptions(folder=tmp_path / "data", cutoff="none", cache=tmp_path / "cache")
    build_dataset(repository_list(str(folder)), options, lambda *progress: None)
    return Dataset(tmp_path / "data")


@pytest.fixture(params=["dataset", "git"])
def views(request, data):
    found = DatasetViews(data.manifest, data.folder, folder=data.folder)
    if request.param == "git":
        found._store = None
    return found


@pytest.fixture
def kept(data):
    return [commit.commit_sha for commit in data.commits()]


def tasks_by_sha(data, track):
    return {task.commit_sha: task for split in data.splits(track) for task in data.tasks(track, split)}


def test_contents_are_those_of_the_files_shown(views, kept, data):
    view = views.view("repo", kept[1])
    assert list(view.blobs()) == list(view.production_files()) == ["pkg/a.py", "pkg/same.py"]
    repository = GitRepository(data.folder.parent / "repo")
    assert {path: repository.read(blob).decode() for path, blob in view.blobs().items()} == {
        path: view.read(path) for path in view.production_files()
    }


def test_kept_commits_are_those_up_to_the_views_own(views, kept, data):
    assert len(kept) == 3
    for place, sha in enumerate(kept):
        assert [commit.commit_sha for commit in views.view("repo", sha).kept_commits()] == kept[: place + 1]
    splits = {commit.commit_sha: commit.split for commit in data.commits()}
    assert {commit.commit_sha: commit.split for commit in views.view("repo", kept[-1]).kept_commits()} == splits


def test_the_last_commit_of_a_history_has_all_kept_ones_behind_it(views, kept, data):
    revision = data.manifest.repositories[0].revision
    assert revision not in kept
    assert [commit.commit_sha for commit in views.view("repo", revision).kept_commits()] == kept


def test_diffs_are_those_of_the_dataset_and_of_no_later_commit(views, kept, data):
    diffs = {commit.commit_sha: commit.production_diff for commit in data.commits()}
    view = views.view("repo", kept[1])
    assert [view.production_diff(sha) for sha in kept[:2]] == [diffs[sha] for sha in kept[:2]]
    assert "+value = 2" in diffs[kept[1]]
    with pytest.raises(DatasetError, match=f"{kept[2]} of repo is no kept commit up to {kept[1]}"):
        view.production_diff(kept[2])


def test_earlier_views_are_reached_and_later_ones_are_not(views, kept):
    view = views.view("repo", kept[1])
    assert view.at(kept[0]).read("pkg/a.py") == "value = 0\n"
    assert view.at(kept[1]).blobs() == view.blobs()
    with pytest.raises(DatasetError, match="is no kept commit up to"):
        view.at(kept[2])


def test_the_state_decides_what_a_task_is_shown(views, kept, data):
    tasks = tasks_by_sha(data, Track.EVOLUTION)
    for place, sha in enumerate(kept):
        if sha not in tasks:
            continue
        own, before = views.of_task(tasks[sha], State.COMMIT), views.of_task(tasks[sha], State.PARENT)
        assert own.read("pkg/a.py") == f"value = {2 * place}\n"
        assert [commit.commit_sha for commit in before.kept_commits()] == kept[:place]
        if place:
            assert (before.commit_sha, before.read("pkg/a.py")) == (kept[place - 1], f"value = {2 * place - 2}\n")
    assert set(tasks) & set(kept)


def test_nothing_is_shown_before_the_first_kept_commit(views, kept, data):
    task = next(iter(tasks_by_sha(data, Track.EVOLUTION).values()))
    first = views.of_task(dataclasses.replace(task, commit_sha=kept[0]), State.PARENT)
    assert (first.repo_id, first.commit_sha, first.production_files(), first.kept_commits()) == ("repo", "", (), ())
    assert first.blobs() == {}
    with pytest.raises(GitObjectError, match="before its first kept commit"):
        first.read("pkg/a.py")
    for ask in (first.at, first.production_diff):
        with pytest.raises(DatasetError, match="does not come before its first kept commit"):
            ask(kept[0])


def test_tasks_of_a_snapshot_are_shown_it_in_any_state(views, data):
    for task in tasks_by_sha(data, Track.STATIC).values():
        shown = [views.of_task(task, state) for state in State]
        assert shown[0].blobs() == shown[1].blobs() != {}


def test_commits_that_a_dataset_does_not_know_are_one_sentence(views):
    with pytest.raises(DatasetError, match=r"has no kept commit 1+ of repo, so what came before it is not known"):
        views.view("repo", "1" * 40).kept_commits()


def test_a_live_history_tells_what_a_dataset_would(data, kept):
    history = LiveHistory(GitRepository(data.folder.parent / "repo"), "repo", None)
    assert history.commit_sha == data.manifest.repositories[0].revision
    found = list(history.kept_after(None))
    assert [record.commit_sha for record in found] == kept
    assert [record.production_diff for record in found] == [commit.production_diff for commit in data.commits()]
    assert [record.commit_sha for record in history.kept_after(kept[0])] == kept[1:]
    assert not history.holds("1" * 40)
    view = history.view(kept[1], found[:2])
    from_dataset = DatasetViews(data.manifest, data.folder, folder=data.folder).view("repo", kept[1])
    assert view.blobs() == from_dataset.blobs()
    assert view.at(kept[0]).read("pkg/a.py") == "value = 0\n"
    assert view.production_diff(kept[1]) == from_dataset.production_diff(kept[1])
    with pytest.raises(DatasetError, match="is no kept commit that this view tells of"):
        view.production_diff(kept[2])


def test_a_live_history_ends_where_it_is_told_to(data, kept):
    repository = GitRepository(data.folder.parent / "repo")
    earlier = LiveHistory(repository, "repo", kept[1])
    assert [record.commit_sha for record in earlier.kept_after(None)] == kept[:2]
    assert not earlier.holds(kept[2])
    with pytest.raises(SourceError, match="nosuch"):
        LiveHistory(repository, "repo", "nosuch")
