"""Frames from a formula: their classes, what could be known of them, and where it stands."""

import numpy as np
import pandas as pd
import pytest

from seqrec.datasets import make_frames
from seqrec.datasets.frames import BIRDS, CALL, call_shapes, class_chances

BANDS = [f"band_{band}" for band in range(8)]


@pytest.fixture(scope="module")
def frames():
    return make_frames(2_000, random_state=0)


def test_each_recording_has_one_class_and_one_call_of_twelve_steps(frames):
    groups = frames.groupby("sequence")
    assert groups[["label", "likeliest", "chance"]].nunique().max().max() == 1
    assert (groups["calling"].sum() == CALL).all()
    assert (groups["calling"].apply(lambda calling: np.diff(np.flatnonzero(calling)).max()) == 1).all()
    assert groups["step"].max().between(39, 79).all()
    assert frames["step"].tolist() == groups.cumcount().tolist()


def test_classes_and_lengths_are_as_likely_as_each_other(frames):
    first = frames.groupby("sequence").first()
    assert first["label"].value_counts(normalize=True)[list(BIRDS)].between(0.2, 0.3).all()
    assert frames.groupby("sequence").size().mean() == pytest.approx(60, abs=1)


def test_the_best_that_can_be_known_is_as_documented_and_calibrated(frames):
    first = frames.groupby("sequence").first()
    right = first["likeliest"] == first["label"]
    assert right.mean() == pytest.approx(0.951, abs=4 * np.sqrt(0.951 * 0.049 / 2_000))
    assert first["chance"].mean() == pytest.approx(right.mean(), abs=0.03)


def test_chances_are_those_of_bayes_step_by_step():
    x = make_frames(1, random_state=3)[BANDS].to_numpy()
    density = np.zeros(len(BIRDS))
    for bird, call in enumerate(1.2 * call_shapes()):
        for start in range(len(x) - CALL + 1):
            mean = np.zeros_like(x)
            mean[start : start + CALL] = call
            density[bird] += np.exp(-((x - mean) ** 2).sum() / 2 + (x**2).sum() / 2)
    np.testing.assert_allclose(class_chances(x, 1.2), density / density.sum(), atol=1e-12)


def test_what_is_heard_is_the_call_and_all_else_is_noise(frames):
    noise = frames.loc[~frames["calling"], BANDS].to_numpy()
    assert noise.mean() == pytest.approx(0, abs=0.01)
    assert noise.std() == pytest.approx(1, abs=0.01)
    for bird, call in zip(BIRDS, call_shapes(), strict=True):
        heard = frames.loc[frames["calling"] & (frames["label"] == bird), BANDS].to_numpy().reshape(-1, CALL, 8)
        np.testing.assert_allclose(heard.mean(axis=0), 1.2 * call, atol=0.25)


def test_rising_and_falling_calls_differ_in_nothing_but_their_order():
    rising, falling = call_shapes()[:2]
    np.testing.assert_allclose(rising, falling[::-1], atol=1e-12)
    np.testing.assert_allclose(rising.sum(axis=0), falling.sum(axis=0), atol=1e-12)
    assert (call_shapes()[:, :, 6:] == 0).all()


def test_a_seed_gives_the_same_frames_and_strength_0_says_nothing():
    pd.testing.assert_frame_equal(make_frames(3, random_state=1), make_frames(3, random_state=1))
    assert make_frames(5, 0, random_state=1)["chance"].to_numpy() == pytest.approx(0.25)


@pytest.mark.parametrize("arguments", [(0,), (1.5,), (1, -1), (1, "loud"), (1, np.inf), (1, np.nan)])
def test_parameters_are_checked(arguments):
    with pytest.raises(ValueError, match=r"n_sequences|strength"):
        make_frames(*arguments)
