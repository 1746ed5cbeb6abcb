import shutil

import pytest
from leakage_cases import AFTER, edited_in_every_third_file, growing, mined, rewritten, synthetic
from planted import mine_small


@pytest.fixture(scope="session")
def family(tmp_path_factory):
    """Three repositories from before the cutoff; four that begin after it: a copy, a fork, a host and a new one."""
    histories = {}
    originals = [synthetic(index) for index in range(3)]
    for commits, name in originals:
        histories[name] = commits
    (copied, copied_name), (forked, forked_name), (vendored, vendored_name) = originals
    paths = {path for _, files in forked for path in files}
    tree = {}
    for _, files in vendored:
        tree.update(files)
    inside = {f"third_party/{vendored_name}/{path}": text for path, text in tree.items() if text is not None}
    host, _ = synthetic(3, first=AFTER)
    histories |= {
        "copy": rewritten(copied, AFTER, "no such name", ""),
        "fork": rewritten(forked, AFTER, forked_name, "renamed", edited_in_every_third_file(paths)),
        "host": [(host[0][0], host[0][1] | inside), *host[1:]],
        "fresh": synthetic(4, first=AFTER)[0],
    }
    names = {"copied": copied_name, "forked": forked_name, "vendored": vendored_name}
    return mined(tmp_path_factory.mktemp("family"), histories), names


@pytest.fixture(scope="session")
def healthy(tmp_path_factory):
    """One repository of ten commits, whose tests and code repeat nothing."""
    return mined(tmp_path_factory.mktemp("healthy"), {"repo": growing(10)})


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """The folder of a dataset as mining leaves it, with every suite and snapshots; not to be changed."""
    return mine_small(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def data(whole, tmp_path):
    """A copy of it, to plant defects in."""
    return shutil.copytree(whole, tmp_path / "data")
