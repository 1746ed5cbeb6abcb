"""The package is a leaf: what it imports, and what its inside may rely on."""

import ast
import sys
from pathlib import Path

import pytest

import sandboxes

FOLDER = Path(sandboxes.__file__).parent
MODULES = sorted(FOLDER.rglob("*.py"))


def imported(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_module_imports_the_standard_library_and_docker_alone(path):
    inside = path.parent.name == "inside"
    allowed = {"pytest", "_pytest"} if inside else {"docker", "sandboxes"}
    assert set(imported(path)) <= set(sys.stdlib_module_names) | allowed


def test_attack_has_a_name_of_its_own_and_stands_in_the_document():
    sys.path.insert(0, str(Path(__file__).parent.parent / "sandbox_attacks"))
    try:
        from attacks import CONTAINED, PREDICTIONS, VERDICTS
    finally:
        del sys.path[0]
    names = [attack.name for attack in (*CONTAINED, *VERDICTS, *PREDICTIONS)]
    text = (FOLDER.parent / "docs" / "security.md").read_text("utf-8")
    attacks = [attack.name for attack in (*CONTAINED, *VERDICTS)]
    assert len(attacks) == len(set(attacks)) >= 25
    assert [name for name in names if name not in text] == []
