"""`--config FILE` and `repobench config check`: options of commands from a TOML file.

A file has one table per command, with the long options as keys:

    [run]
    method = "pretrained"
    batch-size = 32

It knows options only: what a command works on (a list, a folder) stands on the command line. So does what gives code of
strangers all of the user's rights: no file that came with a repository can say it.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cyclopts import App, Argument, CycloptsError
from cyclopts import config as cyclopts_config
from rich.table import Table
from rich.text import Text

from harness.console import record, show
from harness.errors import UnknownSettingError
from repopeftbench.errors import ConfigError

TYPED_ALONE = ("unsafe-local",)
"""Options that no file can set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One option of a command as a file makes it."""

    command: str
    option: str
    value: Any
    origin: str
    """The file with its table, or `default`, or `required` where the command line has to give it."""


def read_settings(app: App, file: Path) -> dict[str, dict[str, Any]]:
    """The tables of `file` by command.

    Raises:
        ConfigError: the file cannot be read, is no TOML, or holds something beside tables.
        UnknownSettingError: a table is named after no command.
    """
    try:
        tables = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--config {file} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"--config {file} is no TOML: {error}") from error
    commands = [name for name in app if not name.startswith("-")]
    for name, table in tables.items():
        if name not in commands:
            raise UnknownSettingError(name, commands, where=f"{file}: ")
        if not isinstance(table, Mapping):
            raise ConfigError(f"{file}: {name} = {table!r} is no table: write [{name}] and options below it")
    return tables


def configuration(app: App, file: Path) -> cyclopts_config.Dict:
    """What the parser takes options from that the command line does not give; the called command's are checked.

    Raises:
        ConfigError: the file cannot be read, or holds something beside tables.
        UnknownSettingError: a table or a key has no such name.
    """
    tables = read_settings(app, file)
    return _CheckedSettings(data=tables, source=str(file))


class _CheckedSettings(cyclopts_config.Dict):
    """Names the file, the table and the nearest option where a key is unknown."""

    def __call__(self, app: App, commands: tuple[str, ...], arguments: Any) -> None:
        """Adds to `arguments` what the command line left open."""
        for command in commands:
            check_keys(command, self.data.get(command, {}), _options(arguments), self.source)
        super().__call__(app, commands, arguments)


def check_keys(command: str, table: Mapping[str, Any], options: Mapping[str, Argument], source: str) -> None:
    """Passes if every key of `table` is an option that a file may set.

    Raises:
        UnknownSettingError: one is no option.
        ConfigError: one has to be typed.
    """
    for key in table:
        if key in TYPED_ALONE:
            raise ConfigError(f"{source}, [{command}] {key}: a file cannot set it: type --{key} yourself")
        if key not in options:
            raise UnknownSettingError(key, sorted(options), where=f"{source}, [{command}]: ")


def _options(arguments: Any) -> dict[str, Argument]:
    """Arguments by the long name of their option, without the dashes."""
    found = {}
    for argument in arguments:
        names = [name for name in argument.names if name.startswith("--")]
        if names and argument.show:
            found[names[0].removeprefix("--")] = argument
    return found


def effective(app: App, file: Path) -> Iterator[Setting]:
    """Every option of the commands that `file` names: what it would be, and where that comes from.

    Raises:
        ConfigError: the file cannot be read, or a value is no value of its option.
        UnknownSettingError: a table or a key has no such name.
    """
    for command, table in read_settings(app, file).items():
        arguments = app[command].assemble_argument_collection()
        options = _options(arguments)
        check_keys(command, table, options, str(file))
        cyclopts_config.Dict(data=table, source=str(file), use_commands_as_keys=False)(app[command], (), arguments)
        for name, argument in options.items():
            yield _setting(command, name, argument, file)


def _setting(command: str, name: str, argument: Argument, file: Path) -> Setting:
    if argument.has_tokens:
        try:
            value = argument.convert_and_validate()
        except CycloptsError as error:
            raise ConfigError(f"{file}, [{command}] {name}: {_sentence(error)}") from error
        return Setting(command=command, option=name, value=value, origin=f"{file} [{command}]")
    default = argument.field_info.default
    if default is argument.field_info.empty:
        return Setting(command=command, option=name, value=None, origin="required" if argument.required else "default")
    return Setting(command=command, option=name, value=default, origin="default")


def config(action: Literal["check"], file: Path, /) -> int:
    """Check a file for --config: what every option would be, and where that comes from.

    Args:
        action: check.
        file: TOML file with one table per command and its long options as keys.
    """
    from harness.cli import app

    settings = list(effective(app, file))
    table = Table(title=f"Options with --config {file}", title_justify="left")
    for heading in ("command", "option", "value", "from"):
        table.add_column(heading, overflow="fold")
    for one in settings:
        table.add_row(*map(Text, (one.command, f"--{one.option}", _text(one.value), one.origin)))
    show(table)
    commands: dict[str, dict[str, dict[str, Any]]] = {}
    for one in settings:
        commands.setdefault(one.command, {})[one.option] = {"value": one.value, "from": one.origin}
    record(file=file, commands=commands)
    return 0


def _text(value: Any) -> str:
    if isinstance(value, tuple | list):
        return " ".join(map(str, value))
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _sentence(error: CycloptsError) -> str:
    """What is wrong, without the name of the exception that it begins with."""
    return " ".join(str(error).split()).removeprefix(f"{type(error).__name__} ")
