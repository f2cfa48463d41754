"""Log files are found and opened here; a file that breaks off gives what can still be read of it."""

from __future__ import annotations

import codecs
import glob
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

from seqrec.exceptions import LogError
from seqrec.logs.dialect import AS_USUAL, Dialect

FORMATS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
MAX_ROW_BYTES = 2**24
_PIECE_BYTES = 2**16
_KNOWN_STARTS = {
    b"\x1f\x8b": "gzip data: give its name the ending .gz",
    b"PAR1": "a Parquet file: give its name the ending .parquet",
    b"PK\x03\x04": "a zip archive or a spreadsheet: unpack it, or export it as CSV",
    b"BZh": "bzip2 data: unpack it, as by bunzip2",
    b"\x28\xb5\x2f\xfd": "Zstandard data: unpack it, as by zstd -d",
    b"\xff\xfe": "UTF-16 text: give --encoding utf-16",
    b"\xfe\xff": "UTF-16 text: give --encoding utf-16",
}
_PACKED = {  # endings of what has to be unpacked first
    **dict.fromkeys((".bz2", ".bz"), "bunzip2 -k"),
    **dict.fromkeys((".zst", ".zstd"), "zstd -d"),
    **dict.fromkeys((".xz", ".lzma"), "xz -dk"),
    **dict.fromkeys((".tar", ".tgz"), "tar -xf"),
    ".zip": "unzip",
    ".7z": "7z x",
}
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


class LogFile(NamedTuple):
    """A file of a log, as its name and a dialect describe it."""

    path: Path
    format: str  # "csv", "tsv", "jsonl" or "parquet"
    compressed: bool
    dialect: Dialect = AS_USUAL

    @classmethod
    def from_path(cls, path: Path, dialect: Dialect = AS_USUAL) -> LogFile:
        """Tell the format by the name's ending, unless the dialect says it.

        Raises
        ------
        LogError
            Where neither says a format that can be read.
        """
        ending = path.suffix.lower()
        compressed = ending == ".gz"
        if ending in _PACKED:
            raise LogError(f"{path} is packed in a way that is not read. Unpack it first, as by {_PACKED[ending]}.")
        kind = dialect.input_format or FORMATS.get((path.with_suffix("") if compressed else path).suffix.lower())
        if kind is None or (compressed and kind == "parquet"):
            raise LogError(
                f"{path}: the name's ending does not say a format that can be read. Expected {', '.join(FORMATS)}, "
                "or one of the text formats with .gz after it. If you know what it holds, say so: --input-format csv "
                "(or jsonl, parquet)."
            )
        return cls(path, kind, compressed, dialect)


def find_files(patterns: Sequence[str], dialect: Dialect = AS_USUAL) -> list[LogFile]:
    """List the files that are named, or matched by patterns such as ``logs/*.csv.gz``.

    Returns
    -------
    files : list of LogFile
        In the order of the patterns, those of one pattern sorted by name.

    Raises
    ------
    LogError
        Where nothing is found, an address, a folder or a pipe is named, a file is named twice, or a format is unknown.
    """
    paths = [path for pattern in patterns for path in _expand(os.fspath(pattern))]
    if not paths:
        raise LogError("no log is named. Name its files, such as log.csv or 'logs/*.parquet'.")
    seen: dict[tuple[int, int], Path] = {}
    for path in paths:
        if not path.is_file():
            raise LogError(
                f"{path} is no regular file, but a pipe, a device or a link that leads nowhere. A log is read more "
                "than once: write it to a file first."
            )
        status = path.stat()
        first = seen.setdefault((status.st_dev, status.st_ino), path)  # the same also by links
        if first is not path:
            raise LogError(f"{path} is named twice (first as {first}): its events would count double. Name it once.")
    files = [LogFile.from_path(path, dialect) for path in paths]
    if dialect.delimiter is not None and not any(file.format in ("csv", "tsv") for file in files):
        raise LogError("--delimiter is for CSV, and no file of the log is. Leave it out, or say --input-format csv.")
    return files


def _expand(pattern: str) -> list[Path]:
    if pattern == "-":
        raise LogError("standard input is not read: a log is read more than once. Write it to a file first.")
    if _ADDRESS.match(pattern):
        copy = f"duckdb -c \"COPY (FROM '{pattern}') TO 'log.parquet'\""
        raise LogError(f"{pattern} is an address, and files alone are read. Download it first, or: {copy}")
    path = Path(pattern)
    if path.is_dir():
        raise LogError(_refused_folder(path))
    if path.exists():
        return [path]
    found = sorted(match for match in glob.glob(pattern, recursive=True) if not Path(match).is_dir())
    if not found:
        raise LogError(f"{pattern}: no such file. Check the name and the folder ({Path.cwd()}).")
    return [Path(match) for match in found]


def _refused_folder(folder: Path) -> str:
    """Say how to name the files in a folder; what only the names of folders tell is not read."""
    found = next((path for path in sorted(folder.rglob("*")) if path.suffix.lower() in FORMATS), folder / "log.csv")
    inner = found.relative_to(folder).parts[:-1]
    pattern = folder.joinpath(*(["**"] if inner else []), f"*{found.suffix}")
    text = f"{folder} is a folder. Name the files in it, such as '{pattern}'."
    partitions = [name.partition("=")[0] for name in inner if "=" in name]
    return f"{text} {keep_partitions(pattern, partitions)}" if partitions else text


def keep_partitions(pattern: Path, names: Sequence[str]) -> str:
    """Say that columns which only the names of folders tell are lost, and how to keep them."""
    copy = f"COPY (FROM read_parquet('{pattern}', hive_partitioning=true)) TO 'log.parquet'"
    listed = ", ".join(map(repr, names))
    return f'What only the names of its folders tell ({listed}) is not read; to keep it: duckdb -c "{copy}"'


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
        encoding = file.dialect.encoding
        start = self.read(4)
        self._check_start(file, start)
        if encoding is None:
            self._waiting[:0] = start.removeprefix(codecs.BOM_UTF8)
        else:
            raw = chain([start, bytes(self._waiting)], self._pieces)
            self._waiting, self._pieces = bytearray(), self._recode(raw, encoding)

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
        for known, advice in _KNOWN_STARTS.items():
            if start.startswith(known) and not (file.dialect.encoding and advice.startswith("UTF-16")):
                self._raw.close()
                raise LogError(f"{file.path} is not a {file.format} file. It looks like {advice}.")

    def _read(self) -> Iterator[bytes]:
        try:
            while piece := self._raw.read(_PIECE_BYTES):
                yield piece
        except OSError as error:
            self.damage = f"the file cannot be read on: {error.strerror}"

    def _recode(self, pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
        """Turn text into UTF-8; bytes that the encoding does not know stay, and make bad rows."""
        decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
        mark = "\ufeff"
        try:
            for piece in chain(pieces, [b""]):
                text = decoder.decode(piece, final=not piece)
                yield text.removeprefix(mark).encode("utf-8", "surrogateescape")
                mark = "" if text else mark
        except UnicodeError as error:
            self.damage = f"the text is no {encoding}: {error}"

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
