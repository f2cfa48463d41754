"""Paths drawn from quantiles: each step has its own distribution, and normal scores say how the steps hang together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

_FARTHEST = 3.5  # normal scores; beyond lies one value in 2,000 of each tail
_SCORES = np.linspace(-_FARTHEST, _FARTHEST, 57)
LEVELS = norm.cdf(_SCORES)  # of the quantiles that paths are drawn from


class Draws:
    """Random numbers of each series' own: those of a seed and the series' id, whatever series are asked beside it.

    Parameters
    ----------
    seed : int
    keys : (n_series,) ndarray
        Ids.
    """

    def __init__(self, seed: int, keys: NDArray) -> None:
        numbers = pd.util.hash_array(keys, categorize=False)
        self._generators = [np.random.default_rng([seed, int(number)]) for number in numbers]

    def standard_normal(self, size: tuple[int, ...]) -> NDArray[np.float64]:
        """Draw standard normal numbers, of the shape (n_series, ...)."""
        return self._drawn(size, lambda generator: generator.standard_normal(size[1:]))

    def random(self, size: tuple[int, ...]) -> NDArray[np.float64]:
        """Draw numbers in [0, 1), of the shape (n_series, ...)."""
        return self._drawn(size, lambda generator: generator.random(size[1:]))

    def integers(self, n: int, size: tuple[int, ...]) -> NDArray[np.int64]:
        """Draw integers below n, of the shape (n_series, ...)."""
        return self._drawn(size, lambda generator: generator.integers(n, size=size[1:])).astype(np.int64)

    def _drawn(self, size: tuple[int, ...], draw: Any) -> NDArray:
        return np.stack([draw(generator) for generator in self._generators]).reshape(size)


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
