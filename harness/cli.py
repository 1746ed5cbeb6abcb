"""The `repobench` command: parses, calls, and turns expected failures into one sentence and an exit code.

Exit codes: 0 all done; 1 done, but something was left out and named, or what was looked for was found; 2 nothing done;
130 interrupted. stdout carries the result alone; with `--json` that is one JSON document, whatever happens.
"""

import logging
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Group, Parameter, UnknownCommandError
from rich.logging import RichHandler

import repopeftbench
from code2lora.errors import Code2LoRAError
from harness.commands.examples import EXAMPLES, EXIT_CODES, GROUPS
from harness.console import print_document, say, session
from harness.errors import HarnessError, UnknownCommandNameError
from repopeftbench.errors import RepoBenchError
from sandboxes.errors import SandboxError

EXPECTED = (RepoBenchError, Code2LoRAError, HarnessError, SandboxError)
FAILED, INTERRUPTED = 2, 130
EXTRAS = {
    **dict.fromkeys(("torch", "transformers", "peft", "safetensors", "tokenizers", "accelerate", "bm25s"), "models"),
    **dict.fromkeys(("docker", "uv"), "sandbox"),
    **dict.fromkeys(("altair", "jinja2", "vl_convert"), "report"),
    "tensorboard": "tracking",
    "ray": "ray",
}
"""The extra that brings a package which the base install lacks."""

_EXIT_CODES = "Exit codes: " + "; ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items()) + "."

app = App(
    name="repobench",
    help="Turns git histories into a benchmark of assertion completion, runs methods on it, reports which works.",
    help_epilogue=_EXIT_CODES,
    help_format="markdown",
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
    "train-nano": (
        "pretraining",
        "Train a small backbone from scratch on a pinned list of releases; goes on where it stopped.",
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
    "doctor": ("examining", "Examine this machine: what works, and the command that mends what does not."),
    "config": ("configuring", "Check a file for --config: what every option would be, and where that comes from."),
    "completion": ("completing", "Write the completion script of a shell: bash, zsh or fish."),
}
_GROUPS = {title: Group(title, sort_key=place) for place, title in enumerate(GROUPS)}
_GROUP_OF = {command: _GROUPS[title] for title, commands in GROUPS.items() for command in commands}


def _epilogue(command: str) -> str:
    """What follows the options in a command's help."""
    lines = "\n".join(f"- `{line}`" for line in EXAMPLES.get(command, ()))
    return f"Examples:\n\n{lines}\n\n{_EXIT_CODES}"


for name, (module, summary) in _COMMANDS.items():
    app.command(
        f"harness.commands.{module}:{name.replace('-', '_')}",
        name=name,
        help=summary,
        group=_GROUP_OF.get(name),
        help_epilogue=_epilogue(name),
    )


@Parameter(name="*", negative="", show_default=False, group=Group("Options of every command", sort_key=len(GROUPS)))
@dataclass(frozen=True, slots=True, kw_only=True)
class SharedOptions:
    """What every command can be told, before or behind its name."""

    json: bool = False
    """Print one JSON document to stdout; all else goes to stderr."""
    config: Path | None = None
    """TOML file of options, a table per command; options of the command line go before it."""
    quiet: Annotated[bool, Parameter(name=("--quiet", "-q"))] = False
    """Show no progress, and no warnings of libraries; results, errors and what is left out are still named."""
    verbose: Annotated[bool, Parameter(name=("--verbose", "-v"))] = False
    """Say more on stderr: what libraries tell, and where an expected failure comes from."""


@app.meta.default
def _launch(
    *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)], shared: SharedOptions = SharedOptions()
) -> int:
    level = logging.ERROR if shared.quiet else logging.INFO if shared.verbose else logging.WARNING
    logging.getLogger().setLevel(level)
    with session(as_json=shared.json, quiet=shared.quiet) as document:
        code, problem = _answered(tokens, shared)
        if shared.json:
            print_document(document if problem is None else {**document, "error": problem})
        if problem is not None:
            say(f"repobench: {problem}")
    return code


def _answered(tokens: Sequence[str], shared: SharedOptions) -> tuple[int, str | None]:
    """The exit code, and the one sentence about what went wrong."""
    try:
        if shared.quiet and shared.verbose:
            return FAILED, "--quiet and --verbose are opposites: give one of them"
        app.config = _configuration(shared.config)
        code = app(tokens, result_action="return_value", exit_on_error=False, print_error=False)
    except CycloptsError as error:
        return FAILED, _one_sentence(error, tokens)
    except (*EXPECTED, OSError) as error:
        if shared.verbose:
            say(traceback.format_exc().rstrip())
        return FAILED, str(error)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        return FAILED, f"package {package!r} is not installed: pip install 'repopeftbench[{EXTRAS[package]}]'"
    except KeyboardInterrupt:
        return INTERRUPTED, "interrupted; the same command goes on where it stopped"
    return code if isinstance(code, int) else 0, None


def _configuration(file: Path | None) -> tuple[Any, ...]:
    if file is None:
        return ()
    from harness.commands.configuring import configuration

    return (configuration(app, file),)


def _one_sentence(error: CycloptsError, tokens: Sequence[str]) -> str:
    """What the parser found wrong, and where to read more."""
    if isinstance(error, UnknownCommandError):
        return str(UnknownCommandNameError(tokens[0], _COMMANDS))
    text = " ".join(str(error).split()).rstrip(".")
    command = f" {tokens[0]}" if tokens and tokens[0] in _COMMANDS else ""
    return f"{text}: see repobench{command} --help"


def run_command(arguments: Sequence[str]) -> int:
    """Runs one command line and returns its exit code."""
    try:
        code = app.meta(list(arguments), result_action="return_value", exit_on_error=False, print_error=False)
    except CycloptsError as error:
        say(f"repobench: {_one_sentence(error, ())}")
        return FAILED
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
