"""Licence texts out of snapshots, what they are recognised as, and whom the audit warns of."""

import pytest
from card_cases import APACHE, BSD, GPL, MIT, build_case

from repopeftbench.audit.findings import Severity
from repopeftbench.dataset.licence_rules import Terms, recognised, terms_of
from repopeftbench.dataset.licences import LicenceText, RepositoryLicence, licence_files, licences, repository_licences


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return build_case(tmp_path_factory.mktemp("licences"))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (MIT, "MIT"),
        (BSD, "BSD-3-Clause"),
        (BSD.partition("* Neither")[0], "BSD-2-Clause"),
        (APACHE, "Apache-2.0"),
        (GPL, "GPL-3.0"),
        ("Mozilla Public License Version 2.0\n" + "x " * 400 + GPL, "MPL-2.0"),
        ("Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is "
         "hereby granted, provided that the above copyright notice appears.", "ISC"),
        ("This is free and unencumbered software released into the public domain.", "Unlicense"),
        ("All rights reserved.", None),
        ("", None),
        (MIT + BSD, None),
    ],
)  # fmt: skip
def test_text_is_recognised_only_if_it_is_of_one_licence(text, name):
    assert recognised(text) == name


@pytest.mark.parametrize(
    ("expression", "terms"),
    [
        ("MIT", Terms.PERMISSIVE),
        ("mit", Terms.PERMISSIVE),
        ("(GPL-3.0-only OR Apache-2.0)", Terms.PERMISSIVE),
        ("MIT AND LGPL-2.1-or-later", Terms.COPYLEFT),
        ("GPL-2.0-only WITH Classpath-exception-2.0", Terms.COPYLEFT),
        ("Apache-2.0 WITH LLVM-exception", Terms.PERMISSIVE),
        ("MIT AND Mine-1.0", Terms.UNKNOWN),
        ("free for friends", Terms.UNKNOWN),
        (None, Terms.UNKNOWN),
    ],
)
def test_of_or_the_freest_part_counts_and_of_and_the_strictest(expression, terms):
    assert terms_of(expression) is terms


def test_texts_come_from_the_static_snapshot_under_the_repositorys_name(dataset):
    found = {file.path: file.text for file in licence_files(repository_licences(dataset))}
    assert found == {
        "licenses/org__mit/LICENSE": MIT,
        "licenses/org__bsd/LICENCE.txt": BSD,
        "licenses/org__gpl/COPYING": GPL,
        "licenses/org__other/LICENSE": APACHE,
        "licenses/org__dual/LICENSE-MIT": MIT,
        "licenses/org__dual/LICENSE-APACHE": APACHE,
    }


def test_names_that_look_alike_as_folders_keep_both_texts():
    def licence(name):
        text = LicenceText(path="LICENSE", text=name)
        return RepositoryLicence(repo_id=name, revision="0", declared=None, recognised=None, texts=(text,))

    found = {file.path: file.text for file in licence_files(tuple(map(licence, ("a/b", "a__b", "A/b", "..", "é"))))}
    assert sorted(found.values()) == sorted(("a/b", "a__b", "A/b", "..", "é"))
    assert len({path.casefold() for path in found}) == 5
    assert all(".." not in path for path in found)


def test_every_doubtful_licence_is_named_once_and_plain_ones_are_not(dataset):
    problems = licences(dataset).problems
    assert {problem.check for problem in problems} == {"licences"}
    found = sorted((problem.where, problem.severity.value, problem.message.split(",")[0]) for problem in problems)
    revision = dataset.manifest.repositories[4].revision
    assert found == [
        ("org/bsd", "note", "its licence is known from its text alone"),
        ("org/dual", "warning", "its licence is not known: the list names none"),
        ("org/gpl", "warning", "its licence"),
        ("org/none", "warning", "its licence is not known: the list names none"),
        ("org/none", "warning", f"no licence text at the root of {revision}: LICENSE"),
        ("org/other", "warning", "the list says MIT"),
    ]
    assert Severity.ERROR not in {problem.severity for problem in problems}


def test_dataset_without_snapshots_says_once_that_it_has_no_texts(tmp_path):
    dataset = build_case(tmp_path, {"org/mit": ("MIT", {"LICENSE": MIT}), "org/x": ("X", {})}, snapshots=False)
    assert [problem.where for problem in licences(dataset).problems] == ["dataset", "org/x"]
    assert list(licence_files(repository_licences(dataset))) == []
