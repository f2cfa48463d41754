"""Events that are at the time of the one before, and those that repeat another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    from seqrec.data.sequences import Sequences


def compare_times(X: Sequences, compare: np.ufunc) -> NDArray[np.bool_]:
    """Compare the time of each event, (n_events,), with that of the event before; False at the first of a sequence."""
    result = np.zeros(X.n_events, dtype=bool)
    if X.timestamps is not None:
        compare(X.timestamps[1:], X.timestamps[:-1], out=result[1:])
        result[X.indptr[:-1][X.lengths > 0]] = False
    return result


def duplicated(X: Sequences) -> NDArray[np.bool_]:
    """Tell which events, (n_events,), repeat one of the same user, time, item and further columns."""
    tied = compare_times(X, np.equal)
    group = np.cumsum(~tied)  # one number for each (user, time)
    tied[:-1] |= tied[1:]
    events = {"group": group[tied], "code": X.codes[tied]}
    events |= {f"column {name}": _comparable(column[tied]) for name, column in X.columns.items()}
    tied[tied] = pd.DataFrame(events).duplicated().to_numpy()
    return tied


def _comparable(column: NDArray) -> Any:
    """Give one value for each row; adding 0 makes one of 0 and -0."""
    return column if column.ndim == 1 else [row.tobytes() for row in column + 0]
