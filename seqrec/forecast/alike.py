"""How much held-out windows prove: those of a series are alike, and so are those of a time that all went through.

References
----------
Cameron, Gelbach & Miller (2011), "Robust inference with multiway clustering"; here the larger of the two errors, which
is never negative. Shao & Tu (1995), "The jackknife and bootstrap", section 2.3: groups are left out, as quantiles ask.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_MOST_GROUPS = 10  # that are left out in turn


class Alike(NamedTuple):
    """Which held-out windows tell the same: (n,) int each."""

    series: NDArray[np.intp]
    time: NDArray[np.intp]

    @classmethod
    def of(cls, series: NDArray[np.intp], back: NDArray[np.int64], horizon: int) -> Alike:
        """Take windows of some series that begin so many steps before the end of these."""
        return cls(*(np.unique(each, return_inverse=True)[1] for each in (series, back // horizon)))

    def select(self, which: NDArray) -> Alike:
        """Give some of the windows."""
        return Alike(self.series[which], self.time[which])

    def standard_error(self, values: NDArray[np.float64]) -> float:
        """Give the standard error of the mean of a value for each window, (n,): infinite where all are alike."""
        return max((_clustered(values - values.mean(), groups) for groups in self._told), default=np.inf)

    def variance(self, statistic: Callable[[NDArray[np.bool_]], NDArray[np.float64]]) -> NDArray[np.float64] | float:
        """Give the variance of a statistic of the windows that it is told to look at: infinite where all are alike."""
        return np.max([_left_out(statistic, groups) for groups in self._told] or np.inf, axis=0)

    @property
    def _told(self) -> list[NDArray[np.intp]]:
        """Give the two ways to group windows, where there is more than one group."""
        return [groups for groups in self if len(groups) and np.ptp(groups)]


def _clustered(apart: NDArray[np.float64], groups: NDArray[np.intp]) -> float:
    total = np.bincount(groups, apart)
    total = total[np.bincount(groups) > 0]
    return float(np.sqrt((total**2).sum() * len(total) / (len(total) - 1)) / len(apart))


def _left_out(statistic: Callable[[NDArray[np.bool_]], NDArray], groups: NDArray[np.intp]) -> NDArray[np.float64]:
    _, groups = np.unique(groups, return_inverse=True)
    groups = groups * min(_MOST_GROUPS, n := groups.max() + 1) // n
    found = np.stack([statistic(groups != each) for each in np.unique(groups)])
    return (len(found) - 1) * found.var(axis=0)
