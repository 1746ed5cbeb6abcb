"""The metadata of a card: a mapping of strings, lists and mappings as the YAML block that a card begins with. Pure."""

import json
from collections.abc import Mapping, Sequence

Value = str | bool | Sequence["Value"] | Mapping[str, "Value"]


def front_matter(metadata: Mapping[str, Value | None]) -> str:
    """The block with its two lines `---`; keys without a value are left out.

    JSON is YAML: each value is written as JSON, so that no text can be taken for anything but text.
    """
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in metadata.items() if value is not None]
    return "\n".join(["---", *lines, "---", ""])
