"""What a licence allows, told from an SPDX expression or from its text: rules over strings alone.

A text is recognised by sentences that only one licence has. It is no legal advice: what is not recognised is unknown,
never permissive, and a file that holds the texts of several licences is unknown as well.
"""

import re
from enum import StrEnum

_PERMISSIVE = (
    "0BSD", "AFL-3.0", "Apache-2.0", "Artistic-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSD-3-Clause-Clear",
    "BSD-4-Clause", "BSL-1.0", "CC0-1.0", "HPND", "ISC", "MIT", "MIT-0", "MIT-CMU", "NCSA", "PostgreSQL", "PSF-2.0",
    "Python-2.0", "Unlicense", "UPL-1.0", "WTFPL", "Zlib", "ZPL-2.1",
)  # fmt: skip
_SPELLING = {name.casefold(): name for name in _PERMISSIVE}
_COPYLEFT = ("agpl-", "gpl-", "lgpl-", "mpl-", "epl-", "eupl-", "cc-by-sa-", "osl-", "cddl-", "cecill-")
_TITLE_CHARACTERS = 600
"""A title stands within them; further down, licences name each other."""
_TITLES = (
    ("gnu affero general public license version 3", "AGPL-3.0"),
    ("gnu lesser general public license version 3", "LGPL-3.0"),
    ("gnu lesser general public license version 2.1", "LGPL-2.1"),
    ("gnu general public license version 3", "GPL-3.0"),
    ("gnu general public license version 2", "GPL-2.0"),
    ("mozilla public license version 2.0", "MPL-2.0"),
    ("apache license version 2.0", "Apache-2.0"),
    ("cc0 1.0 universal", "CC0-1.0"),
    ("python software foundation license version 2", "PSF-2.0"),
    ("boost software license version 1.0", "BSL-1.0"),
)
_MIT = "permission is hereby granted free of charge to any person obtaining a copy"
_ISC = re.compile("permission to use copy modify (?:and|and/or) distribute this software for any purpose with or w")
_BSD = "redistribution and use in source and binary forms"
_UNLICENSE = "free and unencumbered software released into the public domain"


class Terms(StrEnum):
    """What matters to those who use a dataset."""

    PERMISSIVE = "permissive"
    COPYLEFT = "copyleft"
    UNKNOWN = "unknown"


def terms_of(expression: str | None) -> Terms:
    """The terms of an SPDX expression: of `OR` the freest part counts, of `AND` the strictest.

    Parentheses are not looked into: an expression with `AND` and `OR` in one is read from the left, `OR` last.
    """
    if expression is None:
        return Terms.UNKNOWN
    choices = [
        [_terms_of_one(part) for part in re.split(r"\s+AND\s+", choice, flags=re.IGNORECASE)]
        for choice in re.split(r"\s+OR\s+", expression.translate({40: None, 41: None}), flags=re.IGNORECASE)
    ]
    strictest = [max(choice, key=_ORDER.index) for choice in choices]
    return min(strictest, key=_ORDER.index)


def canonical(expression: str) -> str:
    """An SPDX id in its own spelling where it is known here; anything else unchanged."""
    return _SPELLING.get(expression.strip().casefold(), expression.strip())


def recognised(text: str) -> str | None:
    """The SPDX id of a licence's text, None where it is none of the usual ones, or several."""
    plain = " ".join(re.sub(r"[^a-z0-9./]+", " ", text.casefold()).split())
    found = [name for phrase, name in _TITLES if phrase in plain[:_TITLE_CHARACTERS]][:1]
    if not found:
        found += ["MIT"] if _MIT in plain else []
        found += ["ISC" if "above copyright notice" in plain else "0BSD"] if _ISC.search(plain) else []
        found += [_kind_of_bsd(plain)] if _BSD in plain else []
        found += ["Unlicense"] if _UNLICENSE in plain else []
    return found[0] if len(found) == 1 else None


_ORDER = (Terms.PERMISSIVE, Terms.COPYLEFT, Terms.UNKNOWN)


def _kind_of_bsd(plain: str) -> str:
    if "all advertising materials" in plain:
        return "BSD-4-Clause"
    return "BSD-3-Clause" if "endorse or promote" in plain else "BSD-2-Clause"


def _terms_of_one(part: str) -> Terms:
    name = re.split(r"\s+WITH\s+", part.strip(), flags=re.IGNORECASE)[0].casefold()
    if name in _SPELLING:
        return Terms.PERMISSIVE
    return Terms.COPYLEFT if name.startswith(_COPYLEFT) else Terms.UNKNOWN
