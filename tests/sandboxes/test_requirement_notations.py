"""Version constraints and requirements: what they admit, and one spelling of equal ones."""

import pytest

from sandboxes.requirements.specifiers import (
    admits,
    name_of,
    normal_requirement,
    poetry_bounds,
    poetry_requirement,
    without_bounds,
)

OURS = (3, 11, 2)


@pytest.mark.parametrize(
    "constraint",
    [
        ">=3.8",
        ">= 3.10, <4",
        "~=3.8",
        "~= 3.5",
        "!=3.0.*,!=3.1.*",
        "==3.*",
        "==3.11.*",
        "^3.9",
        "^3.9, <4.0",
        "~3.11",
        "3.11",
        ">=2.7, !=3.0.*, !=3.1.*",
        "<3.12",
        "<=3.11",
        ">3.10",
        "^2.7 || ^3.6",
        ">=3.6 <4",
        "*",
        "",
        "nonsense",
        ">=3.11.2",
        "!=3.11",
        "!=3.11.9",
    ],
)
def test_constraint_admits_python_3_11(constraint):
    assert admits(constraint, OURS)


@pytest.mark.parametrize(
    "constraint",
    [
        ">=3.12",
        "<3.11",
        "<3",
        ">=3.6,<3.10",
        "==2.7.*",
        "^2.7",
        "~3.8",
        "~=3.8.0",
        "!=3.11.*",
        f"!={'.'.join(map(str, OURS))}",
        "==3.9",
        ">3.11",
        "~2.7 || 2.6",
        ">=3.11.3",
    ],
)
def test_constraint_does_not_admit_python_3_11(constraint):
    assert not admits(constraint, OURS)


@pytest.mark.parametrize(
    ("poetry", "standard"),
    [
        ("^1.2.3", ">=1.2.3,<2"),
        ("^0.2.3", ">=0.2.3,<0.3"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("^0", ">=0,<1"),
        ("^2", ">=2,<3"),
        ("^1.2b1", ">=1.2b1,<2"),
        ("~1.2.3", ">=1.2.3,<1.3"),
        ("~1", ">=1,<2"),
        ("1.2.*", "==1.2.*"),
        ("1.2", "==1.2"),
        ("*", ""),
        (">=1,<3", ">=1,<3"),
        ("~=1.4", "~=1.4"),
    ],
)
def test_notation_of_poetry_becomes_the_standard_one(poetry, standard):
    assert poetry_bounds(poetry) == standard


@pytest.mark.parametrize(
    ("wanted", "requirement"),
    [
        ("^1.2", "a-b>=1.2,<2"),
        ({"version": "*", "extras": ["x"]}, "a-b[x]"),
        ({"version": ">=1", "markers": "os_name == 'nt'"}, "a-b>=1 ; (os_name == 'nt')"),
        ({"git": "https://x.org/y"}, "a-b"),
        ({"path": "../y"}, ""),
        ([{"version": "1"}, {"version": "2"}], "a-b"),
        (3, ""),
    ],
)
def test_row_of_poetry_becomes_a_requirement(wanted, requirement):
    assert poetry_requirement("A_b", wanted) == requirement


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("Attrs >= 20 , < 23", "attrs>=20,<23"),
        ("a_b.c", "a-b-c"),
        ("a (>=1)", "a>=1"),
        ("a[Y,x]==1", "a[x,y]==1"),
        ("a ; python_version<'3'", "a ; python_version<'3'"),
        ("a==1 --hash=sha256:00 \\", "a==1"),
        ("a==1  # why", "a==1"),
        ("a @ https://x.org/a.whl", "a"),
        ("git+https://x.org/y#egg=a_b", "a-b"),
        ("https://x.org/y.zip", ""),
        ("./y", ""),
        ("-r other.txt", ""),
        ("a b", ""),
        ("{posargs}", ""),
        ("", ""),
    ],
)
def test_requirements_have_one_spelling(text, normal):
    assert normal_requirement(text) == normal
    assert normal_requirement(normal) == normal


def test_requirement_without_bounds_keeps_extras_and_marker():
    assert without_bounds("a[x]>=1,<2 ; os_name=='nt'") == "a[x] ; os_name=='nt'"
    assert name_of("A_b[x]>=1") == "a-b"
