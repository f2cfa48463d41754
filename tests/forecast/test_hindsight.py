"""What would have been said earlier: the same as of a series that ends there, and judged as `backtest` does."""

import numpy as np
import pandas as pd
import pytest

from seqrec import NaiveForecaster, SeasonalNaiveForecaster, Sequences
from seqrec.forecast.hindsight import Hindsight, LastWindow

COVERAGES = (0.5, 0.9)


@pytest.fixture(scope="module")
def panel():
    """Six series of 60 days with a week, of which one lacks some days and one is constant."""
    days, rng = pd.date_range("2024-01-01", periods=60, freq="D"), np.random.default_rng(0)
    y = np.tile([3.0, 1, 4, 1, 5, 9, 2], 9)[:60] + rng.normal(size=(6, 60))
    y[1, 50:53], y[2] = np.nan, 7.0
    log = pd.DataFrame({"series": np.repeat(list("abcdef"), 60), "time": np.tile(days, 6), "y": y.ravel()})
    return Sequences.from_frame(log.dropna(), user="series", item=None, timestamp="time", columns=["y"])


@pytest.fixture(scope="module")
def forecaster(panel):
    return NaiveForecaster(horizon=5).fit(panel)


def test_what_would_have_been_said_is_what_is_said_of_a_series_that_ends_there(panel, forecaster):
    hindsight = Hindsight(forecaster, panel)
    found = hindsight.forecast(hindsight.alone(0), 7, 5, COVERAGES)
    expected = forecaster.predict_quantiles(panel.head(53)[[0]], [0.05, 0.25, 0.5, 0.75, 0.95])
    np.testing.assert_allclose(found.quantiles[0], expected.filter(like="q"))
    np.testing.assert_array_equal(found.truth[0], panel[[0]].columns["y"][53:58])
    np.testing.assert_allclose(found.interval(1)[1][0], expected["q95"])


def test_the_naive_line_is_a_season_before_and_the_last_value_beside_seasonal_naive(panel, forecaster):
    y = panel[[0]].columns["y"]
    beside = Hindsight(forecaster, panel)
    np.testing.assert_array_equal(beside.forecast(beside.alone(0), 0, 5, COVERAGES).naive[0], y[-7:-2])
    beside = Hindsight(SeasonalNaiveForecaster(horizon=5).fit(panel), panel)
    np.testing.assert_array_equal(beside.forecast(beside.alone(0), 0, 5, COVERAGES).naive[0], np.repeat(y[-1], 5))


def test_what_is_still_to_come_is_missing(panel, forecaster):
    hindsight = Hindsight(forecaster, panel)
    truth = hindsight.forecast(hindsight.alone(0), 2, 5, COVERAGES).truth[0]
    assert np.isnan(truth).tolist() == [False, False, True, True, True]


def test_many_series_are_judged_as_backtest_does_however_they_are_parted(panel, forecaster):
    window = LastWindow(Hindsight(forecaster, panel), 5, COVERAGES)
    for n in (1, 3, 9):
        window.judge(n)
    assert window.n_judged == 6
    errors = forecaster.backtest(panel, windows=1).groupby(["model", "series"])[["mase", "coverage"]].mean()
    own = errors.loc["NaiveForecaster"]
    np.testing.assert_allclose(window.mase, own["mase"])
    np.testing.assert_allclose(window.covered[:, 1], own["coverage"])
    np.testing.assert_allclose(window.naive, errors.loc["SeasonalNaiveForecaster", "mase"])
    assert np.isnan(window.mase[2])  # nothing scales what never changes
    assert window.covered[2, 0] == 1


def test_series_without_a_window_have_no_figures(forecaster, panel):
    short = panel.head(5)
    window = LastWindow(Hindsight(forecaster, short), 5, COVERAGES)
    window.judge(9)
    assert np.isnan(window.mase).all()
    assert np.isnan(window.covered).all()


def test_what_cannot_be_told_is_said(forecaster, panel):
    log = pd.DataFrame({"series": "a", "time": pd.date_range("2024-01-01", periods=3), "y": [np.nan, np.nan, 1.0]})
    hindsight = Hindsight(forecaster, Sequences.from_frame(log, "series", None, timestamp="time", columns=["y"]))
    with pytest.raises(ValueError, match="series 'a' holds no value up to 2024-01-02 00:00: nothing to forecast from"):
        hindsight.forecast(hindsight.alone(0), 1, 5, COVERAGES)
    with pytest.raises(TypeError, match="future must be Sequences"):
        Hindsight(forecaster, panel, [[1.0]])
