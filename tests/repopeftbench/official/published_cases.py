"""Writes files in the schemas of the published sets, column for column, with rows of the tests' own."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

TEXT, LONG, INDEX = pa.string(), pa.large_string(), pa.int32()
VECTOR = pa.list_(pa.float16(), 2048)

QNA = pa.schema(
    [
        ("repo_id", TEXT),
        ("cross_repo_split", TEXT),
        ("commit_index", INDEX),
        ("commit_sha", TEXT),
        ("in_repo_split", TEXT),
        ("test_file", TEXT),
        ("lineno", INDEX),
        ("col_offset", INDEX),
        ("assertion_type", TEXT),
        ("test_function", TEXT),
        ("prefix", LONG),
        ("target", TEXT),
    ]
)
QNA_EVENTS = pa.schema(
    [
        *QNA,
        ("file_split", TEXT),
        ("split_group", TEXT),
        ("assertion_event_type", TEXT),
        ("assertion_event_id", TEXT),
        ("assertion_anchor", TEXT),
        ("old_target", TEXT),
        ("old_lineno", INDEX),
        ("old_col_offset", INDEX),
    ]
)
ANCHOR = pa.schema(
    [
        ("repo_id", TEXT),
        ("commit_sha", TEXT),
        ("commit_index", INDEX),
        ("in_repo_split", TEXT),
        ("cross_repo_split", TEXT),
        ("test_file", TEXT),
        ("test_function", TEXT),
        ("assertion_type", TEXT),
        ("difficulty", TEXT),
        ("context_lines", INDEX),
        ("prefix", LONG),
        ("target", LONG),
        ("anchor_sha", TEXT),
        ("anchor_index", INDEX),
        ("qna_source", TEXT),
    ]
)
COMMITS = pa.schema(
    [
        ("repo_id", TEXT),
        ("cross_repo_split", TEXT),
        ("commit_index", INDEX),
        ("commit_sha", TEXT),
        ("commit_timestamp", TEXT),
        ("in_repo_split", TEXT),
        ("production_code_diff", LONG),
        ("n_new_assertions", INDEX),
    ]
)
COMMITS_V2 = pa.schema([*COMMITS, ("diff_embedding", VECTOR), ("repo_state_embedding", VECTOR)])
COMMITS_SNAPSHOTS = pa.schema(
    [field for field in COMMITS_V2 if field.name not in ("production_code_diff", "diff_embedding")]
)
IN_REPO = {"ir_train": ("train", "train"), "ir_val": ("train", "val"), "ir_test": ("train", "test")}


def sha(repo_id, index):
    return f"{sum(repo_id.encode()):08x}{index:032x}"


def labels(split):
    """The two columns that say a split; rows of other repositories carry in-repo labels, too."""
    cross_repo, in_repo = IN_REPO.get(split, (split, "test"))
    return {"cross_repo_split": cross_repo, "in_repo_split": in_repo}


def row(repo_id, index, split, number=0, **changes):
    """A row as the evolution builder writes it: the file above the statement, then the statement up to its cut."""
    above = f"import os\n\n\ndef test_{number}():\n"
    return {
        "repo_id": repo_id,
        "commit_index": index,
        "commit_sha": sha(repo_id, index),
        **labels(split),
        "test_file": "tests/test_a.py",
        "lineno": 5,
        "col_offset": 4,
        "assertion_type": "assert",
        "test_function": f"test_{number}",
        "prefix": f"{above}    assert value({number}) == ",
        "target": f"{1000 + number}",
        **changes,
    }


def commit(repo_id, index, split, **changes):
    return {
        "repo_id": repo_id,
        "commit_index": index,
        "commit_sha": sha(repo_id, index),
        **labels(split),
        "commit_timestamp": f"2024-03-{index + 1:02}T10:00:00+02:00",
        "production_code_diff": f"diff --git a/x.py b/x.py\n+{index}\n",
        "n_new_assertions": 1,
        **changes,
    }


def anchor(repo_id, index, number=0):
    given = row(repo_id, index, "ir_train", number)
    return {
        **{name: value for name, value in given.items() if name in ANCHOR.names},
        "difficulty": "numeric_literal",
        "context_lines": 3,
        "anchor_sha": given["commit_sha"],
        "anchor_index": index,
        "qna_source": "v2_extractor_at_anchor",
    }


def pair(number=0, **changes):
    """A pair of the static track's JSON; its lines are not the file's."""
    metadata = {
        "file": "test_a.py",
        "lineno": 40,
        "col_offset": 4,
        "target_col_offset": 20,
        "test_function": f"test_{number}",
        "test_class": "",
        "was_multiline": False,
        "has_imports": True,
        "prefix_type": "structured",
        "prefix_sections": ["imports", "test_body"],
        "source_file": "/cluster/x/test_a.py",
    }
    return {
        "prefix": f"import os\n\ndef test_{number}():\n    assert value({number}) == ",
        "target": f"{2000 + number}",
        "assertion_type": "assert",
        "difficulty": "numeric_literal",
        "context_lines": 2,
        "metadata": metadata | changes.pop("metadata", {}),
        **changes,
    }


def vector(value):
    return np.full(2048, value, dtype=np.float16)


def write(folder, name, schema, rows):
    """A parquet file; columns that rows lack are null."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = [pa.array([given.get(field.name) for given in rows], type=field.type) for field in schema]
    pq.write_table(pa.table(columns, schema=schema), path, compression="zstd")
    return path


def write_static(folder, name, repositories, *, embeddings=False):
    """A split of the static track, with the embeddings of repositories and files as some sets have them."""
    entries = {repo_id: {"qna_pairs": pairs} for repo_id, pairs in repositories.items()}
    if embeddings:
        for entry in entries.values():
            entry["embedding"] = [0.25] * 2048
            entry["file_embeddings"] = [{"path": "a.py", "embedding": [0.5] * 1024}]
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"repositories": entries}, ensure_ascii=False), "utf-8")
    return path


def write_snapshots(folder):
    """The set for snapshot methods: the anchor for training, evaluation rows, commits without diffs, in five files."""
    write(folder, "qna/train.parquet", ANCHOR, [anchor("o/a", 1, n) for n in range(2)])
    for split, index in (("ir_val", 2), ("ir_test", 3)):
        rows = [row("o/a", index, split, n, assertion_event_type="added") for n in range(10)]
        write(folder, f"qna/{split}.parquet", QNA_EVENTS, rows)
        record = commit("o/a", index, split, repo_state_embedding=vector(index))
        write(folder, f"commits/{split}.parquet", COMMITS_SNAPSHOTS, [record])
    write(folder, "qna/cr_test.parquet", QNA_EVENTS, [row("o/b", 0, "cr_test", n) for n in range(3)])
    write(
        folder,
        "commits/cr_test.parquet",
        COMMITS_SNAPSHOTS,
        [commit("o/b", 0, "cr_test", repo_state_embedding=vector(0))],
    )
    train = [commit("o/a", index, "ir_train", repo_state_embedding=vector(0.5)) for index in (0, 1)]
    write(folder, "commits/train.parquet", COMMITS_SNAPSHOTS, train)
    (folder / "SNAPSHOTS_README.json").write_text("{}")
    return folder


def write_smart_cap(folder):
    """The smart-capped training file: val and test rows of training repositories first, untouched, then train."""
    rows = [row("o/a", index, split, n) for index, split in ((2, "ir_val"), (3, "ir_test")) for n in range(10)]
    rows += [row("o/a", index, "ir_train", n, target=f"{index}00{n}") for index in (0, 1) for n in range(3)]
    write(folder, "qna/train.parquet", QNA_EVENTS, rows)
    (folder / "SMART_CAP_README.json").write_text("{}")
    return folder


def write_commits(folder):
    """The set of commits with both embeddings and diffs."""
    splits = ("ir_train", "ir_train", "ir_val", "ir_test")
    records = [
        commit("o/a", index, split, diff_embedding=vector(index), repo_state_embedding=vector(1))
        for index, split in enumerate(splits)
    ]
    write(folder, "commits/cr_train.parquet", COMMITS_V2, records)
    write(
        folder,
        "commits/cr_test.parquet",
        COMMITS_V2,
        [commit("o/b", 0, "cr_test", diff_embedding=vector(0), repo_state_embedding=vector(2))],
    )
    (folder / "EMBEDDINGS_README.json").write_text("{}")
    return folder
