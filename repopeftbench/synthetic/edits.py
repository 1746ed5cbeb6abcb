"""Edits that change, move, rename, reformat or remove what a repository has already."""

import random
from dataclasses import replace

from .catalogue import KINDS
from .growth import Edited, pick_form, replace_file, title_of
from .model import Feature, Form, Item, State, TestFile
from .testfiles import BANNERS
from .themes import THEMES

_NAME_ENDINGS = ("_today", "_by_the_book", "_as_documented", "_in_practice", "_for_now", "_exactly")
_NOTES = (
    "## Units\n\nQuantities are whole numbers unless a docstring says otherwise; money is in cents.",
    "## Style\n\nFour spaces, double quotes, no line above 88 columns.",
    "## Changes\n\nEvery change of a number goes with a change of its test.",
    "## Support\n\nThis is a side project. Answers may take a week.",
    "## Releases\n\nReleases are made by hand, from the main branch.",
    "## Thanks\n\nTo everybody who reported wrong figures.",
    "## Scope\n\nNothing here reads files or talks to a network.",
    "## Names\n\nNames of places are written as the locals write them.",
)
_NOTE_MESSAGES = ("Update the README", "Docs: {}", "README: a word about {}", "Document {}")


def retune(state: State, rng: random.Random) -> Edited:
    """Another constant, default, table entry or code; the expectations follow by themselves."""
    places = next(theme.places for theme in THEMES if theme.key == state.theme)
    choices = [(feature, slot) for feature in state.features for slot in KINDS[feature.kind].tunable]
    feature, slot = rng.choice(choices)
    values = dict(feature.values)
    old = values[slot]
    new = _other(old, rng, places)
    if new == old:
        return None
    values[slot] = new
    tuned = replace(feature, values=tuple(values.items()))
    state = replace(state, features=tuple(tuned if other is feature else other for other in state.features))
    what = slot.removesuffix("_value").removesuffix("_values").replace("_", " ")
    name = title_of(state, feature.number)
    if isinstance(new, tuple):
        return state, rng.choice((f"Correct {what} of {name}", f"{name}: update {what}", f"New {what} for {name}"))
    return state, rng.choice(
        (f"{name}: {what} is {new} now", f"Change {what} of {name} to {new}", f"Set {what} to {new}")
    )


def revise(state: State, rng: random.Random) -> Edited:
    """Up to five values at once, as a revision of the rules brings them."""
    messages = []
    for _ in range(rng.randint(3, 5)):
        if edited := retune(state, rng):
            state = edited[0]
            messages.append(edited[1])
    return (state, rng.choice(("Yearly revision", "Follow the revised rules", messages[0]))) if messages else None


def _other(value: object, rng: random.Random, places: tuple[str, ...]) -> object:
    """A value of the same kind near `value`."""
    match value:
        case int():
            shift = max(1, round(value * rng.uniform(0.04, 0.3)))
            return max(2, value + rng.choice((-1, 1, 1)) * shift)
        case float():
            return round(max(0.3, value * rng.choice((0.8, 0.9, 1.1, 1.25)) + rng.choice((0.0, 0.01, 0.05))), 2)
        case str() if value.isupper():
            return "".join(rng.choice("ABCDEFGHKLMNPRSTVWXZ") for _ in value)
        case str():
            return rng.choice([place for place in places if place != value])
        case tuple():
            return _other_tuple(value, rng, places)
    return value


def _other_tuple(value: tuple[object, ...], rng: random.Random, places: tuple[str, ...]) -> tuple[object, ...]:
    index = rng.randrange(len(value))
    chosen = value[index]
    if isinstance(chosen, tuple):
        key, old = chosen
        new = (key, _other(old, rng, places))
        return value if new[1] in [pair[1] for pair in value if isinstance(pair, tuple)] else _with(value, index, new)
    if isinstance(chosen, str) and not chosen.isupper():
        return tuple(rng.sample(value, len(value)))
    changed = _other(chosen, rng, places)
    if changed in value:
        return value
    made = _with(value, index, changed)
    return tuple(sorted(map(str, made))) if isinstance(chosen, str) else made


def _with(value: tuple[object, ...], index: int, item: object) -> tuple[object, ...]:
    return (*value[:index], item, *value[index + 1 :])


def rename_test(state: State, rng: random.Random) -> Edited:
    """Another name for one test function."""
    file = rng.choice(state.files)
    item = rng.choice(file.items)
    ending = next((ending for ending in _NAME_ENDINGS if item.name.endswith(ending)), "")
    other = rng.choice([other for other in _NAME_ENDINGS if other != ending])
    renamed = replace(item, name=item.name.removesuffix(ending) + other)
    items = tuple(renamed if one is item else one for one in file.items)
    return replace_file(state, file, replace(file, items=items)), f"Rename a test in {file.path.rpartition('/')[2]}"


def rename_file(state: State, rng: random.Random) -> Edited:
    """Another path for one test file; its text stays (nearly) the same."""
    file = rng.choice(state.files)
    stem = file.path.rpartition("/")[2].removesuffix(".py").removeprefix("test_").removesuffix("_test")
    paths = [f"tests/test_{stem}.py", f"tests/{stem}_test.py", f"tests/unit/test_{stem}.py"]
    path = rng.choice([path for path in paths if path != file.path])
    renamed = replace(file, path=path)
    state = replace_file(state, file, renamed)
    return replace(state, files=tuple(sorted(state.files, key=lambda one: one.path))), f"Move {file.path} to {path}"


def move_test(state: State, rng: random.Random) -> Edited:
    """One test goes from one file to another of the same form."""
    for source in rng.sample(state.files, len(state.files)):
        targets = [file for file in state.files if file is not source and file.style.form is source.style.form]
        if not targets or len(source.items) < 3:
            continue
        target, item = rng.choice(targets), rng.choice(source.items)
        left = replace(source, items=tuple(one for one in source.items if one is not item))
        state = replace_file(state, source, left)
        state = replace_file(state, target, replace(target, items=(*target.items, item)))
        names = (path.rpartition("/")[2] for path in (source.path, target.path))
        return state, "Move a test from {} to {}".format(*names)
    return None


def split_file(state: State, rng: random.Random) -> Edited:
    """The cases of one feature leave a large test file for one of their own."""
    for file in rng.sample(state.files, len(state.files)):
        numbers = sorted({item.feature for item in file.items})
        if len(numbers) < 2 or len(file.items) < 10:
            continue
        number = rng.choice(numbers[1:])
        path = f"tests/test_{state.feature(number).words['subject']}_{state.feature(number).kind}.py"
        if any(path == other.path for other in state.files):
            continue
        moved = tuple(item for item in file.items if item.feature == number)
        style = pick_form(state, rng) if rng.random() < 0.3 else replace(file.style)
        state = replace_file(state, file, replace(file, items=tuple(one for one in file.items if one not in moved)))
        files = (*state.files, TestFile(path=path, style=style, items=moved))
        state = replace(state, files=tuple(sorted(files, key=lambda one: one.path)), created=state.created + 1)
        return state, f"Split {file.path.rpartition('/')[2]}"
    return None


def reformat(state: State, rng: random.Random) -> Edited:
    """Another layout of one test file or of all, with the same assertions: quotes, line length, lists."""
    chosen = [rng.choice(state.files)] if rng.random() < 0.7 else list(state.files)
    limit, explode = rng.choice((79, 88)), rng.choice((3, 4, 6))
    files = []
    for file in state.files:
        style = file.style
        if file in chosen:
            style = replace(style, limit=limit, explode=explode, backslash=False, quote='"')
        files.append(replace(file, style=style))
    where = "the tests" if len(chosen) > 1 else chosen[0].path.rpartition("/")[2]
    return replace(state, files=tuple(files)), rng.choice((f"Format {where}", f"Run the formatter over {where}"))


def insert_banner(state: State, rng: random.Random) -> Edited:
    """Text above assertions that stay as they are: comments, constants, helpers, a fixture."""
    file = rng.choice(state.files)
    numbers = [number for number in range(len(BANNERS) + 1) if number not in file.banners]
    if file.style.form is Form.UNITTEST:
        numbers = [number for number in numbers if number < len(BANNERS)]
    if not numbers or len(file.banners) >= 2:
        return None
    changed = replace(file, banners=tuple(sorted((*file.banners, rng.choice(numbers)))))
    return replace_file(state, file, changed), f"Prepare more tests in {file.path.rpartition('/')[2]}"


def delete(state: State, rng: random.Random) -> Edited:
    """The last part of a feature, or a whole feature that nothing else uses, goes with its tests."""
    needed = {number for feature in state.features for number in feature.uses}
    kinds = ("errors", "constants")
    free = [feature for feature in state.features if feature.kind not in kinds and feature.number not in needed]
    if len(free) < 8:
        return None
    feature = rng.choice(free)
    title = title_of(state, feature.number)
    if feature.parts > 1:
        smaller = replace(feature, parts=feature.parts - 1)
        kept = tuple(smaller if other is feature else other for other in state.features)
        message = f"{title}: drop what nobody used"
    else:
        smaller, message = None, f"Remove {title}"
        kept = tuple(other for other in state.features if other is not feature)
    return _without_orphans(replace(state, features=kept), feature, smaller), message


def _without_orphans(state: State, old: Feature, smaller: Feature | None) -> State:
    """The state without the cases that lost their code, without empty files and chores of modules that are gone."""

    def stays(item: Item) -> bool:
        return item.feature != old.number or (smaller is not None and item.part < smaller.parts)

    files = [replace(file, items=tuple(filter(stays, file.items))) for file in state.files]
    chores = tuple(chore for chore in state.chores if ":" not in chore or chore.partition(":")[2] in state.modules)
    return replace(state, files=tuple(file for file in files if file.items), chores=chores)


def document(state: State, rng: random.Random) -> Edited:
    """A paragraph of the README, new or gone."""
    waiting = [note for note in _NOTES if note not in state.notes]
    if not waiting or (len(state.notes) > 4 and rng.random() < 0.5):
        gone = rng.choice(state.notes)
        return replace(state, notes=tuple(note for note in state.notes if note != gone)), "Shorten the README"
    note = rng.choice(waiting)
    topic = note.split("\n")[0].strip("# ").lower()
    return replace(state, notes=(*state.notes, note)), rng.choice(_NOTE_MESSAGES).format(topic)


def tend(state: State, rng: random.Random) -> Edited:
    """A change of production code that no test sees: a logger, `__all__`, a comment, an entry point, a version."""
    chores = [f"{chore}:{module}" for chore in ("log", "all", "todo") for module in state.modules]
    waiting = [chore for chore in (*chores, "main", "reexport") if chore not in state.chores]
    if not waiting or rng.random() < 0.4:
        major, minor, patch = state.version
        version = (major, minor + 1, 0) if rng.random() < 0.5 else (major, minor, patch + 1)
        return replace(state, version=version), f"Release {'.'.join(map(str, version))}"
    chore = rng.choice(waiting)
    name, _, module = chore.partition(":")
    messages = {
        "log": f"Give {module} a logger",
        "all": f"List what {module} offers",
        "todo": f"Say where {module} comes from",
    }
    others = {"main": "Make the package runnable", "reexport": "Re-export the base error"}
    return replace(state, chores=(*state.chores, chore)), (messages | others)[name]
