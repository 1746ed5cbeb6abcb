"""Who a box belongs to (io), so that a later run can remove what a killed one has left, and nothing else.

An owner is a process: machine, boot, process namespace, process id and the time it started. A process of another
namespace cannot be seen from here; what belongs to one is left alone.
"""

import contextlib
import os
import platform
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sandboxes import inside
from sandboxes.errors import SandboxUnavailableError

PACKAGE_INSIDE = "repobench_inside"
_START = f"""from {PACKAGE_INSIDE}.supervisor import main

if __name__ == "__main__":
    main()
"""


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, by what tells it from all others that ever were."""

    machine: str
    boot: str
    namespace: str
    pid: str
    started: str

    @classmethod
    def me(cls) -> "Owner":
        """This process."""
        pid = os.getpid()
        return cls(platform.node(), _boot(), _namespace(), str(pid), started_at(pid))

    @classmethod
    def parse(cls, text: str) -> "Owner | None":
        """What `str` made of an owner; None for anything else."""
        parts = text.split("~")
        return cls(*parts) if len(parts) == 5 and parts[3].isdigit() else None

    def __str__(self) -> str:
        return "~".join((self.machine, self.boot, self.namespace, self.pid, self.started))

    @property
    def is_gone(self) -> bool:
        """Whether this process has certainly ended."""
        if self.machine != platform.node():
            return False
        if self.boot != _boot():
            return True
        if self.namespace != _namespace():
            return False
        try:
            os.kill(int(self.pid), 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        return started_at(int(self.pid)) != self.started


def _boot() -> str:
    path = Path("/proc/sys/kernel/random/boot_id")
    return path.read_text().strip() if path.exists() else ""


def _namespace() -> str:
    path = Path("/proc/self/ns/pid")
    return "".join(filter(str.isdigit, str(path.readlink()))) if path.is_symlink() else ""


def started_at(pid: int) -> str:
    """When the process started, in clock ticks since the machine did (proc(5), field 22); empty without /proc."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def make_folder(owner: Owner) -> Path:
    """A new folder of this owner, with the code for the inside of boxes in `code`.

    Raises:
        SandboxUnavailableError: the place for such folders belongs to another user.
    """
    place = _place()
    place.mkdir(mode=0o700, exist_ok=True)
    if place.is_symlink() or place.stat().st_uid != os.getuid():
        raise SandboxUnavailableError(f"{place} belongs to somebody else: remove it, or set TMPDIR to another folder.")
    (place / str(owner)).mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=place / str(owner)))
    code = folder / "code" / PACKAGE_INSIDE
    code.mkdir(parents=True)
    for source in sorted(Path(inside.__file__).parent.glob("*.py")):
        shutil.copyfile(source, code / source.name)
    (code.parent / "start.py").write_text(_START, "utf-8")
    for path in (code.parent, code, *code.iterdir(), code.parent / "start.py"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


def remove_folder(folder: Path) -> None:
    """Removes what `make_folder` made, and the owner's own folder with its last one."""
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        folder.parent.rmdir()


def sweep_folders() -> int:
    """Removes the folders of owners that are gone; how many there were."""
    count = 0
    for folder in sorted(_place().glob("*")) if _place().is_dir() else ():
        owner = Owner.parse(folder.name)
        if owner is not None and owner.is_gone:
            shutil.rmtree(folder, ignore_errors=True)
            count += 1
    return count


def _place() -> Path:
    return Path(tempfile.gettempdir()) / f"repobench-boxes-{os.getuid()}"
