"""The step from one value of a series to the next: a fixed span of time, or months or working days of a calendar."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pandas.tseries import offsets
from pandas.tseries.frequencies import to_offset

from seqrec._checks import show
from seqrec.exceptions import InputError
from seqrec.storage.schemas import Choice, Integer

DAY = 86_400 * 10**6  # microseconds
MONDAY = np.datetime64("1969-12-29", "us")  # from which fixed spans are counted, so that weeks begin on Mondays
_NAMED = {"D": DAY, "h": 3_600 * 10**6, "min": 60 * 10**6, "s": 10**6, "ms": 10**3, "us": 1}
_MONTHS = {offsets.MonthBegin: 1, offsets.MonthEnd: 1, offsets.QuarterBegin: 3, offsets.QuarterEnd: 3} | {
    offsets.YearBegin: 12,
    offsets.YearEnd: 12,
}


class Step(NamedTuple):
    """A step of time.

    Attributes
    ----------
    unit : {"span", "month", "workday"}
    n : int
        Microseconds of a span, months, or 1 for the days from Monday to Friday.

    Examples
    --------
    >>> Step.parse("15min"), str(Step.parse("QS"))
    (Step(unit='span', n=900000000), '3MS')
    """

    unit: Annotated[str, Choice("span", "month", "workday")]
    n: Annotated[int, Integer(1)]

    @classmethod
    def parse(cls, text: str, name: str = "step") -> Step:
        """Read a step as pandas writes it: "15min", "1h", "D", "B", "W", "MS", "QS", "YS"; `name` is its parameter's.

        Raises
        ------
        InputError
            Where the text is no step forward of one of these kinds.
        """
        try:
            offset = to_offset(text) if isinstance(text, str) else None
        except ValueError:
            offset = None
        step = None if offset is None or offset.n < 1 else _of_offset(offset)
        if step is None:
            known = "'15min', '1h', 'D', 'B' (Monday to Friday), 'W', 'MS' (months), 'QS' or 'YS'"
            raise InputError(f"{name} must be a step of time, such as {known}, got {show(text)}.")
        return step

    @property
    def is_of_days(self) -> bool:
        """Whether it goes by the days of a calendar: these follow the clocks of a place, and hours do not."""
        return self.unit != "span" or self.n % DAY == 0

    def __str__(self) -> str:
        """Write the step as pandas does; `parse` reads it."""
        if self.unit != "span":
            return f"{self.n}MS" if self.unit == "month" else "1B"
        name, size = next((name, size) for name, size in _NAMED.items() if self.n % size == 0)
        return f"{self.n // size}{name}"

    def number(self, times: NDArray[np.datetime64]) -> NDArray[np.int64]:
        """Count the steps, from a fixed time on, to the one that each time lies in."""
        if self.unit == "span":
            return (times - MONDAY).astype(np.int64) // self.n
        if self.unit == "month":
            return times.astype("datetime64[M]").astype(np.int64) // self.n
        return np.busday_count(MONDAY.astype("datetime64[D]"), times.astype("datetime64[D]"))

    def start(self, numbers: NDArray[np.int64]) -> NDArray[np.datetime64]:
        """Give the time at which each of these steps begins, datetime64[us]."""
        if self.unit == "span":
            return MONDAY + numbers * np.timedelta64(self.n, "us")
        if self.unit == "month":
            return (numbers * self.n).astype("datetime64[M]").astype("datetime64[us]")
        return np.busday_offset(MONDAY.astype("datetime64[D]"), numbers).astype("datetime64[us]")


def _of_offset(offset: Any) -> Step | None:
    if isinstance(offset, offsets.BusinessDay):
        return Step("workday", 1) if offset.n == 1 else None
    if isinstance(offset, offsets.Week | offsets.Day):
        return Step("span", offset.n * DAY * (7 if isinstance(offset, offsets.Week) else 1))
    if isinstance(offset, offsets.Tick):
        return Step("span", offset.nanos // 1_000) if offset.nanos % 1_000 == 0 else None
    months = next((n for kind, n in _MONTHS.items() if isinstance(offset, kind)), None)
    return None if months is None else Step("month", offset.n * months)
