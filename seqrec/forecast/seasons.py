"""After how many steps series repeat: from their step, or from their autocorrelation."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f

from seqrec.data.steps import DAY, Step
from seqrec.forecast.panel import Panel

_OF_STEP = {  # where a step is longer than a day, or of a calendar
    Step("workday", 1): 5,
    Step("span", 7 * DAY): 52,
    Step("month", 1): 12,
    Step("month", 3): 4,
    Step("month", 6): 2,
}
_N_SEASONS = 2  # that a series has to hold
_LONGEST = 400  # steps, among which a season is looked for
_N_LATEST = 4_000  # steps of a series that are looked at
_N_SERIES = 1_000  # that are looked at
_LEVEL = 0.001  # of the test, for all lengths together
_ALMOST = 0.75  # of the share of a multiple, which tells that a season is the same as it
_SEASON_OF_SEASONS = 4  # seasons that a longer one holds at least, if both are told
_FARTHEST = 4.0  # usual differences: so far out each is as odd
_LEAST = 1e-9  # spread of differences: below it is rounding
_TAKEN = 4  # differences that tell nothing, as the mean and the background are taken from them
_WIDTH = 0.25  # of a band of frequencies, as a share of the lowest in it,
_FREQUENCIES = 8  # of which it holds at least so many


def season_lengths(panel: Panel) -> tuple[int, ...]:
    """Give the lengths of a panel's seasons in steps, the shortest first; most series hold two of the longest."""
    step = panel.calendar.step
    if step is None:
        return _from_autocorrelation(panel)
    if step in _OF_STEP:
        found = [_OF_STEP[step]]
    else:
        spans = [DAY, 7 * DAY] if step.unit == "span" else []
        found = [span // step.n for span in spans if span % step.n == 0 and span > step.n]
    return tuple(season for season in found if _N_SEASONS * season <= np.median(panel.lengths))


class _Shares(NamedTuple):
    """What share of the variance each length of a season explains; all arrays by length, from 0 on.

    Attributes
    ----------
    pairs : (n_lengths,) float64
        Of values that lie any number of seasons apart; at 0, the number of values.
    alike : (n_lengths,) float64
        The sum of their products: divided by `pairs`, the share.
    n : float
        Values that tell something: those that are not 0, but for a few.
    """

    pairs: NDArray[np.float64]
    alike: NDArray[np.float64]
    n: float

    def strongest(self, lengths: NDArray[np.int64], beside: int = 1) -> int:
        """Give the length that surely explains most, beyond what a season that it is a multiple of does; or 0.

        That is the one whose share lies farthest above the critical value of an analysis of variance, by F; or a part
        of it that explains almost as much.
        """
        if not len(lengths):
            return 0
        before = self.alike[beside] / max(self.pairs[beside], 1)
        share = (self.alike[lengths] / self.pairs[lengths] - before) / max(1 - before, np.finfo(np.float64).eps)
        n_seasons = 1 + 2 * self.pairs[lengths] / self.pairs[0]
        excess = share - _critical(lengths - beside, self.n - lengths, n_seasons)
        best = excess.argmax()
        alike = (lengths[best] % lengths == 0) & (excess > 0) & (share >= _ALMOST * share[best])
        return int(lengths[alike][0]) if alike.any() else 0

    def inside(self, length: int) -> int:
        """Give the part of a season by which its own course repeats, or 0."""
        parts = np.arange(2, length // _SEASON_OF_SEASONS + 1)
        parts = parts[length % parts == 0]
        if not len(parts):
            return 0
        pairs, alike = (values[parts] - values[length] for values in (self.pairs, self.alike))
        share = alike / pairs * self.pairs[length] / self.alike[length]
        excess = share - _critical(parts - 1, length - parts, length / parts)
        return int(parts[excess.argmax()]) if excess.max() > 0 else 0


def _from_autocorrelation(panel: Panel) -> tuple[int, ...]:
    """Find the season that explains most of the changes of the series, and a longer or shorter one beside it.

    What a season explains is the mean autocorrelation at all of its multiples: the intraclass correlation of values at
    the same place. It counts where it is beyond what chance gives a single series.

    References
    ----------
    Snedecor & Cochran (1989), "Statistical methods", 8th edition, section 13.5, for the intraclass correlation.
    """
    longest = min(_LONGEST, int(np.median(panel.lengths)) // _N_SEASONS)
    if longest < 2 or (shares := _shares(panel, longest)) is None:
        return ()
    season = shares.strongest(np.arange(2, longest + 1))
    if not season:
        return ()
    if longer := shares.strongest(np.arange(2 * season, longest + 1, season), season):
        return (season, longer) if longer >= _SEASON_OF_SEASONS * season else (longer,)
    return (shorter, season) if (shorter := shares.inside(season)) else (season,)


def _critical(n_explained: NDArray, n_left: NDArray, n_seasons: NDArray | float) -> NDArray[np.float64]:
    """Give the share that as many means explain by chance at most, all together."""
    ratio = np.asarray(f.ppf(1 - _LEVEL / len(n_explained), n_explained, np.maximum(n_left, 1)))
    return (ratio - 1) / (ratio - 1 + n_seasons)


def _shares(panel: Panel, longest: int) -> _Shares | None:
    """Look at the differences of the series, made noise but for their seasons; None where nothing changes."""
    z, there, n = _differences(panel)
    if not len(z):
        return None
    n_steps = z.shape[1]
    size = 2 ** int(np.ceil(np.log2(2 * n_steps)))
    power, of_pairs = ((np.abs(np.fft.rfft(each, size, axis=1)) ** 2).mean(axis=0) for each in (z, there))
    pairs = np.fft.irfft(of_pairs, size)[:n_steps]
    alike = np.fft.irfft(power / _background(power, size / n_steps), size)[:n_steps]
    alike *= pairs[0] / alike[0]
    totals = [[values[0], 0.0, *(values[lag::lag].sum() for lag in range(2, longest + 1))] for values in (pairs, alike)]
    return _Shares(np.array(totals[0]), np.array(totals[1]), n)


def _differences(panel: Panel) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Give differences of series, (n, n_steps), on one scale, 0 where missing; which are there; and how many tell."""
    some = panel.select(np.arange(len(panel))[:: -(-len(panel) // _N_SERIES)])
    d = np.diff(some.latest(min(_N_LATEST, int(panel.lengths.max()))), axis=1)
    size = np.where(d == 0, np.nan, np.abs(d))
    n_told = (~np.isnan(size)).sum(axis=1)
    d, size, n_told = d[n_told > 0], size[n_told > 0], n_told[n_told > 0]
    d = np.clip(d / np.nanmedian(size, axis=1, keepdims=True), -_FARTHEST, _FARTHEST) if len(d) else d
    there = ~np.isnan(d)
    n = there.sum(axis=1, keepdims=True)
    z = np.where(there, d - np.where(there, d, 0).sum(axis=1, keepdims=True) / n, 0)
    spread = np.sqrt((z**2).sum(axis=1, keepdims=True) / n)
    changes = spread[:, 0] > _LEAST
    z, there = z[changes] / spread[changes], there[changes].astype(np.float64)
    return z, there, n_told[changes].mean() - _TAKEN if len(z) else 0.0


def _background(power: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """Give a smooth spectrum without lines: medians of bands, on a line in between; `width` is that of a frequency."""
    edges = [1]
    while edges[-1] < len(power):
        edges.append(edges[-1] + int(max(edges[-1] * _WIDTH, _FREQUENCIES * width)))
    edges = [*edges[: max(len(edges) - 2, 1)], len(power)]  # the last band may be wider, and none is short
    middle = [(first + last - 1) / 2 for first, last in pairwise(edges)]
    usual = [np.median(power[first:last]) for first, last in pairwise(edges)]
    level = np.log(np.array(usual) + np.finfo(np.float64).eps * power.mean())
    return np.exp(np.interp(np.log(np.maximum(np.arange(len(power)), 1)), np.log(middle), level))
