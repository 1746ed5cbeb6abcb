"""Pairs of prediction and target made of the standard library's own code: the same for the same seed and Python."""

import ast
import random
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

Pair = tuple[str, str]
"""Prediction and target."""

EXACT, OTHER = 0.31, 0.35
"""Shares of predictions that are the target, and that are another target; the rest are targets with an edit."""

_EDITS = (*"_ . , ( ) [ ' \" = + # é 中 1 x".split(), "", "\n", "\\", "\t", "\0", " if x")


def expressions(*, longest: int = 200, most_files: int = 1_000) -> list[str]:
    """Arguments of calls in the first `most_files` modules, each once, sorted: targets of assertions are like them."""
    return sorted(text for node, text in _nodes(most_files) if isinstance(node, ast.expr) and len(text) <= longest)


def statements(*, longest: int = 400, most_files: int = 1_000) -> list[str]:
    """Statements of the first `most_files` modules, each once, sorted."""
    return sorted(text for node, text in _nodes(most_files) if isinstance(node, ast.stmt) and len(text) <= longest)


def make_pairs(pool: list[str], count: int, *, seed: int) -> list[Pair]:
    """Targets drawn from `pool`, each with a prediction."""
    generator = random.Random(seed)
    pairs = []
    for _ in range(count):
        target, chance = generator.choice(pool), generator.random()
        if chance < EXACT:
            pairs.append((target, target))
        elif chance < EXACT + OTHER:
            pairs.append((generator.choice(pool), target))
        else:
            pairs.append((_edited(target, generator), target))
    return pairs


def _edited(text: str, generator: random.Random) -> str:
    """`text` with one to three places replaced, cut out, or cut off behind."""
    for _ in range(generator.randint(1, 3)):
        start = generator.randint(0, len(text))
        end = min(len(text), start + generator.randint(0, 4))
        rest = text[end:] if generator.random() < 0.9 else ""
        text = text[:start] + generator.choice(_EDITS) + rest
    return text


def _nodes(most_files: int) -> Iterator[tuple[ast.AST, str]]:
    """Statements and arguments of calls with their text, each text once."""
    seen: set[str] = set()
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[:most_files]:
        source = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
        lines = source.splitlines(keepends=True)
        for node in ast.walk(tree):
            wanted = node.args if isinstance(node, ast.Call) else [node] if isinstance(node, ast.stmt) else []
            for part in wanted:
                text = _source_of(part, lines)
                if text not in seen:
                    seen.add(text)
                    yield part, text


def _source_of(node: ast.expr | ast.stmt, lines: list[bytes]) -> str:
    """The text of a node; places are of bytes."""
    first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
    part = lines[first : last + 1]
    part[-1] = part[-1][: node.end_col_offset]
    part[0] = part[0][node.col_offset :]
    return b"".join(part).decode("utf-8", "replace")
