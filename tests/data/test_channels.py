from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from seqrec import Sequences
from seqrec.data.channels import Channels, holds_frames

X = Sequences.from_arrays([[[1.0, 5.0], [3.0, 5.0]], [[5.0, 5.0]]], names=["load", "flat"])


def test_frames_are_events_without_items_whose_columns_are_all_numbers():
    assert holds_frames(X)
    assert holds_frames(Sequences.from_arrays(np.zeros((2, 3, 4, 4), "uint8"), "picture"))
    assert not holds_frames(Sequences.from_lists([["a"]]))
    log = pd.DataFrame({"user_id": [1, 1], "kind": ["a", "b"]})
    assert not holds_frames(Sequences.from_frame(log, item=None, timestamp=None, columns=["kind"]))
    assert not holds_frames(Sequences.from_frame(log, item=None, timestamp=None))


def test_channels_are_read_in_units_of_their_spread_and_constant_ones_as_0():
    channels = Channels.learn(X)
    expected = (np.array([1.0, 3.0, 5.0]) - 3) / np.std([1, 3, 5])
    np.testing.assert_allclose(channels.read(X), np.stack([expected, np.zeros(3)], axis=1), atol=1e-6)
    other = replace(X, columns={"load": X.columns["load"], "flat": np.array([9.0, 5.0, -9.0])})
    np.testing.assert_array_equal(channels.read(other)[:, 1], 0)


def test_what_is_missing_is_the_mean_and_a_flag_says_so_where_training_had_such():
    gappy = replace(X, columns={"load": np.array([1.0, np.nan, 5.0]), "flat": X.columns["flat"]})
    channels = Channels.learn(gappy)
    np.testing.assert_allclose(channels.read(gappy), [[-1, 0, 0], [0, 0, 1], [1, 0, 0]], atol=1e-6)
    assert channels.n_inputs == 3
    assert channels.inputs_of(0) == [0, 2]
    assert channels.inputs_of(1) == [1]
    assert Channels.learn(X).read(gappy)[1].tolist() == [0, 0]


def test_columns_of_arrays_have_a_channel_each_number_and_the_order_of_columns_is_that_of_training():
    columns = {"picture": np.arange(12, dtype="uint8").reshape(3, 2, 2), "load": X.columns["load"]}
    pictures = replace(X, columns=columns)
    channels = Channels.learn(pictures)
    assert channels.names == ["picture[0]", "picture[1]", "picture[2]", "picture[3]", "load"]
    turned = replace(X, columns=dict(reversed(columns.items())))
    np.testing.assert_array_equal(channels.read(turned), channels.read(pictures))


def test_a_value_far_out_is_read_as_one_that_is_less_far_out():
    far = replace(X, columns={"load": np.array([1e30, 3.0, -1e30]), "flat": X.columns["flat"]})
    np.testing.assert_allclose(Channels.learn(X).read(far)[:, 0], [10, 0, -10], atol=1e-6)


def test_nothing_but_missing_values_or_constant_ones_is_refused():
    nothing = replace(X, columns={"load": np.full(3, np.nan)})
    with pytest.raises(ValueError, match=r"all values of all its columns are missing \(NaN\)"):
        Channels.learn(nothing)
    with pytest.raises(ValueError, match="all columns of X are constant, and its sequences of one length"):
        Channels.learn(Sequences.from_arrays(np.ones((4, 2, 2))))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"load": X.columns["load"]}, "X lacks the column 'flat' of training; it has 'load'"),
        (X.columns | {"more": np.zeros(3)}, "X has the column 'more', which training lacked"),
        (X.columns | {"flat": np.zeros((3, 2))}, r"column 'flat' holds 2 numbers an event, in training it held 1"),
        (X.columns | {"flat": np.array(["a", "b", "c"], dtype=object)}, "whose columns are numbers"),
    ],
)
def test_other_columns_than_those_of_training_are_refused(columns, message):
    with pytest.raises((ValueError, TypeError), match=message):
        Channels.learn(X).read(replace(X, columns=columns))
