"""From a source file and a site in it to prefix, gap, target and suffix: the one builder of both tracks.

The end of the prefix, the gap, the target and the suffix are the statement's exact text. The gap is the white space
(newlines and backslash-newlines included) before the target, so that no prefix ends in white space.
"""

import ast
import re
from dataclasses import dataclass
from functools import lru_cache

from repopeftbench.mining.sites import Site
from repopeftbench.mining.source import syntax_tree
from repopeftbench.schema import TargetType
from repopeftbench.tasks.context import structured_prefix
from repopeftbench.tasks.layout import Layout

TARGET_UNPARSABLE = "target-unparsable"
DEFAULT_PREFIX_BYTES = 16_384

_GAP = re.compile(r"(?:\s|\\\r?\n)*\Z")

_TYPES: tuple[tuple[type[ast.AST] | tuple[type[ast.AST], ...], TargetType], ...] = (
    (ast.JoinedStr, TargetType.STRING),
    ((ast.List, ast.Tuple, ast.Set, ast.Dict), TargetType.COLLECTION),
    ((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp), TargetType.COLLECTION),
    (ast.Call, TargetType.CALL),
    (ast.Name, TargetType.NAME),
    (ast.Attribute, TargetType.ATTRIBUTE),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A site cut at its target; offsets are bytes of the raw file, half-open."""

    prefix: str
    gap: str
    target: str
    suffix: str
    target_type: TargetType
    statement_start: int
    statement_end: int
    target_start: int
    target_end: int


def cut_site(layout: Layout, site: Site, prefix_bytes: int | None) -> Cut:
    """The cut of a site whose target is an expression.

    Args:
        layout: the file the site was found in.
        site: a site with a target.
        prefix_bytes: budget of the prefix in UTF-8 bytes (see `structured_prefix`), None for no limit.

    Raises:
        ValueError: the site has no target, or `(target)` is not an expression.
    """
    if site.target is None or site.target_start is None or site.target_end is None:
        raise ValueError(f"site at line {site.lineno} has no target: {site.reason}")
    kind = target_type(site.target)
    if kind is None:
        raise ValueError(f"target at line {site.lineno} is not an expression: {site.target!r}")
    source = layout.source
    before = source.slice(site.start, site.target_start)
    match = _GAP.search(before)
    gap = match.group() if match else ""
    end = site.target_start - len(gap.encode("utf-8"))
    return Cut(
        prefix=structured_prefix(layout, site.start, end, prefix_bytes),
        gap=gap,
        target=site.target,
        suffix=source.slice(site.target_end, site.end),
        target_type=kind,
        statement_start=source.raw_offset(site.start),
        statement_end=source.raw_offset(site.end),
        target_start=source.raw_offset(site.target_start),
        target_end=source.raw_offset(site.target_end),
    )


@lru_cache(maxsize=8_192)
def target_type(target: str) -> TargetType | None:
    """The syntactic kind of a target, None where `(target)` is not an expression."""
    try:
        body = syntax_tree(f"({target}\n)").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if len(body) != 1 or not isinstance(body[0], ast.Expr):
        return None
    node: ast.AST = body[0].value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.UAdd | ast.USub):
        node = node.operand if isinstance(node.operand, ast.Constant) else node
    if isinstance(node, ast.Constant):
        return _constant_type(node.value)
    return next((kind for types, kind in _TYPES if isinstance(node, types)), TargetType.OTHER)


def _constant_type(value: object) -> TargetType:
    if value is None:
        return TargetType.NONE
    if isinstance(value, bool):
        return TargetType.BOOL
    if isinstance(value, int | float | complex):
        return TargetType.NUMBER
    return TargetType.STRING if isinstance(value, str | bytes) else TargetType.OTHER
