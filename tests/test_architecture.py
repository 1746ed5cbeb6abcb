"""DESIGN's walls: sizes, who may import what, what stays cheap to import. No exemption lists."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("repopeftbench", "code2lora", "harness", "sandboxes")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MOST_LINES, MOST_FUNCTION_LINES, MOST_PARAMETERS = 400, 60, 7
FORBIDDEN_NAMES = {"utils", "helpers", "common", "misc"}
ONLY_IN = {
    "pygit2": {"repopeftbench/gitrepo.py", "repopeftbench/gitremote.py"},
    "transformers": {"code2lora/backbone.py", "code2lora/training/nano_model.py"},
    "docker": {"sandboxes/docker.py"},
    "huggingface_hub": {"repopeftbench/dataset/hub.py", "code2lora/hub.py"},
    "codebleu": {"harness/metrics/codebleu_package.py"},
    "ray": {"repopeftbench/ray_engine.py", "repopeftbench/ray_actors.py"},
    "tensorboard": {"code2lora/training/tracking.py"},
    "subprocess": {"sandboxes/local.py", "sandboxes/installing.py", "sandboxes/readiness.py"},
    "altair": {
        "harness/report/figures/drawing.py",
        "harness/report/figures/evidence.py",
        "harness/report/figures/quality.py",
        "harness/report/figures/repositories.py",
    },
    "vl_convert": {"harness/report/figures/files.py", "harness/report/html/page.py"},
    "jinja2": {"harness/report/html/page.py", "harness/report/serving.py"},
    "cyclopts": {"harness/cli.py"}
    | {f"harness/commands/{path.name}" for path in (ROOT / "harness/commands").glob("*.py")},
}


def relative(path):
    return path.relative_to(ROOT).as_posix()


def tree_of(path):
    return ast.parse(path.read_text("utf-8"))


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_module_is_within_the_walls(path):
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    assert path.stem not in FORBIDDEN_NAMES
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module opens by saying what it does"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno + 1 <= MOST_FUNCTION_LINES, f"{node.name} is too long"
            count = len(node.args.posonlyargs) + len(node.args.args) + len(node.args.kwonlyargs)
            has_self = bool(node.args.args) and node.args.args[0].arg in ("self", "cls")
            assert count - has_self <= MOST_PARAMETERS, f"{node.name} takes {count} parameters"


def imported_modules(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_library_is_imported_only_where_the_design_says(library):
    users = {relative(path) for path in MODULES if library in imported_modules(tree_of(path))}
    assert users <= ONLY_IN[library]


def modules_loaded_by(statement, *names):
    code = f"import sys; {statement}; print([name for name in {names!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return ast.literal_eval(done.stdout)


def test_base_install_imports_need_no_model_libraries():
    statement = "import harness.cli, repopeftbench.dataset.build, harness.report.tables, sandboxes"
    assert modules_loaded_by(statement, "torch", "transformers", "peft", "docker", "ray") == []


def test_code2lora_imports_where_git_and_tree_sitter_are_absent():
    blocked = "sys.modules.update(dict.fromkeys(['pygit2', 'tree_sitter', 'tree_sitter_python', 'datasets', 'docker']))"
    statement = (
        f"{blocked}; import code2lora.backbone, code2lora.generation, code2lora.training.nano, code2lora.encoder"
    )
    statement += "; import code2lora.export, code2lora.published_checkpoints, code2lora.vector_store, code2lora.walk"
    statement += "; import code2lora.training.session, code2lora.adapter_folders"
    statement += "; import code2lora.conditioning, code2lora.named_checkpoints, code2lora.published_vectors"
    assert modules_loaded_by(statement, "repopeftbench.mining") == []


def test_package_version_is_a_plain_release():
    import repopeftbench

    assert [part.isdigit() for part in repopeftbench.__version__.split(".")] == [True] * 3
