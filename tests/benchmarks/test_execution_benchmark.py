"""The benchmark of executions runs and says whether its goal is reached."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent.parent / "benchmarks" / "execution.py"


@pytest.mark.docker
def test_warm_containers_are_compared_with_fresh_ones(docker_image, tmp_path):
    command = [sys.executable, SCRIPT, "--count", "10", "--json", tmp_path / "figures.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert sorted(figures["medians"]) == ["fresh", "plain", "warm"]
    assert figures["ratios"]["fresh"] > 1 and figures["ratios"]["plain"] > 1
    assert "| warm |" in done.stdout


def test_machine_without_an_engine_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.startswith("No Docker engine answers")) == (2, True)
