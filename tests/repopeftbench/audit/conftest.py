import shutil

import pytest
from planted import mine_small


@pytest.fixture(scope="session")
def mined(tmp_path_factory):
    """A small dataset as mining leaves it, with every suite and snapshots; not to be changed."""
    return mine_small(tmp_path_factory.mktemp("mined"))


@pytest.fixture
def data(mined, tmp_path):
    """A copy of it, to plant defects in."""
    return shutil.copytree(mined, tmp_path / "data")
