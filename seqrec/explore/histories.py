"""One user's history as a value: every edit gives a new one, so that all of them can be undone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
    columns : dict of (n, ...) arrays
        The events' further columns. An event that is added has those of its neighbour; a history that was empty, none.
    """

    key: Any
    items: list[Any]
    rows: list[int]
    times: NDArray[np.datetime64] | None
    columns: Mapping[str, NDArray] = field(default_factory=dict)

    @classmethod
    def of(cls, one: Sequences) -> History:
        """Take the history of the only user of `one`."""
        times = one.timestamps if one.n_events else None
        return cls(one.keys[0], one[0].tolist(), one.rows.tolist(), times, one.columns if one.n_events else {})

    def __len__(self) -> int:
        return len(self.items)

    def inserted(self, position: int, item: Any) -> History:
        """Add an item before the event at `position`, at a time between those of its neighbours."""
        times = self.times
        if times is not None:
            times = np.insert(times, position, self._time_between(times, position)) if len(times) else None
        full, beside = len(self.items) > 0, max(position - 1, 0)
        columns = {name: np.insert(v, position, v[beside], axis=0) for name, v in self.columns.items() if full}
        items, rows = _with(self.items, position, item), _with(self.rows, position, -1)
        return replace(self, items=items, rows=rows, times=times, columns=columns)

    def removed(self, position: int) -> History:
        """Take an event and its time away."""
        times = self.times if self.times is None else np.delete(self.times, position)
        columns = {name: np.delete(values, position, axis=0) for name, values in self.columns.items()}
        items, rows = _without(self.items, position), _without(self.rows, position)
        return replace(self, items=items, rows=rows, times=times, columns=columns)

    def moved(self, position: int, to: int) -> History:
        """Move an item, with its columns, to another position; the times stay where they are."""
        order = _with(_without(list(range(len(self.items))), position), to, position)
        columns = {name: values[order] for name, values in self.columns.items()}
        items, rows = [self.items[i] for i in order], [self.rows[i] for i in order]
        return replace(self, items=items, rows=rows, columns=columns)

    def sequences(self, dtype: DTypeLike) -> Sequences:
        """Give it as Sequences, whose ids have this dtype."""
        one = Sequences.from_lists([np.asarray(self.items, dtype=dtype)], keys=[self.key])
        rows = np.asarray(self.rows, dtype=np.int64)
        return replace(one, timestamps=self.times, rows=rows, columns=self.columns)

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
