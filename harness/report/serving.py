"""Reports on a web server of this machine (io): files of known folders, to this machine alone unless asked otherwise.

Only the files that a report is made of are served, by name: nothing else of a folder, no listing, no link out of it. A
request must name this server as its host, so that no web page can read reports through a name that it points here.

It does not encrypt and knows no users: whoever reaches the address may read the reports.
"""

import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.report.export_files import TABLES
from harness.report.files import REPORT_JSON, REPORT_MARKDOWN
from harness.report.html.folder import DETAILS, FIGURES, PAGE
from repopeftbench import __version__

LOCALHOST = "127.0.0.1"
_FILES = frozenset({PAGE, REPORT_JSON, REPORT_MARKDOWN})
_FOLDERS = frozenset({DETAILS, FIGURES, TABLES})
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".tex": "text/plain; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedReport:
    """A report's folder, under the name that it has on the server."""

    name: str
    folder: Path


def find_reports(root: Path) -> tuple[ServedReport, ...]:
    """The folders with a page that are `root` or lie at most two levels below it, by name."""
    if (root / PAGE).is_file():
        return (ServedReport(name=root.resolve().name or "report", folder=root),)
    found = sorted({path.parent for pattern in ("*", "*/*") for path in root.glob(f"{pattern}/{PAGE}")})
    return tuple(ServedReport(name=folder.relative_to(root).as_posix(), folder=folder) for folder in found)


def served_file(reports: Mapping[str, Path], path: str) -> Path | None:
    """The file that a request's path asks for; None where it asks for none that is served.

    Args:
        reports: folders by name.
        path: of a URL, still encoded.
    """
    try:
        decoded = unquote(path, errors="strict")
    except UnicodeDecodeError:
        return None
    if "\0" in decoded or "\\" in decoded:
        return None
    parts = decoded.removeprefix("/").split("/")
    inside = 2 if len(parts) > 2 and parts[-2] in _FOLDERS else 1
    folder = reports.get("/".join(parts[:-inside]))
    if folder is None or parts[-1] in ("", ".", "..") or (inside == 1 and parts[-1] not in _FILES):
        return None
    found = folder.joinpath(*parts[-inside:])
    # A link may lead anywhere; what it leads to is no part of the report.
    return found if found.is_file() and found.resolve().is_relative_to(folder.resolve()) else None


def report_address(name: str) -> str:
    """The path of a report's page on the server."""
    return f"/{quote(name)}/{PAGE}"


def report_server(reports: Sequence[ServedReport], *, host: str = LOCALHOST, port: int = 0) -> ThreadingHTTPServer:
    """A server of these reports, bound and not started; one thread per request.

    Args:
        reports: at least one; names are different.
        host: address to bind.
        port: 0 takes a free one.

    Raises:
        OSError: the address cannot be bound.
    """
    folders = {report.name: report.folder for report in reports}
    index = _index(reports)

    class Handler(_ReportHandler):
        served_folders = folders
        index_page = index
        bound_host = host

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    return server


class _ReportHandler(BaseHTTPRequestHandler):
    served_folders: Mapping[str, Path]
    index_page: bytes
    bound_host: str
    server_version = "repobench"
    sys_version = ""

    def do_GET(self) -> None:
        """Answers with a file, the list of reports, or why not."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Answers as to GET, without the content."""
        self._answer(with_body=False)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: requests are of no interest."""

    def _answer(self, *, with_body: bool) -> None:
        path = urlsplit(self.path).path
        if not self._is_asked_by_name():
            self._send(HTTPStatus.FORBIDDEN, "text/plain; charset=utf-8", b"This server has another name.\n", with_body)
        elif path == "/":
            self._send(HTTPStatus.OK, _TYPES[".html"], self.index_page, with_body)
        elif (found := served_file(self.served_folders, path)) is not None:
            self._send(HTTPStatus.OK, _type_of(found), found.read_bytes(), with_body)
        else:
            self._send(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"There is no such report.\n", with_body)

    def _is_asked_by_name(self) -> bool:
        if self.bound_host != LOCALHOST:
            return True  # reached by names that are not known here
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        return host in (LOCALHOST, "localhost")

    def _send(self, status: HTTPStatus, kind: str, content: bytes, with_body: bool) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        if with_body:
            self.wfile.write(content)


def _type_of(path: Path) -> str:
    return _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def _index(reports: Sequence[ServedReport]) -> bytes:
    environment = Environment(
        loader=PackageLoader("harness.report.html", "templates"), autoescape=True, undefined=StrictUndefined
    )
    entries = [{"name": report.name, "address": report_address(report.name)} for report in reports]
    return environment.get_template("index.html.j2").render(reports=entries, version=__version__).encode()
