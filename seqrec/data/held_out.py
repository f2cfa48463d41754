"""Which rows are held out from training: a like share of each group, and never all of one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def held_out(
    groups: NDArray, share: float, rng: np.random.Generator, n_times: int = 1, at_least: int = 0
) -> NDArray[np.bool_]:
    """Choose rows to hold out.

    Parameters
    ----------
    groups : (n,) array
    share : float
        Of the rows of each group, rounded.
    rng : numpy.random.Generator
    n_times : int
        How often it is done, with other rows each time as long as there are some.
    at_least : int
        Rows of a group that are held out at least, where it has more.

    Returns
    -------
    held_out : (n, n_times) bool
        Of each group, one row is left at least.
    """
    chosen = np.zeros((len(groups), n_times), bool)
    for group in np.unique(groups):
        rows = rng.permutation(np.flatnonzero(groups == group))
        n = min(max(round(share * len(rows)), at_least), len(rows) - 1)
        for time in range(n_times):
            chosen[rows[np.arange(time * n, (time + 1) * n) % len(rows)], time] = True
    return chosen
