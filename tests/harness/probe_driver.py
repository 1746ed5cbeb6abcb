"""A process that probes a run of a small repository with the local driver, for tests that kill it.

probe_driver.py DATA RUN STORE
"""

import sys
from pathlib import Path

from harness.cli import run_command


def arguments(data, run, store):
    return ["probe", str(run), "--data", str(data), "--store", str(store), "--driver", "local", "--unsafe-local"]


if __name__ == "__main__":
    sys.exit(run_command(arguments(*map(Path, sys.argv[1:]))))
