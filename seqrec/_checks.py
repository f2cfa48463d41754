"""Checks of input that several modules share; each error says what came and how to put it right."""

from __future__ import annotations

import difflib
import numbers
import re
import reprlib
import sys
import warnings
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd

from seqrec.exceptions import InputError

MAX_ID_BYTES = 4096
CLEAN = "Drop or repair these rows first."
CONVERT = "Ids are integers or text: convert them to one of these first."


def check_integer(value: Any, name: str, minimum: int = 1) -> int:
    """Return `value` as an int that is at least `minimum`."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool):
        raise InputError(f"{name} must be an integer, got {show(value)} ({type(value).__name__}).")
    if value < minimum:
        raise InputError(f"{name} must be at least {minimum}, got {value}.")
    return int(value)


def check_column_names(columns: Sequence[str]) -> tuple[str, ...]:
    """Refuse a text in place of a list of names."""
    if isinstance(columns, str):
        raise InputError(f"columns must be a list of names, got {columns!r}. Write columns=[{columns!r}].")
    return tuple(columns)


def check_choice(value: Any, name: str, choices: Collection[str]) -> str:
    """Return `value` if it is one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        listed = ", ".join(map(repr, choices))
        raise InputError(f"{name} must be one of {listed}, got {show(value)}.{nearest(value, choices)}")
    return value


def check_column(name: Any, columns: Sequence[Any]) -> None:
    """Raise unless exactly one of `columns` is called `name`."""
    count = sum(column == name for column in columns)
    if count > 1:
        raise InputError(f"column {name!r} occurs {count} times. Rename or drop all but one.")
    if count == 0:
        found = ", ".join(map(repr, columns)) or "none"
        raise InputError(f"column {name!r} is missing; columns found: {found}.{nearest(name, columns)}")


def nearest(name: Any, choices: Iterable[Any]) -> str:
    """Ask whether the choice that is spelled most like `name`, or begins as it does, was meant; empty where none is."""
    by_lower, lower = {str(choice).lower(): choice for choice in choices}, str(name).lower()
    match = difflib.get_close_matches(lower, by_lower, n=1, cutoff=0.7)
    match = match or [one for one in by_lower if len(lower) > 2 and one.startswith(lower)]
    return f" Did you mean {by_lower[match[0]]!r}?" if match else ""


def check_known(items: Iterable[Any], known: Collection[Any], name: str) -> None:
    """Raise InputError unless each of the items is among those that training had.

    Parameters
    ----------
    items : iterable of ids; what is no id at all is none of them
    known : collection
    name : str
        Of what holds the items.
    """
    ids = int, float, str, np.generic
    lacking = next((item for item in items if not isinstance(item, ids) or item not in known), None)
    if lacking is not None:
        raise InputError(f"{name} holds {show(lacking)}, which training lacked.{nearest(lacking, known)}")


def check_ids(values: Any, name: str) -> np.ndarray:
    """Return ids as one array: (n,) int64, uint64, float64 or object holding str.

    Text is held as Python strings, since NumPy's own text type drops trailing NULs.

    Raises
    ------
    TypeError
        Where kinds of id are mixed (``1`` and ``"1"``), or are neither numbers nor text.
    ValueError
        Where ids are missing, empty or too long.
    """
    if isinstance(values, str | bytes):
        raise InputError(f"{name} must be a list of ids, got {show(values)} alone. Put it in a list.")
    values = values if isinstance(values, np.ndarray) else np.fromiter(values, dtype=object)
    if values.dtype.kind in "iu":
        return _shrink(values)
    if values.dtype.kind in "fOUT":
        check_rows(pd.notna(values), name, "missing values", CLEAN)
        if values.dtype.kind == "f":
            return _check_floats(values, name)
        return _check_objects(values.astype(object), name)
    raise InputError(f"{name} holds {values.dtype} values. {CONVERT}")


def _shrink(values: np.ndarray) -> np.ndarray:
    """Hold integers as int64, so that equal ids have equal types, unless only uint64 can."""
    beyond = values.dtype == np.uint64 and values.max(initial=0) > np.iinfo(np.int64).max
    return values if beyond else values.astype(np.int64, copy=False)


def _check_objects(values: np.ndarray, name: str) -> np.ndarray:
    kind = pd.api.types.infer_dtype(values, skipna=False)
    if kind == "integer":
        return _check_integers(values, name)
    if kind == "floating":
        return _check_floats(values, name)
    if kind not in ("string", "empty"):
        raise InputError(f"{name} {_show_kinds(values)}. {CONVERT}")
    check_rows(values != "", name, "empty ids", CLEAN)
    if max(map(len, values), default=0) > MAX_ID_BYTES // 4:  # a character takes at most four bytes
        sizes = np.array([len(value.encode("utf-8", "surrogatepass")) for value in values])
        check_rows(sizes <= MAX_ID_BYTES, name, f"ids longer than {MAX_ID_BYTES} bytes", CLEAN)
    return values


def _check_floats(values: np.ndarray, name: str) -> np.ndarray:
    values = values.astype(np.float64) if values.dtype == object else values
    check_rows(np.isfinite(values), name, "infinite values", CLEAN)
    check_exact(values, name)
    return values.astype(np.float64)


def _check_integers(values: np.ndarray, name: str) -> np.ndarray:
    for dtype in (np.int64, np.uint64):
        with suppress(OverflowError):
            return values.astype(dtype)
    raise InputError(f"{name} holds integers beyond 64 bits. Convert them to text first.")


def _show_kinds(values: np.ndarray) -> str:
    types, first = np.unique([type(value).__name__ for value in values], return_index=True)
    forms = [f"{show(values[row])} ({kind}, row {row})" for kind, row in zip(types, first, strict=True)]
    return f"{'mixes kinds of id:' if len(forms) > 1 else 'holds'} {', '.join(forms)}"


def exact_below(dtype: Any) -> int:
    """Limit below which a type of floats tells all integers apart."""
    return 2 ** (np.finfo(dtype).nmant + 1)


def check_exact(values: np.ndarray, name: str) -> None:
    """Raise where floats are so large that their type does not tell neighbouring integers apart."""
    limit = exact_below(values.dtype)
    what = f"ids that {values.dtype} cannot hold exactly, from {limit:,} on"
    check_rows(np.abs(values) < limit, name, what, "Read them as int64 or as text: what was rounded is lost.")


def check_rows(good: np.ndarray, name: str, what: str, advice: str) -> None:
    """Raise a ValueError that counts the rows that are not `good` and shows the first."""
    if not good.all():
        raise InputError(f"{name} has {show_rows(~good, what)}. {advice}")


def show_rows(bad: np.ndarray, what: str) -> str:
    """Count the `bad` rows and name the first of them."""
    rows = np.flatnonzero(bad)
    where = f"row {rows[0]}" if len(rows) == 1 else f"rows {', '.join(map(str, rows[:3]))}"
    what = re.sub(r"\b(value|id|time|array)s\b", r"\1", what) if len(rows) == 1 else what
    return f"{len(rows):,} {what} ({'at' if len(rows) <= 3 else 'first at'} {where})"


def warn_user(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line that called the package, however deep in it this is."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("seqrec."):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level)


def show(value: Any) -> str:
    """Escape and shorten a value for a message."""
    return reprlib.repr(value.item() if isinstance(value, np.generic) else value)
