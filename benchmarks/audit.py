"""What the audit finds in the same repositories, mined with either protocol.

    python benchmarks/audit.py LIST -o FOLDER [--workers N]

Mines LIST (a repository list, such as examples/fourteen.toml) into FOLDER/clean and FOLDER/published, imports the
latter into FOLDER/paper, audits both datasets, and prints Markdown tables: counts and shares of the val and test tasks
of each track. What is there already is mined anew. The paper protocol's training rows are imported uncapped, so that
the whole train part counts where statements are looked for in it.
"""

import argparse
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.cli import run_command
from repopeftbench.audit.findings import Severity
from repopeftbench.audit.report import AuditReport, read_audit
from repopeftbench.dataset.store import Dataset
from repopeftbench.schema import Split, Track

MEASURES = {
    "statement-in-train": "statement stands in train of the same repository",
    "statement-unchanged": "statement unchanged since an earlier commit",
    "statement-malformed": "statement is no Python (the cut lost a part)",
    "target-in-prefix": "target stands in the prefix",
    "target-in-prefix-4": "the same, targets of at least 4 characters",
    "target-in-diff": "target stands in the commit's own added lines (at least 4 characters)",
    "target-characters up to 1": "target of one character",
    "em most-frequent": "`most-frequent` is right",
    "em copy-prefix": "`copy-prefix` is right",
    "em previous-version": "`previous-version` is right",
}
HELD_OUT = tuple(split for split in Split if split.role != "train")


def main(arguments: Sequence[str] | None = None) -> int:
    """Mines, imports, audits and prints; 1 where a step failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list", help="a repository list")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder of the datasets")
    parser.add_argument("--workers", type=int, default=1, help="processes that mine")
    options = parser.parse_args(arguments)
    folders = made(options.list, options.out, options.workers)
    if folders is None:
        return 1
    for protocol, folder in folders.items():
        report = read_audit(folder)
        if report is None:
            return 1
        print("\n".join(table(protocol, folder, report)))
    return 0


def made(repositories: str, out: Path, workers: int) -> dict[str, Path] | None:
    """The audited dataset of each protocol; None where a step failed, which has said why."""
    clean, published, paper = out / "clean", out / "published", out / "paper"
    for folder in (clean, published, paper):
        shutil.rmtree(folder, ignore_errors=True)
    how = ["--cutoff", "none", "--workers", str(workers)]
    if run_command(["mine", repositories, "-o", str(clean), *how]):
        return None
    if run_command(["mine", repositories, "--protocol", "paper", "-o", str(published), *how]):
        return None
    shutil.rmtree(published / "smartcap")
    if run_command(["import-official", str(published), "-o", str(paper)]):
        return None
    return (
        None
        if any(run_command(["check", str(folder)]) for folder in (clean, paper))
        else {
            "clean": clean,
            "paper": paper,
        }
    )


def table(protocol: str, folder: Path, report: AuditReport) -> Iterator[str]:
    """The lines of one dataset's table."""
    repositories = len(Dataset(folder).manifest.repositories)
    counts = ", ".join(f"{report.count(severity)} {severity}s" for severity in Severity)
    columns = [(track, split) for track in Track for split in HELD_OUT if tasks(report, track, split)]
    yield f"\nProtocol `{protocol}`, {repositories} repositories: {counts}.\n"
    yield "| | " + " | ".join(f"{track} {split}" for track, split in columns) + " |"
    yield "|---|" + "--:|" * len(columns)
    yield "| tasks | " + " | ".join(f"{tasks(report, *column):,}" for column in columns) + " |"
    for name, meaning in MEASURES.items():
        cells = [summed(report, name, *column) for column in columns]
        if any(of for _, of in cells):
            yield f"| {meaning} | " + " | ".join(f"{count / of:.1%}" if of else "" for count, of in cells) + " |"


def tasks(report: AuditReport, track: Track, split: Split) -> int:
    """How many tasks a split has, by a measure that every task is in."""
    return summed(report, "target-empty", track, split)[1]


def summed(report: AuditReport, name: str, track: Track, split: Split) -> tuple[int, int]:
    """A measure over all repositories of a split."""
    found = [m for m in report.measures if (m.name, m.track, m.split) == (name, track, split)]
    return sum(m.count for m in found), sum(m.of for m in found)


if __name__ == "__main__":
    sys.exit(main())
