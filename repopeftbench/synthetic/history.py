"""Generates whole histories: a first commit, then edits drawn by weight, each of which changes some file.

Pure: a repository is a function of its arguments. Knows no git; `gitrepo` writes histories to disk.
"""

import random
from collections.abc import Callable, Mapping

from ..errors import ConfigError
from . import edits, growth
from .execution import ImpossibleCaseError
from .model import State
from .production import module_sources, package_files
from .records import SyntheticCommit, SyntheticRepository
from .testfiles import render_tests
from .themes import NAME_STARTS, THEMES

#: 2023-01-02 00:00 UTC, in seconds since the Unix epoch.
FIRST_COMMIT_TIME = 1_672_617_600

_CORE = ("errors", "constants", "enumeration", "charge", "record")
#: Tests that a repository should have after so many commits; one that lags behind grows rather than changes.
_FIRST_TESTS, _TESTS_PER_COMMIT = 12, 1.1
_EDITS: tuple[tuple[Callable[[State, random.Random], growth.Edited], int], ...] = (
    (edits.retune, 30),
    (edits.revise, 16),
    (growth.add_feature, 15),
    (growth.add_part, 15),
    (growth.add_cases, 7),
    (growth.add_exception, 4),
    (growth.grow_table, 4),
    (edits.rename_test, 4),
    (edits.rename_file, 2),
    (edits.move_test, 4),
    (edits.split_file, 3),
    (edits.reformat, 4),
    (edits.insert_banner, 5),
    (edits.delete, 2),
    (edits.document, 4),
    (edits.tend, 6),
)
_GROWING = (growth.add_feature, growth.add_part, growth.add_cases)


def synthetic_history(
    seed: int, index: int, *, commits: int = 40, first_commit_time: int = FIRST_COMMIT_TIME
) -> SyntheticRepository:
    """One synthetic repository whose tests pass at every commit.

    Names, numbers and history are drawn from `(seed, index)` alone: nobody knows them without reading the repository.
    A shorter history is the beginning of a longer one of the same seed and index.

    Args:
        seed: chooses the family of repositories.
        index: position in the family, from 0; different indices give different names.
        commits: number of commits, at least 1.
        first_commit_time: committer time of the first commit, in seconds since the Unix epoch; later ones follow it by
            twenty minutes to nine days each.

    Raises:
        ConfigError: `commits` is below 1 or `index` is negative.
    """
    if commits < 1 or index < 0:
        raise ConfigError(
            f"a synthetic history needs commits >= 1 and index >= 0, not commits={commits}, index={index}"
        )
    rng = random.Random(f"synthetic history {seed} {index}")
    name, theme = identity_of(seed, index)
    state = _first(name, theme, rng)
    files = _render(state)
    time = first_commit_time
    made = [commit_between("Start with limits, classes and charges", time, {}, files)]
    for position in range(1, commits):
        lags = sum(len(file.items) for file in state.files) < _FIRST_TESTS + _TESTS_PER_COMMIT * position
        state, message, changed = _next(state, files, rng, grow=3 if lags else 1)
        time += rng.randint(20 * 60, rng.choice((6 * 3600, 2 * 86_400, 9 * 86_400)))
        made.append(commit_between(message, time, files, changed))
        files = changed
    return SyntheticRepository(name=name, commits=tuple(made))


def synthetic_repositories(seed: int, count: int, *, commits: int = 40) -> tuple[SyntheticRepository, ...]:
    """The first `count` repositories of the family `seed`, all with different names and in turn of different themes."""
    return tuple(synthetic_history(seed, index, commits=commits) for index in range(count))


def identity_of(seed: int, index: int) -> tuple[str, str]:
    """Package name and theme: themes take turns; a name comes again, with a number, once all of its theme are used."""
    rng = random.Random(f"synthetic names {seed}")
    themes = rng.sample(THEMES, len(THEMES))
    names = {}
    for theme in themes:
        pool = [start + stem for start in NAME_STARTS for stem in theme.stems]
        names[theme.key] = rng.sample(pool, len(pool))
    theme = themes[index % len(themes)]
    turn, position = divmod(index // len(themes), len(names[theme.key]))
    return names[theme.key][position] + (str(turn + 1) if turn else ""), theme.key


def _first(name: str, theme: str, rng: random.Random) -> State:
    state = State(package=name, theme=theme)
    for key in _CORE:
        grown = growth.add_kind(state, rng, key, parts=rng.choice((1, 2)) if key != "errors" else 1)
        assert grown is not None, f"theme {theme} has no names for {key}"
        state = grown
    return state


def _render(state: State) -> dict[str, bytes]:
    sources = module_sources(state)
    texts = package_files(state, sources) | render_tests(state, sources)
    return {path: text.encode() for path, text in sorted(texts.items())}


def _next(
    state: State, files: Mapping[str, bytes], rng: random.Random, grow: int
) -> tuple[State, str, dict[str, bytes]]:
    """The state after one more edit that changes some file and breaks no check, its message, and its files.

    `grow` multiplies the weights of the edits that make a repository larger.
    """
    weights = [weight * (grow if edit in _GROWING else 1) for edit, weight in _EDITS]
    while True:
        (edit,) = rng.choices([edit for edit, _ in _EDITS], weights=weights)
        edited = edit(state, rng)
        if edited is None:
            continue
        try:
            changed = _render(edited[0])
        except ImpossibleCaseError:
            continue
        if changed != files:
            return *edited, changed


def commit_between(message: str, time: int, old: Mapping[str, bytes], new: Mapping[str, bytes]) -> SyntheticCommit:
    """The commit at `time` that makes one tree, given by path, into another."""
    paths = sorted(old.keys() | new.keys())
    files = tuple((path, new.get(path)) for path in paths if old.get(path) != new.get(path))
    return SyntheticCommit(message=message, committer_time=time, files=files)
