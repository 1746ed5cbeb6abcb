"""`adapt`: one repository's adapter, and walks that are gone on with."""

import json
import re
import sys

import pytest
from hypernet_cases import save_small_checkpoints, small_checkpoint
from safetensors.torch import load_file

import harness.console as console
import harness.hypernetworks as hypernetworks
from code2lora.backbone_encoder import BackboneEncoder
from code2lora.checkpoints import save_checkpoint
from code2lora.evolution import CommitGRU
from harness.adapting import walk_file
from harness.cli import run_command
from harness.predictors.protocol import PredictorSettings, build_predictor
from harness.records import PredictionRequest
from repopeftbench.dataset.store import Dataset
from repopeftbench.gitrepo import write_history
from repopeftbench.schema import State, TaskInput, Track
from repopeftbench.views import DatasetViews

DAY, START = 86_400, 1_672_617_600
COMMITS = 9


def history(count, *, other=""):
    """Two of three commits bring an assertion; the third changes production code alone."""
    for n in range(count):
        code = f"{other}\n" + "".join(f"VALUE_{m} = {m}\n" for m in range(n + 1))
        files = [("pkg/values.py", code.encode())]
        if n % 3 != 1:
            tests = "".join(f"def test_{m}():\n    assert VALUE_{m} == {m} + 0\n\n\n" for m in range(n + 1))
            files.append(("tests/test_values.py", tests.encode()))
        yield f"commit {n}", START + n * DAY, files


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    return save_small_checkpoints(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(hypernetworks, "vector_store_path", lambda: tmp_path / "cache" / "vectors.sqlite")


@pytest.fixture
def adapt(tmp_path, checkpoints):
    """Runs the command; the exit code."""

    def run(repository, out, *options, evo=True, checkpoint=None):
        chosen = checkpoint or checkpoints["code2lora-evo" if evo else "code2lora-static"]
        arguments = ["adapt", str(tmp_path / repository), "-o", str(tmp_path / out), "--checkpoint", chosen]
        return run_command([*arguments, "--device", "cpu", *(["--evo"] if evo else []), *options])

    return run


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def card(folder):
    return json.loads((folder / "code2lora_adapter.json").read_text())


def steps_of(capsys):
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_a_walk_that_is_gone_on_with_equals_a_fresh_one(tmp_path, adapt, capsys, monkeypatch):
    write_history(tmp_path / "repo", list(history(COMMITS)))
    assert adapt("repo", "grown", "--at", "HEAD~4") == 0
    assert steps_of(capsys) == "3 of 3 kept commits were walked over now, the others before"
    early = content(tmp_path / "grown")
    asked, stepped = [], []
    tokens, step = BackboneEncoder.tokens, CommitGRU.step
    monkeypatch.setattr(BackboneEncoder, "tokens", lambda self, text: asked.append(text) or tokens(self, text))
    monkeypatch.setattr(CommitGRU, "step", lambda self, *inputs: stepped.append(1) or step(self, *inputs))
    assert adapt("repo", "grown") == 0
    assert steps_of(capsys) == "3 of 6 kept commits were walked over now, the others before"
    assert (len(asked), len(stepped)) == (3, 3)  # one diff and one step per new commit, no file
    assert adapt("repo", "fresh") == 0
    assert steps_of(capsys) == "6 of 6 kept commits were walked over now, the others before"
    assert content(tmp_path / "grown") == content(tmp_path / "fresh") != early
    assert walk_file(tmp_path / "grown").read_bytes() == walk_file(tmp_path / "fresh").read_bytes()
    assert adapt("repo", "grown") == 0
    assert steps_of(capsys) == "0 of 6 kept commits were walked over now, the others before"
    assert content(tmp_path / "grown") == content(tmp_path / "fresh")


def test_adapters_are_those_of_a_run_at_the_same_commit(tmp_path, adapt, checkpoints):
    write_history(tmp_path / "repo", list(history(COMMITS)))
    assert run_command(["mine", str(tmp_path / "repo"), "-o", str(tmp_path / "data"), "--cutoff", "none"]) == 0
    data = Dataset(tmp_path / "data")
    views = DatasetViews(data.manifest, tmp_path, folder=data.folder)
    (task, *_) = [task for split in data.splits(Track.STATIC) for task in data.tasks(Track.STATIC, split)]
    for method in ("code2lora-static", "code2lora-evo", "text2lora"):
        named = ("--method", method) if method == "text2lora" else ()
        out = {"evo": method == "code2lora-evo", "checkpoint": checkpoints[method]}
        assert adapt("repo", method, *named, **out) == 0
        settings = PredictorSettings(checkpoint=checkpoints[method], device="cpu", max_new_tokens=2)
        request = PredictionRequest(task=TaskInput.of(task), view=views.of_task(task, State.COMMIT))
        (answer,) = build_predictor(method, settings, lambda: ()).predict([request])
        assert card(tmp_path / method)["adapter_sha256"] == answer.adapter_sha256


def test_the_card_says_what_an_adapter_was_made_from(tmp_path, adapt):
    last = write_history(tmp_path / "repo", list(history(5)))
    assert adapt("repo", "static", evo=False) == 0
    found = card(tmp_path / "static")
    assert (found["repo_id"], found["commit_sha"], found["commits_walked"]) == ("repo", last, None)
    assert found["checkpoint_sha256"] == small_checkpoint("code2lora-static").fingerprint()
    assert not walk_file(tmp_path / "static").exists()
    assert adapt("repo", "evo") == 0
    found = card(tmp_path / "evo")
    assert (found["commits_walked"], found["commit_sha"] == last) == (3, False)  # the last commit brings no assertion


def test_a_repository_is_adapted_by_what_it_says_of_itself(tmp_path, adapt, checkpoints):
    for name, said in (("one", b"Parcels and fees."), ("same", b"Parcels and fees."), ("other", b"Stars.")):
        files = [("README.md", said), ("pkg/values.py", f"NAME = {name!r}\n".encode())]
        write_history(tmp_path / name, [("first", START, files)])
        assert (
            adapt(name, f"{name}-adapter", "--method", "text2lora", evo=False, checkpoint=checkpoints["text2lora"]) == 0
        )
    one, same, other = (card(tmp_path / f"{name}-adapter")["adapter_sha256"] for name in ("one", "same", "other"))
    assert one == same != other


def test_encoding_and_walking_show_progress_where_no_one_watches(tmp_path, adapt, capsys, monkeypatch):
    monkeypatch.setattr(console, "SECONDS_BETWEEN_LINES", 0.0)
    write_history(tmp_path / "repo", list(history(5)))
    assert adapt("repo", "out") == 0
    said = capsys.readouterr().err
    assert "encoding repo: 1 of 1 texts" in said  # the file at the first commit
    assert "repo: 5 of 5 commits" in said
    assert re.search(r"^5 commits \(.*/s\), 4 texts \(.*/s\) in \d+ s$", said, re.MULTILINE)


def test_a_snapshot_is_that_of_the_commit_that_was_asked_for(tmp_path, adapt):
    write_history(tmp_path / "repo", list(history(5)))
    assert adapt("repo", "head", evo=False) == 0
    assert adapt("repo", "before", "--at", "HEAD~2", evo=False) == 0
    assert adapt("repo@HEAD~2", "behind", evo=False) == 0
    assert content(tmp_path / "before") == content(tmp_path / "behind") != content(tmp_path / "head")


@pytest.mark.parametrize("change", ["history", "networks"])
def test_a_walk_of_another_history_or_other_networks_is_not_gone_on_with(tmp_path, adapt, capsys, change):
    write_history(tmp_path / "repo", list(history(5)))
    assert adapt("repo", "out") == 0
    options = {}
    if change == "history":
        write_history(tmp_path / "other" / "repo", list(history(6, other="# rewritten")))
    else:
        write_history(tmp_path / "other" / "repo", list(history(6)))
        networks = small_checkpoint("code2lora-evo")
        networks.gru.output_norm.bias.data.add_(0.5)
        save_checkpoint(tmp_path / "networks", networks)
        options = {"checkpoint": str(tmp_path / "networks")}
    capsys.readouterr()
    assert adapt("other/repo", "out", **options) == 0
    assert steps_of(capsys) == "4 of 4 kept commits were walked over now, the others before"
    assert adapt("other/repo", "fresh", **options) == 0
    assert content(tmp_path / "out") == content(tmp_path / "fresh")


def test_a_damaged_walk_is_one_sentence_and_stays(tmp_path, adapt, capsys):
    write_history(tmp_path / "repo", list(history(3)))
    walk_file(tmp_path / "out").write_bytes(b"no walk")
    assert adapt("repo", "out") == 2
    assert "holds no state of a walk" in capsys.readouterr().err
    assert walk_file(tmp_path / "out").read_bytes() == b"no walk"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("bare", "out"), "bare has no commit with new assertions up to"),
        (("missing", "out"), "does not exist: check the path"),
        (("repo", "out", "--at", "nosuch"), "has no revision 'nosuch'"),
        (("two.txt", "out"), "names 2 repositories: adapt one at a time"),
        (("repo", "taken"), "holds something that is no adapter of ours; choose another folder"),
        (("repo", "out", "--encoder", "absent/folder/here"), "does not exist"),
        (("repo", "out", "--method", "text2lora"), "--evo has no use with text2lora, which reads one description"),
    ],
)
def test_what_cannot_be_adapted_is_one_sentence(tmp_path, adapt, capsys, arguments, message):
    write_history(tmp_path / "repo", list(history(3)))
    write_history(tmp_path / "bare", [("only code", START, [("a.py", b"a = 1\n")])])
    (tmp_path / "two.txt").write_text("repo\nbare\n")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").write_text("precious")
    repository, out, *options = arguments
    assert adapt(repository, out, *options) == 2
    said = capsys.readouterr().err.replace("\n", " ")
    assert message in said
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists()
    assert (tmp_path / "taken" / "thesis.txt").read_text() == "precious"


def test_a_repository_without_production_files_has_the_adapter_of_nothing(tmp_path, adapt):
    write_history(tmp_path / "repo", [("tests", START, [("tests/test_a.py", b"def test_a():\n    assert 1 == 1\n")])])
    assert adapt("repo", "out", evo=False) == 0
    assert load_file(tmp_path / "out" / "adapter_model.safetensors")


def test_gguf_without_its_package_is_one_sentence(tmp_path, adapt, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "gguf", None)
    write_history(tmp_path / "repo", list(history(3)))
    assert adapt("repo", "out", "--format", "gguf", evo=False) == 2
    assert "pip install gguf" in capsys.readouterr().err
