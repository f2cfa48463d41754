"""What recommenders learn from: how often each item occurs, and next items that are given apart from the histories."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED
from seqrec.exceptions import InputError


def item_counts(X: Sequences, weights: NDArray | None = None, events: Any = slice(None)) -> NDArray:
    """How often each item of X's vocabulary occurs, (n_items,), among all `events` or some.

    With `weights` of the sequences, each event counts as much as its sequence weighs.
    """
    of_events = None if weights is None else np.repeat(weights, X.lengths)[events]
    return np.bincount(X.codes[events], of_events, N_RESERVED + len(X.vocabulary))[N_RESERVED:]


def check_next(items: Any, X: Sequences) -> NDArray:
    """Give the next items, one for each sequence of X, as an array."""
    items = np.asarray(items)
    if items.shape != (len(X),):
        raise InputError(f"y must hold the next item of each of the {len(X):,} sequences, got shape {items.shape}.")
    return items


def append_events(X: Sequences, items: Any) -> Sequences:
    """Append one event to each sequence, at the time and with the columns of its last event."""
    items = check_next(items, X)
    try:
        vocabulary = X.vocabulary.extend(items)
    except InputError as error:
        raise InputError(
            f"y, the next items: {error} (cross_val_predict with method='predict_proba' puts numbers in place of y: "
            "append y to the histories, and call it without.)"
        ) from None
    ends = X.indptr[1:]
    if (X.timestamps is not None or X.columns) and (X.lengths == 0).any():
        raise InputError("y cannot follow empty sequences with timestamps or columns. Drop the empty sequences first.")
    return replace(
        X,
        codes=np.insert(X.codes, ends, vocabulary.encode(items)),
        indptr=X.indptr + np.arange(len(X) + 1),
        vocabulary=vocabulary,
        timestamps=None if X.timestamps is None else np.insert(X.timestamps, ends, X.timestamps[ends - 1]),
        rows=np.insert(X.rows, ends, -1),
        columns={name: np.insert(column, ends, column[ends - 1], axis=0) for name, column in X.columns.items()},
    )
