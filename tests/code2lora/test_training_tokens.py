"""Which tokens a training sees, and which of them count."""

import pytest
import torch
from training_cases import make_backbone

from code2lora.training.data import TaskText
from code2lora.training.tokens import IGNORED, TokenStore, encode_task, target_losses


@pytest.fixture(scope="module")
def backbone():
    return make_backbone()


def text_of(backbone, tokens):
    return backbone.tokenizer.decode(tokens)


def test_the_loss_counts_the_continuation_and_the_end_alone(backbone):
    tokens, counted = encode_task(backbone, "assert f(1) ==", " 42", 64)
    assert text_of(backbone, tokens) == "assert f(1) == 42<|endoftext|>"
    assert text_of(backbone, tokens[-counted:]) == " 42<|endoftext|>"


def test_a_long_prefix_loses_its_beginning_and_a_long_continuation_its_end(backbone):
    tokens, counted = encode_task(backbone, "first line\nassert y ==", " 1", 16)
    assert text_of(backbone, tokens) == "e\nassert y == 1<|endoftext|>"
    tokens, counted = encode_task(backbone, "assert y ==", " " + "9" * 100, 16)
    assert (len(tokens), counted) == (16, 8)
    assert text_of(backbone, tokens[-counted:]) == " 9999999"


def test_only_the_last_lines_of_a_prefix_are_tokenised(backbone, monkeypatch):
    read = []
    monkeypatch.setattr(
        "code2lora.training.tokens._plain", lambda tokenizer, text: read.append(text) or [5] * len(text)
    )
    encode_task(backbone, "first\n" * 10_000 + "last", " 1", 32)
    assert read[1].endswith("first\nlast")
    assert len(read[1]) <= 8 * 32


def test_an_empty_prefix_is_given_as_end_of_text(backbone):
    tokens, counted = encode_task(backbone, "", "1", 8)
    assert (text_of(backbone, tokens), counted) == ("<|endoftext|>1<|endoftext|>", 2)


@pytest.fixture
def store(backbone, tmp_path):
    texts = [
        TaskText(row=4, prefix="assert first_value(1) ==", continuation=" 1"),
        TaskText(row=7, prefix="assert x ==", continuation=" 'long'"),
        TaskText(row=9, prefix="a", continuation="b"),
    ]
    return TokenStore(backbone, texts, 48, tmp_path / "tokens")


def test_batches_are_padded_on_the_left_and_count_targets_alone(backbone, store):
    batch = store.batch([7, 4])
    assert batch.ids_BT.shape == (2, 27)
    assert batch.counted == store.counted([7, 4]) == 8 + 3
    for row, (prefix, target) in enumerate(
        [("assert x ==", " 'long'<|endoftext|>"), ("assert first_value(1) ==", " 1<|endoftext|>")]
    ):
        ids, mask, labels = batch.ids_BT[row], batch.mask_BT[row].bool(), batch.labels_BK[row]
        assert text_of(backbone, ids[mask]) == prefix + target
        assert text_of(backbone, labels[labels != IGNORED]) == target
        assert not mask[: 27 - int(mask.sum())].any()


def test_losses_of_a_padded_batch_are_those_of_each_sequence_by_itself(backbone, store):
    with torch.no_grad():
        together = target_losses(backbone, store.batch([4, 7, 9]), "float32")
        alone = []
        for row in (4, 7, 9):
            batch = store.batch([row])
            logits = backbone.model(input_ids=batch.ids_BT).logits[0].log_softmax(dim=-1)
            first = batch.ids_BT.shape[1] - batch.counted
            alone += [-logits[at - 1, batch.ids_BT[0, at]] for at in range(first, batch.ids_BT.shape[1])]
    torch.testing.assert_close(together, torch.stack(alone), atol=1e-5, rtol=1e-5)
