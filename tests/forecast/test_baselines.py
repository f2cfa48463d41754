"""The naive forecasters: what they go back to, and that their intervals hold on series made from a formula."""

import numpy as np
import pandas as pd
import pytest

from seqrec import NaiveForecaster, SeasonalNaiveForecaster, Sequences
from seqrec.datasets import make_series


@pytest.fixture(scope="module")
def panel():
    return Sequences.from_frame(make_series(40, 24 * 7 * 5, random_state=0), "series", None, columns=["y"])


def test_the_season_by_which_training_repeats_best_is_taken(panel):
    forecaster = SeasonalNaiveForecaster(horizon=4).fit(panel)
    assert forecaster.season_lengths_ == (24, 168)
    y = panel.columns["y"].reshape(40, -1)
    expected = y[:, -forecaster.season_length_ :][:, :4]
    np.testing.assert_array_equal(forecaster.predict(panel)["y"].to_numpy().reshape(40, 4), expected)


def test_without_seasons_both_are_the_same():
    walk = Sequences.from_arrays([np.cumsum(np.random.default_rng(0).normal(size=50))], "y")
    both = [kind(horizon=5).fit(walk).predict_quantiles(walk) for kind in (NaiveForecaster, SeasonalNaiveForecaster)]
    pd.testing.assert_frame_equal(*both)


def test_the_season_before_is_better_than_the_last_value_and_its_intervals_hold(panel):
    past = panel.between(0, panel.lengths - 96)
    errors = SeasonalNaiveForecaster(horizon=48).fit(past).backtest(panel, windows=2, coverage=0.8)
    means = errors.groupby("model").mean(numeric_only=True)
    assert means.loc["SeasonalNaiveForecaster", "pinball"] < 0.8 * means.loc["NaiveForecaster", "pinball"]
    assert means["coverage"].between(0.7, 0.9).all()


def test_levels_that_differ_by_a_million_are_forecast_alike(panel):
    forecaster = SeasonalNaiveForecaster(horizon=24).fit(panel)
    larger = Sequences.from_arrays([1e6 * y for y in np.split(panel.columns["y"], panel.indptr[1:-1])], "y")
    told = SeasonalNaiveForecaster(horizon=24, season_lengths=[24, 168]).fit(larger).predict_quantiles(larger)
    np.testing.assert_allclose(told["q90"], 1e6 * forecaster.predict_quantiles(panel)["q90"])
