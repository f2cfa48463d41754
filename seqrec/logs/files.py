"""Log files are found and opened here; a file that breaks off gives what can still be read of it."""

from __future__ import annotations

import glob
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from seqrec.exceptions import LogError

FORMATS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
MAX_ROW_BYTES = 2**24
_PIECE_BYTES = 2**16
_KNOWN_STARTS = {
    b"\x1f\x8b": "gzip data: give its name the ending .gz",
    b"PAR1": "a Parquet file: give its name the ending .parquet",
    b"PK\x03\x04": "a zip archive or a spreadsheet: unpack it, or export it as CSV",
    b"\xff\xfe": "UTF-16 text: convert it to UTF-8",
    b"\xfe\xff": "UTF-16 text: convert it to UTF-8",
}


class LogFile(NamedTuple):
    """A file of a log, as its name describes it."""

    path: Path
    format: str  # "csv", "tsv", "jsonl" or "parquet"
    compressed: bool

    @classmethod
    def from_path(cls, path: Path) -> LogFile:
        """Tell the format by the name's ending.

        Raises
        ------
        LogError
            Where the ending is none that can be read.
        """
        compressed = path.suffix.lower() == ".gz"
        kind = FORMATS.get((path.with_suffix("") if compressed else path).suffix.lower())
        if kind is None or (compressed and kind == "parquet"):
            raise LogError(
                f"{path}: the name's ending does not say a format that can be read. Expected {', '.join(FORMATS)}, "
                "or one of the text formats with .gz after it."
            )
        return cls(path, kind, compressed)

    @property
    def delimiter(self) -> bytes:
        """What stands between the cells of a CSV or TSV file."""
        return b"\t" if self.format == "tsv" else b","


def find_files(patterns: Sequence[str]) -> list[Path]:
    """List the files that are named, or matched by patterns such as ``logs/*.csv.gz``.

    Returns
    -------
    paths : list of Path
        In the order of the patterns, those of one pattern sorted by name.

    Raises
    ------
    LogError
        Where nothing is found, a folder or a pipe is named, a file is named twice, or a format is unknown.
    """
    paths = [path for pattern in patterns for path in _expand(os.fspath(pattern))]
    if not paths:
        raise LogError("no log is named. Name its files, such as log.csv or 'logs/*.parquet'.")
    seen: dict[Path, Path] = {}
    for path in paths:
        LogFile.from_path(path)
        if not path.is_file():
            raise LogError(f"{path} is no regular file, but a pipe, a device or a link that leads nowhere.")
        first = seen.setdefault(path.resolve(), path)
        if first is not path:
            raise LogError(f"{path} is named twice (first as {first}): its events would count double. Name it once.")
    return paths


def _expand(pattern: str) -> list[Path]:
    path = Path(pattern)
    if path.is_dir():
        raise LogError(f"{pattern} is a folder. Name the files in it, such as '{path / '*.csv'}'.")
    if path.exists():
        return [path]
    found = sorted(match for match in glob.glob(pattern, recursive=True) if not Path(match).is_dir())
    if not found:
        raise LogError(f"{pattern}: no such file. Check the name and the folder ({Path.cwd()}).")
    return [Path(match) for match in found]


class Stream:
    """The bytes of a text file, uncompressed.

    Where they break off, reading ends as at the end of the file, and `damage` says why. If `corrupt`, what was read
    before may be wrong, too: a checksum comes after what it is of.

    Parameters
    ----------
    file : LogFile

    Raises
    ------
    LogError
        Where the file cannot be opened, or is plainly of another format.
    """

    def __init__(self, file: LogFile) -> None:
        self.damage: str | None = None
        self.corrupt = False
        self._raw = open_file(file.path)
        self._pieces = self._unpack() if file.compressed else self._read()
        self._waiting = bytearray()
        self._check_start(file, self.read(4))

    def __enter__(self) -> Stream:
        """Close the file at the end of a ``with`` block."""
        return self

    def __exit__(self, *_: object) -> None:
        self._raw.close()

    def read(self, size: int) -> bytes:
        """Give `size` bytes; fewer only at the end."""
        while len(self._waiting) < size:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._waiting += piece
        taken = bytes(self._waiting[:size])
        del self._waiting[:size]
        return taken

    def _check_start(self, file: LogFile, start: bytes) -> None:
        self._waiting[:0] = start.removeprefix(b"\xef\xbb\xbf")
        for known, advice in _KNOWN_STARTS.items():
            if start.startswith(known):
                self._raw.close()
                raise LogError(f"{file.path} is not a {file.format} file. It looks like {advice}.")

    def _read(self) -> Iterator[bytes]:
        try:
            while piece := self._raw.read(_PIECE_BYTES):
                yield piece
        except OSError as error:
            self.damage = f"the file cannot be read on: {error.strerror}"

    def _unpack(self) -> Iterator[bytes]:
        """Uncompress gzip members, one after the other; zeros may pad the last."""
        member: zlib._Decompress | None = None
        for piece in self._read():
            while piece := piece if member else piece.lstrip(b"\0"):
                begun, member = member, member or zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
                before = member.copy()
                try:
                    unpacked = member.decompress(piece)
                except zlib.error as error:
                    salvaged = _salvage(before, piece)
                    self.corrupt = begun is not None or bool(salvaged)  # else something else follows a whole member
                    yield salvaged
                    self.damage = f"the gzip data is damaged: {str(error).partition(': ')[2] or error}"
                    return
                yield unpacked
                piece, member = member.unused_data, None if member.eof else member
        if member and not self.damage:
            self.damage = "the gzip data ends early"


def _salvage(unpacker: zlib._Decompress, piece: bytes) -> bytes:
    """Unpack every byte before a fault."""
    unpacked = bytearray()
    with suppress(zlib.error):
        for position in range(len(piece)):
            unpacked += unpacker.decompress(piece[position : position + 1])
    return bytes(unpacked)


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading, or say why not."""
    try:
        return path.open("rb")
    except OSError as error:
        raise LogError(f"{path} cannot be opened: {error.strerror}. Check its name and your rights to it.") from None
