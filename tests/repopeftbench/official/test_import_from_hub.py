"""Published sets are fetched from a Hub of the tests, with the real client in a process of its own."""

import sys
from pathlib import Path

import pytest
from published_cases import sha, write_commits, write_snapshots

from repopeftbench.dataset.embeddings import EMBEDDINGS_NAME
from repopeftbench.dataset.store import Dataset
from repopeftbench.schema import Split, Track

sys.path.insert(0, str(Path(__file__).parents[2] / "hub"))

from clients import TOKEN, client
from server import Blob, running


@pytest.fixture(scope="module")
def published_hub(tmp_path_factory):
    """A Hub with two published sets, and a client of it."""
    with running() as server, client(server.url, tmp_path_factory.mktemp("home")) as made:
        server.users = {TOKEN: ["me"]}
        for name, write in (("code2lora/snapshots", write_snapshots), ("code2lora/commits", write_commits)):
            folder = write(tmp_path_factory.mktemp("published"))
            files = {
                path.relative_to(folder).as_posix(): Blob(path.read_bytes(), path.suffix == ".parquet")
                for path in sorted(folder.rglob("*"))
                if path.is_file()
            }
            repository = server.create("datasets", name)
            repository.large = {blob.sha256: blob.data for blob in files.values()}
            repository.commit("main", files, "as published")
            repository.refs["v1"] = repository.head("main")
        yield server, made


def test_sets_of_the_hub_become_one_dataset(published_hub, tmp_path):
    server, hub_client = published_hub
    data = tmp_path / "data"
    done = hub_client.run("import-official", "code2lora/snapshots@v1", "code2lora/commits", "-o", data)
    assert done.code == 0, done.err
    dataset = Dataset(data)
    revisions = [server.repository(f"code2lora/{name}").head("main") for name in ("snapshots", "commits")]
    assert all(revision in (dataset.manifest.origin or "") for revision in revisions)
    assert dataset.manifest.config.protocol == "paper"
    assert [len(list(dataset.tasks(Track.EVOLUTION, split))) for split in (Split.IR_VAL, Split.CR_TEST)] == [8, 3]
    assert {entry.repo_id: entry.revision for entry in dataset.manifest.repositories} == {
        "o/a": sha("o/a", 3),
        "o/b": sha("o/b", 0),
    }
    assert (data / EMBEDDINGS_NAME).is_file()


def test_set_that_the_hub_does_not_have_is_one_sentence(published_hub, tmp_path):
    done = published_hub[1].run("import-official", "code2lora/nothing", "-o", tmp_path / "data")
    assert done.code == 2
    assert "code2lora/nothing" in done.err.splitlines()[-1]
    assert "Traceback" not in done.err
    assert not (tmp_path / "data").exists()
