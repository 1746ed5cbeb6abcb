"""Adapters of views: what they are made of, that they do not depend on what was asked before, and what is refused."""

import hashlib
import random

import pytest
import torch

from code2lora.checkpoints import Checkpoint
from code2lora.conditioning import SnapshotConditioner, WalkConditioner, check_fits_backbone
from code2lora.encoder import CLEAN, PAPER_DIFF, RepositoryEncoder, encode_diff
from code2lora.errors import CheckpointError
from code2lora.evolution import CommitGRU, GRUConfig
from code2lora.head import Code2LoRAHead, HeadConfig
from code2lora.lora import target_modules, type_dims
from code2lora.state_vectors import EncodedVectors, Recipes
from harness.predictors.scripted import MemoryView
from repopeftbench.errors import GitObjectError

WIDTH = 6
DIMS = {"q_proj": (8, 6), "v_proj": (8, 4)}
SHAS = [f"{number:040x}" for number in range(6)]


class LetterEncoder:
    """One token per letter; keeps what it was given."""

    width, context_length, weights_sha256 = WIDTH, 64, "a" * 64

    def __init__(self):
        self.texts = []

    def tokens(self, text):
        self.texts.append(text)
        return [ord(letter) for letter in text]

    def read_again(self, tokens, limit):
        return list(tokens)[:limit]

    def encode(self, windows):
        seeds = [int(hashlib.sha256(str(list(window)).encode()).hexdigest()[:8], 16) for window in windows]
        return torch.stack([torch.randn(WIDTH, generator=torch.Generator().manual_seed(seed)) for seed in seeds])


class DictStore:
    def __init__(self):
        self.kept = {}

    def get(self, key, blob):
        return self.kept.get((key, blob))

    def put(self, key, blob, vector):
        self.kept[key, blob] = vector


def history(repo_id="o/r"):
    """The views at six commits, each of which adds a file and rewrites `same.py` to what it was."""
    views = {}
    for number, sha in enumerate(SHAS):
        files = {f"m{n}.py": f"value = {n} in {repo_id}\n" for n in range(number + 1)} | {"same.py": "same = 1\n"}
        diffs = {SHAS[n]: f"+value = {n} in {repo_id}, a line that is long enough\n" for n in range(number + 1)}
        views[sha] = MemoryView(repo_id=repo_id, commit_sha=sha, files=files, diffs=diffs, earlier=dict(views))
    return list(views.values())


def vectors_of(encoder=None):
    return EncodedVectors(encoder or LetterEncoder(), Recipes(state=CLEAN), DictStore())


def checkpoint(*, walks=True, num_tasks=0, tasks=(), **sizes):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        gru = CommitGRU(GRUConfig(**{"diff_input_dim": 12, "repo_state_dim": 12, "hidden_dim": 5} | sizes))
        head = Code2LoRAHead(
            HeadConfig(type_dims=DIMS, input_dim=5 if walks else 12, hidden_dim=7, rank=2, num_tasks=num_tasks)
        )
    return Checkpoint(head=head, gru=gru if walks else None, tasks=tasks)


def test_snapshot_adapter_is_the_heads_answer_to_the_files_vector():
    view = history()[3]
    made = SnapshotConditioner(checkpoint(walks=False), vectors_of()).adapter(view)
    encoder = RepositoryEncoder(LetterEncoder(), CLEAN, DictStore())
    texts = {view.blobs()[path]: text for path, text in view.files.items()}
    state = encoder.repository(view.blobs(), texts.__getitem__)
    with torch.no_grad():
        expected = checkpoint(walks=False).head(state[None])
    assert made.sha256() == expected.sha256()
    assert not any(tensor.requires_grad for tensor in made.tensors().values())


def test_walk_adapter_is_that_of_the_networks_own_steps():
    views = history()
    made = WalkConditioner(checkpoint(), vectors_of()).adapter(views[4])
    networks, encoder = checkpoint(), LetterEncoder()
    with torch.no_grad():
        hidden = networks.gru.start(vectors_of().state(views[0])[None])
        for sha in SHAS[:5]:
            diff = encode_diff(encoder, views[4].diffs[sha], PAPER_DIFF)
            hidden = networks.gru.step(diff[None], hidden)
        expected = networks.head(networks.gru.context(hidden))
    assert made.sha256() == expected.sha256()


@pytest.mark.parametrize("kind", [SnapshotConditioner, WalkConditioner])
def test_an_adapter_is_the_same_bits_whatever_was_asked_before(kind):
    networks = checkpoint(walks=kind is WalkConditioner)
    views = [*history("a/a"), *history("b/b")]
    alone = [kind(networks, vectors_of()).adapter(view).sha256() for view in views]
    assert len(set(alone)) == len(views)
    for seed in range(8):
        order = random.Random(seed).sample(range(len(views)), len(views))
        shared = kind(networks, vectors_of())
        assert [shared.adapter(views[index]).sha256() for index in order] == [alone[index] for index in order]


def test_many_repositories_in_turn_are_walked_again_to_the_same_bits():
    networks = checkpoint()
    conditioner = WalkConditioner(networks, vectors_of())
    views = [history(f"o/{number}")[-1] for number in range(7)]
    first = [conditioner.adapter(view).sha256() for view in views]
    later = [history(f"o/{number}")[2] for number in range(7)]
    expected = [WalkConditioner(networks, vectors_of()).adapter(view).sha256() for view in later]
    assert [conditioner.adapter(view).sha256() for view in later] == expected
    assert [conditioner.adapter(view).sha256() for view in views] == first


def test_contents_and_diffs_are_encoded_once():
    encoder = LetterEncoder()
    vectors = vectors_of(encoder)
    for conditioner in (SnapshotConditioner(checkpoint(walks=False), vectors), WalkConditioner(checkpoint(), vectors)):
        for view in history():
            conditioner.adapter(view)
    assert len(encoder.texts) == len(set(encoder.texts)) == 6 + 1 + 6


def test_a_repository_before_its_first_commit_has_the_adapter_of_nothing():
    nothing = MemoryView(repo_id="o/r", commit_sha="")
    conditioner = WalkConditioner(checkpoint(), vectors_of())
    made = conditioner.adapter(nothing)
    with torch.no_grad():
        networks = checkpoint()
        expected = networks.head(networks.gru.context(networks.gru.start(torch.zeros(1, 12))))
    assert made.sha256() == expected.sha256()
    after = WalkConditioner(checkpoint(), vectors_of()).adapter(history()[2])
    assert conditioner.adapter(history()[2]).sha256() == after.sha256()  # nothing is no start of a walk


def test_texts_are_told_as_they_are_encoded_and_what_is_kept_is_not():
    views, vectors, told = history(), vectors_of(), []
    vectors.tell_encoding(lambda *told_now: told.append(told_now))
    conditioner = WalkConditioner(checkpoint(), vectors)
    conditioner.adapter(views[1])
    # Two files at the first commit, then the diffs of both commits.
    assert told == [("o/r", 0, 2), ("o/r", 1, 2), ("o/r", 2, 2), ("o/r", 2, 4), ("o/r", 3, 4), ("o/r", 4, 4)]
    told.clear()
    conditioner.adapter(views[2])
    assert told == [("o/r", 4, 5), ("o/r", 5, 5)]
    told.clear()
    WalkConditioner(checkpoint(), vectors).adapter(views[2])
    assert told[-1] == ("o/r", 5, 5)


def test_a_file_without_text_is_absent_and_named_and_counted_once(caplog):
    class Damaged(MemoryView):
        def read(self, path):
            if path == "m1.py":
                raise GitObjectError("m1.py has no text: too large")
            return super().read(path)

    whole = history()[3]
    damaged = Damaged(repo_id="o/r", commit_sha=SHAS[3], files=whole.files)
    without = {path: text for path, text in whole.files.items() if path != "m1.py"}
    vectors = vectors_of()
    expected = vectors.state(MemoryView(repo_id="o/r", commit_sha=SHAS[3], files=without))
    assert torch.equal(vectors.state(damaged), expected)
    assert torch.equal(vectors.state(damaged), expected)
    assert [record.getMessage() for record in caplog.records] == [
        "m1.py of o/r is left out of the repository's vector, 1 so far: m1.py has no text: too large"
    ]


def test_steps_that_take_the_repository_get_it_at_each_commit():
    networks = checkpoint(diff_input_dim=24, per_step_input="concat")
    views = history()
    made = WalkConditioner(networks, vectors_of()).adapter(views[2])
    vectors = vectors_of()
    with torch.no_grad():
        hidden = networks.gru.start(vectors.state(views[0])[None])
        for view in views[:3]:
            both = torch.cat([*vectors.diffs(view, [view.commit_sha]), vectors.state(view)])
            hidden = networks.gru.step(both[None], hidden)
        expected = networks.head(networks.gru.context(hidden))
    assert made.sha256() == expected.sha256()


def test_heads_of_several_tasks_are_asked_for_assertions():
    names = ("qa", "assert_rhs")
    networks = checkpoint(walks=False, num_tasks=2, tasks=names)
    vectors, view = vectors_of(), history()[1]
    made = SnapshotConditioner(networks, vectors).adapter(view)
    with torch.no_grad():
        asked = [networks.head(vectors.state(view)[None], row).sha256() for row in (0, 1)]
    assert made.sha256() == asked[1] != asked[0]


@pytest.mark.parametrize(
    ("kind", "networks", "message"),
    [
        (SnapshotConditioner, {}, "has a commit GRU: it is for code2lora-evo"),
        (WalkConditioner, {"walks": False}, "has no commit GRU: it is for code2lora-static"),
        (WalkConditioner, {"diff_input_dim": 10}, "GRU's step takes vectors of width 10, the encoder gives 12"),
        (WalkConditioner, {"repo_state_dim": 10}, "GRU's start takes vectors of width 10, .* name with --encoder"),
    ],
)
def test_checkpoints_that_do_not_fit_are_one_sentence(kind, networks, message):
    with pytest.raises(CheckpointError, match=message) as caught:
        kind(checkpoint(**networks), vectors_of())
    assert "\n" not in str(caught.value)


def test_checkpoints_of_other_backbones_are_refused_before_an_adapter_is_made(random_model):
    dims = type_dims(target_modules(random_model))
    check_fits_backbone(dims, 1, random_model, "tiny")
    with pytest.raises(CheckpointError, match=r"does not fit backbone 'tiny': .* q_proj is 8 to 6, .* is 32 to 32"):
        check_fits_backbone(checkpoint().head.config.type_dims, 1, random_model, "tiny")
    with pytest.raises(CheckpointError, match="no module of the adapter's type 'c_attn'"):
        check_fits_backbone({"c_attn": (32, 32)}, 1, random_model, "tiny")
