"""The events of one sequence as a table of the log's columns, in which what is odd is told with what was expected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrec.data.ends import END
from seqrec.data.fields import EVENT, GAP
from seqrec.data.sequences import Sequences
from seqrec.detect.expectations import Judgement
from seqrec.explore.units import expectation_of, times_of, value_of

_ODD = 0.01  # p-value of the oddest of an event's fields, below which it is tinted


def columns_of(X: Sequences, called: Callable[[NDArray], list[str]], at: NDArray) -> dict[str, list[str]]:
    """Write the columns of some events of the one sequence of X; what lies behind its last event is the end.

    Parameters
    ----------
    X : Sequences of length 1
    called : function
        What items are called.
    at : (n,) integer array
        Positions.
    """
    here = at[at < X.n_events]
    columns = {"": [f"{position + 1:,}" for position in here]}
    if X.timestamps is not None:
        columns["time"] = times_of(X.timestamps[here])
    if X.has_items:
        columns[EVENT] = called(X.vocabulary.decode(X.codes[here]))
    for name, values in _values(X).items():
        columns[name] = [value_of(name, value) for value in values[here]]
    columns["row"] = [f"{row:,}" if row >= 0 else "–" for row in X.rows[here]]
    end = {EVENT if X.has_items else "": END}
    return {name: texts + [end.get(name, "")] * (len(at) - len(here)) for name, texts in columns.items()}


def is_text(X: Sequences, name: str) -> bool:
    """Tell whether a column holds text, which may be broken into lines."""
    return name == EVENT or (name in X.columns and X.columns[name].dtype == object)


def odd_cells(judged: Judgement, columns: dict[str, list[str]]) -> dict[str, list[str]]:
    """Say of each odd cell of these columns what was usual in its place; "" of the others."""
    n_fields, usual = len(judged.p_values), {}
    for name in columns.keys() & judged.p_values.keys():
        odd = -np.expm1(n_fields * np.log1p(-np.minimum(judged.p_values[name], 1 - 1e-16))) < _ODD
        texts = (expectation_of(name, text) for text in judged.expected[name])
        usual[name] = [f"usually {text}" if one else "" for one, text in zip(odd, texts, strict=True)]
    return usual


def numbers_of(X: Sequences, name: str) -> NDArray[np.float64]:
    """Give a numeric column or the gaps of the one sequence of X."""
    return _values(X)[name].astype(np.float64)


def _values(X: Sequences) -> dict[str, NDArray[Any]]:
    columns = {name: values for name, values in X.columns.items() if values.ndim == 1}
    if X.timestamps is None:
        return columns
    gaps = np.diff(X.timestamps, prepend=X.timestamps[:1]) / np.timedelta64(1, "s")
    gaps[:1] = np.nan  # nothing lies before the first event
    return {GAP: gaps} | columns
