"""The whole path on this machine, without network: mine, run, report. `make demo` calls it.

Mines six synthetic repositories with real git histories, and runs every method that needs no training; then this very
repository, where the checkout has its history, without the hypernetworks, which would encode all of its commits.
"""

import shutil
import sys
import time
from pathlib import Path

from code2lora.named_checkpoints import EVOLUTION, STATIC, is_bundled
from harness.cli import run_command

ROOT = Path(__file__).parent.parent
OUT = Path("repobench-out") / "demo"
TASKS_PER_SPLIT = 60
PLAIN = ("most-frequent", "copy-prefix", "previous-version", "pretrained")
HYPERNETWORKS = tuple(method for method in (STATIC, EVOLUTION) if is_bundled(method))


def main() -> int:
    """Runs every step; the first one that fails ends the demonstration."""
    start = time.monotonic()
    shutil.rmtree(OUT, ignore_errors=True)
    step("synth", str(OUT / "repos"), "--count", "6")
    measure("synthetic", str(OUT / "repos" / "repos.toml"), (*PLAIN, *HYPERNETWORKS))
    if has_history():
        measure("own", str(ROOT), PLAIN)
    where = OUT / "synthetic" / "report" / "report.md"
    print(f"\nDone in {time.monotonic() - start:.0f} s. With every breakdown: {where}")
    return 0


def measure(name: str, repositories: str, methods: tuple[str, ...]) -> None:
    """Mines, runs and reports; everything is below OUT / name."""
    data, runs = str(OUT / name / "data"), OUT / name / "runs"
    step("mine", repositories, "-o", data, "--cutoff", "none")
    for method in methods:
        limit = ("--limit", str(TASKS_PER_SPLIT))
        step("run", "--method", method, "--data", data, "-o", str(runs / method), *limit)
    step("report", str(runs), "-o", str(OUT / name / "report"), "--data", data)


def has_history() -> bool:
    """Whether this checkout can be mined; where it cannot, that is said."""
    if not (ROOT / ".git").exists():
        print("This checkout has no git history: this repository is left out.")
        return False
    if (ROOT / ".git" / "shallow").exists():
        print("This checkout is a shallow clone: this repository is left out (git fetch --unshallow brings it in).")
        return False
    return True


def step(*arguments: str) -> None:
    """Prints and runs one `repobench` command."""
    print(f"\n$ repobench {' '.join(arguments)}", flush=True)
    code = run_command(arguments)
    if code:
        sys.exit(code)


if __name__ == "__main__":
    sys.exit(main())
