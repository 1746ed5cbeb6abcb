"""`repobench serve`: the pages of reports on a web server of this machine."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from harness.commands.folders import DATA_FOLDER, RUNS_FOLDER
from harness.commands.reporting import make_report, missing_page_library, write_all
from harness.console import say, show
from harness.run_store import MANIFEST, has_finished, read_manifest
from repopeftbench.dataset.store import Dataset
from repopeftbench.errors import ConfigError, DatasetError

OUT_FOLDER = Path("repobench-out")
REPORT_NAME = "report"
DEFAULT_PORT = 8765
LAST_PORT = 65_535


def serve(
    folder: Path = OUT_FOLDER,
    /,
    *,
    data: Annotated[tuple[Path, ...], Parameter(negative="")] = (),
    port: int = DEFAULT_PORT,
    host: str = "127.0.0.1",
) -> int:
    """Serve the pages of reports on this machine; makes the report of a folder of runs that has none.

    Args:
        folder: Folder of a report, of reports, or of runs. Default: repobench-out.
        data: Dataset of the runs, for a report that is made; may be repeated. Default: the folder's own, where it has
            one that the runs are of.
        port: Port to listen at; 0 takes a free one.
        host: Address to listen at. Anyone who reaches another one than 127.0.0.1 may read the reports.
    """
    if not 0 <= port <= LAST_PORT:
        raise ConfigError(f"--port {port} is no port: give 0 to {LAST_PORT}")
    if not folder.is_dir():
        raise ConfigError(f"{folder} is no folder: name the folder of a report, of reports or of runs")
    missing = missing_page_library()
    if missing is not None:
        raise ConfigError(f"pages need {missing}, which is not installed: pip install 'repopeftbench[report]'")
    from harness.report.serving import find_reports, report_address, report_server

    reports = find_reports(folder)
    if not reports:
        _make(folder, data)
        reports = find_reports(folder)
    try:
        server = report_server(reports, host=host, port=port)
    except OSError as error:
        raise ConfigError(
            f"{host}:{port} cannot be listened at ({error.strerror}): choose another --port, or 0 for a free one"
        ) from error
    with server:
        address = f"http://{host}:{server.server_port}"
        show(f"{address}{report_address(reports[0].name) if len(reports) == 1 else '/'}")
        say("Ctrl-C stops")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("stopped")
    return 0


def _make(folder: Path, data: tuple[Path, ...]) -> None:
    """Makes the report of the runs in `folder`, or in its folder `runs`, into its folder `report`."""
    inner = folder / RUNS_FOLDER.name
    runs = inner if inner.is_dir() else folder
    write_all(make_report([runs], data or _own_dataset(folder, runs)), folder / REPORT_NAME)


def _own_dataset(folder: Path, runs: Path) -> tuple[Path, ...]:
    """The dataset in `folder`, where a finished run is of it."""
    own = folder / DATA_FOLDER.name
    try:
        sha256 = Dataset(own).sha256
    except DatasetError:
        return ()
    of_runs = (one.parent for one in sorted(runs.glob(f"*/{MANIFEST}")) if has_finished(one.parent))
    return (own,) if any(read_manifest(one).dataset_sha256 == sha256 for one in of_runs) else ()
