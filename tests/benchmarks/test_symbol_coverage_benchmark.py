from symbol_coverage import main, words

from harness.cli import run_command


def test_words_are_identifiers_and_literals_without_keywords():
    assert words("Fees('EU', \"a b\").rate == 0.5 and not None or len(x)") == {"Fees", "EU", "a b", "rate", "0.5", "x"}


def test_tasks_are_counted_by_stratum(tmp_path, history, capsys):
    files = {
        "fees.py": "BASE = 1234\n",
        "test_fees.py": "def test_it():\n    assert fees() == 1234\n    assert BASE == BASE\n    assert a == 'gone'\n",
    }
    history.commit(files.items())
    history.write()
    assert run_command(["mine", str(history.folder), "--cutoff", "none", "-o", str(tmp_path / "data")]) == 0
    capsys.readouterr()
    assert main([str(tmp_path / "data")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "| static | in prefix | 1 | 1 (100.0 %) | 0 (0.0 %) |" in lines
    assert "| static | not in prefix | 2 | 1 (50.0 %) | 0 (0.0 %) |" in lines
