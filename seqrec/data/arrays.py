"""Arrays of numbers become columns here, one shape for all events, or an error says which of them does not fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrec._checks import CLEAN, check_rows, show
from seqrec.data.orientation import doubt_orientation, time_first
from seqrec.data.padding import warn_of_padding
from seqrec.exceptions import InputError

_ONE_SHAPE = "Pad or cut them to one shape."


def join_arrays(arrays: Any, channels_first: bool = False) -> tuple[NDArray[np.int64], NDArray]:
    """Take a list of (time, ...) arrays, or one (n_sequences, time, ...) array, which is not copied.

    With `channels_first`, (channels, time) arrays, or one (n_sequences, channels, time) array, which is.

    Returns
    -------
    lengths : (n_sequences,) int64
    values : (n_events, ...) array of numbers or truth values

    Raises
    ------
    TypeError
        Where they are no arrays, or arrays of something else.
    ValueError
        Where shapes do not fit, or there is no array to tell the shape of an event.
    """
    if not isinstance(arrays, list | tuple | np.ndarray):
        advice = "A frame goes to Sequences.from_frame(log, item=None, columns=[...])."
        raise InputError(f"arrays must be a list of arrays, or one array, got {type(arrays).__name__}. {advice}")
    if isinstance(arrays, np.ndarray) and arrays.dtype != object and arrays.ndim > 1:
        array = read_array(arrays, "arrays")
        if channels_first:
            if array.ndim != 3:
                raise InputError(f"channels_first=True takes (n_sequences, channels, time), got shape {array.shape}.")
            array = array.swapaxes(1, 2)
        n_sequences, time, *event = array.shape
        lengths, values = np.full(n_sequences, time), array.reshape(n_sequences * time, *event)
        warn_of_padding(lengths, values, n_runs=3)
        return lengths, values
    read = [read_array(array, f"arrays[{row}]") for row, array in enumerate(arrays)]
    if not read:
        raise InputError("arrays is empty: no event tells its shape. If that is meant, pass np.empty((0, time, ...)).")
    check_rows(np.array([array.ndim > 0 for array in read]), "arrays", "single values", "Put each sequence in a list.")
    read = time_first(read) if channels_first else read
    full = [array for array in read if len(array)] or read[:1]  # what is empty need not tell the shape of an event
    same = [not len(array) or array.shape[1:] == full[0].shape[1:] for array in read]
    if not all(same):
        row = same.index(False)
        what = f"arrays with other events than those of the first, of shape {full[0].shape[1:]}"
        advice = f"Events of arrays[{row}] have {read[row].shape[1:]}. {_ONE_SHAPE}"
        check_rows(np.array(same), "arrays", what, advice + doubt_orientation(full, channels_first))
    lengths, values = np.array([len(array) for array in read]), np.concatenate(full)
    warn_of_padding(lengths, values, n_runs=3)
    return lengths, values


def name_columns(values: NDArray, names: str | Sequence[str]) -> dict[str, NDArray]:
    """Give one column of that name or, for a list of names, one for each entry of the last axis; all checked."""
    if isinstance(names, str):
        columns = {names: values}
    else:
        columns = dict(zip(names, np.moveaxis(values, -1, 0), strict=False))
        if values.ndim < 2 or not len(columns) == len(names) == values.shape[-1]:
            expected = f"one name for each entry of the last axis of events, of shape {values.shape[1:]}"
            raise InputError(f"names must hold {expected}, got {show(list(names))}.")
    for name, column in columns.items():
        check_numbers(column, f"column {name!r}")
    return columns


def stack_cells(cells: Iterable[Any], label: str) -> NDArray:
    """Give a column whose cells are lists or arrays of one shape as one array, (n_rows, ...).

    Raises
    ------
    TypeError
        Where cells hold something else than numbers and truth values.
    ValueError
        Where cells are missing, ragged, or differ in shape; or numbers are infinite.
    """
    cells = list(cells)
    there = [not pd.api.types.is_scalar(cell) for cell in cells]
    check_rows(np.array(there, bool), label, "missing arrays", CLEAN)
    arrays = [read_array(cell, label, f" at row {row}") for row, cell in enumerate(cells)]
    if not arrays:
        return np.empty((0, 0))
    shape = arrays[0].shape
    same = np.array([array.shape == shape for array in arrays])
    check_rows(same, label, f"arrays of another shape than the first, {shape}", _ONE_SHAPE)
    values = np.stack(arrays)
    check_numbers(values, label)
    return values


def read_array(value: Any, name: str, place: str = "") -> NDArray:
    """Take an array, or nested lists, of numbers or truth values."""
    try:
        array = _unpack(value)
    except ValueError:  # NumPy tells of an "inhomogeneous shape"
        raise InputError(f"{name} is ragged{place}: lists in it differ in length. {_ONE_SHAPE}") from None
    if array.dtype.kind not in "biuf" or isinstance(value, np.ma.MaskedArray):
        raise InputError(f"{name} holds {show(value)}{place}, not numbers or booleans alone.")
    return array


def check_numbers(values: NDArray, label: str) -> None:
    """Raise where numbers of a column, (n_rows, ...), are infinite."""
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        check_rows(~np.isinf(values).any(axis=tuple(range(1, values.ndim))), label, "infinite values", CLEAN)


def _unpack(value: Any) -> NDArray:
    """Join arrays of arrays, as Arrow gives nested lists; None among numbers is a missing one."""
    array = np.asarray(np.nan if value is None else value)
    if array.dtype == object and array.ndim and len(array):
        return np.stack([_unpack(part) for part in array])
    return array
