"""The published records: kept commits of real repositories below `REPOBENCH_REPOS`, history cut at a named commit.

The figures are those of the authors' evaluation folder (`per_commit` of `gru_v2_ir_test_shard3of12`): its highest
`commit_index` of a repository, plus one, at that record's commit. Read with Python 3.11 and 3.12 alike.
"""

import os
from pathlib import Path

import pytest

from repopeftbench.gitrepo import GitRepository
from repopeftbench.paper.evolution import EvolutionWalk
from repopeftbench.paper.static import separated_texts

VARIABLE = "REPOBENCH_REPOS"
RECORDS = [
    ("jpsca/jinjax", "16e3450201", 66),
    ("evansd/whitenoise", "bc4c738d76", 112),
    ("fastapi/sqlmodel", "ede8dd062d", 54),
    ("gtalarico/pyairtable", "f9a0c21962", 192),
    ("pirxthepilot/wtfis", "cad4e79bed", 48),
    ("nschloe/tikzplotlib", "06b498e1b8", 87),
]


def folder_of(name):
    """The repository's folder: `owner+name`, `owner/name` or `name`, directly or with `repo` or `.git` behind."""
    root = os.environ.get(VARIABLE)
    if not root:
        pytest.skip(f"{VARIABLE} is not set: name a folder of git repositories")
    owner, _, short = name.partition("/")
    for candidate in (f"{owner}+{short}", name, short):
        for place in (Path(root).expanduser() / candidate / "repo", Path(root).expanduser() / candidate):
            if (place / ".git").exists() or (place / "HEAD").is_file():
                return place
    pytest.skip(f"{VARIABLE} holds no {name}")


@pytest.mark.parametrize(("name", "sha", "kept"), RECORDS, ids=[record[0] for record in RECORDS])
def test_kept_commits_are_those_of_the_published_records(name, sha, kept):
    repository = GitRepository(folder_of(name))
    history = repository.history(repository.resolve(sha))
    walk = EvolutionWalk(repository, frozenset(separated_texts(repository, history[-1].sha)))
    found = list(walk.kept(history))
    assert len(found) == kept
    assert found[-1].sha.startswith(sha)
    assert walk.ledger.balanced
