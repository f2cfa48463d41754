from typing import Annotated, NamedTuple

import numpy as np
import pytest

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
    sugar: Annotated[int, Integer(0, 3)]

    def check_sound(self):
        if self.tea == "none" and self.sugar:
            raise ValueError("sugar without tea")


class Tray(NamedTuple):
    cups: tuple[Cup, ...]
    prices: dict[str, list[float]]
    is_full: bool
    note: Annotated[str, Choice("hot", "cold")] | None = None


CUP = Record(Cup)
TRAY = Record(Tray)


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
        (TRAY, Tray((Cup("green", 2), Cup("black", 0)), {"tea": [1.5]}, True, "hot")),
        (TRAY, Tray((), {}, False)),
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
        (CUP, {"tea": "green", "sugar": 4}),
        (CUP, None),
        (TRAY, {"cups": [], "prices": [], "is_full": 1, "note": None}),
        (TRAY, {"cups": [], "prices": [], "is_full": True, "note": "warm"}),
        (TRAY, {"cups": [{"tea": "green"}], "prices": [], "is_full": True, "note": None}),
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
    schema = Listed(CUP)
    with pytest.raises(ModelFileError, match=r"cups\.1 is not sound: sugar without tea"):
        schema.unpack([{"tea": "green", "sugar": 1}, {"tea": "none", "sugar": 1}], "cups", {})
