"""A Hub of our own for tests: the endpoints that the real clients use, with commits, branches, pull requests and LFS.

Everything is in memory. `requests` has all that was asked, in order; `fail` makes chosen requests go wrong. Users are
tokens; a user writes to the namespaces that are named with the token.
"""

import base64
import hashlib
import json
import re
import socket
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

READS = {"GET", "HEAD"}
CUT, LOST = "cut", "lost"
"""In place of a status: the connection breaks in the middle of the request, or when it is done but not answered."""
LARGE_SUFFIXES = (".parquet", ".safetensors", ".bin")
LARGE_BYTES = 10 << 20
PAGE = 10
"""Entries of a listing that are given at once; the real Hub gives more."""


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict
    authorized: bool
    body: bytes

    @property
    def writes(self):
        """Whether it could change anything; some questions are asked with POST."""
        return self.method not in READS and not re.search(r"/(paths-info/.*|validate-yaml)$", self.path)


@dataclass
class Fault:
    """What goes wrong: `status` is answered, or the connection is cut, half way through the request or after it."""

    method: str
    pattern: str
    status: int | str
    times: int
    headers: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Blob:
    """A file: its bytes, and whether git holds only a pointer to them."""

    data: bytes
    large: bool

    @property
    def sha256(self):
        return hashlib.sha256(self.data).hexdigest()

    @property
    def pointer(self):
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.data)}\n".encode()

    @property
    def oid(self):
        held = self.pointer if self.large else self.data
        return hashlib.sha1(b"blob %d\0%b" % (len(held), held)).hexdigest()

    @property
    def etag(self):
        return self.sha256 if self.large else self.oid

    def listed(self, path):
        entry = {"type": "file", "oid": self.oid, "size": len(self.data), "path": path}
        if self.large:
            entry["lfs"] = {"oid": self.sha256, "size": len(self.data), "pointerSize": len(self.pointer)}
        return entry


@dataclass(frozen=True)
class Commit:
    parent: str | None
    tree: dict
    summary: str

    @property
    def oid(self):
        files = "".join(f"{path} {blob.oid}\n" for path, blob in sorted(self.tree.items()))
        return hashlib.sha1(f"{self.parent}\n{self.summary}\n{files}".encode()).hexdigest()


@dataclass
class Repository:
    kind: str
    name: str
    private: bool
    gated: bool = False
    commits: dict = field(default_factory=dict)
    refs: dict = field(default_factory=dict)
    large: dict = field(default_factory=dict)

    def commit(self, ref, tree, summary, *, parent=None):
        made = Commit(parent or self.refs.get(ref), tree, summary)
        self.commits[made.oid] = made
        self.refs[ref] = made.oid
        return made.oid

    def head(self, revision):
        return self.refs.get(revision) or (revision if revision in self.commits else None)

    def tree(self, revision="main"):
        return {path: blob.data for path, blob in self.commits[self.head(revision)].tree.items()}

    def history(self, revision="main"):
        """The commits up to a revision, newest first."""
        found, oid = [], self.head(revision)
        while oid is not None:
            found.append(self.commits[oid])
            oid = self.commits[oid].parent
        return found


class RefusalError(Exception):
    def __init__(self, status, message, code=None):
        super().__init__(message)
        self.status, self.code = status, code


class HubServer(ThreadingHTTPServer):
    """The server with all its state; use it through `running`."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.lock = threading.RLock()
        self.reset()

    def reset(self):
        """Forgets everything."""
        self.repositories, self.requests, self.faults, self.users, self.on_request = {}, [], [], {}, None

    def repository(self, name, kind="datasets"):
        return self.repositories[kind, name]

    def fail(self, method, pattern, status, *, times=1, headers=None):
        """Lets the next `times` requests whose path matches go wrong: answered with `status`, `CUT` or `LOST`."""
        self.faults.append(Fault(method, pattern, status, times, headers or {}))

    def writes(self):
        """The requests so far that could change something, as `METHOD path`."""
        return [f"{request.method} {request.path}" for request in self.requests if request.writes]

    def create(self, kind, name, *, private=False, gated=False):
        made = Repository(kind, name, private, gated)
        made.commit("main", {".gitattributes": Blob(b"*.parquet filter=lfs\n", False)}, "initial commit")
        self.repositories[kind, name] = made
        return made

    def handle_error(self, request, client_address):
        """A client that is killed is no error of the server's."""


@contextmanager
def running():
    """A server that answers until the block ends."""
    server = HubServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    """One connection: finds the route, keeps the record, answers."""

    protocol_version = "HTTP/1.1"
    server: HubServer
    lost = False

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer()

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - names that the base class looks for

    def answer(self):
        parts = urlsplit(self.path)
        self.route, self.query = (
            unquote(parts.path),
            {name: values[0] for name, values in parse_qs(parts.query).items()},
        )
        hub = self.server
        with hub.lock:
            fault = next((one for one in hub.faults if self.matches(one)), None)
            if fault:
                fault.times -= 1
        if fault and fault.status == CUT:
            self.rfile.read(int(self.headers.get("Content-Length", 0)) // 2)
            self.record(b"(cut)")
            return self.hang_up()
        self.body = self.read_body()
        self.record(self.body)
        if hub.on_request:
            hub.on_request(hub.requests[-1])
        self.lost = fault is not None and fault.status == LOST
        if fault and not self.lost:
            return self.send(fault.status, {"error": "as the test wants"}, fault.headers)
        try:
            with hub.lock:
                self.dispatch()
        except RefusalError as refusal:
            headers = {"X-Error-Message": str(refusal)} | ({"X-Error-Code": refusal.code} if refusal.code else {})
            self.send(refusal.status, {"error": str(refusal)}, headers)

    def hang_up(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def matches(self, fault):
        return fault.times > 0 and fault.method == self.command and re.search(fault.pattern, self.route)

    def record(self, body):
        known = Request(self.command, self.route, self.query, "Authorization" in self.headers, body)
        self.server.requests.append(known)

    def read_body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            pieces = []
            while size := int(self.rfile.readline(), 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def send(self, status, value, headers=None):
        if self.lost:
            return self.hang_up()
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        kind = "application/octet-stream" if isinstance(value, bytes) else "application/json"
        for name, text in {"Content-Type": kind, "Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    # Who asks, and for what.

    def user(self):
        """The name and namespaces of who asks, or None."""
        header = self.headers.get("Authorization")
        if header is None:
            return None
        token = header.removeprefix("Bearer ")
        if token not in self.server.users:
            raise RefusalError(401, "Invalid credentials in Authorization header")
        return self.server.users[token]

    def found(self, kind, name):
        """A repository that who asks may read."""
        user = self.user()
        known = self.server.repositories.get((kind, name))
        if known is None or (known.private and not self.is_member(known)):
            raise RefusalError(404 if user else 401, "Repository not found", "RepoNotFound")
        return known

    def writable(self, kind, name):
        known = self.found(kind, name)
        if self.user() is None:
            raise RefusalError(401, "Invalid username or password.")
        if not self.is_member(known):
            raise RefusalError(403, "Forbidden: you don't have write access to this repository")
        return known

    def is_member(self, repository):
        user = self.user()
        return user is not None and repository.name.partition("/")[0] in user

    def at(self, repository, revision):
        head = repository.head(unquote(revision))
        if head is None:
            raise RefusalError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return head, repository.commits[head].tree

    def dispatch(self):
        for method, pattern, verb in ROUTES:
            match = re.fullmatch(pattern, self.route)
            if match and self.command in method:
                groups = match.groupdict()
                if "kind" in groups and not groups["kind"].endswith("s"):
                    groups["kind"] = "datasets" if groups["kind"] else "models"
                return getattr(self, verb)(**groups)
        raise RefusalError(404, f"no such page: {self.command} {self.route}")

    # Answers.

    def whoami(self):
        user = self.user()
        if user is None:
            raise RefusalError(401, "Invalid username or password.")
        self.send(200, {"type": "user", "name": user[0], "orgs": [{"name": name} for name in user[1:]]})

    def create(self):
        asked = json.loads(self.body)
        user = self.user()
        owner = asked.get("organization") or (user or ["?"])[0]
        kind, name = asked.get("type", "model") + "s", f"{owner}/{asked['name']}"
        if user is None:
            raise RefusalError(401, "Invalid username or password.")
        if owner not in user:
            raise RefusalError(
                403, f"You don't have the rights to create a {asked.get('type')} under the namespace {owner!r}"
            )
        address = f"{self.server.url}/{'' if kind == 'models' else kind + '/'}{name}"
        if (kind, name) in self.server.repositories:
            return self.send(409, {"error": "You already created this repo", "url": address})
        private = asked.get("private") is True or asked.get("visibility") == "private"
        self.server.create(kind, name, private=private)
        self.send(200, {"url": address, "name": name, "id": name})

    def info(self, kind, name, revision="main"):
        known = self.found(kind, name)
        head, tree = self.at(known, revision)
        state = {"id": name, "sha": head, "private": known.private, "gated": "manual" if known.gated else False}
        state |= {"disabled": False, "downloads": 0, "likes": 0, "tags": [], "author": name.partition("/")[0]}
        state |= {"lastModified": "2026-01-01T00:00:00.000Z", "createdAt": "2026-01-01T00:00:00.000Z"}
        self.send(200, state | {"siblings": [{"rfilename": path} for path in sorted(tree)]})

    def list_tree(self, kind, name, revision, folder=None):
        _, tree = self.at(self.found(kind, name), revision)
        below = "" if not folder else folder.strip("/") + "/"
        inside = {path: blob for path, blob in tree.items() if path.startswith(below)}
        if below and not inside:
            raise RefusalError(404, f"{folder} does not exist", "EntryNotFound")
        entries = folders_and_files(inside, below, deep=self.query.get("recursive", "").lower() in ("1", "true"))
        start = int(self.query.get("cursor", 0))
        headers = {}
        if start + PAGE < len(entries):
            query = "&".join(f"{key}={value}" for key, value in {**self.query, "cursor": start + PAGE}.items())
            headers["Link"] = f'<{self.server.url}{urlsplit(self.path).path}?{query}>; rel="next"'
        self.send(200, entries[start : start + PAGE], headers)

    def paths_info(self, kind, name, revision):
        _, tree = self.at(self.found(kind, name), revision)
        asked = json.loads(self.body)["paths"] if self.body[:1] == b"{" else parse_qs(self.body.decode())["paths"]
        everything = {entry["path"]: entry for entry in folders_and_files(tree, "", deep=True)}
        self.send(200, [everything[path] for path in asked if path in everything])

    def refs(self, kind, name):
        known = self.found(kind, name)
        refs = [
            {"name": ref, "ref": f"refs/heads/{ref}", "targetCommit": head}
            for ref, head in known.refs.items()
            if not ref.startswith("refs/")
        ]
        self.send(200, {"branches": refs, "tags": [], "converts": []})

    def branch(self, kind, name, branch):
        known = self.writable(kind, name)
        if branch in known.refs:
            raise RefusalError(409, "Reference already exists")
        asked = json.loads(self.body) if self.body else {}
        known.refs[branch] = self.at(known, asked.get("startingPoint") or "main")[0]
        self.send(200, {})

    def validate_yaml(self):
        asked = json.loads(self.body)
        errors = card_errors(asked["content"])
        self.send(400 if errors else 200, {"errors": [{"message": error} for error in errors], "warnings": []})

    def preupload(self, kind, name, revision):
        known = self.writable(kind, name)
        _, tree = self.at(known, revision)
        answers = []
        for file in json.loads(self.body)["files"]:
            large = file["path"].endswith(LARGE_SUFFIXES) or file["size"] > LARGE_BYTES
            blob = tree.get(file["path"])
            answer = {"path": file["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
            answers.append(answer | ({"oid": blob.etag} if blob else {}))
        self.send(200, {"files": answers})

    def batch(self, kind, name):
        known = self.writable(kind, name)
        objects = []
        for asked in json.loads(self.body)["objects"]:
            told = {"oid": asked["oid"], "size": asked["size"]}
            if asked["oid"] not in known.large:
                told["actions"] = {"upload": {"href": f"{self.server.url}/storage/{kind}/{name}/{asked['oid']}"}}
            objects.append(told)
        self.send(200, {"transfer": "basic", "objects": objects})

    def store(self, kind, name, oid):
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise RefusalError(400, "the bytes are not those that were announced")
        self.server.repositories[kind, name].large[oid] = self.body
        self.send(200, b"", {"ETag": f'"{oid}"'})

    def commit(self, kind, name, revision):
        known = self.writable(kind, name)
        head, tree = self.at(known, revision)
        lines = [json.loads(line) for line in self.body.splitlines()]
        header = lines[0]["value"]
        asks = "create_pr" in self.query
        parent = header.get("parentCommit") or head
        if parent != head and not asks:
            raise RefusalError(412, "A commit has happened since. Please refresh and try again.")
        tree = apply_operations(known, dict(known.commits[parent].tree), lines[1:])
        number = sum(ref.startswith("refs/pr/") for ref in known.refs) + 1
        ref = f"refs/pr/{number}" if asks else unquote(revision)
        oid = known.commit(ref, tree, header["summary"], parent=parent)
        address = f"{self.server.url}/{'' if kind == 'models' else kind + '/'}{name}"
        answer = {"success": True, "commitOid": oid, "commitUrl": f"{address}/commit/{oid}"}
        self.send(200, answer | ({"pullRequestUrl": f"{address}/discussions/{number}"} if asks else {}))

    def resolve(self, kind, name, revision, path):
        known = self.found(kind, name)
        if known.gated and not self.is_member(known):
            raise RefusalError(403, "Access to this repository is restricted.", "GatedRepo")
        head, tree = self.at(known, revision)
        if path not in tree:
            raise RefusalError(404, "Entry not found", "EntryNotFound")
        blob = tree[path]
        headers = {"ETag": f'"{blob.etag}"', "X-Repo-Commit": head, "Accept-Ranges": "bytes"}
        if blob.large:
            headers |= {"X-Linked-Etag": f'"{blob.etag}"', "X-Linked-Size": str(len(blob.data))}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not asked:
            return self.send(200, blob.data, headers)
        start, end = int(asked[1]), min(int(asked[2] or len(blob.data)), len(blob.data) - 1)
        headers["Content-Range"] = f"bytes {start}-{end}/{len(blob.data)}"
        self.send(206, blob.data[start : end + 1], headers)


def folders_and_files(tree, below, *, deep):
    """A listing as the Hub gives it: files, and folders, which git does not know of."""
    entries = {}
    for path, blob in tree.items():
        steps = path[len(below) :].split("/")
        for depth in range(1, len(steps)):
            folder = below + "/".join(steps[:depth])
            if deep or depth == 1:
                entries[folder] = {"type": "directory", "oid": hashlib.sha1(folder.encode()).hexdigest(), "size": 0}
                entries[folder]["path"] = folder
        if deep or len(steps) == 1:
            entries[path] = blob.listed(path)
    return [entries[path] for path in sorted(entries)]


def apply_operations(repository, tree, lines):
    """The tree after a commit's operations; one that cannot be done refuses the commit."""
    for line in lines:
        value = line["value"]
        match line["key"]:
            case "file":
                tree[value["path"]] = Blob(base64.b64decode(value["content"]), False)
            case "lfsFile":
                if value["oid"] not in repository.large:
                    raise RefusalError(400, f"the object of {value['path']} was not uploaded")
                tree[value["path"]] = Blob(repository.large[value["oid"]], True)
            case "deletedFile":
                if tree.pop(value["path"], None) is None:
                    raise RefusalError(404, "A file with this name doesn't exist", "EntryNotFound")
            case "deletedFolder":
                for path in [path for path in tree if path.startswith(value["path"].rstrip("/") + "/")]:
                    del tree[path]
    return tree


def card_errors(text):
    """What is wrong with the metadata of a card: the checks of the Hub that our cards could fail."""
    match = re.match(r"---\n(.*?\n)---\n", text, re.DOTALL)
    try:
        metadata = yaml.safe_load(match[1]) if match else {}
    except yaml.YAMLError as error:
        return [f"invalid YAML: {error}"]
    if not isinstance(metadata, dict):
        return ["the metadata must be a mapping"]
    errors = []
    for config in metadata.get("configs", []):
        if not isinstance(config.get("config_name"), str):
            errors.append("each config needs a config_name")
        for file in config.get("data_files", []):
            if not re.fullmatch(r"\w+(\.\w+)*", file.get("split", "")) or "path" not in file:
                errors.append(f"bad data_files in {config.get('config_name')}")
    return errors


_NAME = r"(?P<name>[^/]+/[^/]+)"
_API = rf"/api/(?P<kind>datasets|models)/{_NAME}"
_PAGE = rf"/(?P<kind>datasets/|){_NAME}"
_REV = r"(?P<revision>refs/pr/\d+|[^/]+)"
ROUTES = [
    ("GET", r"/api/whoami-v2", "whoami"),
    ("POST", r"/api/repos/create", "create"),
    ("POST", r"/api/validate-yaml", "validate_yaml"),
    ("GET", _API, "info"),
    ("GET", rf"{_API}/revision/{_REV}", "info"),
    ("GET", rf"{_API}/tree/{_REV}(?P<folder>/.*)?", "list_tree"),
    ("POST", rf"{_API}/paths-info/{_REV}", "paths_info"),
    ("GET", rf"{_API}/refs", "refs"),
    ("POST", rf"{_API}/branch/(?P<branch>.+)", "branch"),
    ("POST", rf"{_API}/preupload/{_REV}", "preupload"),
    ("POST", rf"{_API}/commit/{_REV}", "commit"),
    ("POST", rf"{_PAGE}\.git/info/lfs/objects/batch", "batch"),
    ("PUT", rf"/storage/(?P<kind>datasets|models)/{_NAME}/(?P<oid>[0-9a-f]{{64}})", "store"),
    ("GET HEAD", rf"{_PAGE}/resolve/{_REV}/(?P<path>.+)", "resolve"),
]
