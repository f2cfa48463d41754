"""Blocks of rows on their way from a file to the checks, each row with its number in the file."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from seqrec.logs.files import MAX_ROW_BYTES, Stream

BLOCK_BYTES = 2**23
MAX_RAW = 200
CORRUPT = "corrupt"  # code of the row that stands for the damage of a file of which no row can be trusted
BAD_SCHEMA = pa.schema([("row", pa.int64()), *((name, pa.string()) for name in ("column", "code", "reason", "raw"))])


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

    def ending(self, code: str, reason: str, content: bytes) -> Block:
        """Give the block with a bad row after its last, which stands for all of `content`."""
        bad = BadRow(self.start + self.n_rows, "", code, reason, show_raw(content))
        return self._replace(n_rows=self.n_rows + 1, bad=[*self.bad, bad])

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


def cut_text(
    stream: Stream, buffer: bytes, take: Callable[[bytes, int, bool], tuple[Block, int]], block_bytes: int
) -> Generator[Block]:
    """Cut a text into blocks of whole rows; its damaged end, and a row that never seems to end, are one bad row each.

    Parameters
    ----------
    stream : Stream
    buffer : bytes
        Read from it already.
    take : callable
        Gives the rows at the front of some bytes as a block, and how many bytes they take. It is told the number of the
        first row, and whether the text ends where the bytes do.
    block_bytes : int

    Yields
    ------
    Block
    """
    start, final = 0, False
    while not final:
        more = stream.read(block_bytes)
        buffer, final = buffer + more, not more
        block, used = take(buffer, start, final and stream.damage is None)
        buffer = buffer[used:]
        if final and stream.damage:
            if stream.corrupt:
                block = block.ending(CORRUPT, f"{stream.damage}; what came before may be wrong, too", buffer)
            else:
                block = block.ending("truncated", f"{stream.damage}; what follows is lost", buffer)
        elif len(buffer) > MAX_ROW_BYTES and not used:
            block = block.ending("long_row", f"the row is longer than {MAX_ROW_BYTES >> 20} MiB", buffer)
            buffer = _skip_line(stream, buffer)
        if block.n_rows:
            yield block
        start += block.n_rows


def _skip_line(stream: Stream, buffer: bytes) -> bytes:
    """Give what follows the line that `buffer` begins with, however long that is."""
    while buffer:
        ends = [end for end in (buffer.find(b"\n"), buffer.find(b"\r")) if end >= 0]
        if ends:
            return buffer[min(ends) + 1 :]
        buffer = stream.read(BLOCK_BYTES)
    return b""
