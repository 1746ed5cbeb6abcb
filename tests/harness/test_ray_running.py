"""Runs on a Ray cluster of this machine: the bytes of a run in one process, also where a worker is lost."""

import errno
import os
import subprocess
import sys

import pytest

from harness.answering import AnsweringHere
from harness.answering_on_ray import AnsweringOnRay, Workplace
from harness.cli import run_command
from harness.errors import RunError
from harness.manifest import describe_run
from harness.predictors.protocol import PredictorSettings, build_predictor, weights_of
from harness.runner import run_answers
from harness.selection import TaskSelection, select_tasks
from harness.task_facts import history_lengths
from repopeftbench.dataset.store import Dataset
from repopeftbench.ray_engine import ray_engine
from repopeftbench.schema import Split, Track
from repopeftbench.views import DatasetViews

pytestmark = pytest.mark.ray
SPLITS = (Split.CR_TEST, Split.IR_TEST)
SELECTION = TaskSelection(splits=SPLITS, tracks=(Track.EVOLUTION,), limit=9)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A small mined dataset."""
    folder = tmp_path_factory.mktemp("data")
    assert run_command(["synth", str(folder / "repos"), "--count", "4", "--commits", "12"]) == 0
    command = ["mine", str(folder / "repos" / "repos.toml"), "--cutoff", "none", "-o", str(folder / "data")]
    assert run_command([*command, "--cache", str(folder / "cache")]) == 0
    return folder / "data"


@pytest.fixture(scope="module")
def cluster():
    pytest.importorskip("ray")
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    with ray_engine(None, workers=2):
        yield
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


def answered(data, folder, method, answering_of, **changes):
    """Runs a method in chunks of four tasks, and gives the predictions' bytes."""
    dataset = Dataset(data)
    tasks = select_tasks((task for split in SPLITS for task in dataset.tasks(Track.EVOLUTION, split)), SELECTION)
    settings = PredictorSettings(device="cpu", batch_size=3, max_new_tokens=8)
    predictor = build_predictor(method, settings, lambda: dataset.tasks(Track.EVOLUTION, Split.IR_TRAIN))
    manifest = describe_run(
        tasks,
        method=method,
        settings=settings,
        selection=SELECTION,
        dataset_sha256=dataset.sha256,
        weights_sha256=weights_of(predictor),
    ).model_copy(update={"chunk_tasks": 4})
    views = DatasetViews(dataset.manifest, data.parent / "cache", folder=dataset.folder)
    workplace = Workplace(
        **{
            "method": method,
            "settings": settings,
            "data": data,
            "dataset_sha256": dataset.sha256,
            "cache": data.parent / "cache",
            "weights_sha256": weights_of(predictor),
        }
        | changes
    )
    here = AnsweringHere(predictor, lambda task: views.of_task(task, settings.state))
    run_answers(
        tasks=tasks,
        answering=answering_of(here, workplace),
        manifest=manifest,
        folder=folder,
        history_lengths=history_lengths(dataset.manifest),
    )
    assert len(tasks) > 4
    return (folder / "predictions.jsonl").read_bytes()


def locally(here, workplace):
    return here


def on_ray(here, workplace):
    return AnsweringOnRay(workplace=workplace, on_gpus=False)


@pytest.mark.parametrize("method", ["most-frequent", "pretrained", "code2lora-static"])
def test_runs_on_ray_and_in_one_process_have_the_same_predictions(tmp_path, data, cluster, method):
    one = answered(data, tmp_path / "one", method, locally)
    assert answered(data, tmp_path / "ray", method, on_ray) == one


def test_workers_that_have_other_weights_or_data_are_refused(tmp_path, data, cluster):
    with pytest.raises(RunError, match="A worker cannot go on: --backbone nano has other weights here"):
        answered(data, tmp_path / "weights", "pretrained", on_ray, weights_sha256="0" * 64)
    with pytest.raises(RunError, match="holds another dataset here"):
        answered(data, tmp_path / "data", "most-frequent", on_ray, dataset_sha256="0" * 64)


def test_a_worker_that_is_lost_is_started_again_and_its_item_done(tmp_path, cluster):
    from repopeftbench.ray_actors import serve

    shards = [[tmp_path / f"{shard}-{place}" for place in range(3)] for shard in range(3)]
    done = dict(serve(die_once, shards, on_gpus=False))
    assert done == {(shard, place): f"{shard}-{place}" for shard in range(3) for place in range(3)}
    assert (tmp_path / "died").exists()


def die_once(item):
    if item.name == "1-1" and not (died := item.with_name("died")).exists():
        died.write_text("")
        os._exit(1)
    return item.name


def test_a_worker_whose_disk_fails_is_one_sentence(cluster):
    from repopeftbench.errors import SourceError
    from repopeftbench.ray_actors import serve

    with pytest.raises(SourceError, match=r"a Ray worker failed: .*No space left on device.*: look at its") as told:
        list(serve(fill_disk, [[0]], on_gpus=False))
    assert "\n" not in str(told.value)


def fill_disk(_item):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_cluster_without_gpus_is_one_sentence(cluster):
    from repopeftbench.errors import ConfigError
    from repopeftbench.ray_actors import serve

    with pytest.raises(ConfigError, match="the Ray cluster has no GPU: start its nodes with one, or choose another"):
        next(serve(die_once, [[0]], on_gpus=True))


def test_the_command_gives_the_same_bytes(tmp_path, data):
    pytest.importorskip("ray")
    command = ["run", "--method", "copy-prefix", "--data", str(data), "--cache", str(data.parent / "cache")]
    assert run_command([*command, "-o", str(tmp_path / "one")]) == 0
    # A process of its own, as this one may be connected to a cluster.
    started = [sys.executable, "-c", "from harness.cli import main; main()", *command, "-o", str(tmp_path / "ray")]
    subprocess.run(
        [*started, "--engine", "ray"], check=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    )
    for name in ("predictions.jsonl", "scores.parquet", "manifest.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "ray" / name).read_bytes()


def test_an_address_without_the_engine_is_refused(data, capsys):
    assert run_command(["run", "--method", "copy-prefix", "--data", str(data), "--ray-address", "a:1"]) == 2
    assert "--ray-address a:1 has no meaning without --engine ray: add it" in capsys.readouterr().err
