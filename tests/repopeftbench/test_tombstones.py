"""Repositories that were taken down: how they are known, that they are left out, that a dataset with one is refused."""

import datetime as dt
import json
from pathlib import Path

import pytest

from harness.cli import run_command
from repopeftbench import tombstones as module
from repopeftbench.audit.findings import Severity
from repopeftbench.dataset.store import Dataset
from repopeftbench.errors import RepositoryListError
from repopeftbench.sources import repository_list
from repopeftbench.tombstones import (
    Tombstone,
    listed_tombstones,
    read_tombstones,
    tombstone_of,
    tombstones,
    tombstones_toml,
    without_taken_down,
)

DAY = dt.date(2026, 1, 31)
REASON = "its owner asked for it"


def tombstone(source, *also):
    return Tombstone(source=source, also=also, date=DAY, reason=REASON)


@pytest.mark.parametrize(
    ("listed", "repo_id", "location"),
    [
        ("owner/name", "owner/name", None),
        ("owner/name", "Owner/Name", "https://github.com/Owner/Name.git"),
        ("Owner/Name.git", "owner/name", "https://gitlab.example.org/owner/name/"),
        ("https://github.com/owner/name", "owner/name", "git@github.com:owner/name.git"),
        ("https://github.com/owner/name", "owner/name", "ssh://git@www.github.com:22/owner/name"),
        ("https://github.com/owner/name", "owner/name", "/clones/name"),
        ("owner/name", "owner/name~2", "/clones/name"),
        ("owner/name", "owner/name", "https://mirror.example.org/somewhere/else.git"),
        ("https://git.example.org/group/sub/name", "sub/name", "https://git.example.org/group/sub/name.git"),
    ],
)
def test_repository_is_known_by_name_and_by_url(listed, repo_id, location):
    assert tombstone_of([tombstone("other/one"), tombstone(listed)], repo_id, location) == tombstone(listed)


@pytest.mark.parametrize(
    ("listed", "repo_id", "location"),
    [
        ("owner/name", "owner/names", "https://github.com/owner/names"),
        ("owner/name", "other/name", "https://github.com/other/name"),
        ("https://gitlab.com/owner/name", "owner/name", "https://github.com/owner/name"),
        ("owner/name", "name", "/clones/owner/name"),
    ],
)
def test_other_repositories_are_left_alone(listed, repo_id, location):
    assert tombstone_of([tombstone(listed)], repo_id, location) is None


def test_earlier_name_finds_the_repository():
    renamed = tombstone("owner/name", "before/it", "https://git.example.org/x/y")
    assert tombstone_of([renamed], "before/it", "https://github.com/before/it.git") is renamed
    assert tombstone_of([renamed], "x/y", "https://git.example.org/X/Y.git") is renamed


def test_list_is_read_back_as_it_was_written(tmp_path):
    listed = (tombstone("owner/name", "a/b", 'https://x.org/"y"/z'), Tombstone(source="c/d", date=DAY, reason='"é"\n'))
    (tmp_path / "list.toml").write_text(tombstones_toml(listed), "utf-8")
    assert read_tombstones(tmp_path / "list.toml") == listed
    assert listed_tombstones(tmp_path / "list.toml") == read_tombstones(module.BUNDLED) + listed


def test_form_that_the_bundled_list_documents_can_be_read(tmp_path):
    comment = module.BUNDLED.read_text("utf-8").partition("#   [[")[2]
    lines = ["[[" + comment.partition("\n")[0], *(line.removeprefix("#   ") for line in comment.splitlines()[1:5])]
    (tmp_path / "list.toml").write_text("\n".join(lines), "utf-8")
    [found] = read_tombstones(tmp_path / "list.toml")
    assert (found.source, found.also, found.date) == ("owner/name", ("https://git.example.org/owner/old-name",), DAY)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[tombstone]\n", "is not TOML"),
        ('[[tombstone]]\nsource = "a/b"\nreason = "x"\n', "tombstone.0.date"),
        ('[[tombstone]]\nsource = "a/b"\ndate = 2026-01-31\nreason = ""\n', "tombstone.0.reason"),
        ('[[tombstone]]\nsource = "word"\ndate = 2026-01-31\nreason = "x"\n', "'word' is no URL and no owner/name"),
        ('[[tombstones]]\nsource = "a/b"\n', "tombstones: Extra inputs"),
    ],
)
def test_list_that_cannot_be_used_is_one_sentence(tmp_path, text, message):
    (tmp_path / "list.toml").write_text(text, "utf-8")
    with pytest.raises(RepositoryListError, match=r"tombstones .*list\.toml") as caught:
        read_tombstones(tmp_path / "list.toml")
    assert message in str(caught.value)


def test_password_of_a_listed_url_is_not_shown(tmp_path):
    (tmp_path / "list.txt").write_text("https://user:secret@github.com/owner/name\na/b\n")
    allowed = without_taken_down(repository_list(str(tmp_path / "list.txt")), [tombstone("owner/name")])
    assert [source.repo_id for source in allowed.sources] == ["a/b"]
    assert [entry.text for entry in allowed.taken_down] == ["https://github.com/owner/name"]


def source_of_tests(number):
    return "".join(f"def test_{n}():\n    assert f({n}) == {number * 100 + n}\n\n\n" for n in range(32))


@pytest.fixture
def listing(tmp_path, make_repository):
    """A list of two local repositories and one that can only be cloned, and tombstones of one and of that."""
    names = []
    for number, name in enumerate(("kept", "gone")):
        folder = make_repository(
            {"tests/test_a.py": source_of_tests(number)},
            {"tests/test_b.py": source_of_tests(number + 5)},
            name=name,
        )
        names.append(f'[[repository]]\nsource = "{folder}"\nname = "Owner/{name}"\n')
    names.append('[[repository]]\nsource = "https://host.invalid/far/away.git"\n')
    (tmp_path / "list.toml").write_text("\n".join(names))
    listed = (tombstone("owner/gone"), tombstone("https://host.invalid/far/away"))
    (tmp_path / "tombstones.toml").write_text(tombstones_toml(listed))
    return tmp_path / "list.toml"


def mine(listing: Path, *more):
    folder = listing.parent
    arguments = ["--cutoff", "none", "--cache", folder / "cache", "--workers", "1", "-o", folder / "data", *more]
    return run_command(["mine", str(listing), *map(str, arguments)])


def left_out(said):
    return sorted(line for line in said.err.splitlines() if line.startswith("left out: "))


@pytest.mark.parametrize("protocol", ["clean", "paper"])
def test_listed_repository_is_not_cloned_and_not_mined_and_the_rest_is(tmp_path, listing, capsys, protocol):
    assert mine(listing, "--protocol", protocol, "--tombstones", tmp_path / "tombstones.toml") == 0
    said = capsys.readouterr()
    assert left_out(said) == sorted(
        f"left out: {text}: taken down on 2026-01-31: {REASON}"
        for text in (tmp_path / "gone", "https://host.invalid/far/away.git")
    )
    assert len(said.err.splitlines()) == 2
    assert not (tmp_path / "cache").exists()
    assert not (tmp_path / "data" / ".staging").exists()
    name, left = ("manifest.json", "failed_sources") if protocol == "clean" else ("README.json", "left_out")
    manifest = json.loads((tmp_path / "data" / name).read_text())
    assert [entry["repo_id"] for entry in manifest["repositories"]] == ["Owner/kept"]
    assert sorted(manifest[left]) == sorted([str(tmp_path / "gone"), "https://host.invalid/far/away.git"])


@pytest.mark.parametrize("protocol", ["clean", "paper"])
def test_dry_run_leaves_it_out_too(tmp_path, listing, capsys, protocol):
    assert mine(listing, "--dry-run", "--protocol", protocol, "--tombstones", tmp_path / "tombstones.toml") == 0
    said = capsys.readouterr()
    assert len(left_out(said)) == 2
    assert "Owner/kept" in said.out
    assert "gone" not in said.out
    assert "away" not in said.out


def test_list_of_nothing_else_is_one_sentence(tmp_path, listing, capsys):
    (tmp_path / "one.toml").write_text('[[repository]]\nsource = "https://host.invalid/far/away.git"\n')
    assert mine(tmp_path / "one.toml", "--tombstones", tmp_path / "tombstones.toml") == 2
    assert "nothing is left of" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_dataset_that_holds_one_is_refused_and_not_verified(tmp_path, listing, capsys):
    text = listing.read_text()
    listing.write_text(text[: text.rindex("[[repository]]")])
    assert mine(listing) == 0
    dataset = Dataset(tmp_path / "data")
    assert tombstones(dataset).problems == ()
    [problem] = tombstones(dataset, read_tombstones(tmp_path / "tombstones.toml")).problems
    assert (problem.severity, problem.where) == (Severity.ERROR, "Owner/gone")
    assert REASON in problem.message
    capsys.readouterr()
    arguments = ["mine", "--verify", "-o", str(tmp_path / "data"), "--tombstones", str(tmp_path / "tombstones.toml")]
    assert run_command(arguments) == 2
    assert "holds Owner/gone, taken down on 2026-01-31" in capsys.readouterr().err
