"""Imports followed through source roots and re-exports, and definitions shortened to a budget."""

import ast
import dataclasses
import time

import pytest
from harness_cases import make_task

from harness.predictors.retrieval.compression import Detail, Passage, by_use, names_of, nearest_first, shown
from harness.predictors.retrieval.dependencies import DependencyFinder
from harness.predictors.retrieval.imports import Binding, ModulePaths, bindings_of
from harness.predictors.scripted import MemoryView
from repopeftbench.definitions import definitions_of
from repopeftbench.errors import GitObjectError
from repopeftbench.schema import TaskInput

CLASS = '''class Box(Base):
    """A box.

    More.
    """

    size = 1

    def __init__(self, size):
        """Makes it."""
        self.size = size

    def open(self):
        return "opened by hand"

    def close(self):
        return "closed by hand"
'''


def found(prefix, test_file="tests/test_m.py", **options):
    """Path and name of the definitions that a prefix leads to in some files."""
    files = options.pop("files")
    view = MemoryView(repo_id="r", commit_sha="c", files=files)
    task = dataclasses.replace(TaskInput.of(make_task(1, prefix=prefix)), test_file=test_file)
    _, passages = DependencyFinder(view, heading="# {path}\n").passages(task)
    return [(passage.heading[2:-1], passage.definition.name) for passage in passages]


def test_bindings_of_every_kind_of_import():
    text = "import a.b, c as d\ndef t():\n    from .. import e\n    from .f.g import (h as i,\n k)\nfrom l import *\n"
    assert bindings_of(text + "assert x in (") == (
        Binding(name="a.b", module="a.b", level=0, member=""),
        Binding(name="d", module="c", level=0, member=""),
        Binding(name="e", module="", level=2, member="e"),
        Binding(name="i", module="f.g", level=1, member="h"),
        Binding(name="k", module="f.g", level=1, member="k"),
        Binding(name="*", module="l", level=0, member="*"),
    )


@pytest.mark.parametrize(
    ("module", "path"),
    [
        ("pkg", "src/pkg/__init__.py"),
        ("pkg.mod", "src/pkg/mod.py"),
        ("space.inner.deep", "space/inner/deep.py"),  # namespace packages
        ("inner.deep", "space/inner/deep.py"),
        ("mod", None),  # src/pkg is a package: nobody imports from inside it
        ("alone", "alone.py"),
        ("numpy", None),
        ("pkg.missing", None),
        ("twice", "twice.py"),  # nearest to the root
    ],
)
def test_modules_are_found_through_source_roots(module, path):
    paths = ["src/pkg/__init__.py", "src/pkg/mod.py", "space/inner/deep.py", "alone.py", "lib/twice.py", "twice.py"]
    assert ModulePaths(paths).find(module) == path
    assert ModulePaths(reversed(paths)).find(module) == path


@pytest.mark.parametrize(
    ("level", "module", "path"),
    [
        (1, "", None),
        (1, "near", "pkg/tests/near.py"),
        (2, "", "pkg/__init__.py"),
        (2, "mod", "pkg/mod.py"),
        (9, "", None),
    ],
)  # fmt: skip
def test_relative_imports_start_at_the_test_file(level, module, path):
    paths = ["pkg/__init__.py", "pkg/mod.py", "pkg/tests/near.py"]
    assert ModulePaths(paths).relative("pkg/tests/test_a.py", module, level) == path


def test_re_exports_are_followed_to_the_definition():
    files = {
        "src/pkg/__init__.py": "from .api import make as build\nfrom pkg._star import *\nfrom . import sub\n",
        "src/pkg/api.py": "from .core import make\n",
        "src/pkg/core.py": "def make(): pass\n",
        "src/pkg/_star.py": "from .core2 import *\n",
        "src/pkg/core2.py": "class Star: pass\n",
        "src/pkg/sub.py": "def below(): pass\n",
    }
    prefix = "from pkg import build, Star, sub\ndef test():\n    build(Star(), sub.below())\n    assert build() =="
    assert found(prefix, files=files) == [
        ("src/pkg/core.py", "make"),
        ("src/pkg/sub.py", "below"),
        ("src/pkg/core2.py", "Star"),
    ]


def test_attributes_of_modules_are_followed():
    files = {"pkg/__init__.py": "", "pkg/mod.py": "def f(): pass\ndef g(): pass\nclass C:\n    def m(self): pass\n"}
    assert found("import pkg.mod\nassert pkg.mod.f() ==", files=files) == [("pkg/mod.py", "f")]
    assert found("import pkg\nassert pkg.mod.g() ==", files=files) == [("pkg/mod.py", "g")]
    assert found("import pkg.mod as p\nassert p.C.m(1) ==", files=files) == [("pkg/mod.py", "C")]
    assert found("from pkg import mod\nassert mod.C().m(1) ==", files=files) == [("pkg/mod.py", "C")]


def test_a_star_gives_what_the_prefix_names():
    files = {"mod.py": "from other import h\ndef f(): pass\ndef g(): pass\n", "other.py": "def h(): pass\n"}
    assert found("from mod import *\nassert f(h()) ==", files=files) == [("other.py", "h"), ("mod.py", "f")]


def test_names_in_strings_and_comments_lead_nowhere_and_local_imports_do():
    files = {"mod.py": "def f(): pass\ndef g(): pass\n"}
    prefix = "import mod\ndef test():\n    from mod import f\n    x = 'mod.g'  # mod.g\n    assert f() =="
    assert found(prefix, files=files) == [("mod.py", "f")]


def test_what_is_named_nearest_to_the_cut_comes_first():
    files = {"mod.py": "def f(): pass\ndef g(): pass\ndef h(): pass\n"}
    prefix = "from mod import f, g, h\nassert g(f()) == 1\nassert g(2) =="
    assert [name for _, name in found(prefix, files=files)] == ["g", "f", "h"]


def test_circles_and_broken_files_end():
    files = {
        "a.py": "from b import *\nfrom b import x\n",
        "b.py": "from a import *\nfrom a import x\n",
        "c.py": "def (",
    }
    assert found("from a import x, y\nfrom c import z\nassert x(y, z) ==", files=files) == []

    class Broken(MemoryView):
        def read(self, path):
            raise GitObjectError("no text")

    finder = DependencyFinder(Broken(repo_id="r", commit_sha="c", files={"m.py": ""}), heading="")
    assert finder.passages(TaskInput.of(make_task(1, prefix="from m import f\nassert f() ==")))[1] == []


def test_many_modules_that_take_everything_from_each_other_take_no_long_time():
    count = 12
    stars = "".join(f"from .m{number} import *\n" for number in range(count))
    files = {f"p/m{number}.py": f"{stars}def f{number}():\n    pass\n" for number in range(count)}
    files["p/__init__.py"] = stars
    start = time.process_time()
    assert found("from p import nothing, f7\nassert f7() == ", files=files) == [("p/m7.py", "f7")]
    assert found("from p import *\nassert f7() == nothing() == ", files=files) == [("p/m7.py", "f7")]
    assert time.process_time() - start < 5


def test_a_star_leads_through_the_stars_of_a_package():
    files = {"p/__init__.py": "from .a import *\n", "p/a.py": "from .b import *\n", "p/b.py": "class C:\n    X = 1\n"}
    assert found("from p import *\nassert C.X == ", files=files) == [("p/b.py", "C")]


def test_importing_a_submodule_binds_its_package_too():
    files = {"a/__init__.py": "def f(): pass\ndef b(): pass\n", "a/b.py": "def g(): pass\n"}
    assert found("import a.b\nassert a.f() == ", files=files) == [("a/__init__.py", "f")]
    assert found("import a.b\nassert a.b.g() == ", files=files) == [("a/b.py", "g")]
    assert found("import a.b as c\nassert a.f() == ", files=files) == []


def test_many_imports_and_many_names_take_no_long_time():
    prefix = "".join(f"import m{number}\n" for number in range(2000)) + "".join(f"x{n}.y\n" for n in range(20_000))
    start = time.process_time()
    assert found(f"{prefix}assert m7.f() == ", files={"m7.py": "def f(): pass\n"}) == [("m7.py", "f")]
    assert time.process_time() - start < 5


def passage(text, heading=""):
    (definition,) = definitions_of(text)
    return Passage(heading=heading, name=definition.name, definition=definition)


def test_an_outline_has_the_members_that_are_named():
    names = names_of("box.open()\nassert")
    assert shown(passage(CLASS).definition, names, Detail.OUTLINE) == (
        "class Box(Base):\n    # A box.\n    def __init__(self, size):\n        # Makes it.\n        ...\n"
        "    def open(self):\n        ..."
    )
    with_members = shown(passage(CLASS).definition, names, Detail.MEMBERS)
    assert "opened by hand" in with_members
    assert "close" not in with_members
    assert shown(passage(CLASS).definition, names, Detail.WHOLE) == CLASS.rstrip("\n")


@pytest.mark.parametrize("detail", Detail)
@pytest.mark.parametrize(
    "text",
    [CLASS, "def f(): return 1", "class C: pass", "@d\ndef f(a,\n      b=':'):\n  'Doc.'\n  return a", "X = [1,\n 2]"],
)
def test_what_is_shown_is_python_that_defines_the_name(text, detail):
    definition = passage(text).definition
    (statement,) = ast.parse(shown(definition, names_of("box.open("), detail)).body
    name = statement.targets[0].id if isinstance(statement, ast.Assign) else statement.name
    assert name == definition.name


def test_every_definition_gets_an_outline_before_any_gets_a_body():
    texts = [f"def f{n}(a):\n    return {'a + ' * 20}{n}\n" for n in range(3)]
    passages, names = [passage(text) for text in texts], names_of("")
    outline = "def f0(a):\n    ..."
    assert nearest_first(passages, names, 3 * len(outline + "\n\n"), len) == [
        "def f2(a):\n    ...", "def f1(a):\n    ...", "def f0(a):\n    ...",
    ]  # fmt: skip
    one_body = nearest_first(passages, names, 3 * len(outline + "\n\n") + len(texts[0]), len)
    assert one_body[-1] == texts[0].rstrip("\n")
    assert one_body[:2] == ["def f2(a):\n    ...", "def f1(a):\n    ..."]
    assert nearest_first(passages, names, 0, len) == []


@pytest.mark.parametrize("shorten", [nearest_first, by_use])
@pytest.mark.parametrize("budget", range(0, 400, 17))
def test_no_budget_is_exceeded(shorten, budget):
    passages = [passage(CLASS, "# a\n"), passage("def f(): return 1\n"), passage("LIMIT = 'x' * 300\n")]
    texts = shorten(passages, names_of("Box(f(LIMIT)).open()"), budget, len)
    assert sum(len(text) + 2 for text in texts) <= budget


def test_what_is_called_comes_before_what_is_named():
    passages = [
        passage(f"def {name}():\n    return '{name * 10}'\n") for name in ("absent", "named", "based", "called")
    ]
    names = names_of("x = named\nbased.attribute\ncalled()")

    def kept(budget):
        texts = by_use(passages, names, budget, len)
        return [text.split("(")[0][4:] for text in texts if "return" in text]

    whole = len(passages[0].definition.text) + 3
    assert kept(whole) == ["called"]
    assert kept(2 * whole) == ["based", "called"]
    assert kept(3 * whole) == ["named", "based", "called"]
    assert kept(4 * whole) == ["absent", "named", "based", "called"]
