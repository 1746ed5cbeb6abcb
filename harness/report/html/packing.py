"""Data as text that a page can hold or load: JSON, compressed, in base64. Pure: same data, same text."""

import base64
import gzip
import json


def pack(value: object) -> str:
    """`value` as JSON, gzip and base64: nothing in it can end a script or begin a tag."""
    # Escapes keep lone surrogates, which UTF-8 has no bytes for.
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(gzip.compress(text.encode("ascii"), compresslevel=9, mtime=0)).decode("ascii")


def unpack(text: str) -> object:
    """What was packed."""
    return json.loads(gzip.decompress(base64.b64decode(text)))
