"""How sure is a figure? The bootstrap over sequences."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from seqrec._checks import check_integer
from seqrec.data.alignment import check_beside
from seqrec.exceptions import InputError

__all__ = ["Interval", "bootstrap_difference", "bootstrap_interval"]


class Interval(NamedTuple):
    """An estimate between the ends of its confidence interval."""

    estimate: float
    low: float
    high: float


def bootstrap_interval(
    values: ArrayLike,
    *,
    level: float = 0.95,
    n_resamples: int = 2000,
    random_state: int | np.random.RandomState | None = None,
) -> Interval:
    """Mean of one number per sequence, with its percentile bootstrap interval.

    Parameters
    ----------
    values : (n,) floating array
        One number per sequence, as `ndcg` and its like give.
    level : float
        Probability that the interval aims to hold.
    n_resamples : int
        How often the sequences are drawn again, with replacement.
    random_state : int, RandomState or None
        Seeds the draws.

    References
    ----------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, section 13.3.

    Examples
    --------
    >>> estimate, low, high = bootstrap_interval([0, 0, 1, 1], random_state=0)
    >>> estimate, low <= estimate <= high
    (0.5, True)
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise InputError(f"expected a finite number for each of n >= 1 sequences, got an array {values.shape}")
    if not 0 < level < 1:
        raise InputError(f"level must lie between 0 and 1, got {level!r}")
    check_integer(n_resamples, "n_resamples")
    low, high = np.quantile(_resampled_means(values, n_resamples, random_state), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(values.mean()), float(low), float(high))


def bootstrap_difference(
    values_a: ArrayLike,
    values_b: ArrayLike,
    *,
    level: float = 0.95,
    n_resamples: int = 2000,
    random_state: int | np.random.RandomState | None = None,
) -> Interval:
    """Mean of ``values_a - values_b`` on the same sequences, with its interval: a is better where `low` > 0.

    The pairs are kept together, so what makes a sequence easy or hard for both models cancels out.
    Parameters are those of `bootstrap_interval`.
    """
    check_beside(values_a=values_a, values_b=values_b)
    values_a, values_b = np.asarray(values_a, dtype=np.float64), np.asarray(values_b, dtype=np.float64)
    if values_a.shape != values_b.shape:
        raise InputError(
            f"the two models were judged on {len(values_a)} and {len(values_b)} sequences, not on the same"
        )
    return bootstrap_interval(values_a - values_b, level=level, n_resamples=n_resamples, random_state=random_state)


def _resampled_means(values: NDArray, n_resamples: int, random_state: int | np.random.RandomState | None) -> NDArray:
    rng = check_random_state(random_state)
    rows = max(1, 2**21 // len(values))  # a few resamples at a time: 16 MB of indices, whatever n is
    sizes = [min(rows, n_resamples - start) for start in range(0, n_resamples, rows)]
    draws = (rng.randint(len(values), size=(size, len(values))) for size in sizes)
    return np.concatenate([values[draw].mean(axis=1) for draw in draws])
