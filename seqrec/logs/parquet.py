"""Parquet files become blocks of rows, row group by row group; of a damaged group the rest is given up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from seqrec.exceptions import LogError
from seqrec.logs.blocks import BadRow, Block
from seqrec.logs.files import LogFile, open_file

_BATCH_ROWS = 2**16
_UNREADABLE = (pa.ArrowException, OSError, ValueError, MemoryError, OverflowError)


@contextmanager
def _opened(file: LogFile) -> Iterator[pa.parquet.ParquetFile]:
    with open_file(file.path) as raw:
        try:
            # Buffered and unhurried: a row group need not fit into memory. Times of Spark become microseconds, since in
            # nanoseconds, Arrow's default, years beyond 2262 would turn silently into others.
            opened = pa.parquet.ParquetFile(
                raw,
                buffer_size=2**20,
                pre_buffer=False,
                page_checksum_verification=True,
                coerce_int96_timestamp_unit="us",
            )
            _check_counts(opened.metadata)
            opened.schema_arrow.names  # noqa: B018  names that are not UTF-8 show only when they are read
        except _UNREADABLE as error:
            raise LogError(f"{file.path} is not a Parquet file, or its end is damaged: {_first_line(error)}") from None
        yield opened


def _check_counts(metadata: pa.parquet.FileMetaData) -> None:
    """Refuse numbers of rows that contradict each other: they are how bad rows are counted."""
    counts = [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]
    if min(counts, default=0) < 0 or sum(counts) != metadata.num_rows:
        raise ValueError("its numbers of rows contradict each other")


def read_schema(file: LogFile) -> pa.Schema:
    """Give the columns' names and types; a column of which all values are null says nothing by its type: it has none.

    Raises
    ------
    LogError
        Where it is not a readable Parquet file.
    """
    with _opened(file) as opened:
        schema = opened.schema_arrow
        with suppress(*_UNREADABLE):  # statistics that are damaged
            for name in _null_columns(opened.metadata) & set(schema.names):
                schema = schema.set(schema.get_field_index(name), pa.field(name, pa.null()))
        return schema


def _null_columns(metadata: pa.parquet.FileMetaData) -> set[str]:
    """Name the columns of which the statistics say that all values are null."""
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    leaves = range(metadata.num_columns if groups else 0)
    return {metadata.schema.column(leaf).path for leaf in leaves if all(_is_null(group, leaf) for group in groups)}


def _is_null(group: pa.parquet.RowGroupMetaData, leaf: int) -> bool:
    found = group.column(leaf).statistics
    return found is not None and found.has_null_count and found.null_count == group.num_rows > 0


def read_blocks(file: LogFile, roles: Mapping[str, str]) -> Iterator[Block]:
    """Read the columns that have a role, as they are.

    Parameters
    ----------
    file : LogFile
    roles : mapping of str to str
        The column of each role.

    Yields
    ------
    Block
    """
    with _opened(file) as opened:
        start = 0
        for group in range(opened.num_row_groups):
            yield from _read_group(opened, group, start, roles)
            start += opened.metadata.row_group(group).num_rows


def _read_group(opened: pa.parquet.ParquetFile, group: int, start: int, roles: Mapping[str, str]) -> Iterator[Block]:
    """Read a row group; from where it is damaged, its rows are bad."""
    stop = start + opened.metadata.row_group(group).num_rows
    with suppress(*_UNREADABLE):
        for batch in opened.iter_batches(_BATCH_ROWS, row_groups=[group], columns=sorted(set(roles.values()))):
            rows = np.arange(start, min(start + len(batch), stop))
            cells = {role: batch.column(name)[: len(rows)] for role, name in roles.items()}
            yield Block(start, len(rows), rows, cells, [])
            start += len(rows)
    reason = f"row group {group} of the file is damaged"
    for first in range(start, stop, _BATCH_ROWS):
        lost = range(first, min(first + _BATCH_ROWS, stop))
        bad = [BadRow(row, "", "unreadable_rows", reason, "") for row in lost]
        yield Block(first, len(lost), np.array([], dtype=np.int64), {}, bad)


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
