"""Which files, beside Python source, tell what a project is: a rule over the path alone; and what they say.

Only the repository's root is looked at, and only files that change seldom. Change logs are left out: they grow with
every release, so that each version of one is a blob of its own that repeats all the earlier ones.
"""

from collections.abc import Callable, Mapping

from repopeftbench.errors import GitObjectError

_NAMES = frozenset({"pyproject.toml", "setup.cfg", "tox.ini", "pipfile"})
_BEGINNINGS = ("readme", "license", "licence", "copying")


def is_metadata(path: str) -> bool:
    """Whether a repository path (`/` separated) is project metadata, letter case aside.

    At the root: `README*`, `LICENSE*`, `LICENCE*`, `COPYING*`, `pyproject.toml`, `setup.cfg`, `tox.ini`, `Pipfile` and
    `requirements*.txt`. A `.py` file never is: `setup.py` is production code.
    """
    if "/" in path or path.endswith(".py"):
        return False
    name = path.lower()
    is_requirements = name.startswith("requirements") and name.endswith(".txt")
    return name in _NAMES or name.startswith(_BEGINNINGS) or is_requirements


_DESCRIBES = ("readme", "pyproject.toml", "setup.cfg")
_MOST_CHARACTERS = 16_384
"""Of each file: a README's beginning says what the project is, its end what changed."""


def described(files: Mapping[str, Callable[[], str]]) -> str:
    """What a project says of itself: README, then `pyproject.toml` and `setup.cfg`, each up to a length.

    A file that cannot be read is left out. Licences and requirements say nothing of the project.

    Args:
        files: By path of metadata files, what reads their text.
    """
    texts = []
    for beginning in _DESCRIBES:
        for path in sorted(files):
            if path.lower().startswith(beginning):
                try:
                    texts.append(f"# {path}\n{files[path]()[:_MOST_CHARACTERS].strip()}\n")
                except GitObjectError:
                    continue
    return "\n".join(texts)
