"""Looks at this machine for everything that commands need, and names the command that mends what is missing (io).

It changes nothing, and asks nothing of the network but whether the Hub answers. That a thing is there does not prove
that it works under load: a GPU is not computed on, no container is started.
"""

import hashlib
import importlib.metadata
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

from harness.examination import Finding, State, guarded

DISTRIBUTION = "repopeftbench"
LEAST_PYTHON = (3, 11)
LEAST_FREE_BYTES = 2_000_000_000
USES = {
    "models": "run, train and adapt with language models",
    "sandbox": "probe",
    "report": "the page and the figures of report",
    "tracking": "curves of trainings in TensorBoard",
    "ray": "--engine ray",
}
"""What each extra is for; those for development are left out."""
ASSETS = Path(__file__).parent.parent / "code2lora" / "assets"
SUMS_NAME = "SHA256SUMS"
_REINSTALL = f"pip install --force-reinstall --no-deps {DISTRIBUTION}"


def examine(*, offline: bool = False, seconds: float = 3.0) -> Iterator[Finding]:
    """Everything that was found, in the order of need.

    Args:
        offline: do not ask whether the Hub answers.
        seconds: longest wait for the Hub.
    """
    yield from guarded("python", _python)
    yield from guarded("packages", _packages)
    yield from guarded("weights", lambda: bundled_weights(ASSETS))
    yield from guarded("git", _git)
    yield from guarded("disk", _disk)
    yield from guarded("gpu", _gpu)
    yield from guarded("docker", _docker)
    yield from guarded("hub", lambda: _hub(offline=offline, seconds=seconds))


def _python() -> Iterator[Finding]:
    found = f"{platform.python_version()} at {sys.executable}, {platform.platform()}"
    if sys.version_info >= LEAST_PYTHON:
        yield Finding(area="python", name="version", state=State.OK, detail=found)
    else:
        least = ".".join(map(str, LEAST_PYTHON))
        fix = f"uv venv --python {least}"
        yield Finding(
            area="python", name="version", state=State.BROKEN, detail=f"{found} is older than {least}", fix=fix
        )


def _packages() -> Iterator[Finding]:
    try:
        requirements = [Requirement(text) for text in importlib.metadata.requires(DISTRIBUTION) or ()]
    except importlib.metadata.PackageNotFoundError:
        detail = f"{DISTRIBUTION} is not installed, its folder is only on the path"
        yield Finding(area="packages", name=DISTRIBUTION, state=State.BROKEN, detail=detail, fix="pip install -e .")
        return
    base = [one for one in requirements if one.marker is None or one.marker.evaluate({"extra": ""})]
    yield packages("base", "everything", base, needed=True)
    for extra, use in USES.items():
        asked = [one for one in requirements if one not in base and one.marker is not None]
        wanted = [one for one in asked if one.marker is not None and one.marker.evaluate({"extra": extra})]
        yield packages(extra, use, wanted, needed=False)


def packages(extra: str, use: str, wanted: list[Requirement], *, needed: bool) -> Finding:
    """Whether the packages of an extra are installed in versions that fit.

    Args:
        extra: its name, `base` for what every install has.
        use: what needs it.
        wanted: its packages.
        needed: whether every command needs them.
    """
    there, missing = [], []
    for requirement in wanted:
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(f"{requirement.name} is not installed")
            continue
        if requirement.specifier.contains(version, prereleases=True):
            there.append(f"{requirement.name} {version}")
        else:
            missing.append(f"{requirement.name} {version} is not {requirement.specifier}")
    if not missing:
        return Finding(area="packages", name=extra, state=State.OK, detail=", ".join(there))
    name = DISTRIBUTION if extra == "base" else f"'{DISTRIBUTION}[{extra}]'"
    state = State.BROKEN if needed else State.ABSENT
    detail = f"{', '.join(missing)}; needed for {use}"
    return Finding(area="packages", name=extra, state=state, detail=detail, fix=f"pip install {name}")


def bundled_weights(folder: Path) -> Iterator[Finding]:
    """Whether the weights in the package are those that it was made with.

    Args:
        folder: with the weights and SHA256SUMS.
    """
    for line in (folder / SUMS_NAME).read_text("utf-8").splitlines():
        expected, _, name = line.partition("  ")
        path = folder / name
        if not path.is_file():
            detail = f"{path} is missing"
        elif hashlib.sha256(path.read_bytes()).hexdigest() != expected:
            detail = f"{path} is not the file that was bundled (SHA-256 differs)"
        else:
            yield Finding(area="weights", name=name, state=State.OK, detail=f"SHA-256 {expected[:12]}")
            continue
        yield Finding(area="weights", name=name, state=State.BROKEN, detail=detail, fix=_REINSTALL)


def _git() -> Iterator[Finding]:
    from repopeftbench.gitremote import transports

    found = transports()
    missing = [name for name, is_there in found.items() if not is_there]
    detail = ", ".join(f"{name} {'yes' if is_there else 'no'}" for name, is_there in found.items())
    if missing:
        fix = "pip install --force-reinstall pygit2"
        yield Finding(area="git", name="pygit2", state=State.ABSENT, detail=f"clones with {detail}", fix=fix)
    else:
        yield Finding(area="git", name="pygit2", state=State.OK, detail=f"clones with {detail}")
    program = shutil.which("git")
    if program:
        yield Finding(area="git", name="program", state=State.OK, detail=program)
    else:
        detail = "no git on the path; no command needs it, repairing clones does"
        yield Finding(area="git", name="program", state=State.ABSENT, detail=detail, fix="apt-get install git")


def _disk() -> Iterator[Finding]:
    from repopeftbench.dataset.build import default_cache

    for name, folder in (("here", Path.cwd()), ("cache", default_cache())):
        there = next(place for place in (folder, *folder.parents) if place.exists())
        free = shutil.disk_usage(there).free
        detail = f"{free / 1e9:.1f} GB free at {folder}"
        if free >= LEAST_FREE_BYTES:
            yield Finding(area="disk", name=name, state=State.OK, detail=detail)
        else:
            fix = f"make room: {LEAST_FREE_BYTES / 1e9:.0f} GB at least" + (
                ", or set --cache" if name == "cache" else ""
            )
            yield Finding(area="disk", name=name, state=State.ABSENT, detail=detail, fix=fix)


def _gpu() -> Iterator[Finding]:
    try:
        import torch
    except ImportError:
        fix = f"pip install '{DISTRIBUTION}[models]'"
        yield Finding(area="gpu", name="torch", state=State.ABSENT, detail="torch is not installed", fix=fix)
        return
    if not torch.cuda.is_available():
        has_driver = shutil.which("nvidia-smi") is not None
        detail = f"torch {torch.__version__} sees no CUDA device; --device auto takes the processor"
        fix = "pip install --force-reinstall torch" if has_driver and torch.version.cuda is None else ""
        yield Finding(area="gpu", name="cuda", state=State.ABSENT if fix else State.OK, detail=detail, fix=fix)
        return
    for index in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(index)
        detail = f"{about.name}, {about.total_memory / 1e9:.0f} GB, torch {torch.__version__}"
        yield Finding(area="gpu", name=f"cuda:{index}", state=State.OK, detail=detail)


def _docker() -> Iterator[Finding]:
    from sandboxes.readiness import check

    for one in check():
        state = State.OK if one.ok else State.ABSENT
        yield Finding(area="docker", name=one.name, state=state, detail=one.detail, fix=one.fix)


def _hub(*, offline: bool, seconds: float) -> Iterator[Finding]:
    from repopeftbench.dataset.hub import ask_hub, has_token

    if has_token():
        yield Finding(area="hub", name="login", state=State.OK, detail="a token is there")
    else:
        detail = "no token; needed for publish and private models alone"
        yield Finding(area="hub", name="login", state=State.ABSENT, detail=detail, fix="hf auth login")
    if offline:
        return
    problem = ask_hub(seconds)
    if problem is None:
        yield Finding(area="hub", name="network", state=State.OK, detail="the Hub answers")
    else:
        # Offline is no error: everything but publishing and fetching works.
        yield Finding(area="hub", name="network", state=State.OK, detail=f"offline: {problem}")
