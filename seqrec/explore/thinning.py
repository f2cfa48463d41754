"""Long series as a screen can show them: the extremes of neighbours, some places of many, runs of the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def thinned(values: NDArray[np.float64], most: int) -> tuple[float, NDArray[np.float64]]:
    """Give values as they are, or the lowest and highest of neighbours in turn, and how many steps lie between two.

    Examples
    --------
    >>> thinned(np.array([1.0, 5.0, 3.0]), most=3)[0]
    1.0
    >>> every, some = thinned(np.array([1.0, 5.0, np.nan, 2.0, np.nan]), most=4)
    >>> every, some.tolist()
    (1.5, [1.0, 5.0, 2.0, 2.0])
    """
    if len(values) <= most:
        return 1.0, values
    width = -(-2 * len(values) // most)
    starts = np.arange(0, len(values), width)
    return width / 2, np.stack([np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts)], axis=1).ravel()


def places(n: int, most: int) -> NDArray[np.intp]:
    """Give `most` places at most among n, evenly, with the first and the last."""
    return np.unique(np.rint(np.linspace(0, n - 1, min(n, most))).astype(np.intp)) if n else np.zeros(0, np.intp)


def runs(values: NDArray) -> NDArray[np.intp]:
    """Give where runs of the same value begin."""
    same = np.array([a == b for a, b in zip(values[1:], values[:-1], strict=False)], bool)
    return np.concatenate([[0], np.flatnonzero(~same) + 1]).astype(np.intp)[: len(values)]
