"""Version constraints and requirements as text: what they admit, and other tools' notations as the standard one.

Enough of PEP 440 and PEP 508 to decide about a Python and to name a requirement; everything else is uv's business.
"""

import re
from collections.abc import Mapping
from typing import Any

_CLAUSE = re.compile(r"^(===|==|!=|<=|>=|~=|<|>)?\s*v?([0-9]{1,18}(?:\.[0-9]{1,18})*)(\.\*|\*)?")
_NAME = re.compile(r"^\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(\[[^\]]*\])?")


def normal_name(name: str) -> str:
    """A distribution's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(requirement: str) -> str:
    """The normal name of the distribution that `requirement` asks for; empty where it names none."""
    found = _NAME.match(requirement)
    return normal_name(found[1]) if found else ""


def extras_of(requirement: str) -> tuple[str, ...]:
    """The extras in its brackets."""
    found = _NAME.match(requirement)
    inside = (found[2] or "")[1:-1] if found else ""
    return tuple(normal_name(extra) for extra in inside.split(",") if extra.strip())


def marker_of(requirement: str) -> str:
    """What follows its semicolon."""
    return requirement.partition(";")[2].strip()


def without_bounds(requirement: str) -> str:
    """The same distribution with its extras and its marker, in any version."""
    extras, marker = extras_of(requirement), marker_of(requirement)
    brackets = f"[{','.join(extras)}]" if extras else ""
    return f"{name_of(requirement)}{brackets}{' ; ' + marker if marker else ''}"


def normal_requirement(requirement: str) -> str:
    """One spelling of equal requirements; empty for what no index has: paths, links, options.

    A distribution that is wanted from a link is wanted by its name.
    """
    text = re.sub(r"(^|\s)#.*$", "", requirement).strip()
    text = re.sub(r"\s--hash[= ]\S+", "", text).rstrip("\\").strip()
    if egg := re.search(r"#egg=([A-Za-z0-9._-]+)", requirement):
        return normal_name(egg[1])
    if "://" in text.partition(" @ ")[0] or text.startswith((".", "/", "-")):
        return ""
    head, _, marker = text.partition(";")
    name = name_of(head)
    if not name:
        return ""
    rest = _NAME.sub("", head, count=1).strip()
    if rest.startswith("@") or "{" in text:
        rest = ""
    elif rest and not re.match(r"^\(?\s*(===|==|!=|<=|>=|~=|<|>)", rest):
        return ""
    bounds = ",".join(part for part in re.sub(r"\s+", "", rest.strip("()")).split(",") if part)
    extras = extras_of(head)
    brackets = f"[{','.join(sorted(extras))}]" if extras else ""
    return f"{name}{brackets}{bounds}{' ; ' + ' '.join(marker.split()) if marker.strip() else ''}"


def admits(constraint: str, python: tuple[int, ...]) -> bool:
    """Whether a `requires-python`, or Poetry's notation of one, admits this Python; what cannot be read admits it."""
    return any(
        all(_clause_admits(clause.strip(), python) for clause in re.split(r",|\s(?=[<>=!~^])", part) if clause.strip())
        for part in re.split(r"\|\|?", constraint)
    )


def _clause_admits(clause: str, python: tuple[int, ...]) -> bool:
    if clause[0] == "^" or (clause[0] == "~" and clause[1:2] != "="):
        return all(_clause_admits(bound, python) for bound in poetry_bounds(clause).split(",") if bound)
    found = _CLAUSE.match(clause)
    if not found:
        return True
    operator = found[1] or "=="
    wanted = tuple(map(int, found[2].split(".")))
    ours = python[: len(wanted)] + (0,) * (len(wanted) - len(python))
    match operator:
        case "==" | "===":
            # A bare 3.8 in Poetry's notation means the 3.8 series, and so do people who write ==3.8.
            return ours == wanted
        case "!=":
            # Without a star it is one version: 3.11 is 3.11.0, which no image has.
            return not (ours == wanted and (found[3] or len(wanted) > 2))
        case ">=":
            return python >= wanted
        case "<=":
            return ours <= wanted
        case ">":
            return python > wanted and (ours != wanted or len(wanted) > 2)
        case "<":
            return python < wanted
        case _:  # ~=
            return python >= wanted and python[: len(wanted) - 1] == wanted[:-1]


def poetry_bounds(constraint: str) -> str:
    """Poetry's `^1.2`, `~1.2`, `1.2.*`, `*` and `1.2` as clauses of PEP 440; empty where there is no bound.

    Source: https://python-poetry.org/docs/dependency-specification/.
    """
    bounds = []
    for clause in constraint.partition("||")[0].split(","):
        text = clause.strip().replace(" ", "")
        numbers = [int(part) for part in re.findall(r"\d{1,18}", re.split(r"[a-z*]", text.lstrip("^~=<>!v"))[0])]
        if text.startswith("^") and numbers:
            place = next((index for index, number in enumerate(numbers) if number), len(numbers) - 1)
            bounds += [f">={text[1:]}", f"<{_next(numbers, place)}"]
        elif text.startswith("~") and not text.startswith("~=") and numbers:
            bounds += [f">={text[1:]}", f"<{_next(numbers, min(1, len(numbers) - 1))}"]
        elif text[:1].isdigit():
            bounds.append(f"=={text}")
        elif text not in ("", "*"):
            bounds.append(text)
    return ",".join(bounds)


def _next(numbers: list[int], place: int) -> str:
    return ".".join(map(str, [*numbers[:place], numbers[place] + 1]))


def poetry_requirement(name: str, wanted: Any) -> str:
    """A row of one of Poetry's tables as a requirement; empty for paths, and for what is optional."""
    if isinstance(wanted, list):  # one distribution, several rows told apart by markers: any version that fits
        return normal_name(name)
    if isinstance(wanted, str):
        return normal_requirement(f"{name}{poetry_bounds(wanted)}")
    if not isinstance(wanted, Mapping) or "path" in wanted:
        return ""
    extras = f"[{','.join(map(str, wanted['extras']))}]" if isinstance(wanted.get("extras"), list) else ""
    markers = [f"({wanted['markers']})"] if wanted.get("markers") else []
    bounds = poetry_bounds(str(wanted.get("version", "*")))
    return normal_requirement(f"{name}{extras}{bounds}{' ; ' + ' and '.join(markers) if markers else ''}")
