"""A reader who copies the commands of the README and the site gets what they show."""

import os
import shlex
import signal
import subprocess
import sys
import time

import pytest
from documented import ROOT, RUN_PAGES, blocks

from harness.cli import app

ELSEWHERE = {
    "pip install repopeftbench": "the set-up of continuous integration installs",
    "pip install 'repopeftbench[models,report]'": "the set-up of continuous integration installs",
    "make demo": "a stage of continuous integration",
}
"""Blocks of the README and the tutorial that are not run here, by first line, and what runs them instead."""
RUN = [page for page in RUN_PAGES if any(block.kind == "console" for block in blocks(page))]


def normal(text):
    return " ".join(text.replace("│", " ").split())


@pytest.fixture
def shell(tmp_path):
    """Runs a line where `repobench` and `python` are this copy and this interpreter."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, arguments in (("repobench", "-c 'from harness.cli import main; main()'"), ("python", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        (programs / name).chmod(0o755)
    place = tmp_path / "place"
    place.mkdir()
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "COLUMNS": "200",
    }

    def run(line):
        command = ["bash", "-c", line]
        return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)

    run.place = place
    return run


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN)
def test_every_command_of_a_page_works_and_prints_what_the_page_shows(page, shell):
    for block in blocks(page):
        if block.title:
            (shell.place / block.title).write_text(block.text, "utf-8")
        if block.kind != "console":
            continue
        assert block.commands(), f"a console block of {page} runs nothing: {block.text}"
        for line, shown in block.commands():
            done = shell(line)
            assert done.returncode == 0, f"{page}: {line}\n{done.stdout}{done.stderr}"
            for expected in shown:
                assert normal(expected) in normal(done.stdout + done.stderr), f"{page}: {line}"


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial.md"])
def test_no_block_of_commands_goes_unrun(page):
    for block in blocks(page):
        assert block.kind != "", f"{page}: a block says what it is: {block.text}"
        if block.kind == "sh":
            assert block.text.splitlines()[0].partition("#")[0].strip() in ELSEWHERE


@pytest.mark.parametrize(
    ("page", "line"),
    [
        (page, line)
        for page in RUN_PAGES
        for block in blocks(page)
        if block.kind == "sh"
        for line in block.text.splitlines()
        if line.startswith("repobench ")
    ],
)
def test_command_for_another_machine_is_understood(page, line):
    arguments = [word for word in shlex.split(line, comments=True)[1:] if word != "--json"]
    _, bound, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
    assert bound is not None


@pytest.mark.parametrize("job", sorted((ROOT / "examples").glob("*.sh")), ids=lambda path: path.name)
def test_commands_of_the_sample_jobs_are_understood(job):
    lines = [line.partition("repobench ")[2] for line in job.read_text().splitlines() if not line.startswith("#")]
    for line in filter(None, lines):
        _, bound, _ = app.parse_args(shlex.split(line), exit_on_error=False, print_error=False)
        assert bound is not None


def test_the_slurm_job_interrupts_its_work_and_is_put_back_into_the_queue(tmp_path):
    """Bash lets what it starts in the background ignore interrupts, unless it has job control."""
    for name, text in {
        "repobench": "import time\ntry:\n    open('begun', 'w').close()\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    open('interrupted', 'w').close()\n",
        "scontrol": "import sys\nopen('requeued', 'w').write(' '.join(sys.argv[1:]))\n",
    }.items():
        (tmp_path / name).write_text(f"#!{sys.executable}\n{text}")
        (tmp_path / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_ID": "7"}
    job = subprocess.Popen(["bash", ROOT / "examples" / "slurm.sh", "data"], cwd=tmp_path, env=environment)
    while not (tmp_path / "begun").exists():
        assert job.poll() is None
        time.sleep(0.02)
    job.send_signal(signal.SIGINT)
    assert job.wait(timeout=30) == 0
    assert (tmp_path / "interrupted").exists()
    assert (tmp_path / "requeued").read_text() == "requeue 7"


def test_own_predictor_takes_less_than_fifty_lines():
    (predictor,) = [block for block in blocks("docs/how-to/own-predictor.md") if block.title == "nearest.py"]
    assert len(predictor.text.splitlines()) < 50
