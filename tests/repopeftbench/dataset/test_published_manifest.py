"""A manifest that is published names no folder of the machine that mined, and nothing else of it changes."""

import pytest
from card_cases import build_case

from repopeftbench.dataset.published_manifest import names_folder, published_manifest


@pytest.mark.parametrize(
    "text",
    ["/home/me/code", "~/code", "./code", "../code", "file:///home/me", "in /home/me: gone", "'/srv/x'", r"C:\me\code"],
)
def test_folders_are_seen(text):
    assert names_folder(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://github.com/o/n.git",
        "ssh://git@host:22/o/n",
        "git@github.com:o/n",
        "o/n",
        "o/n@1.2",
        "name",
        "404 / gone",
    ],
)
def test_names_and_urls_are_no_folders(text):
    assert not names_folder(text)


def test_locations_and_failures_without_folders_stay(tmp_path):
    manifest = build_case(tmp_path, {"org/a": ("MIT", {})}).manifest
    url = "https://github.com/org/a.git"
    mined = tuple(entry.model_copy(update={"location": url}) for entry in manifest.repositories)
    manifest = manifest.model_copy(update={"repositories": mined, "failed_sources": {"o/gone": "no such repository"}})
    assert published_manifest(manifest) == manifest


def test_folders_become_names(tmp_path):
    manifest = build_case(tmp_path, {"org/a": ("MIT", {})}).manifest
    failed = {f"{tmp_path}/gone": f"{tmp_path}/gone is no git repository", "o/n": f"the clone in {tmp_path} is damaged"}
    told = published_manifest(manifest.model_copy(update={"failed_sources": failed}))
    assert [entry.location for entry in told.repositories] == ["org/a"]
    assert list(told.failed_sources) == ["gone", "o/n"]
    assert str(tmp_path) not in told.model_dump_json()
    assert told.model_copy(update={"repositories": manifest.repositories, "failed_sources": {}}) == manifest
