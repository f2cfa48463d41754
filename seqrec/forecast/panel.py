"""A panel of series on the regular grid of their times: what a forecaster reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrec._checks import check_column, show
from seqrec.data.missing import is_missing, kind_of
from seqrec.data.sequences import Sequences
from seqrec.data.steps import Step
from seqrec.exceptions import InputError, SeriesError
from seqrec.forecast.calendar import Calendar, find_step, places, told

_MOST = 2**31 - 1  # steps
_LARGEST = 1e100
_LONG, _SPARSE = 2**20, 1_000  # steps of a series, and for each of its values: more are a mistake


@dataclass(frozen=True, eq=False)
class Panel:
    """Series, each on its own grid; steps between values that the log lacks are there, and not observed.

    Attributes
    ----------
    keys : (n_series,) ndarray
        The user's own ids.
    starts, stops : (n_series,) int64
        Series i has the steps ``starts[i]:stops[i]`` of the flat arrays; the last of them is its origin, from which
        forecasts count.
    y : (n_steps,) float64
        The target; NaN was not observed.
    columns : dict of str to (n_steps,) ndarray
        Further columns that change with time, numbers as float64 and text as object; NaN or None where missing.
    static : dict of str to (n_series,) ndarray
        Columns of which a series has one value.
    calendar : Calendar
    n_cut : int
        Steps that were cut off the end of every series; `y` and `columns` still hold them.
    """

    keys: NDArray
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    y: NDArray[np.float64]
    columns: Mapping[str, NDArray]
    static: Mapping[str, NDArray]
    calendar: Calendar
    n_cut: int = 0

    @classmethod
    def read(
        cls, X: Sequences, target: str, step: Step | None, columns: Sequence[str] = (), static: Sequence[str] = ()
    ) -> Panel:
        """Put sequences on their grid, as of a step; None for series without times.

        Raises
        ------
        InputError
            Where times are not on one step, or repeat, or values are no finite numbers.
        """
        for name in (target, *columns, *static):
            check_column(name, list(X.columns))
        calendar = Calendar.of(X, step)
        place, full = places(X, calendar), X.lengths > 0
        lengths = np.zeros(len(X), np.int64)
        lengths[full] = 1 - place[X.indptr[:-1][full]]
        stops = np.cumsum(lengths)
        _check_lengths(X, lengths, place, step)
        place = place + np.repeat(stops - 1, X.lengths)
        values = _on_grid(check_target(X, target), place, int(lengths.sum()))
        along = {name: _on_grid(_plain(X, name), place, len(values)) for name in columns}
        fixed = {name: _fixed(X, name) for name in static}
        return cls(X.keys, stops - lengths, stops, values, along, fixed, calendar)

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of steps of each series, observed or not."""
        return self.stops - self.starts

    @property
    def n_observed(self) -> NDArray[np.int64]:
        """Number of observed values of each series."""
        before = np.concatenate([[0], np.cumsum(~np.isnan(self.y))])
        return before[self.stops] - before[self.starts]

    def select(self, rows: NDArray) -> Panel:
        """Take some of the series: a mask, or numbers."""
        own: dict[str, Any] = {name: getattr(self, name)[rows] for name in ("keys", "starts", "stops")}
        own["static"] = {name: values[rows] for name, values in self.static.items()}
        return replace(self, **own, calendar=self.calendar.select(rows))

    def cut(self, n: int) -> Panel:
        """Forget the last n steps of each series, as if they were still to come."""
        return replace(self, stops=np.maximum(self.stops - n, self.starts), n_cut=self.n_cut + n)

    def latest(self, n: int, name: str | None = None) -> NDArray:
        """Give the last n steps of each series, of the target or of a column, (n_series, n).

        Steps before the first are missing.
        """
        at = self.stops[:, None] + np.arange(-n, 0)
        return _taken(self.y if name is None else self.columns[name], at, at >= self.starts[:, None])

    def following(self, n: int, name: str | None = None) -> NDArray:
        """Give the first n of the steps that were cut off, (n_series, n)."""
        at = self.stops[:, None] + np.arange(n)
        ends = self.stops + np.where(self.lengths > 0, self.n_cut, 0)
        return _taken(self.y if name is None else self.columns[name], at, at < ends[:, None])

    def times(self, offsets: NDArray[np.int64]) -> NDArray:
        """Give the times, UTC, or positions, that lie so many steps after the last one, (n_series, n_offsets)."""
        return self.calendar.at(offsets - self.n_cut)

    def future(self, X: Sequences | None, horizon: int, known: Sequence[str]) -> dict[str, NDArray]:
        """Give the known columns at the steps to come, (n_series, horizon) each.

        Parameters
        ----------
        X : Sequences or None
            Of series with the same keys; what lies before or beyond these steps is not read.
        horizon : int
        known : sequence of str

        Raises
        ------
        InputError
            Where a value is missing: the error names its column, series and time.
        """
        if not known or not len(self):
            return {name: np.zeros((0, horizon)) for name in known}
        if X is None:
            first = told(self.times(np.array([1]))[0, 0])
            raise InputError(
                f"column {known[0]!r} is known ahead, and its future values are missing from series "
                f"{show(self.keys[0])} at {first} on. Pass future=, Sequences of the same series with "
                f"{', '.join(map(repr, known))} for the {horizon} steps to come."
            )
        check_series(X, "future")
        for name in known:
            check_column(name, list(X.columns))
        place, there = self._ahead(X, horizon)
        found = {name: _on_grid(_plain(X, name)[there], place, len(self) * horizon) for name in known}
        for name, values in found.items():
            if (missing := np.flatnonzero(is_missing(values))).size:
                series, step = divmod(int(missing[0]), horizon)
                time = told(self.times(np.array([step + 1]))[series, 0])
                lacks = (
                    f"column {name!r} of future= has no value for series {show(self.keys[series])} at {time}, step "
                    f"{step + 1} of {horizon}; {len(missing):,} are missing altogether."
                )
                keys = self.keys[np.unique(missing // horizon)].tolist()
                raise SeriesError(lacks, "It is known ahead: give it at every step.", "missing_future", keys)
        return {name: values.reshape(len(self), horizon) for name, values in found.items()}

    def _ahead(self, X: Sequences, horizon: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give which events of X lie in the steps to come, and where among these, (n,) each."""
        rows = {key: row for row, key in enumerate(self.keys.tolist())}
        of = np.array([rows.get(key, -1) for key in X.keys.tolist()], np.int64)
        series = np.repeat(of, X.lengths)
        if self.calendar.step is None or X.timestamps is None:
            if (X.timestamps is None) != (self.calendar.step is None):
                raise InputError("future= must have times if the series have, and none if they have none.")
            offset = np.arange(X.n_events) - np.repeat(X.indptr[:-1], X.lengths) + 1
        else:
            offset, on_step = self.calendar.offsets(X.timestamps, np.maximum(series, 0))
            ahead = (series >= 0) & (offset >= 1) & (offset <= horizon)
            if (wrong := np.flatnonzero(ahead & ~on_step)).size:
                keys, time = self.keys[series[wrong]].tolist(), told(X.timestamps[wrong[0]])
                found = f"series {show(keys[0])} of future= breaks the step of {self.calendar.step} at {time}."
                raise SeriesError(found, "Give its values at the steps to come.", "missing_future", keys)
        there = np.flatnonzero((series >= 0) & (offset >= 1) & (offset <= horizon))
        return series[there] * horizon + offset[there] - 1, there


def step_of(X: Sequences, step: str) -> Step | None:
    """Give the step that is named, or that the times tell with "auto"; None where there are none."""
    if X.timestamps is None:
        return None
    return find_step(X) if step == "auto" else Step.parse(step)


def target_of(X: Sequences, target: str | None, others: Sequence[str]) -> str:
    """Give the name of the target: the only column of numbers, apart from the others, if none is given."""
    if target is not None:
        check_column(target, list(X.columns))
        return target
    numeric = [name for name, values in X.columns.items() if values.dtype.kind in "iuf" and name not in others]
    if len(numeric) != 1:
        found = ", ".join(map(repr, numeric)) or "none"
        raise InputError(f"columns of numbers found: {found}. Name the one to forecast: target=...")
    return numeric[0]


def check_target(X: Sequences, name: str) -> NDArray[np.float64]:
    """Give the target's values, (n_events,), after checking that they are numbers, and finite or missing."""
    values = X.columns[name]
    if values.dtype.kind not in "iuf" or values.ndim > 1:
        kind = "arrays" if values.ndim > 1 else "times" if values.dtype.kind in "mM" else kind_of(values)
        raise InputError(f"column {name!r} is to be forecast, and holds no numbers but {kind}. Convert it first.")
    if (wrong := np.flatnonzero(np.isinf(values))).size:
        raise InputError(f"column {name!r} is infinite {where(X, int(wrong[0]))}. NaN says that it was not observed.")
    values = values.astype(np.float64)
    if (wrong := np.flatnonzero(np.abs(values) > _LARGEST)).size:
        found = f"{show(values[wrong[0]])} {where(X, int(wrong[0]))}"
        raise InputError(f"column {name!r} holds values too large to square: {found}. Tell them in a larger unit.")
    return values


def where(X: Sequences, event: int) -> str:
    """Tell series and time of an event."""
    series = int(np.searchsorted(X.indptr, event, side="right")) - 1
    time = event - X.indptr[series] if X.timestamps is None else X.timestamps[event]
    return f"in series {show(X.keys[series])} at {told(time)}"


def keys_of(X: Sequences, events: NDArray[np.int64]) -> list[Any]:
    """Give the keys of the series that events are of."""
    return X.keys[np.unique(np.searchsorted(X.indptr, events, side="right") - 1)].tolist()


def check_series(X: object, name: str = "X") -> Sequences:
    """Refuse what are no sequences without items."""
    how = "Sequences.from_frame(log, user='series', item=None, columns=['y'])"
    if not isinstance(X, Sequences):
        arrays = " or, of arrays, Sequences.from_arrays(arrays, names='y')"
        raise InputError(f"{name} must be Sequences of series, got {type(X).__name__}. Build them with {how}{arrays}.")
    if X.has_items and X.n_events:
        counted = "For series of demand out of a log of events, count them: X.counts(every='1h', by='item')"
        raise InputError(f"the events of {name} have items, and values of series have none: {how}. {counted}.")
    return X


def _check_lengths(X: Sequences, lengths: NDArray[np.int64], place: NDArray[np.int64], step: Step | None) -> None:
    """Refuse series that a time far from the others would make too long to be laid out."""
    far = np.flatnonzero((lengths > _LONG) & (lengths > _SPARSE * X.lengths) | (lengths > _MOST))
    if far.size:
        begin, end = X.indptr[far[0]], X.indptr[far[0] + 1]
        at = int(begin + np.diff(place[begin:end]).argmax() + 1)
        between = (
            f"between {told(X.timestamps[at - 1])} and {told(X.timestamps[at])}" if X.timestamps is not None else ""
        )
        found = f"series {show(X.keys[far[0]])} has {lengths[far[0]]:,} steps of {step}, most of them {between}."
        raise SeriesError(found, "Repair that time, or name a longer step.", "distant_time", X.keys[far].tolist(), at)
    if lengths.sum() > _MOST:
        raise InputError(f"the series have {lengths.sum():,} steps of {step} together. Pass fewer at once.")


def _plain(X: Sequences, name: str) -> NDArray:
    """Give a column as numbers, float64, truth values among them, or as objects."""
    values = X.columns[name]
    if values.ndim > 1 or values.dtype.kind in "mM":
        raise InputError(f"column {name!r} holds {values.dtype} values of shape {values.shape[1:]}, not one number.")
    is_number = values.dtype.kind in "biuf" or kind_of(values) == "truth values"
    return values.astype(np.float64 if is_number else object)


def _fixed(X: Sequences, name: str) -> NDArray:
    """Give the value of each series, (n_series,), after checking that it has but one; missing if it has none."""
    values = _plain(X, name)
    fixed = np.full(len(X), np.nan if values.dtype.kind == "f" else None, values.dtype)
    full = X.lengths > 0
    fixed[full] = values[X.indptr[:-1][full]]
    same = (values == np.repeat(fixed, X.lengths)) | (is_missing(values) & is_missing(np.repeat(fixed, X.lengths)))
    if (other := np.flatnonzero(~same)).size:
        found = f"column {name!r} is static, and changes {where(X, int(other[0]))}."
        raise SeriesError(
            found, "Name it among observed or known.", "changing_static", keys_of(X, other), int(other[0])
        )
    return fixed


def _on_grid(values: NDArray, place: NDArray[np.int64], n: int) -> NDArray:
    on_grid = np.full(n, np.nan if values.dtype.kind == "f" else None, values.dtype)
    on_grid[place] = values
    return on_grid


def _taken(values: NDArray, at: NDArray[np.int64], there: NDArray[np.bool_]) -> NDArray:
    """Give values at places that are there, and what is missing elsewhere."""
    missing: Any = np.nan if values.dtype.kind == "f" else None
    if not len(values):
        return np.full(at.shape, missing, values.dtype)
    return np.where(there, values[np.where(there, at, 0)], missing)
