"""Columns beside the target as numbers that a network can read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrec.data.missing import is_missing
from seqrec.data.vocabulary import N_RESERVED, Vocabulary, vocabulary
from seqrec.exceptions import InputError
from seqrec.forecast.panel import Panel
from seqrec.storage.schemas import ABOVE_ZERO, Optional

_MOST = 30  # values of a column of text that have a code of their own, the most frequent ones
_FARTHEST = 10.0  # a number is read as at most so many spreads from the middle


class Covariate(NamedTuple):
    """A column of numbers or of text, and how it is read.

    Attributes
    ----------
    name : str
    values : Vocabulary or None
        Of text, those that have a code; the others, and what is missing, share one. None for numbers.
    logarithmic : bool
        Whether numbers are read by their logarithm, as those that are all above 0 are.
    center, scale : float
        Median and spread of the numbers over all series.
    spread : float
        Of the numbers about the mean of their own series.
    """

    name: str
    values: Annotated[Vocabulary | None, Optional(vocabulary())]
    logarithmic: bool
    center: float
    scale: Annotated[float, ABOVE_ZERO]
    spread: Annotated[float, ABOVE_ZERO]

    @classmethod
    def learn(cls, name: str, values: NDArray, series: NDArray[np.intp]) -> Covariate:
        """Look at a column, (n,), and at whose each of its values is."""
        there = ~is_missing(values)
        if values.dtype.kind != "f" and there.any():
            frequent = pd.Series(values[there].astype(str)).value_counts().index[:_MOST]
            return cls(name, Vocabulary(frequent.sort_values().to_numpy(dtype=object)), False, 0.0, 1.0, 1.0)
        x, series = values[there].astype(np.float64), series[there]
        if not len(x):
            return cls(name, None, False, 0.0, 1.0, 1.0)
        logarithmic = bool((x > 0).all())
        x = np.log(x) if logarithmic else x
        means = np.bincount(series, x) / np.maximum(np.bincount(series), 1)
        center, scale, spread = float(np.median(x)), float(x.std()), float((x - means[series]).std())
        least = 1e-6 * abs(center)
        return cls(name, None, logarithmic, center, *(one if one > least else 1.0 for one in (scale, spread)))

    @property
    def width(self) -> int:
        """Number of features of a value."""
        return 2 if self.values is None else len(self.values) + 1

    def read(self, values: NDArray) -> NDArray[np.float64]:
        """Give numbers, or their logarithms, NaN where missing; of text, the place among `values`, or -1."""
        missing = is_missing(values)
        if self.values is not None:
            place = np.full(len(values), -1.0)
            place[~missing] = np.maximum(self.values.encode(values[~missing].astype(str)) - N_RESERVED, -1)
            return place
        if values.dtype.kind != "f" and not missing.all():
            raise InputError(f"column {self.name!r} held numbers when the forecaster was fitted, and holds text now.")
        x = np.where(missing, np.nan, values).astype(np.float64)
        if not self.logarithmic:
            return x
        lowest = np.exp(self.center - _FARTHEST * self.scale)
        return np.log(np.maximum(x, lowest))

    def features(self, x: NDArray[np.float64], center: NDArray | float, spread: float) -> NDArray[np.float64]:
        """Give the features of what `read` gave, (..., width): a number about a center, or which value it is."""
        if self.values is not None:
            return (x[..., None] == np.arange(-1, len(self.values))).astype(np.float64)
        missing = np.isnan(x)
        apart = np.clip((x - center) / spread, -_FARTHEST, _FARTHEST)
        return np.stack([np.where(missing, 0.0, apart), missing.astype(np.float64)], axis=-1)


def learn(panel: Panel, along: Sequence[str], static: Sequence[str]) -> tuple[Covariate, ...]:
    """Look at columns of a panel that change with time, and at those that do not, in this order."""
    series = np.repeat(np.arange(len(panel)), panel.lengths)
    changing = [Covariate.learn(name, panel.columns[name], series) for name in along]
    return (*changing, *(Covariate.learn(name, panel.static[name], np.arange(len(panel))) for name in static))


def read(panel: Panel, covariates: Sequence[Covariate]) -> Panel:
    """Give a panel whose columns are numbers."""
    columns, static = ({c.name: c.read(of[c.name]) for c in covariates if c.name in of} for of in _columns(panel))
    return replace(panel, columns=columns, static=static)


def _columns(panel: Panel) -> tuple:
    return panel.columns, panel.static
