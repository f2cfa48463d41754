"""Columns of a log become arrays here, or an error that says which rows are wrong.

Every kind of frame goes through Arrow (and cells that are lists through NumPy), so pandas, polars and pyarrow give the
same arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from narwhals.dependencies import is_into_dataframe
from scipy.sparse import csr_array

from seqrec._checks import CLEAN, CONVERT, MAX_ID_BYTES, check_column, check_exact, check_ids, check_rows, show
from seqrec.data.arrays import check_numbers, stack_cells
from seqrec.data.kinds import Tally
from seqrec.data.missing import with_gaps
from seqrec.data.times import is_text, read_times, times_from_objects, warn_of_future, warn_of_unit, zone_of
from seqrec.exceptions import InputError

Convert = Callable[[np.ndarray, str], np.ndarray]


class Encoded(NamedTuple):
    """A column of ids: the distinct ``ids``, and for each row its position among them."""

    codes: np.ndarray  # (n_rows,) int32
    ids: np.ndarray  # (n_ids,)


def open_frame(log: Any, names: Sequence[Any]) -> nw.DataFrame[Any]:
    """Wrap any dataframe, after checking that it has each of the columns once."""
    if not is_into_dataframe(log):
        ways = {
            "collect": " Collect it first: log.collect().",
            "to_arrow_table": " Fetch it first: log.to_arrow_table().",
        }
        advice = next((advice for way, advice in ways.items() if hasattr(log, way)), "")
        kind = type(log).__name__
        raise InputError(f"log must be a pandas, polars or pyarrow dataframe, got {kind}.{advice}")
    columns = log.column_names if isinstance(log, pa.Table) else list(log.columns)
    for name in names:
        _check_name(name, log)
        if name == "timestamp" and name not in columns:
            advice = "Name the column of times, timestamp=..., or pass timestamp=None if the rows are in their order"
            raise InputError(
                f"column 'timestamp' is missing; columns found: {', '.join(map(repr, columns))}. {advice}."
            )
        check_column(name, columns)
    if isinstance(log, pd.DataFrame):
        sparse = [name for name in names if isinstance(log[name].dtype, pd.SparseDtype)]
        log = log.assign(**{name: np.asarray(log[name]) for name in sparse}) if sparse else log
    try:
        return nw.from_native(log, eager_only=True)
    except nw.exceptions.DuplicateError as error:
        raise InputError(f"log repeats a column's name. Rename or drop all but one. {error}") from None


def read_ids(frame: nw.DataFrame[Any], name: str) -> Encoded:
    """Dictionary-encode a column of users or items; the ids come in order of first appearance.

    Raises
    ------
    TypeError
        Where the ids are neither integers nor text, or of mixed kinds.
    ValueError
        Where ids are missing, empty, too long or not UTF-8.
    """
    label = f"column {name!r}"
    codes, ids = _encode(_plain_ids(_whole(_to_arrow(frame[name], label, check_ids), label), label))
    return Encoded(codes, _check_distinct(ids, codes, label))


def sort_ids(encoded: Encoded) -> Encoded:
    """Order the distinct ids: integers by value, text by code point."""
    order = pc.sort_indices(pa.array(encoded.ids)).to_numpy()
    ranks = np.empty(len(order), dtype=np.int32)
    ranks[order] = np.arange(len(order), dtype=np.int32)
    return Encoded(ranks[encoded.codes], encoded.ids[order])


def read_timestamps(
    frame: nw.DataFrame[Any], name: str, time_unit: str, known_ahead: bool = False
) -> tuple[np.ndarray, str | None, str | None]:
    """Read a column of times as `read_times` does, and the zone that it has; warn of a future that is not known."""
    label = f"column {name!r}"
    column = _whole(_to_arrow(frame[name], label, times_from_objects), label)
    times, unit = read_times(column, label, time_unit)
    if not known_ahead:
        warn_of_future(times, label)
    if time_unit != "auto":
        warn_of_unit(column.to_numpy(), unit, label)
    return times, unit, zone_of(column.type)


def read_column(frame: nw.DataFrame[Any], name: str) -> np.ndarray:
    """Read a further column: numbers, booleans, text (as object), times (as datetime64[us]), or arrays of numbers.

    A missing number is NaN, a missing text or boolean None; a column without any value is one of numbers.

    Returns
    -------
    column : (n_rows,) ndarray, or (n_rows, ...) where cells are lists or arrays

    Raises
    ------
    TypeError
        Where the column holds something else.
    ValueError
        Where numbers are infinite, times or arrays are missing, or arrays differ in shape.
    """
    label = f"column {name!r}"
    if _holds_arrays(series := frame[name]):
        return stack_cells(series.to_numpy(), label)
    column = _to_arrow(series, label, _plain_objects)
    if len(column) and column.null_count == len(column):
        return np.full(len(column), np.nan)
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    if pa.types.is_temporal(column.type):
        return read_times(_whole(column, label), label)[0].astype("datetime64[us]")
    if is_text(column.type):
        if series.dtype not in (nw.Categorical, nw.Enum):
            _check_words(column, name)
        codes, texts = _encode(column)
        return texts.to_numpy(zero_copy_only=False)[codes]
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type) or pa.types.is_boolean(column.type)):
        raise InputError(f"{label} holds {column.type} values, not numbers, booleans, text or times.")
    values = column.to_numpy()
    check_numbers(values, label)
    return values


def as_frame(columns: Iterable[tuple[str, np.ndarray]], rows: np.ndarray) -> pd.DataFrame:
    """Give named columns as a frame whose index is the row of the log; what has further axes as cells of arrays."""
    columns = list(columns)
    for name, _ in columns:
        check_column(name, [name for name, _ in columns])
    index = pd.Index(rows, name="row")
    return pd.DataFrame({name: _cells(values, index) for name, values in columns}, index=index)


def _cells(values: np.ndarray, index: pd.Index) -> pd.Series:
    if values.ndim > 1:
        return pd.Series(np.fromiter(values, object, len(values)), index)
    try:
        return pd.Series(values, index)
    except UnicodeEncodeError:  # half a surrogate pair, which pandas' own text cannot hold
        return pd.Series(values, index, dtype=object)


def sort_events(users: Encoded, by_time: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Order events by user, then time; ties keep the order of the rows.

    Parameters
    ----------
    users : Encoded
    by_time : (n_events,) int or None
        The rows in order of time, as `order_of` gives them.

    Returns
    -------
    rows : (n_events,) int32 (int64 beyond 2**31 rows)
    indptr : (n_users + 1,) int64
    """
    n_events = len(users.codes)
    codes = users.codes if by_time is None else users.codes[by_time]
    # Compressing sparse rows is a stable counting sort: the fastest way to group by user.
    shape = (len(users.ids), n_events)
    grouped = csr_array((np.ones(n_events, dtype=bool), (codes, _row_numbers(n_events))), shape=shape)
    rows = grouped.indices if by_time is None else by_time[grouped.indices]
    return rows, grouped.indptr.astype(np.int64)


def order_of(times: np.ndarray | None) -> np.ndarray | None:
    """Give the rows in order of time, ties in their own order; None where they are so already."""
    if times is None or (times[1:] >= times[:-1]).all():
        return None
    keys = (times - times.min()).view(np.int64)
    for ticks in (10**6, 10**3):  # whole seconds or milliseconds need fewer bits
        if not (keys % ticks).any():
            keys //= ticks
            break
    row_bits = len(keys).bit_length()
    if int(keys.max()).bit_length() + row_bits > 63:
        return np.argsort(keys, kind="stable").astype(_row_dtype(len(keys)))
    # Key and row in one integer: a plain sort is vectorised, and twice as fast as a stable argsort.
    keys <<= row_bits
    keys |= _row_numbers(len(keys))
    keys.sort()
    keys &= (1 << row_bits) - 1
    return keys.astype(_row_dtype(len(keys)))


def _check_name(name: Any, log: Any) -> None:
    """Raise where what should name a column is something else, or names the index of the log."""
    if isinstance(name, list | tuple):
        joined = " + '|' + ".join(f"log[{part!r}].astype(str)" for part in name)
        raise InputError(f"{list(name)!r} are several columns, and an id is one. Join them first: {joined}.")
    if not isinstance(name, str):
        raise InputError(f"column {name!r} has a name that is no text. Name it first: log.rename(columns=str).")
    if isinstance(log, pd.DataFrame) and name in log.index.names and name not in log.columns:
        raise InputError(f"column {name!r} is missing: it is the index of the log. Pass log.reset_index().")


def _plain_objects(values: np.ndarray, label: str) -> np.ndarray:
    """Convert a column of Python objects: numbers, truth values, text or times, all of one kind or missing."""
    there = pd.notna(values)
    found = values[there]
    kind = pd.api.types.infer_dtype(found)
    if kind in ("datetime", "date", "datetime64"):
        return times_from_objects(values, label)
    if kind in ("decimal", "floating", "mixed-integer-float"):
        found = found.astype(np.float64)
    elif kind == "boolean":
        found = found.astype(bool)
    elif kind == "integer":
        found = check_ids(found, label)
    elif kind not in ("string", "empty"):
        raise InputError(f"{label} holds {kind} objects ({show(found[0])}, ...), not numbers, booleans, text or times.")
    return with_gaps(found, there)


def _holds_arrays(column: nw.Series[Any]) -> bool:
    if column.dtype == nw.Object:
        return any(isinstance(cell, list | tuple | np.ndarray) for cell in column.to_numpy())
    return column.dtype in (nw.List, nw.Array)


def _row_numbers(n_rows: int) -> np.ndarray:
    return np.arange(n_rows, dtype=_row_dtype(n_rows))


def _row_dtype(n_rows: int) -> type:
    return np.int32 if n_rows <= np.iinfo(np.int32).max else np.int64


def _check_words(column: pa.ChunkedArray, name: str) -> None:
    """Refuse text of which many cells are numbers and others not; categories are words whatever they look like."""
    tally, start = Tally(), 0
    for chunk in column.chunks:
        tally.add(chunk, range(start, start + len(chunk)))
        start += len(chunk)
    if tally.kind == "mixed":
        raise InputError(
            f"column {name!r} holds numbers and other text: {tally.tell()}. Make it numbers, as by "
            f"pandas.to_numeric(log[{name!r}], errors='coerce'), or words, as by log[{name!r}].astype('category')."
        )


def _to_arrow(column: nw.Series[Any], label: str, convert: Convert) -> pa.ChunkedArray:
    """Give the column in Arrow; `convert` takes a column of Python objects."""
    try:
        objects = column.dtype == nw.Object
        values = pa.array(convert(column.to_numpy(), label)) if objects else column.to_arrow()
    except UnicodeEncodeError:
        raise InputError(f"{label} holds text that is not valid Unicode. Repair it first.") from None
    values = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if values.type == pa.string_view():  # few of Arrow's functions take views yet
        values = values.cast(pa.large_string())
    return values


def _whole(column: pa.ChunkedArray, label: str) -> pa.ChunkedArray:
    """Refuse a column in which values are missing."""
    missing = pc.is_null(column, nan_is_null=True)
    if pc.any(missing).as_py():
        check_rows(~missing.to_numpy(), label, "missing values", CLEAN)
    return column


def _encode(column: pa.ChunkedArray) -> tuple[np.ndarray, pa.Array]:
    """Give each row's position among the distinct values, null one of them, in order of first appearance; and these."""
    chunks = column.dictionary_encode(null_encoding="encode").chunks  # all with one dictionary
    if not chunks:
        return np.array([], dtype=np.int32), pa.array([], column.type)
    return np.concatenate([chunk.indices.to_numpy() for chunk in chunks]), chunks[-1].dictionary


def _plain_ids(column: pa.ChunkedArray, label: str) -> pa.ChunkedArray:
    """Hold ids of every width as int64 (uint64 where only it can) or text."""
    kind = column.type
    if pa.types.is_null(kind):  # an empty column has no type of its own
        return column.cast(pa.string())
    if pa.types.is_floating(kind):
        values = column.to_numpy()
        check_rows(values == np.floor(values), label, "fractional ids", CONVERT)
        check_exact(values, label)
        return column.cast(pa.int64())
    if pa.types.is_integer(kind):
        beyond = kind == pa.uint64() and (pc.max(column).as_py() or 0) > np.iinfo(np.int64).max
        return column if beyond else column.cast(pa.int64())
    if is_text(kind):
        return column
    raise InputError(f"{label} holds {kind} values. {CONVERT}")


def _check_distinct(ids: pa.Array, codes: np.ndarray, label: str) -> np.ndarray:
    """Check the distinct ids, which is cheaper than checking all rows."""
    if pa.types.is_integer(ids.type):
        return ids.to_numpy()
    try:
        ids.validate(full=True)
    except pa.ArrowInvalid:
        raise InputError(f"{label} holds {_show_invalid(ids, codes)}. Repair it first.") from None
    sizes = pc.binary_length(ids).to_numpy()
    for good, what in ((sizes > 0, "empty ids"), (sizes <= MAX_ID_BYTES, f"ids longer than {MAX_ID_BYTES} bytes")):
        if not good.all():
            check_rows(good[codes], label, what, CLEAN)
    return ids.to_numpy(zero_copy_only=False)


def _show_invalid(ids: pa.Array, codes: np.ndarray) -> str:
    for position, text in enumerate(ids.cast(pa.large_binary()).to_pylist()):
        try:
            text.decode()
        except UnicodeDecodeError as error:
            row = np.flatnonzero(codes == position)[0]
            return f"text that is not valid UTF-8 (first at row {row}, byte {error.start})"
    return "text that is not valid UTF-8"
