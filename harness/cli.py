"""The `repobench` command: parses, calls, and turns expected failures into one sentence and an exit code.

Exit codes: 0 all done; 1 done, but something was left out and named; 2 nothing done; 130 interrupted.
"""

import logging
import os
import sys
from collections.abc import Sequence

from cyclopts import App
from rich.logging import RichHandler

import repopeftbench
from code2lora.errors import Code2LoRAError
from harness.console import say
from harness.errors import HarnessError
from repopeftbench.errors import RepoBenchError
from sandboxes.errors import SandboxError

EXPECTED = (RepoBenchError, Code2LoRAError, HarnessError, SandboxError)
FAILED, INTERRUPTED = 2, 130

app = App(
    name="repobench",
    help="Turns git histories into a benchmark of assertion completion, runs methods on it, reports which works.",
    version=repopeftbench.__version__,
    suppress_keyboard_interrupt=False,
)
# By name: a command is imported when it is called, so that none pays for the imports of the others.
_COMMANDS = {
    "select": (
        "selecting",
        "Select repositories to mine from candidates' metadata and histories, by the published filters.",
    ),
    "mine": ("mining", "Mine git histories into a dataset of assertion-completion tasks."),
    "check": ("checking", "Audit a dataset: structure, quality, leakage, trivial baselines; 1 where there are errors."),
    "diff": (
        "differing",
        "Show what changed between two datasets: options, repositories, files, and tasks with the reason.",
    ),
    "train": ("training", "Train the weights of one method on the train split; goes on where it stopped."),
    "run": (
        "running",
        "Answer tasks with one method and score the answers; goes on where it stopped.",
    ),
    "adapt": ("adapting", "Make the adapter of one repository: a folder for peft and vLLM, or a GGUF file."),
    "score": ("running", "Score the predictions of a run again, without any model."),
    "diagnose": (
        "diagnosing",
        "Tell whether conditioning is real: own adapters against the mean, other repositories' and a shared LoRA.",
    ),
    "probe": (
        "probing",
        "Execute the predictions of a run with pytest in a sandbox, or count the runnable tasks of a dataset.",
    ),
    "report": (
        "reporting",
        "Compare runs: metrics with intervals over repositories, paired verdicts, breakdowns, kinds of mistakes.",
    ),
    "compare": ("reporting", "Compare two runs task by task: the paired verdict, and the tasks that flipped."),
    "serve": (
        "serving",
        "Serve the pages of reports on this machine; makes the report of a folder of runs that has none.",
    ),
    "import-official": ("importing", "Read the benchmark's published data, or a rebuilt one, into a dataset."),
    "synth": (
        "synthesizing",
        "Write synthetic repositories with real git histories; with --repos a benchmark whose best scores are known.",
    ),
    "publish": ("publishing", "Publish a dataset on the Hugging Face Hub, in one commit."),
    "publish-run": (
        "publishing",
        "Publish a run, a report or a folder of adapters on the Hugging Face Hub, in one commit.",
    ),
}
for name, (module, summary) in _COMMANDS.items():
    app.command(f"harness.commands.{module}:{name.replace('-', '_')}", name=name, help=summary)


def run_command(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code."""
    try:
        code = app(list(arguments), result_action="return_value")
    except EXPECTED as error:
        say(f"repobench: {error}")
        return FAILED
    except OSError as error:
        say(f"repobench: {error}")
        return FAILED
    except KeyboardInterrupt:
        say("repobench: interrupted; the same command goes on where it stopped")
        return INTERRUPTED
    return code if isinstance(code, int) else 0


def main() -> None:
    """The console script."""
    # Threads of PyTorch that wait for each other must sleep, not spin: with the cores busy elsewhere, spinning made
    # generation on two cores ten times slower. Read when the OpenMP library loads, so it must be set before.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Arrow's own allocator keeps what is freed; tables come and go here while other memory is wanted.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    logging.basicConfig(
        level=logging.WARNING, format="%(message)s", handlers=[RichHandler(show_time=False, show_path=False)]
    )
    sys.exit(run_command(sys.argv[1:]))
