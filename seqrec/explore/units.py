"""Values as a person would say them: how long, when, how much."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrec.data.fields import GAP
from seqrec.explore.front_end import label

_UNITS = (("s", 1, 100), ("min", 60, 100), ("h", 3600, 48), ("days", 86_400, 700), ("years", 365.25 * 86_400, np.inf))
_RANGE = re.compile(r"(\S+) to (\S+) \(90 %\)")  # as `explain` writes it


def rounded(x: float, digits: int = 2) -> str:
    """Write a number with so many significant digits, and no exponent where a person would write none.

    Examples
    --------
    >>> rounded(10.4), rounded(12345.6, 3), rounded(0.0312)
    ('10', '12,300', '0.031')
    """
    return f"{float(f'{x:.{digits}g}'):,.12g}"


def duration(seconds: float) -> str:
    """Say how long something took, in the unit that fits.

    Examples
    --------
    >>> duration(9), duration(959.1), duration(8.1e4), duration(0.25)
    ('9 s', '16 min', '22 h', '0.25 s')
    """
    if np.isnan(seconds):
        return "–"
    unit, size, _ = next(one for one in _UNITS if abs(seconds) / one[1] < one[2])
    return f"{rounded(seconds / size)} {unit}"


def times_of(times: NDArray[np.datetime64]) -> list[str]:
    """Write times to the second, or as days if all of them are."""
    are_days = (times == times.astype("datetime64[D]")).all()
    return [text.replace("T", " ") for text in np.datetime_as_string(times, unit="D" if are_days else "s").tolist()]


def value_of(name: str, value: Any) -> str:
    """Write the value of a field or column of the log; that of a gap has a unit."""
    if value is None or value is pd.NaT or value != value:
        return "–" if name == GAP else "missing"
    if name == GAP:
        return duration(value)
    return f"{value:,.6g}" if isinstance(value, float | np.floating) else label(value, 60)


def expectation_of(name: str, text: str) -> str:
    """Say what `explain` expected of a field in the same units."""
    if name == GAP:
        text = _RANGE.sub(lambda ends: " to ".join(duration(float(end)) for end in ends.groups()), text)
    return label(text.replace(" (90 %)", ""), 160)
