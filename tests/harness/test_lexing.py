import io
import tokenize

import pytest
from harness_cases import expressions
from hypothesis import given
from hypothesis import strategies as st

from harness.lexing import Kind, Lexer


def kinds(text, *, inside=False):
    return [
        (token.kind.name, text[token.start : token.end], token.depth) for token in Lexer(text, inside=inside).tokens()
    ]


def test_brackets_and_their_closing_have_one_depth():
    assert kinds("f(a)[0]") == [
        ("NAME", "f", 0),
        ("OPEN", "(", 0),
        ("NAME", "a", 1),
        ("CLOSE", ")", 0),
        ("OPEN", "[", 0),
        ("NUMBER", "0", 1),
        ("CLOSE", "]", 0),
    ]


def test_replacement_fields_are_code_and_format_specs_are_text():
    assert kinds("f'{a[\"}\"]!r:>{w}%} }}' + 1") == [
        ("FSTRING", "f'", 0),
        ("OPEN", "{", 1),
        ("NAME", "a", 2),
        ("OPEN", "[", 2),
        ("STRING", '"}"', 3),
        ("CLOSE", "]", 2),
        ("NAME", "r", 2),
        ("OPEN", "{", 2),
        ("NAME", "w", 3),
        ("CLOSE", "}", 2),
        ("CLOSE", "}", 1),
        ("FSTRING_END", "'", 0),
        ("OPERATOR", "+", 0),
        ("NUMBER", "1", 0),
    ]


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("'abc", ("UNFINISHED", "'abc", 0)),
        ("'abc\\", ("UNFINISHED", "'abc\\", 0)),
        ("'''a\nb''", ("UNFINISHED", "'''a\nb''", 0)),
        ("f'a{b", ("NAME", "b", 2)),
        ("f'a", ("UNFINISHED", "a", 1)),
        ("(]", ("BROKEN", "]", 1)),
        (")", ("UNMATCHED", ")", 0)),
        ("3 ?", ("BROKEN", "?", 0)),
        ("3 # c", ("COMMENT", "# c", 0)),
        ("3\r\n", ("NEWLINE", "\r\n", 0)),
        ("1e-", ("NUMBER", "1e-", 0)),
        ("0xFFe-", ("OPERATOR", "-", 0)),
    ],
)
def test_text_that_is_cut_or_wrong_says_how(text, last):
    assert kinds(text)[-1] == last


def test_a_line_break_ends_a_string_and_reading_goes_on():
    assert kinds("'abc\nx")[1:] == [("NEWLINE", "\n", 0), ("NAME", "x", 0)]
    assert kinds("f'abc\nx")[-2:] == [("NEWLINE", "\n", 0), ("NAME", "x", 0)]


def test_line_breaks_mean_nothing_within_brackets():
    assert "NEWLINE" not in [kind for kind, _, _ in kinds("(1,\n2)") + kinds("1\n+ 2", inside=True)]


@given(st.text(st.sampled_from("'\"\\frb{}()[]:!= \nx1#é."), max_size=30))
def test_tokens_are_in_order_and_leave_out_only_layout_and_text_of_f_strings(text):
    position = 0
    seen_fstring = False
    for token in Lexer(text, inside=False).tokens():
        assert position <= token.start <= token.end <= len(text)
        assert token.start < token.end or token.kind is Kind.BROKEN
        seen_fstring |= token.kind is Kind.FSTRING
        if not seen_fstring:
            assert not text[position : token.start].replace("\\\n", "").strip(" \n")
        position = token.end


@given(expressions().filter(lambda text: "f'" not in text and 'f"' not in text))
def test_tokens_equal_those_of_the_standard_library(text):
    source = f"({text}\n)"
    expected = [
        token.string
        for token in tokenize.generate_tokens(io.StringIO(source, newline="").readline)
        if token.type not in (tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER)
    ]
    assert [source[token.start : token.end] for token in Lexer(source, inside=False).tokens()][
        : len(expected)
    ] == expected
