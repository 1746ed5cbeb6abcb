"""Mines a list in a process that is killed at a given moment around its disk calls, for tests that go on afterwards.

mine_driver.py LIST DATA CACHE WORKERS AT     dies of SIGKILL before the AT-th disk call; prints how many there were
"""

import os
import shutil
import signal
import sys
from pathlib import Path

import pyarrow.parquet as pq

from harness.cli import run_command

CALLS = [
    (os, "fsync"), (os, "replace"), (os, "rename"), (os, "mkdir"), (os, "unlink"), (os, "rmdir"), (shutil, "rmtree"),
    (Path, "rename"), (Path, "replace"), (Path, "mkdir"), (Path, "unlink"), (Path, "write_text"), (Path, "write_bytes"),
    (pq, "write_table"), (pq.ParquetWriter, "write_table"), (pq.ParquetWriter, "close"),
]  # fmt: skip


def main(listing, data, cache, workers, at):
    steps = 0

    def counted(call):
        def wrapped(*arguments, **options):
            nonlocal steps
            if steps == at:
                os.kill(os.getpid(), signal.SIGKILL)
            steps += 1
            return call(*arguments, **options)

        return wrapped

    for owner, name in CALLS:
        setattr(owner, name, counted(getattr(owner, name)))
    options = ["--cutoff", "none", "--workers", str(workers), "--cache", cache]
    code = run_command(["mine", listing, "-o", data, *options])
    print(f"steps={steps}")  # noqa: T201 - read by the test
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:5], int(sys.argv[5])))
