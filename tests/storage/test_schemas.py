from typing import NamedTuple

import numpy as np
import pytest
from scipy import sparse

from seqrec.data.vocabulary import Vocabulary, vocabulary
from seqrec.exceptions import ModelFileError
from seqrec.storage.arrays import Array, Ids, Sparse
from seqrec.storage.parameters import PARAMETER
from seqrec.storage.schemas import (
    ABOVE_ZERO,
    Choice,
    Converted,
    Flag,
    Integer,
    Listed,
    Mapped,
    Optional,
    Real,
    Record,
    Size,
    Text,
    Tupled,
)


def again(schema, value):
    """Pack a value, check the table of its tensors, and unpack it."""
    tensors = {}
    plain = schema.pack(value, "x", tensors)
    assert schema.table(plain, "x", {}) == {name: (str(a.dtype), a.shape) for name, a in tensors.items()}
    return schema.unpack(plain, "x", tensors)


class Cup(NamedTuple):
    tea: str
    sugar: int


CUP = Record(Cup, {"tea": Text(), "sugar": Integer(0, 3)})


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (Integer(-1, 1), -1),
        (Real(), 0.1),
        (Flag(), True),
        (Text(), "a\0\ud800😀"),
        (Choice("a", "b"), "b"),
        (Optional(Integer()), None),
        (Optional(Integer()), 2),
        (Listed(Real()), [0.5, 1.5]),
        (Listed(Integer(), tuple), (1, 2)),
        (Tupled(Integer(), Text()), (1, "a")),
        (Mapped(Integer()), {"z": 1, "a": 2}),
        (CUP, Cup("green", 2)),
        (Converted(Integer(), len, lambda n: "x" * n), "xxx"),
    ],
)
def test_values_come_back_with_their_types(schema, value):
    back = again(schema, value)
    assert back == value
    assert type(back) is type(value)


def test_the_order_of_a_dict_is_kept():
    assert list(again(Mapped(Integer()), {"z": 1, "a": 2})) == ["z", "a"]


def test_numbers_of_numpy_become_those_of_python():
    assert type(again(Integer(), np.int32(3))) is int
    assert type(again(Real(), np.float32(0.5))) is float


@pytest.mark.parametrize(
    ("schema", "plain"),
    [
        (Integer(0, 5), 6),
        (Integer(), True),
        (Integer(), 1.0),
        (Integer(), 10**400),
        (Real(), 1),
        (Real(0, 1), 1.5),
        (ABOVE_ZERO, 0.0),
        (Flag(), 1),
        (Text(), 1),
        (Choice("a"), "b"),
        (Choice("a"), ["a"]),
        (Optional(Flag()), 0),
        (Listed(Flag()), {"a": True}),
        (Listed(Flag()), [True, 1]),
        (Tupled(Flag(), Flag()), [True]),
        (Mapped(Flag()), {"a": True}),
        (CUP, {"tea": "green"}),
        (CUP, {"tea": "green", "sugar": 1, "milk": 1}),
        (CUP, None),
        (Array("int64", 3), ["int64", 4]),
        (Array("int64", 3), ["float64", 3]),
        (Array("int64", None), ["int64", -1]),
        (Array("int64", None), ["int64", 2**63]),
        (Array("int64", None), ["int64", True]),
        (Array("int64", None), [["int64"], 3]),
        (Array("int64", None), ["int64", 3, 3]),
        (Array("int64", "n + 2"), ["int64", 1]),
        (Ids(), ["object", 3]),
        (Ids(), ["int64", 3, 3]),
        (Ids(), ["int128", 3]),
        (Ids(), ["str", 3, 0]),
        (Ids(), []),
        (Ids(), [{}, 3]),
        (Sparse("float64", None, None), ["int16", 2, 2, 1]),
        (Sparse("float64", None, None), ["int32", 2, -2, 1]),
        (PARAMETER, [1]),
        (PARAMETER, {"dict": [["a"]]}),
        (PARAMETER, {"dict": [["a", []]]}),
        (PARAMETER, {"dict": [["a", 1], ["a", 2]]}),
        (PARAMETER, {"dict": [], "more": 1}),
        (PARAMETER, {"random state": {}}),
        (PARAMETER, 2**70),
    ],
)
def test_json_that_does_not_fit_is_refused(schema, plain):
    with pytest.raises(ModelFileError):
        schema.table(plain, "x", {})


def test_dimensions_of_one_name_agree():
    schema = Record(dict, {"n": Size("n"), "a": Array("int64", "n"), "b": Array("int64", "n + 1", "n")})
    table = schema.table({"n": 2, "a": ["int64", 2], "b": ["int64", 3, 2]}, "", {})
    assert table == {"a": ("int64", (2,)), "b": ("int64", (3, 2))}
    with pytest.raises(ModelFileError, match="b has size 2 where n is 3"):
        schema.table({"n": 3, "a": ["int64", 3], "b": ["int64", 4, 2]}, "", {})


def test_a_record_names_what_does_not_fit():
    def check(cup):
        if cup.tea == "none" and cup.sugar:
            raise ValueError("sugar without tea")

    schema = Listed(Record(Cup, CUP.fields, check))
    with pytest.raises(ModelFileError, match=r"cups\.1 is not sound: sugar without tea"):
        schema.unpack([{"tea": "green", "sugar": 1}, {"tea": "none", "sugar": 1}], "cups", {})


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


@pytest.mark.parametrize(
    "parameter",
    [None, True, 3, 0.1, 1.0, "auto", {}, {"a": 1, 2: "b", 0.5: None, True: False}],
)
def test_parameters_come_back_with_their_types(parameter):
    back = again(PARAMETER, parameter)
    assert back == parameter
    assert type(back) is type(parameter)
    if isinstance(parameter, dict):
        assert list(map(type, back)) == list(map(type, parameter))


def test_a_random_state_goes_on_where_it_was():
    generator = np.random.RandomState(3)
    generator.standard_normal(3)  # an odd number: half of a pair is kept for the next call
    back = again(PARAMETER, generator)
    assert back.standard_normal(5).tolist() == generator.standard_normal(5).tolist()
    assert back.randint(10**9) == generator.randint(10**9)


@pytest.mark.parametrize("parameter", [[1], object(), np.nan, {"a": [1]}, {(1, 2): 3}, 2**70, np.random.default_rng(0)])
def test_a_parameter_that_cannot_be_kept_is_named(parameter):
    with pytest.raises(ValueError, match="units"):
        PARAMETER.pack(parameter, "units", {})
