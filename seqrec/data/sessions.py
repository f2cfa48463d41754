"""A session ends where its user pauses for long: cut a log there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from seqrec._checks import check_choice, show
from seqrec.data.frames import open_frame, order_of, read_ids, read_timestamps, sort_events, sort_ids
from seqrec.data.times import TICKS
from seqrec.exceptions import InputError


def sessionize(
    log: Any,
    gap: str | timedelta = "30min",
    user: str = "user_id",
    timestamp: str = "timestamp",
    session: str = "session_id",
    time_unit: str = "auto",
) -> Any:
    """Give the log with a column that numbers sessions, so that a session can take the place of a user.

    A session ends where more than `gap` passes until the user's next event. Sessions are numbered 0, 1, 2
    and so on, by user and then by time.

    Parameters
    ----------
    log : pandas, polars or pyarrow dataframe
        One row an event, in any order; it is not changed.
    gap : str or timedelta
        The longest pause within a session, such as ``"30min"`` or ``timedelta(hours=1)``.
    user, timestamp : str
        Columns of the log, as in `Sequences.from_frame`.
    session : str
        The name of the new column.
    time_unit : {"auto", "s", "ms", "us", "ns"}
        Of numeric times, as in `Sequences.from_frame`.

    Returns
    -------
    dataframe
        Of the same kind, with the same rows in the same order, and one more column (int64).

    Raises
    ------
    TypeError
        Where `log` is no dataframe, or a column holds values of mixed or unsuitable kinds.
    ValueError
        Where `gap` is no positive length of time, the new column exists already, or a column is missing or
        holds bad values.

    Examples
    --------
    >>> times = ["2024-05-02T10:00", "2024-05-02T12:00", "2024-05-02T10:10"]
    >>> log = pd.DataFrame({"user_id": ["a", "a", "b"], "timestamp": times})
    >>> sessionize(log)["session_id"].tolist()
    [0, 1, 2]
    """
    check_choice(time_unit, "time_unit", ("auto", *TICKS))
    pause = _read_gap(gap)
    frame = open_frame(log, [user, timestamp])
    if session in frame.columns:
        raise InputError(f"column {session!r} exists already. Name another for the sessions: session=...")
    users = sort_ids(read_ids(frame, user))
    times, _, _ = read_timestamps(frame, timestamp, time_unit)
    rows, _ = sort_events(users, order_of(times))
    starts = np.ones(len(rows), dtype=bool)
    starts[1:] = (np.diff(users.codes[rows]) != 0) | (np.diff(times[rows]) > pause)
    numbers = np.empty(len(rows), dtype=np.int64)
    numbers[rows] = np.cumsum(starts) - 1
    column = nw.new_series(session, numbers, nw.Int64, backend=frame.implementation)
    return frame.with_columns(column).to_native()


def _read_gap(gap: str | timedelta) -> np.timedelta64:
    length = pd.to_timedelta(gap, errors="coerce") if isinstance(gap, str | timedelta) else pd.NaT
    if length is pd.NaT or length <= timedelta(0):
        raise InputError(f"gap must be a positive length of time, such as '30min', got {show(gap)}.")
    return np.timedelta64(length)
