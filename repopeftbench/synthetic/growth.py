"""Edits that make a repository larger: features, parts of them, cases for what is there, and new exceptions."""

import random
import re
from dataclasses import replace

from .catalogue import KINDS
from .draw import WORD_SLOTS, Draw, NamesExhaustedError
from .model import Feature, Form, Importing, Item, State, Style, TestFile
from .production import AREAS, fill, filling
from .themes import THEMES

Edited = tuple[State, str] | None

_FORMS = (Form.FUNCTIONS, Form.UNITTEST, Form.FUNCTIONS, Form.CLASSES, Form.FUNCTIONS, Form.UNITTEST)
_IMPORTS = (Importing.PLAIN, Importing.PLAIN, Importing.ALIAS, Importing.PLAIN, Importing.NAMES, Importing.PLAIN)
_MODULE_FEATURES = 4
_FEATURES = 18
_LIKELY = {"desk": 8, "errors": 0}
_REPEATED = frozenset({"charge", "enumeration", "bands", "record", "constants"})


def title_of(state: State, number: int) -> str:
    """What commit messages call a feature."""
    words = state.feature(number).words
    return words.get("class_name") or words.get("enum") or words["title"]


def pick_form(state: State, rng: random.Random) -> Style:
    """The style of the next new test file: the forms take turns, the rest is drawn."""
    turn = state.created
    loose = rng.random() < 0.4
    return Style(
        form=_FORMS[turn % len(_FORMS)],
        importing=_IMPORTS[turn % len(_IMPORTS)],
        quote="'" if loose else '"',
        limit=rng.choice((79, 100)) if loose else rng.choice((80, 88)),
        explode=99 if loose else rng.choice((5, 6, 8)),
        backslash=loose and rng.random() < 0.6,
    )


def unplaced(state: State, feature: Feature) -> list[Item]:
    """Cases of the parts that `feature` has which no test file holds."""
    placed = {(item.feature, item.part, item.case) for file in state.files for item in file.items}
    parts = KINDS[feature.kind].parts[: feature.parts]
    return [
        Item(feature=feature.number, part=part, case=case, name=f"test_{parts[part].cases[case].name}")
        for part in range(len(parts))
        for case in range(len(parts[part].cases))
        if (feature.number, part, case) not in placed
    ]


def replace_file(state: State, file: TestFile, changed: TestFile) -> State:
    """The state with one test file exchanged."""
    return replace(state, files=tuple(changed if other is file else other for other in state.files))


def _home(state: State, feature: Feature) -> TestFile | None:
    """The test file that has most cases of the feature's module."""

    def held(file: TestFile) -> int:
        return sum(state.feature(item.feature).module == feature.module for item in file.items)

    best = max(state.files, key=held, default=None)
    return best if best is not None and held(best) else None


def place(state: State, rng: random.Random, items: list[Item]) -> State:
    """The state with `items`, all of one feature, in the test file of its module; a new file where there is none."""
    feature = state.feature(items[0].feature)
    home = _home(state, feature)
    if home is not None:
        return replace_file(state, home, replace(home, items=home.items + tuple(items)))
    file = TestFile(path=f"tests/test_{feature.module}.py", style=pick_form(state, rng), items=tuple(items))
    files = tuple(sorted((*state.files, file), key=lambda other: other.path))
    return replace(state, files=files, created=state.created + 1)


def _module(state: State, rng: random.Random, area: str) -> str | None:
    """A module of the area with room for one more feature, else an unused name for one."""
    counts = {module: sum(feature.module == module for feature in state.features) for module in state.modules}
    names = AREAS[area][1]
    open_ones = [name for name in names if 0 < counts.get(name, 0) < _MODULE_FEATURES]
    closed = [name for name in names if name not in counts and not _left_over(state, name)]
    if open_ones:
        return rng.choice(open_ones)
    return rng.choice(closed) if closed else None


def _left_over(state: State, module: str) -> bool:
    return any(file.path.endswith((f"/test_{module}.py", f"/{module}_test.py")) for file in state.files)


def add_kind(state: State, rng: random.Random, key: str, parts: int = 1) -> State | None:
    """The state with a new feature of that kind and most of its tests; None where names or peers are missing."""
    kind = KINDS[key]
    peers = [[feature for feature in state.features if feature.kind == peer] for peer in kind.peers]
    module = _module(state, rng, kind.area)
    if module is None or not all(peers):
        return None
    theme = next(theme for theme in THEMES if theme.key == state.theme)
    used = {name for feature in state.features for slot, name in feature.names if slot not in WORD_SLOTS}
    try:
        names, values = kind.draw(Draw(rng=rng, theme=theme, used=used))
    except NamesExhaustedError:
        return None
    feature = Feature(
        number=max((feature.number for feature in state.features), default=-1) + 1,
        kind=key,
        module=module,
        parts=min(parts, len(kind.parts)),
        names=tuple(names.items()),
        values=tuple(values.items()),
        uses=tuple(rng.choice(found).number for found in peers),
    )
    shared = state.shared | ({feature.number} if rng.random() < 0.5 else set())
    grown = replace(state, features=(*state.features, feature), shared=shared)
    cases = unplaced(grown, feature)
    kept = sorted(rng.sample(range(len(cases)), max(2, round(len(cases) * 0.8))))
    return place(grown, rng, [cases[index] for index in kept])


def add_feature(state: State, rng: random.Random) -> Edited:
    """A new feature with its tests, in a module that exists or in a new one."""
    if len(state.features) >= _FEATURES:
        return None
    counts = {key: sum(feature.kind == key for feature in state.features) for key in KINDS}
    keys = [key for key, count in counts.items() if count < (2 if key in _REPEATED else 1)]
    key = rng.choice([key for key in keys for _ in range(_LIKELY.get(key, 4) if counts[key] == 0 else 1)])
    grown = add_kind(state, rng, key, parts=rng.choice((2, 3)))
    if grown is None:
        return None
    title, module = title_of(grown, grown.features[-1].number), grown.features[-1].module
    if module not in state.modules:
        return grown, rng.choice(
            (f"Add module {module} with {title}", f"New module: {module}", f"{module}: start with {title}")
        )
    return grown, rng.choice((f"Add {title}", f"Add {title} to {module}", f"{module}: {title}"))


def add_part(state: State, rng: random.Random) -> Edited:
    """The next function or method of a feature, with tests."""
    open_ones = [f for f in state.features if f.parts < len(KINDS[f.kind].parts) and f.kind != "errors"]
    return _add_part(state, rng, rng.choice(open_ones)) if open_ones else None


def add_exception(state: State, rng: random.Random) -> Edited:
    """The next part of the errors module: a description or another exception."""
    errors = state.features[0]
    return _add_part(state, rng, errors) if errors.parts < len(KINDS["errors"].parts) else None


def _add_part(state: State, rng: random.Random, feature: Feature) -> Edited:
    grown = replace(feature, parts=feature.parts + 1)
    state = replace(state, features=tuple(grown if other is feature else other for other in state.features))
    items = [item for item in unplaced(state, grown) if item.part == feature.parts]
    part = KINDS[feature.kind].parts[feature.parts]
    title = title_of(state, feature.number)
    names = re.findall(r"^ *(?:async )?(?:def|class) (\w+)", fill(part.code, filling(state, grown)), re.MULTILINE)
    messages = [f"Extend {title}"]
    if names:
        name = f"{title}.{names[-1]}" if part.method else names[0]
        messages = [f"Add {name}", f"{feature.module}: add {name}", f"{name} and its tests"]
    return place(state, rng, items), rng.choice(messages)


def add_cases(state: State, rng: random.Random) -> Edited:
    """More tests of what is there already."""
    waiting = {feature.number: unplaced(state, feature) for feature in state.features}
    numbers = [number for number, items in waiting.items() if items]
    if not numbers:
        return None
    number = rng.choice(numbers)
    items = waiting[number][: rng.randint(1, 3)]
    title = title_of(state, number)
    return place(state, rng, items), rng.choice(
        (f"Test {title} more closely", f"More tests of {title}", f"Cover {title}")
    )


def grow_table(state: State, rng: random.Random) -> Edited:
    """One more member of an enumeration, from those that were drawn but not used."""
    for feature in rng.sample(state.features, len(state.features)):
        values = dict(feature.values)
        for slot, waiting in feature.values:
            if slot.endswith("_reserve") and isinstance(waiting, tuple) and waiting:
                target = slot.removesuffix("_reserve")
                old = values[target]
                assert isinstance(old, tuple)
                values |= {target: (*old, waiting[0]), slot: waiting[1:]}
                grown = replace(feature, values=tuple(values.items()))
                features = tuple(grown if other is feature else other for other in state.features)
                return replace(
                    state, features=features
                ), f"Add {waiting[0][0].lower()} to {title_of(state, feature.number)}"
    return None
