"""`repobench serve`: what is served, to whom, and that nothing else is."""

import http.client
import os
import signal
import subprocess
import sys
import threading
import urllib.request

import pytest
from page_cases import write_usual

from harness.cli import run_command
from harness.report.serving import ServedReport, find_reports, report_address, report_server, served_file


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    write_usual(folder, count=24, repositories=3)
    return folder


@pytest.fixture
def address(place):
    """Host and port of a server of one report, called `a b/<i>`."""
    with report_server([ServedReport(name="a b/<i>", folder=place / "out")]) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield "127.0.0.1", server.server_port
        server.shutdown()
        thread.join()


def asked(address, path, *, method="GET", host=None):
    connection = http.client.HTTPConnection(*address, timeout=10)
    connection.request(method, path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), content


def test_report_index_and_details_are_served_with_their_types(address, place):
    status, headers, content = asked(address, "/")
    assert (status, b"a b/&lt;i&gt;" in content, b"<i>" in content) == (200, True, False)
    page = report_address("a b/<i>")
    status, headers, content = asked(address, page)
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert content == (place / "out" / "report.html").read_bytes()
    status, headers, content = asked(address, page.replace("report.html", "report-details/0000.js"))
    assert (status, headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    assert headers["X-Content-Type-Options"] == "nosniff"
    status, headers, content = asked(address, page, method="HEAD")
    assert (status, content) == (200, b"")
    assert int(headers["Content-Length"]) > 100_000


def test_other_names_of_this_machine_are_refused(address):
    assert asked(address, "/", host="attacker.example")[0] == 403
    assert asked(address, "/", host="localhost:1")[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/r/../secret.txt",
        "/r/%2e%2e/secret.txt",
        "/r/report-details/../../secret.txt",
        "/r/report-details/..",
        "/r/report-details/",
        "/r/report-details",
        "/r/",
        "/r",
        "//etc/passwd",
        "/r//etc/passwd",
        "/r/report-details//etc/passwd",
        "/r/..%5csecret.txt",
        "/r/report.html%00.txt",
        "/r/%ff",
        "/r/runs.log",
        "/r/report-details/link.js",
        "/other/report.html",
    ],
)
def test_nothing_but_the_files_of_a_report_is_served(tmp_path, path):
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "report"
    (folder / "report-details").mkdir(parents=True)
    (folder / "report.html").write_text("page")
    (folder / "runs.log").write_text("log")
    (folder / "report-details" / "link.js").symlink_to(tmp_path / "secret.txt")
    assert served_file({"r": folder}, "/r/report.html") == folder / "report.html"
    assert served_file({"r": folder}, path) is None


def test_reports_are_found_where_they_lie(place, tmp_path):
    assert [report.folder for report in find_reports(place / "out")] == [place / "out"]
    assert [report.name for report in find_reports(place)] == ["out"]
    for name in ("b", "a", "deep/er"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "report.html").touch()
    assert [report.name for report in find_reports(tmp_path)] == ["a", "b", "deep/er"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["FOLDER/nowhere"], "is no folder: name the folder of a report"),
        (["FOLDER", "--port", "70000"], "--port 70000 is no port: give 0 to 65535"),
        (["FOLDER/data/tasks"], "no run in"),
    ],
)
def test_bad_input_of_serve_is_one_sentence(place, capsys, arguments, message):
    assert run_command(["serve", *(part.replace("FOLDER", str(place)) for part in arguments)]) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert len(shown.err.strip().splitlines()) == 1


def test_a_port_that_is_taken_is_one_sentence(place, address, capsys):
    assert run_command(["serve", str(place / "out"), "--port", str(address[1])]) == 2
    assert "choose another --port, or 0 for a free one" in capsys.readouterr().err


@pytest.mark.slow
def test_serve_makes_the_report_of_runs_serves_it_and_ends_cleanly(place, tmp_path):
    (tmp_path / "runs").symlink_to(place / "runs")
    (tmp_path / "data").symlink_to(place / "data")
    command = [sys.executable, "-c", "from harness.cli import main; main()", "serve", str(tmp_path), "--port", "0"]
    serving = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "NO_COLOR": "1"}
    )
    address = serving.stdout.readline().strip()
    assert address.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(address, timeout=30) as answer:
        assert b"RepoPeftBench report" in answer.read()
    serving.send_signal(signal.SIGINT)
    _, remarks = serving.communicate(timeout=30)
    assert (serving.returncode, "stopped" in remarks, "Traceback" in remarks) == (0, True, False)
    assert (tmp_path / "report" / "report.html").is_file()
