"""What a generator is judged by while it learns: events that are held out of its training data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from seqrec.data.sequences import Sequences

COUNTS = "counts"  # the column that says how much an event counts
_MOST = 50_000  # events; more would cost time and tell little more
_FEWEST = 200  # events; fewer tell nothing
_FEWEST_GROUPS = 20  # to hold out whole sequences
_PIECE = 1_000  # events; pieces are read side by side
_BEFORE = 100  # events before each, which are read and not judged


def hold_out(
    X: Sequences, fraction: float, groups: NDArray[np.intp], rng: np.random.Generator
) -> tuple[Sequences, NDArray[np.intp], Sequences]:
    """Hold out events: whole groups of sequences where there are enough of these, and else the ends of all sequences.

    Parameters
    ----------
    X : Sequences
        With the column ``COUNTS``.
    fraction : float
        Share of the events, at most 50,000 of them.
    groups : (n_sequences,) int, from 0 on
        Sequences of a group are variants of one. Of these one alone is judged.
    rng : numpy.random.Generator

    Returns
    -------
    learned : Sequences
        What is left to learn from.
    groups : (n_learned,) int
        Of these.
    held_out : Sequences
        In pieces, each with some events before it that count nothing.
    """
    share = min(fraction, _MOST / max(1, X.n_events))
    share = share if share * X.n_events >= _FEWEST else 0.0
    n_groups = int(groups.max(initial=-1)) + 1
    if n_groups < _FEWEST_GROUPS:
        cut = X.lengths - np.round(share * X.lengths).astype(np.int64)
        judged = one_of_each(groups, rng)
        return X.between(0, cut), groups, _in_pieces(X[judged], cut[judged])
    chosen = rng.choice(n_groups, round(share * n_groups), replace=False)
    rows = np.flatnonzero(~np.isin(groups, chosen))
    judged = one_of_each(groups, rng)[np.sort(chosen)]
    return X[rows], groups[rows], _in_pieces(X[judged], np.zeros(len(judged), np.int64))


def one_of_each(groups: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    """Choose a sequence of each group at random; in the order of the groups."""
    order = rng.permutation(len(groups))
    return order[np.unique(groups[order], return_index=True)[1]]


def _in_pieces(X: Sequences, begin: NDArray[np.int64]) -> Sequences:
    """Cut the events from `begin` on of each sequence into pieces, with some events before each."""
    ends = X.between(np.maximum(begin - _BEFORE, 0), X.lengths)
    begin = np.minimum(begin, _BEFORE)
    n_pieces = -(-(ends.lengths - begin) // _PIECE)
    rows = np.repeat(np.arange(len(ends)), n_pieces)
    starts = begin[rows] + _PIECE * (np.arange(len(rows)) - np.repeat(np.cumsum(n_pieces) - n_pieces, n_pieces))
    firsts = np.maximum(starts - _BEFORE, 0)
    pieces = ends[rows].between(firsts, starts + _PIECE)
    position = np.arange(pieces.n_events) - np.repeat(pieces.indptr[:-1], pieces.lengths)
    counts = np.where(position < np.repeat(starts - firsts, pieces.lengths), 0.0, pieces.columns[COUNTS])
    return replace(pieces, columns={**pieces.columns, COUNTS: counts})
