"""Hourly demand from a known formula that tells the distribution of every value: how good a forecast can be is known.

The story is a chain of shops. Each has its day, its week and its drift; prices are cut now and then, for some days and
announced ahead; and some shops are once rebuilt, and sell more or less from that day on.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrec._checks import check_integer
from seqrec.datasets.draws import generator, ids

EPOCH = np.datetime64("2024-01-01", "h")  # a Monday
DAY, WEEK, YEAR = 24, 168, 8_766  # hours
LEVEL = (0.0, 6.0)  # decimal logarithm of a series' level
TREND = 0.3  # standard deviation of the drift in a year
REBUILT = 0.5  # chance of a change of level,
REBUILT_BEFORE = 0.8  # at a time in this first part of the series,
REBUILDING = 0.4  # by so much, its standard deviation
PROMOTION = 1 / 14  # chance that one begins on a day that has none
LENGTHS = (1, 4)  # days of a promotion, the last number excluded
DISCOUNT = (0.1, 0.4)
ELASTICITY = (1.0, 4.0)  # of demand, to the price
SPREAD = (0.05, 0.2)


def make_series(
    n_series: int = 100, n_steps: int = 8 * WEEK, *, random_state: int | np.random.RandomState | None = None
) -> pd.DataFrame:
    r"""Draw the hourly demand of some shops, whose price is known ahead.

    Use it to see how near to the truth a forecaster comes, and whether its intervals hold: the last two columns are the
    distribution that each value was drawn from. Leave them out of what it reads.

    Parameters
    ----------
    n_series : int, default=100
        Number of series.
    n_steps : int, default=1344
        Hours of each; eight weeks.
    random_state : int, RandomState instance or None, default=None
        Seed of everything that is drawn.

    Returns
    -------
    pandas.DataFrame
        One row a series and hour, in that order: `series` (str), `timestamp` (datetime64, whole hours from 2024-01-01),
        `y` (float, above 0), `price` (float), `promotion` (bool, whether the price is cut), `median` (float) and
        `spread` (float): the logarithm of y is normal, with these two.

    Notes
    -----
    Series s has at hour t

    .. math:: \log y_{st} = \log L_s + g_s \frac{t}{8766} + c_s [t \ge \tau_s] + D_s(t) + W_s(t)
        - e_s \log \frac{p_{st}}{P_s} + \sigma_s \varepsilon_{st}

    with, for each series, a level :math:`\log_{10} L_s` uniform in (0, 6), so that levels differ by a factor of up to a
    million; a drift :math:`g_s` normal, .3 a year; a change of level :math:`c_s`, with probability .5 and normal, .4,
    at a midnight :math:`\tau_s` in the first 80 % of the hours; a day

    .. math:: D_s(t) = a_s \cos \frac{2 \pi (t - h_s)}{24} + \frac{a_s}{2} \cos \frac{4 \pi (t - h_s)}{24}

    of strength :math:`a_s` uniform in (.2, .8) and a peak :math:`h_s` uniform in (0, 24); a week :math:`W_s` of seven
    daily values, normal, .25; an elasticity :math:`e_s` uniform in (1, 4); and noise :math:`\varepsilon_{st}` that is
    standard normal and independent, of strength :math:`\sigma_s` uniform in (.05, .2).

    The price is :math:`P_s`, log-normal, but for promotions: one begins on any day that has none with probability 1/14,
    lasts one to three days, and cuts the price by a share uniform in (.1, .4). Nothing but the column tells when.

    So quantile :math:`\alpha` of a value is ``median * exp(spread * z)`` with :math:`z = \Phi^{-1}(\alpha)`. No level
    changes in the last fifth of the hours, so who knows the price ahead can come near to this. Values are 10 % off the
    median on average.

    Examples
    --------
    >>> from seqrec import Sequences
    >>> from seqrec.datasets import make_series
    >>> panel = make_series(n_series=3, n_steps=336, random_state=0)
    >>> panel.shape, float((panel["y"] < panel["median"]).mean().round(1))
    ((1008, 7), 0.5)
    >>> Sequences.from_frame(panel, user="series", item=None, columns=["y", "price"])
    Sequences(3 sequences, 1,008 events, 2024-01-01 to 2024-01-14)
    """
    n_series, n_steps = check_integer(n_series, "n_series"), check_integer(n_steps, "n_steps")
    rng, hours = generator(random_state), np.arange(n_steps)
    level, drift = np.log(10) * rng.uniform(*LEVEL, n_series), rng.normal(0, TREND, n_series)
    change = rng.normal(0, REBUILDING, n_series) * (rng.random(n_series) < REBUILT)
    rebuilt = rng.uniform(0, REBUILT_BEFORE * n_steps, n_series) // DAY * DAY
    list_price, discount = rng.lognormal(1, 0.5, n_series), _discounts(n_series, -(-n_steps // DAY), rng)
    off = np.repeat(discount, DAY, axis=1)[:, :n_steps]
    elasticity, spread = rng.uniform(*ELASTICITY, n_series), rng.uniform(*SPREAD, n_series)
    median = np.exp(
        level[:, None]
        + drift[:, None] * hours / YEAR
        + change[:, None] * (hours >= rebuilt[:, None])
        + _day(n_series, hours, rng)
        + rng.normal(0, 0.25, (n_series, 7))[:, hours // DAY % 7]
        - elasticity[:, None] * np.log1p(-off)
    )
    spreads = np.broadcast_to(spread[:, None], median.shape)
    columns = {
        "y": median * np.exp(spreads * rng.standard_normal(median.shape)),
        "price": list_price[:, None] * (1 - off),
        "promotion": off > 0,
        "median": median,
        "spread": spreads,
    }
    names = {"series": np.repeat(ids("s", n_series), n_steps), "timestamp": np.tile(EPOCH + hours, n_series)}
    return pd.DataFrame(names | {name: values.ravel() for name, values in columns.items()})


def _day(n_series: int, hours: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Give the daily course of each series, (n_series, n_steps)."""
    strength, peak = rng.uniform(0.2, 0.8, (n_series, 1)), rng.uniform(0, DAY, (n_series, 1))
    angle = 2 * np.pi * (hours - peak) / DAY
    return strength * (np.cos(angle) + np.cos(2 * angle) / 2)


def _discounts(n_series: int, n_days: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Give the share by which each price is cut on each day, (n_series, n_days)."""
    begins, lengths = rng.random((n_series, n_days)) < PROMOTION, rng.integers(*LENGTHS, (n_series, n_days))
    drawn, given = rng.uniform(*DISCOUNT, (n_series, n_days)), np.zeros((n_series, n_days))
    left, current = np.zeros(n_series, np.int64), np.zeros(n_series)
    for day in range(n_days):  # what has begun keeps others from beginning
        starts = begins[:, day] & (left == 0)
        left, current = np.where(starts, lengths[:, day], left), np.where(starts, drawn[:, day], current)
        given[:, day] = np.where(left > 0, current, 0)
        left = np.maximum(left - 1, 0)
    return given
