"""A floor: every version of every test file is read and `ast`-parsed once: `python -m peers.parse_once REPOSITORY`.

No design that parses whole file versions can be faster in Python. It finds nothing, compares nothing and has no diff.
"""

import ast
import contextlib
import sys
import warnings

from peers.gitlog import Blobs, history
from peers.statements import is_test_file


def main(repository: str) -> None:
    """Parses the versions and prints how many there were, and their bytes."""
    warnings.simplefilter("ignore")  # invalid escapes of other people's code
    seen: set[str] = set()
    size = 0
    with Blobs(repository) as blobs:
        for _, changes in history(repository, "--no-renames"):
            for change in changes:
                new = change.new
                if new is None or new.blob in seen or not is_test_file(new.path):
                    continue
                seen.add(new.blob)
                content = blobs.read(new.blob)
                size += len(content)
                with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):
                    ast.parse(content)
    print(len(seen), size)


if __name__ == "__main__":
    main(*sys.argv[1:])
