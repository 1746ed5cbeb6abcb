"""The scripted repositories, written and mined once for all oracle tests."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.cli import run_command
from oracle.comparison import Mined, load
from oracle.history import Git
from oracle.scripted import BUILDERS
from oracle.scripting import Script


@dataclass(frozen=True, slots=True)
class Scripted:
    """The scripted repositories, their list, and the dataset mined from them with one worker."""

    scripts: dict[str, Script]
    listing: Path
    data: Path
    mined: dict[str, Mined]

    def git(self, name: str) -> Git:
        return Git(self.scripts[name].folder)


def mine_into(listing: Path | str, data: Path, cache: Path, *options: str) -> int:
    """The exit code of `repobench mine`."""
    return run_command(["mine", str(listing), "-o", str(data), "--cutoff", "none", "--cache", str(cache), *options])


@pytest.fixture(scope="session")
def scripted(tmp_path_factory) -> Scripted:
    folder = tmp_path_factory.mktemp("oracle")
    scripts = {name: build(folder / name) for name, build in BUILDERS.items()}
    listing = folder / "repositories.txt"
    listing.write_text("# scripted\n" + "".join(f"./{name}\n" for name in scripts), "utf-8")
    data = folder / "data"
    assert mine_into(listing, data, folder / "cache", "--workers", "1") == 0
    return Scripted(scripts, listing, data, load(data))
