"""Recipes, prompts, examples, and runs of the methods that retrieve."""

import dataclasses
import json

import pytest
from harness_cases import make_request, make_task, make_view
from hypothesis import given
from hypothesis import strategies as st
from trained_checkpoints import write_checkpoint

import harness.hypernetworks as hypernetworks
from code2lora.backbone import load_backbone
from harness.cli import run_command
from harness.errors import PredictorError
from harness.predictors.causal import CausalPredictor
from harness.predictors.protocol import PredictorSettings, build_predictor
from harness.predictors.retrieval.examples import ExamplePool, Examples
from harness.predictors.retrieval.methods import RetrievalPredictor
from harness.predictors.retrieval.prompts import PromptBuilder
from harness.predictors.retrieval.recipe import RECIPE_FOLDER, SETTINGS, load_retrieval, recipe_names
from harness.predictors.scripted import MemoryView
from harness.records import PredictionRequest
from repopeftbench.schema import Split, TaskInput, Track
from repopeftbench.views import NothingYet

NAMES = ("clean", "paper")


@pytest.fixture(scope="module")
def nano():
    return load_backbone("nano", device="cpu")


@pytest.fixture(autouse=True)
def own_store(tmp_path, monkeypatch):
    monkeypatch.setattr(hypernetworks, "vector_store_path", lambda: tmp_path / "vectors.sqlite")


def no_training():
    return iter(())


def test_recipes_come_along():
    assert recipe_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", SETTINGS)
def test_every_recipe_has_every_method_and_can_be_told_otherwise(name, method):
    recipe = load_retrieval(name, method)
    assert (recipe.name, recipe.method, type(recipe.settings)) == (name, method, SETTINGS[method])
    changed = load_retrieval(name, method, k=7, context_tokens=9)
    assert changed.described() == recipe.described() | {"k": 7, "context_tokens": 9}


def test_published_settings_are_the_published_ones():
    rag, icl = load_retrieval("paper", "rag").described(), load_retrieval("paper", "icl").described()
    wanted = {"k": 3, "context_tokens": 1536, "candidates": 30, "fusion": 60, "k1": 1.5, "b": 0.75, "dense_tokens": 512}
    assert wanted.items() <= rag.items()
    assert (icl["k"], icl["example_characters"], icl["choice"]) == (3, 1000, "random-in-repository")
    assert load_retrieval("paper", "fft-rag").described()["k"] == 5


def test_a_file_is_a_recipe(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text((RECIPE_FOLDER / "clean.toml").read_text().replace("k = 24", "k = 2"))
    assert load_retrieval(str(path), "drc").described()["k"] == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[drc]\nk = 'many'", r"drc\.k: .*, not 'many'"),
        ("[drc]\nk = 0\ncontext_tokens = 1\nlayout = 'code'\ncompression = 'nearest'", r"drc\.k: .*equal to 1, not 0"),
        ("[drc]\nk = 1\ncontext_tokens = 1\nlayout = 'code'\ncompression = 'nearest'\nsize = 3", r"drc\.size: Extra"),
        ("[other]\nk = 1", r"a table 'other'; its tables are icl, rag, drc, fft-rag, shared-lora-rag"),
        ("[rag]\nk = 1", r"no table \[drc\]"),
        ("[drc\n", "is no TOML"),
    ],
)  # fmt: skip
def test_a_recipe_that_cannot_be_used_is_one_sentence(tmp_path, text, message):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(PredictorError, match=message):
        load_retrieval(str(path), "drc")


def test_a_recipe_that_is_nowhere_and_weights_that_saw_context_are_refused(tmp_path):
    with pytest.raises(PredictorError, match="'nope' is neither one of clean, paper nor a file"):
        load_retrieval("nope", "rag")
    path = tmp_path / "bad.toml"
    path.write_text((RECIPE_FOLDER / "clean.toml").read_text().replace("_context = false", "_context = true"))
    with pytest.raises(PredictorError, match=r"fft-rag\.trained_with_context"):
        load_retrieval(str(path), "fft-rag")


def test_definitions_and_compression_by_use_do_not_go_together(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text((RECIPE_FOLDER / "clean.toml").read_text().replace('"whole"', '"by-use"'))
    with pytest.raises(PredictorError, match=r"rag\.compression: by-use goes with published chunks alone"):
        load_retrieval(str(path), "rag")


@pytest.mark.parametrize("options", [{"k": 0}, {"context_tokens": -1}])
def test_numbers_that_leave_nothing_are_refused(options):
    with pytest.raises(PredictorError, match="greater than or equal to 1"):
        load_retrieval("clean", "rag", **options)


@given(
    prefix=st.text("ab =\n(é", min_size=1, max_size=3000),
    blocks=st.lists(st.text("xy\n é", max_size=600), max_size=6),
    new=st.sampled_from([1, 64, 900]),
)
def test_context_never_costs_the_prefix_a_token(nano, prefix, blocks, new):
    settings = load_retrieval("clean", "drc").settings
    builder = PromptBuilder(nano, settings, new)

    def fitting(budget, count):
        texts = []
        for text in blocks:
            if count(text + "\n\n") <= budget:
                texts.append(text)
                budget -= count(text + "\n\n")
        return texts

    prompt = builder.prompt(prefix, fitting)
    room = nano.context_length - new - len(nano.tokenizer("")["input_ids"])
    assert prompt.endswith(prefix)
    assert prompt == prefix or builder.count(prompt) <= room


def test_a_prefix_that_fills_the_context_stands_alone(nano):
    def fail(budget, count):
        raise AssertionError("asked for context without room")

    for name in NAMES:
        builder = PromptBuilder(nano, load_retrieval(name, "rag").settings, 64)
        assert builder.prompt("a b " * 2000, fail) == "a b " * 2000


def test_the_budget_is_what_is_left_or_what_the_recipe_says(nano):
    asked = []
    for limit in (100, 5000):
        builder = PromptBuilder(nano, load_retrieval("clean", "rag", context_tokens=limit).settings, 64)
        builder.prompt("assert x ==", lambda budget, count: asked.append(budget) or [])
    used = len(nano.tokenizer("assert x ==")["input_ids"])
    assert asked == [100, nano.context_length - 64 - used]


CODE = "def make(count):\n    return [f'unit {n}' for n in range(count)]\n"


def request_of(number=1, **changes):
    task = make_task(
        number, prefix=f"from shop import make\n\n\ndef test_it():\n    assert make({number}) ==", **changes
    )
    view = MemoryView(
        repo_id=task.repo_id,
        commit_sha=task.commit_sha,
        files={"src/shop/__init__.py": CODE, "src/other.py": "X = 1\n"},
    )
    return PredictionRequest(task=TaskInput.of(task), view=view)


@pytest.mark.parametrize("method", ["rag", "drc"])
@pytest.mark.parametrize("name", NAMES)
def test_the_code_that_is_needed_stands_before_the_prefix(method, name):
    settings = PredictorSettings(max_new_tokens=2, retrieval=load_retrieval(name, method))
    request = request_of()
    prompt = build_predictor(method, settings, no_training).prompt(request)
    assert prompt.endswith(f"\n\n{request.task.prefix}")
    assert "src/shop/__init__.py\n" in prompt
    assert CODE.rstrip("\n") in prompt


@pytest.mark.parametrize("method", ["rag", "drc", "icl"])
def test_before_the_first_kept_commit_a_prefix_stands_alone(method):
    task = make_task(1)
    predictor = build_predictor(method, PredictorSettings(max_new_tokens=2), no_training)
    request = PredictionRequest(task=TaskInput.of(task), view=NothingYet(task.repo_id))
    assert predictor.prompt(request) == task.prefix


def test_vectors_can_be_done_without():
    recipe = load_retrieval("clean", "rag")
    without = dataclasses.replace(recipe, settings=recipe.settings.model_copy(update={"dense_tokens": 0}))
    predictor = build_predictor("rag", PredictorSettings(max_new_tokens=2, retrieval=without), no_training)
    assert CODE.rstrip("\n") in predictor.prompt(request_of())
    assert not hypernetworks.vector_store_path().exists()


def test_answers_do_not_depend_on_earlier_calls_or_on_who_asks_beside():
    settings = PredictorSettings(max_new_tokens=4, batch_size=1)
    requests = [request_of(n, repo_id=("org/a", "org/b")[n % 2]) for n in range(4)]
    training = [
        make_task(n, prefix=f"assert make({n}) ==", split=Split.IR_TRAIN, repo_id="org/c") for n in range(9, 20)
    ]
    for method in ("rag", "drc", "icl"):
        together = build_predictor(method, settings, lambda: iter(training))
        answers = list(together.predict(requests))
        assert list(together.predict(requests[2:])) == answers[2:]
        alone = build_predictor(method, settings, lambda: reversed(training))
        assert list(alone.predict(requests[3:])) == answers[3:]


def test_where_an_answer_ends_is_read_off_the_prefix():
    class Open:
        def blocks(self, request, budget, count):
            return ["text = '''never closed, and (", "assert ("]

    class Continuer(CausalPredictor):
        def continued(self, requests, prompts):
            self.prompts = prompts
            yield from super().continued(requests, prompts)

    backbone = load_backbone("nano", device="cpu")
    settings = PredictorSettings(max_new_tokens=8)
    prompts = PromptBuilder(backbone, load_retrieval("clean", "drc").settings, 8)
    continuer = Continuer(backbone, settings)
    request = make_request(make_task(1, prefix="x = 1\nassert x == ("))
    (answer,) = RetrievalPredictor(continuer, Open(), prompts).predict([request])
    assert continuer.prompts == ["text = '''never closed, and (\n\nassert (\n\nx = 1\nassert x == ("]
    assert isinstance(answer.text, str)


def test_weights_are_the_backbones_and_the_encoders_where_that_is_another(tmp_path):
    settings = PredictorSettings(max_new_tokens=2)
    alone = build_predictor("pretrained", settings, no_training).weights_sha256
    assert build_predictor("rag", settings, no_training).weights_sha256 == alone
    other = dataclasses.replace(settings, encoder=str(write_checkpoint(tmp_path / "fft", "fft")))
    assert build_predictor("rag", other, no_training).weights_sha256 != alone


def example_pool(training, **options):
    return ExamplePool(training, load_retrieval("clean", "icl").settings.model_copy(update=options))


def test_the_nearest_examples_are_chosen_and_none_twice():
    training = [
        make_task(n, prefix=f"assert {name}(1) ==", target=str(n), repo_id="org/b")
        for n, name in enumerate(("make_order", "open_file", "make_order_line"))
    ]
    again = dataclasses.replace(training[0], task_id="f" * 32)
    chosen = example_pool([*training, again]).choose(
        request := make_request(make_task(9, prefix="assert make_order(2) =="))
    )
    assert [example.answer for example in chosen] == [" 0", " 2"]
    assert example_pool([again, *reversed(training)]).choose(request)[0].answer == " 0"


def test_a_repositorys_own_examples_come_from_strictly_earlier_commits():
    shas = ["a" * 40, "b" * 40, "c" * 40, "d" * 40]
    training = [make_task(n, commit_sha=sha, target=sha[0]) for n, sha in enumerate(shas)]
    training.append(make_task(9, commit_sha=shas[0], target="static", track=Track.STATIC))
    task = make_task(20, commit_sha=shas[2])
    view = dataclasses.replace(make_view(task), diffs=dict.fromkeys(shas[:3], ""))
    request = PredictionRequest(task=TaskInput.of(task), view=view)
    assert {example.answer for example in example_pool(training, k=9).choose(request)} == {" a", " b"}
    published = example_pool(training, k=9, own_repository="any").choose(request)
    assert {example.answer for example in published} == {" a", " b", " c", " d", " static"}


def test_static_tasks_are_no_examples_beside_others_and_better_than_none():
    static = [make_task(n, track=Track.STATIC, repo_id="org/b", target="s") for n in range(2)]
    evolution = [make_task(5, repo_id="org/b", target="e")]
    request = make_request(make_task(9))
    assert [one.answer for one in example_pool([*static, *evolution]).choose(request)] == [" e"]
    assert [one.answer for one in example_pool(static).choose(request)] == [" s"]


def test_a_bounded_number_of_a_repositorys_tasks_is_kept_whatever_their_order():
    training = [make_task(n, target=str(n), repo_id="org/b") for n in range(30)]
    request = make_request(make_task(99))
    chosen = example_pool(training, per_repository=5, k=30).choose(request)
    assert len(chosen) == 5
    assert example_pool(training[::-1], per_repository=5, k=30).choose(request) == chosen


def test_published_examples_are_drawn_from_the_repository_with_the_published_words():
    training = [make_task(n, target=str(n), prefix=f"assert f({n}) ==") for n in range(9)]
    request = make_request(make_task(99))
    examples = Examples(lambda: iter(training), load_retrieval("paper", "icl").settings)
    (text,) = examples.blocks(request, 1000, len)
    lines = text.split("\n")
    assert lines[0] == "# Examples of assertion completions:"
    assert lines[-1] == "# Now complete the following assertion:"
    assert lines[1:-1].count("# ---") == 2
    assert examples.blocks(make_request(make_task(98)), 1000, len) != [text]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("retrieval")
    assert run_command(["synth", str(folder / "repos"), "--count", "2", "--commits", "12"]) == 0
    listing = str(folder / "repos" / "repos.toml")
    assert run_command(["mine", listing, "--cutoff", "none", "-o", str(folder / "data")]) == 0
    return folder / "data"


def run(data, folder, method, *options):
    common = ["--data", str(data), "--limit", "2", "--max-new-tokens", "2", "-o", str(folder)]
    return run_command(["run", "--method", method, *common, *options])


@pytest.mark.parametrize("method", ["icl", "rag", "drc", "shared-lora-rag"])
def test_a_run_states_its_recipe_and_refuses_to_go_on_with_another(tmp_path, data, method, capsys):
    assert run(data, tmp_path / "run", method, "--k", "2") == 0
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["retrieval"] == load_retrieval("clean", method, k=2).described()
    assert run(data, tmp_path / "run", method, "--k", "2") == 0
    capsys.readouterr()
    assert run(data, tmp_path / "run", method) == 2
    message = capsys.readouterr().err
    assert "retrieval.k: 2 there" in message
    assert len(message.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("pretrained", ("--k", "3"), "--k 3 has no use with pretrained: it is for icl, rag, drc"),
        ("pretrained", ("--retrieval", "clean"), "--retrieval clean has no use with pretrained"),
        ("rag", ("--retrieval", "nope"), "'nope' is neither one of clean, paper nor a file"),
        ("rag", ("--context-tokens", "0"), "rag.context_tokens: Input should be greater than or equal to 1, not 0"),
        ("rag", ("--encoder", "/nowhere"), "/nowhere"),
        ("fft-rag", (), "--method fft-rag needs --checkpoint FOLDER: train one with repobench train --method fft."),
    ],
)
def test_options_that_cannot_work_are_one_sentence(tmp_path, data, method, options, message, capsys):
    assert run(data, tmp_path / "run", method, *options) == 2
    told = capsys.readouterr().err
    assert message in told
    assert len(told.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_runs_by_another_recipe_get_a_folder_of_their_own(tmp_path, data, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for recipe in ("clean", "paper"):
        common = ("--data", str(data), "--limit", "1", "--max-new-tokens", "1", "--track", "static")
        assert run_command(["run", "--method", "drc", "--retrieval", recipe, *common]) == 0
    runs = tmp_path / "repobench-out" / "runs"
    assert sorted(folder.name for folder in runs.iterdir()) == ["drc", "drc-paper"]


def test_a_dataset_without_snapshots_and_clones_ends_the_run_with_one_sentence(tmp_path, data, capsys, monkeypatch):
    monkeypatch.setattr("repopeftbench.views.has_snapshots", lambda folder: False)
    monkeypatch.setattr("repopeftbench.views.clone_of", lambda entry, cache: tmp_path / "gone")
    assert run(data, tmp_path / "run", "drc") == 2
    told = capsys.readouterr().err
    assert "is not where it was mined from" in told
    assert len(told.strip().splitlines()) == 1
