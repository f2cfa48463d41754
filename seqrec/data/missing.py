"""A value of a further column that a log lacks: NaN among numbers, None among text and truth values, an empty text.

It is not what nobody gave, such as the gap before a first event or a column that is not there: a log that leaves an
amount empty says something of the event.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def is_missing(values: NDArray) -> NDArray[np.bool_]:
    """Tell which values of a column, (n,), are missing.

    Examples
    --------
    >>> is_missing(np.array(["web", None, ""], dtype=object)), is_missing(np.array([0.0, np.nan]))
    (array([False,  True,  True]), array([False,  True]))
    """
    missing = pd.isna(values)
    if values.dtype.kind in "OUT":
        missing[~missing] = values[~missing] == ""
    return missing


def kind_of(values: NDArray) -> str:
    """Say what a column holds, (n,): "numbers", "text", "truth values", or "" if no value is there."""
    there = values[~is_missing(values)]
    if not len(there):
        return ""
    if there.dtype.kind == "b" or isinstance(there[0], bool | np.bool_):
        return "truth values"
    return "text" if there.dtype.kind in "OUT" else "numbers"


def with_gaps(found: NDArray, there: NDArray[np.bool_]) -> NDArray:
    """Give the values that were found where they are `there`, (n,), and what is missing elsewhere."""
    if there.all():
        return found
    numbers = found.dtype.kind in "iuf"
    values = np.full(len(there), np.nan if numbers else None, np.float64 if numbers else object)
    values[there] = found
    return values
