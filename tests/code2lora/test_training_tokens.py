"""Which tokens a training sees, and which of them count."""

import pytest
from training_cases import make_backbone

from code2lora.training.data import TaskText
from code2lora.training.tokens import TokenStore, encode_task


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


def test_sequences_come_as_asked_with_what_counts_of_them(backbone, store):
    found = [(text_of(backbone, tokens), text_of(backbone, tokens[-n:])) for tokens, n in store.sequences([9, 4])]
    assert found == [
        ("ab<|endoftext|>", "b<|endoftext|>"),
        ("assert first_value(1) == 1<|endoftext|>", " 1<|endoftext|>"),
    ]
    assert store.counted([7, 4]) == 8 + 3
