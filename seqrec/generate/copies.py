"""How much of a sequence stands in the training sequences word by word."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import UNKNOWN

_MOST_EVENTS = 2**22  # of training that are ranked at once
_NOWHERE, _END = 0, 1  # what X has and training lacks, and what training has and X lacks


def longest_spans(X: Sequences, training: Sequences) -> NDArray[np.int64]:
    """Give the length of the longest span of each sequence that stands in a training sequence, (n,).

    Both are in the same codes; an unknown event is like no other. Exact: the events of training are put in order by
    what follows them, and beside each of X's stands the one with which it agrees longest.

    References
    ----------
    Prefix doubling of Manber and Myers (1993), *Suffix arrays: a new method for on-line string searches*.
    """
    asked, events = _closed(X, _NOWHERE), _closed(training, _END)
    longest, overlap = np.zeros(len(X), np.int64), X.lengths.max(initial=0)
    step = max(_MOST_EVENTS, overlap)
    for start in range(0, len(events), step):
        agreed = _agreed(asked, np.append(events[start : start + step + overlap], _END))
        longest = np.maximum(longest, np.maximum.reduceat(agreed, X.indptr[:-1] + np.arange(len(X))))
    return longest


def _closed(X: Sequences, end: int) -> NDArray[np.int32]:
    """Give the codes of all events, with an end after each sequence, which unknown events are taken for, too."""
    return np.insert(np.where(X.codes > UNKNOWN, X.codes, end), X.indptr[1:], end).astype(np.int32)


def _agreed(asked: NDArray[np.int32], events: NDArray[np.int32]) -> NDArray[np.int64]:
    """Give how many events from each one on, (n_asked,), also follow each other somewhere else."""
    levels, n = [np.concatenate([asked, events])], len(asked)  # of level k, those of one rank agree in 2**k events
    while np.isin(levels[-1][:n], levels[-1][n:]).any():
        levels.append(_twice_as_far(levels[-1], 2 ** (len(levels) - 1)))
    order = n + np.argsort(levels[-1][n:])
    place = np.searchsorted(levels[-1][order], levels[-1][:n])
    sides = (order[np.clip(place - side, 0, len(order) - 1)] for side in (0, 1))
    return np.maximum(*(_common(levels[:-1], np.arange(n), other) for other in sides))


def _twice_as_far(ranks: NDArray[np.int32], width: int) -> NDArray[np.int32]:
    """Rank all places by twice as many events."""
    pairs = ranks.astype(np.int64) * (ranks.max() + 1)
    pairs[:-width] += ranks[width:]
    order = np.argsort(pairs)
    further = np.empty_like(ranks)
    further[order] = np.cumsum(np.diff(pairs[order], prepend=pairs[order[0]]) > 0)
    return further


def _common(levels: list[NDArray[np.int32]], one: NDArray[np.intp], other: NDArray[np.intp]) -> NDArray[np.int64]:
    """Give in how many events places agree."""
    length = np.zeros(len(one), np.int64)
    for level in range(len(levels) - 1, -1, -1):
        length += 2**level * (levels[level][one + length] == levels[level][other + length])
    return length
