"""Schemas of what is arrays: numbers with named dimensions, ids of any kind, sparse matrices."""

from __future__ import annotations

import math
from collections.abc import Collection
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from seqrec._checks import show
from seqrec.exceptions import ModelFileError
from seqrec.storage.container import Table, Tensors, check
from seqrec.storage.schemas import Dimension, Sizes, check_list, check_size, inner

_NUMBERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")
_STORED = {kind: kind for kind in _NUMBERS} | {"bool": "uint8"}  # of ids that are no text, what they are stored as


class Array:
    """An array of finite numbers, of one of the dtypes, none below `low`; in JSON it is [dtype, *shape]."""

    def __init__(self, dtypes: str | Collection[str], *dimensions: Dimension, low: float = -math.inf) -> None:
        self.dtypes = [dtypes] if isinstance(dtypes, str) else list(dtypes)
        self.dimensions, self.low = dimensions, low

    def pack(self, value: Any, name: str, tensors: Tensors) -> Any:
        """Put the array among the tensors."""
        tensors[name] = self._checked(value, name)
        return [str(value.dtype), *value.shape]

    def table(self, plain: Any, name: str, sizes: Sizes) -> Table:
        """Give the array's dtype and shape."""
        check_list(plain, name, 1 + len(self.dimensions))
        check(plain[0] in self.dtypes, name, f"must hold {' or '.join(self.dtypes)}, not {show(plain[0])}")
        for size, dimension in zip(plain[1:], self.dimensions, strict=True):
            check_size(size, dimension, name, sizes)
        return {name: (plain[0], tuple(plain[1:]))}

    def unpack(self, plain: Any, name: str, tensors: Tensors) -> NDArray:  # noqa: ARG002
        """Give a copy of the array."""
        return self._checked(tensors[name], name).copy()

    def _checked(self, array: NDArray, name: str) -> NDArray:
        check(self.low == -math.inf or (array >= self.low).all(), name, f"holds values below {self.low:g}")
        return check_finite(array, name)


class Ids:
    """An array of ids or labels of any kind: numbers, truth values, Python's text, or NumPy's.

    In JSON it is [kind, n] for numbers and truth values; ["object", n, n_bytes] for Python's text, whose bytes and
    offsets are tensors; and ["str", n, width] for NumPy's, which is a tensor of code points.
    """

    def __init__(self, length: Dimension = None) -> None:
        self.length = length

    def pack(self, value: Any, name: str, tensors: Tensors) -> Any:
        """Put the ids among the tensors."""
        kind = "str" if value.dtype.kind == "U" else str(value.dtype)
        check(value.ndim == 1, name, "must have one dimension")
        if kind == "object":
            encoded = [_encoded(text, name) for text in value]
            tensors[inner(name, "offsets")] = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
            tensors[inner(name, "bytes")] = np.frombuffer(b"".join(encoded), dtype=np.uint8)
            return [kind, len(value), sum(map(len, encoded))]
        if kind == "str":
            width = value.dtype.itemsize // 4
            tensors[name] = np.ascontiguousarray(value).view(np.uint32).reshape(len(value), width)
            return [kind, len(value), width]
        check(kind in _STORED, name, f"holds {kind} values, which a model file cannot keep")
        tensors[name] = value.astype(_STORED[kind], copy=False)
        return [kind, len(value)]

    def table(self, plain: Any, name: str, sizes: Sizes) -> Table:
        """Give the tensors of ids of this kind."""
        check(isinstance(plain, list) and len(plain) >= 2, name, "is no description of ids")
        kind, n, *more = plain
        check_size(n, self.length, name, sizes)
        check_list(more, name, int(kind in ("object", "str")))
        for size in more:
            check_size(size, None, name, sizes)
        if kind == "object":
            return {inner(name, "offsets"): ("int64", (n + 1,)), inner(name, "bytes"): ("uint8", (more[0],))}
        if kind == "str":
            check(more[0] > 0, name, "has no width")
            return {name: ("uint32", (n, more[0]))}
        check(kind in list(_STORED), name, f"holds an unknown kind of ids: {show(kind)}")
        return {name: (_STORED[kind], (n,))}

    def unpack(self, plain: Any, name: str, tensors: Tensors) -> NDArray:
        """Give the ids again."""
        kind, n, *more = plain
        if kind == "object":
            return _decoded(tensors[inner(name, "offsets")], tensors[inner(name, "bytes")], name)
        stored = tensors[name]
        if kind == "str":
            check((stored <= 0x10FFFF).all(), name, "holds what are no characters")
            return stored.copy().view(f"<U{more[0]}").reshape(n).astype(f"U{more[0]}", copy=False)
        check(kind != "bool" or (stored <= 1).all(), name, "holds other numbers than 0 and 1")
        return check_finite(stored, name).astype(kind)


class Sparse:
    """A matrix of finite numbers, none below 0, in SciPy's CSR format; in JSON [index dtype, rows, columns, size]."""

    def __init__(self, dtype: str, rows: Dimension, columns: Dimension) -> None:
        self.dtype, self.rows, self.columns = dtype, rows, columns

    def pack(self, value: Any, name: str, tensors: Tensors) -> Any:
        """Put the parts of the matrix among the tensors."""
        check(value.dtype == self.dtype, name, f"must hold {self.dtype}")
        tensors |= {inner(name, part): getattr(value, part) for part in ("data", "indices", "indptr")}
        self._check(value.data, value.indices, value.indptr, value.shape[1], name)
        return [str(value.indices.dtype), *value.shape, len(value.data)]

    def table(self, plain: Any, name: str, sizes: Sizes) -> Table:
        """Give the dtypes and shapes of the parts."""
        check_list(plain, name, 4)
        index, n_rows, n_columns, n_entries = plain
        check(index in ("int32", "int64"), name, f"has indices of an unknown kind: {show(index)}")
        for size, dimension in ((n_rows, self.rows), (n_columns, self.columns), (n_entries, None)):
            check_size(size, dimension, name, sizes)
        parts = {"data": (self.dtype, n_entries), "indices": (index, n_entries), "indptr": (index, n_rows + 1)}
        return {inner(name, part): (dtype, (size,)) for part, (dtype, size) in parts.items()}

    def unpack(self, plain: Any, name: str, tensors: Tensors) -> sparse.csr_array:
        """Give the matrix again."""
        data, indices, indptr = (tensors[inner(name, part)].copy() for part in ("data", "indices", "indptr"))
        self._check(data, indices, indptr, plain[2], name)
        matrix = sparse.csr_array((data, indices, indptr), shape=(plain[1], plain[2]))
        matrix.indices, matrix.indptr = indices, indptr  # which SciPy may have made narrower
        return matrix

    def _check(self, data: NDArray, indices: NDArray, indptr: NDArray, n_columns: int, name: str) -> None:
        check((check_finite(data, name) >= 0).all(), name, "holds values below 0")
        check(_in_order(indptr, len(data)), name, "has rows out of order")
        check(((indices >= 0) & (indices < n_columns)).all(), name, "has entries outside its columns")


def check_finite(values: NDArray, name: str) -> NDArray:
    """Give numbers again, unless one of them is NaN or infinite."""
    check(np.isfinite(values).all(), name, "holds values that are NaN or infinite")
    return values


def _in_order(offsets: NDArray, end: int) -> bool:
    """Whether offsets cut what has this length into parts that follow each other."""
    return offsets[0] == 0 and offsets[-1] == end and bool((offsets[1:] >= offsets[:-1]).all())


def _encoded(text: Any, name: str) -> bytes:
    check(isinstance(text, str), name, f"holds {show(text)} among text")
    return text.encode("utf-8", "surrogatepass")


def _decoded(offsets: NDArray, text: NDArray, name: str) -> NDArray:
    check(_in_order(offsets, len(text)), name, "has text out of order")
    whole, ends = text.tobytes(), offsets.tolist()
    ids = np.empty(len(offsets) - 1, dtype=object)
    try:
        ids[:] = [whole[i:j].decode("utf-8", "surrogatepass") for i, j in pairwise(ends)]
    except UnicodeDecodeError as error:
        raise ModelFileError(f"{name} holds text that is no UTF-8 ({error.reason}).") from None
    return ids
