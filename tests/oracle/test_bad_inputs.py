"""`repobench mine` on what cannot be mined: one clear sentence on stderr, a non-zero exit, no traceback."""

import pytest

from oracle.conftest import mine_into
from oracle.scripting import Script


def plain(folder):
    Script(folder).commit("one", {"pkg.py": "x = 1\n"})
    return folder


def missing(folder):
    return folder / "nowhere" / "at-all"


def empty(folder):
    return Script(folder / "empty").folder


def without_tests(folder):
    return plain(folder / "untested")


def bare_word(folder):
    return "notarepository"


def only_typos(folder):
    listing = folder / "list.txt"
    listing.write_text("./nowhere  # gone\nhtps//example\n", "utf-8")
    return listing


def no_entries(folder):
    listing = folder / "list.txt"
    listing.write_text("# nothing\n\n", "utf-8")
    return listing


def wrong_key(folder):
    listing = folder / "list.toml"
    listing.write_text('[[repository]]\nsorce = "x"\n', "utf-8")
    return listing


def wrong_revision(folder):
    listing = folder / "list.txt"
    plain(folder / "there")
    listing.write_text("./there@nothing-of-this-name\n", "utf-8")
    return listing


def no_repository(folder):
    (folder / "just-a-folder").mkdir()
    return folder / "just-a-folder"


INPUTS = (missing, empty, without_tests, bare_word, only_typos, no_entries, wrong_key, wrong_revision, no_repository)


@pytest.mark.parametrize("make", INPUTS, ids=lambda make: make.__name__)
def test_one_sentence_and_a_failing_exit(make, tmp_path, capsys):
    code = mine_into(make(tmp_path), tmp_path / "data", tmp_path / "cache", "--workers", "1")
    output = capsys.readouterr()
    assert code != 0
    assert output.out == ""
    assert "Traceback" not in output.err
    assert len(output.err.strip().splitlines()) == 1, output.err
    assert len(output.err.split()) > 4
    assert not (tmp_path / "data" / "manifest.json").exists()


def test_list_with_one_typo_mines_the_others_and_names_it(scripted, tmp_path, capsys):
    listing = tmp_path / "list.txt"
    listing.write_text(f"{scripted.scripts['born'].folder}\n./no-such-place\n", "utf-8")
    assert mine_into(listing, tmp_path / "data", tmp_path / "cache", "--workers", "1") != 0
    output = capsys.readouterr()
    assert "no-such-place" in output.err
    assert "Traceback" not in output.err
    assert (tmp_path / "data" / "manifest.json").is_file()
