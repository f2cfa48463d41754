"""Edits of a history, which is a sequence: each gives a new one, so that all of them can be undone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from seqrec.data.sequences import Sequences


def inserted(history: Sequences, position: int, code: int) -> Sequences:
    """Add an item before the event at `position`, at a time between those of its neighbours.

    It comes from no row of the log (-1), and its further columns are its neighbour's; a history that was empty has
    neither times nor columns.
    """
    if not history.n_events:
        codes, rows = np.array([code], dtype=np.int32), np.array([-1])
        return replace(history, codes=codes, indptr=np.array([0, 1]), timestamps=None, rows=rows, columns={})
    longer = _taken(history, np.insert(np.arange(history.n_events), position, max(position - 1, 0)))
    codes, rows = np.insert(history.codes, position, code), np.insert(history.rows, position, -1)
    times = history.timestamps
    times = None if times is None else np.insert(times, position, _time_between(times, position))
    return replace(longer, codes=codes, timestamps=times, rows=rows)


def removed(history: Sequences, position: int) -> Sequences:
    """Take an event and its time away."""
    return _taken(history, np.delete(np.arange(history.n_events), position))


def moved(history: Sequences, position: int, to: int) -> Sequences:
    """Move an item, with its columns, to another position; the times stay where they are."""
    others = np.delete(np.arange(history.n_events), position)
    return replace(_taken(history, np.insert(others, to, position)), timestamps=history.timestamps)


def _taken(history: Sequences, events: NDArray[np.intp]) -> Sequences:
    """Give some of the events, in this order."""
    times = None if history.timestamps is None else history.timestamps[events]
    columns = {name: values[events] for name, values in history.columns.items()}
    codes, rows, indptr = history.codes[events], history.rows[events], np.array([0, len(events)])
    return replace(history, codes=codes, indptr=indptr, timestamps=times, rows=rows, columns=columns)


def _time_between(times: NDArray[np.datetime64], position: int) -> np.datetime64:
    """Halfway between the neighbours; beyond either end, as far off as events usually are from each other."""
    usual = np.timedelta64(int(np.median(np.diff(times).astype(np.int64))) if len(times) > 1 else 0, "us")
    around = np.concatenate([[times[0] - 2 * usual], times, [times[-1] + 2 * usual]])
    return around[position] + (around[position + 1] - around[position]) // 2
