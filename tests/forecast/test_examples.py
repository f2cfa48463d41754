import numpy as np
import pytest

from seqrec import Sequences
from seqrec.forecast.examples import BATCH, Examples, hold_out
from seqrec.forecast.panel import Panel
from seqrec.forecast.strides import Stretch, Strides

ARRAYS = [np.arange(n, dtype=float) for n in (400, 100, 30, 2, 1)]
PANEL = Panel.read(Sequences.from_arrays(ARRAYS, "y"), "y", None)
STRIDES = Strides(2, (2,))


def test_windows_are_held_out_at_the_ends():
    rows, origins, ends = hold_out(PANEL, 6, np.random.default_rng(0))
    left = origins - PANEL.starts[rows] + 1
    assert set(rows.tolist()) == {0, 1, 2}
    assert (PANEL.stops - ends).tolist() == [80, 20, 6, 0, 0]
    assert left[rows == 0].min() == 320
    assert left[rows == 0].max() == 394
    assert (origins >= ends[rows] - 1).all()


def test_of_many_series_windows_of_some_are_held_out():
    many = Panel.read(Sequences.from_arrays([np.arange(100.0)] * 700, "y"), "y", None)
    rows, origins, ends = hold_out(many, 10, np.random.default_rng(0))
    assert np.unique(np.unique(rows, return_counts=True)[1]).tolist() == [3]
    assert np.unique(many.stops[rows] - 1 - origins).tolist() == [10, 15, 20]
    assert (ends < many.stops).sum() == 500


def test_where_the_horizon_is_a_fifth_of_a_series_one_window_is_held_out():
    short = Panel.read(Sequences.from_arrays([np.arange(20.0)] * 30, "y"), "y", None)
    rows, origins, _ = hold_out(short, 10, np.random.default_rng(0))
    assert rows.tolist() == list(range(30))
    assert (short.stops[rows] - 1 - origins == 6).all()


def test_targets_are_what_came_and_nothing_that_is_held_out():
    ends = PANEL.stops - np.array([80, 20, 6, 0, 0])
    examples = Examples(PANEL, STRIDES, 4, ends, np.random.default_rng(0))
    inputs, ahead, targets, weights = examples.draw()
    assert inputs.shape[0] == BATCH
    assert inputs.shape[2:] == (STRIDES.n_inputs,)
    assert ahead.shape[1:] == (inputs.shape[1], 4, STRIDES.n_ahead)
    assert targets.dtype == weights.dtype == np.float32
    # The series rise by 1, so steps 1 and 2 lie 2 above the season before, and steps 3 and 4 lie 4 above it.
    ratios = targets[weights > 0].reshape(-1)
    assert (ratios > 0).all()
    whole = (weights > 0).all(axis=-1) & (targets < 30).all(axis=-1)
    np.testing.assert_allclose(targets[whole][:, 2], 2 * targets[whole][:, 0], rtol=1e-5)
    assert not whole.all()


def test_young_series_weigh_little_and_unseen_ones_nothing():
    examples = Examples(PANEL, STRIDES, 4, PANEL.stops, np.random.default_rng(0))
    weights = np.concatenate([examples.draw()[3].max(axis=(0, 2)) for _ in range(3)])
    assert weights.max() <= 10
    rows = np.array([2, 3])
    origins = STRIDES.standing(Stretch.of(PANEL, rows, PANEL.stops[rows] - 1, 150), np.array([[0, 60], [0, 60]]))
    assert examples._weights(origins, rows)[:, 0].tolist() == [0, 0]


def test_series_without_two_values_teach_nothing():
    with pytest.raises(ValueError, match="no series has two values"):
        Examples(PANEL.select(np.array([4])), STRIDES, 4, PANEL.stops[[4]], np.random.default_rng(0))
