import pytest
import torch

from code2lora.errors import CheckpointError
from code2lora.evolution import CommitGRU, GRUConfig
from code2lora.walk import CommitVectors, history_sha256, load_walk, save_walk, start_walk, walk


@pytest.fixture
def gru():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return CommitGRU(GRUConfig(diff_input_dim=5, repo_state_dim=4, hidden_dim=6))


@pytest.fixture
def commits():
    vectors = torch.randn(9, 5, generator=torch.Generator().manual_seed(1))
    return [CommitVectors(commit_sha=f"{number:040x}", diff_E=vector) for number, vector in enumerate(vectors)]


@pytest.mark.parametrize("stop", [0, 1, 5, 9])
def test_resumed_walk_equals_a_fresh_one(tmp_path, gru, commits, stop):
    start = start_walk(gru, torch.ones(4))
    fresh = list(walk(gru, start, commits))
    save_walk(tmp_path / "walk.safetensors", [start, *fresh][stop])
    resumed = load_walk(tmp_path / "walk.safetensors")
    assert resumed.commits == stop
    after = list(walk(gru, resumed, commits[stop:]))
    assert len(after) == 9 - stop
    for state, expected in zip(after, fresh[stop:], strict=True):
        assert torch.equal(state.hidden_D, expected.hidden_D)
        assert (state.commits, state.commit_sha) == (expected.commits, expected.commit_sha)
        assert state.history_sha256 == expected.history_sha256


def test_walk_equals_the_networks_own_steps(gru, commits):
    with torch.no_grad():
        hidden = gru.start(torch.ones(1, 4))
        for commit in commits:
            hidden = gru.step(commit.diff_E[None], hidden)
    last = list(walk(gru, start_walk(gru, torch.ones(4)), commits))[-1]
    assert torch.equal(last.hidden_D, hidden[0])
    assert not last.hidden_D.requires_grad


def test_state_tells_which_history_is_behind_it(gru, commits):
    shas = [commit.commit_sha for commit in commits]
    states = list(walk(gru, start_walk(gru, torch.ones(4)), commits))
    assert states[3].history_sha256 == history_sha256(shas[:4])
    assert history_sha256(shas[:4]) != history_sha256([shas[1], shas[0], *shas[2:4]])  # the same last commit


def test_commits_are_read_as_they_are_needed(gru, commits):
    read = []
    states = walk(gru, start_walk(gru, torch.ones(4)), (read.append(c.commit_sha) or c for c in commits))
    next(states)
    next(states)
    assert len(read) == 2


def test_stored_states_of_equal_walks_are_equal_bytes(tmp_path, gru, commits):
    for name in ("a", "b"):
        save_walk(tmp_path / name, list(walk(gru, start_walk(gru, torch.ones(4)), commits))[-1])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_state_of_other_weights_is_refused(gru, commits):
    state = start_walk(gru, torch.ones(4))
    with torch.no_grad():
        gru.output_norm.bias[0] += 1.0
    with pytest.raises(CheckpointError, match=r"made with GRU weights .* walk from the first commit again"):
        next(walk(gru, state, commits))


@pytest.mark.parametrize("content", [None, b"", b"not a walk", "checkpoint"])
def test_file_that_holds_no_state_is_named(tmp_path, content):
    path = tmp_path / "walk.safetensors"
    if content == "checkpoint":
        from safetensors.torch import save

        content = save({"hidden": torch.zeros(3)})
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"walk\.safetensors holds no state of a walk"):
        load_walk(path)
