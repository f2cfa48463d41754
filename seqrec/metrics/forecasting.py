"""How far off were forecasts, and did their intervals hold? Values and forecasts in, a number for each series out.

The last axis is time. NaN among the values is what was not observed, and is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seqrec._checks import check_integer
from seqrec.data.alignment import check_beside
from seqrec.exceptions import InputError

__all__ = [
    "crps_from_quantiles",
    "interval_coverage",
    "mase",
    "msis",
    "owa",
    "pinball_loss",
    "seasonal_scale",
    "smape",
]


def mase(y: ArrayLike, forecast: ArrayLike, history: ArrayLike | Sequence[ArrayLike], season: int = 1) -> NDArray:
    r"""Mean absolute scaled error: 1 is as far off as a season before is, on average, in the history.

    .. math:: \frac{1}{h} \sum_{t=n+1}^{n+h} |y_t - \hat y_t| \Big/ \frac{1}{n-m} \sum_{t=m+1}^{n} |y_t - y_{t-m}|

    Parameters
    ----------
    y : (..., horizon) floating array
        What came. NaN was not observed.
    forecast : (..., horizon) floating array
    history : (..., n_steps) floating array, or list of n_series arrays of any length
        What came before, in the order of time, as of `seasonal_scale`.
    season : int
        Steps in a season, m. The M4 competition takes 24 for hourly series, 12 for monthly and 4 for quarterly ones,
        and 1 for yearly, weekly and daily ones.

    Returns
    -------
    values : (...) float64
        NaN where nothing of a series was observed, or its history does not change.

    References
    ----------
    Hyndman & Koehler (2006), "Another look at measures of forecast accuracy", as in Makridakis, Spiliotis &
    Assimakopoulos (2020), "The M4 Competition: 100,000 time series and 61 forecasting methods".

    Examples
    --------
    >>> mase([[5.0, 7.0]], [[4.0, 4.0]], history=[[1.0, 3.0, 2.0, 3.0]]).round(2)
    array([1.5])
    """
    y, forecast = _beside(y, forecast=forecast)
    return _mean(np.abs(y - forecast)) / seasonal_scale(history, season)


def seasonal_scale(history: ArrayLike | Sequence[ArrayLike], season: int = 1) -> NDArray:
    """Mean absolute difference of a history to a season before: the unit of `mase` and `msis`.

    Parameters
    ----------
    history : (..., n_steps) floating array, or list of n_series arrays of any length
        NaN was not observed; a difference counts where both values were.
    season : int
        Steps in a season.

    Returns
    -------
    scale : (...) float64
        NaN where there is no difference, or all are 0.

    Examples
    --------
    >>> seasonal_scale([[1.0, 3.0, 2.0, 3.0], [5.0]]).round(2)
    array([1.33,  nan])
    """
    check_integer(season, "season")
    values = _as_array(history)
    scale = _mean(np.abs(values[..., season:] - values[..., :-season]))
    return np.where(scale > 0, scale, np.nan)


def smape(y: ArrayLike, forecast: ArrayLike) -> NDArray:
    r"""Symmetric mean absolute percentage error, from 0 to 200.

    .. math:: \frac{200}{h} \sum_{t=n+1}^{n+h} \frac{|y_t - \hat y_t|}{|y_t| + |\hat y_t|}

    Where value and forecast are both 0, the error is 0.

    Parameters
    ----------
    y : (..., horizon) floating array
        What came. NaN was not observed.
    forecast : (..., horizon) floating array

    Returns
    -------
    values : (...) float64, percent
        NaN where nothing of a series was observed.

    References
    ----------
    Makridakis, Spiliotis & Assimakopoulos (2020), "The M4 Competition: 100,000 time series and 61 forecasting methods".

    Examples
    --------
    >>> smape([[100.0, 0.0]], [[300.0, 0.0]])
    array([50.])
    """
    y, forecast = _beside(y, forecast=forecast)
    size = np.abs(y) + np.abs(forecast)
    return _mean(200 * np.abs(y - forecast) / np.where(size == 0, 1, size))


def owa(smape: ArrayLike, mase: ArrayLike, naive_smape: ArrayLike, naive_mase: ArrayLike) -> float:
    r"""Overall weighted average: a panel's error as a share of that of a naive forecast, 1 for the naive one itself.

    .. math:: \frac{1}{2} \Bigl(\frac{\overline{sMAPE}}{\overline{sMAPE}_{naive}}
        + \frac{\overline{MASE}}{\overline{MASE}_{naive}}\Bigr)

    The means over all series are divided, and never one series by the other. In the M4 competition the naive forecast
    is Naive2, the last value after a seasonal adjustment.

    Parameters
    ----------
    smape, mase, naive_smape, naive_mase : (n_series,) floating array, or the means of a panel
        As `smape` and `mase` give them. A series of which one is NaN is left out of all means.

    References
    ----------
    Makridakis, Spiliotis & Assimakopoulos (2020), "The M4 Competition: 100,000 time series and 61 forecasting methods".

    Examples
    --------
    >>> owa([10.0, 30.0], [1.0, 1.0], naive_smape=[20.0, 60.0], naive_mase=[1.0, 3.0])
    0.5
    """
    check_beside(smape=smape, mase=mase, naive_smape=naive_smape, naive_mase=naive_mase)
    errors = np.stack(np.broadcast_arrays(*(_as_array(each) for each in (smape, mase, naive_smape, naive_mase))))
    means = errors[:, ~np.isnan(errors).any(axis=0)].mean(axis=1) if errors.ndim > 1 else errors
    return float((means[0] / means[2] + means[1] / means[3]) / 2)


def msis(
    y: ArrayLike,
    lower: ArrayLike,
    upper: ArrayLike,
    history: ArrayLike | Sequence[ArrayLike],
    season: int = 1,
    coverage: float = 0.95,
) -> NDArray:
    r"""Mean scaled interval score: width, and what misses it the dearer the surer the interval was to be.

    .. math:: \frac{1}{h} \sum_t \Bigl(u_t - l_t + \frac{2}{a} (l_t - y_t)^+ + \frac{2}{a} (y_t - u_t)^+\Bigr)
        \Big/ \frac{1}{n-m} \sum_{t=m+1}^{n} |y_t - y_{t-m}|, \quad a = 1 - \text{coverage}

    Parameters
    ----------
    y : (..., horizon) floating array
        What came. NaN was not observed.
    lower, upper : (..., horizon) floating array
        Ends of the intervals.
    history, season
        As in `mase`.
    coverage : float
        Share of the values that the intervals were to hold; .95 in the M4 competition.

    Returns
    -------
    values : (...) float64
        NaN as in `mase`.

    References
    ----------
    Gneiting & Raftery (2007), "Strictly proper scoring rules, prediction, and estimation", equation 43, scaled as in
    Makridakis, Spiliotis & Assimakopoulos (2020), "The M4 Competition: 100,000 time series and 61 forecasting methods".

    Examples
    --------
    >>> msis([[5.0]], lower=[[1.0]], upper=[[4.0]], history=[[1.0, 2.0]], coverage=0.5)
    array([7.])
    """
    if not 0 < coverage < 1:
        raise InputError(f"coverage must lie between 0 and 1, got {coverage!r}.")
    y, lower, upper = _beside(y, lower=lower, upper=upper)
    missed = np.maximum(lower - y, 0) + np.maximum(y - upper, 0)
    return _mean(upper - lower + 2 / (1 - coverage) * missed) / seasonal_scale(history, season)


def pinball_loss(y: ArrayLike, quantiles: ArrayLike, alpha: ArrayLike) -> NDArray:
    r"""Mean loss of a quantile, which is least, in expectation, at the true one.

    .. math:: \rho_\alpha(y, q) = \alpha (y - q)^+ + (1 - \alpha) (q - y)^+

    Parameters
    ----------
    y : (..., horizon) floating array
        What came. NaN was not observed.
    quantiles : (..., horizon) floating array, or (..., horizon, n_alpha) for several levels
    alpha : float, or (n_alpha,) floating array
        Levels of the quantiles, between 0 and 1.

    Returns
    -------
    values : (...) float64, or (..., n_alpha)
        In the unit of y; NaN where nothing of a series was observed.

    References
    ----------
    Koenker & Bassett (1978), "Regression quantiles"; Gneiting & Raftery (2007), "Strictly proper scoring rules,
    prediction, and estimation", section 6.1.

    Examples
    --------
    >>> pinball_loss([[5.0, 5.0]], [[[1.0, 6.0], [1.0, 5.0]]], alpha=[0.1, 0.5])
    array([[0.4 , 0.25]])
    """
    alpha = np.asarray(alpha, dtype=np.float64)
    if alpha.ndim > 1 or not ((alpha > 0) & (alpha < 1)).all():
        raise InputError(f"alpha must hold levels between 0 and 1, got {alpha.tolist()}.")
    y, quantiles = _as_array(y), _as_array(quantiles)
    if quantiles.shape != y.shape + alpha.shape:
        raise InputError(f"expected quantiles of shape {y.shape + alpha.shape}, got {quantiles.shape}.")
    y = y.reshape(y.shape + (1,) * alpha.ndim)
    y, quantiles = _beside(np.broadcast_to(y, quantiles.shape), quantiles=quantiles)
    return _mean(np.maximum(alpha * (y - quantiles), (alpha - 1) * (y - quantiles)), axis=-1 - alpha.ndim)


def crps_from_quantiles(y: ArrayLike, quantiles: ArrayLike, alpha: ArrayLike) -> NDArray:
    r"""Continuous ranked probability score of a forecast that is known by some of its quantiles.

    .. math:: CRPS(F, y) = 2 \int_0^1 \rho_\alpha\bigl(y, F^{-1}(\alpha)\bigr) d\alpha
        \approx 2 \sum_i w_i \, \rho_{\alpha_i}(y, q_i)

    The weight of a level is the length of the part of (0, 1) that is nearest to it. Many levels tell the tails; of
    .5 alone it is the absolute error.

    Parameters
    ----------
    y, quantiles, alpha
        As in `pinball_loss`, with n_alpha rising levels.

    Returns
    -------
    values : (...) float64
        In the unit of y; NaN where nothing of a series was observed.

    References
    ----------
    Gneiting & Raftery (2007), "Strictly proper scoring rules, prediction, and estimation", section 4.2; by quantiles:
    Gneiting & Ranjan (2011), "Comparing density forecasts using threshold- and quantile-weighted scoring rules".

    Examples
    --------
    >>> crps_from_quantiles([[5.0]], [[[2.0, 4.0, 6.0]]], alpha=[0.1, 0.5, 0.9])
    array([0.64])
    """
    alpha = np.asarray(alpha, dtype=np.float64)
    if alpha.ndim != 1 or (np.diff(alpha) <= 0).any():
        raise InputError(f"alpha must be a list of rising levels, got {alpha.tolist()}.")
    weights = np.diff(np.concatenate([[0.0], (alpha[1:] + alpha[:-1]) / 2, [1.0]]))
    return 2 * pinball_loss(y, quantiles, alpha) @ weights


def interval_coverage(y: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> NDArray:
    """Share of the values that lie in their interval, ends included.

    Parameters
    ----------
    y : (..., horizon) floating array
        What came. NaN was not observed.
    lower, upper : (..., horizon) floating array
        Ends of the intervals.

    Returns
    -------
    values : (...) float64
        NaN where nothing of a series was observed.

    Examples
    --------
    >>> interval_coverage([[1.0, 2.0, np.nan, 9.0]], lower=[[0.0] * 4], upper=[[2.0] * 4]).round(2)
    array([0.67])
    """
    y, lower, upper = _beside(y, lower=lower, upper=upper)
    return _mean(np.where(np.isnan(y), np.nan, (lower <= y) & (y <= upper)))


def _beside(y: ArrayLike, **forecasts: ArrayLike) -> tuple[NDArray, ...]:
    """Give values and forecasts of one shape; a forecast has to be there wherever a value was observed."""
    check_beside(y=y, **forecasts)
    y, found = _as_array(y), {name: _as_array(values) for name, values in forecasts.items()}
    for name, values in found.items():
        if values.shape != y.shape:
            raise InputError(f"expected {name} of the shape of y, {y.shape}, got {values.shape}.")
        if not np.isfinite(values[~np.isnan(y)]).all():
            raise InputError(f"{name} is missing or infinite where y was observed.")
    return (y, *found.values())


def _as_array(values: ArrayLike | Sequence[ArrayLike]) -> NDArray[np.float64]:
    """Give numbers as an array; of a list of arrays, each ends at the end of a row that begins with NaN."""
    if isinstance(values, list | tuple) and len({np.shape(one) for one in values}) > 1:
        rows = [np.asarray(one, dtype=np.float64) for one in values]
        longest = max(map(len, rows))
        values = np.stack([np.pad(row, (longest - len(row), 0), constant_values=np.nan) for row in rows])
    array = np.asarray(values, dtype=np.float64)
    if np.isinf(array).any():
        raise InputError("there are infinite values: replace them by NaN if they were not observed.")
    return array


def _mean(values: NDArray, axis: int = -1) -> NDArray[np.float64]:
    """Mean of what is not NaN, and NaN of nothing."""
    there = ~np.isnan(values)
    n = there.sum(axis=axis)
    return np.divide(np.where(there, values, 0).sum(axis=axis), n, out=np.full(np.shape(n), np.nan), where=n > 0)
