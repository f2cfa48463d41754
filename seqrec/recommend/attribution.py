"""Which past events moved an item: leave each out of the history, score again, and look at the difference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED
from seqrec.metrics.ranking import check_finite

_EVENTS_AT_ONCE = 2**20  # of all shortened histories in memory together

Score = Callable[[Sequences, Any], Iterator[tuple[slice, NDArray]]]


def explain_scores(
    score: Score, named: Sequences, X: Sequences, columns: NDArray, n_latest: int, at: NDArray | None
) -> pd.DataFrame:
    """Give the effect of each event that can matter on the scores of some items.

    Parameters
    ----------
    score : callable
        Takes histories in the codes of the catalogue, and the times of the questions or None; yields slices of rows
        and (rows, n_items) scores. What comes before the `n_latest` events, and before the `n_latest` events of known
        items, must not change a score.
    named, X : Sequences, n sequences
        The same histories in the user's own ids and in the codes of the catalogue.
    columns : (n, k) integer
        Items to explain, as columns of the scores, best first; negative where there is none.
    n_latest : int
    at : (n,) datetime64, optional
        Times of the questions.

    Returns
    -------
    effects : DataFrame
        As `RecommenderMixin.explain` says.
    """
    events = np.flatnonzero(latest(X, n_latest))
    scores, effects = leave_each_out(score, X, columns, n_latest, at)
    sequence = sequence_of_events(X)[events]
    row, rank = np.nonzero(columns[sequence] >= 0)
    order = np.lexsort((row, rank, sequence[row]))
    row, rank = row[order], rank[order]
    event, of = events[row], sequence[row]
    ids = named if named.n_events else X  # where there is no event, its ids would be of no kind
    values = {
        "sequence": X.keys[of],
        "item": X.vocabulary.items[columns[of, rank]],
        "score": scores[of, rank],
        "position": event - X.indptr[of],
        "row": X.rows[event],
        "event": ids.vocabulary.decode(ids.codes[event]),
        "effect": effects[row, rank],
    }
    # The arrays' own dtypes, since pandas would guess another one for text that is there than for none.
    return pd.DataFrame({name: pd.Series(column, dtype=column.dtype) for name, column in values.items()})


def leave_each_out(
    score: Score, X: Sequences, columns: NDArray, n_latest: int, at: NDArray | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Score the items `columns` (n, k) after whole histories, and find what each event of `latest` adds to that.

    Returns
    -------
    scores : (n, k) float64
    effects : (n_latest_events, k) float64
    """
    # One event more, which moves up where another is left out.
    short = _only(X, latest(X, n_latest + 1))
    parts = []
    for rows in _chunks(short.lengths * (short.lengths + 1)):
        part = short[rows]
        events = np.flatnonzero(latest(part, n_latest))
        source = np.concatenate([np.arange(len(part)), sequence_of_events(part)[events]])
        histories = part[source]
        keep = np.ones(histories.n_events, dtype=bool)
        keep[histories.indptr[len(part) : -1] + events - part.indptr[source[len(part) :]]] = False
        histories = _only(histories, keep)
        times = None if at is None else at[rows][source]
        scores = _scores_of(score(histories, times), columns[rows][source])
        parts.append((scores[: len(part)], scores[source[len(part) :]] - scores[len(part) :]))
    whole, effects = zip(*parts, strict=True)
    return np.concatenate(whole), np.concatenate(effects)


def latest(X: Sequences, n: int) -> NDArray[np.bool_]:
    """Tell which events are among the n latest of their sequence, or among its n latest of known items, (n_events,)."""
    sequence, known = sequence_of_events(X), X.codes >= N_RESERVED
    n_known = np.concatenate([[0], np.cumsum(known)])
    ends = X.indptr[1:][sequence]
    return (ends - np.arange(X.n_events) <= n) | (known & (n_known[ends] - n_known[:-1] <= n))


def sequence_of_events(X: Sequences) -> NDArray[np.intp]:
    """Give the number of the sequence that each event belongs to, (n_events,)."""
    return np.repeat(np.arange(len(X)), X.lengths)


def _only(X: Sequences, keep: NDArray[np.bool_]) -> Sequences:
    """Keep some events."""
    kept_before = np.concatenate([[0], np.cumsum(keep)])
    times = None if X.timestamps is None else X.timestamps[keep]
    columns = {name: column[keep] for name, column in X.columns.items()}
    indptr = kept_before[X.indptr]
    return replace(X, codes=X.codes[keep], indptr=indptr, timestamps=times, rows=X.rows[keep], columns=columns)


def _scores_of(blocks: Iterator[tuple[slice, NDArray]], columns: NDArray[np.intp]) -> NDArray[np.float64]:
    """Keep the scores of the items `columns` (n, k) only; those of negative ones mean nothing."""
    scores = np.empty(columns.shape)
    for rows, block in blocks:
        scores[rows] = np.take_along_axis(block, np.maximum(columns[rows], 0), axis=1)
    check_finite(scores)
    return scores


def _chunks(costs: NDArray[np.int64]) -> Iterator[slice]:
    """Cut sequences into runs that cost about the same, at least one sequence each; one empty run if there is none."""
    run = np.cumsum(costs) // _EVENTS_AT_ONCE
    bounds = [0, *(np.flatnonzero(np.diff(run)) + 1), len(costs)]
    return (slice(start, stop) for start, stop in pairwise(bounds))
