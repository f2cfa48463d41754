"""The naive lines: the last value, or that of a season before, and how far off these have been so far.

The spread of a forecast is that of the absolute differences between values so many steps apart, in the series itself.
Where too few are there, it is that of a random walk, whose variance grows with the number of seasons ahead.

References
----------
Hyndman & Athanasopoulos (2021), "Forecasting: principles and practice", 3rd edition, sections 5.2 and 5.5 (table 5.2).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from seqrec.forecast.panel import Panel
from seqrec.forecast.paths import Draws

_N_LATEST = 1_000  # differences of a series that are looked at
_ENOUGH = 20  # of them tell quantiles
_PRIOR = 4.0  # differences that what is usual in the panel counts for
_AT_ONCE = 2**22  # values


def best_season(panel: Panel, lengths: tuple[int, ...]) -> int:
    """Give the season by which the series repeat best; without any, 1, which is the last value again."""
    return min(lengths, key=lambda length: (relative_error(panel, length), length), default=1)


def usual_spread(panel: Panel, season: int) -> float:
    """Give the median over the series of their spread a season apart, as a share of their size; 0 if none tells."""
    total, n = _squares(panel, season)
    size = _size(panel)
    told = (n > 0) & (size > 0)
    return float(np.median(np.sqrt(total[told] / n[told]) / size[told])) if told.any() else 0.0


def quantiles(panel: Panel, horizon: int, alpha: NDArray[np.float64], season: int, usual: float) -> NDArray[np.float64]:
    """Give quantiles that lie about the value of a season before, (n_series, horizon, n_alpha).

    Each series has a value. `usual` is what `usual_spread` gives, for series that tell little themselves.
    """
    center, n_seasons = repeated(panel, season, horizon)
    width = np.empty((*center.shape, len(alpha)))
    step = max(1, _AT_ONCE // (_N_LATEST + horizon))
    for start in range(0, len(panel), step):
        rows = slice(start, start + step)
        width[rows] = _widths(panel.select(np.arange(len(panel))[rows]), n_seasons[rows], alpha, season, usual)
    return center[..., None] + np.sign(alpha - 0.5) * width


def normal_scores(panel: Panel, horizon: int, n: int, season: int, draws: Draws) -> NDArray[np.float64]:
    """Draw standard normal scores of paths, (n_series, n, horizon).

    Errors of a season add to those of the seasons before, and inside one go on from step to step as far as differences
    of the series did.
    """
    cycles = -(-horizon // season)
    r = _persistence(panel, season)[:, None, None]
    drawn = draws.standard_normal((len(panel), n, cycles, season))
    for step in range(1, season):
        drawn[..., step] = r * drawn[..., step - 1] + np.sqrt(1 - r**2) * drawn[..., step]
    walked = np.cumsum(drawn, axis=2) / np.sqrt(np.arange(1, cycles + 1))[:, None]
    return walked.reshape(len(panel), n, cycles * season)[..., :horizon]


def repeated(panel: Panel, season: int, horizon: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Give the latest value at the place in the season of each step to come, and how many seasons ago it was.

    Where a place was never observed, it is the last value of all, with the seasons since then.
    """
    at = panel.stops[:, None] + np.arange(-season, 0)
    value, age = panel.latest(season), np.ones((len(panel), season), np.int64)
    while (again := np.isnan(value) & (at - season >= panel.starts[:, None])).any():
        at[again] -= season
        age[again] += 1
        value[again] = panel.y[at[again]]
    observed = np.where(np.isnan(panel.y), -1, np.arange(len(panel.y)))
    latest = np.maximum.accumulate(observed)[panel.stops - 1]
    never = np.isnan(value)
    value = np.where(never, panel.y[latest][:, None], value)
    age = np.where(never, 1 + (panel.stops - 1 - latest)[:, None] // season, age)
    step = np.arange(horizon)
    return value[:, step % season], age[:, step % season] + step // season


def _widths(
    panel: Panel, n_seasons: NDArray[np.int64], alpha: NDArray[np.float64], season: int, usual: float
) -> NDArray[np.float64]:
    """Give how far quantiles lie from the middle, (n_series, horizon, n_alpha)."""
    share = np.abs(2 * alpha - 1)  # of the differences, that the interval up to the quantile holds
    total, n = _squares(panel, season)
    prior = _size(panel) * usual
    spread = np.sqrt((total + _PRIOR * prior**2) / (n + _PRIOR))
    width = np.sqrt(n_seasons)[..., None] * spread[:, None, None] * norm.ppf((1 + share) / 2)
    for ahead in np.unique(n_seasons):
        differences = np.sort(np.abs(_differences(panel, ahead * season)), axis=1)  # NaN at the end
        enough = np.flatnonzero((~np.isnan(differences)).sum(axis=1) >= _ENOUGH)
        if len(enough):
            empirical = np.zeros((len(panel), len(alpha)))
            empirical[enough] = _ordered(differences[enough], share)
            here = (n_seasons == ahead) & np.isin(np.arange(len(panel)), enough)[:, None]
            width[here] = empirical[np.nonzero(here)[0]]
    return width


def _ordered(differences: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give what a next difference will stay below with these chances, (n_series, n_alpha).

    Of n differences and one more, each is as likely the largest; beyond n / (n + 1) the tail is that of a normal.
    """
    n = (~np.isnan(differences)).sum(axis=1)[:, None]
    rank = np.minimum(share * (n + 1), n)
    low = np.floor(rank).astype(np.int64)
    padded = np.concatenate([np.zeros((len(differences), 1)), differences], axis=1)
    below, above = (np.take_along_axis(padded, at, axis=1) for at in (low, np.minimum(low + 1, n)))
    tail = norm.ppf((1 + share) / 2) / norm.ppf((1 + n / (n + 1)) / 2)
    return (below + (rank - low) * (above - below)) * np.maximum(tail, 1)


def _differences(panel: Panel, lag: int) -> NDArray[np.float64]:
    """Give the last differences of each series at a lag, (n_series, n)."""
    n = min(_N_LATEST + lag, max(int(panel.lengths.max(initial=0)), lag))
    latest = panel.latest(n)
    return latest[:, lag:] - latest[:, : n - lag]


def _squares(panel: Panel, lag: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Give the sum of the squared differences of each series at a lag, and their number."""
    differences = _differences(panel, lag)
    return total(differences**2), (~np.isnan(differences)).sum(axis=1)


def _size(panel: Panel) -> NDArray[np.float64]:
    """Give the mean absolute value of the latest values of each series."""
    latest = np.abs(panel.latest(min(_N_LATEST, int(panel.lengths.max(initial=0)))))
    return total(latest) / np.maximum((~np.isnan(latest)).sum(axis=1), 1)


def relative_error(panel: Panel, lag: int) -> float:
    """Give the median over the series of the mean absolute difference at a lag, by that at lag 1."""
    far, near = (np.abs(_differences(panel, each)) for each in (lag, 1))
    n_far, n_near = ((~np.isnan(each)).sum(axis=1) for each in (far, near))
    told = (n_far > 0) & (total(near) > 0)
    ratio = (total(far)[told] / n_far[told]) / (total(near)[told] / n_near[told])
    return float(np.median(ratio)) if told.any() else np.inf


def _persistence(panel: Panel, season: int) -> NDArray[np.float64]:
    """Give the autocorrelation, from 0 on, of neighbouring differences to a season before, of each series."""
    differences = _differences(panel, season)
    both = total(differences[:, 1:] * differences[:, :-1])
    return np.clip(both / np.maximum(total(differences**2), np.finfo(np.float64).tiny), 0, 0.99)


def total(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add up each row, NaN as 0, from left to right: how many NaN it begins with does not change the last digit."""
    return np.cumsum(np.nan_to_num(values), axis=1)[:, -1] if values.shape[1] else np.zeros(len(values))
