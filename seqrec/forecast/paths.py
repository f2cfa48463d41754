"""Paths drawn from quantiles: each step has its own distribution, and normal scores say how the steps hang together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

_FARTHEST = 3.5  # normal scores; beyond lies one value in 2,000 of each tail
_SCORES = np.linspace(-_FARTHEST, _FARTHEST, 57)
LEVELS = norm.cdf(_SCORES)  # of the quantiles that paths are drawn from


def drawn(quantiles: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the values that lie as far out as normal scores do, by a Gaussian copula.

    Parameters
    ----------
    quantiles : (n_series, horizon, n_levels) float64
        Of ``LEVELS``.
    scores : (n_series, n, horizon) float64
        Standard normal at each step.

    Returns
    -------
    paths : (n_series, n, horizon) float64
    """
    place = (np.clip(scores, -_FARTHEST, _FARTHEST) + _FARTHEST) / (_SCORES[1] - _SCORES[0])
    low = np.minimum(place.astype(np.int64), len(_SCORES) - 2)
    series, step = np.arange(len(scores))[:, None, None], np.arange(scores.shape[2])
    below, above = quantiles[series, step, low], quantiles[series, step, low + 1]
    return below + (place - low) * (above - below)
