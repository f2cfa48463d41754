"""What is asked: what comes next, at a moment after each history, of events that are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from seqrec.data.alignment import beside_sequences
from seqrec.data.sequences import Sequences
from seqrec.exceptions import InputError


def last_out(X: Sequences, min_history: int = 1) -> tuple[Sequences, NDArray]:
    """Cut the last event off each sequence with so many before it; give the histories, (n,), and the items, (n,)."""
    X = X[X.lengths > min_history]
    return X.between(0, X.lengths - 1), X.vocabulary.decode(X.codes[X.indptr[1:] - 1])


def query_times(at: ArrayLike | None, X: Sequences, name: str = "at") -> NDArray[np.datetime64] | None:
    """Give the times that are asked about, (n,) datetime64[us] in UTC, after checks against the histories."""
    if at is None:
        return None
    if X.timestamps is None:
        raise InputError(f"{name} is a time, but the histories have no timestamps to compare it with.")
    values = np.atleast_1d(np.asarray(beside_sequences(at, X, name)))
    unit: Any = X.time_unit if values.dtype.kind in "iuf" else None
    if values.dtype.kind in "iuf" and unit is None:
        raise InputError(f"{name} must hold datetimes, as the histories do; got numbers ({values.dtype}).")
    moments = pd.to_datetime(values, utc=True, unit=unit).tz_localize(None).to_numpy().astype("datetime64[us]")
    times = np.broadcast_to(moments, len(X))
    full = np.flatnonzero(X.lengths)
    late = times[full] >= X.timestamps[X.indptr[full + 1] - 1]
    if not late.all():  # a missing time is not late either
        missed = len(late) - late.sum()
        raise InputError(f"{name} is missing, or lies before the last event, for {missed:,} of {len(X):,} histories.")
    return times


def last_times(X: Sequences, before: NDArray[np.datetime64] | None = None) -> NDArray[np.datetime64]:
    """Give the time of the last event of each sequence, (n,); where there is none, that of `before`, or NaT."""
    times = np.full(len(X), "NaT", "datetime64[us]") if before is None else np.broadcast_to(before, len(X)).copy()
    if X.timestamps is not None:
        full = X.lengths > 0
        times[full] = X.timestamps[X.indptr[1:][full] - 1]
    return times


def seconds_until(at: NDArray[np.datetime64] | None, times: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Give the seconds from some times, (n,), to the questions; NaN where one of both is not known."""
    unknown = np.full(len(times), "NaT", "datetime64[us]")
    return (np.broadcast_to(unknown if at is None else at, len(times)) - times) / np.timedelta64(1, "s")
