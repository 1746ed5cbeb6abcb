"""`repobench mine --dry-run`: what it says, and that it changes nothing."""

from dataclasses import replace

import pytest

from harness.cli import run_command
from repopeftbench.dataset.build import BuildOptions
from repopeftbench.dataset.estimate import COMMITS_PER_CPU_SECOND, TYPICAL_COMMITS, Step, estimate_mining
from repopeftbench.paper.build import PaperOptions
from repopeftbench.paper.estimate import estimate_paper
from repopeftbench.sources import repository_list


def history(count):
    tests = "".join(f"def test_{n}():\n    assert f({n}) == {n * 7}\n\n\n" for n in range(32))
    return [{f"tests/test_{n}.py": tests + f"X = {n}\n"} for n in range(count)]


@pytest.fixture
def listing(tmp_path, make_repository):
    """A local repository, one whose clone is there, and one that is not cloned yet."""
    local = make_repository(*history(6), name="local")
    known = make_repository(*history(4), name="known")
    path = tmp_path / "known.txt"
    path.write_text(f"file://{known}\n")
    arguments = ["--cutoff", "none", "--cache", str(tmp_path / "cache"), "--workers", "1"]
    assert run_command(["mine", str(path), "-o", str(tmp_path / "other"), *arguments]) == 0
    path = tmp_path / "list.txt"
    path.write_text(f"{local}\nfile://{known}\nfile://{tmp_path}/far/away\n")
    return path


def everything(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.parametrize("protocol", ["clean", "paper"])
def test_dry_run_names_every_step_and_changes_nothing(tmp_path, listing, capsys, protocol):
    before = everything(tmp_path)
    arguments = ["--dry-run", "--protocol", protocol, "--cutoff", "none", "--workers", "2"]
    code = run_command(
        ["mine", str(listing), "-o", str(tmp_path / "out"), "--cache", str(tmp_path / "cache"), *arguments]
    )
    said = capsys.readouterr()
    assert (code, said.err) == (0, "")
    assert everything(tmp_path) == before
    assert not (tmp_path / "out").exists()
    rows = {line.split()[1]: line for line in said.out.splitlines() if line.startswith("│")}
    assert "read there" in rows["local"]
    assert "update" in next(line for name, line in rows.items() if name.endswith("/known"))
    assert f"~{TYPICAL_COMMITS:,}" in rows["far/away"]
    assert f"~{TYPICAL_COMMITS + 10:,}" in rows["all"]
    assert "with 2 processes" in said.out


def test_commits_and_disk_are_counted_where_the_copy_is_there(tmp_path, listing):
    options = BuildOptions(folder=tmp_path / "out", cutoff="none", cache=tmp_path / "cache")
    local, known, far = estimate_mining(repository_list(str(listing)).sources, options)
    objects = sum(path.stat().st_size for path in (tmp_path / "local/.git/objects").rglob("*") if path.is_file())
    assert (local.step, local.exact, local.commits, local.disk_bytes) == (Step.READ, True, 6, objects)
    assert (known.step, known.exact, known.commits, known.staged) == (Step.UPDATE, True, 4, 0)
    assert (far.step, far.exact, far.copy.parent) == (Step.CLONE, False, tmp_path / "cache")
    assert local.cpu_seconds == 6 / COMMITS_PER_CPU_SECOND
    without = replace(options, snapshots=False)
    assert estimate_mining(repository_list(str(listing)).sources, without)[0].cpu_seconds < local.cpu_seconds


def test_what_is_mined_already_costs_nothing_more(tmp_path, listing):
    sources = repository_list(str(listing)).sources
    for protocol, estimate, options_of in (
        ("clean", estimate_mining, BuildOptions),
        ("paper", estimate_paper, PaperOptions),
    ):
        out = tmp_path / protocol
        arguments = ["--protocol", protocol, "--cutoff", "none", "--cache", str(tmp_path / "cache"), "--workers", "1"]
        # The third source fails, so what the others gave stays.
        assert run_command(["mine", str(listing), "-o", str(out), *arguments]) == 1
        local, *_ = estimate(sources, options_of(folder=out, cutoff="none", cache=tmp_path / "cache"))
        assert (local.commits, local.staged, local.cpu_seconds) == (6, 6, 0)


def test_cutoff_counts(tmp_path, listing):
    options = BuildOptions(folder=tmp_path / "out", cutoff="2023-01-04", cache=tmp_path / "cache")
    local, *_ = estimate_mining(repository_list(str(listing)).sources, options)
    assert local.commits == 2


def test_bad_sources_are_named(tmp_path, listing, capsys):
    (tmp_path / "plain").mkdir()
    listing.write_text(listing.read_text() + f"word\n{tmp_path}/plain\nfile://user:secret@host.org/a/b\n")
    arguments = ["--dry-run", "-o", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    assert run_command(["mine", str(listing), *arguments]) == 1
    said = capsys.readouterr()
    assert "would not be mined: word: 'word' is no URL" in said.err
    assert f"{tmp_path}/plain is not a git repository" in said.err
    assert "secret" not in said.out + said.err
    listing.write_text("word\n")
    assert run_command(["mine", str(listing), *arguments]) == 2
