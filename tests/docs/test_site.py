"""The site builds without a warning and a network, and its reference is the command line itself."""

import re
import subprocess
import sys

import pytest
from documented import ROOT

from harness.cli import _COMMANDS, app


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "--site-dir",
        str(folder),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_site_loads_nothing_from_elsewhere(site):
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        assert not re.findall(r'<(?:script|img|iframe)[^>]+src="https?:', text)
        assert not re.findall(r'<link[^>]+rel="(?:stylesheet|preconnect|icon)"[^>]+href="https?:', text)


@pytest.mark.slow
def test_reference_has_every_command_with_every_option(site):
    text = (site / "reference" / "commands.html").read_text("utf-8")
    for name in _COMMANDS:
        assert f'id="{name}"' in text
        for argument in app[name].assemble_argument_collection():
            assert all(f"<code>{option}</code>" in text for option in argument.names if option.startswith("-"))


@pytest.mark.slow
def test_decisions_are_listed_and_the_map_for_programs_leads_to_pages(site):
    decisions = (site / "adr" / "index.html").read_text("utf-8")
    for path in (ROOT / "docs" / "adr").glob("*.md"):
        assert path.stem in decisions
    links = re.findall(r"\]\(([^)]+)\)", (site / "llms.txt").read_text("utf-8"))
    assert len(links) > 10
    assert [link for link in links if not (site / link).is_file()] == []


def test_links_of_the_readme_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text("utf-8"))
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []
