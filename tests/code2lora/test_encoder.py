import dataclasses
import hashlib
import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from code2lora.backbone_encoder import BackboneEncoder
from code2lora.encoder import (
    CLEAN,
    PAPER_DIFF,
    PAPER_EVO,
    PAPER_STATIC,
    RECIPES,
    RepositoryEncoder,
    cache_key,
    cut_windows,
    encode_diff,
    encode_file,
)
from code2lora.errors import EncoderError
from code2lora.pooling import pool_diff, pool_repository, pool_weighted
from code2lora.vector_store import SqliteVectorStore


class LetterEncoder:
    """One token per letter; reading again drops capitals and puts a special token before the text."""

    width, context_length, weights_sha256 = 6, 32, "a" * 64

    def __init__(self):
        self.encoded = []

    def tokens(self, text):
        return [ord(letter) for letter in text]

    def read_again(self, tokens, limit):
        return [1, *(token for token in tokens if not chr(token).isupper())][:limit]

    def encode(self, windows):
        self.encoded += windows
        return torch.stack([self.vector(window) for window in windows])

    def vector(self, window):
        seed = int(hashlib.sha256(str(list(window)).encode()).hexdigest()[:8], 16)
        return torch.randn(6, generator=torch.Generator().manual_seed(seed))


class DictStore:
    def __init__(self):
        self.kept = {}

    def get(self, key, blob):
        return self.kept.get((key, blob))

    def put(self, key, blob, vector):
        self.kept[key, blob] = vector


@pytest.fixture
def encoder():
    return LetterEncoder()


@given(st.integers(0, 300), st.integers(8, 64), st.integers(1, 5))
def test_windows_cover_the_text_and_share_an_eighth(count, size, least):
    windows = cut_windows(list(range(count)), size, least)
    assert all(least <= len(window) <= size for window in windows)
    assert all(len(window) == size for window in windows[:-1])
    for one, other in itertools.pairwise(windows):
        assert one[-1] - other[0] + 1 == size // 8
    covered = {token for window in windows for token in window}
    assert len(set(range(count)) - covered) < least  # at most an end too short for a window


@pytest.mark.parametrize(
    ("recipe", "window", "least"), [(PAPER_STATIC, 4096, 16), (PAPER_EVO, 2048, 8), (PAPER_DIFF, 512, 16)]
)
def test_published_windows_are_cut_as_published(recipe, window, least):
    assert (recipe.window, recipe.least) == (window, least)
    tokens = list(range(2 * window + 5))
    windows = cut_windows(tokens, recipe.window, recipe.least)
    assert [(w[0], w[-1]) for w in windows] == [
        (0, window - 1), (window * 7 // 8, window * 15 // 8 - 1), (window * 14 // 8, 2 * window + 4),
    ]  # fmt: skip
    assert cut_windows(tokens[: least - 1], recipe.window, recipe.least) == []
    assert cut_windows(tokens[:least], recipe.window, recipe.least) == [tokens[:least]]


def test_windows_fit_the_encoder(encoder):
    encode_file(encoder, CLEAN, "x" * 100)
    assert [len(window) for window in encoder.encoded] == [32, 32, 32, 16]


def test_clean_windows_are_the_texts_own_tokens(encoder):
    file = encode_file(encoder, CLEAN, "Some Text\nof two lines")
    assert encoder.encoded == [encoder.tokens("Some Text\nof two lines")]
    assert torch.equal(file.vector_E, encoder.vector(encoder.encoded[0]))
    assert (file.tokens, file.lines) == (22, 2)


def test_published_windows_are_read_again_and_may_lose_their_end(encoder):
    encode_file(encoder, PAPER_EVO, "Many Words that are longer than one window of it")
    assert encoder.encoded[0] == [1, *map(ord, "any ords that are longer than ")]
    assert len(encoder.encoded[1]) <= 32
    encode_file(encoder, PAPER_EVO, "z" * 32)
    assert encoder.encoded[-1] == [1, *[ord("z")] * 31]


def test_file_is_the_mean_of_its_windows(encoder):
    file = encode_file(encoder, CLEAN, "y" * 40)
    assert len(encoder.encoded) == 2
    expected = torch.stack([encoder.vector(window) for window in encoder.encoded]).mean(dim=0)
    assert torch.equal(file.vector_E, expected)


def test_only_the_evolution_recipes_round(encoder):
    text = "a file of some words"
    full = encode_file(encoder, PAPER_STATIC, text).vector_E
    half = encode_file(encoder, PAPER_EVO, text).vector_E
    assert torch.equal(half, full.half().float())
    assert not torch.equal(half, full)


@pytest.mark.parametrize("text", ["", "  \n ", "short"])
def test_diff_without_a_window_is_zeros(encoder, text):
    assert encode_diff(encoder, text).tolist() == [0.0] * 12


def test_diff_is_pooled_over_its_windows(encoder):
    found = encode_diff(encoder, "+ a line of a diff\n- another line of it\n")
    expected = pool_diff(torch.stack([encoder.vector(window) for window in encoder.encoded]))
    assert torch.equal(found, expected.half().float())


CONTENTS = {"1": "first file of it", "2": "second file, of more words", "3": "", "4": "a third one, added later on"}
STATES = [
    {"a.py": "1"},
    {"a.py": "1", "b.py": "2"},
    {"b.py": "2", "c.py": "3"},
    {"c.py": "4", "b.py": "2", "d.py": "2"},
]


@pytest.mark.parametrize("recipe", [PAPER_STATIC, PAPER_EVO, CLEAN], ids=lambda recipe: recipe.name)
def test_state_after_commits_equals_one_from_scratch(tmp_path, encoder, recipe):
    with SqliteVectorStore(tmp_path / "vectors.sqlite") as store:
        walked = RepositoryEncoder(encoder, recipe, store)
        for state in STATES:
            found = walked.repository(state, CONTENTS.__getitem__)
            scratch = RepositoryEncoder(LetterEncoder(), recipe, DictStore()).repository(state, CONTENTS.__getitem__)
            assert torch.equal(found, scratch)
            assert abs(float(found.norm()) - 1.0) < 1e-6


def test_order_of_files_does_not_matter(encoder):
    repository = RepositoryEncoder(encoder, CLEAN, DictStore())
    shuffled = dict(reversed(STATES[3].items()))
    assert torch.equal(
        repository.repository(STATES[3], CONTENTS.__getitem__), repository.repository(shuffled, CONTENTS.__getitem__)
    )


def test_content_is_encoded_and_read_once(encoder):
    read = []
    repository = RepositoryEncoder(encoder, CLEAN, DictStore())
    for state in [*STATES, *STATES]:
        repository.repository(state, lambda blob: read.append(blob) or CONTENTS[blob])
    assert sorted(read) == ["1", "2", "3", "4"]
    assert len(encoder.encoded) == 3  # the empty content has no window


def test_files_without_a_vector_count_only_in_the_evolution_recipe(encoder):
    state = {"a.py": "1", "c.py": "3"}
    one = encode_file(encoder, PAPER_EVO, CONTENTS["1"]).vector_E
    evolution = RepositoryEncoder(encoder, PAPER_EVO, DictStore()).repository(state, CONTENTS.__getitem__)
    assert torch.equal(evolution, pool_repository(torch.stack([one, torch.zeros(6)])))
    clean = RepositoryEncoder(encoder, CLEAN, DictStore())
    assert torch.equal(
        clean.repository(state, CONTENTS.__getitem__), clean.repository({"a.py": "1"}, CONTENTS.__getitem__)
    )


def test_static_recipe_weighs_files_by_path_and_length(encoder):
    state = {"src/a.py": "1", "b.py": "2"}
    files = [encode_file(encoder, PAPER_STATIC, CONTENTS[blob]) for blob in ("2", "1")]
    expected = pool_weighted(
        torch.stack([file.vector_E for file in files]), paths=["b.py", "src/a.py"], tokens=[26, 16], lines=[1, 1]
    )
    found = RepositoryEncoder(encoder, PAPER_STATIC, DictStore()).repository(state, CONTENTS.__getitem__)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_repository_without_a_vector_is_zeros(encoder, recipe):
    repository = RepositoryEncoder(encoder, recipe, DictStore())
    assert repository.repository({"c.py": "3"}, CONTENTS.__getitem__).tolist() == [0.0] * 12
    assert repository.repository({}, CONTENTS.__getitem__).tolist() == [0.0] * 12


def test_key_tells_recipes_encoders_and_windows_apart(encoder):
    keys = {cache_key(encoder, recipe) for recipe in RECIPES.values()}
    keys.add(cache_key(encoder, dataclasses.replace(CLEAN, window=1024)))
    encoder.weights_sha256 = "b" * 64
    keys.add(cache_key(encoder, CLEAN))
    encoder.context_length = 64
    keys.add(cache_key(encoder, CLEAN))
    assert len(keys) == 7


def test_numbers_that_are_not_finite_are_refused(encoder):
    encoder.encode = lambda windows: torch.full((len(windows), 6), float("nan"))
    with pytest.raises(EncoderError, match="not finite: use it in float32 or bfloat16"):
        encode_file(encoder, CLEAN, "some text")


def test_store_keeps_every_bit_and_absent_vectors(tmp_path, encoder):
    file, empty = encode_file(encoder, CLEAN, "some text"), encode_file(encoder, CLEAN, "")
    with SqliteVectorStore(tmp_path / "v") as store:
        store.put("k", "1", file)
        store.put("k", "2", empty)
    with SqliteVectorStore(tmp_path / "v") as one, SqliteVectorStore(tmp_path / "v") as other:
        found = other.get("k", "1")
        assert torch.equal(found.vector_E, file.vector_E)
        assert (found.tokens, found.lines) == (9, 1)
        assert one.get("k", "2").vector_E is None
        assert one.get("other", "1") is None


@pytest.mark.parametrize("name", ["broken", "no/such/folder"])
def test_file_that_is_no_store_is_named(tmp_path, name):
    (tmp_path / "broken").write_bytes(b"something else, long enough to be looked at" * 9)
    with pytest.raises(EncoderError, match="cannot be used as a store of vectors"):
        SqliteVectorStore(tmp_path / name)


def test_backbone_gives_the_mean_of_its_last_hidden_states(random_backbone):
    encoder = BackboneEncoder(random_backbone)
    windows = [[5, 6, 7], [8, 9, 10], [11, 12]]
    found = encoder.encode(windows)
    assert (encoder.width, encoder.context_length, found.dtype) == (32, 96, torch.float32)
    for window, vector in zip(windows, found, strict=True):
        output = random_backbone.model(input_ids=torch.tensor([window]), output_hidden_states=True)
        assert torch.allclose(vector, output.hidden_states[-1][0].mean(dim=0), atol=1e-5)
    assert torch.allclose(encoder.encode(windows[1:]), found[1:], atol=1e-6)


def test_backbone_reads_tokens_again_within_a_limit(random_backbone):
    encoder = BackboneEncoder(random_backbone)
    tokens = encoder.tokens("é = 1\n")
    assert encoder.read_again(tokens, 96) == tokens
    assert encoder.read_again(tokens, 3) == tokens[:3]
    assert encoder.read_again(tokens[1:], 96) != tokens[1:]  # a cut letter does not survive
    assert encoder.tokens("x" * 200) == encoder.tokens("x") * 200


def test_repository_of_a_real_backbone_is_a_unit_vector(random_backbone):
    repository = RepositoryEncoder(BackboneEncoder(random_backbone), CLEAN, DictStore())
    vector = repository.repository({"a.py": "1", "b.py": "2"}, CONTENTS.__getitem__)
    assert vector.shape == (64,)
    assert abs(float(vector.norm()) - 1.0) < 1e-6
    assert not vector.is_inference()
