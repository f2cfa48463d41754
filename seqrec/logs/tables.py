"""Result tables are written here: whole or not at all, and safe to open in a spreadsheet or a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from seqrec._files import replacing
from seqrec.data.times import is_text
from seqrec.exceptions import InputError

# What a spreadsheet would run; and what begins as an escaped text does, so that no two texts are written alike.
_ESCAPED = r"^([\s\pZ]*[=+\-@＝＋－＠]|[\t\r'])"


class TableWriter(NamedTuple):
    """Takes the rows of a table batch by batch."""

    schema: pa.Schema
    append: Callable[[pa.Table], None]

    def write(self, table: pa.Table) -> None:
        """Append rows, in the columns of the schema."""
        self.append(table.select(self.schema.names).cast(self.schema))


@contextmanager
def _open_parquet(file: BinaryIO, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    with pa.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        yield writer.write_table


@contextmanager
def _open_csv(file: BinaryIO, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    # Text is quoted, always; so an empty text is not taken for null.
    options = pa.csv.WriteOptions(include_header=False, quoting_style="needed")

    def append(table: pa.Table) -> None:
        columns = [_escape(_plain_column(column)) for column in table.columns]
        # Where the first chunk is empty, Arrow 26 writes what happens to lie in its memory.
        pa.csv.write_csv(pa.table(columns, names=table.column_names).combine_chunks(), file, options)

    append(pa.table([[name] for name in schema.names], names=schema.names))
    yield append


@contextmanager
def _open_json(file: BinaryIO, _: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False)

    def append(table: pa.Table) -> None:
        columns = [_plain_column(column) for column in table.columns]
        for batch in pa.table(columns, names=table.column_names).to_batches(max_chunksize=2**14):
            file.write("".join(encoder.encode(row) + "\n" for row in batch.to_pylist()).encode())

    yield append


def _plain_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Turn times into text, and narrow numbers into wide ones that are written alike."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_timestamp(column.type):
        return pc.strftime(column.cast(pa.timestamp(column.type.unit, "UTC")), "%Y-%m-%dT%H:%M:%SZ")
    if pa.types.is_float32(column.type):  # 0.1 stays 0.1, not 0.10000000149
        return column.cast(pa.string()).cast(pa.float64())
    return column


def _escape(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not is_text(column.type):
        return column
    return pc.replace_substring_regex(column, _ESCAPED, r"'\1")


_FORMATS = {".parquet": _open_parquet, ".csv": _open_csv, ".jsonl": _open_json}


@contextmanager
def open_writer(path: Path, schema: pa.Schema) -> Iterator[TableWriter]:
    """Write a table batch by batch; it takes its name when the block ends well.

    Parameters
    ----------
    path : Path
        Its ending says the format: ``.parquet``, ``.csv`` or ``.jsonl``. In CSV, a text that a spreadsheet would run
        as a formula, or that begins with an apostrophe, gets an apostrophe before it: whoever takes one off the
        beginning of each text has them as they were. Null is an empty cell. Times are ISO 8601 in UTC.
    schema : pa.Schema
        Columns of text, numbers, booleans and times.

    Yields
    ------
    TableWriter

    Raises
    ------
    ValueError
        Where the ending is another.
    OSError
        If the disk is full, or the folder cannot be written.
    """
    check_output(path)
    open_format = _FORMATS[path.suffix.lower()]
    with replacing(path) as unfinished, unfinished.open("wb") as file, open_format(file, schema) as append:
        yield TableWriter(schema, append)


def write_table(table: pa.Table, path: Path) -> None:
    """Write a whole table, as `open_writer` does."""
    with open_writer(path, table.schema) as writer:
        writer.write(table)


def check_output(path: Path) -> None:
    """Refuse a name whose ending is no format that can be written."""
    if path.suffix.lower() not in _FORMATS:
        raise InputError(f"{path}: results are written as {', '.join(_FORMATS)}. Give the name one of these endings.")
