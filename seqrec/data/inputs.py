"""What an estimator's user passes as X becomes `Sequences` here, or an error that says how to make them."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np

from seqrec._checks import show, warn_user
from seqrec.data.lists import flatten_array
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import factorize
from seqrec.exceptions import InputError, UnusedColumnsWarning


def as_sequences(X: Any, *, allow_empty: bool = True, estimator: Any = None, reset: bool = True) -> Sequences:
    """Take what an estimator's user passes: Sequences, lists, or a 2-D array (a row is a sequence).

    Parameters
    ----------
    X : Sequences, list, object array or Series of lists of ids, or array of shape (n_sequences, length)
        The index of a Series, such as ``log.groupby("user_id")["item_id"].agg(list)`` gives, are the keys.
    allow_empty : bool
        Whether `X` may hold no event at all.
    estimator : estimator, optional
        Named in messages; the width of a 2-D array is kept in its ``n_features_in_``.
    reset : bool
        Whether to record that width (in ``fit``) or to compare it, as scikit-learn's contract asks.

    Raises
    ------
    TypeError
        Where `X` is a dataframe, sparse, or holds ids of mixed kinds.
    ValueError
        Where `X` is empty and may not be, is an array of other than two dimensions, or holds NaN or infinity.
    """
    if isinstance(X, str | bytes):
        raise InputError(f"X must be Sequences or a list of sequences, got {show(X)} alone: write [[{show(X)}]].")
    if isinstance(X, Sequences):
        sequences = X
    elif isinstance(X, list | tuple):
        sequences = Sequences.from_lists(X)
    elif (lists := _lists_of(X)) is not None:
        sequences = Sequences.from_lists(lists, keys=getattr(X, "index", None))
    elif _is_frame(X):
        advice = "Build them with Sequences.from_frame(log, user=..., item=..., timestamp=...)."
        raise InputError(f"X must be Sequences or a list of sequences, got {type(X).__name__}. {advice}")
    else:
        lengths, values = flatten_array(X, int(not allow_empty), estimator, reset)
        sequences = Sequences._from_flat(lengths, None, *factorize(values))
    if not allow_empty and not sequences.n_events:
        raise InputError(f"X holds no events in its {len(sequences)} sequences. Pass at least one item.")
    return sequences


def warn_of_unused(X: Sequences, estimator: Any) -> None:
    """Say, for an estimator that reads events alone, which columns of X are not used."""
    if X.columns:
        plural, named = "s" * (len(X.columns) > 1), ", ".join(map(repr, X.columns))
        verb = "are" if plural else "is"
        text = f"column{plural} {named} {verb} not used by {type(estimator).__name__}: it reads the events alone."
        warn_user(text, UnusedColumnsWarning)


def _is_frame(X: Any) -> bool:
    return isinstance(nw.from_native(X, pass_through=True, allow_series=True), nw.DataFrame | nw.LazyFrame | nw.Series)


def _lists_of(X: Any) -> list[Any] | None:
    """Give the lists that an array of objects or a Series of any frame holds; None if it holds none."""
    series = nw.from_native(X, pass_through=True, allow_series=True)
    if isinstance(series, nw.Series):
        X = series.to_numpy()
    if not isinstance(X, np.ndarray) or X.dtype != object or X.ndim != 1 or not len(X):
        return None
    return list(X) if all(isinstance(one, list | tuple | np.ndarray) for one in X) else None
