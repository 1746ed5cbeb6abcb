import shutil
from pathlib import Path

import pytest
from audits import with_audit
from clients import STRANGER, TOKEN, client
from server import running

from repopeftbench.dataset.build import BuildOptions, build_dataset
from repopeftbench.dataset.hub_layout import write_hub_folder
from repopeftbench.dataset.store import HUB, Dataset
from repopeftbench.gitrepo import write_history
from repopeftbench.pool import LocalEngine
from repopeftbench.sources import repository_list
from repopeftbench.synthetic import synthetic_repositories

YEAR = 365 * 86_400


@pytest.fixture(scope="session")
def mined(tmp_path_factory):
    """A dataset with every split, ood_test included, and an audit that found nothing; to be read only."""
    folder = tmp_path_factory.mktemp("mined")
    names = []
    for repository in synthetic_repositories(0, 6, commits=12):
        late = YEAR if len(names) == 5 else 0
        commits = [(c.message, c.committer_time + late, c.files) for c in repository.commits]
        write_history(folder / repository.name, commits)
        names.append(f'[[repository]]\nsource = "{repository.name}"\nlicence = "{repository.licence}"\n')
    (folder / "repos.toml").write_text("\n".join(names))
    options = BuildOptions(folder=folder / "data", cutoff="2023-06-01", engine=LocalEngine(1), cache=folder / "cache")
    build_dataset(repository_list(str(folder / "repos.toml")), options, lambda *_: None)
    dataset = with_audit(Dataset(folder / "data"))
    # As an earlier call left it: what has to do with building it anew removes it.
    write_hub_folder(dataset, dataset.folder / HUB / "upload")
    return dataset


@pytest.fixture
def make_listing():
    """Writes one small synthetic repository and a list of it; the list."""

    def make(folder):
        (repository,) = synthetic_repositories(0, 1, commits=6)
        write_history(folder / repository.name, [(c.message, c.committer_time, c.files) for c in repository.commits])
        (folder / "repos.txt").write_text(f"{repository.name}\n")
        return folder / "repos.txt"

    return make


@pytest.fixture
def data(mined, tmp_path):
    """A copy of the dataset's folder."""
    return Path(shutil.copytree(mined.folder, tmp_path / "data"))


@pytest.fixture(scope="module")
def server():
    with running() as hub:
        yield hub


@pytest.fixture(scope="module")
def shared_client(server, tmp_path_factory):
    with client(server.url, tmp_path_factory.mktemp("home")) as made:
        yield made


@pytest.fixture
def hub(server):
    """The Hub, empty; `org` is written to with the token of the tests."""
    server.reset()
    server.users = {TOKEN: ["me", "org"], STRANGER: ["stranger"]}
    return server


@pytest.fixture
def repobench(hub, shared_client):
    """Runs `repobench` where the Hub is the test's; no token may ever be printed."""
    shared_client.printed.clear()
    yield shared_client.run
    assert not any(token in text for token in (TOKEN, STRANGER) for text in shared_client.printed)
