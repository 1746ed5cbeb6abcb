"""`repobench diagnose` on scripted repositories: what it writes, that it goes on, what it refuses."""

import json

import pytest
from hypernet_cases import save_small_checkpoints

import harness.commands.diagnosing as diagnosing
import harness.diagnosing.cells as cells
import harness.hypernetworks as hypernetworks
from code2lora.adapters import Adapter, Factors
from code2lora.backbone import load_backbone
from code2lora.export import AdapterSource, export_peft
from code2lora.named_checkpoints import ASSETS
from code2lora.training.record import read_record
from harness.cli import run_command
from harness.diagnosing.cases import Case, Reference
from harness.diagnosing.cells import CELLS_NAME
from harness.diagnosing.drift import changed_lines
from harness.diagnosing.edits import EditedView, shape_of
from harness.diagnosing.findings import shared_mismatches
from harness.diagnosing.strata import Stratum, stratum_of
from harness.diagnosing.subjects import load_shared, method_of
from repopeftbench.dataset.store import Dataset
from repopeftbench.gitrepo import write_history
from repopeftbench.views import DatasetViews

REPOSITORIES, COMMITS = ("one", "two", "three"), 5
DAY, START = 86_400, 1_672_617_600
LIST = "".join(
    f'[[repository]]\nsource = "{name}"\nrole = "{role}"\n'
    for name, role in zip(REPOSITORIES, ("train", "cr_test", "cr_test"), strict=True)
)
METHODS = ("code2lora-static", "code2lora-evo", "code2lora-memory")


def history(name):
    """Each commit adds a constant of the repository's own and an assertion of it."""
    for n in range(COMMITS):
        code = "".join(f"OWN_{m} = 'harbour {name} {m}'\n" for m in range(n + 1))
        tests = "".join(f"def test_{m}():\n    assert OWN_{m} == 'harbour {name} {m}'\n\n\n" for m in range(n + 1))
        files = [(f"{name}/values.py", code.encode()), (f"tests/test_{name}.py", tests.encode())]
        yield f"commit {n}", START + n * DAY, files


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("diagnose")
    for name in REPOSITORIES:
        write_history(folder / name, list(history(name)))
    (folder / "repos.toml").write_text(LIST)
    mine = ["mine", str(folder / "repos.toml"), "-o", str(folder / "data"), "--cutoff", "none", "--workers", "1"]
    assert run_command(mine) == 0
    return Dataset(folder / "data")


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    return save_small_checkpoints(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """An empty store of vectors for each test."""
    monkeypatch.setattr(hypernetworks, "vector_store_path", lambda: tmp_path / "cache" / "vectors.sqlite")


def diagnose(data, out, *arguments, split="cr_test"):
    options = ("--data", data.folder, "--split", split, "--limit", 3, "--context-length", 64, "-o", out)
    return run_command(["diagnose", *map(str, (*arguments, *options))])


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_diagnosed(data, checkpoints, tmp_path, method):
    assert diagnose(data, tmp_path / "out", checkpoints[method], "--shared", ASSETS / "shared-lora") == 0
    found = json.loads((tmp_path / "out" / "diagnosis.json").read_text())
    assert found["method"] == method
    # What the page of a report reads.
    assert found["similarity"]["labels"] == ["three", "two"]
    assert [len(row) for row in found["similarity"]["cosine"]] == [2, 2]
    assert [one["control"] for one in found["controls"]][:2] == ["own adapter", "mean adapter"]
    assert all(0 <= one["em_strict"] <= 1 for one in found["controls"])
    assert [one["name"] for one in found["slices"]] == ["all", "private"]
    assert found["edits"]["edits"] == 6
    assert {one["by"] for one in found["drift"]} == {"kept commits since the start", "changed lines of the commit"}
    assert found["inputs"]["kernels"]
    markdown = (tmp_path / "out" / "diagnosis.md").read_text()
    assert markdown.startswith(f"# Diagnosis of {method}: {found['verdict']}")
    assert "(D0)" in markdown and "(D9)" in markdown
    drawn = {path.name for path in (tmp_path / "out" / "diagnosis-figures").iterdir()}
    names = ("similarity", "strength", "own-minus-mean", "own-minus-shared", "own-minus-other", "drift")
    assert drawn == {f"{name}.{kind}" for name in names for kind in ("svg", "png")}


def test_a_second_diagnosis_measures_nothing_and_writes_the_same_bytes(data, checkpoints, tmp_path, monkeypatch):
    out = tmp_path / "out"
    assert diagnose(data, out, checkpoints["code2lora-static"]) == 0
    first, kept = (out / "diagnosis.json").read_bytes(), (out / CELLS_NAME).read_bytes()
    (out / CELLS_NAME).write_bytes(kept[:-30])  # as a kill leaves it
    old = out / "diagnosis-figures" / "own-minus-shared.svg"
    old.write_text("of a diagnosis with --shared")
    assert diagnose(data, out, checkpoints["code2lora-static"]) == 0
    assert (out / "diagnosis.json").read_bytes() == first
    assert (out / CELLS_NAME).read_bytes() == kept
    assert not old.exists()
    monkeypatch.setattr(cells, "likelihoods", lambda *_: pytest.fail("it was measured before"))
    assert diagnose(data, out, checkpoints["code2lora-static"]) == 0
    assert (out / "diagnosis.json").read_bytes() == first


def test_without_the_libraries_of_reports_there_are_numbers_and_no_figures(
    data, checkpoints, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(diagnosing, "missing_page_library", lambda: "altair")
    assert diagnose(data, tmp_path / "out", checkpoints["code2lora-static"]) == 0
    assert "pip install 'repopeftbench[report]'" in capsys.readouterr().err
    assert (tmp_path / "out" / "diagnosis.json").is_file()
    assert not (tmp_path / "out" / "diagnosis-figures").exists()


def test_a_run_is_diagnosed_in_its_own_folder(data, checkpoints, tmp_path, capsys):
    run = ["run", "--method", "code2lora-static", "--checkpoint", checkpoints["code2lora-static"], "--limit", "2"]
    assert run_command([*run, "--data", str(data.folder), "-o", str(tmp_path / "run"), "--max-new-tokens", "4"]) == 0
    options = ["--data", str(data.folder), "--split", "cr_test", "--limit", "2", "--context-length", "64"]
    assert run_command(["diagnose", str(tmp_path / "run"), *options]) == 0
    assert json.loads((tmp_path / "run" / "diagnosis.json").read_text())["method"] == "code2lora-static"
    # The run can still be reported on.
    assert run_command(["report", str(tmp_path / "run"), "-o", str(tmp_path / "report")]) == 0
    capsys.readouterr()


def test_the_mean_adapter_can_be_of_another_dataset(data, checkpoints, tmp_path, capsys):
    for name in ("four", "five"):
        write_history(tmp_path / name, list(history(name)))
    (tmp_path / "repos.toml").write_text(
        "".join(f'[[repository]]\nsource = "{name}"\nrole = "train"\n' for name in ("four", "five"))
    )
    mine = ["mine", str(tmp_path / "repos.toml"), "-o", str(tmp_path / "other"), "--cutoff", "none", "--workers", "1"]
    assert run_command(mine) == 0
    reference = ("--reference", tmp_path / "other")
    assert diagnose(data, tmp_path / "out", checkpoints["code2lora-static"], *reference) == 0
    found = json.loads((tmp_path / "out" / "diagnosis.json").read_text())
    assert (found["mean_adapter"]["of"], found["mean_adapter"]["repositories"]) == ("training repositories", 2)
    assert diagnose(data, tmp_path / "not", checkpoints["code2lora-static"], "--reference", data.folder) == 2
    assert "has 1 repositories to train on" in capsys.readouterr().err


def test_adapters_of_anybody_are_diagnosed(data, checkpoints, tmp_path):
    backbone = load_backbone("nano", device="cpu")
    shared, _ = load_shared(ASSETS / "shared-lora", backbone)
    for scale, name in ((1.0, "two"), (-1.0, "three")):
        factors = {
            kind: Factors(A_BLRI=pair.A_BLRI, B_BLOR=scale * pair.B_BLOR) for kind, pair in shared.factors.items()
        }
        source = AdapterSource(
            repo_id=name, commit_sha="0" * 40, commits_walked=None, task=None, checkpoint_sha256="", encoder_sha256=None
        )
        export_peft(tmp_path / "adapters" / name, Adapter(factors=factors, alpha=shared.alpha), backbone, source)
    assert diagnose(data, tmp_path / "out", "--adapters", tmp_path / "adapters") == 0
    found = json.loads((tmp_path / "out" / "diagnosis.json").read_text())
    assert found["similarity"]["cosine"][0][1] == pytest.approx(-1.0, abs=1e-4)
    assert (found["inputs"], found["edits"], found["drift"]) == (None, None, [])
    assert found["mean_adapter"]["of"] == "measured repositories"


@pytest.mark.parametrize(
    ("arguments", "split", "said"),
    [
        ((), "cr_test", "name either a run or a checkpoint, or adapters"),
        ((ASSETS / "shared-lora",), "cr_test", "is of shared-lora, which no repository conditions"),
        ((ASSETS / "code2lora-static",), "cr_val", "has no task in cr_val"),
        ((ASSETS / "code2lora-static",), "ir_train", "has tasks of 1 repositories in ir_train"),
        ((ASSETS / "code2lora-static", "--repositories", 0), "cr_test", "--repositories 0 leaves nothing to measure"),
        ((ASSETS / "code2lora-static", "--shuffled", ASSETS / "code2lora-evo"), "cr_test", "train the same method"),
        (("--adapters", ASSETS), "cr_test", "has a PEFT adapter for none of 3 repositories"),
        (("no/such/thing",), "cr_test", "no/such/thing"),
    ],
)
def test_what_cannot_be_diagnosed_is_one_sentence(data, tmp_path, capsys, arguments, split, said):
    assert diagnose(data, tmp_path / "out", *arguments, split=split) == 2
    remarks = capsys.readouterr().err.strip()
    assert said in remarks
    assert len(remarks.splitlines()) == 1
    assert not (tmp_path / "out" / "diagnosis.json").exists()


def test_an_edit_replaces_whole_tokens_everywhere_and_has_an_identity_of_its_own(data):
    views = DatasetViews(data.manifest, data.folder, folder=data.folder)
    repository = next(entry for entry in data.manifest.repositories if entry.repo_id.endswith("two"))
    view = views.view(repository.repo_id, repository.revision)
    edited = EditedView(view, "'harbour two 3'", "'quay'")
    (path,) = edited.production_files()
    assert "OWN_3 = 'quay'" in edited.read(path)
    assert "OWN_2 = 'harbour two 2'" in edited.read(path)
    assert edited.blobs() != view.blobs()
    assert edited.repo_id != view.repo_id
    assert {record.value for record in edited.symbols()} - {record.value for record in view.symbols()} == {"'quay'"}
    last = edited.kept_commits()[-1].commit_sha
    assert {record.name for record in edited.symbol_changes(last).added} == {"OWN_4"}
    assert EditedView(view, "OWN", "MINE").changed == 0


@pytest.mark.parametrize(
    ("target", "shape"), [("42", "number"), ("'ab'", "string"), ("Total", "name"), ("None", None), ("f(1)", None)]
)
def test_only_what_can_be_renamed_is_edited(target, shape):
    assert shape_of(target) == shape


@pytest.mark.parametrize(
    ("target", "in_code", "expected"),
    [
        ("'seen'", True, Stratum.COPY),
        ("'idiom'", True, Stratum.IDIOM),
        ("'own'", True, Stratum.PRIVATE),
        ("'own'", False, Stratum.REST),
        ("'rare'", True, Stratum.REST),
        ("'mine'", True, Stratum.PRIVATE),
    ],
)
def test_strata_follow_the_rules(target, in_code, expected):
    targets = {f"t/{n}": frozenset({"'idiom'"} if n < 5 else set()) for n in range(100)}
    targets["t/0"] |= {"'rare'", "'mine'"}
    targets["t/1"] |= {"'rare'"}
    counts = {"'idiom'": 5, "'rare'": 2, "'mine'": 1}
    # 'mine' is known of the task's own repository alone, which is not counted.
    case = Case(
        task_id="t",
        repo_id="t/0" if target == "'mine'" else "x",
        commit_sha="c",
        commit_index=0,
        prefix="x = 'seen'\nassert y ==",
        continuation=f" {target}",
        target=target,
    )
    known = Reference(commits={}, target_repositories=counts, targets=targets)
    assert stratum_of(case, known, lambda: in_code) is expected


def test_a_shared_lora_is_matched_in_everything_or_it_is_said_in_what_not():
    backbone = load_backbone("nano", device="cpu")
    shared, shared_record = load_shared(ASSETS / "shared-lora", backbone)
    record = read_record(ASSETS / "code2lora-static")
    assert shared_mismatches(shared, record, shared, shared_record) == ()
    first = {
        kind: Factors(A_BLRI=pair.A_BLRI[:, :1], B_BLOR=pair.B_BLOR[:, :1]) for kind, pair in shared.factors.items()
    }
    one_for_all = Adapter(factors=first, alpha=shared.alpha)
    layers = "factors of 6 layers of their own, not 1"
    assert shared_mismatches(one_for_all, record, shared, shared_record) == (layers,)
    longer = record.model_copy(update={"target_tokens": 1})
    assert shared_mismatches(shared, longer, shared, shared_record) == ("29,599 target tokens, not 1",)
    (unknown,) = shared_mismatches(shared, None, shared, shared_record)
    assert "how the head was trained is not recorded" in unknown


def test_what_a_checkpoint_is_of_its_networks_say(checkpoints):
    assert [method_of(checkpoints[method]) for method in METHODS] == list(METHODS)


def test_changed_lines_are_counted_without_the_names_of_files():
    assert changed_lines("--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\n c\n") == 2
