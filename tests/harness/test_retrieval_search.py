"""Chunks, ranking by words and by vectors, and an index that costs what changed."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from code2lora.encoder import FileVector
from harness.predictors.retrieval.chunks import cutter
from harness.predictors.retrieval.dense import TextVectors, fused, nearest
from harness.predictors.retrieval.lexical import LexicalIndex, Vocabulary, words_of
from harness.predictors.retrieval.recipe import load_retrieval
from harness.predictors.retrieval.snapshots import SnapshotIndexes
from harness.predictors.scripted import MemoryView
from repopeftbench.errors import GitObjectError

LONG = "class Long(Base):\n    '''Doc.'''\n    size = 1\n\n" + "".join(
    f"    def m{n}(self):\n        return 'x' * {n}\n\n" for n in range(20)
)
CODE = f"import os\n\nLIMIT = 3\n\n\ndef short(a):\n    return a\n\n\n{LONG}"
RAG = load_retrieval("clean", "rag").settings


class LetterEncoder:
    """Vectors of 26 numbers: how often each letter stands in a window. Counts what it encodes."""

    width, context_length, weights_sha256 = 26, 64, "letters"

    def __init__(self):
        self.encoded = []

    def tokens(self, text):
        return [ord(letter) - 97 for letter in text.lower() if "a" <= letter <= "z"]

    def read_again(self, tokens, limit):
        return list(tokens)[:limit]

    def encode(self, windows):
        self.encoded.extend(windows)
        return torch.stack([torch.bincount(torch.tensor(window), minlength=26).float() for window in windows])


class MemoryStore:
    def __init__(self):
        self.kept = {}

    def get(self, key, blob):
        return self.kept.get((key, blob))

    def put(self, key, blob, vector: FileVector):
        self.kept[key, blob] = vector


def view(sha="c", **files):
    return MemoryView(repo_id="r", commit_sha=sha, files={f"{name}.py": text for name, text in files.items()})


def test_chunks_are_definitions_and_members_of_long_classes():
    chunks = cutter("definitions", 200)("pkg/m.py", CODE)
    assert [chunk.name for chunk in chunks] == ["", "short", "Long", *(f"Long.m{n}" for n in range(20))]
    assert chunks[0].text == "# pkg/m.py\nimport os\nLIMIT = 3"
    assert chunks[1].text == "# pkg/m.py\ndef short(a):\n    return a"
    assert chunks[2].text == "# pkg/m.py\nclass Long(Base):\n    '''Doc.'''\n    size = 1"
    assert chunks[3].text == "# pkg/m.py\nclass Long(Base):\n    def m0(self):\n        return 'x' * 0"


@given(st.integers(100, 400))
def test_no_chunk_is_longer_than_asked_for_and_no_definition_is_lost(characters):
    chunks = cutter("definitions", characters)("m.py", CODE + "def wide():\n    return " + "1 + " * 300 + "1\n")
    assert all(len(chunk.text) <= characters + len("# m.py\n") for chunk in chunks)
    assert {f"def m{n}(" in "".join(chunk.text for chunk in chunks) for n in range(20)} == {True}


def test_published_chunks_are_functions_and_classes_of_the_module_cut_off():
    chunks = cutter("published", 120)("m.py", CODE)
    assert [chunk.name for chunk in chunks] == ["short", "Long"]
    assert chunks[0].text == "# File: m.py\n# Symbol: short\ndef short(a):\n    return a"
    assert chunks[1].text == f"# File: m.py\n# Symbol: Long\n{LONG[:120]}"


def test_words_are_identifiers_and_their_parts():
    assert words_of("maxSize_of = HTTPServer2(x, 'naïve') if 3") == [
        "maxsize_of", "max", "size", "of", "httpserver2", "http", "server", "naïve", "na", "ve",
    ]  # fmt: skip


def test_scores_by_words_are_those_of_the_formula():
    texts, query = ["ab cd ab", "cd", "ef gh cd cd"], "ab cd cd zz"
    vocabulary = Vocabulary()
    index = LexicalIndex([vocabulary.numbered(text) for text in texts], vocabulary, k1=1.5, b=0.75)
    mean = sum(len(text.split()) for text in texts) / 3

    def score(text):
        total = 0.0
        for word in set(query.split()):
            count, holding = text.split().count(word), sum(word in other.split() for other in texts)
            rare = math.log(1 + (3 - holding + 0.5) / (holding + 0.5))
            total += rare * count / (count + 1.5 * (0.25 + 0.75 * len(text.split()) / mean))
        return total

    assert index.scores(query) == pytest.approx([score(text) for text in texts], rel=1e-5)


def test_ranks_do_not_depend_on_what_was_counted_before_and_equals_keep_their_order():
    texts = ["ab cd", "cd ab", "ef", "ab cd", ""]
    orders = []
    for before in ([], ["zz cd", "ab"], ["ef ab cd"]):
        vocabulary = Vocabulary()
        for text in before:
            vocabulary.numbered(text)
        index = LexicalIndex([vocabulary.numbered(text) for text in texts], vocabulary, k1=1.5, b=0.75)
        vocabulary.numbered("later words")
        orders.append(index.ranked("cd ab later"))
    assert orders == [[0, 1, 3]] * 3


@pytest.mark.parametrize("texts", [[], [[]], [[], []]])
def test_nothing_is_found_among_texts_without_words(texts):
    index = LexicalIndex(texts, Vocabulary(), k1=1.5, b=0.75)
    assert index.ranked("ab") == []


def test_rankings_are_fused_by_reciprocal_rank():
    assert fused([[1, 2, 3], [3, 4]], 60) == [3, 1, 2, 4]
    assert fused([[5], [4]], 60) == [4, 5]
    assert fused([[], []], 60) == []


def test_a_vector_is_of_the_beginning_of_a_text_and_of_the_end_of_a_query():
    vectors = TextVectors(LetterEncoder(), MemoryStore(), tokens=3)
    assert vectors.of_text("aaab") == pytest.approx([1.0] + [0.0] * 25)
    assert vectors.of_query("abbb") == pytest.approx([0.0, 1.0] + [0.0] * 24)
    assert not vectors.of_text("!!").any()


def test_no_row_is_near_to_nothing_and_equals_keep_their_order():
    rows = np.array([[0, 1], [1, 0], [0, 1]], dtype=np.float32)
    assert nearest(rows, np.array([0, 1], dtype=np.float32), 2) == [0, 2]
    assert nearest(rows, np.zeros(2, dtype=np.float32), 2) == []


def test_the_next_commit_costs_its_changed_files():
    encoder, store, reads = LetterEncoder(), MemoryStore(), []

    class Counted(MemoryView):
        def read(self, path):
            reads.append(path)
            return super().read(path)

    def shown(sha, **files):
        return Counted(repo_id="r", commit_sha=sha, files={f"{name}.py": text for name, text in files.items()})

    indexes = SnapshotIndexes(cutter("definitions", 500), RAG, TextVectors(encoder, store, 64))
    first = indexes.of(shown("1", a="def alpha(): pass\n", b="def beta(): pass\n"))
    assert (sorted(reads), len(encoder.encoded)) == (["a.py", "b.py"], 2)
    assert indexes.of(shown("1", a="def alpha(): pass\n", b="def beta(): pass\n")) is first
    indexes.of(shown("2", a="def alpha(): pass\n", b="def gamma(): pass\n"))
    assert (reads[2:], len(encoder.encoded)) == (["b.py"], 3)
    indexes.of(shown("3", a="def alpha(): pass\n", b="def beta(): pass\n"))  # its vector is still in the store
    assert (reads[3:], len(encoder.encoded)) == (["b.py"], 3)


def test_an_index_is_the_same_whatever_was_indexed_before():
    views = [view("1", a=CODE), view("2", a=CODE, b="def beta(short): return short\n"), view("3", b=LONG)]

    def found(before):
        indexes = SnapshotIndexes(cutter("definitions", 300), RAG, TextVectors(LetterEncoder(), MemoryStore(), 64))
        for one in before:
            indexes.of(one)
        return [chunk.text for chunk in indexes.of(views[1]).search("from m import short\nassert short(1) ==")]

    assert found([]) == found([views[0]]) == found([views[2], views[0]])
    assert found([])[0].endswith("def beta(short): return short")


def test_a_file_without_text_is_left_out_and_named_once(caplog):
    class Broken(MemoryView):
        def read(self, path):
            if path == "bad.py":
                raise GitObjectError("no text")
            return super().read(path)

    indexes = SnapshotIndexes(cutter("definitions", 300), RAG, None)
    for sha, text in (("1", "def f(): pass\n"), ("2", "def g(): pass\n")):
        files = {"bad.py": "", "good.py": text}
        index = indexes.of(Broken(repo_id="r", commit_sha=sha, files=files))
        assert [chunk.path for chunk in index.chunks] == ["good.py"]
    assert [record.getMessage() for record in caplog.records] == ["bad.py is left out of the index: no text"]


def test_an_empty_snapshot_has_nothing_to_find():
    indexes = SnapshotIndexes(cutter("definitions", 300), RAG, TextVectors(LetterEncoder(), MemoryStore(), 64))
    assert indexes.of(view()).search("anything") == []
    assert indexes.of(view("2", a="", b="# nothing\n")).search("anything") == []
