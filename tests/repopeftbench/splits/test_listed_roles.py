"""A list may say what a repository is for; the others are drawn as if it were not there."""

import json

import pytest

from harness.cli import run_command
from repopeftbench.dataset.store import Dataset
from repopeftbench.errors import RepositoryListError
from repopeftbench.sources import repository_list
from repopeftbench.splits.assign import Role, is_out_of_distribution

ROLES = {"a": "cr_test", "b": "train", "c": "ood_test", "d": "cr_val"}


@pytest.fixture
def listing(tmp_path, make_repository):
    for number, name in enumerate("abcd"):
        make_repository(
            *(
                {
                    f"tests/test_{file}.py": "\n\n".join(
                        f"def test_{n}():\n    assert f({n}) == {number * 10_000 + commit * 1000 + file * 100 + n}\n"
                        for n in range(18)
                    )
                    for file in (1, 2)
                }
                for commit in range(4)
            ),
            name=name,
        )
    path = tmp_path / "list.toml"
    path.write_text("".join(f'[[repository]]\nsource = "{name}"\nrole = "{role}"\n' for name, role in ROLES.items()))
    return path


def mine(listing, out, *more):
    arguments = ["mine", str(listing), "--cutoff", "none", "--workers", "1", "-o", str(out), *more]
    return run_command(arguments)


def test_clean_dataset_has_the_listed_roles(tmp_path, listing):
    assert mine(listing, tmp_path / "data") == 0
    dataset = Dataset(tmp_path / "data")
    assert {entry.repo_id: entry.role for entry in dataset.manifest.repositories} == ROLES
    splits = {(record.repo_id, record.split.suite) for record in dataset.commits()}
    assert splits == {("a", "cr"), ("b", "ir"), ("c", "ood"), ("d", "cr")}
    assert dataset.manifest.notes == ()


def test_dataset_with_listed_roles_is_verified(tmp_path, listing, capsys):
    assert mine(listing, tmp_path / "data") == 0
    assert run_command(["mine", "--verify", "--workers", "1", "-o", str(tmp_path / "data")]) == 0
    assert "0 not the same when mined again" in capsys.readouterr().out


def test_paper_dataset_has_the_listed_roles(tmp_path, listing):
    assert mine(listing, tmp_path / "data", "--protocol", "paper") == 0
    manifest = json.loads((tmp_path / "data" / "README.json").read_text())
    assert {entry["repo_id"]: entry["cross_repo_split"] for entry in manifest["repositories"]} == ROLES
    assert (tmp_path / "data" / "qna" / "ood_test.parquet").is_file()


def test_other_repositories_are_drawn_as_before(tmp_path, listing):
    text = listing.read_text().split("[[repository]]")
    listing.write_text("[[repository]]".join([*text[:-1], '\nsource = "d"\n']))
    assert mine(listing, tmp_path / "data") == 0
    roles = {entry.repo_id: entry.role for entry in Dataset(tmp_path / "data").manifest.repositories}
    # One repository that is left to the draw is too few for a cross-repo suite.
    assert roles == ROLES | {"d": "train"}


def test_revisions_of_one_repository_cannot_have_two_roles(tmp_path, listing, capsys):
    listing.write_text(
        '[[repository]]\nsource = "a"\nname = "new"\nrole = "train"\n'
        '[[repository]]\nsource = "a"\nrevision = "HEAD~1"\nname = "old"\nrole = "cr_test"\n'
    )
    assert mine(listing, tmp_path / "data") == 2
    said = " ".join(capsys.readouterr().err.split())
    assert (
        "gives old the role cr_test, and train to another revision of the same repository: give both the same" in said
    )


def test_unknown_role_is_refused(tmp_path):
    path = tmp_path / "list.toml"
    path.write_text('[[repository]]\nsource = "o/a"\nrole = "dev"\n')
    with pytest.raises(RepositoryListError, match=r"repository\.0\.role: Input should be 'train', 'cr_val', 'cr_test'"):
        repository_list(str(path))


@pytest.mark.parametrize(
    ("listed", "began", "cutoff", "outside"),
    [
        (None, 10, None, False),
        (None, 10, 10, True),
        (None, 9, 10, False),
        (Role.OOD_TEST, 9, 10, True),
        (Role.TRAIN, 11, 10, False),
    ],
)
def test_the_list_decides_before_the_cutoff_does(listed, began, cutoff, outside):
    assert is_out_of_distribution(listed, began, cutoff) is outside
