"""setup.cfg and tox.ini as sections of texts; what does not parse says nothing. Pure."""

import configparser

_MOST_CHARACTERS = 1000  # of a line: the parser takes the square of its length


def parse_ini(text: str) -> configparser.RawConfigParser:
    """The sections, options spelled as they are written; lines that are longer than anybody writes are left out."""
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    parser.optionxform = lambda option: option  # type: ignore[assignment,method-assign]  # names of extras
    try:
        parser.read_string("\n".join(line for line in text.splitlines() if len(line) <= _MOST_CHARACTERS))
    # AttributeError: an option without a value that goes on in the next line (python/cpython#107625).
    except (configparser.Error, AttributeError):
        return configparser.RawConfigParser()
    return parser
