"""Arrays of samples become frames, and those that cannot be used are told."""

import re

import numpy as np
import pytest
from sound_files import tone

from seqrec.sound import LogMel, list_sounds, read_recordings

FORM = LogMel(8_000)
ODD = {
    "no_samples": [],
    "not_finite": [0.0, np.nan] * 200,
    "not_finite, too": [0.0, 1e300] * 200,
    "silent": np.full(400, 7),
    "too_short": tone()[:199],
}


@pytest.mark.parametrize("code", ODD)
def test_a_recording_that_cannot_be_used_is_told_and_the_others_are_read(code):
    read = read_recordings([tone(), ODD[code], tone(880)], FORM)
    assert read.rows == [0, 2]
    assert [(fault.row, fault.name, fault.code) for fault in read.faults] == [(1, "sounds[1]", code.partition(",")[0])]
    assert [frames.shape for frames in read.frames] == [(28, 40)] * 2


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (["a", "b"], "an array of <U1"),
        (np.zeros((2, 2, 2)), r"of shape \(2, 2, 2\)"),
        ([[1], [1, 2]], "ragged"),
        (np.zeros((2, 400)), r"it has 400 channels of 2 samples. .* turn it: sound\.T"),
    ],
)
def test_what_is_no_array_of_samples_is_told(array, text):
    (fault,) = read_recordings([array], FORM).faults
    assert fault.code == "no_samples"
    assert re.search(text, fault.reason)


def test_a_click_in_what_is_not_read_leaves_frames_that_say_nothing():
    (frames,) = read_recordings([np.eye(1, 270, 269)[0]], FORM).frames
    assert np.abs(frames).max() < 1e-5


def test_of_several_channels_the_mean_is_taken():
    stereo = np.stack([tone(440), tone(880)], axis=1)
    ours, mean = read_recordings([stereo, stereo.mean(axis=1)], FORM).frames
    np.testing.assert_array_equal(ours, mean)


def test_recordings_are_listed_one_by_one():
    assert [len(sound) for sound in list_sounds(np.zeros((3, 400)))[0]] == [400] * 3
    assert list_sounds("a.wav") == (["a.wav"], True)
    assert list_sounds([]) == ([], False)
    for wrong, text in [(7, "got int"), (["a.wav", tone()], "mixes paths and arrays"), (tone(), "put it in a list")]:
        with pytest.raises(TypeError, match=text):
            list_sounds(wrong)
