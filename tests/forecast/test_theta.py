"""The Theta method, beside the same written as a loop over one series."""

import numpy as np
import pytest

from seqrec import Sequences, ThetaForecaster

RATES = [0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99]


def panel(*series):
    return Sequences.from_arrays([np.asarray(y, float) for y in series], "y", keys=list(range(len(series))))


def forecasts(*series, season=4, horizon=6, of=-1):
    forecaster = ThetaForecaster(horizon=horizon, season_lengths=[season] if season else []).fit(panel(*series))
    return forecaster.predict(panel(*series))["y"].to_numpy().reshape(len(series), horizon)[of]


def by_hand(y, season, horizon):
    """Theta with lines 0 and 2, of a positive series that has a season."""
    n, half = len(y), season // 2
    trend = np.array(
        [
            (y[t - half : t + half].sum() + y[t - half + 1 : t + half + 1].sum()) / 2 / season
            for t in range(half, n - half)
        ]
    )
    ratio = y[half : n - half] / trend
    index = np.array([ratio[(np.arange(half, n - half) % season) == phase].mean() for phase in range(season)])
    index /= index.mean()
    y = y / index[np.arange(n) % season]
    slope, start = np.polyfit(np.arange(n), y, 1)
    z = 2 * y - (start + slope * np.arange(n))
    best = (np.inf, 0.0)
    for rate in RATES:
        level, error = z[0], 0.0
        for value in z[1:]:
            error += (value - level) ** 2
            level += rate * (value - level)
        best = min(best, (error, level))
    ahead = np.arange(n, n + horizon)
    return (best[1] + start + slope * ahead) / 2 * index[ahead % season]


def seasonal(n, seed=0):
    rng = np.random.default_rng(seed)
    return (100 + np.arange(n)) * np.tile([0.8, 1.1, 1.3, 0.8], n)[:n] * rng.lognormal(0, 0.05, n)


@pytest.mark.parametrize("n", [16, 41, 90])
def test_it_is_the_method_of_the_paper(n):
    y = seasonal(n)
    np.testing.assert_allclose(forecasts(y), by_hand(y, 4, 6), rtol=1e-9)


def test_company_of_any_length_changes_no_forecast():
    for n in (30, 200):
        y = seasonal(n)
        np.testing.assert_array_equal(forecasts(seasonal(7, 1), seasonal(n, 2), seasonal(n, 3), y), forecasts(y))


@pytest.mark.parametrize(("factor", "shift"), [(1e6, 0.0), (1.0, -1e3), (-2.0, 5.0)])
def test_forecasts_are_in_the_unit_of_the_series(factor, shift):
    y = np.random.default_rng(0).normal(size=40).cumsum() - 50  # where nothing multiplies
    np.testing.assert_allclose(forecasts(shift + factor * y), shift + factor * forecasts(y), rtol=1e-6)


def test_half_of_the_trend_goes_on():
    y = np.append(np.zeros(60), np.arange(60.0))
    np.testing.assert_allclose(np.diff(forecasts(y, season=None)), np.polyfit(np.arange(120), y, 1)[0] / 2)


@pytest.mark.parametrize("y", [[5.0], [5.0, 6.0], [0.0] * 50, [-3.0, np.nan, 4.0], [np.nan, 7.0], [1e12] * 3])
def test_series_of_any_kind_have_answers(y):
    forecaster = ThetaForecaster(horizon=4, season_lengths=[4]).fit(panel(y, seasonal(20)))
    told = forecaster.predict_quantiles(panel(y), [0.1, 0.5, 0.9]).iloc[:, 3:]
    assert np.isfinite(told).all(axis=None)
    assert (told.diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)


def test_intervals_hold_what_comes_of_a_random_walk():
    walks = np.random.default_rng(1).normal(size=(400, 60)).cumsum(axis=1) + 500
    past, truth = panel(*walks[:, :50]), walks[:, 50:]
    told = ThetaForecaster(horizon=10, season_lengths=[]).fit(past).predict_interval(past, coverage=0.8)
    held = told["lower"].to_numpy().reshape(truth.shape) <= truth
    held &= truth <= told["upper"].to_numpy().reshape(truth.shape)
    assert held.mean() == pytest.approx(0.8, abs=0.06)
