"""A parse copy in which brackets span no lines: a work-around for the tree-sitter grammar's view of indentation.

The grammar's scanner closes a block at a line that is indented less than the block even inside brackets, when an
operator or a colon stands at the end of the line before (tree-sitter-python 0.25). Python ignores indentation there.
The copy has spaces in the place of newlines and comments inside brackets; it is as long, byte for byte, so offsets
hold. To go when the grammar reads such files without an error.
"""

import io
import tokenize
from dataclasses import replace

from repopeftbench.mining.source import SourceText


def flattened(source: SourceText) -> SourceText:
    """The source with a parse copy without newlines and comments inside brackets; for valid Python only."""
    text = source.parsed.decode("utf-8")
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.encode("utf-8")) + 1)
    parsed = bytearray(source.parsed)
    depth = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text, newline="\n").readline):
            if token.type == tokenize.OP:
                depth += (token.string in "([{") - (token.string in ")]}")
            elif depth > 0 and token.type in (tokenize.NL, tokenize.COMMENT):
                row, column = token.start
                first = starts[row - 1] + len(lines[row - 1][:column].encode("utf-8"))
                length = max(len(token.string.encode("utf-8")), 1)
                parsed[first : first + length] = b" " * length
    except (tokenize.TokenError, SyntaxError):
        return source
    return replace(source, parsed=bytes(parsed))
