from pathlib import Path

import pytest

from repopeftbench.errors import RepositoryListError, SourceError
from repopeftbench.sources import cached_clone, local_copy, repository_list, without_credentials


def listed(tmp_path, text, name="repos.txt"):
    path = tmp_path / name
    path.write_text(text)
    return repository_list(str(path))


def test_every_form_of_source_is_understood(tmp_path):
    (tmp_path / "local").mkdir()
    (tmp_path / "bare.git").mkdir()
    found = listed(
        tmp_path,
        "# a comment\nowner/name\nowner/other@v1.0  # pinned\nhttps://host.org/group/sub/proj.git@main\n\n"
        f"./local\nbare.git@abc\n{tmp_path}/local@def\ngit@host.org:me/mine.git@v2\nssh://git@host.org/x/y\n",
    )
    assert found.bad == ()
    assert [(s.repo_id, s.url, s.path and s.path.name, s.revision) for s in found.sources] == [
        ("owner/name", "https://github.com/owner/name.git", None, None),
        ("owner/other", "https://github.com/owner/other.git", None, "v1.0"),
        ("sub/proj", "https://host.org/group/sub/proj.git", None, "main"),
        ("/".join((tmp_path / "local").parts[-4:]), None, "local", None),
        ("bare", None, "bare.git", "abc"),
        ("/".join((tmp_path / "local").parts[-4:]) + "~2", None, "local", "def"),
        ("me/mine", "git@host.org:me/mine.git", None, "v2"),
        ("x/y", "ssh://git@host.org/x/y", None, None),
    ]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("word", "no URL, no owner/name and no existing path"),
        ("./missing", "does not exist"),
        ("/missing/path", "does not exist"),
        ("htps://github.com/a/b", "unknown scheme 'htps'"),
        ("https://github.com", "names no repository"),
    ],
)
def test_entry_that_names_nothing_is_kept_with_a_reason(tmp_path, entry, message):
    found = listed(tmp_path, f"{entry}\nowner/name\n")
    assert [s.repo_id for s in found.sources] == ["owner/name"]
    assert found.bad[0].text == entry
    assert message in found.bad[0].problem


def test_toml_list_has_licences_names_and_a_cutoff(tmp_path):
    text = 'cutoff = "2024-01-01"\n[[repository]]\nsource = "a/b"\nlicence = "MIT"\nname = "x/y"\nrevision = "v1"\n'
    found = listed(tmp_path, text, "repos.toml")
    (source,) = found.sources
    assert (source.repo_id, source.licence, source.revision, found.cutoff) == ("x/y", "MIT", "v1", "2024-01-01")


@pytest.mark.parametrize(
    ("text", "message"),
    [("[[repository]\n", "is not TOML"), ('[[repository]]\nsorce = "a"\n', "sorce|source"), ("", "repository")],
)
def test_broken_toml_list_says_where(tmp_path, text, message):
    with pytest.raises(RepositoryListError, match=message):
        listed(tmp_path, text, "repos.toml")


def test_byte_order_marks_dates_and_repeated_names(tmp_path):
    assert repository_list_of(tmp_path, "\ufeffa/b\r\nc/d\r\n") == ["a/b", "c/d"]
    dated = listed(tmp_path, 'cutoff = 2024-01-01\n[[repository]]\nsource = "a/b"\n', "repos.toml")
    assert dated.cutoff == "2024-01-01"
    twice = '[[repository]]\nsource = "a/b"\nname = "n"\n[[repository]]\nsource = "c/d"\nname = "n"\n'
    with pytest.raises(RepositoryListError, match="'n' twice"):
        listed(tmp_path, twice, "repos.toml")


def repository_list_of(tmp_path, text):
    return [source.repo_id for source in listed(tmp_path, text).sources]


def test_credentials_are_not_written_down():
    assert without_credentials("https://user:token@host.org/a/b.git") == "https://host.org/a/b.git"
    assert without_credentials("git@host.org:a/b.git") == "git@host.org:a/b.git"


def test_empty_and_missing_lists_are_refused(tmp_path):
    with pytest.raises(RepositoryListError, match="names no repository"):
        listed(tmp_path, "# nothing\n")
    with pytest.raises(RepositoryListError, match="does not exist"):
        repository_list(str(tmp_path / "missing.txt"))


def test_argument_may_be_one_source_itself(tmp_path):
    assert repository_list("owner/name").sources[0].repo_id == "owner/name"
    assert repository_list(str(tmp_path)).sources[0].path == tmp_path


def test_repeated_entries_are_mined_once(tmp_path):
    assert len(listed(tmp_path, "a/b\na/b\n").sources) == 1


def test_clones_have_distinct_folders():
    urls = ["https://host.org/a/b.git", "https://other.org/a/b.git", "git@host.org:a/b.git"]
    assert len({cached_clone(url, Path("cache")) for url in urls}) >= 2


def test_local_copy_of_an_unreachable_url_fails(tmp_path):
    source = repository_list(f"file://{tmp_path}/none/repo").sources[0]
    with pytest.raises(SourceError, match="cannot be cloned"):
        local_copy(source, tmp_path / "cache")
