"""What numbers of a column look like, so that drawn ones look alike: whole, or with cents, and in which range."""

from __future__ import annotations

from typing import Annotated, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seqrec.storage.schemas import Integer

_COARSEST, _FINEST = -3, 6  # thousands, millionths
_ALMOST_ALL = 0.99
_TOLD = 6  # different numbers that are all multiples of ten: one time in a million by chance
_BEYOND_INTEGERS = 2.0**63


class NumberForm(NamedTuple):
    """What numbers of a column look like.

    Attributes
    ----------
    decimals : int or None
        Places after the point, below 0 for multiples of ten; None where almost any number may come.
    integer : bool
        Whether the numbers are held as integers.
    low, high : float
        The least and the greatest.

    Examples
    --------
    >>> form = NumberForm.learn(np.array([0.99, 12.5, 3.25]))
    >>> form
    NumberForm(decimals=2, integer=False, low=0.99, high=12.5)
    >>> form.apply(np.array([1 / 3, 5.678, 99.0])).tolist()
    [0.99, 5.68, 12.5]
    """

    decimals: Annotated[int, Integer(_COARSEST, _FINEST)] | None
    integer: bool
    low: float
    high: float

    def check_sound(self) -> None:
        """Raise ValueError where no number could come."""
        if self.low > self.high:
            raise ValueError("its least number is above the greatest.")

    @classmethod
    def learn(cls, values: NDArray) -> Self:
        """Look at the numbers of a column, (n_events,), of which some may be NaN.

        One in a hundred may have more decimals than the others.
        """
        there = values[np.isfinite(values)]
        if not len(there):
            return cls(None, False, 0.0, 0.0)
        return cls(_decimals(there), values.dtype.kind in "iu", float(there.min()), float(there.max()))

    def apply(self, values: NDArray[np.floating]) -> NDArray:
        """Give the nearest number of this form to each value, int64 or float64; NaN stays among floats."""
        near = np.clip(np.asarray(values, np.float64), self.low, self.high)
        near = near if self.decimals is None else np.round(near, self.decimals)
        if not self.integer:
            return near + 0.0  # no -0
        near = np.nan_to_num(near, nan=self.low)  # training had no missing one, so a drawn one is hardly ever missing
        return np.clip(near, -_BEYOND_INTEGERS, np.nextafter(_BEYOND_INTEGERS, 0)).astype(np.int64)


def _decimals(values: NDArray) -> int | None:
    """Give the fewest decimals that almost all of the numbers have; below 0 only where all have no more."""
    tolerance = 4 * np.finfo(values.dtype if values.dtype.kind == "f" else np.float64).eps
    values = values[values != 0].astype(np.float64)
    size = np.abs(values)
    coarsest = _COARSEST if len(np.unique(values)) >= _TOLD else 0
    for decimals in range(coarsest, _FINEST + 1):
        with np.errstate(over="ignore"):  # of numbers near the end of floats
            fits = np.abs(np.round(values, decimals) - values) <= tolerance * size
        if fits.all() or (decimals >= 0 and fits.mean() >= _ALMOST_ALL):
            return decimals
    return None
