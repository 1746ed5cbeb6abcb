import pytest

from repopeftbench.dataset.build import BuildOptions, build_dataset
from repopeftbench.dataset.store import Dataset
from repopeftbench.gitrepo import write_history
from repopeftbench.pool import LocalEngine
from repopeftbench.sources import repository_list
from repopeftbench.synthetic import synthetic_repositories

YEAR = 365 * 86_400


@pytest.fixture(scope="session")
def mined(tmp_path_factory):
    """A dataset with every split, ood_test included; to be read only."""
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
    return Dataset(folder / "data")
