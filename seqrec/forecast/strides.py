"""A series as a network reads it: a season at a stride, each in units of what the series has been doing so far.

Level and scale at an origin come from values up to it, so that series of any size look alike, and nothing is known too
early: the level is the mean of the last season, the scale the mean absolute difference to the season before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrec.forecast.covariates import Covariate
from seqrec.forecast.panel import Panel

_NARROWEST = 8  # values that a stride shows
_LONGEST_STEPWISE = 12  # season up to which each step is a stride
_SEASONS, _FEWEST = 20, 100  # seasons, or steps if these are more, that the scale looks back on
_PRIOR, _PRIOR_SHARE, _LEAST_SHARE = 2.0, 0.05, 1e-4  # differences of 5 % that the scale starts from, and its least
_TINY = float(np.finfo(np.float32).tiny)


class Stretch(NamedTuple):
    """Some steps of n series up to an origin, and as many to come as are wanted.

    Attributes
    ----------
    y : (n, before + after) float64
        NaN where it was not observed, or is not there.
    columns : dict of str to (n, before + after) float64
    static : dict of str to (n,) float64
    before : int
        The origin is the last of so many steps.
    """

    y: NDArray[np.float64]
    columns: dict[str, NDArray[np.float64]]
    static: dict[str, NDArray[np.float64]]
    before: int

    @classmethod
    def of(
        cls, panel: Panel, rows: NDArray[np.intp], origins: NDArray[np.int64], before: int, after: int = 0
    ) -> Stretch:
        """Take series, (n,), about origins, which are places in the flat arrays of a panel of covariates that are read.

        A series of which nothing was observed for so long begins with its last value.
        """
        at = origins[:, None] + np.arange(1 - before, 1 + after)
        ends = panel.stops + panel.n_cut
        there = (at >= panel.starts[rows][:, None]) & (at < ends[rows][:, None])
        at = np.where(there, at, 0)
        y = np.where(there, panel.y[at], np.nan)
        columns = {name: np.where(there, values[at], np.nan) for name, values in panel.columns.items()}
        silent = np.flatnonzero(np.isnan(y[:, :before]).all(axis=1))
        for row in silent:
            past = panel.y[panel.starts[rows[row]] : origins[row] + 1]
            seen = np.flatnonzero(~np.isnan(past))
            y[row, 0] = past[seen[-1]] if len(seen) else np.nan
        return cls(y, columns, {name: values[rows] for name, values in panel.static.items()}, before)

    def with_ahead(self, columns: dict[str, NDArray[np.float64]], m: int) -> Stretch:
        """Have m steps to come, of which columns tell, (n, m) each."""
        missing = np.full((len(self.y), m), np.nan)
        ahead = {name: columns.get(name, missing) for name in self.columns}
        along = {name: np.concatenate([self.columns[name][:, : self.before], ahead[name]], axis=1) for name in ahead}
        return self._replace(y=np.concatenate([self.y[:, : self.before], missing], axis=1), columns=along)

    def followed_by(self, y: NDArray[np.float64], columns: dict[str, NDArray[np.float64]]) -> Stretch:
        """Go on by some steps, (n, m): the last of these is the origin then."""
        m, before = y.shape[1], self.y[:, : self.before]
        along = {name: values[:, m:] for name, values in self.with_ahead(columns, m).columns.items()}
        return self._replace(y=np.concatenate([before, y], axis=1)[:, m:], columns=along)


class Origins(NamedTuple):
    """Places of a stretch after which something is told, (n, k) each, and how the series stands there."""

    at: NDArray[np.intp]
    level: NDArray[np.float64]
    scale: NDArray[np.float64]
    n_observed: NDArray[np.int64]

    def select(self, which: NDArray[np.intp]) -> Origins:
        """Take some of each row, (n, m)."""
        taken: list[NDArray] = [np.take_along_axis(values, which, axis=1) for values in self]
        return Origins(*taken)


@dataclass(frozen=True)
class Strides:
    """How series are read.

    Attributes
    ----------
    season : int
        Steps that are gone back to where a forecast starts from; 1 is the last value.
    seasons : tuple of int
        Steps that values before are shown of.
    known, observed, static : tuples of Covariate
    longest : int
        Strides of a series that are read.
    """

    longest: ClassVar[int] = 32
    season: int
    seasons: tuple[int, ...]
    known: tuple[Covariate, ...] = ()
    observed: tuple[Covariate, ...] = ()
    static: tuple[Covariate, ...] = ()

    @property
    def width(self) -> int:
        """Steps that are shown at each stride."""
        return max(self.season, _NARROWEST)

    @property
    def length(self) -> int:
        """Steps from one stride to the next."""
        return self.season if self.season > _LONGEST_STEPWISE else 1

    @property
    def n_inputs(self) -> int:
        """Numbers of a stride."""
        along = sum(self.width * c.width + (c.values is None) for c in (*self.known, *self.observed))
        return 2 * self.width + 4 + along + sum(c.width for c in self.static)

    @property
    def n_ahead(self) -> int:
        """Numbers of a step to come."""
        return 2 * len(self.seasons) + 2 * sum(c.width for c in self.known)

    def steps(self, n_strides: int) -> int:
        """Give the steps that a stretch has to hold, for so many strides."""
        return n_strides * self.length + max(self._span + self.season, self.width + self.season, *self.seasons)

    def n_strides(self, n_steps: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give the strides that end at the last of so many steps, and are read."""
        return np.clip((n_steps - 1) // self.length + 1, 1, self.longest)

    def origins(self, stretch: Stretch, n_strides: NDArray[np.int64], most: int) -> Origins:
        """Find where strides end, the last at the stretch's origin, (n, most); rows of fewer repeat it at the end."""
        back = np.maximum(n_strides[:, None] - 1 - np.arange(most), 0)
        return self.standing(stretch, stretch.before - 1 - back * self.length)

    def standing(self, stretch: Stretch, at: NDArray[np.intp]) -> Origins:
        """Say how series stand at places, (n, k): level, scale, and how many values were observed."""
        y, season, span = stretch.y, self.season, self._span
        level, n_observed = _latest_mean(y, at, season)
        differences = np.full(y.shape, np.nan)
        differences[:, season:] = np.abs(y[:, season:] - y[:, :-season])
        total, n = _rolling(differences, at, span)
        size, n_sizes = _rolling(np.abs(y), at, span)
        size = np.where(n_sizes > 0, size / np.maximum(n_sizes, 1), np.abs(level))
        total = np.maximum(total, 0)  # a difference of sums, which were rounded
        scale = (total + _PRIOR * _PRIOR_SHARE * size) / (n + _PRIOR) + _LEAST_SHARE * size + _TINY
        return Origins(at, level, scale, n_observed)

    def inputs(self, stretch: Stretch, origins: Origins) -> NDArray[np.float32]:
        """Give what is read at each stride, (n, k, n_inputs)."""
        at, level, scale, n_observed = origins
        shown = at[..., None] + np.arange(1 - self.width, 1)
        y = _taken(stretch.y, shown)
        apart = _units(y - level[..., None], scale)
        changed = _units(y - _taken(stretch.y, shown - self.season), scale)
        ratio = np.log((scale + _TINY) / (np.abs(level) + scale + _TINY)) / 3
        # How much is known: of what is shown, and of the two seasons that it takes to know one.
        share, mature = (~np.isnan(y)).mean(axis=-1), np.minimum(n_observed / (2 * self.season), 1)
        parts = [apart, changed, np.stack([ratio, share, mature, np.minimum(n_observed, 8) / 8], axis=-1)]
        for c in (*self.known, *self.observed):
            center = self._center(c, stretch, origins)
            told = c.features(_taken(stretch.columns[c.name], shown), center[..., None], c.spread)
            parts.append(told.reshape(*at.shape, -1))
            if c.values is None:
                parts.append(c.features(center, c.center, c.scale)[..., :1])
        for c in self.static:
            told = c.features(stretch.static[c.name], c.center, c.scale)
            parts.append(np.broadcast_to(told[:, None], (*at.shape, c.width)))
        return np.concatenate(parts, axis=-1, dtype=np.float32)

    def ahead(self, stretch: Stretch, origins: Origins, horizon: int) -> tuple[NDArray[np.float32], NDArray]:
        """Give what is known of each step to come, (n, k, horizon, n_ahead), and where forecasts of it start from.

        That is the value of a season before, or the level, where this was not observed: (n, k, horizon).
        """
        at, level, scale, _ = origins
        steps = np.arange(1, horizon + 1)
        parts = []
        for season in self.seasons:
            before = _taken(stretch.y, at[..., None] + _season_before(steps, season))
            parts.append(np.stack([_units(before - level[..., None], scale), np.isnan(before)], axis=-1))
        start = _season_before(steps, self.season)
        for c in self.known:
            center = self._center(c, stretch, origins)[..., None]
            for place in (steps, start):
                x = _taken(stretch.columns[c.name], at[..., None] + place)
                parts.append(c.features(x, center, c.spread))
        anchor = _taken(stretch.y, at[..., None] + start)
        anchor = np.where(np.isnan(anchor), level[..., None], anchor)
        return np.concatenate(parts, axis=-1, dtype=np.float32), anchor

    @property
    def _span(self) -> int:
        return max(_SEASONS * self.season, _FEWEST)

    def _center(self, covariate: Covariate, stretch: Stretch, origins: Origins) -> NDArray[np.float64]:
        """Give the mean of a column so far, (n, k)."""
        total, n = _rolling(stretch.columns[covariate.name], origins.at, self._span)
        return np.where(n > 0, total / np.maximum(n, 1), covariate.center)


def _season_before(steps: NDArray[np.int64], season: int) -> NDArray[np.int64]:
    """Give the latest steps, up to 0, at the same places of a season."""
    return steps - season * -(-steps // season)


def _units(differences: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give differences in units of the scale, large ones by their logarithm, and 0 for what is not known."""
    return np.nan_to_num(np.arcsinh(np.clip(differences / scale[..., None], -1e12, 1e12)))


def _taken(values: NDArray[np.float64], at: NDArray[np.intp]) -> NDArray[np.float64]:
    """Give values (n, n_steps) at places (n, ...)."""
    flat = at.reshape(len(at), -1)
    return np.take_along_axis(values, flat, axis=1).reshape(at.shape)


def _rolling(
    values: NDArray[np.float64], at: NDArray[np.intp], span: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Give the sum of what was observed of the last `span` steps up to places, (n, k), and its number."""
    there = ~np.isnan(values)
    first = np.maximum(at + 1 - span, 0)

    def total(of: NDArray) -> NDArray:
        so_far = np.pad(np.cumsum(of, axis=1), ((0, 0), (1, 0)))
        return np.take_along_axis(so_far, at + 1, axis=1) - np.take_along_axis(so_far, first, axis=1)

    return total(np.where(there, values, 0.0)), total(there.astype(np.int64))


def _latest_mean(y: NDArray[np.float64], at: NDArray[np.intp], n: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Give the mean of the last n observed values up to places, (n, k), 0 if none was, and how many were before."""
    row, column = np.nonzero(~np.isnan(y))
    rank = np.cumsum(~np.isnan(y), axis=1)
    packed = np.zeros((len(y), y.shape[1] + 1))
    packed[row, rank[row, column]] = y[row, column]
    so_far = np.cumsum(packed, axis=1)
    last = np.take_along_axis(rank, at, axis=1)
    first = np.maximum(last - n, 0)
    total = np.take_along_axis(so_far, last, axis=1) - np.take_along_axis(so_far, first, axis=1)
    return total / np.maximum(last - first, 1), last
