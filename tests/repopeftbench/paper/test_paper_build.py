"""`repobench mine --protocol paper` from list to folder: layout, splits, hashes, equal bytes, what is left out."""

import json

import pyarrow.parquet as pq
import pytest

from harness.cli import run_command
from repopeftbench.dataset.manifest import file_sha256
from repopeftbench.paper import tables
from repopeftbench.paper.ood import ood_places

COMMITS = 10


def source_of_tests(commit, number):
    lines = [f"def test_{n}():\n    assert f({n}) == {number * 1000 + commit * 100 + n}\n" for n in range(32)]
    return f"import os\n\nVALUE = {commit}\n\n" + "\n\n".join(lines)


@pytest.fixture
def listing(tmp_path, make_repository):
    for number, name in enumerate(("a", "b", "c")):
        make_repository(
            *(
                {f"tests/test_{n}.py": source_of_tests(commit, number) for n in (1, 2)}
                | {"code.py": f"X = {commit}\n", "README.md": f"{commit}\n"}
                for commit in range(COMMITS)
            ),
            name=name,
        )
    make_repository({"tests/test_a.py": source_of_tests(0, 5)}, name="late", start=1_760_000_000)
    make_repository({"tests/test_a.py": "assert x == 1\n"}, name="small")
    path = tmp_path / "list.txt"
    path.write_text("a\nb\nc\nlate\nsmall\nmissing/folder/x\n")
    return path


def mine(listing, out, *more):
    return run_command(["mine", str(listing), "--protocol", "paper", "-o", str(out), *more])


def rows(path):
    return pq.read_table(path).to_pylist()


def test_dataset_has_the_published_layout(tmp_path, listing, capsys):
    out = tmp_path / "data"
    assert mine(listing, out, "--workers", "1") == 1
    said = capsys.readouterr()
    assert "0 selected static pairs, the published benchmark wants 30" in said.err
    assert "'missing/folder/x' does not exist" in said.err
    manifest = json.loads((out / "README.json").read_text())
    assert manifest["protocol"] == "paper"
    assert {r["repo_id"]: r["cross_repo_split"] for r in manifest["repositories"]}["late"] == "ood_test"
    assert {file["path"]: file["sha256"] for file in manifest["files"]} == {
        path.relative_to(out).as_posix(): file_sha256(path)
        for path in out.rglob("*")
        if path.is_file() and path.name != "README.json" and ".staging" not in path.parts
    }
    train = [r["repo_id"] for r in manifest["repositories"] if r["cross_repo_split"] == "train"]
    commits = rows(out / "commits" / "train.parquet")
    assert pq.read_schema(out / "commits" / "train.parquet") == tables.COMMITS
    assert pq.read_schema(out / "qna" / "train.parquet") == tables.QNA
    assert [c["in_repo_split"] for c in commits] == (["train"] * 8 + ["val", "test"]) * len(train)
    assert commits[1]["production_code_diff"].startswith("diff --git a/README.md b/README.md\nindex ")
    assert commits[1]["commit_timestamp"] == "2023-01-03T00:00:00+00:00"
    assert sum(c["n_new_assertions"] for c in commits) == len(train) * 64 * COMMITS
    for name, label, count in (("train", "train", 8), ("ir_val", "val", 1), ("ir_test", "test", 1)):
        found = rows(out / "qna" / f"{name}.parquet")
        assert {row["in_repo_split"] for row in found} == {label}
        assert len(found) == len(train) * 64 * count


def test_smart_capped_file_passes_evaluation_rows_and_caps_commits(tmp_path, listing):
    mine(listing, tmp_path / "data", "--workers", "1")
    found = rows(tmp_path / "data" / "smartcap" / "qna" / "train.parquet")
    labels = [row["in_repo_split"] for row in found]
    evaluated = len([label for label in labels if label != "train"])
    assert labels[:evaluated].count("train") == 0
    capped = found[evaluated:]
    counts = {}
    for row in capped:
        key = row["repo_id"], row["commit_index"], row["test_file"]
        counts[key] = counts.get(key, 0) + 1
    assert set(counts.values()) == {4}
    assert capped == sorted(capped, key=lambda r: (r["repo_id"], r["commit_index"], r["test_file"], r["lineno"]))


def test_static_track_and_anchor(tmp_path, listing):
    mine(listing, tmp_path / "data", "--workers", "1")
    manifest = json.loads((tmp_path / "data" / "README.json").read_text())
    train = {r["repo_id"]: r["static_selected"] for r in manifest["repositories"] if r["cross_repo_split"] == "train"}
    parts = {
        name: json.loads((tmp_path / "data" / "splits" / f"{name}.json").read_text())["repositories"]
        for name in ("train", "ir_val", "ir_test")
    }
    for repo_id, count in train.items():
        sizes = [len(parts[name][repo_id]["qna_pairs"]) for name in parts]
        assert sizes == [int(count * 0.8), int(count * 0.1), count - int(count * 0.8) - int(count * 0.1)]
    anchor = rows(tmp_path / "data" / "anchor" / "qna" / "train.parquet")
    assert {row["anchor_index"] for row in anchor} == {7}
    assert {row["qna_source"] for row in anchor} == {"v2_extractor_at_anchor"}


def test_static_track_out_of_distribution_takes_the_last_row_of_each_place(tmp_path, listing):
    mine(listing, tmp_path / "data", "--workers", "1")
    found = json.loads((tmp_path / "data" / "splits" / "ood_test.json").read_text())["repositories"]
    pairs = found["late"]["qna_pairs"]
    assert [pair["metadata"]["lineno"] for pair in pairs] == [6 + 4 * n for n in range(32)]
    assert pairs[0]["prefix"].endswith("def test_0():\n    assert f(0) == ")
    assert ood_places(["b", "a", "b"], [1, 2, 1]) == [1, 2]
    assert len(ood_places(["a"] * 300, range(300))) == 120


def test_bytes_do_not_depend_on_workers_or_interruption(tmp_path, listing):
    mine(listing, tmp_path / "one", "--workers", "1")
    mine(listing, tmp_path / "two", "--workers", "2")
    for shard in list((tmp_path / "two" / ".staging").iterdir())[::2]:
        (shard / "summary.json").unlink()
        shard.rename(shard.with_name(shard.name + ".partial"))
    mine(listing, tmp_path / "two", "--workers", "1")

    def content(folder):
        return {
            path.relative_to(folder): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and ".staging" not in path.parts
        }

    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_options_of_the_clean_protocol_are_refused(tmp_path, listing, capsys):
    assert mine(listing, tmp_path / "data", "--seed", "3") == 2
    assert "--seed 3 has no meaning in the paper protocol" in capsys.readouterr().err


def test_folder_of_another_kind_is_refused(tmp_path, listing, capsys):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "manifest.json").write_text("{}")
    assert mine(listing, tmp_path / "data") == 2
    assert "holds other things (manifest.json)" in capsys.readouterr().err


def test_protocols_are_compared_per_repository(listing, capsys):
    assert run_command(["mine", str(listing), "--compare-protocols", "--workers", "1"]) == 1
    said = capsys.readouterr()
    assert "statement unchanged" in said.out.replace("\n", " ")
    assert "not compared: missing/folder/x" in said.err
