"""What a forecaster says of series, or would have said earlier, beside a naive line, and how far off that was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrec._checks import check_column, show
from seqrec.data.sequences import Sequences
from seqrec.exceptions import InputError
from seqrec.forecast import naive
from seqrec.forecast.base import ForecasterMixin
from seqrec.forecast.baselines import SeasonalNaiveForecaster
from seqrec.forecast.calendar import told
from seqrec.forecast.panel import Panel, check_series
from seqrec.forecast.windows import scales


class Forecast(NamedTuple):
    """What is said of n series, beside what came.

    Attributes
    ----------
    quantiles : (n, horizon, 2 * n_coverages + 1) float64
        The lower ends of the intervals from the widest on, the median, and the upper ends up to the widest.
    naive : (n, horizon) float64
        Medians of the naive line.
    truth : (n, horizon) float64
        NaN of what was not observed, or is still to come.
    scale : (n,) float64
        Mean absolute difference to a season before, up to the origin.
    """

    quantiles: NDArray[np.float64]
    naive: NDArray[np.float64]
    truth: NDArray[np.float64]
    scale: NDArray[np.float64]

    @property
    def median(self) -> NDArray[np.float64]:
        """(n, horizon)."""
        return self.quantiles[..., self.quantiles.shape[-1] // 2]

    def interval(self, place: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give the ends of the intervals of a coverage, by its place among them, (n, horizon) each."""
        middle = self.quantiles.shape[-1] // 2
        return self.quantiles[..., middle - 1 - place], self.quantiles[..., middle + 1 + place]

    def mase(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give the mean absolute error over the scale, of the medians and of the naive line, (n,) each."""
        own, naive = (_mean(np.abs(self.truth - said)) / self.scale for said in (self.median, self.naive))
        return own, naive

    def covered(self) -> NDArray[np.float64]:
        """Give the share of the values in their interval, for each coverage, (n, n_coverages)."""
        ends = map(self.interval, range(self.quantiles.shape[-1] // 2))
        within = [(low <= self.truth) & (self.truth <= high) for low, high in ends]
        return np.stack([_mean(np.where(np.isnan(self.truth), np.nan, one)) for one in within], axis=1)


class Hindsight:
    """Series as a forecaster reads them, which can be made to forget their latest steps.

    Parameters
    ----------
    forecaster : fitted forecaster
    X : Sequences
        Series.
    future : Sequences, optional
        Columns that are known ahead, at the steps after the last.

    Attributes
    ----------
    panel : Panel
    season : int
        Steps that the naive line goes back: 1 is the last value, to which seasonal naive itself is compared.
    """

    def __init__(self, forecaster: ForecasterMixin, X: Any, future: Any = None) -> None:
        self.forecaster, self.panel, self._X = forecaster, forecaster._panel(X), check_series(X)
        self.future: Sequences | None = None
        if future is not None:
            self.future = check_series(future, "future")
            for name in forecaster.known:
                check_column(name, list(self.future.columns))
        is_seasonal = isinstance(forecaster, SeasonalNaiveForecaster)
        self.season = naive.best_season(self.panel, () if is_seasonal else forecaster.season_lengths_)

    def alone(self, row: int) -> Panel:
        """Give a series without the others, and with all its columns, those that the forecaster reads first."""
        forecaster, columns = self.forecaster, self._X.columns
        read = (*forecaster.known, *forecaster.observed)
        others = (name for name, values in columns.items() if values.ndim == 1 and values.dtype.kind not in "mM")
        along = dict.fromkeys(name for name in (*read, *others) if name not in (forecaster.target_, *forecaster.static))
        return Panel.read(self._X[[row]], forecaster.target_, forecaster.step_, tuple(along), forecaster.static)

    def known(self, one: Panel, back: int, horizon: int) -> dict[str, NDArray]:
        """Give the columns that are known ahead, at the steps from an origin on, (1, horizon) each.

        Raises
        ------
        InputError
            Where a value after the end of the series is missing.
        """
        names, n = self.forecaster.known, min(back, horizon)
        came = {name: one.cut(back).following(n, name) for name in names}
        if n == horizon:
            return came
        rest = one.future(self.future, horizon - n, names)
        return {name: np.concatenate([came[name], rest[name]], axis=1) for name in names}

    def forecast(self, one: Panel, back: int, horizon: int, coverages: Sequence[float]) -> Forecast:
        """Tell what is said of one series, so many steps before its end.

        Raises
        ------
        InputError
            Where there is nothing to forecast from, or what is known ahead is missing.
        """
        past = one.cut(back)
        if not past.n_observed.all():
            time = told(past.times(np.zeros(1, np.int64))[0, 0]) if past.lengths.all() else "its end"
            raise InputError(f"series {show(one.keys[0])} holds no value up to {time}: nothing to forecast from.")
        return self._forecast(past, horizon, self.known(one, back, horizon), coverages)

    def _forecast(self, past: Panel, horizon: int, future: dict[str, NDArray], coverages: Sequence[float]) -> Forecast:
        model, wide = self.forecaster, np.asarray(coverages)
        alpha = np.concatenate([(1 - wide[::-1]) / 2, [0.5], (1 + wide) / 2])
        line = model._bounded(naive.repeated(past, self.season, horizon)[0])
        scale = scales(past, next(iter(model.season_lengths_), 1))
        return Forecast(model._answer(past, horizon, future, alpha), line, past.following(horizon), scale)


class LastWindow:
    """How far off forecasts of the last steps of each series were; some are judged at a time.

    Parameters
    ----------
    hindsight : Hindsight
    horizon : int
        Steps.
    coverages : sequence of float, rising

    Attributes
    ----------
    n_judged : int
        Series so far, the first ones.
    mase, naive : (n_series,) float64
        Mean absolute errors of the medians, and of the naive line, as `backtest` scales them; NaN where there is none.
    covered : (n_series, n_coverages) float64
        Share of the values in their interval.
    """

    def __init__(self, hindsight: Hindsight, horizon: int, coverages: Sequence[float]) -> None:
        self._hindsight, self.horizon, self.coverages = hindsight, horizon, tuple(coverages)
        self.n_judged, n = 0, len(hindsight.panel)
        self.mase, self.naive = np.full((2, n), np.nan)
        self.covered = np.full((n, len(self.coverages)), np.nan)

    def judge(self, n: int) -> None:
        """Judge the next n series, all at once."""
        panel, forecaster = self._hindsight.panel, self._hindsight.forecaster
        rows = np.arange(self.n_judged, min(self.n_judged + n, len(panel)))
        if not len(rows):
            return
        window = forecaster._window(panel.select(rows), self.horizon, self.horizon)
        if len(window.rows):
            found = self._hindsight._forecast(window.past, self.horizon, window.future, self.coverages)
            at = rows[window.rows]
            self.mase[at], self.naive[at] = found.mase()
            self.covered[at] = found.covered()
        self.n_judged += len(rows)


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the mean of each row, of what is not NaN; NaN if all is."""
    there = (~np.isnan(values)).sum(axis=1)
    return np.divide(np.nansum(values, axis=1), there, out=np.full(len(values), np.nan), where=there > 0)
