import dataclasses
import json

import pytest
import torch

from code2lora.backbone import hash_weights, load_backbone
from code2lora.errors import CorpusError, TrainingError
from code2lora.generation import generate
from code2lora.training.corpus import folder_source, read_corpus
from code2lora.training.nano import NanoRecipe, train_nano
from code2lora.training.nano_recipe import learning_rate_at
from code2lora.training.nano_text import token_bytes, train_tokenizer, windows

TINY = NanoRecipe(
    seed=3,
    steps=30,
    batch_size=4,
    context_length=32,
    vocab_size=320,
    hidden_size=32,
    intermediate_size=64,
    layers=1,
    learning_rate=1e-2,
    warmup_steps=5,
    val_fraction=0.2,
    log_every=10,
    checkpoint_every=20,
)


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    for index in range(40):
        body = (
            f"def test_{index}():\n    assert add({index}, 1) == {index + 1}\n    assert name({index}) == 'é{index}'\n"
        )
        (folder / f"test_{index}.py").write_text(body, encoding="utf-8")
    return folder_source(folder, name="made", version="1", licence="MIT")


def train(output, source, recipe=TINY, **options):
    return train_nano(output, recipe=recipe, sources=[source], **options)


def test_training_end_to_end(tmp_path, source):
    progress = []
    record = train(tmp_path / "nano", source, progress=progress.append)
    assert json.loads((tmp_path / "nano" / "training.json").read_text()) == record
    assert sorted(path.name for path in (tmp_path / "nano").iterdir()) == [
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "training.json",
    ]
    assert [item.step for item in progress] == [10, 20, 30]
    assert progress[-1].loss < 0.8 * progress[0].loss
    assert progress[-1].tokens == record["tokens"] == 30 * 4 * 32
    assert progress[-1].eta_seconds == 0
    assert record["validation"]["loss"] < progress[0].loss
    assert record["corpus"]["sources"][0]["licence"] == "MIT"
    assert str(tmp_path) not in json.dumps(record)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus", "nano"]


def test_trained_folder_loads_and_generates(tmp_path, source):
    train(tmp_path / "nano", source)
    backbone = load_backbone(str(tmp_path / "nano"), device="cpu")
    assert (backbone.tokenizer.eos_token, backbone.tokenizer.pad_token) == ("<|endoftext|>", "<|pad|>")
    assert backbone.tokenizer("")["input_ids"] == []
    assert backbone.context_length == 32
    (result,) = generate(backbone, ["assert add"], max_new_tokens=4, batch_size=1, stop=lambda prefix, text: False)
    assert result.text


def test_same_seed_gives_same_weights_and_another_seed_others(tmp_path, source):
    recipe = dataclasses.replace(TINY, steps=6)
    train(tmp_path / "a", source, recipe)
    torch.manual_seed(99)  # the caller's generator must not matter
    train(tmp_path / "b", source, recipe)
    train(tmp_path / "c", source, dataclasses.replace(recipe, seed=4))
    hashes = [hash_weights(tmp_path / name) for name in "abc"]
    assert hashes[0] == hashes[1] != hashes[2]
    assert (tmp_path / "a" / "tokenizer.json").read_bytes() == (tmp_path / "b" / "tokenizer.json").read_bytes()


def test_training_leaves_the_callers_generator_alone(tmp_path, source):
    before = torch.get_rng_state()
    train(tmp_path / "nano", source, dataclasses.replace(TINY, steps=2))
    assert torch.equal(before, torch.get_rng_state())


def test_standard_library_is_the_default_corpus(tmp_path, source, monkeypatch):
    standard = dataclasses.replace(source, name="python-standard-library")
    monkeypatch.setattr("code2lora.training.nano.standard_library_source", lambda: standard)
    record = train_nano(tmp_path / "nano", recipe=dataclasses.replace(TINY, steps=1))
    assert [use["name"] for use in record["corpus"]["sources"]] == ["python-standard-library"]


def test_checkpoint_is_a_whole_folder(tmp_path, source):
    seen = []

    def look(progress):
        if progress.step == 30:
            seen.append(json.loads((tmp_path / "nano" / "training.json").read_text())["steps"])

    train(tmp_path / "nano", source, progress=look)
    assert seen == [20]


def test_reported_bits_per_byte_are_those_of_the_saved_weights(tmp_path, source):
    record = train(tmp_path / "nano", source, dataclasses.replace(TINY, steps=10))["validation"]
    assert record["bits_per_byte"] == pytest.approx(record["loss"] * record["tokens"] / record["bytes"] / 0.6931472)
    model = load_backbone(str(tmp_path / "nano"), device="cpu").model
    corpus = read_corpus([source], val_fraction=TINY.val_fraction)
    tokenizer = train_tokenizer(corpus.train, TINY)
    stream = [token for file in corpus.val for token in [*tokenizer.encode(file.text).ids, 0]]
    count = (len(stream) - 1) // 32
    nats = 0.0
    for start in range(0, count * 32, 32):
        ids = torch.tensor([stream[start : start + 33]])
        nats += float(
            model(input_ids=ids[:, :-1], labels=None).logits.log_softmax(-1).gather(2, ids[:, 1:, None]).sum()
        )
    assert record["tokens"] == count * 32 <= TINY.val_windows * 32
    assert record["loss"] == pytest.approx(-nats / (count * 32), rel=0.01)  # validated in bfloat16, checked in float32


def test_diverging_loss_raises(tmp_path, source):
    with pytest.raises(TrainingError, match=r"Loss is .* at step .*lower the learning rate"):
        train(tmp_path / "nano", source, dataclasses.replace(TINY, learning_rate=1e30, gradient_clip=1e30))


def test_corpus_shorter_than_a_window_is_refused(tmp_path, source):
    with pytest.raises(CorpusError, match=r"held-out text has .* fewer than one window of 33"):
        train(tmp_path / "nano", source, dataclasses.replace(TINY, val_fraction=0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heads": 3}, "each must be a multiple of the next"),
        ({"vocab_size": 100_000}, "vocab_size 100000: choose 300 to 65536"),
        ({"steps": 0}, "count below one"),
    ],
)
def test_impossible_recipe_is_refused(tmp_path, source, change, message):
    with pytest.raises(TrainingError, match=message):
        train(tmp_path / "nano", source, dataclasses.replace(TINY, **change))


def test_tokenizer_is_lossless_and_splits_digits(source):
    tokenizer = train_tokenizer(read_corpus([source], val_fraction=0).train, TINY)
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
