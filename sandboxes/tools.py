"""What building needs of this machine (io): uv, certificates, a folder; and what of it a container sees."""

import hashlib
import os
import shutil
import ssl
import sys
import sysconfig
from pathlib import Path

from sandboxes import installing
from sandboxes.errors import SandboxUnavailableError

_USUAL_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


def find_uv() -> Path:
    """The uv binary beside this interpreter, or on the path.

    Raises:
        SandboxUnavailableError: there is none.
    """
    for folder in (Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))):
        if os.access(folder / "uv", os.X_OK):
            return (folder / "uv").resolve()
    found = shutil.which("uv")
    if found is None:
        raise SandboxUnavailableError("There is no uv to install environments: pip install 'repopeftbench[sandbox]'")
    return Path(found).resolve()


def find_certificates() -> Path:
    """The file of certificate authorities that this machine trusts.

    Raises:
        SandboxUnavailableError: there is none.
    """
    said = os.environ.get("SSL_CERT_FILE")
    for name in (said,) if said else (ssl.get_default_verify_paths().cafile, _USUAL_CERTIFICATES):
        if name and Path(name).is_file():
            return Path(name)
    raise SandboxUnavailableError(
        f"There are no certificate authorities at {said or _USUAL_CERTIFICATES}: apt-get install ca-certificates, or "
        "set SSL_CERT_FILE to a file of them."
    )


def default_folder() -> Path:
    """Where environments are kept if nothing else is said; root's home may not be seen by a box, so not there."""
    if os.getuid() == 0:
        return Path("/var/cache/repobench/environments")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "repobench" / "environments"


def copy_tools(folder: Path) -> tuple[Path, str]:
    """A folder below `folder` with uv, the certificates and the script that a build container runs; and uv's hash.

    Copies, because containers may see this folder and no other of this machine.
    """
    files = {"uv": find_uv(), "certificates.pem": find_certificates(), "installing.py": Path(installing.__file__)}
    contents = {name: path.read_bytes() for name, path in files.items()}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    whole = folder / "tools" / hashlib.sha256("".join(digests.values()).encode()).hexdigest()[:16]
    if not whole.is_dir():
        waiting = whole.with_name(f".{whole.name}.{os.getpid()}")
        shutil.rmtree(waiting, ignore_errors=True)
        waiting.mkdir(parents=True)
        for name, content in contents.items():
            (waiting / name).write_bytes(content)
            (waiting / name).chmod(0o755 if name == "uv" else 0o644)
        waiting.chmod(0o755)
        try:
            waiting.rename(whole)
        except OSError:  # another process was faster
            shutil.rmtree(waiting)
    return whole, digests["uv"][:16]
