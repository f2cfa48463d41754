"""Ids and matrices come back as they were, and what makes no sense is refused."""

import numpy as np
import pytest
from scipy import sparse

from seqrec.data.vocabulary import Vocabulary, vocabulary
from seqrec.exceptions import ModelFileError
from seqrec.storage.arrays import Ids, Sparse


def again(schema, value):
    """Pack a value, check the table of its tensors, and unpack it."""
    tensors = {}
    plain = schema.pack(value, "x", tensors)
    assert schema.table(plain, "x", {}) == {name: (str(a.dtype), a.shape) for name, a in tensors.items()}
    return schema.unpack(plain, "x", tensors)


@pytest.mark.parametrize(
    "ids",
    [
        np.array([3, -1], dtype=np.int64),
        np.array([2**64 - 1, 1], dtype=np.uint64),
        np.array([1.5, -0.0]),
        np.array([True, False]),
        np.array([1, 2], dtype=np.int8),
        np.array([1, 2], dtype=np.float32),
        np.array(["a", "a\0", "\0", "two\nlines", "😀", "\ud800", "e\u0301", "", " "], dtype=object),
        np.array([], dtype=object),
        np.array([], dtype=np.int64),
        np.array(["no", "yes", "😀"]),
        np.array(["a"], dtype="U20"),
        np.array([], dtype="U3"),
    ],
    ids=lambda ids: f"{ids.dtype}-{len(ids)}",
)
def test_ids_come_back_as_they_are(ids):
    np.testing.assert_array_equal(again(Ids(), ids), ids, strict=True)


def test_a_vocabulary_comes_back():
    assert again(vocabulary("n"), Vocabulary(["tea", "nul\0"])) == Vocabulary(["tea", "nul\0"])


def test_ids_that_cannot_be_kept_are_refused_when_they_are_saved():
    for ids in (np.array([1, "a"], dtype=object), np.array(["2026-01-01"], dtype="M8[D]"), np.array([1j])):
        with pytest.raises(ModelFileError):
            Ids().pack(ids, "x", {})


@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_a_sparse_matrix_comes_back_with_its_indices(index):
    matrix = sparse.csr_array(np.array([[0, 0.5, 0], [0, 0, 0], [1.5, 0, 2.5]]))
    matrix.indices, matrix.indptr = matrix.indices.astype(index), matrix.indptr.astype(index)
    back = again(Sparse("float64", 3, 3), matrix)
    for part in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(back, part), getattr(matrix, part), strict=True)


@pytest.mark.parametrize(
    "values",
    [
        {"indptr": [1, 1, 3]},
        {"indptr": [0, 4, 3]},
        {"indptr": [0, 1, 2]},
        {"indices": [0, 1, 9]},
        {"data": [np.nan] * 3},
    ],
)
def test_a_matrix_that_makes_no_sense_is_refused(values):
    tensors = {
        "x.data": np.ones(3),
        "x.indices": np.array([0, 1, 1], np.int32),
        "x.indptr": np.array([0, 1, 3], np.int32),
    }
    plain = ["int32", 2, 2, 3]
    Sparse("float64", 2, 2).unpack(plain, "x", tensors)
    for name, value in values.items():
        tensors[f"x.{name}"] = np.array(value, dtype=tensors[f"x.{name}"].dtype)
    with pytest.raises(ModelFileError):
        Sparse("float64", 2, 2).unpack(plain, "x", tensors)
