"""Cells of a log become ids, times and fields; each cell that cannot has a fault with a stable code."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from seqrec._checks import MAX_ID_BYTES
from seqrec.data.times import TICKS, YEARS, ZONE

CODES = {
    "missing_user": "the user is null or empty",
    "missing_item": "the item is null or empty",
    "missing_time": "the time is null or empty",
    "missing_field": "a field is null or empty",
    "long_id": f"an id is longer than {MAX_ID_BYTES} bytes",
    "invalid_utf8": "a text is not valid UTF-8",
    "unreadable_time": "a time is not ISO 8601, not finite, or outside of the years 1 to 9999",
    "not_integer": "an id of integers is no plain integer within 64 bits",
    "not_a_number": "a number cannot be read, or is infinite or NaN",
    "not_boolean": "a value is neither true nor false",
    "wrong_type": "a JSON value is of another kind than its column",
    "wrong_number_of_cells": "a CSV row has more or fewer cells than the header",
    "unclosed_quote": "a CSV cell opens with a quote that never closes",
    "long_row": "a row of text is longer than 16 MiB",
    "broken_json": "a line is not a JSON object",
    "unreadable_rows": "a Parquet row group is damaged",
    "truncated": "a file is damaged or ends early; what follows is lost",
}
FAULTS = ("", *CODES)
FAULT = {code: number for number, code in enumerate(FAULTS)}
TYPES = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "time": pa.timestamp("us"),
}
_INTEGER = r"^-?(0|[1-9][0-9]*)\z"
_WHOLE = r"^[+-]?[0-9]+(\.0*)?\z"
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\z"
_UTC = pa.timestamp("us", "UTC")


class Values(NamedTuple):
    """A column, converted."""

    values: pa.Array  # (n,) null where there is a fault
    faults: np.ndarray  # (n,) uint8: positions in FAULTS, 0 where all is well
    zoned: np.ndarray | bool = False  # which times have a zone


def convert(cells: pa.Array, kind: str, role: str) -> Values:
    """Convert the cells of a column to the Arrow type of its kind.

    Parameters
    ----------
    cells : (n,) pa.Array
        Bytes, or what JSON or Parquet hold.
    kind : {"text", "integer", "number", "boolean", "time"}
    role : str
        "user", "item", "time", or anything else for a field.

    Returns
    -------
    Values
    """
    cells = plain(cells)
    missing = FAULT[f"missing_{role if role in ('user', 'item', 'time') else 'field'}"]
    if role == "time":
        return _read_times(cells, kind, missing)
    if kind == "text":
        return _read_text(cells, missing, is_id=role in ("user", "item"))
    read = {"integer": _read_integers, "number": _read_numbers, "boolean": _read_booleans}[kind]
    return read(cells, missing)


def is_text(kind: pa.DataType) -> bool:
    """Whether an Arrow type holds text, in any of the ways Arrow has."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def show_offset(cell: bytes) -> str:
    """Say where bytes stop being UTF-8."""
    try:
        cell.decode()
    except UnicodeDecodeError as error:
        return f"byte {error.start} of the text is not valid UTF-8"
    return CODES["invalid_utf8"]


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


def _mark(n_rows: int, *found: tuple[int, np.ndarray]) -> np.ndarray:
    """Give each row the first fault that is found in it."""
    faults = np.zeros(n_rows, dtype=np.uint8)
    for fault, rows in reversed(found):
        faults[rows] = fault
    return faults


def _keep(values: pa.Array, faults: np.ndarray) -> pa.Array:
    """Set the values with a fault to null."""
    return pc.if_else(pa.array(faults == 0), values, None) if faults.any() else values


def _decode(cells: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Give text, null where the bytes are not UTF-8, and where that is."""
    try:
        return cells.cast(pa.string()), np.zeros(len(cells), dtype=bool)
    except pa.ArrowInvalid:
        invalid = np.zeros(len(cells), dtype=bool)
        for row in beyond_ascii(cells):
            invalid[row] = not is_utf8(cells[int(row)].as_py() or b"")
        return pc.if_else(pa.array(invalid), None, cells).cast(pa.string()), invalid


def beyond_ascii(cells: pa.Array) -> np.ndarray:
    """List the rows that hold bytes above 127."""
    _, offsets, content = cells.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)[cells.offset + 1 : cells.offset + len(cells) + 1]
    places = np.flatnonzero(np.frombuffer(content, dtype=np.uint8) > 127)
    rows = np.unique(np.searchsorted(ends, places, side="right"))
    return rows[rows < len(cells)]


def is_utf8(content: bytes) -> bool:
    """Whether bytes are text."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _read_text(cells: pa.Array, missing: int, is_id: bool) -> Values:
    text, invalid = _decode(cells.cast(pa.binary()))
    sizes = pc.fill_null(pc.binary_length(cells.cast(pa.binary())), 0).to_numpy()
    absent = sizes == 0 if is_id else _nulls(cells)
    too_long = sizes > MAX_ID_BYTES if is_id else np.zeros(len(cells), dtype=bool)
    faults = _mark(len(cells), (missing, absent), (FAULT["long_id"], too_long), (FAULT["invalid_utf8"], invalid))
    return Values(_keep(text, faults), faults)


def _read_integers(cells: pa.Array, missing: int) -> Values:
    if pa.types.is_binary(cells.type):
        text, absent, invalid = _trim(cells, "")
        integers = _parse_integers(text, _INTEGER)
    else:
        absent, invalid = _nulls(cells), np.zeros(len(cells), dtype=bool)
        integers = _cast_integers(cells)
    unread = _nulls(integers)
    utf8, code = FAULT["invalid_utf8"], FAULT["not_integer"]
    return Values(integers, _mark(len(cells), (missing, absent), (utf8, invalid), (code, unread)))


def _trim(cells: pa.Array, spaces: str = " \t") -> tuple[pa.Array, np.ndarray, np.ndarray]:
    """Give text without spaces around it, null where there is none; where it is missing, and where not UTF-8."""
    text, invalid = _decode(cells)
    text = pc.utf8_trim(text, spaces) if spaces else text
    empty = pc.fill_null(pc.equal(pc.binary_length(text), 0), fill_value=True).to_numpy(zero_copy_only=False)
    return pc.if_else(pa.array(empty), None, text) if empty.any() else text, empty & ~invalid, invalid


def _parse_integers(text: pa.Array, pattern: str) -> pa.Array:
    """Parse integers; null where the text does not match the pattern, or leaves 64 bits."""
    try:
        integers = text.cast(pa.int64())  # takes 007 and 0x7 too
        if pc.all(pc.equal(integers.cast(pa.string()), text)).as_py() is not False:
            return integers
    except pa.ArrowInvalid:
        pass
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
        whole = (numbers == np.floor(numbers)) & (np.abs(numbers) < 2**53)
        return pa.array(np.where(whole, numbers, 0).astype(np.int64), mask=~whole)
    if pa.types.is_uint64(cells.type):
        cells = pc.if_else(pc.less_equal(cells, pa.scalar(2**63 - 1, pa.uint64())), cells, None)
    return cells.cast(pa.int64())


def _read_numbers(cells: pa.Array, missing: int, code: str = "not_a_number") -> Values:
    if pa.types.is_binary(cells.type):
        text, absent, invalid = _trim(cells)
        numbers = _parse_numbers(text)
    else:
        absent, invalid = cells.is_null().to_numpy(zero_copy_only=False), np.zeros(len(cells), dtype=bool)
        numbers = cells.cast(pa.float64(), safe=False)
    unread = ~np.isfinite(pc.fill_null(numbers, np.nan).to_numpy())
    utf8 = FAULT["invalid_utf8"]
    faults = _mark(len(cells), (missing, absent), (utf8, invalid), (FAULT[code], unread))
    return Values(_keep(numbers, faults), faults)


def _parse_numbers(text: pa.Array) -> pa.Array:
    try:
        return text.cast(pa.float64())
    except pa.ArrowInvalid:
        return pc.if_else(pc.match_substring_regex(text, _NUMBER), text, None).cast(pa.float64())


def _read_booleans(cells: pa.Array, missing: int) -> Values:
    if not pa.types.is_binary(cells.type):
        values = cells.cast(pa.bool_())
        return Values(values, _mark(len(cells), (missing, _nulls(cells))))
    text, absent, invalid = _trim(cells)
    lower = pc.ascii_lower(text)
    values = pc.equal(lower, "true")
    neither = ~pc.fill_null(pc.or_(values, pc.equal(lower, "false")), fill_value=False).to_numpy(zero_copy_only=False)
    utf8, code = FAULT["invalid_utf8"], FAULT["not_boolean"]
    faults = _mark(len(cells), (missing, absent), (utf8, invalid), (code, neither))
    return Values(_keep(values, faults), faults)


def _read_times(cells: pa.Array, kind: str, missing: int) -> Values:
    if kind == "number":
        times = _read_numbers(cells, missing, "unreadable_time")
        nan = _nulls(cells) & (times.faults != 0)
        return times._replace(faults=np.where(nan, missing, times.faults).astype(np.uint8))
    if kind == "time":
        return _read_text_times(cells, missing) if pa.types.is_binary(cells.type) else _from_ticks(cells, missing)
    if not pa.types.is_binary(cells.type):
        times = _read_integers(cells, missing)
    else:
        text, absent, invalid = _trim(cells)
        integers = _parse_integers(text, _WHOLE)
        found = (missing, absent), (FAULT["invalid_utf8"], invalid), (FAULT["unreadable_time"], _nulls(integers))
        times = Values(integers, _mark(len(cells), *found))
    times.faults[times.faults == FAULT["not_integer"]] = FAULT["unreadable_time"]
    return times


def _read_text_times(cells: pa.Array, missing: int) -> Values:
    text, absent, invalid = _trim(cells, "")
    ticks, zoned = _parse_times(text)
    values = _in_calendar(ticks)
    found = (missing, absent), (FAULT["invalid_utf8"], invalid), (FAULT["unreadable_time"], _nulls(values))
    return Values(values, _mark(len(cells), *found), zoned)


def _parse_times(text: pa.Array) -> tuple[pa.Array, np.ndarray | bool]:
    """Parse ISO 8601 to int64 microseconds in UTC, null where it is none; and which times have a zone."""
    for kind, zoned in ((TYPES["time"], False), (_UTC, True)):
        try:
            return text.cast(kind).cast(pa.int64()), zoned
        except pa.ArrowInvalid:
            continue
    zones = pc.fill_null(pc.match_substring_regex(text, ZONE), fill_value=False).to_numpy(zero_copy_only=False)
    # A digit first: pandas also reads "now". Nine decimals would narrow the range of years for their whole company.
    text = pc.if_else(pc.match_substring_regex(text, r"^\d"), text, None)
    text = pc.replace_substring_regex(text, r"(\.\d{6})\d+", r"\1")
    times = pd.to_datetime(text.to_pandas(), utc=True, format="ISO8601", errors="coerce")
    unread = times.isna().to_numpy()
    ticks = times.dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)
    return pa.array(ticks, mask=unread), zones


def _in_calendar(microseconds: pa.Array) -> pa.Array:
    """Give timestamps, null outside of the years 1 to 9999."""
    ticks = pc.fill_null(microseconds, 0).to_numpy()
    inside = _is_in_calendar(ticks // 10**6) & microseconds.is_valid().to_numpy(zero_copy_only=False)
    return pa.array(np.where(inside, ticks, 0), mask=~inside).cast(TYPES["time"])


def _is_in_calendar(seconds: np.ndarray) -> np.ndarray:
    first, last = (int(year.astype(np.int64)) for year in YEARS)
    return (first <= seconds) & (seconds <= last)


def _from_ticks(cells: pa.Array, missing: int) -> Values:
    """Convert dates and timestamps of any unit."""
    absent, zoned = _nulls(cells), getattr(cells.type, "tz", None) is not None
    if pa.types.is_date32(cells.type):
        ticks, per_second = cells.cast(pa.int32()).cast(pa.int64()), 1
        ticks = pc.multiply(ticks, 86400)
    else:
        per_second = TICKS["ms" if pa.types.is_date64(cells.type) else getattr(cells.type, "unit", "us")]
        ticks = cells.cast(pa.int64())
    seconds, rest = np.divmod(pc.fill_null(ticks, 0).to_numpy(), per_second)
    inside = _is_in_calendar(seconds) & ~absent
    microseconds = np.where(inside, seconds, 0) * 10**6 + rest * 10**6 // per_second
    values = pa.array(microseconds, mask=~inside).cast(TYPES["time"])
    return Values(values, _mark(len(cells), (missing, absent), (FAULT["unreadable_time"], ~inside)), zoned)
