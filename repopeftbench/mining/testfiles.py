"""Which paths are tests and which are production code: a rule over the path alone."""

from enum import StrEnum

TEST_DIRECTORIES = frozenset({"tests", "test", "testing"})


class FileKind(StrEnum):
    """What a path is to the benchmark."""

    TEST = "test"
    PRODUCTION = "production"
    OTHER = "other"


def file_kind(path: str) -> FileKind:
    """The kind of a repository path (`/` separated).

    A `.py` file is a test when its name is `test_*.py` or `*_test.py`, or when it lies below a directory named exactly
    `tests`, `test` or `testing`; every other `.py` file is production code.
    """
    if not path.endswith(".py"):
        return FileKind.OTHER
    *directories, name = path.split("/")
    if name.startswith("test_") or name.endswith("_test.py") or not TEST_DIRECTORIES.isdisjoint(directories):
        return FileKind.TEST
    return FileKind.PRODUCTION
