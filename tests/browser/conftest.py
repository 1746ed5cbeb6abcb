"""A real headless Chromium, and reports to open in it."""

import os
import shutil
import sys
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

_TESTS = Path(__file__).parent.parent
sys.path[:0] = [str(_TESTS / "harness"), str(_TESTS.parent / "benchmarks")]

from page_cases import write_hostile, write_usual  # noqa: E402 - needs the path above

_NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser():
    """Chromium; REPOBENCH_REQUIRE=browser makes its absence a failure."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    missing = "there is no Chromium: .ci/browser installs one" if found is None else None
    if missing is not None:
        if "browser" in os.environ.get("REPOBENCH_REQUIRE", "").split(","):
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser):
    """Opens a page and gives it with all that went wrong in it, which must be nothing at the end of a test."""
    contexts, problems = [], []

    def opened(address, *, ready="html[data-ready]", **options):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        view = context.new_page()
        view.on(
            "console", lambda message: problems.append(message.text) if message.type in ("error", "warning") else None
        )
        view.on("pageerror", lambda error: problems.append(str(error)))
        view.on("requestfailed", lambda request: problems.append(f"{request.url} failed"))
        view.goto(address)
        view.wait_for_selector(ready)
        return view

    opened.problems = problems
    yield opened
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture(scope="session")
def usual(tmp_path_factory):
    """The folder of a report on 240 tasks; the dataset and the runs lie beside it."""
    return write_usual(tmp_path_factory.mktemp("usual"))


@pytest.fixture(scope="session")
def hostile(tmp_path_factory):
    """The folder of a report in which every text wants to be more than text."""
    return write_hostile(tmp_path_factory.mktemp("hostile"))
