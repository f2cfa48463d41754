"""What counting alone says of a sequence: events never seen, its length, and the normal sequence most like it."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from seqrec.data.sequences import Sequences
from seqrec.data.summary import count_events
from seqrec.data.vocabulary import UNKNOWN
from seqrec.detect.parts import Parts
from seqrec.storage.arrays import Ids, Sparse
from seqrec.storage.schemas import Example

_MOST_NEIGHBOURS = 10_000  # distinct compositions that are compared with
_DISTANCES_AT_ONCE = 2**20  # 8 MiB, which stay in a cache
_DENSE_KINDS = 512  # of events, up to which products of full matrices are faster


def new_events(X: Sequences) -> Parts:
    """Count the events of a kind that training lacked."""
    unknown = np.concatenate([[0], np.cumsum(X.codes == UNKNOWN)])
    return {"new events": (unknown[X.indptr[1:]] - unknown[X.indptr[:-1]]).astype(np.float64)}


def length(X: Sequences) -> Parts:
    """Give the number of events, as odd where it is high and as odd where it is low."""
    return {"long": X.lengths.astype(np.float64), "short": -X.lengths.astype(np.float64)}


class BagOfEvents(NamedTuple):
    """Compare how often a sequence holds each event with normal sequences.

    The distance is Euclidean between the square roots of the counts: a root gives rare and frequent events like
    weight, as their counts vary in proportion to it.

    Attributes
    ----------
    roots : (n_normal, n_codes - 1) sparse array
        Square roots of the counts of each kind of event, distinct rows; the first column counts unknown events.
    keys : (n_normal,) array or None
        A training sequence of that composition; None where a model file holds no keys.

    References
    ----------
    Bartlett (1936), "The square root transformation in analysis of variance".
    """

    roots: Annotated[sparse.csr_array, Sparse("float64", "n_normal", "n_items + 1")]
    keys: Annotated[NDArray | None, Example(Ids("n_normal"))]

    def check_sound(self) -> None:
        """Raise ValueError where there is nothing to compare with."""
        if not self.roots.shape[0]:
            raise ValueError("there is no composition to compare with.")

    @classmethod
    def fit(cls, X: Sequences, rng: np.random.Generator) -> BagOfEvents:
        """Keep the distinct compositions of X, at most 10,000 of them, drawn at random."""
        roots = _roots(count_events(X))
        fingerprint = roots @ rng.standard_normal((roots.shape[1], 2))
        _, first = np.unique(fingerprint.round(9), axis=0, return_index=True)
        kept = np.sort(rng.permutation(first)[:_MOST_NEIGHBOURS])
        return cls(roots[kept], X.keys[kept])

    def nearest(self, X: Sequences, rows: NDArray[np.intp], odd: NDArray[np.bool_]) -> NDArray:
        """Key of the normal sequence nearest to each of some rows of X, (n_rows,); None where there is none.

        X may be training data: a sequence is not the nearest to itself, and those of X that are odd, (n,), to none.
        """
        if self.keys is None:
            return np.full(len(rows), None)
        own = self._rows_of(X, pd.Index(self.keys))
        excluded = np.isin(np.arange(len(self.keys)), own[odd])
        distances, nearest = self.nearest_to(count_events(X[rows]), own[rows], excluded)
        keys = self.keys[nearest].astype(object)
        keys[~np.isfinite(distances)] = None
        return keys

    def _rows_of(self, X: Sequences, keys: pd.Index) -> NDArray[np.intp]:
        """Give the row of each sequence of X that is kept here, (n,): one of its key and of its counts; else -1."""
        own = keys.get_indexer(pd.Index(X.keys))
        known = np.flatnonzero(own >= 0)
        differences = abs(_roots(count_events(X[known])) - self.roots[own[known]]).sum(axis=1)
        own[known[differences > 0]] = -1  # keys that only number the sequences say nothing
        return own

    def nearest_to(
        self, counts: sparse.csr_array, own: NDArray | None = None, excluded: NDArray | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Give distance and row of the nearest of the sequences whose events are counted.

        Of each its `own` row, -1 for none, is left out, and those that are `excluded` from all.
        """
        roots, norms, n = _roots(counts), (self.roots**2).sum(axis=1), counts.shape[0]
        norms = norms if excluded is None else np.where(excluded, np.inf, norms)
        few_kinds = roots.shape[1] <= _DENSE_KINDS
        others: Any = self.roots.T.toarray() if few_kinds else self.roots.T.tocsr()
        squares, nearest = np.empty(n), np.empty(n, dtype=np.intp)
        step = max(1, _DISTANCES_AT_ONCE // self.roots.shape[0])
        for start in range(0, n, step):
            part = slice(start, start + step)
            asked: Any = roots[part]
            products = asked.toarray() @ others if few_kinds else (asked @ others).toarray()
            relative = norms - 2 * products  # |a - b|**2 less |a|**2
            if own is not None:
                known = np.flatnonzero(own[part] >= 0)
                relative[known, own[part][known]] = np.inf
            nearest[part] = relative.argmin(axis=1)
            squares[part] = np.take_along_axis(relative, nearest[part, None], axis=1)[:, 0]
        squares += (roots**2).sum(axis=1)
        return np.sqrt(np.maximum(squares, 0).round(9)), nearest

    def parts(self, X: Sequences) -> Parts:
        """Give the distance to the nearest normal sequence."""
        return {"composition": self.nearest_to(count_events(X))[0]}


def _roots(counts: sparse.csr_array) -> sparse.csr_array:
    return sparse.csr_array((np.sqrt(counts.data), counts.indices, counts.indptr), shape=counts.shape)
