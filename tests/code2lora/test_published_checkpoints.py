"""Files of exactly the authors' layouts, with small shapes, written as they write them: with torch.save."""

import argparse
import pathlib
import pickle

import pytest
import torch

from code2lora.checkpoints import load_checkpoint, save_checkpoint
from code2lora.errors import CheckpointError
from code2lora.evolution import CommitGRU, GRUConfig
from code2lora.head import Code2LoRAHead, HeadConfig
from code2lora.lora import adapter_effect, target_modules, type_dims
from code2lora.published_checkpoints import load_published
from code2lora.walk import CommitVectors, start_walk, walk

DIMS = {"down_proj": (10, 6), "q_proj": (6, 6)}
ARGS = {
    "alpha": 16.0,
    "lr": 5e-5,
    "tasks": ["assert_rhs", "qa"],
    "out_dir": pathlib.Path("runs/evo"),
    "resume": None,
    "nested": {"sizes": (1, 2), "where": pathlib.PurePosixPath("a/b")},
}


def head(num_tasks=0, **options):
    sizes = {"type_dims": DIMS, "input_dim": 6, "hidden_dim": 8, "rank": 3, "num_tasks": num_tasks, "task_dim": 4}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Code2LoRAHead(HeadConfig(**sizes | options))


def gru(**sizes):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return CommitGRU(GRUConfig(**{"diff_input_dim": 5, "repo_state_dim": 4, "hidden_dim": 6} | sizes))


def config(network):
    c = network.config
    return {
        "input_dim": c.input_dim,
        "hidden_dim": c.hidden_dim,
        "rank": c.rank,
        "types": list(c.types),
        "type_dims": {name: list(pair) for name, pair in c.type_dims.items()},
        "num_tasks": c.num_tasks,
        "task_dim": c.task_dim if c.num_tasks else 0,
    }


def static(**changes):
    network = head()
    return {"state_dict": network.state_dict(), "config": config(network), "type_dims": DIMS, "args": ARGS} | changes


def evolution(num_tasks=0, **changes):
    network, recurrent = head(num_tasks), gru()
    return {
        "gru_state": recurrent.state_dict(),
        "head_state": network.state_dict(),
        "head_config": config(network),
        "gru_config": {"diff_input_dim": 5, "repo_state_dim": 4, "hidden_dim": 6},
        "type_dims": DIMS,
        "args": ARGS,
        "per_step_input": "diff",
    } | changes


def first_static(**changes):
    network = head()
    sizes = config(network)
    dims = sizes.pop("type_dims")
    return {
        "hypernet_state_dict": network.state_dict(),
        "module_specs": [("model.layers.0.self_attn.q_proj", 0, "q_proj", 6, 6)],
        "hypernet_config": sizes | {"type_shapes": dims},
    } | changes


@pytest.fixture
def saved(tmp_path):
    def save(content, **options):
        torch.save(content, tmp_path / "published.pt", **options)
        return tmp_path / "published.pt"

    return save


def same_bits(network, state):
    found = network.state_dict()
    return found.keys() == state.keys() and all(torch.equal(found[name], state[name]) for name in found)


@pytest.mark.parametrize("zipped", [True, False])
def test_static_checkpoint_is_read_bit_by_bit(saved, zipped):
    content = static()
    loaded = load_published(saved(content, _use_new_zipfile_serialization=zipped))
    assert loaded.gru is None
    assert same_bits(loaded.head, content["state_dict"])
    c = loaded.head.config
    assert (c.type_dims, c.input_dim, c.hidden_dim, c.rank, c.alpha) == (DIMS, 6, 8, 3, 16.0)
    assert loaded.origin["layout"] == "static"


def test_evolution_checkpoint_is_read_bit_by_bit(saved):
    content = evolution()
    loaded = load_published(saved(content))
    assert same_bits(loaded.head, content["head_state"])
    assert same_bits(loaded.gru, content["gru_state"])
    assert loaded.gru.config == GRUConfig(diff_input_dim=5, repo_state_dim=4, hidden_dim=6, per_step_input="diff")
    assert loaded.tasks == ()


@pytest.mark.parametrize(
    ("stated", "names"),
    [
        (["assert_rhs", "code_gen"], ("assert_rhs", "code_gen")),
        ("qa,assert_rhs", ("qa", "assert_rhs")),
        (None, ("assert_rhs", "qa")),
    ],
)
def test_multi_task_checkpoint_keeps_its_tasks_in_order(saved, stated, names):
    content = evolution(num_tasks=2, args=ARGS | {"tasks": stated})
    loaded = load_published(saved(content))
    assert (loaded.head.config.num_tasks, loaded.head.config.task_dim) == (2, 4)
    assert loaded.tasks == names
    assert torch.equal(loaded.head.task_embedding.weight, content["head_state"]["task_embedding.weight"])


def test_first_static_checkpoint_is_read_bit_by_bit(saved):
    content = first_static()
    loaded = load_published(saved(content))
    assert same_bits(loaded.head, content["hypernet_state_dict"])
    assert (loaded.head.config.type_dims, loaded.head.config.alpha) == (DIMS, 32.0)
    assert loaded.origin["layout"] == "first-static"


@pytest.mark.parametrize("content", [static(), evolution(), evolution(num_tasks=2), first_static()])
def test_conversion_keeps_every_bit(tmp_path, saved, content):
    published = load_published(saved(content))
    save_checkpoint(tmp_path / "ours", published)
    converted = load_checkpoint(tmp_path / "ours")
    assert converted.fingerprint() == published.fingerprint()
    assert same_bits(converted.head, published.head.state_dict())
    assert converted.gru is None or same_bits(converted.gru, published.gru.state_dict())
    assert converted.origin == published.origin


def test_training_options_are_kept_as_json(saved):
    origin = load_published(saved(static(args=argparse.Namespace(**ARGS), epoch=3))).origin
    assert origin["args"] == ARGS | {
        "out_dir": "runs/evo",
        "nested": {"sizes": [1, 2], "where": "a/b"},
    }
    assert origin["unused"] == ["epoch"]
    assert len(origin["file_sha256"]) == 64


def test_paths_of_the_other_system_are_read(saved, monkeypatch):
    class Elsewhere:
        def __reduce__(self):
            return pathlib.WindowsPath, ("C:\\runs", "evo")

    class Newer:
        def __reduce__(self):
            return pathlib.PurePosixPath, ("runs", "evo")

    origin = load_published(saved(static(args={"here": Newer(), "there": Elsewhere()}))).origin
    assert origin["args"] == {"here": "runs/evo", "there": "C:\\runs\\evo"}


def test_absent_fields_have_the_authors_defaults(saved):
    """At their full sizes, on the meta device's terms: what is missing is named by its shape."""
    bare = evolution(gru_config=None, head_config={"type_dims": DIMS}, args=None)
    del bare["per_step_input"]
    with pytest.raises(
        CheckpointError, match=r"heads_A\.down_proj\.weight of shape \(30, 8\) instead of \(160, 1024\)"
    ):
        load_published(saved(bare))
    sizes = {"input_dim": 6, "hidden_dim": 8, "rank": 3}
    older = static(config=sizes, args=None)  # types, num_tasks and task_dim came later
    loaded = load_published(saved(older))
    assert (loaded.head.config.num_tasks, loaded.head.config.alpha, loaded.head.config.types) == (
        0, 32.0, ("down_proj", "q_proj"),
    )  # fmt: skip
    recurrent = evolution(head_config={"hidden_dim": 8, "rank": 3, "type_dims": DIMS})
    del recurrent["per_step_input"]
    loaded = load_published(saved(recurrent))
    assert (loaded.head.config.input_dim, loaded.gru.config.per_step_input) == (6, "diff")


def test_published_evolution_checkpoint_gives_adapters_that_work(tmp_path, saved, random_model):
    """The whole way: a file of theirs, a walk over commits, an adapter, a model that answers differently."""
    dims = type_dims(target_modules(random_model))
    network = head(type_dims=dims)
    path = saved(evolution(head_state=network.state_dict(), head_config=config(network), type_dims=dims))
    checkpoint = load_published(path)
    start = start_walk(checkpoint.gru, torch.ones(4))
    commits = [CommitVectors(commit_sha=str(number), diff_E=torch.full((5,), float(number))) for number in range(3)]
    contexts = [checkpoint.gru.context(state.hidden_D) for state in walk(checkpoint.gru, start, commits)]
    adapter = checkpoint.head(torch.stack(contexts)).detach()
    assert (adapter.rows, adapter.alpha) == (3, 16.0)
    ids = torch.arange(2, 20).reshape(3, 6)
    assert adapter_effect(random_model, ids, adapter) > 1e-4


class Malicious:
    """A pickle that creates a file as soon as it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return pathlib.Path.touch, (self.path,)


class MaliciousCode:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return exec, (f"open({str(self.path)!r}, 'w').close()",)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("kind", [Malicious, MaliciousCode])
@pytest.mark.parametrize("place", ["args", "state_dict", "surprise"])
def test_pickle_that_would_run_something_is_refused_before_it_runs(tmp_path, saved, zipped, kind, place):
    marker = tmp_path / "was_run"
    path = saved(static(**{place: {"x": kind(marker)}}), _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r"published\.pt asks for .*no plain data.* nothing of it ran"):
        load_published(path)
    assert not marker.exists()


def test_bare_pickle_that_would_run_something_is_refused(tmp_path):
    marker = tmp_path / "was_run"
    path = tmp_path / "bare.pt"
    path.write_bytes(pickle.dumps({"state_dict": MaliciousCode(marker)}))
    with pytest.raises(CheckpointError, match=r"bare\.pt is no checkpoint that torch can read"):
        load_published(path)
    assert not marker.exists()


def test_reader_admits_nothing_for_those_that_come_after(saved):
    load_published(saved(static(args=argparse.Namespace(**ARGS))))
    with pytest.raises(pickle.UnpicklingError):
        torch.load(saved(static(args=argparse.Namespace(**ARGS))), weights_only=True)


def test_whole_network_instead_of_weights_is_refused(saved):
    with pytest.raises(CheckpointError, match=r"asks for code2lora\.head\.Code2LoRAHead, which is no plain data"):
        load_published(saved(static(state_dict=head())))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"lora_mapper_state_dict": {}, "lora_mapper_config": {}}, "no known layout; expected state_dict"),
        ([1, 2], "holds a list, not the named parts"),
        (static(state_dict={"trunk.0.weight": 1.0}), "state_dict that is not tensors by name"),
        (static(config={}, type_dims=None), "type_dims is missing"),
        (static(config={"rank": 0, "type_dims": DIMS}), "A head's rank is 0"),
        (static(config={"rank": "many", "type_dims": DIMS}), "sizes that cannot be used"),
        (static(config={"types": ["v_proj"], "type_dims": DIMS}), "sizes that cannot be used"),
        (evolution(per_step_input="both"), "per_step_input is 'both'"),
    ],
)
def test_other_content_is_named(saved, content, message):
    with pytest.raises(CheckpointError, match=message):
        load_published(saved(content))


def test_missing_and_unknown_weights_are_named(saved):
    content = static()
    content["state_dict"]["surprise"] = content["state_dict"].pop("trunk.2.bias")
    with pytest.raises(CheckpointError, match=r"published\.pt lacks trunk\.2\.bias; has unknown surprise"):
        load_published(saved(content))


@pytest.mark.parametrize("content", [None, b"", b"\x80\x04garbage", b"PK\x03\x04 cut", b"plain text"])
def test_file_that_is_no_checkpoint_is_named(tmp_path, content):
    path = tmp_path / "x.pt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"x\.pt is no (file|checkpoint that torch can read)"):
        load_published(path)


def test_cut_file_is_named(saved):
    path = saved(static())
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(CheckpointError, match="fetch it again"):
        load_published(path)
