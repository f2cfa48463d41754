"""Arrays of numbers as sequences: the ways in, names, what is kept as it is, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec.data.sequences import Sequences

DAYS = np.array(["2024-05-01", "2024-05-02", "2024-05-04"], dtype="M8[D]")


def series(*lengths, shape=(), dtype="f8"):
    """Arrays (length, *shape) of numbers that all differ."""
    sizes = [length * int(np.prod(shape)) for length in lengths]
    parts = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])
    return [part.reshape(length, *shape).astype(dtype) for part, length in zip(parts, lengths, strict=True)]


# --- ways in


@pytest.mark.parametrize("shape", [(), (2,), (2, 3), (4, 4, 3)])
@pytest.mark.parametrize("dtype", ["u1", "i8", "f4", "f8", "?"])
def test_a_list_of_arrays_becomes_one_column_of_the_same_dtype(shape, dtype):
    arrays = series(3, 1, shape=shape, dtype=dtype)

    X = Sequences.from_arrays(arrays)

    assert X.lengths.tolist() == [3, 1]
    assert X.columns["values"].dtype == dtype
    np.testing.assert_array_equal(X.columns["values"], np.concatenate(arrays))


def test_one_array_is_cut_along_its_first_axes_and_not_copied():
    pictures = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)

    X = Sequences.from_arrays(pictures, names="picture")

    assert (len(X), X.n_events) == (2, 6)
    np.testing.assert_array_equal(X[[1]].columns["picture"], pictures[1])
    assert np.shares_memory(X.columns["picture"], pictures)


def test_names_make_a_column_of_each_entry_of_the_last_axis():
    prices = series(3, 2, shape=(2,))

    X = Sequences.from_arrays(prices, names=["open", "close"])

    assert list(X.columns) == ["open", "close"]
    np.testing.assert_array_equal(X.columns["close"], np.concatenate(prices)[:, 1])
    assert Sequences.from_arrays(series(3, shape=(5, 2)), names=["a", "b"]).columns["b"].shape == (3, 5)


def test_nested_lists_and_arrays_of_arrays_are_read_as_arrays():
    ragged = np.array([np.zeros((2, 3)), np.zeros((1, 3))], dtype=object)

    assert Sequences.from_arrays([[1, 2], [3]]).columns["values"].tolist() == [1, 2, 3]
    assert Sequences.from_arrays(([[1.0, 2.0]], np.array([[3, 4]]))).columns["values"].tolist() == [[1, 2], [3, 4]]
    assert Sequences.from_arrays(ragged).columns["values"].shape == (3, 3)


def test_an_empty_sequence_tells_nothing_of_the_shape_of_events():
    X = Sequences.from_arrays([[], np.ones((2, 3)), np.ones((0, 3))])

    assert X.lengths.tolist() == [0, 2, 0]
    assert X.columns["values"].shape == (2, 3)
    assert Sequences.from_arrays([np.ones((0, 3))]).columns["values"].shape == (0, 3)
    assert Sequences.from_arrays(np.ones((0, 7, 3))).columns["values"].shape == (0, 3)


def test_keys_and_times_go_with_the_arrays():
    X = Sequences.from_arrays(series(2, 1), keys=["b", "a"], timestamps=[DAYS[:2], DAYS[2:]])
    together = Sequences.from_arrays(np.zeros((2, 3)), timestamps=np.stack([DAYS, DAYS]))

    assert X.keys.tolist() == ["b", "a"]
    assert X.timestamps.tolist() == DAYS.astype("M8[us]").tolist()
    assert together.timestamps.tolist() == DAYS.astype("M8[us]").tolist() * 2
    assert X.rows.tolist() == [0, 1, 2]


@pytest.mark.parametrize("dtype", ["M8[D]", "M8[s]", "M8[us]", "M8[ns]"])
def test_times_in_arrays_and_in_lists_are_the_same(dtype):
    X, Y = (Sequences.from_lists([["a"] * 3], timestamps=[times]) for times in (DAYS.astype(dtype), DAYS.tolist()))

    np.testing.assert_array_equal(X.timestamps, Y.timestamps)


@given(st.lists(st.integers(0, 5), min_size=1), st.sampled_from([(), (3,), (2, 2)]))
def test_each_sequence_gives_its_array_back(lengths, shape):
    arrays = series(*lengths, shape=shape)

    X = Sequences.from_arrays(arrays, channels_first=False)

    for row, array in enumerate(arrays):
        np.testing.assert_array_equal(X.at(row).columns["values"], array)


# --- what is refused


@pytest.mark.parametrize("what", [[1.0, 2.0], np.arange(2)])
def test_a_sequence_alone_is_refused_with_the_way_out(what):
    with pytest.raises(ValueError, match=r"arrays has 2 single values \(at rows 0, 1\). Put each sequence in a list"):
        Sequences.from_arrays(what)


@pytest.mark.parametrize("what", [pd.DataFrame({"a": [1]}), "abc", {"a": [1]}, None, (one for one in [[1]])])
def test_what_is_no_list_of_arrays_is_refused(what):
    with pytest.raises(TypeError, match=r"arrays must be a list of arrays, or one array, got .*Sequences.from_frame"):
        Sequences.from_arrays(what)


def test_no_array_at_all_is_refused():
    with pytest.raises(ValueError, match=r"arrays is empty: no event tells its shape.*np.empty\(\(0, time"):
        Sequences.from_arrays([])


def test_events_of_several_shapes_are_refused_with_the_arrays():
    message = r"arrays has 2 arrays with other events than those of the first, of shape \(2,\) \(at rows 2, 3\)"

    with pytest.raises(ValueError, match=message):
        Sequences.from_arrays([[], np.ones((5, 2)), np.ones((5, 3)), np.ones(5)])


def test_a_ragged_array_is_refused_by_its_place():
    with pytest.raises(ValueError, match=r"arrays\[1\] is ragged: lists in it differ in length"):
        Sequences.from_arrays([[[1, 2]], [[1, 2], [3]]])


@pytest.mark.parametrize(
    "array",
    [["a"], [1, "a"], [{"a": 1}], [1j], DAYS, [DAYS[0].item()], np.ma.array([1.0, 2.0], mask=[False, True])],
    ids=["text", "mixed", "objects", "complex", "times", "dates", "masked"],
)
def test_arrays_of_something_else_are_refused_by_their_place(array):
    with pytest.raises(TypeError, match=r"arrays\[1\] holds .*, not numbers or booleans alone"):
        Sequences.from_arrays([[1.0], array])


@pytest.mark.parametrize("value", [np.nan, None])
def test_numbers_of_frames_may_be_missing(value):
    X = Sequences.from_arrays([[[1.0, 2.0]], [[3.0, value], [value, value]]])
    np.testing.assert_array_equal(X.columns["values"], [[1, 2], [3, np.nan], [np.nan, np.nan]])


@pytest.mark.parametrize("value", [np.nan, None])
def test_a_series_of_numbers_may_lack_some(value):
    X = Sequences.from_arrays([[[1.0, 2.0], [3.0, value]]], names=["open", "close"])
    np.testing.assert_array_equal(X.columns["close"], [2, np.nan])
    np.testing.assert_array_equal(Sequences.from_arrays([[1.0, value], [value]]).columns["values"], [1, np.nan, np.nan])


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_numbers_are_refused_by_name_with_their_rows(value):
    pictures = np.zeros((2, 3, 4, 4), dtype="f4")
    pictures[1, 0, 2, 2] = value

    with pytest.raises(ValueError, match=r"column 'picture' has 1 infinite value \(at row 3\)"):
        Sequences.from_arrays(pictures, names="picture")


@pytest.mark.parametrize("names", [["a"], ["a", "b", "c"], ["a", "a"], []])
def test_names_that_do_not_fit_are_refused(names):
    with pytest.raises(ValueError, match=r"one name for each entry of the last axis of events, of shape \(2,\), got"):
        Sequences.from_arrays(np.ones((2, 3, 2)), names=names)


def test_names_for_single_numbers_are_refused():
    with pytest.raises(ValueError, match=r"last axis of events, of shape \(\), got \['a'\]"):
        Sequences.from_arrays([[1.0], [2.0]], names=["a"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"keys": ["u"]}, "one id for each of the 2 sequences, got 1"),
        ({"timestamps": [[10**9], [10**9]]}, "each event needs one time"),
        ({"timestamps": [[10**9, 10**9 - 1], [10**9]]}, "sequence 0 go back in time"),
    ],
)
def test_keys_and_times_must_fit_the_arrays(arguments, message):
    with pytest.raises(ValueError, match=message):
        Sequences.from_arrays(series(2, 1), **arguments)
