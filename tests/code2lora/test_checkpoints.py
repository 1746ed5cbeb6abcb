import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from code2lora.checkpoints import Checkpoint, gru_of, head_of, load_checkpoint, save_checkpoint
from code2lora.errors import CheckpointError
from code2lora.evolution import CommitGRU, GRUConfig
from code2lora.head import Code2LoRAHead, HeadConfig

DIMS = {"q_proj": (6, 6), "down_proj": (10, 6)}


def networks(seed=0, **head_options):
    options = {"type_dims": DIMS, "input_dim": 6, "hidden_dim": 8, "rank": 3, "alpha": 7.5} | head_options
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        head = Code2LoRAHead(HeadConfig(**options))
        return head, CommitGRU(GRUConfig(diff_input_dim=9, repo_state_dim=4, hidden_dim=6, per_step_input="concat"))


@pytest.fixture
def checkpoint():
    head, gru = networks(num_tasks=2, task_dim=3)
    return Checkpoint(head=head, gru=gru, tasks=("assert", "qa"), origin={"layout": "evolution", "args": {"lr": 5e-5}})


def same_bits(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_round_trip_is_bit_exact(tmp_path, checkpoint):
    save_checkpoint(tmp_path / "c", checkpoint)
    loaded = load_checkpoint(tmp_path / "c")
    assert same_bits(loaded.tensors(), checkpoint.tensors())
    assert (loaded.head.config, loaded.gru.config) == (checkpoint.head.config, checkpoint.gru.config)
    assert (loaded.tasks, loaded.origin) == (checkpoint.tasks, checkpoint.origin)
    assert loaded.fingerprint() == checkpoint.fingerprint()
    assert not loaded.head.training
    context = torch.ones(2, 6)
    assert loaded.head(context, 1).sha256() == checkpoint.head(context, 1).sha256()


def test_head_alone_is_a_checkpoint(tmp_path):
    head, _ = networks()
    save_checkpoint(tmp_path / "c", Checkpoint(head=head))
    loaded = load_checkpoint(tmp_path / "c")
    assert loaded.gru is None
    assert same_bits(loaded.head.state_dict(), head.state_dict())


def test_loaded_networks_can_be_trained(tmp_path, checkpoint):
    save_checkpoint(tmp_path / "c", checkpoint)
    loaded = load_checkpoint(tmp_path / "c")
    adapter = loaded.head(loaded.gru.context(loaded.gru.start(torch.ones(1, 4))))
    sum(tensor.sum() for tensor in adapter.tensors().values()).backward()
    assert loaded.gru.repo_init_proj[0].weight.grad is not None
    assert loaded.head.trunk[0].weight.grad is not None


def test_equal_checkpoints_are_equal_bytes(tmp_path, checkpoint):
    save_checkpoint(tmp_path / "a", checkpoint)
    save_checkpoint(tmp_path / "b", checkpoint)
    save_checkpoint(tmp_path / "b", load_checkpoint(tmp_path / "a"))  # replaces one of its kind
    for name in ("checkpoint.json", "weights.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_files_may_be_read_by_whoever_may_read_new_files(tmp_path, checkpoint):
    (tmp_path / "new").touch()
    save_checkpoint(tmp_path / "c", checkpoint)
    modes = {path.stat().st_mode for path in (tmp_path / "c").iterdir()}
    assert modes == {(tmp_path / "new").stat().st_mode}


def test_fingerprint_tells_sizes_tasks_and_weights_apart_and_nothing_else(checkpoint):
    head, gru = networks(num_tasks=2, task_dim=3)
    other_alpha, _ = networks(num_tasks=2, task_dim=3, alpha=8.0)
    other_weights, _ = networks(1, num_tasks=2, task_dim=3)
    fingerprint = checkpoint.fingerprint()
    assert Checkpoint(head=head, gru=gru, tasks=("assert", "qa"), origin={"layout": "x"}).fingerprint() == fingerprint
    others = [
        Checkpoint(head=head, gru=gru, tasks=("qa", "assert")),
        Checkpoint(head=head, tasks=("assert", "qa")),
        Checkpoint(head=other_alpha, gru=gru, tasks=("assert", "qa")),
        Checkpoint(head=other_weights, gru=gru, tasks=("assert", "qa")),
    ]
    assert len({fingerprint, *(other.fingerprint() for other in others)}) == 5


def test_folder_of_somebody_else_is_left_alone(tmp_path, checkpoint):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(CheckpointError, match="holds something that is no checkpoint; choose another folder"):
        save_checkpoint(tmp_path, checkpoint)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_missing_unknown_and_misshapen_weights_are_named():
    head, gru = networks()
    weights = dict(head.state_dict())
    del weights["trunk.0.bias"], weights["heads_A.q_proj.weight"]
    weights |= {"extra.weight": torch.zeros(1), "trunk.2.bias": torch.zeros(9)}
    weights["log_scale_A.q_proj"] = torch.tensor(0.0, dtype=torch.float64)
    with pytest.raises(CheckpointError) as caught:
        head_of(head.config, weights, "x.pt")
    assert str(caught.value) == (
        "The head in x.pt lacks heads_A.q_proj.weight, trunk.0.bias; has unknown extra.weight; "
        "has log_scale_A.q_proj of type torch.float64 instead of torch.float32; "
        "has trunk.2.bias of shape (9,) instead of (8,): it does not fit its stated sizes."
    )
    with pytest.raises(CheckpointError, match=r"The GRU in x\.pt lacks diff_proj\.0\.bias, .* and 8 more:"):
        gru_of(gru.config, {}, "x.pt")


def test_networks_of_different_checkpoints_are_refused():
    head, gru = networks(input_dim=5)
    with pytest.raises(CheckpointError, match="contexts of width 6, the head takes 5"):
        Checkpoint(head=head, gru=gru)


def test_every_task_is_named():
    head, _ = networks(num_tasks=2)
    with pytest.raises(CheckpointError, match="knows 2 tasks, 1 are named"):
        Checkpoint(head=head, tasks=("assert",))


def test_folder_without_a_checkpoint_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"is no checkpoint \(no checkpoint\.json\)"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 2}, "has schema version 2, this version reads 1: install the repobench that wrote it"),
        ({"surprise": 1}, "is damaged: .*surprise"),
        ({"weights_sha256": "0" * 64}, "states 000000000000: one of them was changed"),
        ({"tasks": ["assert"]}, "knows 2 tasks, 1 are named"),
        ({"gru": None, "tasks": 5}, "is damaged: .*tasks"),
    ],
)
def test_damaged_description_is_named(tmp_path, checkpoint, change, message):
    save_checkpoint(tmp_path / "c", checkpoint)
    path = tmp_path / "c" / "checkpoint.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CheckpointError, match=f"(?s){message}"):
        load_checkpoint(tmp_path / "c")


@pytest.mark.parametrize("field", ["rank", "hidden_dim", "input_dim"])
def test_sizes_that_do_not_fit_the_weights_are_named(tmp_path, checkpoint, field):
    save_checkpoint(tmp_path / "c", checkpoint)
    path = tmp_path / "c" / "checkpoint.json"
    entry = json.loads(path.read_text())
    entry["head"][field] += 1
    path.write_text(json.dumps(entry))
    with pytest.raises(CheckpointError, match=r"does not fit its stated sizes|the head takes 7"):
        load_checkpoint(tmp_path / "c")
    entry["head"][field] = 0
    path.write_text(json.dumps(entry))
    with pytest.raises(CheckpointError, match=f"is damaged: A head's {field} is 0"):
        load_checkpoint(tmp_path / "c")


def test_changed_weights_are_noticed(tmp_path, checkpoint):
    save_checkpoint(tmp_path / "c", checkpoint)
    path = tmp_path / "c" / "weights.safetensors"
    tensors = load_file(path)
    tensors["head.trunk.0.bias"][0] += 1e-6
    save_file(tensors, path)
    with pytest.raises(CheckpointError, match="one of them was changed"):
        load_checkpoint(tmp_path / "c")


@pytest.mark.parametrize("bytes_left", [None, 0, 100])
def test_absent_or_cut_weights_are_named(tmp_path, checkpoint, bytes_left):
    save_checkpoint(tmp_path / "c", checkpoint)
    path = tmp_path / "c" / "weights.safetensors"
    content = path.read_bytes()
    path.unlink()
    if bytes_left is not None:
        path.write_bytes(content[:bytes_left])
    with pytest.raises(CheckpointError, match=r"weights\.safetensors cannot be read"):
        load_checkpoint(tmp_path / "c")
