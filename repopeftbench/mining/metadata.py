"""Which files, beside Python source, tell what a project is: a rule over the path alone.

Only the repository's root is looked at, and only files that change seldom. Change logs are left out: they grow with
every release, so that each version of one is a blob of its own that repeats all the earlier ones.
"""

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
