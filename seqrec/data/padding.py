"""Rows that were filled up to one length are noticed: what fills them would be taken for events."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrec._checks import show

_USUAL = (0, -1, "0", "-1", "pad", "<pad>", "[pad]", "none", "nan")


def warn_of_padding(lengths: NDArray[np.int64], values: NDArray, n_runs: int = 2) -> None:
    """Warn where sequences of one length begin or end with runs of one value, which they hold nowhere else.

    Parameters
    ----------
    lengths : (n_sequences,) int64
    values : (n_events,) array of ids, or (n_events, ...) array of numbers, of which 0 alone is looked for
    """
    if len(lengths) < 2 or lengths[0] < 2 or (lengths != lengths[0]).any():
        return
    rows = values.reshape(len(lengths), int(lengths[0]), *values.shape[1:])
    for one_end, end in ((rows[:, ::-1], "end"), (rows, "begin")):
        for value in _candidates(one_end):
            if (n_rows := _count_padded(one_end, value, n_runs)) is not None:
                warnings.warn(_message(value, n_rows, len(rows), end), UserWarning, stacklevel=5)
                return


def _candidates(rows: NDArray) -> list[Any]:
    """List what rows may be filled up with: what is usual, and what stands twice at the first places most often."""
    if rows.ndim > 2:
        return [0] if not rows[:, 0].any(axis=tuple(range(1, rows.ndim - 1))).all() else []
    first = rows[:, 0].tolist()
    twice = [value for value, again in zip(first, rows[:, 1].tolist(), strict=True) if value == again]
    usual = [value for value in dict.fromkeys(first) if _is_usual(value)]
    return [*usual, *([max(set(twice), key=twice.count)] if twice else [])]


def _is_usual(value: Any) -> bool:
    return (value.lower() if isinstance(value, str) else value) in _USUAL


def _count_padded(rows: NDArray, value: Any, n_runs: int) -> int | None:
    """Count the rows that begin with a value that fills them up; None where it does not look like it."""
    filled = rows == value
    filled = filled.all(axis=tuple(range(2, filled.ndim))) if filled.ndim > 2 else filled
    runs = np.logical_and.accumulate(filled, axis=1).sum(axis=1)
    least = n_runs if _is_usual(value) else 3  # an event may well end some sequences, and others not
    n_padded, is_told = int(np.count_nonzero(runs)), filled.sum() == runs.sum() and len(np.unique(runs)) >= least
    return n_padded if is_told and n_padded > 1 and runs.max() > 1 else None  # one by one, it may be an event


def _message(value: Any, n_rows: int, n: int, end: str) -> str:
    return (
        f"{n_rows:,} of {n:,} sequences, all of one length, {end} with {show(value)}, which stands nowhere else. It is "
        "taken for events like any other. If it only fills the sequences up to one length, leave it out: pass a list "
        "of lists (or arrays) of their own lengths, such as [[5, 6, 7], [8]]."
    )
