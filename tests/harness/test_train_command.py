"""`repobench train` and what answers with its weights, end to end on mined synthetic repositories."""

import json
import re
from pathlib import Path

import pytest
from harness_cases import make_request, make_task
from trained_checkpoints import write_checkpoint

from code2lora.backbone import load_backbone
from code2lora.backbone_encoder import BackboneEncoder
from code2lora.training.recipe import METHODS, RECIPE_FOLDER
from code2lora.training.sdists import is_permissive
from harness.cli import run_command
from harness.costs import read_costs
from harness.errors import PredictorError
from harness.predictors.protocol import PredictorSettings, build_predictor
from harness.training_data import DatasetTrainingData
from repopeftbench.dataset.store import Dataset
from repopeftbench.gitrepo import write_history
from repopeftbench.schema import Split, Track
from repopeftbench.sources import repository_list
from repopeftbench.splits.assign import Role

DAY, START, COMMITS = 86_400, 1_672_617_600, 12
LORA = ("shared-lora", "per-repo-lora", "fft")


def _files(name, number):
    """A commit's files: code, a test whose new statement is followed by a canary, and a helper of the tests."""
    code = f"def f(x):\n    return x + {number}\n\n\nCODE_{number} = {number}\n"
    test = [f"from {name} import f", ""]
    for n in range(number + 1):
        after = f"'AFTER_{number}_{n}.'"
        test += ["", f"def test_{n}():", f"    assert f({n}) == {n + number}, {after}", f"    x = {after}"]
    return [
        (f"{name}/__init__.py", code.encode()),
        ("README.md", f"# {name}\n\nAdds {number}.\n".encode()),
        ("tests/test_it.py", ("\n".join(test) + "\n").encode()),
        ("tests/conftest.py", f"HELPER = 'HELPER_{number}'\n".encode()),
    ]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mined")
    for number in range(6):
        name = f"r{number}"
        write_history(folder / name, [(f"c {n}", START + n * DAY, _files(name, n)) for n in range(COMMITS)])
    (folder / "list.txt").write_text("".join(f"{folder}/r{number}\n" for number in range(6)))
    mine = ["mine", str(folder / "list.txt"), "--cutoff", "none", "--workers", "1", "-o", str(folder / "data")]
    assert run_command([*mine, "--cache", str(folder / "cache")]) == 0
    return folder / "data"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """The nano recipe with a short context, two steps and tiny validations."""
    text = (RECIPE_FOLDER / "nano.toml").read_text("utf-8")
    for old, new in (
        ("draws = 2_048", "draws = 12"),
        ("context_length = 256", "context_length = 48"),
        ("commits_per_visit = 16", "commits_per_visit = 3"),
        ("validation_tasks = 32", "validation_tasks = 1"),
        ('precision = "bfloat16"', 'precision = "float32"'),
        ("rows = 16", "rows = 6"),
    ):
        assert old in text
        text = text.replace(old, new)
    path = tmp_path_factory.mktemp("recipe") / "short.toml"
    path.write_text(text, "utf-8")
    return path


def train(data, recipe, folder, method, *more):
    vectors = ["--vectors", str(folder.parent / "vectors.sqlite")]
    command = ["train", "--method", method, "--data", str(data), "--recipe", str(recipe), "-o", str(folder)]
    return run_command([*command, *vectors, "--device", "cpu", *map(str, more)])


@pytest.fixture(scope="module")
def trained(data, recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    for method in METHODS:
        assert train(data, recipe, folder / method, method) == 0
    return folder


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_trained_and_answers_by_name(data, trained, tmp_path, method, capsys, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    command = ["run", "--method", method, "--checkpoint", str(trained / method), "--data", str(data), "--limit", "2"]
    command += ["--max-new-tokens", "3", "--split", "ir_test", "--device", "cpu", "-o", str(tmp_path / "run")]
    assert run_command(command) == 0
    assert f"{method}: " in capsys.readouterr().out
    assert (tmp_path / "run" / "scores.parquet").is_file()
    manifest, record = (
        json.loads(path.read_text()) for path in (tmp_path / "run/manifest.json", trained / method / "training.json")
    )
    for name in ("draws", "target_tokens", "steps", "trainable_parameters"):
        assert manifest["training"][name] == record[name]
    costs, _ = read_costs(tmp_path / "run")
    assert (costs.tasks, costs.prompt_tokens > 0, costs.training_seconds > 0) == (2, True, True)
    assert bool(costs.adapters and costs.adapter_seconds) == (method not in LORA)


def test_methods_draw_equally_and_say_so(trained):
    records = {method: json.loads((trained / method / "training.json").read_text()) for method in METHODS}
    assert {record["draws"] for record in records.values()} == {12}
    assert {json.dumps(record["settings"]["terms"]) for record in records.values()} == {
        json.dumps(records["fft"]["settings"]["terms"])
    }
    together = [record for method, record in records.items() if method != "per-repo-lora"]
    assert len({(record["steps"], record["tasks"], record["target_tokens"]) for record in together}) == 1
    assert all(record["trainable_parameters"] > 0 for record in records.values())


def test_training_again_only_reads_and_overwriting_gives_the_same_bytes(data, recipe, trained, capsys):
    folder = trained / "shared-lora"
    before = (folder / "adapter_model.safetensors").read_bytes()
    log = (folder / "run.log").read_text()
    assert train(data, recipe, folder, "shared-lora") == 0
    assert (folder / "run.log").read_text() == log
    assert train(data, recipe, folder, "shared-lora", "--overwrite") == 0
    assert (folder / "adapter_model.safetensors").read_bytes() == before


def test_a_checkpoint_names_its_encoder_by_weights_alone_and_the_record_by_its_numbers_too(data, recipe, tmp_path):
    assert train(data, recipe, tmp_path / "half", "code2lora-static", "--dtype", "bfloat16") == 0
    weights = load_backbone("nano", device="cpu").weights_sha256
    assert json.loads((tmp_path / "half/checkpoint.json").read_text())["origin"]["encoder_sha256"] == weights
    settings = json.loads((tmp_path / "half/training.json").read_text())["settings"]
    assert settings["encoder_sha256"] == f"{weights} cpu bfloat16"


def test_several_seeds_have_a_folder_each(data, recipe, tmp_path, capsys):
    assert train(data, recipe, tmp_path / "lora", "shared-lora", "--seeds", 2, "--layers", "shared", "--steps", 1) == 0
    seeds = [json.loads((tmp_path / f"lora/seed-{seed}/training.json").read_text()) for seed in (0, 1)]
    assert [record["settings"]["seed"] for record in seeds] == [0, 1]
    assert all((record["steps"], record["settings"]["own"]["layers"]) == (1, "shared") for record in seeds)


@pytest.mark.parametrize("method", METHODS)
def test_no_text_of_tests_beyond_prefixes_is_an_input(data, recipe, tmp_path, method, monkeypatch):
    """What follows a target, other test files and later commits never reach tokenizer or encoder."""
    sequences, encoded = [], []
    from code2lora.training import tokens

    plain, whole = tokens._plain, BackboneEncoder.tokens
    monkeypatch.setattr(tokens, "_plain", lambda tokenizer, text: sequences.append(text) or plain(tokenizer, text))
    monkeypatch.setattr(BackboneEncoder, "tokens", lambda self, text: encoded.append(text) or whole(self, text))
    assert train(data, recipe, tmp_path / "run", method) == 0
    assert sequences
    assert bool(encoded) == (method in ("code2lora-static", "code2lora-evo", "text2lora"))
    assert not [text for text in sequences + encoded if "HELPER" in text]
    assert not [text for text in encoded if "AFTER" in text or "test_" in text]
    continuations, prefixes = sequences[0::2], sequences[1::2]
    assert not [text for text in continuations if "AFTER" in text]
    for prefix in prefixes:
        *_, last = re.finditer(r"def test_(\d+)\(", prefix)
        assert not [found for found in re.findall(r"AFTER_\d+_(\d+)", prefix) if int(found) >= int(last[1])]


def test_conditions_end_with_the_last_commit_that_is_trained_or_validated_on(data, recipe, tmp_path, monkeypatch):
    encoded = []
    whole = BackboneEncoder.tokens
    monkeypatch.setattr(BackboneEncoder, "tokens", lambda self, text: encoded.append(text) or whole(self, text))
    dataset = Dataset(data)
    latest = {}
    for split in (Split.IR_TRAIN, Split.CR_VAL):
        for task in dataset.tasks(Track.EVOLUTION, split):
            latest[task.repo_id] = max(latest.get(task.repo_id, 0), task.commit_index)
    assert min(latest.values()) < COMMITS - 1
    assert train(data, recipe, tmp_path / "run", "code2lora-evo") == 0
    newest = max(
        int(word.removeprefix("CODE_")) for text in encoded for word in text.split() if word.startswith("CODE_")
    )
    assert newest <= max(latest.values())


def test_a_recipe_of_the_static_track_trains_on_its_tasks(data, recipe, tmp_path):
    path = tmp_path / "static.toml"
    path.write_text(recipe.read_text("utf-8").replace("[terms]", '[terms]\ntrack = "static"', 1), "utf-8")
    assert train(data, path, tmp_path / "run", "code2lora-static") == 0
    record = json.loads((tmp_path / "run" / "training.json").read_text())
    assert record["settings"]["terms"]["track"] == "static"
    static = {task.repo_id for task in Dataset(data).tasks(Track.STATIC, Split.IR_TRAIN)}
    assert record["repositories"] == len(static) > 0


def test_texts_are_given_for_just_the_rows_that_are_asked_for(data):
    source = DatasetTrainingData(Dataset(data))
    tasks = list(Dataset(data).tasks(Track.EVOLUTION, Split.IR_TRAIN))
    rows = (1, 3, len(tasks) - 1)
    for row, text in zip(rows, source.texts("ir_train", rows), strict=True):
        assert (text.row, text.prefix, text.continuation) == (
            row,
            tasks[row].prefix,
            tasks[row].gap + tasks[row].target,
        )
    assert [place.task_id for place in source.places("ir_train")] == [task.task_id for task in tasks]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--draws", "4", "--steps", "1"), "--draws and --steps say the same"),
        (("--steps", "0"), "--steps 0 trains nothing"),
        (("--draws", "0"), "0 draws train nothing"),
        (("--seeds", "0"), "--seeds 0 trains nothing"),
        (("--recipe", "none"), "neither one of clean, nano, paper, spread, spread-nano nor a file"),
        (("--layers", "shared"), "no choice of layers"),
        (("--backbone", "./missing"), "does not exist"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(data, tmp_path, capsys, arguments, message):
    command = ["train", "--method", "fft", "--data", str(data), "-o", str(tmp_path / "out"), *arguments]
    assert run_command([*command, "--vectors", str(tmp_path / "vectors.sqlite")]) == 2
    printed = capsys.readouterr().err
    assert message in printed
    assert not (tmp_path / "out").exists()


def test_method_that_is_not_trained_is_one_sentence(data, capsys):
    assert run_command(["train", "--method", "rag", "--data", str(data)]) == 2
    assert "'rag' has nothing to train" in capsys.readouterr().err


@pytest.mark.parametrize("method", LORA)
def test_checkpoint_that_cannot_be_used_is_one_sentence(trained, tmp_path, method):
    other = LORA[LORA.index(method) - 1]
    for checkpoint, message in (
        (tmp_path, "holds no trained weights"),
        (trained / other, f"holds weights of {other}, not of {method}"),
    ):
        with pytest.raises(PredictorError, match=message):
            build_predictor(method, PredictorSettings(checkpoint=str(checkpoint), device="cpu"), lambda: [])


def test_adapters_answer_only_with_their_backbone_and_their_repositories(tmp_path):
    folder = write_checkpoint(tmp_path / "made", "per-repo-lora")
    predictor = build_predictor("per-repo-lora", PredictorSettings(checkpoint=str(folder), device="cpu"), lambda: [])
    with pytest.raises(PredictorError, match=r"no adapter for org/zzz.*--split ir_test"):
        list(predictor.predict([make_request(make_task(1, repo_id="org/zzz"))]))
    record = json.loads((folder / "training.json").read_text())
    record["settings"]["backbone_sha256"] = "0" * 64
    (folder / "training.json").write_text(json.dumps(record))
    with pytest.raises(PredictorError, match="was trained on backbone 'nano'"):
        build_predictor("per-repo-lora", PredictorSettings(checkpoint=str(folder), device="cpu"), lambda: [])


def test_rows_of_a_batch_get_the_adapter_of_their_repository(tmp_path):
    folder = write_checkpoint(tmp_path / "made", "per-repo-lora")
    settings = PredictorSettings(checkpoint=str(folder), device="cpu", max_new_tokens=6)
    predictor = build_predictor("per-repo-lora", settings, lambda: [])
    requests = [make_request(make_task(n, repo_id=f"org/{'ab'[n % 2]}", prefix=f"assert f({n}) ==")) for n in range(5)]
    together = list(predictor.predict(requests))
    assert together == [answer for request in requests for answer in predictor.predict([request])]


def test_the_list_behind_the_bundled_checkpoints_is_pinned_permissive_and_apart_from_what_is_evaluated():
    listed = repository_list(str(Path(__file__).parents[2] / "examples" / "training-repositories.toml"))
    assert (listed.bad, len(listed.sources), listed.cutoff) == ((), 26, "2025-04-01")
    assert all(re.fullmatch("[0-9a-f]{40}", str(source.revision)) for source in listed.sources)
    assert all(is_permissive(source.licence) for source in listed.sources)
    assert [source.role for source in listed.sources].count(Role.CR_VAL) == 4
    evaluated = {"jpsca/jinjax", "pytest-dev/pluggy", "tkem/cachetools", "N-Wouda/ALNS", "pallets/itsdangerous"}
    assert not {source.repo_id for source in listed.sources} & (evaluated | {"evansd/whitenoise"})
