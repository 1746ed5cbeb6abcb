"""Cloning: which addresses are cloned at all, and that remotes of every kind end in a clone or in one sentence."""

import http.server
import socket
import threading
from multiprocessing import get_context
from pathlib import Path

import pygit2
import pytest
from raw_history import asserting, git

from repopeftbench.cloning import clone_or_update
from repopeftbench.errors import SourceError
from repopeftbench.gitrepo import GitRepository
from repopeftbench.sources import cached_clone, repository_list

REFUSED = [
    "git://host/a/b", "http://host/a/b", "ftp://host/a/b", "rsync://host/a/b", "ext::sh -c touch% marker", "fd::3",
    "ext::ssh://host/x", "ext://sh -c x", "gopher://host/x", "javascript://x", "git+ssh://host/a/b", "-u./program:x/y",
    "--upload-pack=./program", "ssh://-oProxyCommand=touch x/x", "ssh://-oProxyCommand=x/x", "git@-oProxyCommand:x/y",
    "ssh://-u@host/x", "https://-host/a/b", "https://host:port/a/b", "https://host:99999/a/b", "https://[host/a/b",
    "https:///a/b", "ssh:///x", "https://host", "~nobody-of-this-name/x", "x" * 5000, "/" + "x" * 5000,
    "https://host/a\x1bb", "a@ext::x",
]  # fmt: skip


@pytest.mark.parametrize("entry", REFUSED)
def test_address_that_is_never_cloned_is_a_bad_source_in_one_sentence(entry, tmp_path):
    listing = tmp_path / "list.txt"
    listing.write_text(f"{entry}\nowner/name\n", "utf-8")
    found = repository_list(str(listing))
    assert [source.repo_id for source in found.sources] == ["owner/name"]
    (bad,) = found.bad
    assert bad.problem
    assert "\n" not in bad.problem


@pytest.mark.parametrize("entry", ["https://host/a\nb", "a\0b", "\ud800", "https://host/a\tb", "./a\0/b"])
def test_address_with_control_characters_in_a_toml_list_is_a_bad_source(entry, tmp_path):
    escaped = entry.encode("unicode_escape").decode().replace("\\x", "\\u00")
    listing = tmp_path / "list.toml"
    listing.write_text(f'[[repository]]\nsource = "{escaped}"\n', "utf-8")
    if entry == "\ud800":
        with pytest.raises(Exception, match="is not TOML"):
            repository_list(str(listing))
        return
    found = repository_list(str(listing))
    assert (found.sources, len(found.bad)) == ((), 1)


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 300, "\x1b[31m", "\u202e"])
def test_name_that_cannot_be_shown_is_a_bad_source(name, tmp_path):
    escaped = name.encode("unicode_escape").decode().replace("\\x", "\\u00")
    listing = tmp_path / "list.toml"
    listing.write_text(f'[[repository]]\nsource = "a/b"\nname = "{escaped}"\n', "utf-8")
    found = repository_list(str(listing))
    assert (found.sources, len(found.bad)) == ((), 1) or name == ""


def test_every_address_has_a_clone_of_its_own():
    urls = [
        "https://host/a/b", "https://host/a+b", "https://host/a b", "https://host/a/b/", "https://host/a//b", "https://host/A/b",
        "https://host:8443/a/b", "https://host/a/b.git", "https://host/a/..b", "https://host/" + "x" * 300,
        "https://host/" + "x" * 301, "git@host:a/c", "https://host/é/b", "https://host/è/b",
    ]  # fmt: skip
    folders = [cached_clone(url, Path("cache")) for url in urls]
    assert len(set(folders)) == len(urls)
    assert all(folder.parent == Path("cache") and len(folder.name) < 200 for folder in folders)
    assert cached_clone("https://user:secret@host/a/b", Path("cache")) == folders[0]


def test_closed_port_and_unknown_host_are_failed_sources(mine):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        mined = mine(
            f"https://127.0.0.1:{port}/a/b", f"ssh://git@127.0.0.1:{port}/a/b", "https://no-such-host.invalid/a/b"
        )
    assert mined.code == 1
    assert len(mined.failed) == 3
    assert all("cannot be cloned or updated" in problem and "\n" not in problem for problem in mined.failed)


@pytest.fixture
def serve():
    """Serves HTTP on this machine with a given status and headers; gives the address and what was asked."""
    servers = []

    def start(status, **headers):
        asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/a/b", asked

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_redirect_to_another_host_is_not_followed(serve, tmp_path):
    there, asked_there = serve(404)
    elsewhere = there.replace("127.0.0.1", "localhost")
    here, asked = serve(301, Location=f"{elsewhere}/info/refs?service=git-upload-pack")
    with pytest.raises(SourceError, match="cannot be cloned or updated"):
        clone_or_update(here, tmp_path / "copy")
    assert (len(asked), asked_there) == (1, [])


def test_question_for_a_password_is_refused_in_one_sentence(serve, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_ASKPASS", str(tmp_path / "never"))
    url, asked = serve(401, WWW_Authenticate='Basic realm="x"')
    with pytest.raises(SourceError, match=r"wants a name and a password, which are not given: check the spelling"):
        clone_or_update(url, tmp_path / "copy")
    assert len(asked) == 1
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("status", [200, 403, 404, 418, 500, 503])
def test_server_that_is_no_git_server_is_one_sentence(serve, tmp_path, status):
    url, _ = serve(status)
    with pytest.raises(SourceError) as caught:
        clone_or_update(url, tmp_path / "copy")
    assert "cannot be cloned or updated" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_server_that_says_nothing_is_not_waited_for_without_end(tmp_path, monkeypatch):
    assert (pygit2.settings.server_connect_timeout, pygit2.settings.server_timeout) == (60_000, 300_000)
    pygit2.settings.server_timeout = 300
    try:
        with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(SourceError, match="cannot be cloned"):
            clone_or_update(f"http://127.0.0.1:{server.getsockname()[1]}/a/b", tmp_path / "copy")
    finally:
        pygit2.settings.server_timeout = 300_000


def test_password_of_an_address_is_written_nowhere(serve, tmp_path, mine):
    url, _ = serve(401, WWW_Authenticate='Basic realm="x"')
    secret = url.replace("http://", "https://user:pa/ss@w0rd@").replace("pa/ss@", "pass")
    mined = mine(secret)
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".txt")
    assert b"passw0rd" not in everything
    assert "passw0rd" not in mined.remarks


@pytest.fixture
def origin(new_history):
    made = new_history("origin")
    made.commit({"tests/test_a.py": asserting(1)})
    made.commit({"tests/test_a.py": asserting(1, 2)})
    return made


def break_references(folder, head):
    heads = folder / ".git" / "refs" / "heads"
    for name in ("bad..name", "with space", "ends.lock", "x~1", "-dash", "\N{SNOWMAN}"):
        (heads / name).write_text(f"{head}\n")
    (heads / "garbage").write_bytes(b"\xff\0")
    (heads / "empty").write_bytes(b"")
    (heads / "missing").write_text("1" * 40 + "\n")
    (heads / "dangling").write_text("ref: refs/heads/nowhere\n")
    (heads / "circle").write_text("ref: refs/heads/circle\n")
    (heads / "blob").write_text(git(folder, "rev-parse", "main:tests/test_a.py").decode())
    deep = heads.joinpath(*["d" * 200] * 10)
    deep.mkdir(parents=True)
    (deep / ("e" * 200)).write_text(f"{head}\n")
    (heads / "link").symlink_to("/etc/passwd")


@pytest.mark.parametrize("prefix", ["", "file://", "file://localhost"])
def test_broken_and_huge_references_stop_nothing(origin, mine, prefix):
    break_references(origin.folder, origin.head)
    mined = mine(f"{prefix}{origin.folder}")
    assert (mined.code, mined.values()) == (0, ["1", "2"])


def test_file_address_of_another_machine_is_refused(origin, mine):
    (problem,) = mine(f"file://elsewhere{origin.folder}").failed
    assert "names another machine" in problem


def test_folder_with_a_space_and_a_percent_sign_is_cloned(origin, mine):
    odd = origin.folder.parent / "a b%20c"
    origin.folder.rename(odd)
    assert mine(f"file://{odd.parent}/a b%2520c").values() == ["1", "2"]


def test_clone_of_a_history_that_lacks_objects_is_a_failed_source(origin, mine, tmp_path):
    origin.delete(origin.blob(asserting(1)))
    (problem,) = mine(f"file://{origin.folder}").failed
    assert "cannot be cloned or updated" in problem
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_empty_remote_is_a_failed_source_until_it_has_a_commit(new_history, mine):
    made = new_history("late")
    (problem,) = mine(f"file://{made.folder}").failed
    assert "has no commits" in problem
    made.commit({"tests/test_a.py": asserting(1)})
    assert mine(f"file://{made.folder}", name="again").values() == ["1"]


def test_update_follows_rewritten_renamed_and_deleted_branches(origin, mine):
    url = f"file://{origin.folder}"
    git(origin.folder, "branch", "topic")
    assert mine(url).values() == ["1", "2"]
    git(origin.folder, "branch", "-m", "topic", "topic/inner")
    origin.commit({"tests/test_a.py": asserting(9)}, parents=[])
    assert mine(url, name="again").values() == ["9"]
    git(origin.folder, "branch", "-m", "main", "main/inner")
    assert mine(url, name="once-more").values() == ["9"]


def test_clone_that_was_cut_off_is_made_again(origin, mine, tmp_path):
    url = f"file://{origin.folder}"
    folder = cached_clone(url, tmp_path / "cache")
    for half in (".partial", ".stand-in"):
        (folder.with_name(folder.name + half) / "objects").mkdir(parents=True)
    assert mine(url).values() == ["1", "2"]
    assert sorted(path.name for path in folder.parent.iterdir()) == [folder.name, f"{folder.name}.lock"]


def test_damaged_clone_in_the_cache_is_a_failed_source(origin, mine, tmp_path):
    url = f"file://{origin.folder}"
    cached_clone(url, tmp_path / "cache").mkdir(parents=True)
    (problem,) = mine(url).failed
    assert "cannot be cloned or updated" in problem


def test_one_address_asked_for_by_several_processes_is_cloned_once(origin, tmp_path):
    url, folder = f"file://{origin.folder}", tmp_path / "cache" / "copy"
    with get_context("spawn").Pool(3) as pool:
        pool.starmap(clone_or_update, [(url, folder)] * 6)
    assert GitRepository(folder).resolve(None) == origin.head


def test_hooks_of_the_users_template_are_not_taken_over(origin, mine, tmp_path, monkeypatch):
    template = tmp_path / "template" / "hooks"
    template.mkdir(parents=True)
    (template / "post-checkout").write_text(f"#!/bin/sh\ntouch {tmp_path}/marker\n")
    (template / "post-checkout").chmod(0o755)
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(template.parent))
    url = f"file://{origin.folder}"
    assert mine(url).values() == ["1", "2"]
    assert not (cached_clone(url, tmp_path / "cache") / "hooks" / "post-checkout").exists()
    assert not (tmp_path / "marker").exists()
