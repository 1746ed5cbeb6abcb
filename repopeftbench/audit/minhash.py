"""MinHash signatures and which of them are worth comparing: sets that are much alike, without comparing all. Pure.

Legend: `N` sets, `S` elements of a set, `P` permutations (128).

Source: Broder, "On the resemblance and containment of documents" (1997). The share of equal places of two signatures
estimates the Jaccard similarity of their sets, with a standard deviation of at most 0.045. Signatures are cut into 32
bands of 4; sets with an equal band are candidates, which finds two sets with similarity 0.7 in 99.98 % of the cases.
Bands are sorted, one after the other, instead of kept in tables (docs/adr/0013).
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

PERMUTATIONS = 128
ROWS = 4
BANDS = PERMUTATIONS // ROWS
MOST_COMPARED = 64
"""In a band with more equal sets than this, each is compared with the next ones in the order of signatures."""

_PAIRS_AT_A_TIME = 1 << 15
_HIGH = np.uint64(32)
_DRAWN = np.random.Generator(np.random.PCG64(13)).integers(0, 1 << 64, size=(3, PERMUTATIONS), dtype=np.uint64)
_FACTORS = (_DRAWN[0] | np.uint64(1))[:, None]
_SHIFTS = _DRAWN[1][:, None]
_BAND_FACTORS = _DRAWN[2][:ROWS] | np.uint64(1)


def signature(elements: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """The signature (P) of a set (S), which must not be empty."""
    least: npt.NDArray[np.uint32] = ((_FACTORS * elements.astype(np.uint64) + _SHIFTS) >> _HIGH).min(axis=1)
    return least.astype(np.uint32)


def similar_pairs(
    signatures: npt.NDArray[np.uint32], owners: npt.NDArray[np.int32], least: float
) -> npt.NDArray[np.int64]:
    """Pairs of sets (rows of two indices, the smaller first, ascending) whose estimated similarity is at least `least`.

    Args:
        signatures: (N, P).
        owners: (N), whom each set belongs to, -1 for more than one; two sets of one owner are no pair.
        least: from 0 to 1.
    """
    pairs = np.empty((0, 2), dtype=np.int64)
    for band in range(BANDS):
        part = signatures[:, band * ROWS : (band + 1) * ROWS].astype(np.uint64)
        keys = (part * _BAND_FACTORS).sum(axis=1, dtype=np.uint64)
        found = [pairs]
        for left, right in _candidates(keys, signatures, owners):
            alike = (signatures[left] == signatures[right]).mean(axis=1) >= least
            found.append(np.stack((np.minimum(left, right)[alike], np.maximum(left, right)[alike]), axis=1))
        pairs = np.unique(np.concatenate(found), axis=0)
    return pairs


def jaccard(left: npt.NDArray[np.uint32], right: npt.NDArray[np.uint32]) -> float:
    """The similarity of two sets, each ascending and without repetition, not both empty."""
    both = len(np.intersect1d(left, right, assume_unique=True))
    return both / (len(left) + len(right) - both)


def _candidates(
    keys: npt.NDArray[np.uint64], signatures: npt.NDArray[np.uint32], owners: npt.NDArray[np.int32]
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Pairs of sets with an equal key and not of one owner, so many at a time."""
    order = _shared(keys, signatures, owners)
    runs, held = keys[order], owners[order]
    for step in range(1, MOST_COMPARED):
        equal = runs[step:] == runs[:-step]
        if not equal.any():
            return
        at = np.flatnonzero(equal & ((held[step:] != held[:-step]) | (held[step:] < 0)))
        for start in range(0, len(at), _PAIRS_AT_A_TIME):
            left = at[start : start + _PAIRS_AT_A_TIME]
            yield order[left], order[left + step]


def _shared(
    keys: npt.NDArray[np.uint64], signatures: npt.NDArray[np.uint32], owners: npt.NDArray[np.int32]
) -> npt.NDArray[np.int64]:
    """The sets whose key another owner's set has too, ordered by key, and in large groups by signature."""
    if not len(keys):
        return np.empty(0, dtype=np.int64)
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.concatenate(([True], keys[order][1:] != keys[order][:-1])))
    lengths = np.diff(np.append(starts, len(keys)))
    lowest, highest = np.minimum.reduceat(owners[order], starts), np.maximum.reduceat(owners[order], starts)
    for large in np.flatnonzero(lengths > MOST_COMPARED):
        # Equal and nearly equal signatures stand side by side in this order.
        run = slice(starts[large], starts[large] + lengths[large])
        order[run] = order[run][np.lexsort(signatures[order[run]].T[::-1])]
    mixed = (lengths > 1) & ((lowest != highest) | (lowest < 0))
    shared: npt.NDArray[np.int64] = order[np.repeat(mixed, lengths)]
    return shared
