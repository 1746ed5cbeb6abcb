"""What a dotted name in a file means, from the file's import statements (anywhere in it, scopes ignored)."""

from collections.abc import Iterable
from dataclasses import dataclass

from tree_sitter import Node


@dataclass(frozen=True, slots=True)
class ImportTable:
    """Local names and the modules or members they stand for, plus the modules imported with `*`."""

    aliases: dict[str, str]
    starred: frozenset[str]

    @property
    def known(self) -> bool:
        """Whether there is anything in the table."""
        return bool(self.aliases or self.starred)

    @property
    def mark(self) -> bytes:
        """Bytes that are equal for equal tables only."""
        return repr((sorted(self.aliases.items()), sorted(self.starred))).encode()

    def resolve(self, dotted: str) -> str:
        """The full dotted name: `pt.raises` -> `pytest.raises` after `import pytest as pt`; itself if unknown."""
        head, dot, rest = dotted.partition(".")
        return self.aliases.get(head, head) + dot + rest


def import_table(statements: Iterable[Node]) -> ImportTable:
    """The table of `import` and `from ... import` statement nodes; later ones win, relative imports are left out."""
    aliases: dict[str, str] = {}
    starred: set[str] = set()
    for node in statements:
        if node.type == "import_statement":
            for name in node.children_by_field_name("name"):
                _bind(aliases, name, prefix="")
        elif node.type == "import_from_statement":
            module = node.child_by_field_name("module_name")
            if module is None or module.type != "dotted_name":
                continue
            prefix = node_text(module)
            if any(child.type == "wildcard_import" for child in node.children):
                starred.add(prefix)
            for name in node.children_by_field_name("name"):
                _bind(aliases, name, prefix=prefix + ".")
    return ImportTable(aliases=aliases, starred=frozenset(starred))


def dotted_name(node: Node | None) -> str | None:
    """`a.b.c` of an identifier or a chain of attributes; None for anything else (a call, a subscript)."""
    parts: list[str] = []
    while node is not None and node.type == "attribute":
        attribute = node.child_by_field_name("attribute")
        if attribute is None:
            return None
        parts.append(node_text(attribute))
        node = node.child_by_field_name("object")
    if node is None or node.type != "identifier":
        return None
    parts.append(node_text(node))
    return ".".join(reversed(parts))


def _bind(aliases: dict[str, str], name: Node, *, prefix: str) -> None:
    if name.type == "aliased_import":
        original, alias = name.child_by_field_name("name"), name.child_by_field_name("alias")
        if original is not None and alias is not None:
            aliases[node_text(alias)] = prefix + node_text(original)
    elif prefix:
        aliases[node_text(name)] = prefix + node_text(name)
    else:
        # `import a.b` binds `a`.
        head = node_text(name).partition(".")[0]
        aliases[head] = head


def node_text(node: Node) -> str:
    """The source text of a node."""
    return (node.text or b"").decode("utf-8", "replace")
