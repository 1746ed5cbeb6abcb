"""What a tree asks for is read from every place where projects say it, and nothing of the tree is run."""

import json

import pytest

from sandboxes.requirements.asked import Guess, read_asked
from sandboxes.requirements.own import UNKNOWN_VERSION
from sandboxes.requirements.tree import Tree


@pytest.fixture
def asked(tmp_path):
    """What a tree of these files asks for; called again, it adds files."""

    def read(files):
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(text, "utf-8")
        return read_asked(Tree(tmp_path))

    return read


PROJECT = '[project]\nname = "Some.Name"\nversion = "1.2"\nrequires-python = ">=3.9"\ndependencies = ["attrs>=20"]\n'


def test_project_table_gives_requirements_python_name_and_version(asked):
    found = asked({"pyproject.toml": PROJECT})
    assert (found.runtime, found.tests, found.python) == (("attrs>=20",), ("pytest",), (">=3.9",))
    assert (found.own.name, found.own.version) == ("Some.Name", "1.2")


def test_empty_tree_asks_for_pytest_alone(asked):
    found = asked({"README": "nothing"})
    assert (found.runtime, found.tests, found.guesses, found.python) == ((), ("pytest",), (), ())


PLACES = {
    "extra": {"pyproject.toml": PROJECT + '[project.optional-dependencies]\ntests = ["b"]\ndocs = ["c"]\n'},
    "group": {"pyproject.toml": PROJECT + '[dependency-groups]\ntest = ["b"]\nlint = ["c"]\n'},
    "group that includes": {
        "pyproject.toml": PROJECT + '[dependency-groups]\ntest = [{include-group = "x"}]\n'
        'x = ["b", {include-group = "test"}]\n'
    },
    "developing where nothing is for tests": {
        "pyproject.toml": PROJECT + '[dependency-groups]\ndev = ["b"]\ndocs = ["c"]\n'
    },
    "Poetry's group": {"pyproject.toml": '[tool.poetry.group]\ntest.dependencies.b = "*"\ndocs.dependencies.c = "*"\n'},
    "Poetry's old table": {"pyproject.toml": '[tool.poetry.dev-dependencies]\nb = "*"\n'},
    "Flit's old table": {
        "pyproject.toml": '[tool.flit.metadata]\nmodule = "m"\n[tool.flit.metadata.requires-extra]\ntest = ["b"]\n'
    },
    "PDM": {"pyproject.toml": '[tool.pdm.dev-dependencies]\ntest = ["b"]\n'},
    "uv": {"pyproject.toml": '[tool.uv]\ndev-dependencies = ["b"]\n'},
    "Hatch": {
        "pyproject.toml": '[tool.hatch.envs.test]\ndependencies = ["b"]\n[tool.hatch.envs.lint]\ndependencies = ["c"]\n'
    },
    "setup.cfg's extra": {"setup.cfg": "[options.extras_require]\ntesting =\n    b\ndocs =\n    c\n"},
    "setup.cfg's tests_require": {"setup.cfg": "[options]\ntests_require = b\n"},
    "setup.py's extra": {
        "setup.py": "from setuptools import setup\nsetup(extras_require={'test': ['b'], 'docs': ['c']})\n"
    },
    "setup.py's tests_require": {
        "setup.py": "import setuptools\nneeds = ['b']\nsetuptools.setup(tests_require=needs)\n"
    },
    "requirements file": {"requirements-test.txt": "b\n", "requirements-docs.txt": "c\n"},
    "requirements file in a folder": {"requirements/tests.in": "b\n", "requirements/docs.in": "c\n"},
    "included file": {"test-requirements.txt": "-r sub/more.txt\n", "sub/more.txt": "b  # why\n--no-index\n"},
    "tox.ini": {"tox.ini": "[tox]\nenvlist = py311\n[testenv]\ndeps =\n    b\n[testenv:docs]\ndeps =\n    c\n"},
    "tox.ini's extra": {"tox.ini": "[testenv]\nextras = odd\n", "setup.cfg": "[options.extras_require]\nodd = b\n"},
    "tox.ini's file": {"tox.ini": "[testenv]\ndeps = -r{toxinidir}/x/odd.txt\n", "x/odd.txt": "b\n"},
}


@pytest.mark.parametrize("files", PLACES.values(), ids=PLACES)
def test_requirements_of_tests_are_found(asked, files):
    assert asked(files).tests == ("b", "pytest")


def test_developing_is_not_asked_for_where_something_is_for_tests(asked):
    text = PROJECT + '[dependency-groups]\ndev = ["c"]\ntest = ["b"]\n'
    assert asked({"pyproject.toml": text}).tests == ("b", "pytest")


def test_extra_that_names_the_package_itself_gives_what_that_extra_asks_for(asked):
    text = (
        PROJECT + '[project.optional-dependencies]\ntest = ["some-name[more]", "b"]\nmore = ["d", "Some_Name[test]"]\n'
    )
    assert asked({"pyproject.toml": text}).tests == ("b", "d", "pytest")


def test_line_of_tox_for_some_factors_gives_the_distribution_in_any_version(asked):
    found = asked({"tox.ini": "[testenv]\ndeps =\n  django42: django>=4.2,<5\n  django50: django>=5\n  {env:MORE:}\n"})
    assert found.tests == ("django", "pytest")


def test_tools_are_left_out_unless_tests_import_them(asked):
    lists = {"requirements-dev.txt": "black\nmypy\nsphinx-rtd-theme\nb\ntox\n"}
    assert asked(lists).tests == ("b", "pytest")
    assert asked({"tests/test_types.py": "from mypy import api\n"}).tests == ("b", "mypy", "pytest")


def test_what_no_registry_has_is_left_out_or_asked_for_by_its_name(asked):
    lines = "./local\n-e .\n../up\nhttps://x.org/y.zip\ngit+https://x.org/y#egg=b\nd @ https://x.org/d.whl\n-i https://evil.org\n"
    assert asked({"requirements-test.txt": lines}).tests == ("b", "d", "pytest")


@pytest.mark.parametrize("path", ["../outside.txt", "/etc/passwd", "sub/../../outside.txt"])
def test_file_outside_of_the_tree_is_never_read(asked, tmp_path, path):
    (tmp_path.parent / "outside.txt").write_text("secret\n")
    assert asked({"requirements-test.txt": f"-r {path}\nb\n"}).tests == ("b", "pytest")


def test_link_is_never_followed(asked, tmp_path):
    (tmp_path.parent / "linked.txt").write_text("secret\n")
    (tmp_path / "requirements-test.txt").symlink_to(tmp_path.parent / "linked.txt")
    (tmp_path / "requirements").symlink_to(tmp_path.parent)
    assert asked({"README": ""}).tests == ("pytest",)


def test_files_that_include_each_other_end(asked):
    files = {"requirements-test.txt": "-r other.txt\nb\n", "other.txt": "-r requirements-test.txt\nc\n"}
    assert asked(files).tests == ("b", "c", "pytest")


@pytest.mark.parametrize(
    "files",
    [
        {"pyproject.toml": "= nonsense ["},
        {"setup.cfg": "no section\n"},
        {"setup.py": "def ("},
        {"tox.ini": "[testenv\nx"},
        {"pyproject.toml": "project = 3\n[tool]\npoetry = 4\nhatch = []\n[dependency-groups]\ntest = 3\n"},
        {"pyproject.toml": '[project]\nname = 3\ndependencies = "attrs"\noptional-dependencies = []\n'},
        {"requirements-test.txt": "\0\n===\n[x]\n@@\n"},
    ],
)
def test_file_that_says_nonsense_is_as_if_it_said_nothing(asked, files):
    assert asked(files).tests == ("pytest",)


def test_setup_script_is_read_and_never_run(asked, tmp_path):
    text = (
        "import pathlib\npathlib.Path('ran').touch()\nfrom setuptools import setup, find_packages\n"
        "version = '3.1'\nBASE = ['attrs']\nsetup(name='x', version=version, packages=find_packages('src'),\n"
        "      install_requires=BASE + open('base.txt').read().split('\\n') + [compute()], python_requires='>=3.6')\n"
    )
    found = asked({"setup.py": text, "base.txt": "six>=1\nidna\n", "src/x/__init__.py": ""})
    assert (found.runtime, found.python) == (("attrs", "idna", "six>=1"), (">=3.6",))
    assert (found.own.name, found.own.version, found.own.import_paths) == ("x", "3.1", ("src",))
    assert not (tmp_path / "ran").exists()


def test_undeclared_imports_of_tests_are_guessed(asked):
    body = (
        "import os, yaml\nimport attrs\nimport pkg, helper\nfrom . import near\nfrom requests.sessions import Session\n"
        "try:\n    import ujson\nexcept ImportError:\n    ujson = None\nif os.name == 'nt':\n    import win32api\n"
        "def test_late():\n    import dateutil.tz\n"
    )
    files = {"pyproject.toml": PROJECT, "tests/test_a.py": body, "pkg/__init__.py": "", "tests/helper.py": ""}
    assert asked(files).guesses == (
        Guess(requirement="python-dateutil", module="dateutil"),
        Guess(requirement="pyyaml", module="yaml"),
        Guess(requirement="requests", module="requests"),
    )


def test_guess_takes_the_bounds_that_any_list_has(asked):
    text = PROJECT + '[project.optional-dependencies]\nweb = ["requests>=2,<3"]\n'
    files = {"pyproject.toml": text, "tests/test_a.py": "import requests\n"}
    assert asked(files).guesses == (Guess(requirement="requests>=2,<3", module="requests"),)


def test_what_the_package_can_use_is_guessed_and_what_is_for_its_makers_is_not(asked):
    extras = 'speed = ["brotli>=1"]\ndocs = ["furo"]\ndev = ["c"]\nlint = ["d"]\nall = ["some-name[speed]"]\n'
    found = asked({"pyproject.toml": PROJECT + "[project.optional-dependencies]\n" + extras})
    assert found.guesses == (Guess(requirement="brotli>=1"),)


def test_imports_of_the_package_are_guessed_only_where_nothing_says_what_it_needs(asked):
    files = {"pkg/__init__.py": "import six\n", "docs/conf.py": "import sphinx\n"}
    assert asked(files).guesses == (Guess(requirement="six", module="six"),)
    assert asked({"pyproject.toml": PROJECT}).guesses == ()


def test_plugins_are_known_by_options_marks_and_fixtures(asked):
    files = {
        "pytest.ini": "[pytest]\naddopts = --cov=x --timeout 3\n",
        "tests/test_a.py": "import pytest\n@pytest.mark.asyncio\nasync def test_a(mocker, tmp_path): pass\n",
    }
    names = [guess.requirement for guess in asked(files).guesses]
    assert names == ["pytest-asyncio", "pytest-cov", "pytest-mock", "pytest-timeout"]


def test_record_does_not_depend_on_the_order_of_files_and_lines(asked):
    first = asked({"requirements-test.txt": "b\nc\n", "tox.ini": "[testenv]\ndeps = d\n"})
    second = asked({"requirements-test.txt": "c\nb\nc\n"})
    assert first == second


class TestOwnPackage:
    def test_source_folder_comes_first_where_it_holds_the_package(self, asked):
        assert asked({"src/x/__init__.py": ""}).own.import_paths == ("src",)

    def test_folder_called_src_that_is_a_package_is_no_source_folder(self, asked):
        assert asked({"src/__init__.py": "", "src/a.py": ""}).own.import_paths == ()

    @pytest.mark.parametrize(
        "files",
        [
            {"setup.cfg": "[options]\npackage_dir =\n    = python\n"},
            {"setup.py": "from setuptools import setup\nsetup(package_dir={'': 'python'})\n"},
            {"pyproject.toml": '[tool.setuptools.packages.find]\nwhere = ["python"]\n'},
            {"pyproject.toml": '[tool.setuptools]\npackage-dir = {"" = "python"}\n'},
            {"pyproject.toml": '[[tool.poetry.packages]]\ninclude = "x"\nfrom = "python"\n'},
        ],
    )
    def test_folder_that_the_build_names_comes_first(self, asked, files):
        assert asked({"python/x/__init__.py": "", **files}).own.import_paths == ("python",)

    def test_import_path_never_leaves_the_tree(self, asked):
        assert asked({"setup.py": "setup(package_dir={'': '../up'})", "a.py": ""}).own.import_paths == ()

    def test_version_is_read_from_the_package_where_it_is_not_declared(self, asked):
        text = '[project]\nname = "x"\ndynamic = ["version"]\n'
        assert asked({"pyproject.toml": text, "x/__init__.py": "__version__: str = '4.5'\n"}).own.version == "4.5"

    @pytest.mark.parametrize("version", ["1/../../x", "1\\n", "/etc", "", "attr: x.y", "v1"])
    def test_version_that_could_be_a_path_is_unknown(self, asked, version):
        files = {"pyproject.toml": f'[project]\nname = "x"\nversion = "{version}"\n'}
        text = f"__version__ = '{version}'\n".replace("\\n'", "'")
        assert asked({**files, "x/__init__.py": text}).own.version in (UNKNOWN_VERSION, "1")

    @pytest.mark.parametrize(
        "files",
        [
            {"pyproject.toml": '[tool.setuptools_scm]\nwrite_to = "x/_version.py"\n'},
            {"pyproject.toml": '[tool.hatch.build.hooks.vcs]\nversion-file = "x/_version.py"\n'},
            {"setup.py": "setup(use_scm_version={'write_to': 'x/_version.py'})\n"},
            {"x/__init__.py": "from ._version import version as __version__\n"},
            {"x/__init__.py": "try:\n    from x._version import __version__\nexcept ImportError:\n    raise\n"},
        ],
    )
    def test_version_file_that_a_build_would_write_is_made(self, asked, files):
        own = asked({"x/__init__.py": "", **files}).own
        assert [path for path, _ in own.files] == ["x/_version.py"]
        written = {}
        exec(own.files[0][1], written)
        assert (written["version"], written["__version__"]) == (UNKNOWN_VERSION, UNKNOWN_VERSION)
        assert written["version_tuple"] == (0, 0, 0)

    def test_version_file_that_the_tree_has_is_its_own(self, asked):
        files = {"x/__init__.py": "from ._version import version\n", "x/_version.py": "version = '7.0'\n"}
        own = asked(files).own
        assert (own.files, own.version) == ((), "7.0")

    def test_version_file_outside_of_the_tree_is_not_made(self, asked):
        text = '[tool.setuptools_scm]\nwrite_to = "../x.py"\nversion_file = "/tmp/y.py"\n'
        assert asked({"pyproject.toml": text}).own.files == ()

    def test_entry_points_are_read_from_every_place(self, asked):
        project = PROJECT + '[project.scripts]\nrun = "x:main"\n[project.entry-points.pytest11]\nplug = "x.plugin"\n'
        assert asked({"pyproject.toml": project}).own.entry_points == (
            ("console_scripts", "run", "x:main"),
            ("pytest11", "plug", "x.plugin"),
        )

    def test_entry_points_of_setup_files_are_read(self, asked):
        files = {
            "setup.cfg": "[options.entry_points]\npytest11 =\n    plug = x.plugin\n",
            "setup.py": "setup(entry_points={'console_scripts': ['run = x:main']})\n",
        }
        assert asked(files).own.entry_points == (
            ("console_scripts", "run", "x:main"),
            ("pytest11", "plug", "x.plugin"),
        )

    @pytest.mark.parametrize(
        "files",
        [
            {"pyproject.toml": '[build-system]\nbuild-backend = "maturin"\n'},
            {"pyproject.toml": '[build-system]\nbuild-backend = "mesonpy"\n'},
            {"setup.py": "setup(ext_modules=[Extension('x', ['x.c'])])\n"},
            {"setup.py": "setup(ext_modules=cythonize('x.pyx'))\n"},
        ],
    )
    def test_package_that_must_be_compiled_says_so(self, asked, files):
        assert asked(files).own.compiled.endswith(("which compiles", "has extension modules"))

    def test_package_of_pure_python_says_nothing_of_compiling(self, asked):
        assert asked({"pyproject.toml": PROJECT, "setup.py": "setup(ext_modules=[])\n"}).own.compiled == ""


@pytest.mark.parametrize(
    "line",
    [
        "a\n--index-url https://evil.org",
        "a>=1\n-r /etc/passwd",
        "a ; os_name == 'x'\n--pre",
        "--pre",
        "a @ file:///etc",
    ],
)
def test_requirement_cannot_smuggle_an_option_or_a_place(asked, line):
    text = f'[project]\nname = "x"\ndependencies = [{json.dumps(line)}]\n'
    for found in asked({"pyproject.toml": text}).runtime:
        assert "\n" not in found
        assert not found.startswith("-")
        assert "file:" not in found
