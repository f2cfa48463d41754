"""After how many steps series repeat: from their step, or from their autocorrelation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

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
_LEVEL = 0.01  # of the test
_STRENGTH = 0.2  # autocorrelation that matters, however sure it is


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


def _from_autocorrelation(panel: Panel) -> tuple[int, ...]:
    """Find the lag at which the differences of the series are most alike, and a multiple of it that is better still.

    A lag counts where the mean autocorrelation of the series has a peak of .2 or more, and beyond what chance gives a
    single series, by Bartlett's standard error, at the level of 1 % for all lags together.
    """
    n = int(np.median(panel.lengths))
    longest = min(_LONGEST, n // _N_SEASONS)
    if longest < 2:
        return ()
    r, n_lags = _autocorrelation(panel, longest), longest - 1
    error = np.sqrt((1 + 2 * np.concatenate([[0.0], np.cumsum(r[1:-2] ** 2)])) / n)  # of lags 1, 2, ...
    strength = np.concatenate([[0.0], r[1:-1] / error])
    inner = np.arange(2, longest + 1)
    peaks = inner[(r[inner] > r[inner - 1]) & (r[inner] >= r[inner + 1])]
    peaks = peaks[(strength[peaks] > norm.ppf(1 - _LEVEL / n_lags)) & (r[peaks] > _STRENGTH)]
    if not len(peaks):
        return ()
    shortest = _first(peaks, r, 0.7)
    multiples = peaks[(peaks % shortest == 0) & (peaks > shortest)]
    better = multiples[r[multiples] > r[shortest] + norm.ppf(1 - _LEVEL / n_lags) / np.sqrt(n)]
    return (shortest, _first(better, r, 0.9)) if len(better) else (shortest,)


def _first(lags: NDArray[np.int64], r: NDArray[np.float64], share: float) -> int:
    """Give the first lag that is almost as strong as the strongest."""
    return int(lags[r[lags] >= share * r[lags].max()][0])


def _autocorrelation(panel: Panel, longest: int) -> NDArray[np.float64]:
    """Give the mean autocorrelation of the series' differences, for lags from 0 to one beyond the longest."""
    differences = np.diff(panel.latest(min(_N_LATEST, int(panel.lengths.max()))), axis=1)
    there = ~np.isnan(differences)
    spread = np.sqrt(np.where(there, differences**2, 0).sum(axis=1) / np.maximum(there.sum(axis=1), 1))
    z = np.where(there, differences, 0)[spread > 0] / spread[spread > 0, None]
    size = 2 ** int(np.ceil(np.log2(2 * differences.shape[1] + 1)))
    alike, pairs = (
        np.fft.irfft((np.abs(np.fft.rfft(each, size, axis=1)) ** 2).sum(axis=0), size)[: longest + 2]
        for each in (z, there[spread > 0].astype(np.float64))
    )
    return alike / np.maximum(pairs, 1)
