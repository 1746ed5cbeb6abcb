"""Significance letters: methods that share a letter were not shown to differ. Pure.

The letters stand for the largest sets of methods no two of which differ, found by insertion and absorption: starting
from one set of all methods, every pair that differs splits each set that holds both, and a set inside another goes.

Source: Piepho, An Algorithm for a Letter-Based Representation of All-Pairwise Comparisons, Journal of Computational and
Graphical Statistics 13 (2004).
"""

import string
from collections.abc import Collection, Mapping, Sequence

from harness.pairing import Verdict
from harness.report.tables import Table

_ALPHABET = string.ascii_lowercase + string.ascii_uppercase


def significance_letters(methods: Sequence[str], different: Collection[tuple[str, str]]) -> Mapping[str, str]:
    """The letters of each method, in the order of `methods`.

    Two methods share a letter exactly where they are not among the `different` pairs, whose order does not matter.

    Args:
        methods: all different, the best first: it gets the first letter.
        different: pairs of them that differ.
    """
    places = {method: place for place, method in enumerate(methods)}
    pairs = sorted({tuple(sorted((places[one], places[other]))) for one, other in different})
    sets = [frozenset(places.values())]
    for one, other in pairs:
        split = [
            part
            for members in sets
            for part in ((members - {one}, members - {other}) if _both(members, one, other) else (members,))
        ]
        distinct = list(dict.fromkeys(split))
        sets = [members for members in distinct if not any(members < larger for larger in distinct)]
    ordered = sorted(sets, key=sorted)
    return {
        method: "".join(_letter(number) for number, members in enumerate(ordered) if place in members)
        for method, place in places.items()
    }


def table_letters(table: Table) -> Mapping[str, str]:
    """The letters of a table's methods by the verdicts on their pairs; empty where no pair has a verdict."""
    judged = [named for named in table.pairs if named.pair.verdict is not Verdict.TOO_FEW]
    if not judged:
        return {}
    different = [(named.first, named.second) for named in judged if named.pair.verdict is Verdict.BEATS]
    return significance_letters([row.method for row in table.rows], different)


def _both(members: Collection[int], one: int, other: int) -> bool:
    return one in members and other in members


def _letter(number: int) -> str:
    round_, place = divmod(number, len(_ALPHABET))
    return _ALPHABET[place] + (str(round_) if round_ else "")
