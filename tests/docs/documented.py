"""Reads pages: the blocks that a reader would copy, in order.

A fence `console` holds lines that begin with `$`, each followed by lines of its output; a fence with a title is a file;
a fence `sh` holds lines for a machine that tests do not have (a network, a GPU, an engine, an account).
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUN_PAGES = (
    "README.md",
    "docs/tutorial.md",
    *sorted(f"docs/how-to/{path.name}" for path in (ROOT / "docs/how-to").glob("*.md")),
)
_FENCE = re.compile(r"^```(?P<kind>\w*)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block."""

    kind: str
    title: str | None
    text: str

    def commands(self):
        """The lines that are run, each with the lines of output that the page shows."""
        found = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line.strip() and found:
                found[-1][1].append(line)
        return found


def blocks(page):
    """The fenced blocks of a page, in order."""
    text = (ROOT / page).read_text("utf-8")
    return [Block(kind=one["kind"], title=one["title"], text=one["text"]) for one in _FENCE.finditer(text)]
