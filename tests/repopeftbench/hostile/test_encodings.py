"""Test files in every encoding and with every line end: read as Python reads them, or a reject with a reason."""

import ast
import codecs

import pytest
from raw_history import asserting

from repopeftbench.mining.assertions import extract_sites
from repopeftbench.mining.source import UNDECODABLE, UNPARSABLE
from repopeftbench.schema import Track

PATH = "tests/test_a.py"
ACCENTED = "def test_a():\n    assert f() == 'é'\n"


def mined_alone(new_history, mine, *versions):
    history = new_history()
    for number, raw in enumerate(versions):
        history.commit({PATH: raw, "src/a.py": f"x = {number}\n"})
    return mine(history.folder)


READABLE = {
    "latin-1 with a cookie": b"# -*- coding: latin-1 -*-\n" + ACCENTED.encode("latin-1"),
    "cookie in the second line": b"#!/usr/bin/python\n# vim: set fileencoding=latin-1 :\n" + ACCENTED.encode("latin-1"),
    "cookie behind a form feed": b"\x0c# coding: latin-1\n" + ACCENTED.encode("latin-1"),
    "cp1252": b"# coding: cp1252\n" + ACCENTED.encode("cp1252"),
    "utf-8 with a cookie": b"# coding: utf8\n" + ACCENTED.encode(),
    "byte order mark": codecs.BOM_UTF8 + ACCENTED.encode(),
    "byte order mark and cookie": codecs.BOM_UTF8 + b"# coding: utf-8\n" + ACCENTED.encode(),
    "carriage returns and newlines": ACCENTED.replace("\n", "\r\n").encode(),
    "lone carriage returns": ACCENTED.replace("\n", "\r").encode(),
    "mixed line ends": "def test_a():\r    x = 1\r\n    y = 2\n    assert f() == 'é'\r".encode(),
    "form feeds": "\x0cdef test_a():\n\x0c\n    x = 1\n\x0c    assert f() == 'é'\n".encode(),
    "no line end": ACCENTED.encode().rstrip(b"\n"),
    "line separators in a string": "def test_a():\n    x = '\u2028\x85\x0b\x1c'\n    assert f() == 'é'\n".encode(),
}


@pytest.mark.parametrize("name", READABLE)
def test_readable_file_gives_its_assertion_and_spans_of_its_own_bytes(new_history, mine, name):
    raw = READABLE[name]
    mined = mined_alone(new_history, mine, raw)
    assert (mined.values(), mined.reasons()) == (["'é'"], [])
    (task,) = mined.tasks(Track.STATIC)
    encoding = "utf-8" if "\xe9".encode() in raw else "latin-1"
    assert raw[task.target_start_byte : task.target_end_byte].decode(encoding) == "'é'"
    assert raw[task.statement_start_byte : task.statement_end_byte].decode(encoding) == "assert f() == 'é'"


UNREADABLE = {
    "utf-16": (ACCENTED.encode("utf-16"), UNDECODABLE),
    "utf-16 big endian without a mark": (ACCENTED.encode("utf-16-be"), None),
    "utf-32": (ACCENTED.encode("utf-32"), UNDECODABLE),
    "latin-1 without a cookie": (ACCENTED.encode("latin-1"), UNDECODABLE),
    "cookie that lies": (b"# coding: ascii\n" + ACCENTED.encode(), UNDECODABLE),
    "cookie of an unknown encoding": (b"# coding: no-such-code\n" + ACCENTED.encode(), UNDECODABLE),
    "cookie of no text encoding": (b"# coding: base64\n" + ACCENTED.encode(), UNDECODABLE),
    "cookie of a code that runs": (b"# coding: rot13\n" + ACCENTED.encode(), UNDECODABLE),
    "cookie against the mark": (codecs.BOM_UTF8 + b"# coding: latin-1\n" + ACCENTED.encode(), UNDECODABLE),
    "NUL byte": (ACCENTED.encode() + b"\0\n", UNPARSABLE),
    "NUL byte in a string": (b"x = '\0'\n" + ACCENTED.encode(), UNPARSABLE),
    "surrogate": (b"x = '\xed\xa0\x80'\n" + ACCENTED.encode(), UNDECODABLE),
    "nothing but NUL": (b"\0" * 1000, UNPARSABLE),
    "control characters": (b"\x01\x02\n" + ACCENTED.encode(), UNPARSABLE),
    "two marks": (codecs.BOM_UTF8 * 2 + ACCENTED.encode(), UNPARSABLE),
    "random": (bytes(range(256)) * 8, UNDECODABLE),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_file_is_one_reject_and_what_follows_is_mined(new_history, mine, name):
    raw, reason = UNREADABLE[name]
    mined = mined_alone(new_history, mine, asserting(1), raw, asserting(1, 2))
    assert mined.values()[0] == "1"
    assert len([found for found in mined.reasons() if found in (UNDECODABLE, UNPARSABLE)]) == 1
    assert reason is None or reason in mined.reasons()
    assert mined.values(Track.STATIC) == ["1", "2"]


CODES = (
    "utf-7 utf-16 utf-16-le utf-32 idna punycode unicode_escape utf-8-sig raw_unicode_escape mbcs hex zip iso2022_jp "
)
CODES += "hz big5 shift_jis cp037 undefined utf_8_sig gb18030 utf-8-mac"


@pytest.mark.parametrize("encoding", CODES.split())
def test_any_encoding_in_a_cookie_is_read_right_or_refused(encoding):
    text = f"# coding: {encoding}\ndef test_a():\n    assert f() == 'a+b~c\\u00e9'\n"
    for raw in (text.encode("ascii"), text.replace("~", "é").encode("latin-1"), text.replace("~", "é").encode()):
        found = extract_sites(raw)
        if found.problem is None:
            (site,) = found.sites
            value = ast.parse(raw).body[0].body[0].test.comparators[0]
            assert ast.literal_eval(site.target) == value.value


PYTHON_2 = 'def test_a():\n    print "hello"\n    assert f() == 1\n    assert g() == 2\n    assert `h()` == 3\n'
PYTHON_3 = PYTHON_2.replace('print "hello"', 'print("hello")').replace("`h()`", "repr(h())")
TRY = "try:\n        pass\n    except"
PORTS = {
    "print": ('print "x"', 'print("x")'),
    "except": (
        "try:\n        pass\n    except A, e:\n        pass",
        "try:\n        pass\n    except A as e:\n        pass",
    ),
    "exec": ('exec "x" in {}', 'exec("x", {})'),
    "raise": ('raise A, "x"', 'raise A("x")'),
    "octal": ("x = 0777", "x = 0o777"),
    "long": ("x = 10L", "x = 10"),
    "unequal": ("x = 1 <> 2", "x = 1 != 2"),
    "ur": ('x = ur"x"', 'x = r"x"'),
    "tuple parameter": ("def g((a, b)): pass", "def g(a_b): pass"),
    "tabs": ("if 1:\n\ty = 1\n        z = 2", "if 1:\n        y = 1\n        z = 2"),
    "async as a name": ("async = 1", "async_ = 1"),
}


@pytest.mark.parametrize("port", PORTS)
def test_port_from_python_2_does_not_emit_again_what_was_there(new_history, mine, port):
    old, new = PORTS[port]
    body = "def test_a():\n    assert f() == 1\n    {}\n    assert g() == 2\n"
    mined = mined_alone(new_history, mine, body.format(old), body.format(new) + "    assert h() == 3\n")
    assert mined.values() == ["3"]
    assert mined.reasons() == ["unchanged-since-unparsable"] * 2 + [UNPARSABLE]


def test_file_that_does_not_parse_in_the_middle_loses_nothing_for_good(new_history, mine):
    broken = asserting(1, 2) + "    assert (\n"
    mined = mined_alone(new_history, mine, asserting(1), broken, asserting(1, 2, 3))
    assert mined.values() == ["1", "3"]
    assert mined.reasons() == ["unchanged-since-unparsable"] * 2 + [UNPARSABLE]


def test_grammar_that_accepts_more_than_python_is_not_believed(new_history, mine):
    accepted = "def test_a():\n    assert f() == 1\n    return = 2\n    x = 1 1\n    nonlocal y\nreturn\nbreak\n"
    mined = mined_alone(new_history, mine, accepted)
    assert mined.code == 0
    assert (mined.values(), mined.reasons()) == ([], [UNPARSABLE])
