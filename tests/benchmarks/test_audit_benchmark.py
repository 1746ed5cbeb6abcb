import pytest
from audit import main

from harness.cli import run_command


@pytest.mark.slow
def test_both_protocols_are_audited_in_one_table_each(tmp_path, capsys):
    assert run_command(["synth", str(tmp_path / "repos"), "--count", "5", "--commits", "40"]) == 0
    capsys.readouterr()
    assert main([str(tmp_path / "repos" / "repos.toml"), "-o", str(tmp_path / "out")]) == 0
    lines = capsys.readouterr().out.splitlines()
    titles = [line for line in lines if line.startswith("Protocol `")]
    assert [title.split(":")[0] for title in titles] == [
        "Protocol `clean`, 5 repositories",
        "Protocol `paper`, 5 repositories",
    ]
    assert all(": 0 errors" in title for title in titles)
    unchanged = next(line for line in lines if line.startswith("| statement unchanged since"))
    assert any(float(cell.strip(" %")) > 10 for cell in unchanged.split("|")[2:] if cell.strip())


def test_a_list_that_gives_nothing_is_told(tmp_path, capsys):
    assert main([str(tmp_path / "missing.toml"), "-o", str(tmp_path / "out")]) == 1
    assert "does not exist" in " ".join(capsys.readouterr().err.split())
