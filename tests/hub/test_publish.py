"""`repobench publish` against a Hub: one commit or none, only what changed, and one sentence where it cannot be."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from audits import with_audit
from clients import STRANGER, TOKEN, client, environment
from server import CUT, LOST, Blob

from repopeftbench.audit.findings import Problem, Severity
from repopeftbench.dataset.hub import check_card
from repopeftbench.dataset.hub_changes import (
    Change,
    HubTarget,
    Ownership,
    RemoteFile,
    RemoteState,
    check_ownership,
    compare_folder,
)
from repopeftbench.dataset.hub_layout import split_name
from repopeftbench.dataset.store import Dataset, writing
from repopeftbench.errors import HubError
from repopeftbench.schema import Split, Track

NAME = "org/bench"


def upload_of(data):
    folder = data / ".hub" / "upload"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def published(hub, revision="main"):
    tree = hub.repository(NAME).tree(revision)
    return {path: content for path, content in tree.items() if path != ".gitattributes"}


def uploads(hub):
    """How often each large file was sent whole."""
    return Counter(request.path for request in hub.requests if request.method == "PUT" and request.body != b"(cut)")


def without_split(data):
    """Takes one split out of a dataset, as mining it again might."""
    (data / "tasks" / "static" / "cr_val.parquet").unlink()
    manifest = data / "manifest.json"
    raw = json.loads(manifest.read_text())
    raw["files"] = [file for file in raw["files"] if file["path"] != "tasks/static/cr_val.parquet"]
    manifest.write_text(json.dumps(raw, indent=2) + "\n")
    with_audit(Dataset(data))


def test_first_publication_makes_the_repository_and_one_commit(data, hub, repobench):
    shutil.rmtree(data / ".hub")
    done = repobench("publish", data, "--repo-id", NAME, "--message", "First")
    assert (done.code, f"datasets/{NAME}/commit/" in done.out) == (0, True)
    assert [commit.summary for commit in hub.repository(NAME).history()] == ["First", "initial commit"]
    assert published(hub) == upload_of(data)
    assert {"README.md", "manifest.json", "audit.json", "audit.md"} < published(hub).keys()
    assert not hub.repository(NAME).private


def test_unchanged_dataset_makes_no_commit_and_sends_nothing(data, hub, repobench):
    repobench("publish", data, "--repo-id", NAME)
    hub.requests.clear()
    done = repobench("publish", data, "--repo-id", NAME)
    assert (done.code, "nothing to publish" in done.out) == (0, True)
    assert hub.writes() == []
    assert len(hub.repository(NAME).history()) == 2


def test_same_dataset_in_another_folder_publishes_the_same_bytes(data, hub, repobench, tmp_path):
    repobench("publish", data, "--repo-id", NAME)
    hub.requests.clear()
    copy = shutil.copytree(data, tmp_path / "copy", ignore=shutil.ignore_patterns(".hub"))
    done = repobench("publish", copy, "--repo-id", NAME)
    assert (done.code, hub.writes()) == (0, [])
    assert upload_of(copy) == upload_of(data)


def test_only_what_changed_is_sent_and_what_is_gone_is_deleted_in_the_same_commit(data, hub, repobench):
    repobench("publish", data, "--repo-id", NAME)
    known, before = hub.repository(NAME), published(hub)
    known.commit("main", {**known.commits[known.head("main")].tree, "figure.png": Blob(b"theirs", False)}, "a figure")
    hub.requests.clear()
    without_split(data)
    done = repobench("publish", data, "--repo-id", NAME)
    assert done.code == 0
    gone = "data/static/cr_val-00000-of-00001.parquet"
    assert [line.split()[3] for line in done.out.splitlines() if gone in line] == ["deleted"]
    assert uploads(hub) == {}
    after = upload_of(data)
    assert published(hub) == {**after, "figure.png": b"theirs"}
    assert len(known.history()) == 4
    commit = next(request for request in hub.requests if "/commit/" in request.path)
    sent = {json.loads(line)["value"]["path"] for line in commit.body.splitlines()[1:]}
    assert sent == {path for path in before | after if before.get(path) != after.get(path)}
    assert {gone, "manifest.json", "README.md"} < sent


def test_dry_run_shows_everything_and_writes_nothing(data, hub, repobench):
    done = repobench("publish", data, "--repo-id", NAME, "--dry-run")
    assert (done.code, hub.writes(), hub.repositories) == (0, [], {})
    assert all(path in done.out for path in upload_of(data))
    repobench("publish", data, "--repo-id", NAME)
    hub.requests.clear()
    without_split(data)
    again = repobench("publish", data, "--repo-id", NAME, "--dry-run")
    assert ("1 deleted" in again.out, hub.writes()) == (True, [])


def test_commit_of_someone_else_in_between_is_not_overwritten(data, hub, repobench):
    repobench("publish", data, "--repo-id", NAME)
    without_split(data)
    known = hub.repository(NAME)

    def meanwhile(request):
        if "/preupload/" in request.path and len(known.history()) == 2:
            known.commit("main", {**known.commits[known.head("main")].tree, "theirs": Blob(b"x", False)}, "theirs")

    hub.on_request = meanwhile
    done = repobench("publish", data, "--repo-id", NAME)
    assert (done.code, "was changed on the Hub meanwhile; nothing was published" in done.sentence) == (2, True)
    assert known.history()[0].summary == "theirs"
    hub.on_request = None
    assert repobench("publish", data, "--repo-id", NAME).code == 0
    assert published(hub)["theirs"] == b"x"
    assert "data/static/cr_val-00000-of-00001.parquet" not in published(hub)


def test_connection_that_breaks_half_way_publishes_nothing_and_finished_objects_are_not_sent_again(
    data, hub, repobench
):
    repobench("publish", data, "--repo-id", NAME, "--dry-run")
    folder = data / ".hub" / "upload"
    broken = Blob((folder / "data" / "files" / "train-00000-of-00001.parquet").read_bytes(), True).sha256
    hub.fail("PUT", broken, CUT, times=1_000)
    done = repobench("publish", data, "--repo-id", NAME)
    assert (done.code, "it goes on where it stopped" in done.err, "Traceback" in done.err) == (2, True, False)
    assert len(hub.repository(NAME).history()) == 1
    sent = uploads(hub)
    assert 0 < sum(sent.values()) < len(list(folder.rglob("*.parquet")))
    hub.faults.clear()
    assert repobench("publish", data, "--repo-id", NAME).code == 0
    assert len(hub.repository(NAME).history()) == 2
    assert published(hub) == upload_of(data)
    assert set(uploads(hub).values()) == {1}
    assert len(uploads(hub)) == len({Blob(data, True).sha256 for data in map(bytes, large(folder))})


def large(folder):
    return [path.read_bytes() for path in folder.rglob("*.parquet")]


def test_server_that_stumbles_once_is_asked_again(data, hub, repobench):
    hub.fail("PUT", "/storage/", 500, times=2)
    hub.fail("POST", r"/objects/batch$", 503)
    assert repobench("publish", data, "--repo-id", NAME).code == 0
    assert published(hub) == upload_of(data)


def test_commit_whose_answer_is_lost_is_not_made_twice(data, hub, repobench):
    hub.fail("POST", "/commit/", LOST)
    done = repobench("publish", data, "--repo-id", NAME)
    assert (done.code, "cannot be reached" in done.sentence) == (2, True)
    assert len(hub.repository(NAME).history()) == 2
    again = repobench("publish", data, "--repo-id", NAME)
    assert (again.code, "nothing to publish" in again.out) == (0, True)
    assert len(hub.repository(NAME).history()) == 2


def test_commit_that_the_server_cannot_make_is_one_sentence(data, hub, repobench):
    hub.fail("POST", "/commit/", 500)
    done = repobench("publish", data, "--repo-id", NAME)
    assert (done.code, "answered 500" in done.sentence) == (2, True)
    assert len(hub.repository(NAME).history()) == 1


def test_private_branch_and_pull_request(data, hub, repobench):
    options = ("--private", "--revision", "v2", "--create-pr")
    assert repobench("publish", data, "--repo-id", NAME, *options[:1]).code == 0
    known = hub.repository(NAME)
    assert known.private
    without_split(data)
    assert repobench("publish", data, "--repo-id", NAME, *options[1:3]).code == 0
    assert known.refs.keys() == {"main", "v2"}
    assert len(published(hub, "v2")) == len(published(hub)) - 1
    head = known.head("main")
    done = repobench("publish", data, "--repo-id", NAME, *options[3:])
    assert (done.code, f"{NAME}/discussions/1" in done.out) == (0, True)
    assert (known.head("main"), published(hub, "refs/pr/1")) == (head, published(hub, "v2"))


def test_new_branch_of_what_is_published_already_is_made_and_has_no_commit_of_its_own(data, hub, repobench):
    repobench("publish", data, "--repo-id", NAME)
    known = hub.repository(NAME)
    dry = repobench("publish", data, "--repo-id", NAME, "--revision", "v1", "--dry-run")
    assert (dry.code, "has no branch v1: it would be made" in dry.err, known.refs.keys()) == (0, True, {"main"})
    done = repobench("publish", data, "--repo-id", NAME, "--revision", "v1")
    assert (done.code, f"datasets/{NAME}/tree/v1" in done.out) == (0, True)
    assert known.head("v1") == known.head("main")
    again = repobench("publish", data, "--repo-id", NAME, "--revision", "v1")
    assert "(v1) holds the same already: nothing to publish" in again.out


def test_dataset_that_another_command_writes_is_not_published(data, hub, repobench):
    with writing(data):
        done = repobench("publish", data, "--repo-id", NAME)
    assert (done.code, f"another command is writing {data}: wait" in done.sentence, hub.writes()) == (2, True, [])
    assert repobench("publish", data, "--repo-id", NAME).code == 0


@pytest.mark.parametrize("name", ["bench", "org/ben ch", "org/bench/x", "org/", "-org/bench", "org/be..nch"])
def test_repository_id_with_a_typo_is_one_sentence(data, hub, repobench, name):
    done = repobench("publish", data, f"--repo-id={name}")
    assert (done.code, f"{name!r} is no ORG/NAME" in done.sentence) == (2, True)
    assert hub.requests == []


@pytest.mark.parametrize(
    ("token", "name", "said"),
    [
        (TOKEN, "ogr/bench", "refuses ogr/bench to this token (403)"),
        (STRANGER, NAME, "refuses org/bench to this token (403)"),
        ("hf_wrong", NAME, "refuses org/bench to this token (401)"),
        (None, NAME, "there is no token of the Hub on this machine"),
    ],
)
def test_no_right_to_write_is_one_sentence(data, hub, repobench, token, name, said):
    done = repobench("publish", data, "--repo-id", name, token=token)
    assert (done.code, said in done.err, "hf auth login" in done.err, "Traceback" in done.err) == (2, True, True, False)
    assert hub.repositories == {}


def test_repository_of_other_content_is_left_alone(data, hub, repobench):
    known = hub.create("datasets", NAME)
    known.commit("main", {"data/train.parquet": Blob(b"precious", True)}, "theirs")
    done = repobench("publish", data, "--repo-id", NAME)
    assert (done.code, "holds data/train.parquet, but no manifest.json" in done.err) == (2, True)
    assert hub.writes() == []


def test_private_is_refused_for_a_public_repository(data, hub, repobench):
    hub.create("datasets", NAME)
    done = repobench("publish", data, "--repo-id", NAME, "--private")
    assert (done.code, "is public already" in done.err, hub.writes()) == (2, True, [])


def test_audit_must_be_there_of_this_dataset_and_without_errors(data, hub, repobench):
    problem = Problem(
        check="chronology", severity=Severity.ERROR, where="a/b", message="It is late.", fix="Mine again."
    )
    with_audit(Dataset(data), problem)
    wrong = repobench("publish", data, "--repo-id", NAME, "--dry-run")
    assert (wrong.code, "has an error in a/b: It is late: Mine again." in wrong.sentence) == (2, True)
    (data / "manifest.json").write_text((data / "manifest.json").read_text() + "\n")
    stale = repobench("publish", data, "--repo-id", NAME, "--dry-run")
    assert (stale.code, "run repobench check" in stale.sentence) == (2, True)
    (data / "audit.json").unlink()
    missing = repobench("publish", data, "--repo-id", NAME, "--dry-run")
    assert (missing.code, f"run repobench check {data}" in missing.sentence) == (2, True)
    assert hub.requests == []


def mined_from_urls(data):
    """Gives a dataset the manifest that it had if its repositories were mined from URLs."""
    manifest = json.loads((data / "manifest.json").read_text())
    for entry in manifest["repositories"]:
        entry["location"] = f"https://example.org/o/{entry['repo_id']}.git"
    (data / "manifest.json").write_text(json.dumps(manifest))
    return with_audit(Dataset(data))


def test_repository_that_was_taken_down_since_the_audit_is_not_published(data, hub, repobench, tmp_path):
    name = mined_from_urls(data).manifest.repositories[0].repo_id
    listed = tmp_path / "down.toml"
    listed.write_text(f'[[tombstone]]\nsource = "o/{name}"\ndate = 2026-01-01\nreason = "asked to"\n')
    wrong = repobench("publish", data, "--repo-id", NAME, "--tombstones", listed)
    assert (wrong.code, f"has an error in {name}: " in wrong.sentence, hub.requests) == (2, True, [])


def test_users_tombstones_are_published(data, hub, repobench, tmp_path):
    listed = tmp_path / "down.toml"
    listed.write_text('[[tombstone]]\nsource = "someone/else"\ndate = 2026-01-01\nreason = "asked to"\n')
    assert repobench("publish", data, "--repo-id", NAME, "--tombstones", listed).code == 0
    assert b'source = "someone/else"' in published(hub)["TOMBSTONES.toml"]


def test_no_folder_of_this_machine_is_published_and_hashes_are_those_of_the_published_manifest(data, hub, repobench):
    manifest = json.loads((data / "manifest.json").read_text())
    folder = str(Path(manifest["repositories"][0]["location"]).parent)
    manifest["failed_sources"] = {f"{folder}/gone": f"{folder}/gone is no git repository"}
    (data / "manifest.json").write_text(json.dumps(manifest))
    with_audit(Dataset(data))
    assert repobench("publish", data, "--repo-id", NAME).code == 0
    assert [path for path, content in published(hub).items() if folder.encode() in content] == []
    sha256 = hashlib.sha256(published(hub)["manifest.json"]).hexdigest()
    assert json.loads(published(hub)["audit.json"])["dataset_sha256"] == sha256
    assert all(sha256 in published(hub)[name].decode() for name in ("README.md", "croissant.json"))
    assert list(json.loads(published(hub)["manifest.json"])["failed_sources"]) == ["gone"]


def test_manifest_of_repositories_mined_from_urls_is_published_byte_for_byte(data, hub, repobench):
    mined_from_urls(data)
    assert repobench("publish", data, "--repo-id", NAME).code == 0
    assert published(hub)["manifest.json"] == (data / "manifest.json").read_bytes()
    assert published(hub)["audit.json"] == (data / "audit.json").read_bytes()


@pytest.mark.parametrize("text", ["# no metadata\n", "---\nlicense: [mit\n---\n# x\n", "---\n- a\n---\n# x\n"])
def test_card_that_the_clients_cannot_read_is_refused(text):
    check_card("---\nlicense: mit\n---\n# x\n", HubTarget(repo_id=NAME))
    with pytest.raises(HubError, match="the card"):
        check_card(text, HubTarget(repo_id=NAME))


def test_no_network_is_one_sentence(data, tmp_path):
    with client("http://127.0.0.1:9", tmp_path) as alone:
        done = alone.run("publish", data, "--repo-id", NAME, "--dry-run")
    assert (done.code, "127.0.0.1:9 cannot be reached" in done.sentence) == (2, True)
    assert "check the network" in done.sentence


def test_mining_again_into_a_published_folder_works_and_forgets_the_publication(make_listing, hub, repobench, tmp_path):
    folder = tmp_path / "data"
    mine = ("mine", make_listing(tmp_path / "repos"), "--cutoff", "none", "--workers", 1, "-o", folder)
    assert repobench(*mine).code == 0
    with_audit(Dataset(folder))
    assert repobench("publish", folder, "--repo-id", NAME, "--dry-run").code == 0
    assert (folder / ".hub" / "upload" / "README.md").is_file()
    assert repobench(*mine, "--seed", 1).code == 0
    assert not (folder / ".hub").exists()


DOWNLOAD = """
import json, sys
from repopeftbench.dataset.hub import download_dataset
from repopeftbench.dataset.hub_changes import HubTarget
from repopeftbench.errors import HubError
said = []
for name, revision in json.loads(sys.argv[1]):
    try:
        said.append(str(download_dataset(HubTarget(repo_id=name, revision=revision))))
    except HubError as error:
        said.append(str(error))
print(json.dumps(said))
"""


def test_download_gives_the_published_files_or_one_sentence(data, hub, repobench, tmp_path):
    repobench("publish", data, "--repo-id", NAME)
    hub.repository(NAME).refs["old"] = hub.repository(NAME).history()[1].oid
    hub.create("datasets", "other/gated", gated=True)
    hub.create("datasets", "other/private", private=True)
    asked = [(NAME, "main"), (NAME, "nope"), ("other/gated", "main"), ("other/private", "main")]
    command = [sys.executable, "-c", DOWNLOAD, json.dumps(asked)]
    variables = environment(hub.url, tmp_path / "home")
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    folder, *sentences = json.loads(done.stdout)
    got = Path(folder)
    assert got.name == hub.repository(NAME).head("main")
    assert {path: (got / path).read_bytes() for path in published(hub)} == published(hub)
    expected = ("has no branch, tag or commit 'nope'", "other/gated is gated", "has no dataset other/private that")
    assert all(text in sentence for text, sentence in zip(expected, sentences, strict=True))


def test_token_is_in_no_file(data, hub, repobench, shared_client, tmp_path):
    repobench("publish", data, "--repo-id", NAME)
    files = [path for folder in (tmp_path, shared_client.home) for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 20
    assert not any(TOKEN.encode() in path.read_bytes() for path in files)
    assert not any(TOKEN.encode() in content for content in published(hub).values())
    assert not any(TOKEN.encode() in request.body for request in hub.requests)


READ = """
import json, sys
import datasets
datasets.disable_progress_bars()
found = {}
for config in datasets.get_dataset_config_names(sys.argv[1]):
    for split, rows in datasets.load_dataset(sys.argv[1], config).items():
        found[f"{config} {split}"] = rows.to_list()
    for split, rows in datasets.load_dataset(sys.argv[1], config, streaming=True).items():
        found[f"{config} {split} streamed"] = list(rows)
alone = datasets.load_dataset(sys.argv[1], "evolution", split="cr_test")
found["alone"] = alone.to_list()
print(json.dumps(found))
"""


def expected_rows(dataset):
    """What `load_dataset` must give, from the store alone."""
    found = {}
    for track in Track:
        for split in dataset.splits(track):
            columns = pq.read_schema(dataset.folder / "tasks" / track / f"{split}.parquet").names
            table = pa.concat_tables(dataset.task_tables(track, split, columns))
            found[f"{track} {split_name(split)}"] = table.to_pylist()
    commits = pq.read_table(dataset.folder / "commits.parquet").to_pylist()
    for split in Split:
        found[f"commits {split_name(split)}"] = [row for row in commits if row["split"] == split]
    roles = {repository.repo_id: repository.role for repository in dataset.manifest.repositories}
    trees = pq.read_table(dataset.folder / "trees").to_pylist()
    files = pq.read_table(dataset.folder / "files").to_pylist()
    rejects = pq.read_table(dataset.folder / "rejects.parquet").to_pylist()
    symbols = pq.read_table(dataset.folder / "symbols.parquet").to_pylist()
    for role in set(roles.values()):
        found[f"rejects {role}"] = [row for row in rejects if roles[row["repo_id"]] == role]
        found[f"trees {role}"] = [row for row in trees if roles[row["repo_id"]] == role]
        found[f"symbols {role}"] = [row for row in symbols if roles[row["repo_id"]] == role]
        named = {row["blob"] for row in found[f"trees {role}"]}
        found[f"files {role}"] = [row for row in files if row["blob"] in named]
    return found


def test_every_config_and_split_loads_row_for_row_streamed_or_not(data, hub, repobench, tmp_path):
    repobench("publish", data, "--repo-id", NAME)
    command = [sys.executable, "-c", READ, NAME]
    variables = environment(hub.url, tmp_path / "home") | {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    assert "Ignoring" not in done.stderr
    found = json.loads(done.stdout)
    expected = expected_rows(Dataset(data))
    assert len(expected) == 34
    assert found.pop("alone") == expected["evolution cr_test"]
    assert found.keys() == expected.keys() | {f"{name} streamed" for name in expected}
    for name, rows in expected.items():
        assert found[name] == rows, name
        assert found[f"{name} streamed"] == rows, name


def test_comparison_goes_by_content_and_deletes_nothing_of_others(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "marker").write_bytes(b"same")
    (tmp_path / "data" / "a").write_bytes(b"here")
    same = Blob(b"same", False)
    remote = RemoteState(
        commit="0" * 40,
        has_revision=True,
        files=(
            RemoteFile(path="marker", size_bytes=4, blob=same.oid, sha256=None),
            RemoteFile(path="data/a", size_bytes=4, blob="", sha256="0" * 64),
            RemoteFile(path="data/b", size_bytes=7, blob="", sha256="0" * 64),
            RemoteFile(path="notes/b", size_bytes=7, blob="", sha256=None),
        ),
    )
    ownership, target = Ownership(marker="marker", patterns=("data/*",)), HubTarget(repo_id="a/b")
    changes = compare_folder(tmp_path, remote, ownership)
    assert [(change.path, change.change) for change in changes] == [
        ("data/a", Change.CHANGED),
        ("data/b", Change.DELETED),
        ("marker", Change.UNCHANGED),
    ]
    with pytest.raises(HubError, match="but no other"):
        check_ownership(remote, Ownership(marker="other"), target)
