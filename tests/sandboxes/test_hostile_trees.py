"""What a stranger writes to stop or blow up whoever reads what a tree asks for: it ends soon, and in no error."""

import json
import time

import pytest

from sandboxes.attempts import attempts, key_of
from sandboxes.builder import own_files
from sandboxes.environments import UNREADABLE
from sandboxes.requirements.asked import read_asked
from sandboxes.requirements.specifiers import admits
from sandboxes.requirements.tree import Tree
from sandboxes.shelf import Shelf
from sandboxes.spec import Environment, ExecRequest, Patch
from sandboxes.stage import Stage

DIGITS = "9" * 5000  # more than Python makes a number of
SETUP = "from setuptools import setup\n"
SCM = "[project]\nname = 'a'\n[tool.setuptools_scm]\nwrite_to = "
STRANGE = {
    "number": {"pyproject.toml": f"a = {DIGITS}\n"},
    "version": {
        "pyproject.toml": f"[project]\nname='a'\nversion='{DIGITS}'\n",
        "a/__init__.py": "from ._version import v",
    },
    "python": {"pyproject.toml": f"[project]\nrequires-python='>={DIGITS}'\n"},
    "poetry": {"pyproject.toml": f"[tool.poetry.dependencies]\nx='^{DIGITS}'\npython='^{DIGITS}'\n"},
    "option-without-a-value-that-goes-on": {
        "setup.cfg": "[options]\nkey\n  more\n",
        "tox.ini": "[testenv]\nkey\n  more\n",
    },
    "long-name": {"pyproject.toml": f"[project]\nname='{'a' * 400}'\nversion='1'\n"},
    "half-of-a-pair": {
        "setup.py": SETUP + "setup(install_requires=['a ; \\ud800'], entry_points={'x': ['a=b\\ud800']})"
    },
    "long-path": {"pyproject.toml": f"{SCM}'{'x' * 400}.py'\n"},
    "path-with-nul": {"pyproject.toml": f'{SCM}"a\\u0000.py"\n'},
    "path-below-a-file": {"pyproject.toml": f"{SCM}'a.txt/v.py'\n", "a.txt": ""},
    "path-of-a-folder": {"pyproject.toml": f"{SCM}'d.py'\n", "d.py/x": ""},
    "deep-syntax": {"setup.py": f"{SETUP}setup(name={'-' * 50_000}1)", "pyproject.toml": f"a={'[' * 5000}{']' * 5000}"},
}
EXTRAS = "\n".join(f"e{n} = ['p[e{n + 1}]', 'p[e{n + 1}]']" for n in range(40))
CHAIN = "\n".join(f"g{n} = [{{include-group = 'g{n + 1}'}}]" for n in range(3000))
ENDLESS = {
    "extras-of-extras": {
        "pyproject.toml": f"[project]\nname='p'\n[project.optional-dependencies]\n{EXTRAS}\ntest=['p[e0]']\n"
    },
    "chain-of-extras": {
        "pyproject.toml": "[project]\nname='p'\n[project.optional-dependencies]\ntest=['p[e0]']\n"
        + "\n".join(f"e{n} = ['p[e{n + 1}]']" for n in range(3000))
    },
    "chain-of-groups": {"pyproject.toml": f"[dependency-groups]\n{CHAIN}\n"},
    "lists-of-lists": {
        "setup.py": SETUP
        + "a0 = ['x']\n"
        + "".join(f"a{n + 1} = [{f'a{n}, ' * 200}]\n" for n in range(12))
        + "setup(install_requires=a12)\n"
    },
    "texts-of-texts": {
        "setup.py": SETUP
        + "a0 = open('big.txt').read()\n"
        + "".join(f"a{n + 1} = a{n} + a{n}\n" for n in range(14))
        + "setup(version=a14)\n",
        "big.txt": "x" * 1_900_000,
    },
    "empty-lines": {"a/__init__.py": "", "a/version.py": "\n" * 300_000},
    "equals-signs": {"setup.cfg": "[options]\npackage_dir =\n" + "  " + "=" * 200_000 + " a b\n"},
    "blanks-in-a-line": {"setup.cfg": f"[options]\na{' ' * 100_000}b\n", "tox.ini": f"[testenv]\na{' ' * 100_000}b\n"},
}


def use(folder, files):
    """All that is done with a tree outside of containers."""
    for path, text in files.items():
        (folder / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "tree" / path).write_text(text, "utf-8")
    (folder / "tree" / "test_it.py").write_text("def test_a(): pass\n")
    asked = read_asked(Tree(folder / "tree"))
    assert all(admits(constraint, (3, 11, 2)) in (True, False) for constraint in asked.python)
    plans = [(attempt.requirements, attempt.optional) for attempt in attempts(asked)]
    assert json.dumps(plans, ensure_ascii=False).encode()
    assert key_of(asked, "", ())
    assert Shelf(folder / "shelf", frozenset).own("key", own_files(asked.own)).is_dir()
    made = tuple(Patch(path=path, content=text.encode()) for path, text in asked.own.files)
    request = ExecRequest(
        source=folder / "tree", source_key="k", test="test_it.py::test_a", environment=Environment(files=made)
    )
    (folder / "stage").mkdir()
    Stage(folder / "stage").place(request)
    return asked


@pytest.mark.parametrize("name", STRANGE)
def test_strange_files_are_as_if_they_said_nothing(tmp_path, name):
    asked = use(tmp_path, STRANGE[name])
    assert asked.tests == ("pytest",)
    assert all(len(path) < 200 for path, _ in asked.own.files)


@pytest.mark.parametrize("name", ENDLESS)
def test_reading_ends_whatever_names_whatever(tmp_path, name):
    began = time.process_time()
    assert "pytest" in use(tmp_path, ENDLESS[name]).tests
    assert time.process_time() - began < 10  # each took more than a minute, or all memory


def test_reading_that_fails_after_all_is_the_trees_own_affair(tmp_path, monkeypatch):
    from sandboxes import builder
    from sandboxes.errors import EnvironmentFailedError

    def fail(tree, reader):
        raise RecursionError("too deep")

    monkeypatch.setattr(builder, "read_asked", fail)
    environments = builder.BuiltEnvironments.__new__(builder.BuiltEnvironments)
    environments._reader = None
    with pytest.raises(EnvironmentFailedError, match="RecursionError: too deep") as caught:
        environments._read(tmp_path)
    assert caught.value.code == UNREADABLE


def test_own_packages_that_differ_never_share_a_name():
    """With 32 bits two of them would meet by chance among some tens of thousands, and by intent in an hour."""
    from sandboxes.builder import _digest

    assert len(_digest({"tree.pth": "a"})) * 4 >= 96
