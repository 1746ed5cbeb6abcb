"""`repobench publish-run`: runs, reports and adapters become repositories that the real clients read back."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from clients import environment
from huggingface_hub import DatasetCard, ModelCard

from harness.cli import run_command
from harness.errors import RunError
from harness.publication.adapters import read_adapter
from harness.publication.runs import without_maps, write_run_repository
from repopeftbench.dataset.manifest import file_sha256

NAME = "org/results"


@pytest.fixture(scope="session")
def finished(mined, tmp_path_factory):
    """A run over two splits of both tracks, and a report on it; to be read only."""
    folder = tmp_path_factory.mktemp("finished")
    splits = ("--split", "cr_test", "--split", "ir_train")
    arguments = ["run", "--method", "copy-prefix", "--data", str(mined.folder), "--out", str(folder / "run"), *splits]
    assert run_command(arguments) == 0
    assert run_command(["report", str(folder / "run"), "--out", str(folder / "report")]) == 0
    return folder


def weights(value=1):
    """A whole safetensors file with one tensor of one number."""
    header = json.dumps({"lora_A.weight": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}).encode()
    return len(header).to_bytes(8, "little") + header + bytes([value])


def write_adapter(folder, *, base="Qwen/Qwen2.5-Coder-1.5B", value=1):
    folder.mkdir(parents=True)
    config = {"peft_type": "LORA", "base_model_name_or_path": base, "r": 16, "target_modules": ["q_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    (folder / "adapter_model.safetensors").write_bytes(weights(value))
    return folder


READ = """
import json, sys
import datasets
datasets.disable_progress_bars()
names = datasets.get_dataset_config_names(sys.argv[1])
print(json.dumps({name: {split: rows.to_list() for split, rows in datasets.load_dataset(sys.argv[1], name).items()}
                  for name in names}))
"""


def test_run_is_loaded_back_row_for_row(finished, hub, repobench, tmp_path):
    done = repobench("publish-run", finished / "run", "--repo-id", NAME, "--licence", "mit")
    assert (done.code, done.err) == (0, "")
    command = [sys.executable, "-c", READ, NAME]
    read = subprocess.run(
        command, env=environment(hub.url, tmp_path / "home"), capture_output=True, text=True, check=True
    )
    found = json.loads(read.stdout)
    assert [(name, list(splits)) for name, splits in found.items()] == [
        ("predictions", ["train", "cr_test"]),
        ("scores", ["train", "cr_test"]),
    ]
    scores = without_maps(pq.read_table(finished / "run" / "scores.parquet")).to_pylist()
    lines = (finished / "run" / "predictions.jsonl").read_text().splitlines()
    answers = {row["task_id"]: row for row in map(json.loads, lines)}
    for split, ours in (("train", "ir_train"), ("cr_test", "cr_test")):
        expected = [row for row in scores if row["split"] == ours]
        assert found["scores"][split] == expected != []
        assert [row["task_id"] for row in found["predictions"][split]] == [row["task_id"] for row in expected]
        assert all(answers[row["task_id"]].items() <= row.items() for row in found["predictions"][split])


def test_maps_become_lists_that_datasets_can_load():
    from datasets import Features

    maps = pa.array([[("em", "too long")], []], type=pa.map_(pa.string(), pa.string()))
    table = without_maps(pa.table({"task_id": ["a", "b"], "unscored": maps}))
    assert table.column("unscored").to_pylist() == [[{"key": "em", "value": "too long"}], []]
    assert list(Features.from_arrow_schema(table.schema)) == ["task_id", "unscored"]


def test_run_has_its_manifest_and_a_card_with_its_table(finished, hub, repobench):
    repobench("publish-run", finished / "run", "--repo-id", NAME, "--licence", "mit")
    tree = hub.repository(NAME).tree()
    assert tree["run.json"] == (finished / "run" / "manifest.json").read_bytes()
    card = DatasetCard(tree["README.md"].decode())
    assert card.data.license == "mit"
    assert [config["config_name"] for config in card.data.to_dict()["configs"]] == ["predictions", "scores"]
    assert "| copy-prefix |" in card.text
    assert f'load_dataset("{NAME}", "scores")' in card.text


def test_same_run_is_published_once(finished, hub, repobench):
    repobench("publish-run", finished / "run", "--repo-id", NAME)
    hub.requests.clear()
    again = repobench("publish-run", finished / "run", "--repo-id", NAME)
    assert ("nothing to publish" in again.out, hub.writes()) == (True, [])
    assert "names no licence" in again.err


def test_run_that_is_not_finished_is_refused(finished, hub, repobench, tmp_path):
    unfinished = tmp_path / "run"
    unfinished.mkdir()
    for name in ("manifest.json", "predictions.jsonl"):
        (unfinished / name).write_bytes((finished / "run" / name).read_bytes())
    done = repobench("publish-run", unfinished, "--repo-id", NAME, "--licence", "mit")
    assert (done.code, "is not complete" in done.sentence, hub.requests) == (2, True, [])


def test_run_does_not_replace_a_dataset(finished, data, hub, repobench):
    repobench("publish", data, "--repo-id", NAME)
    head = hub.repository(NAME).head("main")
    done = repobench("publish-run", finished / "run", "--repo-id", NAME, "--licence", "mit")
    assert (done.code, "but no run.json" in done.sentence) == (2, True)
    assert hub.repository(NAME).head("main") == head


def test_report_is_published_as_its_own_card(finished, hub, repobench):
    done = repobench("publish-run", finished / "report", "--repo-id", NAME, "--licence", "mit")
    assert (done.code, done.err) == (0, "")
    tree = hub.repository(NAME).tree()
    assert tree["report.json"] == (finished / "report" / "report.json").read_bytes()
    card = DatasetCard(tree["README.md"].decode())
    assert card.text.strip() == (finished / "report" / "report.md").read_text().strip()
    assert card.data.to_dict()["viewer"] is False


def test_adapters_become_a_model_repository_with_one_folder_each(hub, repobench, tmp_path):
    source = tmp_path / "adapters"
    write_adapter(source / "a__b", value=1)
    write_adapter(source / "c__d", value=2)
    (source / "c__d" / "notes.bin").write_bytes(b"not an adapter's file")
    done = repobench("publish-run", source, "--repo-id", NAME, "--licence", "apache-2.0")
    assert (done.code, done.err) == (0, "")
    tree = hub.repository(NAME, "models").tree()
    assert sorted(tree) == [
        ".gitattributes",
        "README.md",
        "a__b/adapter_config.json",
        "a__b/adapter_model.safetensors",
        "adapters.json",
        "c__d/adapter_config.json",
        "c__d/adapter_model.safetensors",
    ]
    assert tree["c__d/adapter_model.safetensors"] == weights(2)
    card = ModelCard(tree["README.md"].decode())
    assert (card.data.library_name, card.data.license) == ("peft", "apache-2.0")
    assert card.data.base_model == ["Qwen/Qwen2.5-Coder-1.5B"]
    assert 'subfolder="a__b"' in card.text
    index = json.loads(tree["adapters.json"])["adapters"]
    assert [(one["name"], one["rank"], one["size_bytes"]) for one in index] == [
        ("a__b", 16, len(weights())),
        ("c__d", 16, len(weights())),
    ]


def test_adapter_that_is_gone_is_deleted_and_the_others_are_not_sent_again(hub, repobench, tmp_path):
    source = tmp_path / "adapters"
    for number, name in enumerate(("a", "b")):
        write_adapter(source / name, value=number)
    repobench("publish-run", source, "--repo-id", NAME)
    for path in (source / "b").iterdir():
        path.unlink()
    hub.requests.clear()
    assert repobench("publish-run", source, "--repo-id", NAME).code == 0
    assert not any(path.startswith("b/") for path in hub.repository(NAME, "models").tree())
    assert not any(request.method == "PUT" for request in hub.requests)
    assert len(hub.repository(NAME, "models").history()) == 3


def test_one_adapter_lies_at_the_root(hub, repobench, tmp_path):
    repobench("publish-run", write_adapter(tmp_path / "one"), "--repo-id", NAME, "--licence", "mit")
    tree = hub.repository(NAME, "models").tree()
    assert {"adapter_config.json", "adapter_model.safetensors", "adapters.json", "README.md"} < tree.keys()
    assert f'PeftModel.from_pretrained(base, "{NAME}")' in tree["README.md"].decode()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "adapter_config.json").write_text("{"), "is no configuration of an adapter"),
        (lambda folder: (folder / "adapter_config.json").write_text('{"r": 1}'), "is no configuration of an adapter"),
        (lambda folder: (folder / "adapter_model.safetensors").write_bytes(weights()[:-1]), "no whole safetensors"),
        (lambda folder: (folder / "adapter_model.safetensors").write_bytes(b"\x80\x02pickle"), "no whole safetensors"),
    ],
)
def test_damaged_adapter_is_one_sentence(hub, repobench, tmp_path, damage, said):
    damage(write_adapter(tmp_path / "one"))
    done = repobench("publish-run", tmp_path / "one", "--repo-id", NAME, "--licence", "mit")
    assert (done.code, said in done.sentence, hub.requests) == (2, True, [])


def test_base_model_in_a_folder_of_this_machine_is_refused(hub, repobench, tmp_path):
    write_adapter(tmp_path / "one", base=str(tmp_path / "base"))
    done = repobench("publish-run", tmp_path / "one", "--repo-id", NAME, "--licence", "mit")
    assert (done.code, "others cannot load" in done.sentence, hub.requests) == (2, True, [])


def test_folder_of_nothing_is_one_sentence(hub, repobench, tmp_path):
    done = repobench("publish-run", tmp_path, "--repo-id", NAME, "--licence", "mit")
    assert (done.code, "is no run" in done.sentence, hub.requests) == (2, True, [])


def test_base_model_that_is_no_hub_id_stays_out_of_the_metadata(hub, repobench, tmp_path):
    write_adapter(tmp_path / "one", base="nano")
    repobench("publish-run", tmp_path / "one", "--repo-id", NAME, "--licence", "mit")
    card = ModelCard(hub.repository(NAME, "models").tree()["README.md"].decode())
    assert card.data.base_model is None
    assert read_adapter(tmp_path / "one", ".").base_model == "nano"


WITH_PEFT = """
import json, sys
from peft import PeftConfig
from peft.utils import load_peft_weights
config = PeftConfig.from_pretrained(sys.argv[1], subfolder="a__b")
weights = load_peft_weights(sys.argv[1], device="cpu", subfolder="a__b")
print(json.dumps([config.base_model_name_or_path, config.r, {name: value.tolist() for name, value in weights.items()}]))
"""


@pytest.mark.slow
def test_peft_reads_published_adapters(hub, repobench, tmp_path):
    pytest.importorskip("peft")
    write_adapter(tmp_path / "adapters" / "a__b", value=7)
    write_adapter(tmp_path / "adapters" / "c__d", value=8)
    repobench("publish-run", tmp_path / "adapters", "--repo-id", NAME, "--licence", "mit")
    command = [sys.executable, "-c", WITH_PEFT, NAME]
    variables = environment(hub.url, tmp_path / "home")
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["Qwen/Qwen2.5-Coder-1.5B", 16, {"lora_A.weight": [7]}]


def test_run_of_a_backbone_in_a_folder_says_so(finished, tmp_path):
    copy = Path(shutil.copytree(finished / "run", tmp_path / "run"))
    raw = json.loads((copy / "manifest.json").read_text())
    raw["settings"]["backbone"] = "/models/mine"
    (copy / "manifest.json").write_text(json.dumps(raw))
    (copy / "complete.json").write_text(
        json.dumps(
            {name: file_sha256(copy / name) for name in ("manifest.json", "predictions.jsonl", "scores.parquet")}
        )
    )
    (tmp_path / "made").mkdir()
    assert "/models/mine" in write_run_repository(copy, tmp_path / "made", NAME, None)[0]


def test_run_that_was_changed_since_is_refused(finished, tmp_path):
    copy = Path(shutil.copytree(finished / "run", tmp_path / "run"))
    with (copy / "predictions.jsonl").open("a") as file:
        file.write("\n")
    (tmp_path / "made").mkdir()
    with pytest.raises(RunError, match=r"predictions\.jsonl was changed since"):
        write_run_repository(copy, tmp_path / "made", NAME, None)
