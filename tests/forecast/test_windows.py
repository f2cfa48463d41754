"""Windows are judged by the metrics, each by what came before it alone."""

import numpy as np
import pytest

from seqrec import Sequences, metrics
from seqrec.forecast.panel import Panel
from seqrec.forecast.windows import DECILES, Window, mean_errors, scales

RNG = np.random.default_rng(0)
ARRAYS = [np.where(RNG.random(n) < 0.1, np.nan, RNG.normal(20, 5, n)) for n in (30, 9, 21, 6)]
PANEL = Panel.read(Sequences.from_arrays(ARRAYS, "y"), "y", None)


def guess(panel, horizon, future, alpha):
    """Quantiles that depend on nothing but the last value and the step."""
    last = np.nan_to_num(panel.latest(1), nan=20.0)
    return (last + np.arange(horizon))[..., None] + 10 * (alpha - 0.5)


@pytest.mark.parametrize("season", [1, 4, 40])
@pytest.mark.parametrize("cut", [0, 5])
def test_scales_are_those_of_the_metrics(season, cut):
    past = [array[: len(array) - cut] for array in ARRAYS]
    np.testing.assert_allclose(scales(PANEL.cut(cut), season), metrics.seasonal_scale(past, season))


def test_a_window_holds_series_that_have_a_past_and_a_future():
    window = Window.of(PANEL, 8, 4, (), 1)
    assert window.rows.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(window.truth, [array[len(array) - 8 :][:4] for array in ARRAYS[:3]])


def test_errors_are_those_of_the_metrics_step_by_step():
    window = Window.of(PANEL, 4, 4, (), 1)
    errors = window.errors(guess, coverage=0.6)
    told = guess(window.past, 4, {}, np.array([*DECILES, 0.2, 0.8]))
    past = [array[:-4] for array in ARRAYS]
    assert (np.isnan(errors["smape"]) == np.isnan(window.truth)).all()
    means = {name: np.nanmean(values, axis=1) for name, values in errors.items()}
    np.testing.assert_allclose(means["mase"], metrics.mase(window.truth, told[..., 4], past))
    np.testing.assert_allclose(means["smape"], metrics.smape(window.truth, told[..., 4]))
    np.testing.assert_allclose(means["coverage"], metrics.interval_coverage(window.truth, told[..., 9], told[..., 10]))
    losses = metrics.pinball_loss(window.truth, told[..., :9], DECILES).mean(axis=1) / metrics.seasonal_scale(past)
    np.testing.assert_allclose(means["pinball"], losses)
    np.testing.assert_allclose(window.loss(guess), losses)


def test_means_are_over_the_windows_in_which_a_step_was_observed():
    windows = [Window.of(PANEL, back, 4, (), 1) for back in (4, 8)]
    errors = mean_errors(PANEL, windows, guess, 4, 0.6).set_index(["series", "step"])
    each = [window.errors(guess, 0.6)["smape"] for window in windows]
    assert errors.loc[(0, 2), "smape"] == pytest.approx(np.nanmean([each[0][0, 1], each[1][0, 1]]))
    assert errors["n_windows"].sum() == sum((~np.isnan(window.truth)).sum() for window in windows)
    assert errors.loc[3].shape[0] <= 4


def test_no_windows_give_no_rows():
    assert mean_errors(PANEL, [Window.of(PANEL, 90, 4, (), 1)], guess, 4, 0.6).empty


def test_a_past_without_two_seasons_is_scaled_by_the_step_before():
    rng = np.random.default_rng(0)
    long, short = rng.normal(size=20), rng.normal(size=11)
    panel = Panel.read(Sequences.from_arrays([long, short], "y"), "y", None)
    window = Window.of(panel, 4, 4, (), season=4)
    expected = [metrics.seasonal_scale(long[:16], 4), metrics.seasonal_scale(short[:7], 1)]
    np.testing.assert_allclose(window.scale, expected)
