"""The whole path on this machine, without network: mine, run, report. `make demo` calls it.

Mines six synthetic repositories with real git histories, and this very repository where the checkout has its history.
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
METHODS = (
    *("most-frequent", "copy-prefix", "previous-version", "pretrained"),
    *(method for method in (STATIC, EVOLUTION) if is_bundled(method)),
)


def main() -> int:
    """Runs every step; the first one that fails ends the demonstration."""
    start = time.monotonic()
    shutil.rmtree(OUT, ignore_errors=True)
    step("synth", str(OUT / "repos"), "--count", "6")
    listing = OUT / "repos" / "demo.toml"
    listing.write_text((OUT / "repos" / "repos.toml").read_text("utf-8") + own_entry(), "utf-8")
    data, runs = str(OUT / "data"), OUT / "runs"
    step("mine", str(listing), "-o", data, "--cutoff", "none")
    for method in METHODS:
        limit = ("--limit", str(TASKS_PER_SPLIT))
        step("run", "--method", method, "--data", data, "-o", str(runs / method), *limit)
    step("report", str(runs), "-o", str(OUT / "report"), "--data", data)
    print(f"\nDone in {time.monotonic() - start:.0f} s. With every breakdown: {OUT / 'report' / 'report.md'}")
    return 0


def own_entry() -> str:
    """The list's entry for this repository, or nothing where the checkout has no history."""
    if not (ROOT / ".git").exists():
        print("This checkout has no git history: this repository is left out.")
        return ""
    if (ROOT / ".git" / "shallow").exists():
        print("This checkout is a shallow clone: this repository is left out (git fetch --unshallow brings it in).")
        return ""
    return f'\n[[repository]]\nsource = "{ROOT.as_posix()}"\nname = "repopeftbench"\nlicence = "MIT"\n'


def step(*arguments: str) -> None:
    """Prints and runs one `repobench` command."""
    print(f"\n$ repobench {' '.join(arguments)}", flush=True)
    code = run_command(arguments)
    if code:
        sys.exit(code)


if __name__ == "__main__":
    sys.exit(main())
