"""How a log is written is learned here, so that another log can be written alike."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from seqrec.data.sequences import Sequences
from seqrec.data.times import TICKS
from seqrec.data.vocabulary import N_RESERVED
from seqrec.logs import json as log_json
from seqrec.logs import parquet as log_parquet
from seqrec.logs.files import LogFile
from seqrec.logs.formats import SAMPLE_BYTES, read_blocks, read_names
from seqrec.logs.source import Source
from seqrec.logs.values import TYPES, plain
from seqrec.storage.columns import USUAL, Columns, IdForm, LogForm, TimeForm

_NUMBERED = re.compile(r"(.*?)([0-9]{1,18})([^0-9]*)", re.DOTALL)
_SHARED = 5  # users at least, of whom a text that all ids share names none
_RANDOM = {"9": "[0-9]", "x": "[0-9a-f]", "X": "[0-9A-F]"}
_RANDOM_DIGITS = 16  # at least, so that no two of them meet
_ROOM = 2**62
_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:([T ])\d\d:\d\d(:\d\d)?(?:\.(\d+))?)?(\s*(?:Z|[+-]\d\d(?::?\d\d)?))?")
_DECIMALS = re.compile(r"[+-]?[0-9]{1,15}(?:[.,]([0-9]{1,15}))?")  # as floats tell them apart


def learn_form(source: Source, time_unit: str | None, users: NDArray) -> LogForm:
    """Look at how a log is written: its first file with rows tells, and the ids of all its users."""
    columns, kinds = source.columns, source.kinds
    own = set(columns.roles.values())
    file = next(file for file in source.files if any(True for _ in _cells(file, columns.user, kinds["user"])))
    return LogForm(
        "csv" if file.format == "tsv" else file.format,
        tuple(name for name in read_names(file) if name in own),
        learn_ids(users),
        TimeForm() if columns.timestamp is None else learn_times(file, columns.timestamp, kinds["time"], time_unit),
        _learn_decimals(file, [name for name in columns.fields if kinds[f"field:{name}"] == "number"]),
    )


def _cells(file: LogFile, name: str, kind: str) -> Iterator[Any]:
    """Give what a column holds in the first rows of a file, as it is written, without what is missing."""
    blocks = (block.cells for block in read_blocks(file, {"cells": name}, {"cells": kind}, SAMPLE_BYTES))
    sample = next(filter(None, blocks), {"cells": pa.array([])})
    return (cell for cell in plain(sample["cells"]).to_pylist() if cell not in (None, b""))


def learn_ids(users: NDArray) -> IdForm:
    """Tell how ids look: integers, numbered text, random digits; or else they will be "user-1" and so on."""
    if users.dtype != object:
        return IdForm("", first=_free(users), integer=True)
    texts = users.tolist()
    found = [_NUMBERED.fullmatch(text) for text in texts]
    parts = [match.groups() for match in found if match]
    around = {(before, after) for before, _, after in parts}
    if len(parts) == len(texts) and (around == {("", "")} or (len(around) == 1 and len(texts) >= _SHARED)):
        ((before, after),) = around
        numbers = [number for _, number, _ in parts]
        return IdForm(before, after, min(map(len, numbers)), _above(map(int, numbers)))
    for sign, digits in _RANDOM.items():
        shapes = {re.sub(digits, sign, text) for text in texts}
        if len(shapes) == 1 and set(shape := shapes.pop()) <= {sign, "-"} and shape.count(sign) >= _RANDOM_DIGITS:
            return IdForm("", pattern=shape)
    taken = [int(number) for before, number, after in parts if (before, after) == ("user-", "")]
    return IdForm(first=_above(taken))


def _above(numbers: Iterable[int]) -> int:
    """Give a round number above all of these."""
    beyond = max(numbers, default=0) + 1
    step = 10 ** (len(str(beyond)) - 1)
    return max(-(-beyond // step) * step, 1)


def _free(numbers: NDArray[np.int64]) -> int:
    """Give a round number above all of these, or one in the widest gap where they reach the end of integers."""
    if (above := _above(numbers.tolist())) < _ROOM:
        return above
    ordered = np.unique(np.append(numbers, 0))
    gaps = np.diff(ordered.view(np.uint64))
    widest = int(gaps.argmax())
    return int(ordered[widest]) + int(gaps[widest]) // 2


def learn_times(file: LogFile, name: str, kind: str, unit: str | None) -> TimeForm:
    """Tell how the times of a column are written; `unit` is that of numbers."""
    if file.format == "parquet":
        own = log_parquet.read_schema(file).field(name).type
        if pa.types.is_date(own):
            return TimeForm("date")
        if pa.types.is_timestamp(own):
            return TimeForm("timestamp", own.unit, zone=own.tz)
    if kind != "time":
        return TimeForm(kind, unit or "s")
    if (form := file.dialect.time_format) is not None:
        return TimeForm("text", "us" if "%f" in form else "s", form.replace("%S.%f", "%S"))
    return _form_of_text(cell.decode(errors="replace") for cell in _cells(file, name, kind))


def _form_of_text(texts: Iterable[str]) -> TimeForm:
    """Tell the form that most of the times have, with as many decimals as any."""
    found = [match.groups() for text in texts if (match := _ISO.fullmatch(text.strip()))]
    if not found:
        return TimeForm()
    (between, seconds, zone), _ = Counter((one[0], one[1], one[3]) for one in found).most_common(1)[0]
    decimals = max(len(one[2] or "") for one in found)
    unit = next(unit for unit, n in zip(TICKS, (0, 3, 6, 9), strict=True) if decimals <= n or unit == "us")
    clock = "" if between is None else f"{between}%H:%M" + (":%S" if seconds else "")
    return TimeForm("text", unit, f"%Y-%m-%d{clock}{zone or ''}", _minutes(zone or "Z"))


def _minutes(zone: str) -> int:
    """Give the minutes that a zone is ahead of UTC."""
    digits = re.sub(r"\D", "", zone).ljust(4, "0")
    return (int(digits[:2]) * 60 + int(digits[2:4])) * (-1 if zone[0] == "-" else 1)


def _learn_decimals(file: LogFile, names: list[str]) -> dict[str, int]:
    """Give the decimals that all numbers of a column are written with, of those columns where they are as many."""
    if file.format == "parquet":
        schema = log_parquet.read_schema(file)
        kinds = {name: schema.field(name).type for name in names}
        return {name: 0 for name, kind in kinds.items() if pa.types.is_integer(kind) and kind != pa.uint64()}
    if file.format == "jsonl":
        entries = log_json.read_objects(file, SAMPLE_BYTES)
        found = {name: [str(one[name]) for one in entries if one.get(name) is not None] for name in names}
    else:
        found = {name: [cell.decode(errors="replace") for cell in _cells(file, name, "number")] for name in names}
    decimals = {name: _written_decimals(cells) for name, cells in found.items()}
    return {name: n for name, n in decimals.items() if n is not None}


def _written_decimals(cells: Iterable[str]) -> int | None:
    matches = [_DECIMALS.fullmatch(cell.strip()) for cell in cells]
    lengths = {len(match[1] or "") if match else None for match in matches}
    return lengths.pop() if len(lengths) == 1 else None


def as_log(X: Sequences, users: pa.Array, columns: Columns, kinds: Mapping[str, str]) -> pa.Table:
    """Give sequences as rows of a log, in its columns and its form.

    Parameters
    ----------
    X : Sequences
        Of known items.
    users : (n_sequences,) pa.Array
        Ids.
    columns : Columns
        Those that X lacks are left out.
    kinds : mapping of str to str
        "text" or "boolean" for each "field:..." that is no number.
    """
    form = columns.form or USUAL
    values = {columns.user: users.take(pa.array(np.repeat(np.arange(len(X)), X.lengths)))}
    if columns.item is not None:
        values[columns.item] = pa.array(X.vocabulary.items).take(pa.array(X.codes - N_RESERVED))
    if columns.timestamp is not None and X.timestamps is not None:
        values[columns.timestamp] = write_times(pa.array(X.timestamps), form.time, form.format)
    for name, column in X.columns.items():
        kind = kinds.get(f"field:{name}", "number")
        is_text, decimals = kind != "number", form.decimals.get(name)
        values[name] = pa.array(column, TYPES[kind]) if is_text else _write_numbers(column, decimals, form.format)
    order = [name for name in form.order if name in values]
    return pa.table({name: values[name] for name in dict.fromkeys([*order, *values])})


def write_times(times: pa.Array, form: TimeForm, to: str) -> pa.Array:
    """Give times, timestamp[us], in a form, as a file of a format holds them."""
    if form.kind == "timestamp":
        return times.cast(pa.timestamp(form.unit, form.zone), safe=False)
    if form.kind == "date":
        days = times.cast(pa.date32(), safe=False)
        return days if to == "parquet" else days.cast(pa.string())
    if form.kind == "text":
        local = pc.add(times, pa.scalar(np.timedelta64(form.offset, "m").astype("m8[us]")))
        local = local.cast(pa.timestamp(form.unit, "UTC"), safe=False)
        if "%f" in form.format:  # which Arrow does not know
            return pa.array(local.to_pandas().dt.strftime(form.format), pa.string())
        return pc.strftime(local, form.format)
    ticks = times.cast(pa.int64()).to_numpy()
    if form.kind == "number":
        return pa.array(ticks * (TICKS[form.unit] / TICKS["us"]))
    return pa.array(ticks * 1000 if form.unit == "ns" else ticks // (TICKS["us"] // TICKS[form.unit]))


def _write_numbers(values: NDArray, decimals: int | None, to: str) -> pa.Array:
    if decimals == 0:
        return pa.array(np.round(values), from_pandas=True).cast(pa.int64())
    column = pa.array(values, from_pandas=True)
    return column if decimals is None or to != "csv" else column.cast(pa.decimal128(38, decimals))
