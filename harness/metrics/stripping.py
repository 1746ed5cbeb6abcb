"""Python source without comments and docstrings, as the `codebleu` package 0.7.0 strips them.

What it takes for a docstring is any string that starts a line, also as a whole text (`"foo"`) or as an argument. What
`tokenize` of the running Python cannot read stays as it is.

Source of the rule: `codebleu/parser/utils.py` of https://pypi.org/project/codebleu/0.7.0/.
"""

import re
import tokenize
from io import StringIO

# One line without any of these comes out as it goes in: nothing but blanks lies between its tokens, and no string
# starts it. (Doubled braces in an f-string are one brace to the `tokenize` of some Pythons.)
_CHANGES = re.compile(r"[\n\r\f\t\\#]|\{\{|\}\}|\A[A-Za-z]{0,3}['\"]|\A\s")


def strip_comments(source: str) -> str:
    """`source` without comments, docstrings and empty lines."""
    return _stripped(source) if _CHANGES.search(source) else source


def _stripped(source: str) -> str:
    parts: list[str] = []
    previous = tokenize.INDENT
    last_line, last_column = -1, 0
    try:
        for token in tokenize.generate_tokens(StringIO(source).readline):
            (line, column), kind = token.start, token.type
            if line > last_line:
                last_column = 0
            parts.append(" " * (column - last_column))
            docstring = kind == tokenize.STRING and (previous in (tokenize.INDENT, tokenize.NEWLINE) or column == 0)
            if kind != tokenize.COMMENT and not docstring:
                parts.append(token.string)
            previous = kind
            last_line, last_column = token.end
    except (tokenize.TokenError, SyntaxError):
        return source
    return "\n".join(line for line in "".join(parts).split("\n") if line.strip())
