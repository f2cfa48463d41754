"""One user's history as a value: every edit gives a new one, so that all of them can be undone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from seqrec.data.sequences import Sequences


@dataclass(frozen=True, eq=False)
class History:
    """Events of one user, in order.

    Attributes
    ----------
    key : user's id
    items : list of n item ids
    rows : list of n int
        Rows of the log that they come from; -1 for those that were added.
    times : (n,) datetime64, or None
        Never going back. A history that starts empty has none.
    """

    key: Any
    items: list[Any]
    rows: list[int]
    times: NDArray[np.datetime64] | None

    @classmethod
    def of(cls, one: Sequences) -> History:
        """Take the history of the only user of `one`."""
        times = one.timestamps if one.n_events else None
        return cls(one.keys[0], one[0].tolist(), one.rows.tolist(), times)

    def __len__(self) -> int:
        return len(self.items)

    def inserted(self, position: int, item: Any) -> History:
        """Add an item before the event at `position`, at a time between those of its neighbours."""
        times = self.times
        if times is not None:
            times = np.insert(times, position, self._time_between(times, position)) if len(times) else None
        return replace(self, items=_with(self.items, position, item), rows=_with(self.rows, position, -1), times=times)

    def removed(self, position: int) -> History:
        """Take an event and its time away."""
        times = self.times if self.times is None else np.delete(self.times, position)
        return replace(self, items=_without(self.items, position), rows=_without(self.rows, position), times=times)

    def moved(self, position: int, to: int) -> History:
        """Move an item to another position; the times stay where they are."""
        items = _with(_without(self.items, position), to, self.items[position])
        rows = _with(_without(self.rows, position), to, self.rows[position])
        return replace(self, items=items, rows=rows)

    def sequences(self, dtype: DTypeLike) -> Sequences:
        """Give it as Sequences, whose ids have this dtype."""
        one = Sequences.from_lists([np.asarray(self.items, dtype=dtype)], keys=[self.key])
        return replace(one, timestamps=self.times, rows=np.asarray(self.rows, dtype=np.int64))

    @staticmethod
    def _time_between(times: NDArray[np.datetime64], position: int) -> np.datetime64:
        """Halfway between the neighbours; beyond either end, as far off as events usually are from each other."""
        gaps = np.diff(times)
        usual = np.timedelta64(int(np.median(gaps.astype(np.int64))) if len(gaps) else 0, "us")
        if position == 0:
            return times[0] - usual
        if position == len(times):
            return times[-1] + usual
        return times[position - 1] + gaps[position - 1] // 2


def _with(values: list[Any], position: int, value: Any) -> list[Any]:
    return [*values[:position], value, *values[position:]]


def _without(values: list[Any], position: int) -> list[Any]:
    return values[:position] + values[position + 1 :]
