"""The oracle against the miner on real histories: every repository below the folder `REPOBENCH_REPOS`."""

import os
from pathlib import Path

import pytest

from harness.cli import run_command
from oracle.comparison import check_bytes, check_tables, check_targets, compare_evolution, compare_static, load
from oracle.history import Git
from oracle.prefix_checks import check_prefixes

VARIABLE = "REPOBENCH_REPOS"
SHOWN = 25


def is_repository(folder: Path) -> bool:
    return (folder / ".git").exists() or ((folder / "HEAD").is_file() and (folder / "objects").is_dir())


def repositories() -> dict[str, Path]:
    """Name to folder of the repositories that the variable's folder holds, directly or as `NAME/repo`."""
    root = os.environ.get(VARIABLE)
    if not root:
        return {}
    candidates = sorted(Path(root).expanduser().iterdir())
    found = {child.name: place for child in candidates for place in (child, child / "repo") if is_repository(place)}
    if not found:
        raise FileNotFoundError(f"{VARIABLE}={root} holds no git repository, neither directly nor as NAME/repo")
    return found


def parameters() -> list[object]:
    missing = pytest.mark.skip(reason=f"{VARIABLE} is not set: name a folder of git repositories")
    found = repositories()
    return [pytest.param(place, id=name) for name, place in found.items()] or [
        pytest.param(None, id="none", marks=missing)
    ]


@pytest.mark.parametrize("folder", parameters())
def test_miner_agrees_with_the_oracle(folder, tmp_path, capsys):
    data, listing = tmp_path / "data", tmp_path / "repositories.txt"
    listing.write_text(f"{folder.resolve()}\n", "utf-8")
    options = ("--cutoff", "none", "--workers", "1", "--cache", str(tmp_path / "cache"))
    assert run_command(["mine", str(listing), "-o", str(data), *options]) == 0
    (mined,) = load(data).values()
    git = Git(folder)
    evolution = compare_evolution(git, mined)
    problems = [*compare_static(git, mined), *evolution.problems, *check_bytes(git, mined), *check_tables(mined)]
    problems += [*check_targets(mined), *check_prefixes(git, mined)]
    counts = []
    for track in ("static", "evolution"):
        tasks = sum(row["track"] == track for row in mined.tasks)
        sites = sum(1 for _ in mined.rows(track))
        counts.append(f"{track} {sites} sites = {tasks} tasks + {sites - tasks} rejects")
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{folder.parent.name if folder.name == 'repo' else folder.name}: {'; '.join(counts)}; "
            f"{evolution.commits} commits compared, {len(evolution.other_renames)} files by libgit2's renames; "
            f"{len(problems)} disagreements"
        )
    assert not problems, "\n".join(problems[:SHOWN])
