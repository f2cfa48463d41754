"""Forecasts judged by what came: the last steps of a panel are forgotten, forecast, and compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrec.forecast.panel import Panel
from seqrec.metrics.forecasting import interval_coverage, pinball_loss, smape

DECILES = np.arange(1, 10) / 10
ERRORS = ("mase", "smape", "pinball", "coverage")
Quantiles = Callable[[Panel, int, dict[str, NDArray], NDArray[np.float64]], NDArray[np.float64]]


class Window(NamedTuple):
    """The past of some series of a panel, and what came after it.

    Attributes
    ----------
    rows : (n,) int
        Which series of the panel they are: those with a past and a future that were observed.
    past : Panel
    future : dict of str to (n, horizon) ndarray
        Columns that are known ahead.
    truth : (n, horizon) float64
    scale : (n,) float64
        Mean absolute difference to a season before, in the past, or to the step before where this holds no two seasons;
        NaN where there is none, or it is 0.
    """

    rows: NDArray[np.intp]
    past: Panel
    future: dict[str, NDArray]
    truth: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def of(cls, panel: Panel, n_back: int, horizon: int, known: Sequence[str], season: int) -> Window:
        """Go so many steps back from the end of each series."""
        past = panel.cut(n_back)
        rows = np.flatnonzero((past.n_observed > 0) & ~np.isnan(past.following(horizon)).all(axis=1))
        past = past.select(rows)
        future = {name: past.following(horizon, name) for name in known}
        scale = np.where(past.lengths < 2 * season, scales(past, 1), scales(past, season))
        return cls(rows, past, future, past.following(horizon), scale)

    def loss(self, quantiles: Quantiles) -> NDArray[np.float64]:
        """Give the mean pinball loss of the deciles, over the scale, (n,)."""
        told = quantiles(self.past, self.truth.shape[1], self.future, DECILES)
        return pinball_loss(self.truth, told, DECILES).mean(axis=1) / self.scale

    def errors(self, quantiles: Quantiles, coverage: float) -> dict[str, NDArray[np.float64]]:
        """Judge each step apart, (n, horizon) each: NaN where it was not observed, or nothing scales it."""
        ends = np.array([(1 - coverage) / 2, (1 + coverage) / 2])
        alpha, place = np.unique(np.concatenate([DECILES, ends]), return_inverse=True)
        told = quantiles(self.past, self.truth.shape[1], self.future, alpha)
        deciles, lower, upper = told[..., place[:9]], told[..., place[9]], told[..., place[10]]
        y, median, scale = self.truth[..., None], deciles[..., 4, None], self.scale[:, None]
        mase = np.abs(y - median)[..., 0] / scale
        pinball = pinball_loss(y, deciles[..., None, :], DECILES).mean(axis=-1) / scale
        covered = interval_coverage(y, lower[..., None], upper[..., None])
        return dict(zip(ERRORS, (mase, smape(y, median), pinball, covered), strict=True))


def scales(panel: Panel, season: int) -> NDArray[np.float64]:
    """Give the mean absolute difference of each series to a season before, as `metrics.seasonal_scale` does."""
    differences = np.full(len(panel.y) + 1, np.nan)
    differences[season:-1] = np.abs(panel.y[season:] - panel.y[:-season])
    first, full = panel.starts + season, panel.starts + season < panel.stops
    scale = np.full(len(panel), np.nan)
    if full.any():
        spans = np.stack([first[full], panel.stops[full]], axis=1).ravel()
        there = np.add.reduceat((~np.isnan(differences)).astype(np.int64), spans)[::2]
        total = np.add.reduceat(np.nan_to_num(differences), spans)[::2]
        scale[full] = np.divide(total, there, out=np.full(len(total), np.nan), where=(there > 0) & (total > 0))
    return scale


def mean_errors(
    panel: Panel, windows: Sequence[Window], quantiles: Quantiles, horizon: int, coverage: float
) -> pd.DataFrame:
    """Give the mean over windows of the errors of a model: a row for each series of the panel and step."""
    judged = np.zeros((len(panel), horizon), np.int64)
    total = {name: np.zeros(judged.shape) for name in ERRORS}
    n = {name: np.zeros(judged.shape) for name in ERRORS}
    for window in windows:
        if len(window.rows):
            judged[window.rows] += ~np.isnan(window.truth)
            for name, values in window.errors(quantiles, coverage).items():
                total[name][window.rows] += np.nan_to_num(values)
                n[name][window.rows] += ~np.isnan(values)
    series, step = np.nonzero(judged)
    rows: dict[str, Any] = {"series": panel.keys[series], "step": step + 1}
    for name in ERRORS:
        count = n[name][series, step]
        rows[name] = np.where(count > 0, total[name][series, step] / np.maximum(count, 1), np.nan)
    return pd.DataFrame(rows | {"n_windows": judged[series, step]})
