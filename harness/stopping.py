r"""Where a prediction ends: at the end of the first complete expression at the cut. Never sees a target.

The rule. Read tokens from the cut for as long as they can begin an expression that may stand there. The token at
which that fails ends the prediction; the tokens before it are the prediction, and it is complete when they are one
whole expression: operands and operators alternate and every bracket is closed, and tree-sitter, given them in the
context of the cut, reads exactly one expression node over them and no error.

The context has two parts, both read off the prefix alone:

* After a comparison operator (`assert x ==`, `not in`, `is not` ...) an operand of a comparison may stand: `3 and y`
  gives `3`, `a | b` gives `a | b`, a chained comparison ends at its next operator. Everywhere else (arguments) any
  expression may stand: `3 if a else b` gives all of it, `foo(1), "msg"` gives `foo(1)`.
* Within brackets that the prefix opened, line breaks and comments are white space; outside, they end the prediction.

A prediction's leading white space (line breaks, `\`-newline and, within brackets, comment lines included) is dropped:
it is the gap. After a prefix that ends in a comment everything up to the first line break still belongs to the
comment.

Not known here: whether names exist, whether types fit, and what the target is.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from harness.expression import COMPARISONS, STATEMENT_WORDS, ExpressionReader, Slot
from harness.lexing import Kind, Lexer
from repopeftbench.syntax import parse


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The cut as read off the end of a prefix.

    `inside`: the prefix leaves brackets open. `in_comment`: the prefix ends in a comment. `statement_start`: offset,
    in characters of the prefix, of the first token of the statement that is cut.
    """

    slot: Slot
    inside: bool
    in_comment: bool
    statement_start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A stopped prediction; `complete` says that `text` is a whole expression."""

    text: str
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Extent:
    """Characters [start, end) of a raw text are the prediction.

    `whole`: as tokens they make an expression. `settled`: no further text can change the extent.
    """

    start: int
    end: int
    whole: bool
    settled: bool


_CONTEXTS = tuple(
    Context(slot=slot, inside=inside, in_comment=False, statement_start=0)
    for slot in (Slot.OPERAND, Slot.ARGUMENT)
    for inside in (False, True)
)
"""All contexts that a target can stand in, as far as its end depends on them."""

_STRICTEST = _CONTEXTS[0]
"""Where the fewest texts may stand: what is read to its end here is so at every cut."""

# With these a token ends a prediction for good; any other last token of a text may grow (`i` -> `if`, `:` -> `:=`,
# `!` -> `!=`).
_FINAL = frozenset(")]},;#\r\n")
_LEADING = re.compile(r"(?:[ \t\f\r\n]|\\(?:\r\n|\n|\r))*")
_LEADING_INSIDE = re.compile(r"(?:[ \t\f\r\n]|\\(?:\r\n|\n|\r)|#[^\r\n]*[\r\n])*")
_AFTER_COMMENT = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)")


@lru_cache(maxsize=512)
def read_context(prefix: str) -> Context:
    """The context at the end of `prefix`; kept per prefix, as generation asks after every token.

    A prefix is real text up to a cut in code. On any other text the answer is still defined: a statement keyword
    inside brackets means that a bracket before it was never closed, and it is forgotten.
    """
    lexer = Lexer(prefix, inside=False)
    statement_start, fresh = 0, True
    last, before = "", ""
    in_comment = False
    for token in lexer.tokens():
        in_comment = token.kind is Kind.COMMENT and token.end == len(prefix)
        if token.kind is Kind.COMMENT:
            continue
        word = prefix[token.start : token.end] if token.kind in (Kind.NAME, Kind.OPERATOR) else ""
        if token.depth and token.kind is Kind.NAME and word in STATEMENT_WORDS:
            lexer.stack.clear()
            fresh = True
        if token.kind is Kind.NEWLINE or (word == ";" and not lexer.stack):
            fresh = True
        elif fresh:
            statement_start, fresh = token.start, False
        if token.kind is not Kind.NEWLINE:
            last, before = word, last
    compares = last in COMPARISONS or last in ("in", "is") or (last == "not" and before == "is")
    return Context(
        slot=Slot.OPERAND if compares else Slot.ARGUMENT,
        inside=bool(lexer.stack),
        in_comment=in_comment,
        statement_start=len(prefix) if fresh else statement_start,
    )


def stop_prediction(prefix: str, raw: str) -> Stopped:
    """The first complete expression of `raw` at the cut after `prefix`.

    Where there is none, `complete` is false and `text` is what stands before the token that cannot belong to an
    expression there (possibly nothing), or all of `raw` without surrounding white space when it ended too early to
    say. Any text is accepted.
    """
    return _stop(raw, read_context(prefix))


def stop_target(prefix: str, target: str) -> str:
    """The target as predictions are compared with it: ended by the rule that ends them, whatever it holds.

    Targets of our own construction are whole expressions, and come back as they are. A published one may go on behind
    its expression (`2)`), where no stopped prediction could equal it. One that the rule leaves nothing of stays.
    """
    if _stop(target, _STRICTEST).text == target:  # then at every cut
        return target
    texts = {_stop(target, context).text for context in _CONTEXTS}
    if len(texts) > 1:  # only then the prefix, which is long, need be read
        texts = {_stop(target, replace(read_context(prefix), in_comment=False)).text}
    return texts.pop() or target


def _stop(raw: str, context: Context) -> Stopped:
    extent = _measure(raw, context)
    text = raw[extent.start : extent.end]
    if extent.whole and _is_one_expression(text, context.slot):
        return Stopped(text=text, complete=True)
    return Stopped(text=text if extent.settled else raw[extent.start :].strip(), complete=False)


def is_complete(prefix: str, raw: str) -> bool:
    """Whether no further text can change what `stop_prediction(prefix, raw)` gives: the stop rule of generation.

    True also where `raw` can no longer become an expression; false on `3 i`, which may still become `3 if x else y`.
    """
    return _measure(raw, read_context(prefix)).settled


def _measure(raw: str, context: Context) -> _Extent:
    offset = 0
    if context.in_comment:
        comment = _AFTER_COMMENT.match(raw)
        if comment is None:
            return _Extent(start=0, end=0, whole=False, settled=False)
        offset = comment.end()
    leading = (_LEADING_INSIDE if context.inside else _LEADING).match(raw, offset)
    start = leading.end() if leading is not None else offset
    text = raw[start:]
    reader = ExpressionReader(text, context.slot)
    settled = False
    for token in Lexer(text, inside=context.inside).tokens():
        if token.kind is Kind.COMMENT and (context.inside or token.depth):
            continue
        if not reader.accept(token):
            settled = token.end < len(text) or text[token.start] in _FINAL
            break
    return _Extent(start=start, end=start + reader.end, whole=reader.whole, settled=settled)


def _is_one_expression(text: str, slot: Slot) -> bool:
    """Whether tree-sitter reads `text` in its slot as exactly one node without an error."""
    opening = b"(_ == " if slot is Slot.OPERAND else b"_("
    source = text.encode("utf-8", "surrogatepass")
    # The line break keeps the closing bracket out of whatever the text ends in.
    root = parse(opening + source + b"\n)").root_node
    if root.has_error:
        return False
    start, end = len(opening), len(opening) + len(source)
    node = root.descendant_for_byte_range(start, end)
    return node is not None and node.is_named and (node.start_byte, node.end_byte) == (start, end)
