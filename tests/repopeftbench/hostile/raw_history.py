"""Repositories written object by object, so that they may hold what git itself would not write."""

import os
import subprocess

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": os.devnull,
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_COMMITTER_DATE": "1700000000 +0000",
}
FILE, EXECUTABLE, LINK, FOLDER, SUBMODULE = b"100644", b"100755", b"120000", b"40000", b"160000"
START, DAY = 1_700_000_000, 86_400


def git(folder, *arguments, data=None):
    """What `git ARGUMENTS` in `folder` prints, as bytes; raises where it fails."""
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, input=data, capture_output=True, check=False, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    return done.stdout


class RawHistory:
    """One repository; `files` maps paths (bytes or text) to content, or to (mode, content or SHA)."""

    def __init__(self, folder, *options):
        folder.mkdir(parents=True)
        self.folder = folder
        self.files = {}
        self.head = None
        self.count = 0
        git(folder, "init", "-q", "-b", "main", *options)

    @property
    def objects(self):
        common = git(self.folder, "rev-parse", "--git-common-dir").decode().strip()
        return self.folder / common / "objects"

    def write(self, kind, data):
        options = ["hash-object", "-w", "--stdin", "-t", kind, *([] if kind == "blob" else ["--literally"])]
        return git(self.folder, *options, data=data).decode().strip()

    def blob(self, content):
        return self.write("blob", content.encode() if isinstance(content, str) else content)

    def raw_tree(self, *entries):
        """The SHA of a tree with exactly these (mode, name, SHA) entries, in this order."""
        return self.write(
            "tree", b"".join(mode + b" " + name + b"\0" + bytes.fromhex(sha) for mode, name, sha in entries)
        )

    def tree(self, files):
        """The SHA of the tree of a flat {path: content}."""
        nested = {}
        for path, content in files.items():
            *folders, name = (path if isinstance(path, bytes) else path.encode()).split(b"/")
            place = nested
            for folder in folders:
                place = place.setdefault(folder, {})
            place[name] = content if isinstance(content, tuple) else (FILE, content)
        return self._nested(nested)

    def _nested(self, nested):
        entries = []
        for name, item in nested.items():
            if isinstance(item, dict):
                entries.append((FOLDER, name, self._nested(item)))
            else:
                mode, content = item
                entries.append((mode, name, content if mode == SUBMODULE else self.blob(content)))
        entries.sort(key=lambda entry: entry[1] + (b"/" if entry[0] == FOLDER else b""))
        return self.raw_tree(*entries)

    def commit(self, changes=None, *, tree=None, parents=None, moment=None, message=b"message\n", who=b"A <a@x.org>"):
        """Adds a commit to the main line (or to `parents`) and moves the branch there; None deletes a path."""
        for path, content in (changes or {}).items():
            if content is None:
                del self.files[path]
            else:
                self.files[path] = content
        if parents is None:
            parents = [] if self.head is None else [self.head]
        moment = moment or b"%d +0000" % (START + DAY * self.count)
        lines = [b"tree " + (tree or self.tree(self.files)).encode(), *(b"parent " + sha.encode() for sha in parents)]
        lines += [b"author " + who + b" " + moment, b"committer " + who + b" " + moment]
        self.count += 1
        self.head = self.write("commit", b"\n".join(lines) + b"\n\n" + message)
        git(self.folder, "update-ref", "refs/heads/main", self.head)
        return self.head

    def delete(self, sha):
        """Removes a loose object."""
        (self.objects / sha[:2] / sha[2:]).unlink()


def asserting(*numbers, name="f"):
    """A test file with one assertion per number."""
    return "def test_a():\n" + "".join(f"    assert {name}({n}) == {n}\n" for n in numbers)
