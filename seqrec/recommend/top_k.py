"""From scores to places: the k best items of each sequence, and the ranks of those that came next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED, Vocabulary
from seqrec.exceptions import InputError
from seqrec.metrics.ranking import tied_rank


class Targets(NamedTuple):
    """What came next after each of n sequences: one item or several.

    Sequence i has the targets ``columns[indptr[i]:indptr[i + 1]]``, columns of the catalogue, negative where
    it lacks the item.
    """

    columns: NDArray[np.intp]
    indptr: NDArray[np.integer]

    @classmethod
    def of(cls, y: Any, n: int, vocabulary: Vocabulary) -> Targets:
        """Look the items y up, one of each of n sequences, or `Sequences` of several."""
        several = isinstance(y, Sequences)
        codes = y.recode(vocabulary).codes if several else vocabulary.encode(np.asarray(y))
        indptr = y.indptr if several else np.arange(len(codes) + 1)
        if len(indptr) != n + 1:
            raise InputError(f"X has {n:,} sequences, but y has the next items of {len(indptr) - 1:,}.")
        return cls(codes.astype(np.intp) - N_RESERVED, indptr)


def top_k(scores: NDArray, k: int) -> tuple[NDArray[np.intp], NDArray]:
    """Find the k best of each row, best first; ties in the order of the columns.

    Parameters
    ----------
    scores : (n, n_items) floating array without NaN
    k : int, at most n_items

    Returns
    -------
    columns, values : (n, k) arrays
    """
    n, n_items = scores.shape
    # At least k items reach the k-th best of the maxima of groups of columns, and few others do. Maxima are
    # one fast pass over the scores; a partial sort takes ten times as long, and a hundred times where many
    # tie.
    width = max(k, min(n_items, 512))
    groups = scores[:, : n_items // width * width].reshape(n, n_items // width, width)
    limit = np.sort(groups.max(axis=1), axis=1)[:, [-k]]
    chosen = scores >= limit
    crowded = np.flatnonzero(np.count_nonzero(chosen, axis=1) > 8 * k)
    ties = scores[crowded, : 32 * k] == limit[crowded]  # where many tie, the first k are mostly found early
    if (np.count_nonzero(ties, axis=1) < k).any():
        ties = scores[crowded] == limit[crowded]
    chosen[crowded] = scores[crowded] > limit[crowded]
    chosen[crowded, : ties.shape[1]] |= ties & (np.cumsum(ties, axis=1, dtype=np.int32) <= k)
    rows, columns = np.divmod(np.flatnonzero(chosen), n_items)
    order = np.lexsort((-scores[rows, columns], rows))  # stable, so that ties stay in the order of the columns
    first = np.searchsorted(rows, np.arange(n))
    columns = columns[order[first[:, None] + np.arange(k)]]
    return columns, np.take_along_axis(scores, columns, axis=1)


def best_of(blocks: Iterable[tuple[slice, NDArray]], n: int, k: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Give the columns of the k best items of each of n sequences, whose scores come in blocks, and their scores."""
    columns, scores = np.empty((n, k), np.intp), np.empty((n, k), np.float32)
    for rows, block in blocks:
        columns[rows], scores[rows] = top_k(block, k)
    return columns, scores


def target_ranks(scores: NDArray, targets: Targets, rows: slice) -> NDArray[np.float64]:
    """Give the average ranks of the targets of the sequences `rows`, whose scores these are."""
    columns = targets.columns[targets.indptr[rows.start] : targets.indptr[rows.stop]]
    lengths = np.diff(targets.indptr[rows.start : rows.stop + 1])
    if (lengths == 1).all():
        return tied_rank(scores, columns)
    row = np.repeat(np.arange(len(scores)), lengths)
    step = len(scores)  # copies of rows, one for each target, never take more memory than the scores
    parts = [slice(start, start + step) for start in range(0, len(row), step)]
    return np.concatenate([np.empty(0), *(tied_rank(scores[row[part]], columns[part]) for part in parts)])
