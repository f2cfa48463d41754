"""How much of a sequence stands in the training sequences word by word."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import UNKNOWN

_BASE = 0x9E3779B97F4A7C15  # odd, so it has an inverse among 64 bits
_INVERSE = pow(_BASE, -1, 2**64)


def longest_spans(X: Sequences, training: Sequences) -> NDArray[np.int64]:
    """Give the length of the longest span of each sequence that stands in a training sequence, (n,).

    Both are in the same codes. Spans are compared by hashes of 64 bits, and their length is halved in on.
    """
    of_x, of_training = _Hashes.of(X), _Hashes.of(training)
    low, high = np.zeros(len(X), np.int64), np.minimum(X.lengths, training.lengths.max(initial=0))
    while (open_rows := np.flatnonzero(low < high)).size:
        middle = (low + high + 1) // 2
        for length in np.unique(middle[open_rows]):
            rows = open_rows[middle[open_rows] == length]
            found = np.unique(of_training.spans(np.arange(len(training)), length)[0])
            hashes, owner = of_x.spans(rows, length)
            stands = np.zeros(len(X), bool)
            stands[owner[np.isin(hashes, found)]] = True
            low[rows] = np.where(stands[rows], length, low[rows])
            high[rows] = np.where(stands[rows], high[rows], length - 1)
    return low


class _Hashes(NamedTuple):
    """Polynomial hashes of all beginnings of one row of events, from which those of all spans follow."""

    indptr: NDArray[np.int64]
    beginnings: NDArray[np.uint64]  # (n_events + 1,)
    shift: NDArray[np.uint64]  # (n_events + 1,): lets equal spans have equal hashes, wherever they begin

    @classmethod
    def of(cls, X: Sequences) -> _Hashes:
        """Hash the events of X; each unknown one is like no other."""
        values = X.codes.astype(np.uint64) * np.uint64(0xBF58476D1CE4E5B9)
        values[X.codes == UNKNOWN] += np.arange(np.count_nonzero(X.codes == UNKNOWN), dtype=np.uint64)
        terms = (values ^ (values >> np.uint64(31))) * _powers(_BASE, X.n_events)[1:]
        beginnings = np.concatenate([np.zeros(1, np.uint64), np.cumsum(terms, dtype=np.uint64)])
        return cls(X.indptr, beginnings, _powers(_INVERSE, X.n_events))

    def spans(self, rows: NDArray[np.intp], length: int) -> tuple[NDArray[np.uint64], NDArray[np.intp]]:
        """Give the hashes of all spans of a length of some rows, and the row of each."""
        n = np.maximum(np.diff(self.indptr)[rows] - length + 1, 0)
        owner = np.repeat(rows, n)
        starts = self.indptr[owner] + np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
        return (self.beginnings[starts + length] - self.beginnings[starts]) * self.shift[starts], owner


def _powers(base: int, n: int) -> NDArray[np.uint64]:
    """Give the powers 0 to n of a number, (n + 1,), among 64 bits."""
    return np.cumprod(np.append(np.uint64(1), np.full(n, base, np.uint64)), dtype=np.uint64)
