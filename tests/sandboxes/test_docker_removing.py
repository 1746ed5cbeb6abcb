"""Removing a container that is ending, gone, or of an engine that is gone itself."""

from types import SimpleNamespace

import pytest
from docker.errors import APIError

from sandboxes import docker as driver


class Engine:
    """Answers one request after the other with these statuses; 0 is success."""

    def __init__(self, *statuses):
        self.statuses = list(statuses)

    def remove_container(self, container, *, force, v):
        status = self.statuses.pop(0)
        if status:
            raise APIError("no", response=SimpleNamespace(status_code=status, url="", reason="no"))


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(driver, "_REMOVAL_SECONDS", 0.0)


@pytest.mark.parametrize("statuses", [(0,), (404,), (409,), (500, 500, 0), (500, 404)])
def test_container_is_removed_at_the_latest_when_it_has_ended(statuses):
    engine = Engine(*statuses)
    driver.remove_container(engine, "a")
    assert engine.statuses == []


@pytest.mark.parametrize("statuses", [(403,), (500,) * driver._REMOVALS])
def test_engine_that_does_not_remove_is_no_secret(statuses):
    engine = Engine(*statuses)
    with pytest.raises(APIError):
        driver.remove_container(engine, "a")
    assert engine.statuses == []
