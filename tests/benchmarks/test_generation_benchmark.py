import pytest
from encoding import main as encoding
from generation import main as generation
from training_step import main as training_step

from harness.cli import run_command

# peft asks transformers for a name that it is about to drop.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]


def rows(text):
    """The cells of a table's rows, by the first."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return {first: rest for first, *rest in cells}


def test_generation_is_token_for_token_that_of_peft_and_faster(capsys):
    options = ["--adapters", "3", "--tasks", "12", "--rounds", "1", "--max-new-tokens", "16", "--device", "cpu"]
    assert generation([*options, "--curve", "1,4", "--curve-tasks", "4"]) == 0
    text = capsys.readouterr().out
    table = rows(text)
    for contender in ("(a) with our stop rule", "(b) mixed batches", "(d) ours without a stop rule", "(d) ours"):
        assert table[contender][4] == "12 of 12"
    assert float(table["(d) ours"][2]) > 1.5
    assert table["4"][0] == "4"
    assert "one by one" in text


def test_a_pack_has_the_loss_of_one_task_at_a_time(capsys):
    assert training_step(["--commits", "1", "--tasks", "3", "--rounds", "1", "--device", "cpu"]) == 0
    table = rows(capsys.readouterr().out)
    losses = [float(cells[3]) for name, cells in table.items() if "pack" in name or "published" in name]
    assert len(losses) == 3
    assert max(losses) - min(losses) < 1e-3 * losses[0]
    assert int(table["one pack, layers computed again"][2]) < int(table["one pack"][2])


def test_a_history_costs_little_more_than_its_contents(tmp_path, capsys):
    assert run_command(["synth", str(tmp_path / "repos"), "--count", "4", "--commits", "12"]) == 0
    command = ["mine", str(tmp_path / "repos" / "repos.toml"), "--cutoff", "none", "-o", str(tmp_path / "data")]
    assert run_command([*command, "--cache", str(tmp_path / "cache")]) == 0
    capsys.readouterr()
    assert encoding([str(tmp_path / "data"), "--device", "cpu", "--cache", str(tmp_path / "cache")]) == 0
    table = rows(capsys.readouterr().out)
    assert float(table["the whole history from nothing"][1]) < 1.5
    assert float(table["the whole history again, from the store"][1]) < 0.5
