"""Blocks of rows on their way from a file to the checks, each row with its number in the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from seqrec.logs.files import MAX_ROW_BYTES, Stream

BLOCK_BYTES = 2**23
MAX_RAW = 200
BAD_SCHEMA = pa.schema(
    [("row", pa.int64()), ("column", pa.string()), ("code", pa.string()), ("reason", pa.string()), ("raw", pa.string())]
)


class BadRow(NamedTuple):
    """A row that cannot be used: where its fault is, a stable code, a reason in words, and the value."""

    row: int
    column: str
    code: str
    reason: str
    raw: str


class Block(NamedTuple):
    """Rows ``start`` to ``start + n_rows`` of a file, before their values are checked."""

    start: int
    n_rows: int
    rows: np.ndarray  # (n,) int64: the number of each row that has cells
    cells: Mapping[str, pa.Array]  # role -> (n,)
    bad: Sequence[BadRow]  # the other rows
    wrong: Mapping[str, Mapping[int, tuple[str, str]]] = {}  # role -> row -> code and value: null in `cells`

    def split(self, n_rows: int) -> Iterator[Block]:
        """Cut the block into blocks of at most `n_rows` rows."""
        numbers = np.array([row.row for row in self.bad], dtype=np.int64)
        for start in range(self.start, self.start + self.n_rows, n_rows):
            stop = min(start + n_rows, self.start + self.n_rows)
            cells, bad = (slice(*np.searchsorted(of, (start, stop))) for of in (self.rows, numbers))
            yield self._replace(
                start=start,
                n_rows=stop - start,
                rows=self.rows[cells],
                cells={role: column[cells] for role, column in self.cells.items()},
                bad=self.bad[bad],
            )


def show_raw(value: object) -> str:
    r"""Give a value as text of at most 200 characters; bytes that are not UTF-8 are shown as ``\xNN``."""
    if isinstance(value, bytes | memoryview):
        return bytes(value[: 4 * MAX_RAW]).decode("utf-8", "backslashreplace")[:MAX_RAW]
    text = "" if value is None else str(value)[:MAX_RAW]
    return text.encode("utf-8", "backslashreplace").decode()


def skip_line(stream: Stream, buffer: bytes) -> bytes:
    """Give what follows the line that `buffer` begins with, however long that is."""
    while buffer:
        ends = [end for end in (buffer.find(b"\n"), buffer.find(b"\r")) if end >= 0]
        if ends:
            return buffer[min(ends) + 1 :]
        buffer = stream.read(BLOCK_BYTES)
    return b""


def long_row(row: int, buffer: bytes) -> BadRow:
    """Report a row that never seems to end."""
    return BadRow(row, "", "long_row", f"the row is longer than {MAX_ROW_BYTES >> 20} MiB", show_raw(buffer))


def broken_off(row: int, damage: str, buffer: bytes) -> BadRow:
    """Report the end of a damaged file as one bad row, whatever it once held."""
    return BadRow(row, "", "truncated", f"{damage}; what follows is lost", show_raw(buffer))
