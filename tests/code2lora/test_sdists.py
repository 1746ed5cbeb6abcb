"""Lists of releases, their files in a cache, and the Python in them. The index is a folder served on this machine."""

import dataclasses
import functools
import http.server
import json
import os
import tarfile
import threading

import pytest
from sdist_cases import list_text, write_sdist

from code2lora.errors import CorpusError
from code2lora.training import sdists
from code2lora.training.sdists import fetch_sources, is_permissive, missing_sources, python_members, read_source_list


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def served(tmp_path):
    """A folder that is an index, and its address; every page that is asked for is noted."""
    folder = tmp_path / "index"
    folder.mkdir()
    asked = []

    class Noting(_Quiet):
        def do_GET(self):
            asked.append((self.path, self.headers["Accept"]))
            super().do_GET()

    handler = functools.partial(Noting, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def offer(folder, release):
    """Puts a page about a release, whose file is in `files`, into an index."""
    page = folder / release.name / "index.html"
    page.parent.mkdir()
    page.write_text(json.dumps({"files": [{"filename": release.file, "url": f"../files/{release.file}"}]}))


def test_missing_file_is_fetched_by_its_place_in_the_index_and_kept(tmp_path, served):
    folder, address, asked = served
    release = write_sdist(folder / "files", "made", {"a.py": "x = 1\n"})
    offer(folder, release)
    told = []
    cache = tmp_path / "cache"
    assert missing_sources([release], cache) == [release]
    fetch_sources([release], cache, index=address, progress=lambda done, total: told.append((done, total)))
    assert (cache / release.file).read_bytes() == (folder / "files" / release.file).read_bytes()
    assert asked[0] == ("/made/", "application/vnd.pypi.simple.v1+json")
    assert (missing_sources([release], cache), told) == ([], [(1, 1)])
    fetch_sources([release], cache, index="http://127.0.0.1:9/nobody")  # nothing is asked for again
    assert len(asked) == 2


def test_page_is_asked_for_by_the_normalised_name(tmp_path, served):
    folder, address, _ = served
    release = dataclasses.replace(write_sdist(folder / "files", "zope-made", {"a.py": ""}), name="zope-made")
    offer(folder, release)
    fetch_sources([dataclasses.replace(release, name="Zope.Made")], tmp_path / "cache", index=address)
    assert missing_sources([release], tmp_path / "cache") == []


def test_file_with_another_hash_is_refused_and_not_kept(tmp_path, served):
    folder, address, _ = served
    release = write_sdist(folder / "files", "made", {"a.py": "x = 1\n"})
    offer(folder, release)
    (folder / "files" / release.file).write_bytes(b"something else")
    with pytest.raises(CorpusError, match=r"made-1\.0\.tar\.gz of http.* has the sha256 \w+, the list says \w+: corr"):
        fetch_sources([release], tmp_path / "cache", index=address)
    assert list((tmp_path / "cache").iterdir()) == []


def test_kept_file_that_was_changed_is_refused(tmp_path):
    release = write_sdist(tmp_path, "made", {"a.py": "x = 1\n"})
    (tmp_path / release.file).write_bytes(b"changed")
    with pytest.raises(CorpusError, match=r"made-1\.0\.tar\.gz of .* has the sha256 .*: delete it"):
        fetch_sources([release], tmp_path)


def test_larger_file_than_listed_is_not_read_to_its_end(tmp_path, served):
    folder, address, _ = served
    release = write_sdist(folder / "files", "made", {"a.py": os.urandom(3_000_000)})
    offer(folder, release)
    with pytest.raises(CorpusError, match="has the sha256"):
        fetch_sources([dataclasses.replace(release, size=10)], tmp_path / "cache", index=address)


@pytest.mark.parametrize("page", [None, "no JSON", "[]", '{"files": [{}]}', '{"files": [{"filename": 1}]}'])
def test_index_that_does_not_answer_is_one_sentence(tmp_path, served, page):
    folder, address, _ = served
    release = write_sdist(tmp_path / "elsewhere", "made", {"a.py": ""})
    if page is not None:
        (folder / "made").mkdir()
        (folder / "made" / "index.html").write_text(page)
    with pytest.raises(CorpusError, match=r"made-1\.0\.tar\.gz|correct the list"):
        fetch_sources([release], tmp_path / "cache", index=address)


def test_members_are_read_in_memory_and_only_python_files(tmp_path):
    release = write_sdist(tmp_path, "made", {"a/b.py": "x = 1\n", "note.txt": "no", "large.py": "x" * 100})
    assert list(python_members(tmp_path / release.file, 50)) == [("a/b.py", b"x = 1\n"), ("large.py", None)]
    assert [path.name for path in tmp_path.iterdir()] == [release.file]


def test_links_and_folders_are_not_followed(tmp_path):
    path = tmp_path / "made-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for name, kind in (("link.py", tarfile.SYMTYPE), ("hard.py", tarfile.LNKTYPE), ("folder.py", tarfile.DIRTYPE)):
            member = tarfile.TarInfo(f"made-1.0/{name}")
            member.type, member.linkname = kind, "/etc/passwd"
            tar.addfile(member)
    assert list(python_members(path, 100)) == []


def test_archive_with_too_many_members_is_refused(tmp_path, monkeypatch):
    release = write_sdist(tmp_path, "made", {f"f{index}.py": "" for index in range(5)})
    monkeypatch.setattr(sdists, "MAX_MEMBERS", 4)
    with pytest.raises(CorpusError, match="holds more than 4 members"):
        list(python_members(tmp_path / release.file, 100))


def test_archive_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    release = write_sdist(tmp_path, "made", {"a.bin": b"\0" * 100_000, "b.py": ""})
    monkeypatch.setattr(sdists, "MAX_UNPACKED_BYTES", 50_000)
    with pytest.raises(CorpusError, match="or 50,000 bytes"):
        list(python_members(tmp_path / release.file, 100))


@pytest.mark.parametrize("cut", ["text", "half"])
def test_archive_that_is_none_is_refused(tmp_path, cut):
    release = write_sdist(tmp_path, "made", {"a.py": os.urandom(200_000)})
    path = tmp_path / release.file
    path.write_bytes(b"no archive" if cut == "text" else path.read_bytes()[:100_000])
    with pytest.raises(CorpusError, match=r"cannot be read as a \.tar\.gz"):
        list(python_members(path, 1_000_000))


def test_list_names_releases_in_order(tmp_path):
    first = write_sdist(tmp_path, "zeta", {"a.py": ""}, leave_out=("a.py",))
    second = write_sdist(tmp_path, "alpha", {"a.py": ""}, held_out=True)
    path = tmp_path / "list.toml"
    path.write_text(list_text(first, second, source_bytes=7))
    found = read_source_list(path)
    assert (found.sources, found.source_bytes) == ((first, second), 7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"licence": "GPL-3.0-only"}, "made is not known to be permissively licensed ('GPL-3.0-only'): leave it out"),
        ({"released": "2025-04-01"}, "made 1.0 was released on 2025-04-01, not before 2025-04-01: pin an earlier"),
        ({"file": "../made.tar.gz"}, "source.0.file: String should match pattern"),
        ({"file": "made.zip"}, "source.0.file: String should match pattern"),
        ({"sha256": "abc"}, "source.0.sha256: String should match pattern"),
        ({"name": "../x"}, "source.0.name: String should match pattern"),
        ({"size": 10**12}, "source.0.size: Input should be less than or equal to 200000000"),
    ],
)
def test_entry_that_cannot_be_used_is_one_sentence(tmp_path, change, message):
    release = dataclasses.replace(write_sdist(tmp_path, "made", {"a.py": ""}), **change)
    path = tmp_path / "list.toml"
    path.write_text(list_text(release))
    with pytest.raises(CorpusError) as caught:
        read_source_list(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_release_that_is_listed_twice_is_refused(tmp_path):
    release = write_sdist(tmp_path, "made", {"a.py": ""})
    path = tmp_path / "list.toml"
    path.write_text(list_text(release, release))
    with pytest.raises(CorpusError, match="made is listed twice: pin one release"):
        read_source_list(path)


@pytest.mark.parametrize(
    "text", [None, "not = [toml", 'cutoff = "2025-04-01"\nsource_bytes = 1\nsource = []\n', "x = 1"]
)
def test_list_that_is_none_is_refused(tmp_path, text):
    path = tmp_path / "list.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(CorpusError, match=r"list\.toml"):
        read_source_list(path)


@pytest.mark.parametrize(
    ("expression", "permissive"),
    [
        ("MIT", True),
        ("BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0", True),
        ("(MIT OR Apache-2.0)", True),
        ("MPL-2.0 AND MIT", False),
        ("Apache-2.0 WITH LLVM-exception", False),
        ("GPL-3.0-only", False),
        ("", False),
    ],
)
def test_only_known_licences_are_permissive(expression, permissive):
    assert is_permissive(expression) == permissive
