"""Lists of sequences and 2-D arrays become flat here: their lengths, and all elements one after another."""

from __future__ import annotations

import numbers
from collections.abc import Collection, Iterable, Mapping, Set
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from sklearn.utils.validation import check_array, validate_data

from seqrec._checks import check_ids, show
from seqrec.data.padding import warn_of_padding
from seqrec.data.times import read_times, times_from_objects, warn_of_unit
from seqrec.exceptions import InputError


def flatten(lists: Iterable[Collection[Any]], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Give the lengths (n_lists,) int64 and the elements (n_elements,): objects, or numbers or times of one dtype.

    Raises
    ------
    TypeError
        Where an element of `lists` is not itself an ordered collection.
    """
    lists = list(lists)
    for one in lists:
        if not isinstance(one, Collection) or isinstance(one, str | bytes | Mapping | Set):
            kind = type(one).__name__
            wrap = " For one sequence alone, wrap it: [[...]]." if isinstance(one, str | int | np.generic) else ""
            raise InputError(f"{name} must hold one list for each sequence, got {show(one)} ({kind}).{wrap}")
    lengths = np.fromiter((len(one) for one in lists), dtype=np.int64, count=len(lists))
    plain = [one for one in lists if isinstance(one, np.ndarray) and one.ndim == 1 and one.dtype.kind in "ifM"]
    if len(plain) == len(lists) and len({one.dtype for one in plain}) == 1:
        return lengths, np.concatenate(plain)
    return lengths, np.fromiter(chain.from_iterable(lists), dtype=object, count=int(lengths.sum()))


def flatten_array(X: Any, minimum: int, estimator: Any, reset: bool) -> tuple[np.ndarray, np.ndarray]:
    """Give the lengths and elements of a 2-D array, whose rows are sequences, after scikit-learn's checks."""
    if getattr(X, "ndim", 0) == 1 and len(X):
        raise InputError(
            f"X is one flat history of {len(X):,} events: wrap it, [[...]]. Reshape your data only if each row of "
            "the result is a sequence."
        )
    checks: dict[str, Any] = {"ensure_min_samples": minimum, "ensure_min_features": minimum}
    checks["dtype"] = None if _holds_ids(X) else "numeric"
    own = estimator is not None
    X = validate_data(estimator, X, reset=reset, **checks) if own else check_array(X, input_name="X", **checks)
    lengths = np.full(X.shape[0], X.shape[1])
    warn_of_padding(lengths, X.ravel())
    return lengths, X.ravel()


def _holds_ids(X: Any) -> bool:
    """Whether an array holds ids that scikit-learn's conversion to float would refuse, merge or round."""
    if not isinstance(X, np.ndarray) or X.dtype.kind not in "OUT":
        return False
    return X.dtype != object or all(isinstance(value, numbers.Integral | str) for value in X.flat)


def read_flat_times(values: np.ndarray, time_unit: str) -> tuple[np.ndarray, str | None]:
    """Give the times of all events as (n_events,) datetime64[us], and their unit where they are numbers."""
    label = "timestamps as one column"
    column = pa.chunked_array([pa.array(times_from_objects(values, label))])
    times, unit = read_times(column, label, time_unit)
    if time_unit != "auto":
        warn_of_unit(column.to_numpy(), unit, label)
    return times.astype("datetime64[us]"), unit


def check_keys(keys: Any, n_sequences: int) -> np.ndarray:
    """Return one distinct id for each sequence; by default 0, 1, 2, ..."""
    if keys is None:
        return np.arange(n_sequences)
    keys = check_ids(keys, "keys")
    if len(keys) != n_sequences:
        raise InputError(f"keys must hold one id for each of the {n_sequences} sequences, got {len(keys)}.")
    repeated = keys[pd.Series(keys, dtype=keys.dtype).duplicated()]
    if len(repeated):
        raise InputError(f"keys holds {len(repeated):,} repeated ids, such as {show(repeated[0])}.")
    return keys
