"""`repobench completion`: what a shell needs to complete commands and options."""

from typing import Annotated, Literal

from cyclopts import Parameter
from rich.text import Text

from harness.console import record, show


def completion(
    shell: Literal["bash", "zsh", "fish"], /, *, install: Annotated[bool, Parameter(negative="")] = False
) -> int:
    """Write the completion script of a shell: bash, zsh or fish.

    Args:
        shell: Shell.
        install: Write the script to where the shell looks for it, and load it from the shell's start-up file.
    """
    from harness.cli import app

    if install:
        place = app.install_completion(shell=shell)
        show(f"written to {place}; start a new {shell} to use it")
        record(shell=shell, file=place)
    else:
        script = app.generate_completion(shell=shell)
        show(Text(script.rstrip()))
        record(shell=shell, script=script)
    return 0
