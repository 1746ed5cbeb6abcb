"""The terminal: results on stdout, progress and remarks on stderr, progress only where someone watches."""

from types import TracebackType

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

_OUT = Console(highlight=False, soft_wrap=True)
if not _OUT.is_terminal:
    # A file or a pipe has no width to fit into.
    _OUT.width = 200
_ERR = Console(stderr=True, highlight=False, soft_wrap=True)


def show(result: RenderableType) -> None:
    """Prints a result to stdout; text is taken literally, without markup."""
    _OUT.print(result, markup=False)


def say(remark: str) -> None:
    """Prints a remark to stderr."""
    _ERR.print(remark, markup=False)


class Tracker:
    """Progress bars by name on stderr; silent where stderr is no terminal."""

    def __init__(self, unit: str) -> None:
        """Prepares bars that count `unit`."""
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(unit),
            TimeRemainingColumn(),
            console=_ERR,
            transient=True,
            disable=not _ERR.is_terminal,
        )
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> "Tracker":
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._progress.stop()

    def update(self, name: str, done: int, total: int, remark: str = "") -> None:
        """Sets the bar of `name` to `done` of `total`; a full bar leaves the screen when others are there."""
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(name, total=total)
        description = f"{name}  {remark}".rstrip()
        self._progress.update(
            self._bars[name], description=description, completed=done, total=total, visible=done < total
        )
