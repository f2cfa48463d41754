"""Logs of any size are read here in chunks: good rows as a table, bad rows with the reason, every row with its number.

``n_rows`` of a chunk is always the number of good rows plus the number of bad rows, whatever a file holds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqrec.data.times import TICKS, coarsest_clock
from seqrec.exceptions import LogError
from seqrec.logs.blocks import BAD_SCHEMA, BadRow, Block, show_raw
from seqrec.logs.columns import Columns
from seqrec.logs.dialect import Dialect
from seqrec.logs.files import LogFile
from seqrec.logs.formats import read_blocks
from seqrec.logs.values import CODES, FAULT, FAULTS, TYPES, Values, convert, invalid_byte, plain

_MILLION = 10**6


class TimeFacts(NamedTuple):
    """What is known of the times of good rows; it adds up over chunks."""

    n_zoned: int = 0  # times with a zone
    n_naive: int = 0  # times without one
    low: int | float | None = None  # the least and greatest of numbers, or of microseconds since 1970
    high: int | float | None = None
    step: int = 0  # greatest common divisor of the times, in millionths of what `low` is told in

    def __add__(self, other: TimeFacts) -> TimeFacts:  # type: ignore[override]
        lows = [low for low in (self.low, other.low) if low is not None]
        highs = [high for high in (self.high, other.high) if high is not None]
        zoned, naive = self.n_zoned + other.n_zoned, self.n_naive + other.n_naive
        step = math.gcd(self.step, other.step)
        return TimeFacts(zoned, naive, min(lows, default=None), max(highs, default=None), step)

    def clock(self, unit: str | None, n: int) -> int | None:
        """Give the clock of n times, as `times.clock_of`; `unit` is that of numbers."""
        ticks = TICKS[unit or "us"]
        # Of numbers in nanoseconds, no clock need fit.
        return coarsest_clock(lambda tick: tick == 1 or not self.step % (tick * ticks), n) if self.step else None

    def check_zones(self, column: str | None) -> None:
        """Raise a LogError if times with a zone are mixed with others."""
        if self.n_zoned and self.n_naive:
            raise LogError(
                f"column {column!r} has {self.n_zoned:,} times with a zone and {self.n_naive:,} without one. "
                "Give every time a zone, or none."
            )


class Chunk(NamedTuple):
    """The rows ``start`` to ``start + n_rows`` of a file."""

    good: pa.Table  # row, user, item, time if any, "field:..." for each field
    bad: pa.Table  # row, column, code, reason, raw
    start: int
    n_rows: int
    times: TimeFacts


def schema_of(kinds: Mapping[str, str]) -> pa.Schema:
    """Give the schema of the tables of good rows."""
    return pa.schema([("row", pa.int64()), *((role, TYPES[kind]) for role, kind in kinds.items())])


def read_chunks(file: LogFile, columns: Columns, kinds: Mapping[str, str], chunk_rows: int = 2**18) -> Iterator[Chunk]:
    """Read a file in chunks of at most `chunk_rows` rows; the same file gives the same chunks.

    Parameters
    ----------
    file : LogFile
    columns : Columns
    kinds : mapping of str to str
        The kind of each role, from `find_kinds`.
    chunk_rows : int

    Yields
    ------
    Chunk

    Raises
    ------
    LogError
        Where the file cannot be opened. Damage within it makes bad rows instead.
    """
    roles = columns.roles
    for whole in read_blocks(file, roles, kinds):
        for block in whole.split(chunk_rows):
            yield _check_block(block, roles, kinds, file.dialect)


def _check_block(block: Block, roles: Mapping[str, str], kinds: Mapping[str, str], dialect: Dialect) -> Chunk:
    columns = {role: convert(block.cells[role], kinds[role], role, dialect) for role in roles} if block.cells else {}
    faulty = np.zeros(len(block.rows), dtype=bool)
    for role, wrong in block.wrong.items():
        columns[role].faults[np.isin(block.rows, list(wrong))] = FAULT["wrong_type"]
    for column in columns.values():
        faulty |= column.faults != 0
    schema = schema_of(kinds)
    good = schema.empty_table()
    if columns:
        good = pa.table([pa.array(block.rows), *(columns[role].values for role in kinds)], schema=schema)
    if faulty.any():
        good = good.filter(pa.array(~faulty))
    bad = sorted([*block.bad, *_bad_rows(block, columns, faulty, roles)])
    bad_table = pa.Table.from_pylist([row._asdict() for row in bad], schema=BAD_SCHEMA)
    times = _time_facts(good, columns["time"], faulty) if "time" in columns else TimeFacts()
    return Chunk(good, bad_table, block.start, block.n_rows, times)


def _bad_rows(
    block: Block, columns: Mapping[str, Values], faulty: np.ndarray, roles: Mapping[str, str]
) -> Iterator[BadRow]:
    """Report the first fault of each row, in the order of the roles."""
    for position in np.flatnonzero(faulty):
        role = next(role for role, column in columns.items() if column.faults[position])
        row = int(block.rows[position])
        cell = plain(block.cells[role][position : position + 1])[0].as_py()
        code, raw = block.wrong.get(role, {}).get(row) or (FAULTS[columns[role].faults[position]], show_raw(cell))
        reason = CODES[code]
        if code == "invalid_utf8":
            reason = f"byte {invalid_byte(cell)} of the text is not valid UTF-8"
        yield BadRow(row, roles[role], code, reason, raw)


def _time_facts(good: pa.Table, column: Values, faulty: np.ndarray) -> TimeFacts:
    times = good["time"]
    if pa.types.is_timestamp(times.type):
        zoned = int(np.broadcast_to(column.zoned, faulty.shape)[~faulty].sum())
        times = times.cast(pa.int64())
        low, high = pc.min_max(times).as_py().values()
        return TimeFacts(zoned, len(good) - zoned, low, high, _step(times.to_numpy()))
    low, high = pc.min_max(times).as_py().values()
    return TimeFacts(0, 0, low, high, _step(times.to_numpy()))


def _step(times: np.ndarray) -> int:
    """Greatest common divisor of times in millionths."""
    if times.dtype.kind == "f":
        return int(np.gcd.reduce(np.rint(times * _MILLION).astype(np.int64)))
    return int(np.gcd.reduce(times)) * _MILLION
