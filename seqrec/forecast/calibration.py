"""Quantiles that hold: between the levels of a network, and as wide as held-out values ask for at each step.

Between two levels a quantile is linear in its normal score, and beyond the outermost it goes on so: that is a
distribution, with a density. Widths are multiplied by what it takes for held-out values to lie below a quantile as
often as its level says; the less, the less sure that is, since a quiet year of a few series proves little.

References
----------
Romano, Patterson & Candès (2019), "Conformalized quantile regression"; here ratios to the width, at each level.
Efron & Morris (1975), "Data analysis using Stein's estimator", for ratios that are drawn towards 1.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from seqrec.forecast.alike import Alike
from seqrec.forecast.paths import Draws
from seqrec.network.architectures import LEVELS
from seqrec.storage.arrays import Array

COVERAGES = {"50%": (0.25, 0.75), "80%": (0.1, 0.9), "95%": (0.025, 0.975)}
FARTHEST = 30.0  # normal scores: so far out every value is as odd

_SCORES: NDArray[np.float64] = np.asarray(norm.ppf(LEVELS))
_MEDIAN = LEVELS.index(0.5)
_OUTER = np.maximum(LEVELS, 1 - np.array(LEVELS))  # probabilities on the near side of each quantile
_ENOUGH = 200  # held-out values for the factor of a step; where there are fewer, those of its neighbours join
_PRIOR = 20.0  # values that a factor of 1 counts for
_USUAL = 0.1  # root mean square of the logarithms of factors in a panel, if these lie within...
_SURELY = 2.0  # ...standard errors of 0
_LIMITS = (0.2, 5.0)  # of factors
_COMPLETE = 50  # held-out windows that tell how steps hang together


class Calibration(NamedTuple):
    """What held-out windows have taught.

    Attributes
    ----------
    factors : (horizon, n_levels) float64
        Of the distance of a quantile from the median.
    scores : (n_windows, horizon) float64
        Normal scores of held-out windows that were observed whole: how far out values lay together.
    """

    factors: Annotated[NDArray[np.float64], Array("float64", "horizon", len(LEVELS), low=0)]
    scores: Annotated[NDArray[np.float64], Array("float64", None, "horizon")]

    @classmethod
    def learn(cls, y: NDArray[np.float64], quantiles: NDArray[np.float64], alike: Alike) -> Calibration:
        """Compare held-out values, (n_windows, horizon), NaN where not observed, with quantiles of ``LEVELS``."""
        factors = factors_of(y, quantiles, alike)
        own, _ = normal_scores(y, widened(quantiles, factors))
        return cls(factors, own[~np.isnan(own).any(axis=1)])

    def draw(self, n_series: int, n: int, horizon: int, draws: Draws) -> NDArray[np.float64] | None:
        """Draw normal scores of paths, (n_series, n, horizon), or None where too little was held out.

        Steps hang together as in held-out windows: the empirical copula (Clark et al. 2004, "The Schaake shuffle").
        Beyond the horizon of training, what another window says adds to what was said before.
        """
        if len(self.scores) < _COMPLETE:
            return None
        n_blocks = -(-horizon // self.scores.shape[1])
        blocks = self.scores[draws.integers(len(self.scores), size=(n_series, n, n_blocks))]
        walked = np.cumsum(blocks, axis=2).reshape(n_series, n, -1)[..., :horizon]
        order = np.argsort(walked + 1e-6 * draws.standard_normal(walked.shape), axis=1)
        rank = np.argsort(order, axis=1)
        return norm.ppf((rank + draws.random(rank.shape)) / n)


def widened(quantiles: NDArray[np.float64], factors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Multiply distances from the median, (..., n_levels), by factors; quantiles do not cross."""
    median = quantiles[..., _MEDIAN, None]
    apart = np.abs(quantiles - median) * factors
    below = np.maximum.accumulate(apart[..., _MEDIAN::-1], axis=-1)[..., ::-1]
    above = np.maximum.accumulate(apart[..., _MEDIAN:], axis=-1)
    return np.concatenate([median - below, median + above[..., 1:]], axis=-1)


def at_levels(quantiles: NDArray[np.float64], alpha: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give quantiles at any levels, (..., n_alpha), from those of ``LEVELS``."""
    score = norm.ppf(alpha)
    low = np.clip(np.searchsorted(_SCORES, score, side="right") - 1, 0, len(LEVELS) - 2)
    share = (score - _SCORES[low]) / (_SCORES[low + 1] - _SCORES[low])
    return quantiles[..., low] + share * (quantiles[..., low + 1] - quantiles[..., low])


def normal_scores(
    y: NDArray[np.float64], quantiles: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give how far out values, (...), lie among quantiles of ``LEVELS``, (..., n_levels), and the slope there.

    The slope is that of the quantile function, in the unit of y for a normal score; NaN stays NaN.
    """
    low = np.clip((quantiles <= y[..., None]).sum(axis=-1) - 1, 0, len(LEVELS) - 2)[..., None]
    below, above = (np.take_along_axis(quantiles, at, axis=-1)[..., 0] for at in (low, low + 1))
    least = np.finfo(np.float64).eps * np.abs(quantiles).max(axis=-1) + np.finfo(np.float64).tiny
    slope = np.maximum((above - below) / (_SCORES[low + 1] - _SCORES[low])[..., 0], least)
    return np.clip(_SCORES[low[..., 0]] + (y - below) / slope, -FARTHEST, FARTHEST), slope


class Judgement(NamedTuple):
    """How odd values are, and where they were expected: arrays of the shape of the values, NaN where nothing is told.

    Attributes
    ----------
    surprisal : nats
        Minus the logarithm of the density, in the unit of the values.
    p_value
        Probability of all that is as far out, on either side.
    lower, upper
        Ends of the interval of 90 %.
    """

    surprisal: NDArray[np.float64]
    p_value: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]

    @classmethod
    def of(cls, y: NDArray[np.float64], quantiles: NDArray[np.float64]) -> Judgement:
        """Compare values, (...), with quantiles of ``LEVELS``, (..., n_levels)."""
        score, slope = normal_scores(y, quantiles)
        ends = at_levels(quantiles, np.array([0.05, 0.95]))
        return cls(np.log(slope) - norm.logpdf(score), 2 * norm.sf(np.abs(score)), ends[..., 0], ends[..., 1])


def coverage(y: NDArray[np.float64], quantiles: NDArray[np.float64], alike: Alike) -> dict[str, list[float]]:
    """Give the share of held-out values in their calibrated intervals, for each step, by ``COVERAGES``.

    Each half of the windows is calibrated by the other, as what is still to come will be. Of no window, nothing.
    """
    if len(y) < 2 or np.isnan(y).all(axis=0).any():
        return {}
    halves = np.arange(len(y)) < len(y) // 2, np.arange(len(y)) >= len(y) // 2
    told = np.empty(quantiles.shape)
    for own, other in (halves, halves[::-1]):
        told[own] = widened(quantiles[own], factors_of(y[other], quantiles[other], alike.select(other)))
    there = ~np.isnan(y)
    found = {}
    for name, ends in COVERAGES.items():
        lower, upper = (told[..., LEVELS.index(level)] for level in ends)
        held = (there & (lower <= y) & (y <= upper)).sum(axis=0)
        found[name] = (held / there.sum(axis=0)).tolist()
    return found


def factors_of(y: NDArray[np.float64], quantiles: NDArray[np.float64], alike: Alike) -> NDArray[np.float64]:
    """Give factors of widths, (horizon, n_levels): 1 where nothing was held out, or nothing is proven."""
    apart = quantiles - quantiles[..., _MEDIAN, None]
    missed = (y - quantiles[..., _MEDIAN])[..., None]
    ratios = np.divide(missed, apart, out=np.full(apart.shape, np.nan), where=apart != 0)
    near = [_pooled(y, step) for step in range(y.shape[1])]
    n = np.stack([np.count_nonzero(~np.isnan(ratios[:, steps]), axis=(0, 1)) for steps in near])
    found, unsure = _log_factors(ratios, near), alike.variance(lambda which: _log_factors(ratios[which], near))
    usual = max(float(np.mean(found**2 - _SURELY**2 * unsure)), _USUAL**2)
    return np.exp(found / (1 + _PRIOR / np.maximum(n, 1) + unsure / usual))


def _log_factors(ratios: NDArray[np.float64], near: list[slice]) -> NDArray[np.float64]:
    """Give the logarithms of factors, (horizon, n_levels), for ratios of what was missed by to the width.

    A factor is the Weibull quantile of the ratios of a step and of those near it: of n that are sorted, that at place
    ``(n + 1) p - 1``.
    """
    factors, level = np.ones((len(near), len(LEVELS))), np.arange(len(LEVELS))
    for step, steps in enumerate(near):
        own = np.sort(ratios[:, steps].reshape(-1, len(LEVELS)), axis=0)  # NaN at the end
        if not len(own):
            continue
        n = np.count_nonzero(~np.isnan(own), axis=0)
        place = np.clip((n + 1) * _OUTER - 1, 0, np.maximum(n - 1, 0))
        low = place.astype(np.intp)
        below, above = own[low, level], own[np.minimum(low + 1, np.maximum(n - 1, 0)), level]
        factors[step] = np.where(n > 0, below + (place - low) * (above - below), 1.0)
    factors[:, _MEDIAN] = 1
    return np.log(np.clip(factors, *_LIMITS))


def _pooled(y: NDArray[np.float64], step: int) -> slice:
    """Give the steps about one of which enough values were observed."""
    for reach in range(y.shape[1]):
        near = slice(max(step - reach, 0), step + reach + 1)
        if np.count_nonzero(~np.isnan(y[:, near])) >= _ENOUGH:
            return near
    return slice(None)
