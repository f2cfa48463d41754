"""One door to the files of every format: the names of their columns, and their rows in blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from seqrec.logs import csv as log_csv
from seqrec.logs import json as log_json
from seqrec.logs import parquet as log_parquet
from seqrec.logs.blocks import BLOCK_BYTES, Block
from seqrec.logs.files import LogFile, Stream

SAMPLE_BYTES = 2**20  # at the start of a file


def read_names(file: LogFile) -> list[str]:
    """List the names of a file's columns; of JSON Lines, the keys in its first rows.

    Raises
    ------
    LogError
        Where the file cannot be opened, or has no header.
    """
    if file.format == "parquet":
        return list(log_parquet.read_schema(file).names)
    if file.format == "jsonl":
        return list(dict.fromkeys(key for entry in log_json.read_objects(file, SAMPLE_BYTES) for key in entry))
    with Stream(file) as stream:
        return log_csv.read_header(stream, file).names


def read_blocks(
    file: LogFile, roles: Mapping[str, str], kinds: Mapping[str, str], block_bytes: int = BLOCK_BYTES
) -> Iterator[Block]:
    """Read the columns that have a role, unchecked, in blocks of about so many bytes of text."""
    if file.format == "parquet":
        return log_parquet.read_blocks(file, roles)
    if file.format == "jsonl":
        return log_json.read_blocks(file, roles, kinds, block_bytes)
    return log_csv.read_blocks(file, roles, block_bytes)
