"""Pages of the site that are made from the code: the commands, the Python reference, the list of decisions.

mkdocs calls `on_files`. Nothing that is made is kept in the repository, so no page can be older than the code.
"""

import inspect
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from cyclopts import Argument
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from harness.cli import app
from harness.commands.examples import EXAMPLES, EXIT_CODES, GROUPS

MODULES = {
    "The records of the benchmark": ("repopeftbench.schema", "repopeftbench.errors", "repopeftbench.ledger"),
    "Reading a dataset": ("repopeftbench.dataset.store", "repopeftbench.dataset.manifest", "repopeftbench.views"),
    "Making a dataset": ("repopeftbench.dataset.build", "repopeftbench.sources", "repopeftbench.tasks.cut"),
    "Predictors and runs": (
        "harness.predictors.protocol",
        "harness.records",
        "harness.runner",
        "harness.run_store",
        "harness.stopping",
    ),
    "Metrics and statistics": ("harness.metrics.exact", "harness.metrics.editsim", "harness.stats", "harness.pairing"),
    "Models": (
        "code2lora.backbone",
        "code2lora.generation",
        "code2lora.lora",
        "code2lora.encoder",
        "code2lora.head",
        "code2lora.evolution",
        "code2lora.errors",
    ),
    "Sandboxes": ("sandboxes.spec", "sandboxes.verdict", "sandboxes.errors"),
}
"""What the Python reference holds, by heading."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are made from the code."""
    docs = Path(config.docs_dir)
    made = {
        "reference/commands.md": commands_page(),
        "reference/python.md": python_page(),
        "adr/index.md": decisions_page(docs / "adr"),
    }
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    return files


def commands_page() -> str:
    """Every command with its arguments, options and examples, as the parser has them."""
    codes = "".join(f"| {code} | {meaning} |\n" for code, meaning in EXIT_CODES.items())
    parts = [
        "# Commands\n\nThis page is made from the command line itself; `repobench COMMAND --help` says the same.\n\n"
        f"## Options of every command\n\n{_shared_table()}\n\n## Exit codes\n\n| code | means |\n|--:|---|\n{codes}"
    ]
    for title, commands in GROUPS.items():
        there = [command for command in commands if command in app]
        parts.append(f"## {title}\n")
        parts += [_command(command) for command in there]
    return "\n".join(parts)


def _shared_table() -> str:
    arguments = app.meta.assemble_argument_collection()
    return _table([one for one in arguments if one.show and one.names])


def _command(name: str) -> str:
    command = app[name]
    arguments = [one for one in command.assemble_argument_collection() if one.show]
    positional = [one for one in arguments if not _options(one)]
    options = [one for one in arguments if _options(one)]
    usage = " ".join(["repobench", name, *(_positional_name(one) for one in positional), "[OPTIONS]"])
    documented = inspect.getdoc(command.default_command) or ""
    about = documented.partition("Args:")[0].strip()
    parts = [f"### {name} {{ #{name} }}\n", about + "\n", f"```text\n{usage}\n```\n"]
    if positional:
        parts.append(_table(positional) + "\n")
    if options:
        parts.append(_table(options) + "\n")
    lines = "\n".join(EXAMPLES.get(name, ()))
    if lines:
        parts.append(f"```sh\n{lines}\n```\n")
    return "\n".join(parts)


def _options(argument: Argument) -> list[str]:
    return [name for name in argument.names if name.startswith("-")]


def _positional_name(argument: Argument) -> str:
    name = argument.names[0].strip("-").upper() if argument.names else argument.field_info.name.upper()
    return name if argument.required else f"[{name}]"


def _table(arguments: list[Argument]) -> str:
    rows = "".join(f"| {' | '.join(_row(one))} |\n" for one in arguments)
    return f"| | default | |\n|---|---|---|\n{rows}"


def _row(argument: Argument) -> Iterator[str]:
    names = _options(argument)
    yield "<br>".join(f"`{name}`" for name in names) or f"`{_positional_name(argument)}`"
    yield _default(argument)
    text = " ".join(str(argument.parameter.help or "").split()).replace("|", "\\|")
    choices = argument.get_choices()
    listed = f" One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else ""
    yield f"{text}{listed}"


def _default(argument: Argument) -> str:
    if argument.required:
        return "required"
    value = argument.field_info.default
    return "" if value is argument.field_info.empty or value in (None, False, ()) else f"`{_shown(value)}`"


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(map(_shown, value))
    return str(value.value if isinstance(value, Enum) else value)


def python_page() -> str:
    """The public names of the modules that programs use."""
    parts = ["# Python\n\nMade from the docstrings. Names that are not here may change without a word.\n"]
    for title, modules in MODULES.items():
        parts.append(f"## {title}\n")
        parts += [f"::: {module}\n" for module in modules]
    return "\n".join(parts)


def decisions_page(folder: Path) -> str:
    """Every decision with its title."""
    rows = []
    for path in sorted(folder.glob("[0-9]*.md")):
        title = path.read_text("utf-8").splitlines()[0].lstrip("# ")
        rows.append(f"- [{title}]({path.name})")
    return "# Decisions\n\nContext, decision, consequences, and when to open each again.\n\n" + "\n".join(rows) + "\n"
