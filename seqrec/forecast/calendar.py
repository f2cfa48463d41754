"""When the values of series come: the step between them is found, kept to, and gone on with.

Steps of days and longer go by the clocks of the time zone that the times had, if they had one. Where this is not told,
what comes at midnight of a place with summer time comes an hour earlier for half of the year, in UTC; so where a step
is of whole days, an hour more or less counts as the same time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrec._checks import show
from seqrec.data.sequences import Sequences
from seqrec.data.steps import DAY, Step
from seqrec.data.times import local_times, utc_times
from seqrec.exceptions import InputError, SeriesError

_ONE_DAY, _HOUR = np.timedelta64(DAY, "us"), np.timedelta64(3_600 * 10**6, "us")
_SHORTEST_MONTH = 28 * DAY  # microseconds
_SLACK = 3  # days between the last of a month and its last working day, at most
_WEEKENDS = 2  # that are left out, where a step is of working days
_REPAIR = "Bring the series to one step, as by resampling or Sequences.counts, or name another: step='1h'"


class Calendar(NamedTuple):
    """The times of n series, as steps from the last value of each.

    Attributes
    ----------
    step : Step or None
        None where series have no times: these are then positions, from 0 on.
    last : (n_series,) datetime64[us], NaT of an empty series, by the clocks of `zone`; or int64 positions
    anchor : (n_series,) int64
        Of steps by months, the day of the month that a series keeps to: 0 for the last, -1 for the one before, as which
        the last of some places appears in UTC. Of steps by working days, the days to add to a date: 1 where midnight of
        the place falls on the day before in UTC.
    zone : str or None
        Whose clocks the step goes by; None for UTC.
    """

    step: Step | None
    last: NDArray
    anchor: NDArray[np.int64]
    zone: str | None = None

    @classmethod
    def of(cls, X: Sequences, step: Step | None) -> Calendar:
        """Look at the last value of each sequence, and at the days that it has values on."""
        if step is None or X.timestamps is None:
            return cls(None, X.lengths - 1, np.zeros(len(X), np.int64))
        zone = X.zone if step.is_of_days else None
        times, full, anchor = _shown(X.timestamps, zone), X.lengths > 0, np.zeros(len(X), np.int64)
        last = np.full(len(X), np.datetime64("NaT", "us"))
        last[full] = times[X.indptr[1:][full] - 1]
        dates, starts = _dates(times, np.repeat(last, X.lengths)), X.indptr[:-1][full]
        if step.unit == "month":
            to_end = (_in_month(dates.astype("datetime64[M]"), np.zeros(1, np.int64)) - dates).astype(np.int64)
            nearest, farthest = np.minimum.reduceat(to_end, starts), np.maximum.reduceat(to_end, starts)
            at_end = (nearest == farthest) & (farthest <= 1)
            anchor[full] = np.where(at_end, -farthest, np.maximum.reduceat(_day(dates), starts))
        elif step.unit == "workday":
            anchor[full] = np.maximum.reduceat(_weekday(dates) == 6, starts)
        return cls(step, last, anchor, zone)

    def select(self, rows: NDArray) -> Calendar:
        """Take some of the series."""
        return self._replace(last=self.last[rows], anchor=self.anchor[rows])

    def at(self, offsets: NDArray[np.int64]) -> NDArray:
        """Give the times, UTC, that lie so many steps after the last value of each series, (n_series, n_offsets)."""
        shown = self._shown_at(offsets)
        return shown if self.zone is None else utc_times(shown, self.zone)

    def _shown_at(self, offsets: NDArray[np.int64]) -> NDArray:
        last, anchor = self.last[:, None], self.anchor[:, None]
        if self.step is None:
            return last + offsets
        if self.step.unit == "span":
            return last + offsets * np.timedelta64(self.step.n, "us")
        there = np.where(np.isnat(last), np.datetime64(0, "us"), last)
        date = there.astype("datetime64[D]")
        if self.step.unit == "month":
            went = _in_month(date.astype("datetime64[M]") + offsets * self.step.n, anchor)
        else:
            went = np.busday_offset(date + anchor, offsets, roll="backward") - anchor
        return np.where(np.isnat(last), last, went + (there - date))

    def offsets(self, times: NDArray[np.datetime64], series: NDArray[np.intp]) -> tuple[NDArray, NDArray[np.bool_]]:
        """Give how many steps each time, UTC, lies after the last value of its series, and whether on a step."""
        times = _shown(times, self.zone)
        last, anchor, step = self.last[series], self.anchor[series], self.step or Step("span", 1)
        if step.unit == "span":
            after = (times - last).astype(np.int64)
            offsets = (after + step.n // 2) // step.n
            slack = 0 if step.n % DAY else _HOUR.astype(np.int64)
            return offsets, np.abs(after - offsets * step.n) <= slack
        dates, first = _dates(times, last), last.astype("datetime64[D]")
        near = np.abs((times - last) - (dates - first)) <= _HOUR
        if step.unit == "month":
            months, rest = np.divmod((dates.astype("datetime64[M]") - last.astype("datetime64[M]")).astype(int), step.n)
            usual = _day(_in_month(dates.astype("datetime64[M]"), anchor))
            return months, near & (rest == 0) & (np.abs(_day(dates) - usual) <= _SLACK)
        dates, first = dates + anchor, first + anchor
        return np.busday_count(first, dates), near & np.is_busday(dates)


def find_step(X: Sequences) -> Step:
    """Find the step between the values of series: months or working days of a calendar, or the most frequent span.

    Raises
    ------
    InputError
        Where no series has two values.
    """
    inner = np.ones(X.n_events, bool)
    inner[X.indptr[:-1][X.lengths > 0]] = False
    spans, counts = np.unique(np.diff(_times(X), prepend=_times(X)[:1])[inner].astype(np.int64), return_counts=True)
    spans, counts = spans[spans > 0], counts[spans > 0]
    if not len(spans):
        raise InputError("no series has two values, so the time between two is not known. Name it: step='1h'.")
    usual = int(spans[counts.argmax()])
    whole = (usual + DAY // 2) // DAY * DAY
    if X.zone is not None and whole and abs(usual - whole) <= _HOUR.astype(int):
        usual = whole
    candidates = []
    if usual > _SHORTEST_MONTH - DAY // 2:
        months = np.diff(_months_of(X), prepend=0)[inner]
        candidates.append(Step("month", max(1, int(np.median(months)))))
    if abs(usual - DAY) <= _HOUR.astype(int) and np.count_nonzero(np.abs(spans - 3 * DAY) <= _HOUR.astype(int)):
        over = counts[np.abs(spans - 3 * DAY) <= _HOUR.astype(int)].sum()
        candidates += [Step("workday", 1)] if over >= _WEEKENDS else []
    series = np.repeat(np.arange(len(X)), X.lengths)
    fits = (step for step in candidates if Calendar.of(X, step).offsets(_times(X), series)[1].all())
    return next(fits, Step("span", usual))


def places(X: Sequences, calendar: Calendar) -> NDArray[np.int64]:
    """Give how many steps each event lies after the last of its series, at most 0, (n_events,).

    Raises
    ------
    InputError
        Where two values of a series have one time, or one does not lie on a step.
    """
    series = np.repeat(np.arange(len(X)), X.lengths)
    if calendar.step is None:
        return np.arange(X.n_events) - (X.indptr[1:] - 1)[series]
    times = _times(X)
    offsets, on_step = calendar.offsets(times, series)
    tied = np.zeros(X.n_events, bool)
    tied[1:] = (series[1:] == series[:-1]) & (offsets[1:] == offsets[:-1])
    if (wrong := np.flatnonzero(tied | ~on_step)).size:
        _refuse(X, int(series[wrong[0]]), np.unique(series[wrong]), calendar)
    return offsets


def _refuse(X: Sequences, first: int, series: NDArray, calendar: Calendar) -> None:
    """Say which value of the first series breaks its step; `series` are all of which one does."""
    begin, end = X.indptr[first], X.indptr[first + 1]
    own, of, wrong = _times(X)[begin:end], show(X.keys[first]), X.keys[series].tolist()
    if (ties := np.flatnonzero(own[1:] == own[:-1])).size:
        twice = f"series {of} has two values at {told(own[ties[0]])}."
        advice = "Keep one, or their sum. Local times repeat an hour as summer time ends: tell their zone."
        raise SeriesError(twice, advice, "repeated_time", wrong, int(begin + ties[0] + 1))
    before = np.full(len(own) - 1, first)
    previous = calendar.select(before)._replace(last=_shown(own[:-1], calendar.zone))
    passed, on_step = previous.offsets(own[1:], np.arange(len(own) - 1))
    at = int(np.argmax(passed < 1 if (passed < 1).any() else ~on_step))
    found = f"series {of} breaks the step of {calendar.step}: after {told(own[at])} comes {told(own[at + 1])}."
    raise SeriesError(found, f"{_REPAIR}.", "broken_step", wrong, int(begin + at + 1))


def told(time: np.datetime64 | np.int64) -> str:
    """Write a time for a message, or a position."""
    if isinstance(time, np.integer):
        return f"position {time}"
    return str(time.astype("datetime64[us]")).replace("T", " ").removesuffix(".000000").removesuffix(":00")


def _times(X: Sequences) -> NDArray[np.datetime64]:
    return np.zeros(0, "datetime64[us]") if X.timestamps is None else X.timestamps


def _shown(times: NDArray[np.datetime64], zone: str | None) -> NDArray[np.datetime64]:
    return times if zone is None else local_times(times, zone)


def _dates(times: NDArray[np.datetime64], last: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """Give dates of times, by whole days from the last one: so an hour of summer time moves none to another day."""
    days = (times - last + _ONE_DAY // 2) // _ONE_DAY
    return last.astype("datetime64[D]") + days.astype("timedelta64[D]")


def _months_of(X: Sequences) -> NDArray[np.int64]:
    last = Calendar.of(X, Step("month", 1)).last
    return _dates(_shown(_times(X), X.zone), np.repeat(last, X.lengths)).astype("datetime64[M]").astype(np.int64)


def _day(dates: NDArray[np.datetime64]) -> NDArray[np.int64]:
    return (dates - dates.astype("datetime64[M]")).astype(np.int64) + 1


def _weekday(dates: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Count from Monday, 0."""
    return (dates.astype(np.int64) + 3) % 7


def _in_month(months: NDArray, anchor: NDArray[np.int64]) -> NDArray[np.datetime64]:
    """Give the date of a day in each month, or the month's last; of days up to 0, counted from the last."""
    last = (months + 1).astype("datetime64[D]") - 1
    return np.where(anchor > 0, np.minimum(months.astype("datetime64[D]") + (anchor - 1), last), last + anchor)
