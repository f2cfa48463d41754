"""Demand out of a log: how many events there are in each interval of time, of each item or user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrec._checks import CONVERT, check_column, check_column_names, check_ids, check_rows, show
from seqrec.data.missing import is_missing
from seqrec.data.steps import Step
from seqrec.data.times import local_times, utc_times
from seqrec.data.vocabulary import UNKNOWN
from seqrec.exceptions import InputError

COUNT = "count"
_MOST = 2**31 - 1  # values


class Counts(NamedTuple):
    """Series of numbers, one after another.

    Attributes
    ----------
    keys : (n_series,) ndarray
        What each series is of.
    indptr : (n_series + 1,) int64
    times : (n_values,) datetime64[us]
        When each interval begins.
    columns : dict of str to (n_values,) ndarray
    """

    keys: NDArray
    indptr: NDArray[np.int64]
    times: NDArray[np.datetime64]
    columns: dict[str, NDArray]


def count_by_time(X: Any, every: str, by: str, sums: Sequence[str]) -> Counts:
    """Count the events of sequences X as `Sequences.counts` says."""
    step, sums = Step.parse(every, "every"), check_column_names(sums)
    if X.timestamps is None:
        raise InputError("these sequences have no times, so nothing can be counted by time.")
    summed = {name: _numbers(X, name) for name in sums}
    groups, keys = _groups(X, by)
    there = groups >= 0
    zone = X.zone if step.is_of_days else None
    times = X.timestamps[there] if zone is None else local_times(X.timestamps[there], zone)
    groups, number = groups[there], step.number(times)
    first = np.full(len(keys), number.max(initial=0))
    np.minimum.at(first, groups, number)
    lengths = number.max(initial=0) - first + 1 if len(number) else np.zeros(len(keys), np.int64)
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    if indptr[-1] > _MOST:
        raise InputError(f"every={every!r} would give {indptr[-1]:,} values. Count by longer intervals.")
    place = indptr[groups] + number - first[groups]
    counted = {COUNT: np.bincount(place, minlength=indptr[-1])}
    counted |= {name: np.bincount(place, values[there], indptr[-1]) for name, values in summed.items()}
    numbers = np.arange(indptr[-1]) + np.repeat(first - indptr[:-1], lengths)
    begins = step.start(numbers)
    return Counts(keys, indptr, begins if zone is None else utc_times(begins, zone), counted)


def _numbers(X: Any, name: str) -> NDArray:
    """Give a column of numbers, 0 where one is missing."""
    check_column(name, list(X.columns))
    values = X.columns[name]
    if name == COUNT:
        raise InputError(f"column {name!r} has the name of the number of events. Rename it.")
    if values.dtype.kind not in "biuf" or values.ndim > 1:
        raise InputError(f"column {name!r} holds no numbers, which could be summed.")
    return np.nan_to_num(values.astype(np.float64))


def _groups(X: Any, by: str) -> tuple[NDArray[np.int64], NDArray]:
    """Give the series of each event, -1 for none, and the id of each series, in their order."""
    if by == "user":
        occupied = X.lengths > 0
        return np.repeat(np.cumsum(occupied) - 1, X.lengths), X.keys[occupied]
    if by == "item":
        if not X.has_items:
            raise InputError("these events have no items: count them by='user', or by the name of a column.")
        codes, found = np.unique(X.codes, return_inverse=True)
        known = codes > UNKNOWN
        return _sorted(np.where(known, np.cumsum(known) - 1, -1)[found], X.vocabulary.decode(codes[known]))
    if by not in X.columns:
        names = ", ".join(map(repr, X.columns)) or "none"
        raise InputError(f"by must be 'item', 'user' or a column, got {show(by)}; columns found: {names}.")
    there = ~is_missing(X.columns[by])
    values = check_ids(X.columns[by][there], f"column {by!r}")
    if values.dtype.kind == "f":  # as integers are beside missing ones
        check_rows(values == np.floor(values), f"column {by!r}", "fractional ids", CONVERT)
        values = values.astype(np.int64)
    codes, ids = pd.factorize(values)
    groups = np.full(X.n_events, -1)
    groups[there] = codes
    return _sorted(groups, ids)


def _sorted(groups: NDArray[np.int64], ids: NDArray) -> tuple[NDArray[np.int64], NDArray]:
    """Give series and ids in the order of the ids."""
    order = np.argsort(ids, kind="stable")
    rank = np.full(len(ids) + 1, -1)  # the last is that of -1
    rank[order] = np.arange(len(ids))
    return rank[groups], ids[order]
