"""What counting alone says of a sequence: events never seen, its length, and the normal sequence most like it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from seqrec.pools import Pools
from seqrec.sequences import Sequences
from seqrec.vocabulary import N_RESERVED, UNKNOWN

_MOST_NEIGHBOURS = 10_000  # distinct compositions that are compared with
_DISTANCES_AT_ONCE = 2**24  # 128 MiB


def new_events(X: Sequences) -> Pools:
    """Count the events of a kind that training lacked."""
    unknown = np.concatenate([[0], np.cumsum(X.codes == UNKNOWN)])
    return {"new events": (unknown[X.indptr[1:]] - unknown[X.indptr[:-1]]).astype(np.float64)}


def length(X: Sequences) -> Pools:
    """Give the number of events, as odd where it is high and as odd where it is low."""
    return {"long": X.lengths.astype(np.float64), "short": -X.lengths.astype(np.float64)}


class Compositions(NamedTuple):
    """Compare how often a sequence holds each event with normal sequences.

    The distance is Euclidean between the square roots of the counts: a root gives rare and frequent events like
    weight, as their counts vary in proportion to it.

    Attributes
    ----------
    roots : (n_normal, n_codes - 1) sparse array
        Square roots of the counts of each kind of event, distinct rows; the first column counts unknown events.
    keys : (n_normal,) array
        A training sequence of that composition.

    References
    ----------
    Bartlett (1936), "The square root transformation in analysis of variance".
    """

    roots: sparse.csr_array
    keys: NDArray

    @classmethod
    def fit(cls, X: Sequences, rng: np.random.Generator) -> Compositions:
        """Keep the distinct compositions of X, at most 10,000 of them, drawn at random."""
        roots = _root_counts(X)
        fingerprint = roots @ rng.standard_normal((roots.shape[1], 2))
        _, first = np.unique(fingerprint.round(9), axis=0, return_index=True)
        kept = np.sort(rng.permutation(first)[:_MOST_NEIGHBOURS])
        return cls(roots[kept], X.keys[kept])

    def nearest(self, X: Sequences) -> tuple[NDArray[np.float64], NDArray]:
        """Distance to the nearest normal sequence, (n,) float64, and that sequence's key, (n,)."""
        roots, norms = _root_counts(X), (self.roots**2).sum(axis=1)
        distances, nearest = np.empty(len(X)), np.empty(len(X), dtype=np.intp)
        step = max(1, _DISTANCES_AT_ONCE // self.roots.shape[0])
        for start in range(0, len(X), step):
            part = slice(start, start + step)
            squares = norms - 2 * (roots[part] @ self.roots.T).toarray()  # |a - b|**2 less |a|**2
            nearest[part] = squares.argmin(axis=1)
            own = (roots[part] ** 2).sum(axis=1)
            distances[part] = np.sqrt(np.maximum(squares.min(axis=1) + own, 0).round(9))
        return distances, self.keys[nearest]

    def pools(self, X: Sequences) -> Pools:
        """Give the distance to the nearest normal sequence."""
        return {"composition": self.nearest(X)[0]}


def _root_counts(X: Sequences) -> sparse.csr_array:
    row = np.repeat(np.arange(len(X)), X.lengths)
    shape = (len(X), N_RESERVED - UNKNOWN + len(X.vocabulary))
    counts = sparse.coo_array((np.ones(X.n_events), (row, X.codes - UNKNOWN)), shape=shape).tocsr()
    counts.sum_duplicates()
    counts.data = np.sqrt(counts.data)
    return counts
