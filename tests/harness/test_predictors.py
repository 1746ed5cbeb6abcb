"""What every predictor must do, and what the trivial ones do."""

import dataclasses

import pytest
from harness_cases import HISTORY_LENGTHS, ODD_TEXTS, PREFIX, make_request, make_task, make_view
from hypernet_cases import save_small_checkpoints
from trained_checkpoints import write_checkpoint

import harness.hypernetworks as hypernetworks
import harness.predictors.causal as causal
from code2lora.errors import BackboneError, GenerationError
from code2lora.generation import Generated
from code2lora.training.recipe import METHODS as LEARNING_METHODS
from harness.errors import PredictorError, UnknownMethodError
from harness.manifest import describe_run
from harness.predictors.protocol import METHODS, PredictorSettings, build_predictor, weights_of
from harness.predictors.retrieval.recipe import SETTINGS as RETRIEVING_METHODS
from harness.predictors.scripted import MemoryView, ScriptedError, ScriptedPredictor
from harness.run_store import COMPLETE, MANIFEST, PREDICTIONS, SCORES
from harness.runner import run_method
from harness.selection import TaskSelection
from repopeftbench.errors import GitObjectError
from repopeftbench.schema import Family, RepositoryView, Split, TaskInput, Track

CAUSAL = {"pretrained", "code2lora-static", "code2lora-evo", *LEARNING_METHODS, *RETRIEVING_METHODS}
SETTINGS = PredictorSettings(max_new_tokens=4, batch_size=16)
TRAINING = [
    make_task(101, target="7", split=Split.IR_TRAIN),
    make_task(102, target="8", split=Split.IR_TRAIN, history_index=1),
    make_task(103, target="7", split=Split.CR_VAL, repo_id="org/b"),
    make_task(104, target="KeyError", family=Family.RAISES, split=Split.IR_TRAIN),
]
ODD_TASKS = [
    make_task(n, prefix=prefix, family=family, test_function=f"test_{n % 3}")
    for n, (prefix, family) in enumerate(
        (text[:300], family) for text in ODD_TEXTS for family in (Family.ASSERT, Family.RAISES)
    )
]


def train():
    return iter(TRAINING)


@pytest.fixture(scope="module")
def predictors(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    checkpoints = {
        name: str(write_checkpoint(folder / name, name))
        for name in LEARNING_METHODS
        if not name.startswith("code2lora")
    } | save_small_checkpoints(folder / "small")
    checkpoints |= {f"{name}-rag": checkpoints[name] for name in ("shared-lora", "fft")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hypernetworks, "vector_store_path", lambda: folder / "vectors.sqlite")
        built = {
            name: build_predictor(name, dataclasses.replace(SETTINGS, checkpoint=checkpoints.get(name)), train)
            for name in METHODS
        }
    return {**built, "scripted": ScriptedPredictor(answers={make_task(1).task_id: "3"})}


@pytest.mark.parametrize("name", [*METHODS, "scripted"])
class TestEveryPredictor:
    def test_answers_every_request_once_with_text(self, predictors, name):
        tasks = [make_task(n, prefix=PREFIX.replace("1", str(n))) for n in range(7)]
        answers = list(predictors[name].predict([make_request(task) for task in tasks]))
        assert sorted(answer.task_id for answer in answers) == sorted(task.task_id for task in tasks)
        assert all(isinstance(answer.text, str) for answer in answers)

    def test_answers_nothing_to_no_request(self, predictors, name):
        assert list(predictors[name].predict([])) == []

    def test_says_the_same_again(self, predictors, name):
        requests = [make_request(make_task(n)) for n in range(5)]
        assert list(predictors[name].predict(requests)) == list(predictors[name].predict(requests))

    def test_answers_an_empty_prefix(self, predictors, name):
        (answer,) = predictors[name].predict([make_request(make_task(1, prefix=""))])
        assert isinstance(answer.text, str)

    def test_never_fails_on_odd_text(self, predictors, name):
        tasks = [task for task in ODD_TASKS if "\ud800" not in task.prefix or name not in CAUSAL]
        answers = list(predictors[name].predict([make_request(task) for task in tasks]))
        assert len(answers) == len(tasks)


def test_a_predictor_sees_nothing_that_tells_the_target():
    names = [field.name for field in dataclasses.fields(TaskInput)]
    assert names == [
        "task_id", "repo_id", "track", "commit_sha", "test_file", "test_function", "family", "prefix", "old_target",
    ]  # fmt: skip


def test_an_unknown_method_names_the_nearest_and_all():
    with pytest.raises(UnknownMethodError) as caught:
        build_predictor("most-freqent", SETTINGS, train)
    assert str(caught.value) == (
        "Unknown method 'most-freqent'. Did you mean 'most-frequent'? "
        "Available: most-frequent, copy-prefix, previous-version, pretrained, icl, rag, drc, shared-lora, "
        "per-repo-lora, fft, shared-lora-rag, fft-rag, text2lora, code2lora-static, "
        "code2lora-evo, code2lora-memory."
    )
    with pytest.raises(UnknownMethodError, match=r"^Unknown method 'zzz'. Available: "):
        build_predictor("zzz", SETTINGS, train)


def test_only_predictors_with_weights_state_them(predictors):
    assert weights_of(predictors["copy-prefix"]) is None
    assert len(weights_of(predictors["pretrained"])) == 64


def ask(name, task, training=train):
    (answer,) = build_predictor(name, SETTINGS, training).predict([make_request(task)])
    return answer.text


def test_most_frequent_goes_from_family_to_track_to_everything():
    training = [
        make_task(1, target="b", family=Family.ASSERT),
        make_task(2, target="a", family=Family.ASSERT),
        make_task(3, target="c", family=Family.RAISES),
        make_task(4, target="c", family=Family.NUMPY),
        make_task(5, target="b", family=Family.UNITTEST, track=Track.STATIC),
        make_task(6, target="b", family=Family.UNITTEST, track=Track.STATIC),
    ]

    def answer(**fields):
        return ask("most-frequent", make_task(9, **fields), lambda: training)

    assert answer(family=Family.ASSERT) == "a"  # the first of equals
    assert answer(family=Family.RAISES) == "c"
    assert answer(family=Family.MOCK) == "c"
    assert answer(family=Family.MOCK, track=Track.STATIC) == "b"
    assert ask("most-frequent", make_task(9, track=Track.STATIC), lambda: training[:1]) == "b"
    assert ask("most-frequent", make_task(9), lambda: []) == ""


def test_training_tasks_are_read_once_and_only_when_asked():
    reads = []

    def training():
        reads.append(1)
        return TRAINING

    for name in ("most-frequent", "copy-prefix", "previous-version"):
        reads.clear()
        predictor = build_predictor(name, SETTINGS, training)
        list(predictor.predict([]))
        assert not reads
        list(predictor.predict([make_request(make_task(n)) for n in range(3)]))
        list(predictor.predict([make_request(make_task(4))]))
        assert len(reads) == (0 if name == "copy-prefix" else 1)


@pytest.mark.parametrize(
    ("prefix", "family", "expected"),
    [
        ("def t():\n    assert f(1) == [1,\n 2]\n    assert f(2) ==", Family.ASSERT, "[1,\n 2]"),
        ("def t():\n    assert (a < b <= 'é')\n    assert f(2) ==", Family.ASSERT, "'é'"),
        ("def t():\n    assert x\n    assert f(2) ==", Family.ASSERT, "2"),
        ("def t():\n    self.assertEqual(a, 4, 'm')\n    self.assertEqual(b,", Family.UNITTEST, "4"),
        ("def t():\n    assert_equal(a, 4)\n    assert b == 5\n    assert_equal(b,", Family.NUMPY, "5"),
        ("def t():\n    assertEqual(a, second=4)\n    self.assertEqual('x',", Family.UNITTEST, "'x'"),
        ("def t():\n    with pytest.raises(KeyError):\n        f(1)\n    with raises(", Family.RAISES, "KeyError"),
        ("def t():\n    assert x == 3\n    with raises(", Family.RAISES, ""),
        ("from m import MyError\ndef t():\n    assert x == 3\n    with raises(", Family.RAISES, "MyError"),
        ("def t():\n    x = 'a' + f'b{1}'\n    assert y ==", Family.ASSERT, "1"),
        ("def t():\n    x = None\n    assert y ==", Family.ASSERT, "None"),
        ("def t():\n    assert y ==", Family.ASSERT, ""),
    ],
)  # fmt: skip
def test_copy_prefix_copies_the_last_expected_value_or_literal(prefix, family, expected):
    assert ask("copy-prefix", make_task(1, prefix=prefix, family=family)) == expected


def test_previous_version_repeats_the_old_target_first():
    assert ask("previous-version", make_task(1, old_target="5")) == "5"
    assert ask("previous-version", make_task(1, old_target="")) == ""


def test_previous_version_finds_the_latest_target_of_the_same_left_side():
    known = [
        make_task(11, target="new", history_index=5, prefix="def test_it():\n    assert m.f( 1 )  =="),
        make_task(12, target="old", history_index=2, prefix="def test_it():\n    assert m.f(1) =="),
        make_task(13, target="left", history_index=9, prefix="def test_it():\n    assert m.f(2) =="),
        make_task(14, target="file", history_index=9, test_file="tests/other.py"),
        make_task(15, target="function", history_index=9, test_function="test_other"),
        make_task(16, target="repository", history_index=9, repo_id="org/b"),
        make_task(17, target="track", history_index=9, track=Track.STATIC),
    ]
    assert ask("previous-version", make_task(1), lambda: known) == "new"
    assert ask("previous-version", make_task(1), lambda: reversed(known)) == "new"
    assert ask("previous-version", make_task(1, prefix="def test_it():\n    assert m.g(1) =="), lambda: known) == ""


def test_previous_version_of_a_training_task_never_comes_from_its_own_or_a_later_commit():
    known = [make_task(n, target=str(n), history_index=n // 2) for n in range(6)]
    assert ask("previous-version", known[2], lambda: known) == "1"
    assert ask("previous-version", known[3], lambda: known) == "1"
    assert ask("previous-version", known[0], lambda: known) == ""


def test_pretrained_passes_prefixes_settings_and_the_stop_rule(monkeypatch):
    seen = {}

    def generate(backbone, prefixes, *, max_new_tokens, batch_size, stop):
        seen.update(backbone=backbone, prefixes=prefixes, tokens=max_new_tokens, batch=batch_size, stop=stop)
        return tuple(
            Generated(text=f" {len(prefix)}", tokens=(5,), finish_reason="stop", prompt_tokens=1, truncated=False)
            for prefix in prefixes
        )

    def load_backbone(name, *, device, dtype):
        seen.update(loaded=(name, device, dtype))
        return "the backbone"

    monkeypatch.setattr(causal, "generate", generate)
    monkeypatch.setattr(causal, "load_backbone", load_backbone)
    monkeypatch.setattr(causal, "check_limits", lambda backbone, **limits: seen.update(checked=limits))
    predictor = build_predictor("pretrained", PredictorSettings(backbone="b", device="cpu", dtype="float32"), train)
    tasks = [make_task(1, prefix="a"), make_task(2, prefix="bcd ==")]
    answers = list(predictor.predict([make_request(task) for task in tasks]))
    assert [(answer.task_id, answer.text) for answer in answers] == [(tasks[0].task_id, " 1"), (tasks[1].task_id, " 6")]
    assert seen["checked"] == {"max_new_tokens": 64, "batch_size": 16}
    assert seen["loaded"] == ("b", "cpu", "float32")
    assert (seen["backbone"], seen["prefixes"], seen["tokens"], seen["batch"]) == (
        "the backbone", ["a", "bcd =="], 64, 16,
    )  # fmt: skip
    assert seen["stop"]("bcd ==", " 3\n")


@pytest.mark.parametrize("limits", [{"batch_size": 0}, {"max_new_tokens": 0}, {"max_new_tokens": -1}])
def test_limits_that_cannot_work_are_refused_before_any_run(limits):
    with pytest.raises(PredictorError, match="give 1 or more"):
        PredictorSettings(**limits)


def test_pretrained_refuses_more_new_tokens_than_the_context_before_any_run():
    with pytest.raises(PredictorError, match="choose 1 to"):
        build_predictor("pretrained", PredictorSettings(max_new_tokens=100_000), train)


def test_pretrained_reports_what_a_model_cannot_do_as_its_own_error(monkeypatch):
    def fail(error):
        def raising(*arguments, **options):
            raise error

        return raising

    predictor = causal.CausalPredictor("backbone", SETTINGS)
    monkeypatch.setattr(causal, "generate", fail(GenerationError("max_new_tokens is 0")))
    with pytest.raises(PredictorError, match="max_new_tokens is 0"):
        list(predictor.predict([make_request(make_task(1))]))
    monkeypatch.setattr(causal, "load_backbone", fail(BackboneError("no such model")))
    with pytest.raises(PredictorError, match="no such model"):
        build_predictor("pretrained", SETTINGS, train)


def test_scripted_predictor_fails_where_it_is_told_to():
    task = make_task(1)
    predictor = ScriptedPredictor(otherwise="x", failures=[task.task_id])
    with pytest.raises(ScriptedError, match=task.task_id):
        list(predictor.predict([make_request(make_task(2)), make_request(task)]))


def test_memory_view_is_a_repository_view_and_refuses_other_paths():
    view: RepositoryView = MemoryView(repo_id="r", commit_sha="c", files={"b.py": "B", "a.py": "A"})
    assert list(view.production_files()) == ["a.py", "b.py"]
    assert view.read("b.py") == "B"
    with pytest.raises(GitObjectError, match=r"'c.py' is no production file of r at c"):
        view.read("c.py")


@pytest.mark.parametrize("name", METHODS)
def test_a_resumed_run_of_every_method_ends_byte_equal(predictors, name, tmp_path):
    tasks = [make_task(n, prefix=PREFIX.replace("1", "1" * n), family=list(Family)[n % 3]) for n in range(7)]
    manifest = describe_run(
        tasks, method=name, settings=SETTINGS, selection=TaskSelection(splits=()), dataset_sha256=""
    ).model_copy(update={"chunk_tasks": 3})

    def run(folder):
        run_method(
            tasks=tasks,
            predictor=predictors[name],
            views=make_view,
            manifest=manifest,
            folder=folder,
            history_lengths=HISTORY_LENGTHS,
        )
        return [(folder / file).read_bytes() for file in (MANIFEST, PREDICTIONS, SCORES, COMPLETE)]

    whole = run(tmp_path / "whole")
    assert b'"error": null' in whole[1]
    assert b'"error": "' not in whole[1]
    (tmp_path / "resumed").mkdir()
    (tmp_path / "resumed" / MANIFEST).write_bytes(whole[0])
    (tmp_path / "resumed" / PREDICTIONS).write_bytes(b"".join(whole[1].splitlines(keepends=True)[:4]))
    assert run(tmp_path / "resumed") == whole
