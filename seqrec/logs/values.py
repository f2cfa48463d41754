"""Cells of a log become ids, times and fields; each cell that cannot has a fault with a stable code."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from seqrec._checks import MAX_ID_BYTES, exact_below
from seqrec.data.kinds import number_pattern
from seqrec.data.times import BAND, TICKS, YEARS, ZONE
from seqrec.logs.dialect import AS_USUAL, Dialect

CODES = {
    "missing_user": "the user is null or empty",
    "missing_item": "the item is null or empty",
    "missing_time": "the time is null or empty",
    "long_id": f"an id is longer than {MAX_ID_BYTES} bytes",
    "invalid_utf8": "a text is not valid UTF-8",
    "unreadable_time": "a time is not ISO 8601 or as --time-format says, not finite, not exact as a float, outside of "
    "the years 1 to 9999, or a number far from almost all others",
    "not_integer": "an id of integers is no plain integer within 64 bits, or not exact as a float",
    "not_a_number": "a number cannot be read, or is infinite or NaN",
    "not_boolean": "a value is neither true nor false",
    "wrong_type": "a JSON value is of another kind than its column",
    "wrong_number_of_cells": "a CSV row has more or fewer cells than the header",
    "repeated_header": "a CSV row repeats the header",
    "unclosed_quote": "a CSV cell opens with a quote that never closes",
    "long_row": "a row of text is longer than 16 MiB",
    "broken_json": "a line is not a JSON object",
    "unreadable_rows": "a Parquet row group is damaged",
    "truncated": "a file is damaged or ends early; what follows is lost",
    "corrupt": "the gzip data of a file is damaged; what came before may be wrong, too",
}
FAULTS = ("", *CODES)
FAULT = {code: number for number, code in enumerate(FAULTS)}
TYPES = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "time": pa.timestamp("us"),
    "shown": pa.string(),
}
SHOWN = "shown"  # kind of a column that is told as it is written, and read for nothing else
_INTEGER = r"^-?(0|[1-9][0-9]*)\z"
_WHOLE = r"^[+-]?[0-9]+(\.0*)?\z"
_UTC = pa.timestamp("us", "UTC")


class Values(NamedTuple):
    """A column, converted."""

    values: pa.Array  # (n,) null where there is a fault, or a field is missing
    faults: np.ndarray  # (n,) uint8: positions in FAULTS, 0 where all is well
    zoned: np.ndarray | bool = False  # which times have a zone


def convert(cells: pa.Array, kind: str, role: str, dialect: Dialect = AS_USUAL) -> Values:
    """Convert the cells of a column to the Arrow type of its kind.

    Parameters
    ----------
    cells : (n,) pa.Array
        Bytes, or what JSON or Parquet hold.
    kind : {"text", "integer", "number", "boolean", "time", "shown"}
        What is shown becomes text, and has no fault whatever it is.
    role : str
        "user", "item", "time", or anything else for a field.
    dialect : Dialect
        How numbers and times are written.

    Returns
    -------
    Values
    """
    cells, is_id, is_time = plain(cells), role in ("user", "item"), role == "time"
    if kind == SHOWN:
        return Values(_as_written(cells), np.zeros(len(cells), np.uint8))
    missing = f"missing_{role}" if is_id or is_time else ""  # for a field, that is no fault but a value of its own
    if not missing and cells.null_count == len(cells):  # of any type, as a column without a value has
        cells = pa.nulls(len(cells))
    if kind == "text":
        return _read_text(_words(cells), missing, is_id)
    if kind == "time" and dialect.time_format is not None and pa.types.is_integer(cells.type):
        cells = plain(cells.cast(pa.string()))  # 20240517 is written as a format says
    from_text, from_others, unread = _READ["ticks" if is_time and kind == "integer" else kind]
    if pa.types.is_binary(cells.type):
        text, absent, invalid = _trim(cells, "" if is_id or kind == "time" else " \t")
        values, zoned = _from_text(text, from_text, kind, dialect)
    else:
        absent, invalid = _nulls(cells), np.zeros(len(cells), dtype=bool)
        values, zoned = from_others(cells), getattr(cells.type, "tz", None) is not None
    if kind == "number":
        values = pc.if_else(pc.is_finite(values), values, None)
    if is_time and kind in ("integer", "number"):
        values = _in_range(values, dialect)
    unread = "unreadable_time" if is_time else unread
    return Values(values, _mark({missing: absent, "invalid_utf8": invalid, unread: _nulls(values)}), zoned)


def _from_text(
    text: pa.Array, usual: Callable[[pa.Array], Any], kind: str, dialect: Dialect
) -> tuple[pa.Array, np.ndarray | bool]:
    """Read text as a dialect has it; give values, null where they cannot be read, and which times have a zone."""
    if kind == "time":
        return usual(text) if dialect.time_format is None else _parse_format(text, dialect.time_format)
    if kind == "number" and dialect.decimal != ".":
        text = pc.if_else(pc.match_substring_regex(text, number_pattern(dialect.decimal)), text, None)
        text = pc.replace_substring(text, dialect.decimal, ".")
    return usual(text), False


def _in_range(numbers: pa.Array, dialect: Dialect) -> pa.Array:
    """Give times that are numbers, null outside of the range that their unit has."""
    if dialect.time_unit != "auto":
        low, high = (int(year.astype(np.int64)) * TICKS[dialect.time_unit] for year in YEARS)
    elif dialect.band is not None:
        low, high = (edge * TICKS[dialect.band] for edge in BAND)
    else:
        return numbers
    low, high = (pa.scalar(int(np.clip(edge, -(2**63), 2**63 - 1)), numbers.type) for edge in (low, high))
    inside = pc.and_(pc.greater_equal(numbers, low), pc.less_equal(numbers, high))
    return pc.if_else(inside, numbers, None)


def is_text(kind: pa.DataType) -> bool:
    """Whether an Arrow type holds text, in any of the ways Arrow has."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def plain(cells: pa.Array) -> pa.Array:
    """Hold all text as bytes, since it is not known to be UTF-8 yet."""
    if pa.types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    if pa.types.is_string_view(cells.type):
        cells = cells.cast(pa.large_string())
    if pa.types.is_large_string(cells.type):
        cells = cells.cast(pa.large_binary()).cast(pa.binary())
    return cells.cast(pa.binary()) if pa.types.is_string(cells.type) else cells


def _nulls(cells: pa.Array) -> np.ndarray:
    return pc.is_null(cells, nan_is_null=True).to_numpy(zero_copy_only=False)


def _mark(found: dict[str, np.ndarray]) -> np.ndarray:
    """Give each row the first fault that is found in it."""
    faults = np.zeros(len(next(iter(found.values()))), dtype=np.uint8)
    for code, rows in reversed(found.items()):
        faults[rows] = FAULT[code]
    return faults


def _decode(cells: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Give text, null where the bytes are not UTF-8, and where that is."""
    try:
        return cells.cast(pa.string()), np.zeros(len(cells), dtype=bool)
    except pa.ArrowInvalid:
        invalid = np.zeros(len(cells), dtype=bool)
        for row in beyond_ascii(cells):
            invalid[row] = invalid_byte(cells[int(row)].as_py() or b"") is not None
        return pc.if_else(pa.array(invalid), None, cells).cast(pa.string()), invalid


def beyond_ascii(cells: pa.Array) -> np.ndarray:
    """List the rows that hold bytes above 127."""
    _, offsets, content = cells.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)[cells.offset + 1 : cells.offset + len(cells) + 1]
    places = np.flatnonzero(np.frombuffer(content, dtype=np.uint8) > 127)
    rows = np.unique(np.searchsorted(ends, places, side="right"))
    return rows[rows < len(cells)]


def invalid_byte(content: bytes) -> int | None:
    """Tell the place of the first byte that is not UTF-8; None where all is text."""
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None


def _read_text(cells: pa.Array, missing: str, is_id: bool) -> Values:
    cells = cells.cast(pa.binary())
    text, invalid = _decode(cells)
    sizes = pc.fill_null(pc.binary_length(cells), 0).to_numpy()
    absent = sizes == 0 if is_id else _nulls(cells)
    too_long = is_id & (sizes > MAX_ID_BYTES)
    faults = _mark({missing: absent, "long_id": too_long, "invalid_utf8": invalid})
    return Values(pc.if_else(pa.array(faults == 0), text, None) if faults.any() else text, faults)


def _as_written(cells: pa.Array) -> pa.Array:
    """Give any cells as text, null where they are empty or not UTF-8."""
    if pa.types.is_nested(cells.type):
        return pa.array([None if value is None else str(value) for value in cells.to_pylist()], pa.string())
    text = _decode(cells)[0] if pa.types.is_binary(cells.type) else _words(cells)
    return pc.if_else(pc.equal(text, ""), None, text)


def _words(cells: pa.Array) -> pa.Array:
    """Write numbers as words, alike whether they are held as integers or as floats."""
    if pa.types.is_floating(cells.type):
        whole = _cast_integers(cells)
        there = pc.if_else(pc.is_nan(cells), None, cells)
        return pc.coalesce(whole.cast(pa.string()), there.cast(pa.string()))
    return cells if pa.types.is_binary(cells.type) else cells.cast(pa.string())


def _trim(cells: pa.Array, spaces: str) -> tuple[pa.Array, np.ndarray, np.ndarray]:
    """Give text without spaces around it, null where there is none; where it is missing, and where not UTF-8."""
    text, invalid = _decode(cells)
    text = pc.utf8_trim(text, spaces) if spaces else text
    empty = pc.fill_null(pc.equal(pc.binary_length(text), 0), fill_value=True).to_numpy(zero_copy_only=False)
    return pc.if_else(pa.array(empty), None, text) if empty.any() else text, empty & ~invalid, invalid


def _parse_integers(text: pa.Array, pattern: str) -> pa.Array:
    """Parse integers; null where the text does not match the pattern, or leaves 64 bits."""
    with suppress(pa.ArrowInvalid):
        integers = text.cast(pa.int64())  # takes 007 and 0x7 too
        if pc.all(pc.equal(integers.cast(pa.string()), text)).as_py() is not False:
            return integers
    text = pc.if_else(pc.match_substring_regex(text, pattern), text, None)
    text = pc.replace_substring_regex(text, r"^\+|\.0*$", "")
    try:
        return text.cast(pa.int64())
    except pa.ArrowInvalid:  # beyond 64 bits
        return pa.array(map(_int64, text.to_pylist()), pa.int64())


def _int64(text: str | None) -> int | None:
    if text is None or len(text.lstrip("-0")) > 19:
        return None
    return value if -(2**63) <= (value := int(text)) < 2**63 else None


def _cast_integers(cells: pa.Array) -> pa.Array:
    """Cast numbers to int64; null where they are not whole, or leave what is exact."""
    if pa.types.is_floating(cells.type):
        numbers = pc.fill_null(cells.cast(pa.float64()), np.nan).to_numpy()
        whole = (numbers == np.floor(numbers)) & (np.abs(numbers) < exact_below(cells.type.to_pandas_dtype()))
        return pa.array(np.where(whole, numbers, 0).astype(np.int64), mask=~whole)
    if pa.types.is_uint64(cells.type):
        cells = pc.if_else(pc.less_equal(cells, pa.scalar(2**63 - 1, pa.uint64())), cells, None)
    return cells.cast(pa.int64())


def _parse_numbers(text: pa.Array) -> pa.Array:
    try:
        return text.cast(pa.float64())
    except pa.ArrowInvalid:
        return pc.if_else(pc.match_substring_regex(text, number_pattern()), text, None).cast(pa.float64())


def _parse_booleans(text: pa.Array) -> pa.Array:
    lower = pc.ascii_lower(text)
    is_true = pc.equal(lower, "true")
    return pc.if_else(pc.or_(is_true, pc.equal(lower, "false")), is_true, None)


def _parse_times(text: pa.Array) -> tuple[pa.Array, np.ndarray | bool]:
    """Parse ISO 8601 to times in UTC, null where it is none; and tell which have a zone."""
    for kind, zoned in ((TYPES["time"], False), (_UTC, True)):
        with suppress(pa.ArrowInvalid):
            return _in_calendar(text.cast(kind).cast(pa.int64()), TICKS["us"]), zoned
    zones = pc.fill_null(pc.match_substring_regex(text, ZONE), fill_value=False).to_numpy(zero_copy_only=False)
    # A digit first: pandas also reads "now". Nine decimals would narrow the range of years for their whole company.
    text = pc.if_else(pc.match_substring_regex(text, r"^\d"), text, None)
    text = pc.replace_substring_regex(text, r"(\.\d{6})\d+", r"\1")
    times = pd.to_datetime(text.to_pandas(), utc=True, format="ISO8601", errors="coerce")
    unread = times.isna().to_numpy()
    ticks = times.dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)
    return _in_calendar(pa.array(ticks, mask=unread), TICKS["us"]), zones


def _parse_format(text: pa.Array, form: str) -> tuple[pa.Array, np.ndarray | bool]:
    """Parse times of one format."""
    times = pd.to_datetime(text.to_pandas(), utc=True, format=form, errors="coerce")
    ticks = times.dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)
    return _in_calendar(pa.array(ticks, mask=times.isna().to_numpy()), TICKS["us"]), "%z" in form


def _from_ticks(cells: pa.Array) -> pa.Array:
    """Convert dates and timestamps of any unit."""
    if pa.types.is_date32(cells.type):
        return _in_calendar(pc.multiply(cells.cast(pa.int32()).cast(pa.int64()), 86400), 1)
    unit = "ms" if pa.types.is_date64(cells.type) else getattr(cells.type, "unit", "us")
    return _in_calendar(cells.cast(pa.int64()), TICKS[unit])


def _in_calendar(ticks: pa.Array, per_second: int) -> pa.Array:
    """Give timestamps, null outside of the years 1 to 9999."""
    seconds, rest = np.divmod(pc.fill_null(ticks, 0).to_numpy(), per_second)
    first, last = (int(year.astype(np.int64)) for year in YEARS)
    inside = (first <= seconds) & (seconds <= last) & ~_nulls(ticks)
    microseconds = np.where(inside, seconds, 0) * 10**6 + rest * 10**6 // per_second
    return pa.array(microseconds, mask=~inside).cast(TYPES["time"])


# How text and how other cells become values of a kind, null where they cannot, and what is wrong with them then.
_READ: dict[str, tuple[Callable[[pa.Array], Any], Callable[[pa.Array], pa.Array], str]] = {
    "integer": (partial(_parse_integers, pattern=_INTEGER), _cast_integers, "not_integer"),
    "ticks": (partial(_parse_integers, pattern=_WHOLE), _cast_integers, "unreadable_time"),
    "number": (_parse_numbers, lambda cells: cells.cast(pa.float64(), safe=False), "not_a_number"),
    "boolean": (_parse_booleans, lambda cells: cells.cast(pa.bool_()), "not_boolean"),
    "time": (_parse_times, _from_ticks, "unreadable_time"),
}
