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

from seqrec._checks import show
from seqrec._version import __version__
from seqrec.exceptions import InputError, ModelFileError
from seqrec.storage.migrations import FORMAT, MIGRATIONS, Older

Table = dict[str, tuple[str, tuple[int, ...]]]  # of each tensor the NumPy name of its dtype, and its shape


class Tensors(dict[str, NDArray]):
    """The arrays of a model, by name; while they are packed, whether examples of the training data are kept."""

    keep_examples = False


_BITS = {"int": (8, 16, 32, 64), "uint": (8, 16, 32, 64), "float": (32, 64)}
_DTYPES = {f"{kind}{bits}": f"{kind[0].upper()}{bits}" for kind, sizes in _BITS.items() for bits in sizes}
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
    n_bytes: int  # of the data that follow


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
        found = f"at most {_LONGEST_HEADER:,} bytes, and this model takes {length:,}"
        raise InputError(f"a model file describes its arrays in {found}.")
    return seal(unsealed)


def seal(file: bytes) -> bytes:
    """Write into a file the digest of all its other bytes."""
    length = int.from_bytes(file[:_LENGTH_BYTES], "little")
    header, data = file[_LENGTH_BYTES : _LENGTH_BYTES + length], file[_LENGTH_BYTES + length :]
    start, stop = _digest_span(header)
    return file[:_LENGTH_BYTES] + header[:start] + _digest(header, [data]).encode() + header[stop:] + data


def check(good: Any, name: str, what: str) -> None:
    """Raise unless what is asked of a part of a model file holds."""
    if not good:
        raise ModelFileError(f"{name or 'the model'} {what}.")


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
        check(path.exists(), "there", "is no such file")
        check(path.is_file(), "it", "is a folder" if path.is_dir() else "is no file, but a device or a pipe")
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
    header = _read_header(file)
    document, names = _read_document(header)
    table = table_of(document.content)
    starts = _compare(table, names, header)
    data = file.read(header.n_bytes)
    _check_digest(header, [data])
    return document, Tensors((name, _array(data, starts[name], *table[name])) for name in table)


def read_document(file: BinaryIO, compare: bool = True) -> Document:
    """Read the document alone; the rest of the file is compared with the digest, or not looked at."""
    header = _read_header(file)
    document, _ = _read_document(header)
    if compare:
        _check_digest(header, iter(lambda: file.read(2**20), b""))
    return document


def _read_header(file: BinaryIO) -> _Header:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    start = file.read(_LENGTH_BYTES + 1)
    check(start, "it", "is empty")
    length = int.from_bytes(start[:_LENGTH_BYTES], "little")
    if start[_LENGTH_BYTES:] != b"{" or not 2 <= length <= _LONGEST_HEADER:
        raise ModelFileError(f"it is {_kind(start + file.read(256))}, not a model file of seqrec.")
    n_bytes = size - _LENGTH_BYTES - length
    check(n_bytes >= 0, "it", "is cut short: its header is longer than the file")
    raw = b"{" + file.read(length - 1)
    entries = _strict_json(raw, "its header")
    metadata = entries.pop("__metadata__", None)
    ours = isinstance(metadata, dict) and set(metadata) == {_KEY} and isinstance(metadata[_KEY], str)
    check(ours, "it", "is a safetensors file, but seqrec did not write it")
    return _Header(raw, entries, _strict_json(metadata[_KEY], "its document"), n_bytes)


def _kind(start: bytes) -> str:
    """Say in words what a file is that begins like this."""
    for magic, kind in _OTHER_KINDS.items():
        if start.startswith(magic):
            return kind
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(start)  # its last character may be cut
    return "something else" if "\0" in text or "\N{REPLACEMENT CHARACTER}" in text else "text"


def _strict_json(text: str | bytes, name: str) -> dict[str, Any]:
    """Read an object, without what JSON lacks or leaves open: NaN, infinity, a key twice, nesting without end."""
    try:
        value = _JSON.decode(text if isinstance(text, str) else text.decode("utf-8"))
    except RecursionError:
        raise ModelFileError(f"{name} is nested too deeply.") from None
    except ValueError as error:  # of JSON, of UTF-8, or ours
        raise ModelFileError(f"{name} is no proper JSON ({error}).") from None
    check(isinstance(value, dict), name, "is no JSON object")
    return value


def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dict of pairs, unless two have one key."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _finite(text: str) -> float:
    if not math.isfinite(float(text)):
        raise ValueError(f"{text[:20]} is no finite number")
    return float(text)


_JSON = json.JSONDecoder(object_pairs_hook=distinct, parse_constant=_finite, parse_float=_finite)


def _read_document(header: _Header) -> tuple[Document, dict[str, str]]:
    """Check the document's frame; give it in today's format, and under today's names those of the tensors."""
    document = header.document
    written, release = document.get("format"), document.get("seqrec")
    if type(written) is not int or written < 1 or not isinstance(release, str) or len(release) > 100:
        raise ModelFileError("its document does not say which format it has, and which release of seqrec wrote it.")
    if written > FORMAT:
        newer, here = f"seqrec {show(release)[1:-1]}", f"seqrec {__version__}, which reads formats up to {FORMAT}"
        found = f"it has format {written}, written by {newer}; this is {here}"
        raise ModelFileError(f"{found}. Install {newer} or later.")
    content: Any = document.get("content")
    parts = {"content", "digest", "format", "seqrec"}
    check(set(document) == parts and isinstance(content, dict), "its document", "has other parts than those of a model")
    start, stop = _digest_span(header.raw)
    check(document["digest"] == header.raw[start:stop].decode(), "its digest", "is not where it should be")
    older = Older(content, {name: name for name in header.entries})
    try:
        for change in (change for start in range(written, FORMAT) for change in MIGRATIONS[start]):
            change(older)
    except ValueError as error:
        raise ModelFileError(f"it is no model of format {written}: {error}.") from error
    return Document(content, written, release, document["digest"]), older.tensors


def _compare(table: Table, names: dict[str, str], header: _Header) -> dict[str, int]:
    """Find where each tensor starts, if the header describes those of the table; `names` are those in the header."""
    for name in sorted(table.keys() ^ names.keys()):
        what = "lacks the array" if name in table else "holds an array that does not belong there:"
        raise ModelFileError(f"it {what} {show(names.get(name, name))}.")
    _check_layout(header)
    return {name: _start(header.entries[names[name]], *table[name], name) for name in table}


def _check_layout(header: _Header) -> None:
    """Raise unless all tensors, those that are of no use today too, lie side by side in all of the data."""
    end = 0
    for name, entry in header.entries.items():  # in which safetensors writes them one after another
        good = isinstance(entry, dict) and set(entry) == {"dtype", "shape", "data_offsets"}
        check(good, "its header", f"does not describe the array {show(name)} properly")
        offsets = entry["data_offsets"]
        good = _integers(offsets) and len(offsets) == 2 and end == offsets[0] <= offsets[1]
        check(good, f"the array {show(name)}", "overlaps another, or follows a gap")
        end = offsets[1]
    what = f"is cut short or padded: its arrays take {end:,} bytes, but it holds {header.n_bytes:,}"
    check(end == header.n_bytes, "it", what)


def _start(entry: dict[str, Any], dtype: str, shape: tuple[int, ...], name: str) -> int:
    """Give the first byte of a tensor, if its entry is as expected."""
    start, stop = entry["data_offsets"]
    good = entry["dtype"] == _DTYPES[dtype] and _integers(entry["shape"]) and tuple(entry["shape"]) == shape
    found = f"but the header says {show(entry['dtype'])} and {show(entry['shape'])}"
    check(good, f"the array {name!r}", f"should hold {dtype} in the shape {show(list(shape))}, {found}")
    n_bytes = math.prod(shape) * np.dtype(dtype).itemsize
    check(stop - start == n_bytes, f"the array {name!r}", "does not lie where the header says")
    return start


def _integers(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int for value in values)


def _array(data: bytes, start: int, dtype: str, shape: tuple[int, ...]) -> NDArray:
    stored = np.frombuffer(data, np.dtype(dtype).newbyteorder("<"), math.prod(shape), start if math.prod(shape) else 0)
    return stored.astype(dtype, copy=False).reshape(shape)


def _digest_span(header: bytes) -> tuple[int, int]:
    found = list(_DIGEST.finditer(header))
    check(len(found) == 1, "its digest", "is missing, or there is more than one")
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
    what = "is damaged: its digest does not fit what it holds. Take another copy of it"
    check(_digest(header.raw, parts) == header.document["digest"], "it", what)
