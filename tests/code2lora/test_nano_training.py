import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from nano_driver import TINY, run
from safetensors.torch import load_file
from sdist_cases import list_text, write_sdist

from code2lora.backbone import hash_weights, load_backbone
from code2lora.errors import CorpusError, TrainingError
from code2lora.generation import generate
from code2lora.training.corpus import read_corpus
from code2lora.training.log import read_log
from code2lora.training.nano import begun_steps
from code2lora.training.nano_card import model_card
from code2lora.training.nano_data import read_data, write_data
from code2lora.training.nano_recipe import NanoRecipe, Rate, learning_rate_at, read_recipe, with_tokens
from code2lora.training.nano_record import read_nano_record
from code2lora.training.nano_text import token_bytes, train_tokenizer, windows
from code2lora.training.sdists import read_source_list

FILES = ["MODEL_CARD.md", "config.json", "generation_config.json", "model.safetensors", "run.log", "tokenizer.json"]
FILES += ["tokenizer_config.json", "training.json"]
REPRODUCIBLE = sorted(set(FILES) - {"MODEL_CARD.md", "run.log"})  # these tell seconds


class Interrupted(BaseException):
    pass


def interrupt_at(step):
    def told(progress):
        if progress.step == step:
            raise Interrupted

    return told


def body(index):
    return f"def test_{index}():\n    assert add({index}, 1) == {index + 1}\n    assert name({index}) == 'é{index}'\n"


def make_sdists(folder, **options):
    """A folder with a list of two releases, of which one is held out, and their files."""
    made = write_sdist(folder, "made", {f"test_{index}.py": body(index) for index in range(40)})
    other = write_sdist(folder, "other", {f"test_{n}.py": body(n) for n in range(60, 70)}, held_out=True)
    (folder / "list.toml").write_text(list_text(made, other, **options))
    return folder


@pytest.fixture(scope="module")
def sdists(tmp_path_factory):
    return make_sdists(tmp_path_factory.mktemp("sdists"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory, sdists):
    """A training that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole") / "nano"
    run(sdists, folder)
    return folder


def bytes_of(folder):
    return {name: (folder / name).read_bytes() for name in REPRODUCIBLE}


def test_training_end_to_end(tmp_path, sdists):
    progress, prepared = [], []
    folder = tmp_path / "nano"
    record = run(sdists, folder, progress=progress.append, prepared=lambda *told: prepared.append(told))
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert (folder / "training.json").read_text() == record.to_json()
    assert [item.step for item in progress] == [5, 10, 15, 20, 25, 30]
    assert progress[-1].loss < 0.8 * progress[0].loss
    assert progress[-1].tokens == record.tokens == 30 * 4 * 32
    assert progress[-1].eta_seconds == 0 < progress[0].eta_seconds
    assert [step for step, _ in record.curve] == [10, 20, 30]
    assert [item.validation_loss for item in progress[1::2]] == [loss for _, loss in record.curve]
    assert record.validation.loss == min(loss for _, loss in record.curve) < progress[0].loss
    assert record.unseen is not None and record.unseen.loss != record.validation.loss
    assert prepared == [("fetching", 1, 2), ("fetching", 2, 2), ("reading", 1, 2), ("reading", 2, 2)] + [
        ("encoding", done, 50) for done in (record.corpus["files"]["train"], 40, 50)
    ] + [("nano", 0, 30)]
    assert [source["licence"] for source in record.corpus["sources"]] == ["MIT", "MIT"]
    assert str(tmp_path) not in record.to_json() + (folder / "MODEL_CARD.md").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["nano"]


def test_log_is_the_curve_as_json_lines(whole):
    lines = read_log(whole / "run.log")
    assert [line["step"] for line in lines] == [5, 10, 15, 20, 25, 30]
    assert [line["step"] for line in lines if "validation_loss" in line] == [10, 20, 30]
    assert [json.loads(line) for line in (whole / "run.log").read_text().splitlines()] == lines


def test_trained_folder_loads_and_generates(whole):
    backbone = load_backbone(str(whole), device="cpu")
    assert (backbone.tokenizer.eos_token, backbone.tokenizer.pad_token) == ("<|endoftext|>", "<|pad|>")
    assert backbone.tokenizer("")["input_ids"] == []
    assert backbone.context_length == 32
    (result,) = generate(backbone, ["assert add"], max_new_tokens=4, batch_size=1, stop=lambda prefix, text: False)
    assert result.text


def test_same_seed_gives_same_weights_and_another_seed_others(tmp_path, sdists):
    recipe = dataclasses.replace(TINY, steps=6)
    run(sdists, tmp_path / "a", recipe)
    torch.manual_seed(99)  # the caller's generator must not matter
    run(sdists, tmp_path / "b", recipe)
    run(sdists, tmp_path / "c", dataclasses.replace(recipe, seed=4))
    hashes = [hash_weights(tmp_path / name) for name in "abc"]
    assert hashes[0] == hashes[1] != hashes[2]
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")


def test_training_leaves_the_callers_generator_alone(tmp_path, sdists):
    before = torch.get_rng_state()
    run(sdists, tmp_path / "nano", dataclasses.replace(TINY, steps=2))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("step", [5, 20, 30])
def test_interrupted_training_ends_with_the_same_bytes(tmp_path, sdists, whole, step):
    folder = tmp_path / "nano"
    with pytest.raises(Interrupted):
        run(sdists, folder, progress=interrupt_at(step))
    assert not folder.exists()
    told = []
    run(sdists, folder, progress=told.append)
    # The state of the step before the one that was told when the interrupt came is what is gone on with.
    assert [item.step for item in told] == list(range(step, 31, 5))
    assert bytes_of(folder) == bytes_of(whole)
    steps = [line["step"] for line in read_log(folder / "run.log")]
    assert steps == [5, 10, 15, 20, 25, 30]


@pytest.mark.slow
def test_killed_training_ends_with_the_same_bytes(tmp_path, sdists, whole):
    folder = tmp_path / "nano"
    state = tmp_path / "nano.training" / "state.safetensors"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    driver = [sys.executable, str(Path(__file__).parent / "nano_driver.py"), str(sdists), str(folder)]
    with subprocess.Popen(driver, env=environment) as process:
        until = time.monotonic() + 120
        while not state.is_file() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert state.is_file() and not folder.exists()
    told = []
    run(sdists, folder, progress=told.append)
    assert told[0].step > 5
    assert bytes_of(folder) == bytes_of(whole)


def test_corpus_is_not_encoded_again_when_a_training_goes_on(tmp_path, sdists):
    with pytest.raises(Interrupted):
        run(sdists, tmp_path / "nano", progress=interrupt_at(5))
    told = []
    run(sdists, tmp_path / "nano", prepared=lambda *progress: told.append(progress))
    assert told == [("nano", 0, 30)]


def test_kill_between_the_last_step_and_the_folder_costs_no_step(tmp_path, sdists, whole, monkeypatch):
    def die(*arguments):
        raise Interrupted

    monkeypatch.setattr("code2lora.training.nano.write_model", die)
    with pytest.raises(Interrupted):
        run(sdists, tmp_path / "nano")
    monkeypatch.undo()
    steps, told = [], []
    run(sdists, tmp_path / "nano", progress=steps.append, prepared=lambda *progress: told.append(progress))
    assert (steps, told) == ([], [("nano", 30, 30)])
    assert bytes_of(tmp_path / "nano") == bytes_of(whole)
    assert [line["step"] for line in read_log(tmp_path / "nano" / "run.log")] == [5, 10, 15, 20, 25, 30]


def test_best_held_out_weights_are_kept(tmp_path, sdists):
    diverging = dataclasses.replace(TINY, steps=60, checkpoint_every=5, learning_rate=0.3, final_learning_rate=1.0)
    record = run(sdists, tmp_path / "nano", diverging)
    best = min(record.curve, key=lambda point: point[1])
    assert record.best_step == best[0] < 60
    assert record.validation.loss == best[1]


def test_finished_training_is_only_read(sdists, whole):
    before = bytes_of(whole)
    told = []
    record = run(sdists, whole, progress=told.append)
    assert (told, record) == ([], read_nano_record(whole))
    assert bytes_of(whole) == before


def test_folder_of_another_training_is_left_alone(sdists, whole):
    with pytest.raises(TrainingError, match="holds another training; choose another folder, or give --overwrite"):
        run(sdists, whole, dataclasses.replace(TINY, seed=9))


def test_folder_of_something_else_is_left_alone(tmp_path, sdists):
    (tmp_path / "nano").mkdir()
    (tmp_path / "nano" / "mine.txt").write_text("mine")
    with pytest.raises(TrainingError, match="holds something that is no training of ours"):
        run(sdists, tmp_path / "nano")
    assert [path.name for path in (tmp_path / "nano").iterdir()] == ["mine.txt"]


def test_steps_of_a_training_are_known_while_it_lasts_and_after(tmp_path, sdists):
    folder = tmp_path / "nano"
    assert begun_steps(folder) is None
    with pytest.raises(Interrupted):
        run(sdists, folder, progress=interrupt_at(5))
    assert begun_steps(folder) == 30
    run(sdists, folder)
    assert begun_steps(folder) == 30


def test_card_is_made_from_record_and_log(whole):
    record, log = read_nano_record(whole), read_log(whole / "run.log")
    card = (whole / "MODEL_CARD.md").read_text()
    assert card == model_card(record, log)
    for figure in (
        f"| Parameters | {record.parameters:,} |",
        f"| Step of the weights | {record.best_step} |",
        "| Tokens trained on | 3,840 |",
        f"| Training loss (nats per token) | {log[-1]['loss']:.3f} |",
        f"| Held-out bits per byte | {record.validation.bits_per_byte:.3f} |",
        f"| Bits per byte on unseen projects | {record.unseen.bits_per_byte:.3f} |",
        f"| Corpus SHA-256 | `{record.corpus['sha256']}` |",
        "| other | 1.0 | MIT | 10 |",
        "| held out |",
    ):
        assert figure in card
    assert max(map(len, card.splitlines())) <= 120


def test_card_of_a_list_that_holds_nothing_out_tells_no_unseen_projects(whole):
    record = read_nano_record(whole).model_copy(update={"unseen": None})
    assert "nseen projects" not in model_card(record, read_log(whole / "run.log"))


def test_reported_bits_per_byte_are_those_of_the_saved_weights(sdists, whole):
    held = read_nano_record(whole).validation
    assert held.bits_per_byte == pytest.approx(held.loss * held.tokens / held.bytes / 0.6931472)
    model = load_backbone(str(whole), device="cpu").model
    listed = read_source_list(sdists / "list.toml")
    corpus = read_corpus(listed.sources, sdists, source_bytes=listed.source_bytes, val_fraction=TINY.val_fraction)
    tokenizer = train_tokenizer(corpus.train, TINY)
    stream = [token for file in corpus.val for token in [*tokenizer.encode(file.text).ids, 0]]
    count = (len(stream) - 1) // 32
    nats = 0.0
    for start in range(0, count * 32, 32):
        ids = torch.tensor([stream[start : start + 33]])
        nats += float(
            model(input_ids=ids[:, :-1], labels=None).logits.log_softmax(-1).gather(2, ids[:, 1:, None]).sum()
        )
    assert held.tokens == count * 32 <= TINY.val_windows * 32
    assert held.loss == pytest.approx(-nats / (count * 32), rel=0.01)  # validated in bfloat16, checked in float32


def test_weights_are_stored_in_bfloat16_without_the_tied_head(whole):
    weights = load_file(whole / "model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.bfloat16}
    assert "lm_head.weight" not in weights
    assert sum(tensor.numel() for tensor in weights.values()) == read_nano_record(whole).parameters


def test_loss_that_is_not_finite_is_one_sentence(tmp_path, sdists):
    with pytest.raises(TrainingError, match=r"^The loss is .* at step \d+: lower the recipe's learning rate \(.*\)\.$"):
        run(sdists, tmp_path / "nano", dataclasses.replace(TINY, learning_rate=1e30, gradient_clip=1e30))
    assert not (tmp_path / "nano").exists()


def test_corpus_shorter_than_a_window_is_refused(tmp_path, sdists):
    with pytest.raises(CorpusError, match=r"held-out text has .* fewer than one window of 33"):
        run(sdists, tmp_path / "nano", dataclasses.replace(TINY, val_fraction=0))


@pytest.mark.parametrize("damage", ["state", "corpus"])
def test_damaged_beginning_is_one_sentence(tmp_path, sdists, damage):
    with pytest.raises(Interrupted):
        run(sdists, tmp_path / "nano", progress=interrupt_at(10))
    work = tmp_path / "nano.training"
    (work / "state.safetensors" if damage == "state" else work / "corpus" / "train.npy").write_bytes(b"damaged")
    with pytest.raises((TrainingError, CorpusError), match=r"is damaged or of another training|is no encoded corpus"):
        run(sdists, tmp_path / "nano")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heads": 3}, "each must be a multiple of the next"),
        ({"vocab_size": 100_000}, "vocab_size 100000: choose 300 to 65536"),
        ({"steps": 0}, "count below one"),
    ],
)
def test_impossible_recipe_is_refused(tmp_path, sdists, change, message):
    with pytest.raises(TrainingError, match=message):
        run(sdists, tmp_path / "nano", dataclasses.replace(TINY, **change))


def test_recipe_file_replaces_some_numbers(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text("steps = 7\nlearning_rate = 1e-4\n")
    assert read_recipe(path) == dataclasses.replace(NanoRecipe(), steps=7, learning_rate=1e-4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("step = 7", "'step' is none of its numbers. Did you mean 'steps'?"),
        ('steps = "many"', "steps is 'many': Input should be a valid integer"),
        ("steps = [", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_recipe_file_that_cannot_be_used_is_one_sentence(tmp_path, text, message):
    path = tmp_path / "recipe.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(TrainingError) as caught:
        read_recipe(path)
    assert message in str(caught.value) and str(path) in str(caught.value)


def test_budget_of_tokens_is_not_exceeded():
    recipe = dataclasses.replace(TINY, batch_size=4, context_length=32)
    assert [with_tokens(recipe, tokens).steps for tokens in (1, 128, 1_000, 1_024)] == [1, 1, 7, 8]


def test_budget_of_time_counts_validations():
    rate = Rate(step_seconds=1.0, validation_seconds=10.0)
    recipe = dataclasses.replace(TINY, checkpoint_every=10)
    assert rate.steps_within(recipe, 110) == 50
    assert rate.seconds(dataclasses.replace(recipe, steps=50)) == 110
    assert rate.steps_within(dataclasses.replace(recipe, checkpoint_every=0), 110) == 100
    assert rate.steps_within(recipe, 1) == 1


def test_encoded_corpus_is_the_tokens_of_its_files(tmp_path, sdists):
    listed = read_source_list(sdists / "list.toml")
    corpus = read_corpus(listed.sources, sdists, source_bytes=listed.source_bytes, val_fraction=0.2)
    write_data(corpus, TINY, tmp_path / "data")
    data = read_data(tmp_path / "data")
    for name, files in (("train", corpus.train), ("val", corpus.val), ("unseen", corpus.unseen)):
        texts = data.tokenizer.decode(data.streams[name].tolist(), skip_special_tokens=False)
        assert texts == "".join(file.text + "<|endoftext|>" for file in files)
        assert data.facts["files"][name] == len(files)


def test_tokenizer_is_lossless_and_splits_digits(sdists):
    listed = read_source_list(sdists / "list.toml")
    corpus = read_corpus(listed.sources, sdists, source_bytes=listed.source_bytes, val_fraction=0)
    tokenizer = train_tokenizer(corpus.train, TINY)
    text = "  def f():\n\t\treturn 1234 , 'é😀' . x  \r\n\n"
    ids = tokenizer.encode(text).ids
    assert tokenizer.decode(ids) == text
    assert [tokenizer.id_to_token(index) for index in tokenizer.encode("1234").ids] == ["1", "2", "3", "4"]
    lengths = token_bytes(tokenizer)
    assert sum(lengths[index] for index in ids) == len(text.encode())
    assert (lengths[0], lengths[1]) == (0, 0)


def test_windows_overlap_by_the_token_that_is_predicted():
    np = pytest.importorskip("numpy")
    cut = windows(np.arange(11, dtype=np.uint16), 3, "training")
    assert cut.tolist() == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]


def test_learning_rate_warms_up_peaks_and_ends_at_its_share():
    rates = [learning_rate_at(step, TINY) for step in range(TINY.steps + 1)]
    assert rates[4] == max(rates) == TINY.learning_rate
    assert rates[:5] == sorted(rates[:5]) and rates[5:] == sorted(rates[5:], reverse=True)
    assert rates[-1] == pytest.approx(TINY.learning_rate * TINY.final_learning_rate)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # compiling warns of its own ways
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch needs a C++ compiler to compile")
def test_compiled_training_goes_on_to_the_same_bytes_and_is_another_training(tmp_path, sdists, whole):
    recipe = dataclasses.replace(TINY, steps=10)
    run(sdists, tmp_path / "a", recipe, compiled=True)
    with pytest.raises(Interrupted):
        run(sdists, tmp_path / "b", recipe, compiled=True, progress=interrupt_at(10))
    run(sdists, tmp_path / "b", recipe, compiled=True)
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")
    plain = run(sdists, tmp_path / "c", recipe)
    compiled = read_nano_record(tmp_path / "a")
    assert compiled.settings_sha256 != plain.settings_sha256
    assert compiled.validation.loss == pytest.approx(plain.validation.loss, rel=0.02)
    assert "compiled by torch" in (tmp_path / "a" / "MODEL_CARD.md").read_text()
    assert "compiled by torch" not in (whole / "MODEL_CARD.md").read_text()
