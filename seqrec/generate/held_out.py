"""What a generator is judged by while it learns: events that are held out of its training data."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrec.data.sequences import Sequences

COUNTS = "counts"  # the column that says how much an event counts
_MOST = 50_000  # events; more would cost time and tell little more
_FEWEST = 200  # events; fewer tell nothing
_FEWEST_GROUPS = 20  # to hold out whole sequences
_PIECE = 1_000  # events; pieces are read side by side
_BEFORE = 100  # events before each, which are read and not judged


class _Spans(NamedTuple):
    """Stretches of sequences: of which one, the first event, and the one after the last; (n,) each."""

    rows: NDArray[np.intp]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]

    def within(self, rows: NDArray[np.intp]) -> _Spans:
        """Give those of some sequences."""
        return _Spans(*[part[np.isin(self.rows, rows)] for part in self])


def hold_out(
    X: Sequences, fraction: float, groups: NDArray[np.intp], rng: np.random.Generator
) -> tuple[Sequences, NDArray[np.intp], Sequences]:
    """Hold out events: whole groups of sequences where there are enough of these.

    Of a few sequences it is stretches that lie everywhere in the long ones, since what is last, such as the names in
    the last act, may be just what comes on; of the short ones it is the ends.

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
        What is left to learn from: what lies between held-out stretches is a sequence of its own.
    groups : (n_learned,) int
        Of these.
    held_out : Sequences
        In pieces, each with some events before it that count nothing.
    """
    share = min(fraction, _MOST / max(1, X.n_events))
    share = share if share * X.n_events >= _FEWEST else 0.0
    n_groups, judged = int(groups.max(initial=-1)) + 1, one_of_each(groups, rng)
    if n_groups < _FEWEST_GROUPS:
        spans = _spread(X.lengths, share)
        learned, groups = _without(X, spans, groups)
        return learned, groups, _in_pieces(X, spans.within(judged))
    chosen = rng.choice(n_groups, round(share * n_groups), replace=False)
    rows = np.flatnonzero(~np.isin(groups, chosen))
    judged = judged[np.sort(chosen)]
    return X[rows], groups[rows], _in_pieces(X, _Spans(judged, np.zeros_like(judged), X.lengths[judged]))


def one_of_each(groups: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    """Choose a sequence of each group at random; in the order of the groups."""
    order = rng.permutation(len(groups))
    return order[np.unique(groups[order], return_index=True)[1]]


def _spread(lengths: NDArray[np.int64], share: float) -> _Spans:
    """Choose stretches of about a thousand events in equal distances, or the end of a sequence, where one is enough."""
    n_events = np.round(share * lengths).astype(np.int64)
    n = np.maximum(1, n_events // _PIECE)
    rows = np.repeat(np.arange(len(n)), n)
    size, whole, place = (n_events // n)[rows], lengths[rows], _numbers_within(n) + 0.5
    starts = np.where(n[rows] == 1, whole - size, (place / n[rows] * whole).astype(np.int64) - size // 2)
    return _Spans(rows, starts, starts + size)


def _without(X: Sequences, spans: _Spans, groups: NDArray[np.intp]) -> tuple[Sequences, NDArray[np.intp]]:
    """Give what lies around the stretches, of which each sequence has one at least, and the group of each part."""
    n = np.bincount(spans.rows, minlength=len(X))
    ends = np.cumsum(n)
    begins, stops = np.insert(spans.stops, ends - n, 0), np.insert(spans.starts, ends, X.lengths)
    rows, part = np.repeat(np.arange(len(X)), n + 1), _numbers_within(n + 1)
    left = stops > begins
    return X.between(begins[left], stops[left], rows[left]), (groups[rows] * (n.max(initial=0) + 1) + part)[left]


def _in_pieces(X: Sequences, spans: _Spans) -> Sequences:
    """Cut stretches into pieces, with some events before each."""
    n = -(-(spans.stops - spans.starts) // _PIECE)
    span = np.repeat(np.arange(len(n)), n)
    starts = spans.starts[span] + _PIECE * _numbers_within(n)
    stops, firsts = np.minimum(starts + _PIECE, spans.stops[span]), np.maximum(starts - _BEFORE, 0)
    pieces = X.between(firsts, stops, spans.rows[span])
    is_before = _numbers_within(stops - firsts) < np.repeat(starts - firsts, stops - firsts)
    counts = np.where(is_before, 0.0, pieces.columns[COUNTS])
    return replace(pieces, columns={**pieces.columns, COUNTS: counts})


def _numbers_within(n: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count from 0 on, n times each: 0, 1, 0, 1, 2 for 2 and 3."""
    return np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
