"""Follows one Python expression token by token and says at which token it cannot go on.

Only the alternation of operands and operators at the outermost level is known here; what brackets and f-strings
enclose is taken as one operand, and whether the whole is well formed is asked of tree-sitter by `stopping`. Source of
the grammar: the Python language reference, chapter 6.
"""

from enum import Enum

from harness.lexing import Kind, Token


class Slot(Enum):
    """What may stand at the cut: an operand of a comparison, or any expression that may be an argument."""

    OPERAND = "operand"
    ARGUMENT = "argument"


COMPARISONS = frozenset({"==", "!=", "<", ">", "<=", ">=", "<>"})
# A keyword that starts or continues a statement: it cannot stand inside brackets.
STATEMENT_WORDS = frozenset(
    "assert break class continue def del except finally global import nonlocal pass raise return try while with".split()
)
_RESERVED = STATEMENT_WORDS | frozenset("and as async elif else for from if in is or yield".split())
_BINARY = frozenset({"+", "-", "*", "/", "//", "%", "@", "**", "&", "|", "^", "<<", ">>"})
_UNARY = frozenset({"+", "-", "~"})
_STRINGS = frozenset({Kind.STRING, Kind.FSTRING, Kind.UNFINISHED})
_OPENING = frozenset({Kind.OPEN, Kind.FSTRING, Kind.UNFINISHED})


class _Next(Enum):
    OPERAND = "operand"
    OPERATOR = "operator"
    NAME = "name"  # after a dot
    IN = "in"  # after the `not` of `not in`
    PARAMETERS = "parameters"  # between `lambda` and its colon
    CLOSING = "closing"  # within brackets or an f-string
    NOTHING = "nothing"  # a keyword argument stands here, no expression


class ExpressionReader:
    """The state of one expression; feed it a text's tokens, without comments, until one is not accepted."""

    __slots__ = ("_lambdas", "_lone_name", "_next", "_slot", "_string", "_ternaries", "_text", "end")

    def __init__(self, text: str, slot: Slot) -> None:
        """Reads tokens of `text`, which begins where `slot` is."""
        self._text = text
        self._slot = slot
        self._next = _Next.OPERAND
        self._string = False  # the last operand is a string literal, which another one may follow
        self._lone_name = False  # the expression is one bare name so far
        self._lambdas = 0  # lambdas whose colon is still to come
        self._ternaries = 0  # `if` whose `else` is still to come
        self.end = 0

    @property
    def whole(self) -> bool:
        """Whether the tokens accepted so far, [0, end) of the text, make an expression."""
        return self._next is _Next.OPERATOR and not self._ternaries

    def accept(self, token: Token) -> bool:
        """Takes `token` if an expression can go on with it; after the first refusal the reader is done."""
        match self._next:
            case _Next.OPERAND:
                taken = self._operand(token)
            case _Next.OPERATOR:
                taken = self._operator(token)
            case _Next.NAME:
                taken = self._then(_Next.OPERATOR) if token.kind is Kind.NAME else False
            case _Next.IN:
                taken = self._then(_Next.OPERAND) if self._word(token) == "in" else False
            case _Next.PARAMETERS:
                taken = self._parameter(token)
            case _Next.CLOSING:
                taken = self._enclosed(token)
            case _Next.NOTHING:
                taken = False
        if taken:
            self.end = token.end
        return taken

    def _then(self, following: _Next) -> bool:
        self._next = following
        return True

    def _word(self, token: Token) -> str:
        return self._text[token.start : token.end] if token.kind in (Kind.NAME, Kind.OPERATOR) else ""

    def _operand(self, token: Token) -> bool:
        word = self._word(token)
        self._lone_name = self.end == 0 and token.kind is Kind.NAME
        self._string = token.kind in _STRINGS
        if token.kind in _OPENING:
            return self._then(_Next.CLOSING)
        if token.kind in (Kind.NUMBER, Kind.STRING) or word == "...":
            return self._then(_Next.OPERATOR)
        if word in _UNARY or word == "await":
            return True
        if word in ("not", "lambda"):
            self._lambdas += word == "lambda"
            return self._slot is Slot.ARGUMENT and self._then(_Next.PARAMETERS if self._lambdas else _Next.OPERAND)
        return token.kind is Kind.NAME and word not in _RESERVED and self._then(_Next.OPERATOR)

    def _operator(self, token: Token) -> bool:
        lone_name, self._lone_name = self._lone_name, False
        if token.kind in _STRINGS:
            closed = token.kind is Kind.STRING
            return self._string and self._then(_Next.OPERATOR if closed else _Next.CLOSING)
        self._string = False
        word = self._word(token)
        if token.kind is Kind.OPEN:
            return self._text[token.start] != "{" and self._then(_Next.CLOSING)
        if word == ".":
            return self._then(_Next.NAME)
        if word in _BINARY:
            return self._then(_Next.OPERAND)
        if self._slot is Slot.OPERAND:
            return False
        if word == "=" and lone_name:
            self._next = _Next.NOTHING
            return False
        if word == "not":
            return self._then(_Next.IN)
        if word == "else" and self._ternaries:
            self._ternaries -= 1
            return self._then(_Next.OPERAND)
        self._ternaries += word == "if"
        extends = word in COMPARISONS or word in ("and", "or", "in", "is", "if") or (word == ":=" and lone_name)
        return extends and self._then(_Next.OPERAND)

    def _parameter(self, token: Token) -> bool:
        word = self._word(token)
        if token.depth:  # a default value in brackets
            return token.kind is not Kind.BROKEN
        if word == ":":
            self._lambdas -= 1
            return self._then(_Next.PARAMETERS if self._lambdas else _Next.OPERAND)
        self._lambdas += word == "lambda"
        return word != ";" and token.kind not in (Kind.NEWLINE, Kind.COMMENT, Kind.UNMATCHED, Kind.BROKEN)

    def _enclosed(self, token: Token) -> bool:
        if token.depth == 0 and token.kind in (Kind.CLOSE, Kind.FSTRING_END):
            return self._then(_Next.OPERATOR)
        return token.kind is not Kind.BROKEN
