"""The Theta method: what a series alone says of its level, its trend and its season.

Each series is adjusted for its season, smoothed with the weight that it was best forecast with, and goes on along half
of its linear trend. In the M3 competition nothing was better than that, and of short series little is today.

References
----------
Assimakopoulos & Nikolopoulos (2000), "The theta model". Hyndman & Billah (2003), "Unmasking the Theta method".
Makridakis et al. (2020), "The M4 competition", whose code tests and adjusts for seasons in this way.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.stats import norm

from seqrec.forecast.naive import total
from seqrec.forecast.panel import Panel

_N_LATEST = 1_000  # steps of a series that are looked at
_AT_ONCE = 2**21  # values
_SMOOTHING = np.array([0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99])
_FEWEST_SEASONS = 3  # that it takes to know one
_PRIOR = 1.0  # errors that what is usual in the panel counts for
_LEVEL = 1.645  # normal score of the test of seasons


def quantiles(panel: Panel, horizon: int, alpha: NDArray[np.float64], season: int, usual: float) -> NDArray[np.float64]:
    """Give quantiles of the steps to come, (n_series, horizon, n_alpha): normal about the forecasts of the method.

    Each series has a value. What is told of one does not depend on the others. `usual` is what `naive.usual_spread`
    gives, for series that tell little themselves.
    """
    told = np.empty((len(panel), horizon, len(alpha)))
    for rows, y in _portions(panel):
        middle, spread = _forecast(y, horizon, season, usual)
        told[rows] = middle[..., None] + spread[..., None] * norm.ppf(alpha)
    return told


def _portions(panel: Panel) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64]]]:
    """Give series of like lengths: which they are, and their latest values, (n, n_steps)."""
    most = np.minimum(2 ** np.ceil(np.log2(np.maximum(panel.lengths, 4))).astype(np.int64), _N_LATEST)
    for n in np.unique(most):
        alike, step = np.flatnonzero(most == n), max(1, _AT_ONCE // n)
        for start in range(0, len(alike), step):
            rows = alike[start : start + step]
            yield rows, panel.select(rows).latest(n)


def _forecast(y: NDArray[np.float64], horizon: int, season: int, usual: float) -> tuple[NDArray, NDArray]:
    """Forecast rows of values, NaN where there are none: means and standard deviations, (n, horizon)."""
    n = y.shape[1]
    first = (~np.isnan(y)).argmax(axis=1)[:, None]
    y = _filled(y, first)
    apart, factor = _seasons(y, first, season, horizon)
    y = (y - apart[:, :n]) / factor[:, :n]
    line = _line(y, first, horizon)
    level, rate, error = _smoothed(2 * y - line[:, :n], first)
    prior = usual * np.abs(y).mean(axis=1, keepdims=True)
    n_errors = n - 1 - first
    error = np.sqrt((n_errors * error**2 / 4 + _PRIOR * prior**2) / (n_errors + _PRIOR))
    spread = error * np.sqrt(1 + np.arange(horizon) * rate**2)
    return (level + line[:, n:]) / 2 * factor[:, n:] + apart[:, n:], spread * np.abs(factor[:, n:])


def _filled(y: NDArray[np.float64], first: NDArray[np.int64]) -> NDArray[np.float64]:
    """Let what was not observed be as it was last, and what lies before the first value as that one."""
    at = np.maximum.accumulate(np.where(np.isnan(y), 0, np.arange(y.shape[1])), axis=1)
    return np.take_along_axis(y, np.maximum(at, first), axis=1)


def _seasons(
    y: NDArray[np.float64], first: NDArray[np.int64], season: int, horizon: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give what the season adds, and by what it multiplies, (n, n_steps + horizon); of positive series it multiplies.

    Classical decomposition: mean distances, or ratios, to a moving average over one season.
    """
    n, n_steps = y.shape
    apart, factor = np.zeros((n, n_steps + horizon)), np.ones((n, n_steps + horizon))
    rows = np.flatnonzero(_is_seasonal(y, first, season))
    if not len(rows):
        return apart, factor
    y, first = y[rows], first[rows]
    half = season // 2
    so_far = np.pad(np.cumsum(y, axis=1), ((0, 0), (1, 0)))
    trend = (so_far[:, season:] - so_far[:, :-season]) / season
    trend = trend if season % 2 else (trend[:, :-1] + trend[:, 1:]) / 2
    inner = y[:, half : n_steps - half]
    known = np.arange(half, n_steps - half) >= first + half
    multiplies = (y > 0).all(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.where(known, np.where(multiplies, inner / trend, inner - trend), np.nan)
    phase = np.arange(half, n_steps - half) % season
    index = np.zeros((len(rows), season))
    for place in range(season):
        own = change[:, phase == place]
        index[:, place] = total(own) / np.maximum((~np.isnan(own)).sum(axis=1), 1)
    mean = index.mean(axis=1, keepdims=True)
    index = np.where(multiplies, index / np.where(mean > 0, mean, 1), index - mean)
    along = index[:, np.arange(n_steps + horizon) % season]
    factor[rows] = np.where(multiplies & (along > 0), along, 1)
    apart[rows] = np.where(multiplies, 0, along)
    return apart, factor


def _is_seasonal(y: NDArray[np.float64], first: NDArray[np.int64], season: int) -> NDArray[np.bool_]:
    """Test the autocorrelation a season apart at the level of 90 %, with Bartlett's standard error."""
    n = (y.shape[1] - first)[:, 0]
    if season == 1 or y.shape[1] < _FEWEST_SEASONS * season:
        return np.zeros(len(y), bool)
    there = np.arange(y.shape[1]) >= first
    x = np.where(there, y - np.where(there, y, 0).sum(axis=1, keepdims=True) / n[:, None], 0)
    size = np.maximum((x**2).sum(axis=1), np.finfo(np.float64).tiny)
    r = np.stack([(x[:, lag:] * x[:, :-lag]).sum(axis=1) for lag in range(1, season + 1)]) / size
    error = np.sqrt((1 + 2 * (r[:-1] ** 2).sum(axis=0)) / n)
    return (np.abs(r[-1]) > _LEVEL * error) & (n >= _FEWEST_SEASONS * season)


def _line(y: NDArray[np.float64], first: NDArray[np.int64], horizon: int) -> NDArray[np.float64]:
    """Fit a line to each series, and draw it to the end of the horizon, (n, n_steps + horizon)."""
    n_steps = y.shape[1]
    there = np.arange(n_steps) >= first
    n = there.sum(axis=1, keepdims=True)
    center = (first + n_steps - 1) / 2
    x = np.arange(n_steps + horizon) - center
    mean = np.where(there, y, 0).sum(axis=1, keepdims=True) / n
    squares = n * (n**2 - 1) / 12
    slope = np.where(there, x[:, :n_steps] * (y - mean), 0).sum(axis=1, keepdims=True) / np.maximum(squares, 1)
    return mean + slope * x


def _smoothed(z: NDArray[np.float64], first: NDArray[np.int64]) -> tuple[NDArray, NDArray, NDArray]:
    """Smooth each series with the weight that forecasts it best: level at the end, weight, and root mean square error.

    Each is (n, 1).
    """
    start = np.take_along_axis(z, first, axis=1)
    z = np.where(np.arange(z.shape[1]) < first, start, z)
    n = np.maximum(z.shape[1] - 1 - first, 1)
    best = np.full((len(z), 3), np.inf)
    for rate in _SMOOTHING:
        level, _ = lfilter([rate], [1, rate - 1], z, axis=1, zi=(1 - rate) * start)
        error = ((z[:, 1:] - level[:, :-1]) ** 2).sum(axis=1, keepdims=True) / n
        own = np.concatenate([error, level[:, -1:], np.full_like(error, rate)], axis=1)
        best = np.where(error < best[:, :1], own, best)
    return best[:, 1:2], best[:, 2:], np.sqrt(best[:, :1])
