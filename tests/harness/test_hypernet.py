"""`run --method code2lora-*` on scripted repositories: what reaches the encoder, what a run states, what is refused."""

import dataclasses
import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypernet_cases import save_small_checkpoints, small_checkpoint

import harness.hypernetworks as hypernetworks
from code2lora.backbone_encoder import BackboneEncoder
from code2lora.checkpoints import save_checkpoint
from harness.cli import run_command
from harness.errors import PredictorError
from harness.manifest import describe_run
from harness.predictors.protocol import PredictorSettings, Refresh, build_predictor, conditioning_of
from harness.records import PredictionRequest
from harness.run_store import COMPLETE, MANIFEST, PREDICTIONS, SCORES, read_manifest
from harness.runner import run_method
from harness.selection import TaskSelection, select_tasks
from harness.task_facts import history_lengths
from repopeftbench.dataset.embeddings import DIFF_EMBEDDING, EMBEDDINGS, EMBEDDINGS_NAME, STATE_EMBEDDING, WIDTH
from repopeftbench.dataset.store import Dataset
from repopeftbench.gitrepo import write_history
from repopeftbench.schema import Split, State, TaskInput, Track
from repopeftbench.views import DatasetViews

METHODS = ("code2lora-static", "code2lora-evo")
REPOSITORIES, COMMITS = ("one", "two", "three"), 8
DAY, START = 86_400, 1_672_617_600
LIST = """
[[repository]]
source = "one"
role = "train"
[[repository]]
source = "two"
role = "cr_test"
[[repository]]
source = "three"
role = "cr_test"
"""


def history(name):
    """Each commit adds a production value and an assertion of it; tests hold a string of their own."""
    for n in range(COMMITS):
        code = "".join(f"OWN_{name}_{m} = {m} * {len(name)}\n" for m in range(n + 1))
        tests = "".join(
            f"def test_{m}():\n    secret = 'CANARY_{name}'\n    assert OWN_{name}_{m} == {m * len(name)} + {m}\n\n\n"
            for m in range(n + 1)
        )
        files = [(f"{name}/values.py", code.encode()), (f"tests/test_{name}.py", tests.encode())]
        yield f"commit {n}", START + n * DAY, files


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hypernet")
    for name in REPOSITORIES:
        write_history(folder / name, list(history(name)))
    (folder / "repos.toml").write_text(LIST)
    assert run_command(["mine", str(folder / "repos.toml"), "-o", str(folder / "data"), "--cutoff", "none"]) == 0
    return Dataset(folder / "data")


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    return save_small_checkpoints(tmp_path_factory.mktemp("checkpoints"))


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """An empty store of vectors for each test."""
    monkeypatch.setattr(hypernetworks, "vector_store_path", lambda: tmp_path / "cache" / "vectors.sqlite")


@pytest.fixture
def encoded(monkeypatch):
    """Every text that the encoder is given."""
    texts = []
    tokens = BackboneEncoder.tokens
    monkeypatch.setattr(BackboneEncoder, "tokens", lambda self, text: texts.append(text) or tokens(self, text))
    return texts


def tasks_of(data, *tracks):
    splits = (Split.CR_TEST, Split.IR_TEST, Split.IR_TRAIN)
    tracks = tracks or tuple(Track)
    every = [task for track in tracks for split in splits for task in data.tasks(track, split)]
    return select_tasks(every, TaskSelection(splits=splits, tracks=tracks))


def requests_of(data, tasks, state=State.COMMIT, *, from_git=False):
    views = DatasetViews(data.manifest, data.folder, folder=data.folder)
    if from_git:
        views._store = None
    return [PredictionRequest(task=TaskInput.of(task), view=views.of_task(task, state)) for task in tasks]


def build(method, checkpoints, **settings):
    options = {"checkpoint": checkpoints[method], "device": "cpu", "max_new_tokens": 8} | settings
    return build_predictor(method, PredictorSettings(**options), lambda: ())


def adapters_of(predictor, requests):
    return {
        (request.task.track, request.task.repo_id, request.task.commit_sha): answer.adapter_sha256
        for request, answer in zip(requests, predictor.predict(requests), strict=True)
    }


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("from_git", [False, True])
def test_no_test_text_reaches_the_encoder(data, checkpoints, encoded, method, from_git):
    for state in State:
        requests = requests_of(data, tasks_of(data), state, from_git=from_git)
        list(build(method, checkpoints).predict(requests))
    assert any("OWN_three_7" in text for text in encoded)
    assert not any("CANARY" in text or "def test_" in text for text in encoded)


@pytest.mark.parametrize("method", METHODS)
def test_the_parent_state_shows_nothing_of_the_commit_itself(data, checkpoints, encoded, method):
    (task,) = [t for t in tasks_of(data, Track.EVOLUTION) if t.repo_id == "two" and t.commit_index == 4]
    for state, shown in ((State.PARENT, False), (State.COMMIT, True)):
        encoded.clear()
        list(build(method, checkpoints).predict(requests_of(data, [task], state)))
        assert any("OWN_two_3" in text for text in encoded) or state is State.COMMIT
        assert any("OWN_two_4" in text for text in encoded) is shown
        assert not any("OWN_two_5" in text for text in encoded)


@pytest.mark.parametrize("method", METHODS)
def test_rows_of_several_repositories_and_commits_are_answered_as_one_by_one(data, checkpoints, method):
    requests = requests_of(data, tasks_of(data))
    together = list(build(method, checkpoints, batch_size=16).predict(requests))
    one_by_one = build(method, checkpoints, batch_size=1)
    assert together == [answer for request in requests for answer in one_by_one.predict([request])]
    pairs = {(request.task.repo_id, request.view.commit_sha) for request in requests}
    assert len({answer.adapter_sha256 for answer in together}) == len(pairs) >= 20
    plain = build_predictor("pretrained", PredictorSettings(max_new_tokens=8, device="cpu"), lambda: ())
    assert [answer.text for answer in plain.predict(requests)] != [answer.text for answer in together]


def test_each_method_sees_what_it_is_conditioned_on(data, checkpoints):
    """A static adapter changes with the files, one of the walk with the commits behind it too."""
    requests = requests_of(data, tasks_of(data, Track.EVOLUTION))
    for method in METHODS:
        parents = requests_of(data, tasks_of(data, Track.EVOLUTION), State.PARENT)
        own, before = (
            adapters_of(build(method, checkpoints), requests),
            adapters_of(build(method, checkpoints), parents),
        )
        ordered = [key for key in own if key[1] == "two"]
        assert [before[key] for key in ordered[1:]] == [own[key] for key in ordered[:-1]]


def test_refresh_start_keeps_the_snapshot_of_the_last_train_commit(data, checkpoints):
    tasks = [task for task in tasks_of(data, Track.EVOLUTION) if task.repo_id in ("one", "two")]
    requests = requests_of(data, tasks)
    fresh = adapters_of(build("code2lora-static", checkpoints), requests)
    aged = adapters_of(build("code2lora-static", checkpoints, refresh=Refresh.START), requests)
    last = max((t for t in tasks if t.split is Split.IR_TRAIN), key=lambda t: t.commit_index)
    for task in tasks:
        key = (task.track, task.repo_id, task.commit_sha)
        if task.repo_id == "two":  # nothing to train on: the first commit
            assert aged[key] == fresh[Track.EVOLUTION, "two", tasks_by_index(tasks, "two")[0]]
        elif task.split is Split.IR_TRAIN:
            assert aged[key] == fresh[key]  # never a later commit than its own
        else:
            assert aged[key] == fresh[Track.EVOLUTION, "one", last.commit_sha] != fresh[key]


def tasks_by_index(tasks, repo_id):
    return {task.commit_index: task.commit_sha for task in tasks if task.repo_id == repo_id}


def test_the_static_track_is_shown_its_snapshot_in_any_state(data, checkpoints):
    tasks = tasks_of(data, Track.STATIC)
    for method in METHODS:
        predictor = build(method, checkpoints)
        shown = [adapters_of(predictor, requests_of(data, tasks, state)) for state in State]
        assert shown[0] == shown[1]


@pytest.mark.parametrize("method", METHODS)
def test_a_run_that_is_interrupted_anywhere_ends_byte_equal(tmp_path, data, checkpoints, method, monkeypatch):
    tasks = tasks_of(data)
    requests = requests_of(data, tasks)
    settings = PredictorSettings(checkpoint=checkpoints[method], device="cpu", max_new_tokens=8)
    views = DatasetViews(data.manifest, data.folder, folder=data.folder)

    def run(folder, interrupt_at=None):
        predictor = build_predictor(method, settings, lambda: ())
        manifest = describe_run(
            tasks,
            method=method,
            settings=settings,
            selection=TaskSelection(splits=()),
            dataset_sha256=data.sha256,
            conditioning=conditioning_of(predictor, requests[0]),
        ).model_copy(update={"chunk_tasks": 8})

        def progress(done, total):
            if done == interrupt_at:
                raise KeyboardInterrupt

        run_method(
            tasks=tasks,
            predictor=predictor,
            views=lambda task: views.of_task(task, settings.state),
            manifest=manifest,
            folder=folder,
            history_lengths=history_lengths(data.manifest),
            progress=progress,
        )

    def content(folder):
        return [(folder / name).read_bytes() for name in (MANIFEST, PREDICTIONS, SCORES, COMPLETE)]

    run(tmp_path / "whole")
    assert b'"error": null' in content(tmp_path / "whole")[1]
    assert b'"error": "' not in content(tmp_path / "whole")[1]
    for stops in ((8, 24), (16,)):
        folder = tmp_path / f"stopped at {stops}"
        shutil.rmtree(tmp_path / "cache")  # an empty store of vectors must not show either
        for stop in stops:
            with pytest.raises(KeyboardInterrupt):
                run(folder, stop)
        run(folder)
        assert content(folder) == content(tmp_path / "whole")


@pytest.mark.parametrize("method", METHODS)
def test_a_run_states_what_its_adapters_are_made_with_and_that_they_work(tmp_path, data, checkpoints, method):
    where = ("--data", str(data.folder), "-o", str(tmp_path / "run"), "--limit", "2", "--max-new-tokens", "4")
    assert run_command(["run", "--method", method, "--checkpoint", checkpoints[method], *where]) == 0
    manifest = read_manifest(tmp_path / "run")
    assert manifest.settings.state is State.COMMIT
    assert manifest.conditioning.checkpoint_sha256 == small_checkpoint(method).fingerprint()
    assert manifest.conditioning.encoder_sha256 == manifest.weights_sha256  # nano, twice
    assert manifest.conditioning.logit_change > 0
    lines = [json.loads(line) for line in (tmp_path / "run" / PREDICTIONS).read_text().splitlines()]
    assert manifest.conditioning.task_id == lines[0]["task_id"]
    assert manifest.conditioning.adapter_sha256 == lines[0]["adapter_sha256"]
    assert all(len(line["adapter_sha256"]) == 64 for line in lines)


def test_a_report_refuses_runs_of_different_states(tmp_path, data, capsys):
    for state in State:
        where = ("--data", str(data.folder), "-o", str(tmp_path / state), "--state", state)
        assert run_command(["run", "--method", "copy-prefix", *where]) == 0
    capsys.readouterr()
    assert run_command(["report", str(tmp_path), "-o", str(tmp_path / "report")]) == 2
    said = capsys.readouterr().err
    assert "Runs that saw different states of commits cannot be compared" in said
    assert f"{tmp_path / 'parent'} saw parent" in said.replace("\n", "")
    assert run_command(["report", str(tmp_path / "parent"), "-o", str(tmp_path / "report")]) == 0


@pytest.mark.parametrize("method", METHODS)
def test_an_adapter_that_changes_nothing_ends_the_run_before_it_begins(tmp_path, data, method, capsys):
    save_checkpoint(tmp_path / "silent", small_checkpoint(method, silent=True))
    options = ("--checkpoint", str(tmp_path / "silent"), "--data", str(data.folder), "-o", str(tmp_path / "run"))
    assert run_command(["run", "--method", method, *options]) == 2
    assert "changes no logit" in capsys.readouterr().err.replace("\n", " ")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"checkpoint": "nosuch"}, r"^Checkpoint 'nosuch' does not exist: name a folder"),
        ({"method": "code2lora-evo", "refresh": Refresh.START}, r"^--refresh start is for code2lora-static"),
        ({"wrong": "method"}, r"^the checkpoint has a commit GRU: it is for code2lora-evo"),
        ({"backbone": "absent/folder/here"}, r"^Backbone 'absent/folder/here': folder .* does not exist"),
        ({"max_new_tokens": 10**6}, r"^max_new_tokens is 1000000: choose 1 to"),
    ],
)
def test_what_cannot_work_is_one_sentence(checkpoints, options, message):
    method = options.pop("method", "code2lora-static")
    if options.pop("wrong", None):
        options["checkpoint"] = checkpoints["code2lora-evo"]
    with pytest.raises(PredictorError, match=message) as caught:
        build(method, checkpoints, **options)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_for_another_backbone_or_encoder_is_one_sentence(tmp_path, checkpoints):
    save_checkpoint(tmp_path / "other", small_checkpoint("code2lora-static", type_dims={"q_proj": (8, 8)}))
    with pytest.raises(PredictorError, match=r"does not fit backbone 'nano': The adapter's q_proj is 8 to 8"):
        build("code2lora-static", {"code2lora-static": str(tmp_path / "other")})
    save_checkpoint(tmp_path / "wide", small_checkpoint("code2lora-static", input_dim=12))
    with pytest.raises(PredictorError, match=r"head takes vectors of width 12, the encoder gives \d+: name with"):
        build("code2lora-static", {"code2lora-static": str(tmp_path / "wide")})


def test_a_published_encoder_needs_no_second_option(data, checkpoints):
    with pytest.raises(PredictorError, match="--encoder nano has no use with --embeddings dataset"):
        PredictorSettings(embeddings=data.folder, encoder="nano")
    with pytest.raises(PredictorError, match=r"has no embeddings\.parquet: import published data"):
        build("code2lora-static", checkpoints, embeddings=data.folder)


@pytest.mark.parametrize("method", METHODS)
def test_published_vectors_take_an_encoders_place(tmp_path, data, encoded, method):
    generator = np.random.default_rng(0)
    commits = [(commit.repo_id, commit.commit_sha) for commit in data.commits()]
    rows = {
        "repo_id": [repo_id for repo_id, _ in commits],
        "commit_sha": [sha for _, sha in commits],
        DIFF_EMBEDDING: list(generator.standard_normal((len(commits), WIDTH)).astype(np.float16)),
        STATE_EMBEDDING: list(generator.standard_normal((len(commits), WIDTH)).astype(np.float16)),
    }
    pq.write_table(pa.table(rows, schema=EMBEDDINGS), tmp_path / EMBEDDINGS_NAME)
    save_checkpoint(tmp_path / "wide", small_checkpoint(method, width=WIDTH))
    predictor = build(method, {method: str(tmp_path / "wide")}, embeddings=tmp_path)
    requests = requests_of(data, tasks_of(data, Track.EVOLUTION))
    adapters = adapters_of(predictor, requests)
    assert len(set(adapters.values())) == len(adapters) >= 20
    assert not encoded
    assert conditioning_of(predictor, requests[0]).encoder_sha256 is None


def test_an_encoder_of_that_name_with_other_weights_is_refused_unless_it_is_named(tmp_path, checkpoints):
    trained = dataclasses.replace(
        small_checkpoint("code2lora-static"), origin={"encoder": "nano", "encoder_sha256": "5" * 64}
    )
    save_checkpoint(tmp_path / "elsewhere", trained)
    chosen = {"code2lora-static": str(tmp_path / "elsewhere")}
    with pytest.raises(PredictorError, match=r"trained with encoder 'nano' of weights 5{12}, the one found has"):
        build("code2lora-static", chosen)
    assert build("code2lora-static", chosen, encoder="nano").weights_sha256


def test_the_model_is_as_before_after_answering(data, checkpoints):
    predictor = build("code2lora-static", checkpoints)
    model = predictor._network.backbone.model
    ids = torch.tensor([[5, 6, 7]])
    before = model(input_ids=ids).logits
    list(predictor.predict(requests_of(data, tasks_of(data)[:3])))
    assert torch.equal(model(input_ids=ids).logits, before)
