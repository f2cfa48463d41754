"""Log files are found and opened here; a file that breaks off gives what can still be read of it."""

from __future__ import annotations

import glob
import os
import zlib
from collections.abc import Iterator, Sequence
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
        suffixes = [suffix.lower() for suffix in path.suffixes]
        compressed = suffixes[-1:] == [".gz"]
        suffix = (suffixes[:-1] if compressed else suffixes)[-1:]
        kind = FORMATS.get(suffix[0]) if suffix else None
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
        Where nothing is found, a folder is named, a file is named twice, or a format is unknown.
    """
    paths = [path for pattern in patterns for path in _expand(os.fspath(pattern))]
    if not paths:
        raise LogError("no log is named. Name its files, such as log.csv or 'logs/*.parquet'.")
    seen: dict[Path, Path] = {}
    for path in paths:
        LogFile.from_path(path)
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

    Where they break off, reading ends as at the end of the file, and `damage` says why.

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
        member = _Member()
        for piece in self._read():
            rest = piece
            while rest := rest if member.started else rest.lstrip(b"\0"):
                unpacked, rest, fault = member.feed(rest)
                yield unpacked
                if fault:
                    self.damage = f"the gzip data is damaged: {fault}"
                    return
                if member.finished:
                    member = _Member()
        if member.started and not self.damage:
            self.damage = "the gzip data ends early"


class _Member:
    """One gzip member; of damaged data it gives every byte before the fault."""

    def __init__(self) -> None:
        self._unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        self.started = False

    @property
    def finished(self) -> bool:
        return self._unpacker.eof

    def feed(self, piece: bytes) -> tuple[bytes, bytes, str]:
        """Give what `piece` unpacks to, what of it lies behind the member, and the fault if any."""
        self.started = True
        before = self._unpacker.copy()
        try:
            return self._unpacker.decompress(piece), self._unpacker.unused_data, ""
        except zlib.error as error:
            return self._salvage(before, piece), b"", str(error).partition(": ")[2] or str(error)

    @staticmethod
    def _salvage(unpacker: zlib._Decompress, piece: bytes) -> bytes:
        unpacked = bytearray()
        try:
            for position in range(len(piece)):
                unpacked += unpacker.decompress(piece[position : position + 1])
        except zlib.error:
            pass
        return bytes(unpacked)


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading, or say why not."""
    try:
        return path.open("rb")
    except OSError as error:
        raise LogError(f"{path} cannot be opened: {error.strerror}. Check its name and your rights to it.") from None
