"""Arrays are read as (time, channels), or as (channels, time) where it is said, and doubts are told."""

import warnings

import numpy as np
import pytest

from seqrec import Sequences

RNG = np.random.default_rng(0)
FRAMES = [RNG.normal(size=(length, 3)) for length in (5, 7, 4)]  # (time, channels)
TURNED = [frames.T for frames in FRAMES]


@pytest.mark.parametrize("names", ["values", ["a", "b", "c"]])
def test_channels_first_gives_what_turned_arrays_give(names):
    X, same = Sequences.from_arrays(FRAMES, names), Sequences.from_arrays(TURNED, names, channels_first=True)
    assert X.lengths.tolist() == same.lengths.tolist() == [5, 7, 4]
    for name, column in X.columns.items():
        np.testing.assert_array_equal(column, same.columns[name])


def test_one_array_may_have_its_channels_first():
    frames = RNG.normal(size=(4, 6, 2))
    X = Sequences.from_arrays(frames.swapaxes(1, 2), channels_first=True)
    np.testing.assert_array_equal(X.columns["values"], np.concatenate(frames))


def test_an_empty_sequence_may_have_its_channels_first():
    X = Sequences.from_arrays([np.empty((3, 0)), TURNED[0], []], channels_first=True)
    assert X.lengths.tolist() == [0, 5, 0]


def test_turned_arrays_of_several_lengths_are_refused_with_a_hint():
    with pytest.raises(
        ValueError, match=r"Or are they turned\? The first axis is 3 in all .* pass channels_first=True"
    ):
        Sequences.from_arrays(TURNED)
    with pytest.raises(
        ValueError, match=r"Or are they turned\? The last axis is 3 in all .* leave channels_first=True"
    ):
        Sequences.from_arrays(FRAMES, channels_first=True)


def test_ragged_channels_are_named_without_a_hint_that_would_not_help():
    with pytest.raises(ValueError, match=r"of shape \(3,\) \(at row 1\). Events of arrays\[1\] have \(2,\)") as error:
        Sequences.from_arrays([FRAMES[0], FRAMES[1][:, :2], FRAMES[2]])
    assert "turned" not in str(error.value)


@pytest.mark.parametrize("arrays", [np.zeros((2, 5)), np.zeros((2, 3, 4, 4)), [np.zeros(5)], [np.zeros((2, 3, 4))]])
def test_other_arrays_than_of_channels_and_time_are_refused(arrays):
    with pytest.raises(ValueError, match="channels_first=True"):
        Sequences.from_arrays(arrays, channels_first=True)


@pytest.mark.parametrize("arrays", [np.ones((2, 3, 50)), [np.ones((1, 50))] * 2])
def test_few_events_of_many_channels_are_doubted_unless_it_is_said_or_they_are_named(arrays):
    with pytest.warns(UserWarning, match=r"read as \d events? of 50 channels. If they are 50 events of \d channels?,"):
        Sequences.from_arrays(arrays)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Sequences.from_arrays(arrays, channels_first=True)
        Sequences.from_arrays(arrays, channels_first=False)
        Sequences.from_arrays(arrays, names=[f"c{channel}" for channel in range(50)])
        Sequences.from_arrays([np.ones((2, 50)), np.ones((3, 50))])
