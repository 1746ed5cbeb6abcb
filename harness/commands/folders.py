"""Where commands look and write when they are not told."""

from pathlib import Path

DATA_FOLDER = Path("repobench-out/data")
RUNS_FOLDER = Path("repobench-out/runs")
REPORT_FOLDER = Path("repobench-out/report")
