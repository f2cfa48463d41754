"""A model file is a safetensors file: a document and named arrays, no code; read only as far as it is what it says."""

from __future__ import annotations

import codecs
import hashlib
import io
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from seqrec import __version__
from seqrec._checks import show
from seqrec.exceptions import InputError, ModelFileError

FORMAT = 1
# From each older format to the next one: what the content of its document is there. None of these is ever removed.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}

Tensors = dict[str, NDArray]
Table = dict[str, tuple[str, tuple[int, ...]]]  # of each tensor the NumPy name of its dtype, and its shape

_DTYPES = {
    "int8": "I8",
    "int16": "I16",
    "int32": "I32",
    "int64": "I64",
    "uint8": "U8",
    "uint16": "U16",
    "uint32": "U32",
    "uint64": "U64",
    "float32": "F32",
    "float64": "F64",
}
_LONGEST_HEADER = 2**20
_LENGTH_BYTES = 8  # of the header's length, before it
_KEY = "seqrec"  # of the document, in the file's metadata
_NO_DIGEST = "0" * 64
_DIGEST = re.compile(rb'\\"digest\\":\\"([0-9a-f]{64})\\"')  # the document is JSON text within JSON
_OTHER_KINDS = {
    b"PK\x03\x04": "a zip archive, such as a .keras file",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file",
    b"\x80": "a pickle",
    b"\x1f\x8b": "a gzip file",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"\x93NUMPY": "a NumPy file",
    b"SQLite": "an SQLite file",
    b"{": "JSON text",
    b"[": "JSON text",
}


class Document(NamedTuple):
    """What a model file says beside its arrays.

    Attributes
    ----------
    content : dict
        In the terms of today's format.
    format : int
        Of the file.
    seqrec : str
        The release that wrote it.
    digest : str
        SHA-256 over the rest of the file, as it says itself.
    """

    content: dict[str, Any]
    format: int
    seqrec: str
    digest: str


class _Header(NamedTuple):
    raw: bytes
    entries: dict[str, Any]  # of the tensors
    document: dict[str, Any]


def to_bytes(content: dict[str, Any], tensors: Mapping[str, NDArray]) -> bytes:
    """Give the whole file; the same content and tensors give the same bytes.

    Raises
    ------
    ValueError, InputError
        If content holds what JSON lacks, or is too much for a header.
    """
    document = {"content": content, "digest": _NO_DIGEST, "format": FORMAT, "seqrec": __version__}
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    contiguous = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    unsealed = save(contiguous, metadata={_KEY: text})
    length = int.from_bytes(unsealed[:_LENGTH_BYTES], "little")
    if length > _LONGEST_HEADER:
        raise InputError(
            f"a model file describes its arrays in at most {_LONGEST_HEADER:,} bytes, and this model takes {length:,}."
        )
    return seal(unsealed)


def seal(file: bytes) -> bytes:
    """Write into a file the digest of all its other bytes."""
    length = int.from_bytes(file[:_LENGTH_BYTES], "little")
    header, data = file[_LENGTH_BYTES : _LENGTH_BYTES + length], file[_LENGTH_BYTES + length :]
    start, stop = _digest_span(header)
    return file[:_LENGTH_BYTES] + header[:start] + _digest(header, [data]).encode() + header[stop:] + data


@contextmanager
def opened(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file to read it; an error of the block says which file it is about.

    Raises
    ------
    ModelFileError
        If there is no such file, or it is a folder, a device or a pipe.
    """
    path = Path(path)
    try:
        if not path.exists():
            raise ModelFileError("there is no such file.")
        if not path.is_file():
            raise ModelFileError("it is a folder." if path.is_dir() else "it is no file, but a device or a pipe.")
        with path.open("rb") as file:
            yield file
    except ModelFileError as error:
        raise ModelFileError(f"cannot read the model {str(path)!r}: {error}") from error


def read(file: BinaryIO, table_of: Callable[[dict[str, Any]], Table]) -> tuple[Document, Tensors]:
    """Read a document and its tensors, each step only after the one before.

    Parameters
    ----------
    file : binary file
        Of which the size can be found.
    table_of : callable
        Checks the content of a document, and gives the tensors that it implies.

    Returns
    -------
    document : Document
    tensors : dict of read-only arrays, views of one buffer

    Raises
    ------
    ModelFileError
        If the file is anything else than what `to_bytes` gives, down to a single bit.
    """
    size = _size(file)
    header = _read_header(file, size)
    document = _read_document(header)
    table = table_of(document.content)
    starts = _compare(table, header.entries, size - _LENGTH_BYTES - len(header.raw))
    data = file.read(size)
    _check_digest(header, [data])
    return document, {name: _array(data, starts[name], *table[name]) for name in table}


def read_document(file: BinaryIO, compare: bool = True) -> Document:
    """Read the document alone; the rest of the file is compared with the digest, or not looked at."""
    header = _read_header(file, _size(file))
    document = _read_document(header)
    if compare:
        _check_digest(header, iter(lambda: file.read(2**20), b""))
    return document


def _size(file: BinaryIO) -> int:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    return size


def _read_header(file: BinaryIO, size: int) -> _Header:
    start = file.read(_LENGTH_BYTES + 1)
    if not start:
        raise ModelFileError("it is empty.")
    length = int.from_bytes(start[:_LENGTH_BYTES], "little")
    if start[_LENGTH_BYTES:] != b"{" or not 2 <= length <= _LONGEST_HEADER:
        raise ModelFileError(f"it is {_kind(start + file.read(256))}, not a model file of seqrec.")
    if _LENGTH_BYTES + length > size:
        raise ModelFileError("it is cut short: its header is longer than the file.")
    raw = b"{" + file.read(length - 1)
    entries = _strict_json(raw, "its header")
    metadata = entries.pop("__metadata__", None)
    if not isinstance(metadata, dict) or set(metadata) != {_KEY} or not isinstance(metadata[_KEY], str):
        raise ModelFileError("it is a safetensors file, but seqrec did not write it.")
    return _Header(raw, entries, _strict_json(metadata[_KEY], "its document"))


def _kind(start: bytes) -> str:
    """Say in words what a file is that begins like this."""
    for magic, kind in _OTHER_KINDS.items():
        if start.startswith(magic):
            return kind
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(start)  # its last character may be cut
    except UnicodeDecodeError:
        return "something else"
    return "something else" if "\0" in text else "text"


def _strict_json(text: str | bytes, name: str) -> dict[str, Any]:
    """Read an object, without what JSON lacks or leaves open: NaN, infinity, a key twice, nesting without end."""
    try:
        value = json.loads(
            text if isinstance(text, str) else text.decode("utf-8"),
            object_pairs_hook=_distinct,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except RecursionError:
        raise ModelFileError(f"{name} is nested too deeply.") from None
    except ValueError as error:  # of JSON, of UTF-8, or ours
        raise ModelFileError(f"{name} is no proper JSON ({error}).") from None
    if not isinstance(value, dict):
        raise ModelFileError(f"{name} is no JSON object.")
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large")
    return value


def _read_document(header: _Header) -> Document:
    """Check the document's frame, and bring its content to today's format."""
    document = header.document
    written, release = document.get("format"), document.get("seqrec")
    if type(written) is not int or written < 1 or not isinstance(release, str) or len(release) > 100:
        raise ModelFileError("its document does not say which format it has, and which release of seqrec wrote it.")
    if written > FORMAT:
        raise ModelFileError(
            f"it has format {written}, written by seqrec {show(release)[1:-1]}; this is seqrec {__version__}, which "
            f"reads formats up to {FORMAT}. Install seqrec {show(release)[1:-1]} or later."
        )
    content = document.get("content")
    if set(document) != {"content", "digest", "format", "seqrec"} or not isinstance(content, dict):
        raise ModelFileError("its document has other parts than those of a model.")
    start, stop = _digest_span(header.raw)
    if document["digest"] != header.raw[start:stop].decode():
        raise ModelFileError("its digest is not where it should be.")
    for older in range(written, FORMAT):
        content = MIGRATIONS[older](content)
    return Document(content, written, release, document["digest"])


def _compare(table: Table, entries: dict[str, Any], n_bytes: int) -> dict[str, int]:
    """Find where each tensor starts, if the header describes those of the table, side by side in all of the data."""
    for name in sorted(table.keys() ^ entries.keys()):
        what = "lacks the array" if name in table else "holds an array that does not belong there:"
        raise ModelFileError(f"it {what} {show(name)}.")
    spans = sorted((*_span(entries[name], *table[name], name), name) for name in table)
    end = 0
    for start, stop, name in spans:
        if start != end:
            raise ModelFileError(f"the array {name!r} overlaps another, or follows a gap.")
        end = stop
    if end != n_bytes:
        raise ModelFileError(f"it is cut short or padded: its arrays take {end:,} bytes, but it holds {n_bytes:,}.")
    return {name: start for start, _, name in spans}


def _span(entry: Any, dtype: str, shape: tuple[int, ...], name: str) -> tuple[int, int]:
    """Give the first byte of a tensor and the one after its last, if its entry is as expected."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ModelFileError(f"its header does not describe the array {name!r} properly.")
    if entry["dtype"] != _DTYPES[dtype] or not _integers(entry["shape"]) or tuple(entry["shape"]) != shape:
        raise ModelFileError(
            f"the array {name!r} should hold {dtype} in the shape {show(list(shape))}, but the header says "
            f"{show(entry['dtype'])} and {show(entry['shape'])}."
        )
    offsets = entry["data_offsets"]
    n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    if not _integers(offsets) or len(offsets) != 2 or offsets[0] < 0 or offsets[1] - offsets[0] != n_bytes:
        raise ModelFileError(f"the array {name!r} does not lie where the header says.")
    return offsets[0], offsets[1]


def _integers(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int for value in values)


def _array(data: bytes, start: int, dtype: str, shape: tuple[int, ...]) -> NDArray:
    stored = np.frombuffer(data, np.dtype(dtype).newbyteorder("<"), math.prod(shape), start if math.prod(shape) else 0)
    return stored.astype(dtype, copy=False).reshape(shape)


def _digest_span(header: bytes) -> tuple[int, int]:
    found = list(_DIGEST.finditer(header))
    if len(found) != 1:
        raise ModelFileError("its digest is missing, or there is more than one.")
    return found[0].span(1)


def _digest(header: bytes, parts: Any) -> str:
    """SHA-256 over a file whose digest is zero."""
    start, stop = _digest_span(header)
    total = hashlib.sha256(len(header).to_bytes(_LENGTH_BYTES, "little"))
    for part in (header[:start], _NO_DIGEST.encode(), header[stop:]):
        total.update(part)
    for part in parts:
        total.update(part)
    return total.hexdigest()


def _check_digest(header: _Header, parts: Any) -> None:
    if _digest(header.raw, parts) != header.document["digest"]:
        raise ModelFileError("it is damaged: its digest does not fit what it holds. Take another copy of it.")
