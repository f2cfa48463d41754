"""What comes next in series, how sure that is, and what would have been said earlier, beside what really came."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import traitlets
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from seqrec._checks import check_integer, show
from seqrec._html import card, table
from seqrec.data.missing import is_missing
from seqrec.exceptions import InputError
from seqrec.explore.front_end import Widget, check_position, check_proposal, label, lines, packed
from seqrec.explore.thinning import places, runs, thinned
from seqrec.explore.time_axis import marks, texts
from seqrec.explore.units import rounded, value_of
from seqrec.forecast.base import ForecasterMixin
from seqrec.forecast.hindsight import Forecast, Hindsight, LastWindow
from seqrec.forecast.panel import Panel

_COVERAGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99)
_INNER = (0.5, 0.8)
_MOST_STEPS = 10_000  # of a horizon
_ACROSS, _MOST_ROWS, _MOST_RUNS, _MOST_STRIPS = 1_200, 400, 100, 12  # that are shown
_SIZES = (2, 4, 8, 16, 32, 64)  # horizons in view
_USUAL, _FEWEST = 4, 48  # horizons, and steps, in view at first
_PARTS, _AT_ONCE = 8, 384  # in which series are judged, of at least so many
_FALLBACK_ROWS = 12
_SORTS = ("MASE, worst first", "against the naive line, worst first", "coverage, lowest first", "as given")


class ForecastExplorer(Widget, script="forecasts"):
    """See what comes next in series, how sure that is, and what would have been said earlier.

    A notebook shows it as a widget: find a series by name or among those that are forecast worst, and drag the origin
    back in time, to see the fan of quantiles as it would have been then, beside a naive line and what really came. The
    slider of coverage widens and narrows the intervals at once. Further columns stand below, on the same axis of time.

    Parameters
    ----------
    forecaster : fitted LSTMForecaster, NaiveForecaster or SeasonalNaiveForecaster
    X : Sequences
        Series, as for `predict`. Fit to what came before their ends, or what is said of earlier origins flatters.
    future : Sequences, optional
        Columns that are known ahead, at the steps to come. Without them the origin is a horizon back at first.

    Attributes
    ----------
    series : int
        Trait: position in X of the series that is open.
    back : int
        Trait: how many steps the origin lies before the end of the series.
    horizon : int
        Trait: how many steps are forecast.
    coverage : float
        Trait: share of the values that the intervals are to hold.
    n_shown : int or None
        Trait: how many steps are in view; None: all.
    origin : datetime64 or int
        The last time, UTC, or position, that the forecast knows of.
    forecast : DataFrame
        What is shown, a row a step: `series`, `timestamp`, `step`, `lower`, `median`, `upper`, `naive` (the median of
        seasonal naive; of the last value again, where there are no seasons or seasonal naive itself is explored) and
        `actual`, NaN of what was not observed or is still to come.
    errors : DataFrame
        How far off forecasts of the last `horizon` steps of each series are, the worst first: `series`, `position`,
        `mase`, `naive_mase` and `coverage`, the share of the values in their interval, as `backtest` has them.

    Raises
    ------
    NotFittedError
        If the forecaster is not fitted.
    TypeError, ValueError
        If an argument is of the wrong kind, or X holds no series, or none as the forecaster was fitted to.

    Examples
    --------
    >>> from seqrec import SeasonalNaiveForecaster, Sequences
    >>> from seqrec.explore import ForecastExplorer
    >>> tea, milk = [3.0, 5.0, 8.0, 4.0, 5.0, 8.0] * 4, [4.0, 5.0, 9.0, 3.0, 5.0, 9.0] * 4
    >>> milk[-3:] = [4.0, 5.0, 2.0]
    >>> X = Sequences.from_arrays([tea, milk], names="y", keys=["tea", "milk"])
    >>> explorer = ForecastExplorer(SeasonalNaiveForecaster(horizon=3, season_lengths=[3]).fit(X), X)
    >>> explorer.errors["series"].tolist()
    ['milk', 'tea']
    >>> explorer.series, explorer.back = 1, 3
    >>> explorer.forecast[["median", "actual"]].to_numpy().tolist()
    [[4.0, 4.0], [5.0, 5.0], [9.0, 2.0]]
    """

    series, back, horizon = (
        traitlets.Int(0).tag(sync=True),
        traitlets.Int(0).tag(sync=True),
        traitlets.Int(1).tag(sync=True),
    )
    coverage = traitlets.Float(0.9).tag(sync=True)
    n_shown = traitlets.Int(None, allow_none=True)
    _names = traitlets.Bytes().tag(sync=True)
    _sorts = traitlets.List(traitlets.Unicode(), list(_SORTS)).tag(sync=True)
    _series, _shown, _told, _judged = (traitlets.Dict().tag(sync=True) for _ in range(4))
    _coverages: tuple[float, ...] = _COVERAGES
    _said: Forecast | None = None
    _frame = 0, 0  # the steps in view
    _version, _sort = 0, 0

    def __init__(self, forecaster: Any, X: Any, future: Any = None) -> None:
        if not isinstance(forecaster, ForecasterMixin):
            raise InputError(f"ForecastExplorer shows a forecaster of seqrec, got {type(forecaster).__name__}.")
        check_is_fitted(forecaster, "target_")
        self.forecaster, self._hindsight = forecaster, Hindsight(forecaster, X, future)
        self._whole_panel = self._hindsight.panel
        if not len(self._whole_panel):
            raise InputError("X holds no series: there is nothing to explore.")
        horizon = int(forecaster.horizon)
        self._one = self._hindsight.alone(0)
        unknown = bool(forecaster.known) and future is None  # what is known ahead
        super().__init__(
            horizon=horizon,
            n_shown=max(_USUAL * horizon, _FEWEST),
            back=max(0, min(horizon, len(self._one.y) - 1)) if unknown else 0,
            _names=lines(self._whole_panel.keys),
        )
        self._open()
        self._judge_anew()
        self.observe(lambda _: self._open(), "series")
        self.observe(lambda _: self._show(), ["back", "n_shown"])
        self.observe(lambda _: self._look_ahead(), "horizon")
        self.observe(lambda _: self._cover(), "coverage")
        self.on_msg(lambda _, content, __: self._receive(content))

    @traitlets.validate("series")
    def _check_series(self, proposal: Any) -> int:
        return check_position(proposal["value"], "series", len(self._whole_panel), lowest=0)

    @traitlets.validate("back")
    def _check_back(self, proposal: Any) -> int:
        return check_proposal(proposal, _up_to, max(len(self._one.y) - 1, 0), 0)

    @traitlets.validate("horizon", "n_shown")
    def _check_steps(self, proposal: Any) -> int | None:
        if proposal["value"] is None:
            return None
        return check_proposal(proposal, _up_to, _MOST_STEPS if proposal["trait"].name == "horizon" else 2**31)

    @traitlets.validate("coverage")
    def _check_coverage(self, proposal: Any) -> float:
        return check_proposal(proposal, _as_coverage)

    @property
    def origin(self) -> Any:
        """The last time, UTC, or position, that the forecast knows of."""
        return self._times(np.array([len(self._one.y) - 1 - self.back]))[0]

    @property
    def forecast(self) -> pd.DataFrame:
        """What is shown of the series that is open, a row a step."""
        found, place, at = self._forecast(), self._place, len(self._one.y) - self.back
        low, high = found.interval(place)
        columns = {"lower": low, "median": found.median, "upper": high, "naive": found.naive, "actual": found.truth}
        step = np.arange(self.horizon)
        rows = {"series": self._one.keys[0], "timestamp": self._times(at + step), "step": step + 1}
        return pd.DataFrame(rows | {name: values[0] for name, values in columns.items()})

    @property
    def errors(self) -> pd.DataFrame:
        """How far off forecasts of the last steps of each series are, the worst first."""
        window = self._last_window
        window.judge(len(self._whole_panel) - window.n_judged)
        self._tell_errors()
        found = {"series": self._whole_panel.keys, "position": np.arange(len(self._whole_panel)), "mase": window.mase}
        found |= {"naive_mase": window.naive, "coverage": window.covered[:, self._place]}
        return pd.DataFrame(found).sort_values("mase", ascending=False, kind="stable", ignore_index=True)

    @property
    def _place(self) -> int:
        return self._coverages.index(self.coverage)

    def _forecast(self) -> Forecast:
        if self._said is None:
            self._said = self._hindsight.forecast(self._one, self.back, self.horizon, self._coverages)
        return self._said

    def _times(self, steps: NDArray[np.int64]) -> NDArray:
        """Give the times of steps, counted from the first of the series."""
        return self._one.times(steps - (len(self._one.y) - 1))[0]

    def _open(self) -> None:
        """Show another series: as far back as before, if it is so long."""
        self._one = self._hindsight.alone(self.series)
        most = max(len(self._one.y) - 1, 0)
        with self.hold_sync():
            self._tell_series()
            if self.back > most:
                self.back = most
            else:
                self._show()

    def _look_ahead(self) -> None:
        with self.hold_sync():
            self._tell_series()
            self._show()
            self._judge_anew()

    def _cover(self) -> None:
        """Show another coverage: of one that was not asked for before, forecasts are asked for anew."""
        if self.coverage in self._coverages:
            self._tell_errors()
            return
        self._coverages = tuple(sorted({*_COVERAGES, self.coverage}))
        with self.hold_sync():
            self._show()
            self._judge_anew()

    def _judge_anew(self) -> None:
        self._last_window = LastWindow(self._hindsight, self.horizon, self._coverages)
        self._tell_errors()

    def _tell_series(self) -> None:
        """Send the whole series, thinned, and what does not change as its origin does."""
        one, n = self._one, len(self._one.y)
        columns = _beside(one, self.horizon, self._hindsight)
        self._columns = dict(list(columns.items())[:_MOST_STRIPS])
        every, y = thinned(one.y, _ACROSS)
        static = [f"{label(name)}: {value_of(name, values[0])}" for name, values in one.static.items()]
        static += [f"{len(columns) - _MOST_STRIPS} more columns"] * (len(columns) > _MOST_STRIPS)
        some = self._times(places(n, _ACROSS))
        self._like = some[:0] if n == 0 else some
        self._series = {
            "name": label(one.keys[0]),
            "n": n,
            "start": 0,
            "every": every,
            "y": packed(y, "float64"),
            "ends": self._texts(self._times(np.array([0, n - 1]))) if n else ["", ""],
            "horizon": self.horizon,
            "static": " · ".join(static),
            "target": label(self.forecaster.target_),
            "line": self._line,
        }

    @property
    def _line(self) -> str:
        return "seasonal naive" if self._hindsight.season > 1 else "the last value"

    def _texts(self, times: NDArray) -> list[str]:
        return texts(times, self._like)

    def _show(self) -> None:
        """Send what is in view, and what is asked; the page asks for the answer."""
        self._version, self._said = self._version + 1, None
        n, at = len(self._one.y), len(self._one.y) - self.back
        whole = n + self.horizon
        self._sizes = [
            *sorted({k * self.horizon for k in _SIZES if k * self.horizon < whole} | self._size_below(whole)),
            None,
        ]
        size = whole if self.n_shown is None else min(self.n_shown, whole)
        self._frame = start, stop = framed(self._frame, size, n, at, self.horizon)
        y = np.append(self._one.y, np.full(self.horizon, np.nan))[start:stop]
        every, y = thinned(y, _ACROSS)
        self._shown = {
            "version": self._version,
            "back": self.back,
            "at": at,
            "start": start,
            "stop": stop,
            "every": every,
            "y": packed(y, "float64"),
            "marks": self._marks(start, stop) if n else [],
            "columns": [_strip(name, values[start:stop]) for name, values in self._columns.items()],
            "origin": self._told_origin(),
            "coverages": list(self._coverages),
            "shares": [f"{100 * coverage:.3g} %" for coverage in self._coverages],
            "bands": [self._bands(place) for place in range(len(self._coverages))],
            "sizes": ["all steps" if size is None else f"{size:,} steps" for size in self._sizes],
            "size": self._sizes.index(self.n_shown if size < whole else None),
        }

    def _bands(self, place: int) -> list[int]:
        """Give the coverages that are shaded where one is chosen, by their places: itself, and some within it."""
        return [*(k for k in range(place) if self._coverages[k] in _INNER), place]

    def _size_below(self, whole: int) -> set[int]:
        return set() if self.n_shown is None or self.n_shown >= whole else {self.n_shown}

    def _marks(self, start: int, stop: int) -> list[list[Any]]:
        steps = start + places(stop - start, 2 * _ACROSS)
        return [[int(steps[place]), *told] for place, *told in marks(self._times(steps))]

    def _told_origin(self) -> str:
        if not len(self._one.y):
            return "no value"
        far = f"{self.back:,} step{'s' * (self.back != 1)} before the end" if self.back else "the end"
        return f"{self._texts(np.array([self.origin]))[0]}, {far}"

    def _tell_errors(self) -> None:
        window = self._last_window
        covered = window.covered[:, self._place]
        self._judged = {
            "n": window.n_judged,
            "line": self._line,
            "sorted": self._sort if window.n_judged == len(covered) else -1,
            "errors": [packed(values) for values in (window.mase, window.naive, covered)],
            "order": packed(self._order(covered), "int32"),
        }

    def _order(self, covered: NDArray[np.float64]) -> NDArray[np.intp]:
        """Give the order of the list: that of X, until all are judged."""
        window, given = self._last_window, np.arange(len(covered))
        if window.n_judged < len(covered):
            return given
        keys = (-window.mase, -_ratio(window.mase, window.naive), covered, given)
        return np.argsort(keys[self._sort], kind="stable")  # NaN at the end

    def _receive(self, content: Any) -> None:
        match content:
            case {"do": "look", "size": int(place)} if 0 <= place < len(self._sizes):
                self.n_shown = self._sizes[place]
            case {"do": "run", "version": self._version}:  # a later change asks again
                self._run()
            case {"do": "sort", "by": int(place)} if 0 <= place < len(_SORTS):
                self._sort = place
                self._tell_errors()
            case {"do": "judge", "n": self._last_window.n_judged}:
                self._last_window.judge(max(_AT_ONCE, -(-len(self._whole_panel) // _PARTS)))
                self._tell_errors()

    def _run(self) -> None:
        """Send the forecast, or why there is none."""
        try:
            answer = {"problem": "", **self._as_sent()}
        except InputError as error:
            answer = {"problem": str(error)}
        self._told = {"version": self._version} | answer

    def _as_sent(self) -> dict[str, Any]:
        found, at = self._forecast(), len(self._one.y) - self.back
        steps = places(self.horizon, _MOST_ROWS)
        rows = [*found.quantiles[0].T, found.naive[0], found.truth[0]]
        return {
            "steps": steps.tolist(),
            "times": lines(self._texts(self._times(at + steps))),
            "rows": packed(np.stack(rows)[:, steps], "float64"),
            "verdicts": self._verdicts(found),
        }

    def _verdicts(self, found: Forecast) -> list[str]:
        """Say how good the forecast was, for each coverage."""
        n = int(np.count_nonzero(~np.isnan(found.truth)))
        if not n:
            said = "Nothing of this has come yet: drag the origin back, to see what would have been said then."
            return [said] * len(self._coverages)
        mase = [rounded(float(one[0]), 3) if np.isfinite(one[0]) else "–" for one in found.mase()]
        beside = f"MASE {mase[0]}; {self._line}: {mase[1]}."
        shares = zip(found.covered()[0], self._coverages, strict=True)
        return [
            f"{share * n:,.0f} of {n:,} values came inside the {100 * c:.3g} % interval. {beside}"
            for share, c in shares
        ]

    def _fallback(self) -> str:
        n = len(self._one.y)
        facts = {"series": self._one.keys[0], "origin": self._texts(np.array([self.origin]))[0] if n else "–"}
        facts |= {"target": self.forecaster.target_, "steps ahead": self.horizon}
        try:
            frame = self.forecast.iloc[places(self.horizon, _FALLBACK_ROWS)]
        except InputError as error:
            return card("Forecast", facts, lead=str(error))
        header = ["timestamp", "lower", "median", "upper", "naive", "actual"]
        frame = frame.assign(timestamp=self._texts(frame["timestamp"].to_numpy()))
        rows = frame[header].itertuples(index=False)
        return card("Forecast", facts, table(rows, header, f"Intervals hold {self.coverage:.3g} of the values"))


def framed(frame: tuple[int, int], size: int, n: int, at: int, horizon: int) -> tuple[int, int]:
    """Give the steps in view: as before, as long as the forecast from `at` on is in view, with some history."""
    size = max(size, min(2 * horizon, n + horizon))
    start, stop = frame
    least = min(at, max(1, (size - horizon) // 4))
    if stop - start == size and stop <= n + horizon and start + least <= at <= stop - horizon:
        return frame
    start = max(0, min(at - 3 * (size - horizon) // 4, n + horizon - size))
    return start, start + size


def _beside(one: Panel, horizon: int, hindsight: Hindsight) -> dict[str, NDArray]:
    """Give the columns beside the target, up to a horizon after the end where they are known so far."""
    try:
        ahead = hindsight.known(one, 0, horizon)
    except InputError:
        ahead = {}
    columns = {}
    for name, values in one.columns.items():
        missing = np.full(horizon, np.nan if values.dtype.kind == "f" else None, values.dtype)
        columns[name] = np.concatenate([values, ahead[name][0] if name in ahead else missing])
    return columns


def _strip(name: str, values: NDArray) -> dict[str, Any]:
    """Describe a column in view: numbers by their extremes, text by its runs."""
    told: dict[str, Any] = {"name": label(name)}
    is_number = values.dtype.kind == "f"
    values = np.where(np.isfinite(values), values, np.nan) if is_number else values
    if is_missing(values).all():
        return told | {"note": "no value here"}
    if is_number:
        ends = sorted({float(np.nanmin(values)), float(np.nanmax(values))})
        y = packed(thinned(values, _ACROSS)[1], "float64")
        return told | {"y": y, "ends": [rounded(one, 3) for one in ends]}
    begun = runs(values)
    if len(begun) > _MOST_RUNS:
        return told | {"note": f"it changes {len(begun) - 1:,} times here"}
    said = ["" if value is None else value_of(name, value) for value in values[begun]]
    return told | {"runs": begun.tolist(), "texts": said}


def _ratio(mase: NDArray[np.float64], naive: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return mase / naive


def _up_to(value: Any, name: str, most: int, minimum: int = 1) -> int:
    if check_integer(value, name, minimum) > most:
        raise InputError(f"{name} must be at most {most:,}, got {value:,}.")
    return int(value)


def _as_coverage(value: Any, name: str) -> float:
    if not 0 < value < 1:
        raise InputError(f"{name} must lie between 0 and 1, such as 0.9, got {show(value)}.")
    return value
