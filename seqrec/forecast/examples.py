"""What a network learns from, and what it is judged by: stretches of series, and the last steps of some."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from seqrec.exceptions import InputError
from seqrec.forecast.panel import Panel
from seqrec.forecast.shares import FARTHEST
from seqrec.forecast.strides import Origins, Stretch, Strides
from seqrec.forecast.windows import scales

BATCH = 64  # stretches
_N_WINDOWS = 1_500  # that are held out
_N_SERIES = 500  # that they are of, at most
_TIMES = 8  # that a value is told of by the origins of a stretch, about: neighbours would tell the same
_STEPS = 48  # to come that are told after a stride, on average, at most: they take most of the time
_LARGEST_SHARE, _OF_FEW = 3, 5  # a third of a series for one window, a fifth for several
_WEIGHTS = (0.1, 10.0)  # of an example: least and most
_YOUNG = 0.1  # weight of a series of which less than two seasons were seen


class Examples:
    """Draws batches of stretches of series, as `QuantileModel.loss_of` takes them.

    Each series is drawn as often, at any phase of the season, and weighs as MASE would have it.

    Parameters
    ----------
    panel : Panel
        Whose covariates were read.
    strides : Strides
    horizon : int
    ends : (n_series,) int64
        The place in the flat arrays from where on nothing may be seen.
    rng : numpy.random.Generator
    """

    def __init__(
        self, panel: Panel, strides: Strides, horizon: int, ends: NDArray[np.int64], rng: np.random.Generator
    ) -> None:
        self._panel, self._strides, self._horizon, self._ends, self._rng = panel, strides, horizon, ends, rng
        seen = replace(panel, stops=ends)
        self._scales = scales(seen, strides.season)
        self._rows = np.flatnonzero((seen.n_observed > 1) & (seen.lengths > 1))
        if not len(self._rows):
            raise InputError("no series has two values to learn from. Pass longer ones.")

    def draw(self) -> tuple[NDArray[np.float32], ...]:
        """Give inputs, what is known ahead, targets and their weights."""
        strides, rows = self._strides, self._rng.choice(self._rows, BATCH)
        first, last = self._panel.starts[rows], self._last(rows)
        n_strides = strides.n_strides(last - first + 1)
        most = int(n_strides.max())
        stretch = Stretch.of(self._panel, rows, last, strides.steps(most), self._horizon)
        origins = strides.origins(stretch, n_strides, most)
        ahead, anchor = strides.ahead(stretch, origins, self._horizon)
        targets = (self._following(stretch, origins, self._ends[rows] - last) - anchor) / origins.scale[..., None]
        weights = self._weights(origins, rows) * (np.arange(most) < n_strides[:, None]) * self._chosen(n_strides, most)
        there = ~np.isnan(targets)
        targets = np.clip(np.nan_to_num(targets), -FARTHEST, FARTHEST)
        told = (targets, weights[..., None] * there)
        return strides.inputs(stretch, origins), ahead, *(values.astype(np.float32) for values in told)

    def _last(self, rows: NDArray[np.intp]) -> NDArray[np.int64]:
        """Draw the last origins of stretches, which are as long as they can be."""
        first, last = self._panel.starts[rows], self._ends[rows] - 2
        spare = last - first - (self._strides.longest - 1) * self._strides.length
        n = np.minimum(np.maximum(spare, self._strides.length - 1), last - first) + 1
        return last - (self._rng.random(len(rows)) * n).astype(np.int64)

    def _chosen(self, n_strides: NDArray[np.int64], most: int) -> NDArray[np.bool_]:
        """Choose after which strides something is told, the last one among them, (n, most)."""
        share = min(_TIMES * self._strides.length, _STEPS) / self._horizon
        chosen = self._rng.random((len(n_strides), most)) < share
        chosen[np.arange(len(n_strides)), n_strides - 1] = True
        return chosen

    def _following(self, stretch: Stretch, origins: Origins, n_seen: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give what came after each origin, (n, k, horizon); nothing of what may not be seen."""
        at = origins.at[..., None] + np.arange(1, self._horizon + 1)
        y = np.take_along_axis(stretch.y, at.reshape(len(at), -1), axis=1).reshape(at.shape)
        return np.where(at < (stretch.before - 1 + n_seen)[:, None, None], y, np.nan)

    def _weights(self, origins: Origins, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Weigh origins, (n, k), by their scale in that of the series; little where little was seen so far."""
        relative = origins.scale / self._scales[rows][:, None]
        weights = np.clip(np.nan_to_num(relative, nan=1.0), *_WEIGHTS)
        young = origins.n_observed < 2 * self._strides.season
        return np.where(young, _YOUNG, 1.0) * weights * (origins.n_observed > 0)


def hold_out(
    panel: Panel, horizon: int, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.int64]]:
    """Choose windows to judge by, at the ends of series.

    Returns
    -------
    rows : (n_windows,) int
        Series.
    origins : (n_windows,) int64
        Places of the last steps before the windows, in the flat arrays.
    ends : (n_series,) int64
        Where the windows of each series begin: what comes there is not learned.
    """
    chosen = np.sort(rng.permutation(len(panel))[:_N_SERIES])
    n_each = max(1, round(_N_WINDOWS / len(chosen)))
    rows, origins, ends = [], [], panel.stops.copy()
    for row in chosen[panel.lengths[chosen] >= _LARGEST_SHARE]:
        length = panel.lengths[row]
        least = min(horizon, length // _LARGEST_SHARE)
        most = max(least, length // _OF_FEW) if n_each > 1 else least
        back = np.unique(np.linspace(most, least, n_each).astype(np.int64))[::-1]
        ends[row] -= most
        rows.append(np.full(len(back), row))
        origins.append(panel.stops[row] - 1 - back)
    if not rows:
        return np.zeros(0, np.intp), np.zeros(0, np.int64), ends
    return np.concatenate(rows), np.concatenate(origins), ends


def after(
    panel: Panel, rows: NDArray[np.intp], origins: NDArray[np.int64], horizon: int, values: NDArray
) -> NDArray[np.float64]:
    """Give the steps after origins, (n, horizon), NaN beyond the end of the series."""
    at = origins[:, None] + np.arange(1, horizon + 1)
    there = at < panel.stops[rows][:, None]
    return np.where(there, values[np.where(there, at, 0)], np.nan)
