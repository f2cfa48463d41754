"""Times as an axis shows them: where to put marks, and what they say."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrec.data.steps import DAY, Step

_MOST_MARKS = 8
_MILLISECOND, _SECOND, _MINUTE, _HOUR = 10**3, 10**6, 60 * 10**6, 3_600 * 10**6  # microseconds
_SPANS = (
    *(n * _MILLISECOND for n in (1, 10, 100)),
    *(n * _SECOND for n in (1, 5, 15, 30)),
    *(n * _MINUTE for n in (1, 5, 15, 30)),
    *(n * _HOUR for n in (1, 3, 6, 12)),
    *(n * DAY for n in (1, 2, 7, 14)),
)
_MONTHS = (1, 3, 6, 12, 24, 60, 120, 240, 600, 1_200)
_UNITS = (*(Step("span", n) for n in _SPANS), *(Step("month", n) for n in _MONTHS))
_POSITIONS = [one * 10**power for power in range(12) for one in (1, 2, 5)]
_MONTHS_TO_1970 = 1970 * 12
_NOT_A_DAY = np.datetime64(_MINUTE, "us")


def texts(times: NDArray, like: NDArray | None = None) -> list[str]:
    """Write times, or positions: as finely as all of them, or those of `like`, need.

    Examples
    --------
    >>> texts(np.array(["2024-05-01T12", "2024-05-02T00"], "M8[us]"))
    ['2024-05-01 12:00', '2024-05-02 00:00']
    >>> texts(np.array([999, 1000]))
    ['999', '1,000']
    """
    if times.dtype.kind != "M":
        return [f"{position:,}" for position in times.tolist()]
    like = times if like is None else like
    unit: Any = next((unit for unit in ("D", "m", "s") if (like == like.astype(f"M8[{unit}]")).all()), "us")
    return [text.replace("T", " ") for text in np.datetime_as_string(times, unit=unit).tolist()]


def marks(times: NDArray) -> list[tuple[int, str, str]]:
    """Choose a few of rising times, or positions, that begin an hour, a day, a month or the like.

    Returns
    -------
    marks : list of tuple
        Its place among the times, what it says, and what stands below: the day where hours are told and it is another.

    Examples
    --------
    >>> marks(np.arange("2024-01-30", "2024-02-03", dtype="M8[D]").astype("M8[us]"))[1:3]
    [(2, '2024-02-01', ''), (3, '2024-02-02', '')]
    """
    if times.dtype.kind != "M":
        return _marks_of_positions(times)
    unit, places = _unit(times)
    found = times[places]
    days = np.datetime_as_string(found, unit="D").tolist()
    if unit.unit == "month":
        told = np.datetime_as_string(found, unit="Y" if unit.n % 12 == 0 else "M").tolist()
    elif unit.n >= DAY:
        told = days
    else:
        told = [text[11:] for text in texts(found, np.append(found, _NOT_A_DAY))]
    other = [unit.unit == "span" and unit.n < DAY and days[i] not in days[max(i - 1, 0) : i] for i in range(len(found))]
    below = [day if is_other else "" for day, is_other in zip(days, other, strict=True)]
    return list(zip(places.tolist(), told, below, strict=True))


def _unit(times: NDArray[np.datetime64]) -> tuple[Step, NDArray[np.intp]]:
    """Give the longest unit of the finest marks that are few, and the places where one begins; the first if none."""
    begun = [np.flatnonzero(np.diff(_number(unit, times))) + 1 for unit in _UNITS]
    n = max((len(places) for places in begun if len(places) <= _MOST_MARKS), default=0)
    if not n:
        return _UNITS[0], np.zeros(min(len(times), 1), np.intp)
    return next(found for found in zip(_UNITS[::-1], begun[::-1], strict=True) if len(found[1]) == n)


def _number(unit: Step, times: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Count units up to each time; of several years, those that begin in round ones."""
    if unit.unit == "span":
        return unit.number(times)
    return (times.astype("M8[M]").astype(np.int64) + _MONTHS_TO_1970) // unit.n


def _marks_of_positions(positions: NDArray[np.int64]) -> list[tuple[int, str, str]]:
    step = next(step for step in _POSITIONS if np.ptp(positions) / step <= _MOST_MARKS)
    is_first = np.diff(positions // step, prepend=(positions[:1] - 1) // step) > 0
    return [(place, f"{positions[place] // step * step:,}", "") for place in np.flatnonzero(is_first).tolist()]
