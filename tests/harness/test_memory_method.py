"""`code2lora-memory` from commands: what reaches a memory, what runs state, how adapters are refreshed and refused."""

import json

import pytest
from hypernet_cases import save_small_checkpoints, small_memory

from code2lora.memory_checkpoints import save_memory_checkpoint
from code2lora.symbol_features import StateSymbols
from harness.cli import run_command
from harness.errors import PredictorError
from harness.memory_adapting import memory_file
from harness.predictors.protocol import PredictorSettings, Refresh, build_predictor, conditioning_of
from harness.records import PredictionRequest
from harness.training_data import DatasetTrainingData
from repopeftbench.dataset.store import Dataset
from repopeftbench.gitrepo import write_history
from repopeftbench.schema import Split, State, TaskInput, Track
from repopeftbench.views import DatasetViews

DAY, START, COMMITS = 86_400, 1_672_617_600, 7
MEMORY = "code2lora-memory"


def history(name, count=COMMITS, *, code_after=0):
    """Each commit changes one constant and adds another with an assertion; the tests hold constants of their own."""
    for n in range(count):
        tests_until = n if n < count - code_after else count - code_after - 1
        code = f"NEWEST = {n}\n" + "".join(f"OWN_{name}_{m} = {m}\n" for m in range(n + 1))
        tests = "CANARY = 'CANARY'\n\n\n" + "".join(
            f"def test_{m}():\n    assert OWN_{name}_{m} == {m} + 0\n\n\n" for m in range(tests_until + 1)
        )
        files = [("pkg/values.py", code.encode()), ("tests/test_values.py", tests.encode())]
        yield f"commit {n}", START + n * DAY, [*files, ("tests/conftest.py", b"CANARY = 'CANARY'\n")]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("memory")
    for name in ("one", "two"):
        write_history(folder / name, list(history(name)))
    (folder / "repos.toml").write_text(
        '[[repository]]\nsource = "one"\nrole = "train"\n[[repository]]\nsource = "two"\nrole = "cr_test"\n'
    )
    mine = ["mine", str(folder / "repos.toml"), "-o", str(folder / "data"), "--cutoff", "none", "--workers", "1"]
    assert run_command(mine) == 0
    return Dataset(folder / "data")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save_small_checkpoints(tmp_path_factory.mktemp("checkpoints"))[MEMORY]


@pytest.fixture
def written(monkeypatch):
    """The name and value of every definition that features are made of."""
    found = []
    writes = StateSymbols.writes
    monkeypatch.setattr(
        StateSymbols, "writes", lambda self, one: found.append((one.name, one.value)) or writes(self, one)
    )
    return found


def tasks_of(data, track=Track.EVOLUTION):
    return [task for split in data.splits(track) for task in data.tasks(track, split)]


def request_of(data, task, state=State.COMMIT):
    views = DatasetViews(data.manifest, data.folder, folder=data.folder)
    return PredictionRequest(task=TaskInput.of(task), view=views.of_task(task, state))


def build(checkpoint, **settings):
    options = {"checkpoint": checkpoint, "device": "cpu", "max_new_tokens": 4} | settings
    return build_predictor(MEMORY, PredictorSettings(**options), lambda: ())


def test_nothing_of_tests_or_of_later_commits_reaches_a_memory(data, checkpoint, written):
    (task,) = [task for task in tasks_of(data) if "two" in task.repo_id and task.commit_index == 4]
    for state, last in ((State.PARENT, 3), (State.COMMIT, 4)):
        written.clear()
        list(build(checkpoint).predict([request_of(data, task, state)]))
        names = {name for name, _ in written}
        assert names == {"NEWEST", *(f"OWN_two_{n}" for n in range(last + 1))}
        assert ("NEWEST", str(last)) in written


def test_nothing_of_tests_reaches_a_training(data):
    repo_id = data.manifest.repositories[0].repo_id
    for commit in range(COMMITS):
        names = {record.name for record in DatasetTrainingData(data).symbols(repo_id, commit)}
        assert names == {"NEWEST", *(f"OWN_{repo_id[-3:]}_{n}" for n in range(commit + 1))}


def test_an_adapter_is_the_same_bits_in_whatever_order_commits_are_asked_for(data, checkpoint):
    requests = [request_of(data, task) for task in [*tasks_of(data), *tasks_of(data, Track.STATIC)]]
    forwards, backwards = build(checkpoint), build(checkpoint)
    one = {answer.task_id: answer.adapter_sha256 for answer in forwards.predict(requests)}
    other = {answer.task_id: answer.adapter_sha256 for answer in backwards.predict(requests[::-1])}
    assert one == other
    assert len(set(one.values())) == len({(r.task.repo_id, r.view.commit_sha) for r in requests}) >= 10


def test_a_commit_costs_what_it_changed(data, checkpoint, written):
    tasks = [task for task in tasks_of(data) if "one" in task.repo_id]
    predictor = build(checkpoint)
    costs = []
    for task in sorted(tasks, key=lambda task: task.commit_index):
        written.clear()
        list(predictor.predict([request_of(data, task)]))
        costs.append(len(written))
    assert costs[0] == 2
    assert set(costs[1:]) == {3}  # the newest constant's new value, its old one, and the constant that is added


def test_an_aged_adapter_is_that_of_the_last_train_commit_or_of_the_first(data, checkpoint):
    for name in ("one", "two"):
        tasks = sorted((t for t in tasks_of(data) if name in t.repo_id), key=lambda task: task.commit_index)
        requests = [request_of(data, task) for task in tasks]
        fresh = [a.adapter_sha256 for a in build(checkpoint).predict(requests)]
        aged = [a.adapter_sha256 for a in build(checkpoint, refresh=Refresh.START).predict(requests)]
        train = [task.split is Split.IR_TRAIN for task in tasks]
        taken = [max([at for at in range(index + 1) if train[at]], default=0) for index in range(len(tasks))]
        assert aged == [fresh[index] for index in taken]
        assert len(set(fresh)) == len(tasks) >= 5


def test_a_run_states_what_its_adapters_are_made_with(data, checkpoint):
    (stated,) = [conditioning_of(build(checkpoint), request_of(data, task)) for task in tasks_of(data)[:1]]
    assert stated.checkpoint_sha256 == small_memory().fingerprint()
    assert stated.encoder_sha256 is None
    assert stated.logit_change > 0


def test_a_silent_memory_is_found_by_the_canary(data, tmp_path):
    save_memory_checkpoint(tmp_path / "silent", small_memory(silent=True))
    with pytest.raises(PredictorError, match="changes no logit"):
        conditioning_of(build(str(tmp_path / "silent")), request_of(data, tasks_of(data)[0]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"checkpoint": "static"}, r"is for code2lora-static, not for code2lora-memory$"),
        ({"backbone_sha256": "5" * 64}, r"trained with a backbone of weights 555555555555, 'nano' has [0-9a-f]{12}: "),
        ({"type_dims": {"o_proj": (8, 8)}}, r"does not fit backbone 'nano'"),
        ({"encoder": "nano"}, r"--encoder nano has no use with code2lora-memory"),
        ({"checkpoint": "absent"}, r"does not exist"),
    ],
)
def test_what_does_not_fit_is_one_sentence(tmp_path, change, message):
    names = save_small_checkpoints(tmp_path)
    options = {}
    if "checkpoint" in change:
        chosen = names.get(f"code2lora-{change['checkpoint']}", str(tmp_path / "absent"))
    elif "encoder" in change:
        chosen, options = names[MEMORY], change
    else:
        chosen = str(tmp_path / "other")
        save_memory_checkpoint(tmp_path / "other", small_memory(**change))
    with pytest.raises(PredictorError, match=message) as caught:
        build(chosen, **options)
    assert "\n" not in str(caught.value)


def test_a_memory_is_refused_where_another_method_is_asked_for(tmp_path):
    names = save_small_checkpoints(tmp_path)
    with pytest.raises(PredictorError, match="is for code2lora-memory, not for code2lora-static or code2lora-evo"):
        build_predictor("code2lora-static", PredictorSettings(checkpoint=names[MEMORY], device="cpu"), lambda: ())


class TestAdapt:
    @pytest.fixture
    def adapt(self, tmp_path, checkpoint):
        def run(out, *options, repository="repo"):
            command = ["adapt", str(tmp_path / repository), "-o", str(tmp_path / out), "--method", MEMORY]
            return run_command([*command, "--checkpoint", checkpoint, "--device", "cpu", *options])

        return run

    def test_a_refreshed_adapter_is_one_that_is_made_afresh(self, tmp_path, adapt, written, capsys):
        """Commits without a new assertion count too."""
        write_history(tmp_path / "repo", list(history("x", code_after=3)))
        assert adapt("grown", "--evo", "--at", "HEAD~2") == 0
        assert capsys.readouterr().err.strip().endswith("6 symbols came or went")
        early = weights(tmp_path / "grown")
        written.clear()
        assert adapt("grown", "--evo") == 0
        assert capsys.readouterr().err.strip().endswith("4 symbols came or went")
        assert len(written) == 4  # two new constants, the newest one's new value, and its old one
        assert adapt("fresh", "--evo") == adapt("plain") == 0
        assert weights(tmp_path / "grown") == weights(tmp_path / "fresh") == weights(tmp_path / "plain") != early
        assert memory_file(tmp_path / "grown").read_bytes() == memory_file(tmp_path / "fresh").read_bytes()
        assert not memory_file(tmp_path / "plain").exists()

    def test_a_memory_of_another_history_is_written_afresh(self, tmp_path, adapt):
        write_history(tmp_path / "repo", list(history("x")))
        write_history(tmp_path / "other" / "repo", list(history("y")))
        assert adapt("out", "--evo") == 0
        assert adapt("out", "--evo", repository="other/repo") == adapt("fresh", repository="other/repo") == 0
        assert weights(tmp_path / "out") == weights(tmp_path / "fresh")

    def test_a_damaged_memory_is_one_sentence(self, tmp_path, adapt, capsys):
        write_history(tmp_path / "repo", list(history("x", 2)))
        memory_file(tmp_path / "out").write_bytes(b"nothing")
        assert adapt("out", "--evo") == 2
        assert "holds no memory" in capsys.readouterr().err

    def test_the_folder_says_which_checkpoint_and_commit_it_is_of(self, tmp_path, adapt):
        write_history(tmp_path / "repo", list(history("x", 2)))
        assert adapt("out") == 0
        card = json.loads((tmp_path / "out" / "code2lora_adapter.json").read_text())
        config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
        assert (card["checkpoint_sha256"], config["r"]) == (small_memory().fingerprint(), 18)
        assert (card["commits_walked"], card["encoder_sha256"]) == (None, None)


def weights(folder):
    return (folder / "adapter_model.safetensors").read_bytes()


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_peft_gives_the_logits_of_the_injected_adapter(tmp_path):
    """One plain adapter: what peft loads answers as what was injected."""
    import torch
    from peft import PeftModel

    from code2lora.backbone import load_backbone
    from code2lora.export import AdapterSource, export_peft
    from code2lora.lora import Injection
    from code2lora.symbol_features import symbol_features
    from code2lora.symbol_memory import SymbolMemory
    from repopeftbench.schema import SymbolKind, SymbolRecord

    backbone = load_backbone("nano", device="cpu")
    memory = SymbolMemory(small_memory(), symbol_features("states", backbone))
    record = SymbolRecord(path="m.py", kind=SymbolKind.CONSTANT, name="LIMIT", value="42")
    adapter = memory.adapter(memory.of([record]))
    export_peft(tmp_path / "out", adapter, backbone, AdapterSource(repo_id="r", commit_sha="c", checkpoint_sha256="h"))
    ids = torch.tensor([backbone.tokenizer("assert LIMIT ==")["input_ids"]])
    with torch.no_grad():
        with Injection(backbone.model, adapter):
            injected = backbone.model(ids).logits
        plain = backbone.model(ids).logits
        loaded = PeftModel.from_pretrained(load_backbone("nano", device="cpu").model, tmp_path / "out")(ids).logits
    assert torch.allclose(loaded, injected, atol=1e-3)
    assert not torch.allclose(plain, injected, atol=0.1)
