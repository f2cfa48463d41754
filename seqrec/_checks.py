"""Input checks that several modules share; each error says what came, what was expected and how to put it right."""

from __future__ import annotations

import difflib
import numbers
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

MAX_ID_BYTES = 4096
_ADVICE = "Ids are integers or text: convert them first."


def check_positive_int(value: Any, name: str, minimum: int = 1) -> int:
    """Return `value` as an int that is at least `minimum`."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be an integer, got {value!r} ({type(value).__name__}).")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {value}.")
    return int(value)


def check_choice(value: Any, name: str, choices: Collection[str]) -> str:
    """Return `value` if it is one of `choices`."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}.{_nearest(value, choices)}")
    return value


def check_column(name: Any, columns: Sequence[Any]) -> None:
    """Raise unless exactly one of `columns` is called `name`."""
    count = sum(column == name for column in columns)
    if count > 1:
        raise ValueError(f"column {name!r} occurs {count} times. Rename or drop all but one.")
    if count == 0:
        found = ", ".join(map(repr, columns)) or "none"
        raise ValueError(f"column {name!r} is missing; columns found: {found}.{_nearest(name, columns)}")


def _nearest(name: Any, choices: Iterable[Any]) -> str:
    by_lower = {str(choice).lower(): choice for choice in choices}
    match = difflib.get_close_matches(str(name).lower(), by_lower, n=1)
    return f" Did you mean {by_lower[match[0]]!r}?" if match else ""


def check_ids(values: Any, name: str) -> np.ndarray:
    """Return ids as one array: (n,) int64, uint64, float64 or object holding str.

    Text is held as Python strings, since NumPy's own text type drops trailing NULs.

    Raises
    ------
    TypeError
        Where kinds of id are mixed (``1`` and ``"1"``), or are neither numbers nor text.
    ValueError
        Where ids are missing or empty.
    """
    values = values if isinstance(values, np.ndarray) else _object_array(values)
    if values.dtype.kind in "iu":
        return values.astype(np.int64 if values.dtype != np.uint64 else np.uint64)
    if values.dtype.kind == "f":
        check_rows(~np.isnan(values), name, "missing values", "Drop or fill these rows first.")
        return values.astype(np.float64)
    values = values.astype(object)
    check_rows(pd.notna(values), name, "missing values", "Drop or fill these rows first.")
    kind = pd.api.types.infer_dtype(values, skipna=False)
    if kind == "integer":
        return _as_integers(values, name)
    if kind == "floating":
        return values.astype(np.float64)
    if kind not in ("string", "empty"):
        raise TypeError(f"{name} {_forms(values)}. {_ADVICE}")
    check_rows(values != "", name, "empty ids", "Drop or fill these rows first.")
    return values


def _object_array(values: Iterable[Any]) -> np.ndarray:
    return np.fromiter(values, dtype=object)


def _as_integers(values: np.ndarray, name: str) -> np.ndarray:
    for dtype in (np.int64, np.uint64):
        try:
            return values.astype(dtype)
        except OverflowError:
            continue
    raise ValueError(f"{name} holds integers beyond 64 bits. Convert them to text first.")


def _forms(values: np.ndarray) -> str:
    """Say which types of id occur, each with its first example."""
    types, first = np.unique([type(value).__name__ for value in values], return_index=True)
    shown = ", ".join(f"{values[row]!r} ({kind}, row {row})" for kind, row in zip(types, first, strict=True))
    return f"mixes kinds of id: {shown}" if len(types) > 1 else f"holds {shown}"


def check_rows(good: np.ndarray, name: str, what: str, advice: str) -> None:
    """Raise a ValueError that counts the rows that are not `good` and shows the first."""
    if good.all():
        return
    bad = np.flatnonzero(~good)
    raise ValueError(f"{name} has {len(bad):,} {what} ({show_rows(bad)}). {advice}")


def show_rows(rows: np.ndarray) -> str:
    """Name the first of `rows`."""
    return f"first at row {rows[0]}" if len(rows) == 1 else f"first at rows {', '.join(map(str, rows[:3]))}"
