"""CSV and TSV files become blocks of whole rows, with the rules of Python's own csv module.

The bytes are cut where a row ends, by counting quotes, or by a pattern where quotes stand elsewhere than around cells.
Arrow parses the whole rows. Only where a quote never closes are they read one by one, so that it spoils its own line.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from seqrec._checks import show
from seqrec.exceptions import LogError
from seqrec.logs.blocks import BLOCK_BYTES, BadRow, Block, cut_text, show_raw
from seqrec.logs.files import MAX_ROW_BYTES, LogFile, Stream
from seqrec.logs.values import CODES, beyond_ascii, invalid_byte

_LINE = re.compile(rb"[^\r\n]*+(?:\r\n?|\n|\Z)")
_QUOTE, _CR, _LF = b'"\r\n'


class Header(NamedTuple):
    """The first row of a file.

    Attributes
    ----------
    names : list of str
        Of the columns; a column without a name, such as pandas' index, has an empty one.
    delimiter : bytes
    rest : bytes
        That were read beyond it.
    """

    names: list[str]
    delimiter: bytes
    rest: bytes


def read_header(stream: Stream, file: LogFile) -> Header:
    """Read the header.

    Raises
    ------
    LogError
        Where there is no header, or its names are empty, repeated or not UTF-8.
    """
    buffer, match = b"", None
    while match is None and len(buffer) <= MAX_ROW_BYTES:
        more = stream.read(max(len(buffer), 2**16))
        buffer = (buffer + more).lstrip(b"\r\n")
        grammar = _Grammar.of(_delimiter(file, buffer))
        match = grammar.match(buffer, 0, final=not more and stream.damage is None)
        if not more:
            break
    if match is None or not buffer:
        what = f"; {stream.damage}" if stream.damage else ""
        raise LogError(f"{file.path} has no header line{what}. Expected the names of the columns in its first line.")
    names = _check_names(grammar.cells(match.group()), file)
    return Header(names, grammar.delimiter, buffer[match.end() :])


def _delimiter(file: LogFile, content: bytes) -> bytes:
    """Give the delimiter that is said, or the sign that is most frequent in the first line, outside of quotes."""
    if file.dialect.delimiter is not None:
        return file.dialect.delimiter.encode()
    line = re.sub(rb'"[^"]*"', b"", content.splitlines()[0] if content else b"")
    usual = b"\t,;|" if file.format == "tsv" else b",;\t|"
    return bytes([max(usual, key=line.count)])


def _check_names(cells: list[bytes | None], file: LogFile) -> list[str]:
    try:
        names = [(cell or b"").decode() for cell in cells]
    except UnicodeDecodeError:
        advice = "Say how it is written, such as --encoding latin-1, or convert it"
        raise LogError(f"{file.path}: the header is not valid UTF-8. {advice}.") from None
    if len(names) == 1:
        raise LogError(
            f"{file.path}: the header is a single cell, {show(names[0])}. Expected the names of columns with a sign "
            "between them; if it is none of , ; | and tab, name it: --delimiter SIGN."
        )
    if not any(map(str.strip, names)):
        raise LogError(f"{file.path}: no column of the header has a name. Give them names.")
    for position, name in enumerate(names):
        if name.strip() and name in names[:position]:
            raise LogError(f"{file.path}: column {name!r} occurs twice in the header. Rename or drop all but one.")
    return names


def read_blocks(file: LogFile, roles: Mapping[str, str], block_bytes: int = BLOCK_BYTES) -> Generator[Block]:
    """Read the columns that have a role, as bytes; null is an empty cell without quotes.

    Parameters
    ----------
    file : LogFile
    roles : mapping of str to str
        The column of each role.
    block_bytes : int

    Yields
    ------
    Block
    """
    with Stream(file) as stream:
        names, delimiter, buffer = read_header(stream, file)
        reader = _Reader(delimiter, len(names), {role: names.index(name) for role, name in roles.items()})
        for block in cut_text(stream, buffer, reader.take, block_bytes):
            yield _without_headers(block, roles)


def _without_headers(block: Block, roles: Mapping[str, str]) -> Block:
    """Turn rows that repeat the header, as in files that were put together, into bad ones."""
    repeats = np.ones(len(block.rows), dtype=bool)
    for role, name in roles.items():
        same = pc.equal(block.cells[role], pa.scalar(name.encode(), pa.binary()))
        repeats &= pc.fill_null(same, fill_value=False).to_numpy(zero_copy_only=False)
    if len(roles) < 2 or not repeats.any():
        return block
    raw, kept = show_raw(",".join(roles.values())), pa.array(~repeats)
    bad = [BadRow(int(row), "", "repeated_header", CODES["repeated_header"], raw) for row in block.rows[repeats]]
    cells = {role: column.filter(kept) for role, column in block.cells.items()}
    return block._replace(rows=block.rows[~repeats], cells=cells, bad=sorted([*block.bad, *bad]))


class _Grammar(NamedTuple):
    """What a row and a cell look like: a quote opens a cell only where the cell starts, and two stand for one."""

    delimiter: bytes
    rows: re.Pattern[bytes]  # each with an end of line
    row: re.Pattern[bytes]
    cell: re.Pattern[bytes]  # and the delimiter after it

    @classmethod
    def of(cls, delimiter: bytes) -> _Grammar:
        mark = re.escape(delimiter)
        inner, rest = rb'[^"]*+(?:""[^"]*+)*+', rb"[^%b\r\n]*+" % mark
        cell = rb'(?:"%b"%b|(?!")%b)' % (inner, rest, rest)
        row = rb"%b(?:%b%b)*+" % (cell, mark, cell)
        rows, row = rb"(?:%b(?:\r\n?|\n))*+" % row, rb"%b(?:\r\n?|\n|\Z)" % row
        parts = rb'(?:"(%b)"(%b)|(%b))%b' % (inner, rest, rest, mark)
        return cls(delimiter, *map(re.compile, (rows, row, parts)))

    def match(self, buffer: bytes, position: int, final: bool) -> re.Match[bytes] | None:
        """Match a whole row, or nothing: more bytes may belong to a row that reaches the buffer's end."""
        match = self.row.match(buffer, position)
        return match if final or (match and match.group().endswith((b"\r", b"\n"))) else None

    def cells(self, row: bytes) -> list[bytes | None]:
        """Cut a row into its cells; None is an empty cell without quotes."""
        line = row.rstrip(b"\r\n")
        if _QUOTE not in line:
            return [cell or None for cell in line.split(self.delimiter)]
        parts = (match.groups() for match in self.cell.finditer(line + self.delimiter))
        return [(plain or None) if inner is None else inner.replace(b'""', b'"') + tail for inner, tail, plain in parts]


class _Reader:
    """Takes whole rows from the front of a buffer."""

    def __init__(self, delimiter: bytes, n_cells: int, positions: Mapping[str, int]) -> None:
        self._grammar = _Grammar.of(delimiter)
        self._n_cells = n_cells
        self._positions = positions
        self._names = [str(position) for position in range(n_cells)]
        self._beside = np.zeros(256, dtype=bool)  # what may stand before an opening quote, or after a closing one
        self._beside[[delimiter[0], _QUOTE, _CR, _LF]] = True

    def take(self, buffer: bytes, start: int, final: bool) -> tuple[Block, int]:
        """Give a block of rows, the first with the number `start`, and how many bytes they take."""
        size = self._size(buffer, final)
        if (final and size < len(buffer)) or (not size and len(buffer) > MAX_ROW_BYTES):  # an unclosed quote
            return self._read_rows(buffer, start, final)
        if buffer[:size].strip(b"\r\n"):
            with suppress(pa.ArrowException, ValueError):
                return self._parse(buffer[:size], start), size
        return self._read_rows(buffer[:size], start, final=True)[0], size

    def _size(self, buffer: bytes, final: bool) -> int:
        """Measure the whole rows of a buffer."""
        content = np.frombuffer(buffer, dtype=np.uint8)
        quotes = np.flatnonzero(content == _QUOTE)
        opening, closing = quotes[::2], quotes[1::2]
        before = content[opening[opening > 0] - 1]
        after = content[closing[closing < len(buffer) - 1] + 1]
        if not (self._beside[before].all() and self._beside[after].all()):
            size = self._grammar.rows.match(buffer).end()  # type: ignore[union-attr]
            last = self._grammar.row.match(buffer, size) if final else None
            return last.end() if last else size
        return len(buffer) if final and len(opening) == len(closing) else _last_end(buffer, quotes)

    def _parse(self, content: bytes, start: int) -> Block:
        """Parse whole rows by Arrow."""
        bad: list[BadRow] = []
        # Arrow hands a wrong row over as text; bytes that are none would be lost without a word.
        disguised = invalid_byte(content) is not None
        content = content.decode("latin-1").encode() if disguised else content

        def report(row: pa.csv.InvalidRow) -> str:
            text = row.text.encode("latin-1" if disguised else "utf-8")
            bad.append(self._wrong_number(start + row.number - 1, row.actual_columns, text))
            return "skip"

        wanted = sorted({self._names[position] for position in self._positions.values()})
        table = pa.csv.read_csv(
            pa.py_buffer(content),
            pa.csv.ReadOptions(use_threads=False, block_size=len(content) + 1, column_names=self._names),
            pa.csv.ParseOptions(
                delimiter=self._grammar.delimiter.decode(),
                newlines_in_values=True,
                invalid_row_handler=report,
            ),
            pa.csv.ConvertOptions(
                check_utf8=False,
                include_columns=wanted,
                column_types=dict.fromkeys(wanted, pa.binary()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        cells = {role: table[self._names[position]].combine_chunks() for role, position in self._positions.items()}
        cells = {role: _undisguise(column) for role, column in cells.items()} if disguised else cells
        n_rows = len(table) + len(bad)
        rows = np.delete(np.arange(n_rows), [row.row - start for row in bad]) + start
        return Block(start, n_rows, rows, cells, bad)

    def _read_rows(self, buffer: bytes, start: int, final: bool) -> tuple[Block, int]:
        """Read row by row; a quote that is never closed spoils its own line only."""
        good: list[int] = []
        columns: dict[str, list[bytes | None]] = {role: [] for role in self._positions}
        bad: list[BadRow] = []
        position = 0
        while position < len(buffer):
            match, unclosed = self._next_row(buffer, position, final)
            if match is None:
                break
            position, text, row = match.end(), match.group(), start + len(good) + len(bad)
            if text in (b"\n", b"\r", b"\r\n"):
                continue
            cells = [] if unclosed else self._grammar.cells(text)
            if unclosed:
                bad.append(BadRow(row, "", "unclosed_quote", "a quote opens a cell and never closes", show_raw(text)))
            elif len(cells) != self._n_cells:
                bad.append(self._wrong_number(row, len(cells), text))
            else:
                good.append(row)
                for role, column in self._positions.items():
                    columns[role].append(cells[column])
        arrays = {role: pa.array(values, pa.binary()) for role, values in columns.items()}
        return Block(start, len(good) + len(bad), np.array(good, dtype=np.int64), arrays, bad), position

    def _next_row(self, buffer: bytes, position: int, final: bool) -> tuple[re.Match[bytes] | None, bool]:
        match = self._grammar.match(buffer, position, final)
        whole = final or len(buffer) - position > MAX_ROW_BYTES
        if match is None and whole and self._grammar.row.match(buffer, position) is None:
            return _LINE.match(buffer, position), True
        return match, False

    def _wrong_number(self, row: int, n_cells: int, text: bytes) -> BadRow:
        reason = f"expected {self._n_cells} cells, got {n_cells}"
        return BadRow(row, "", "wrong_number_of_cells", reason, show_raw(text.rstrip(b"\r\n")))


def _last_end(buffer: bytes, quotes: np.ndarray) -> int:
    """Find the end of the last row: a line's end outside of quotes."""
    for mark in (b"\n", b"\r"):  # should \n follow the last \r, it makes a blank line, which is no row
        end = buffer.rfind(mark)
        while end >= 0:
            n_before = int(np.searchsorted(quotes, end))
            if n_before % 2 == 0:
                return end + 1
            end = buffer.rfind(mark, 0, int(quotes[n_before - 1]))
    return 0


def _undisguise(column: pa.Array) -> pa.Array:
    """Give cells the bytes back that were read as Latin-1."""
    rows = beyond_ascii(column)
    mask = np.isin(np.arange(len(column)), rows)
    cells = [cell.decode().encode("latin-1") for cell in column.take(pa.array(rows)).to_pylist()]
    return pc.replace_with_mask(column, pa.array(mask), pa.array(cells, pa.binary()))
