"""The naive lines look back as far as they say, and are off as often as they say."""

import numpy as np
import pytest
from scipy.stats import norm

from seqrec import Sequences
from seqrec.forecast import naive
from seqrec.forecast.panel import Panel

RNG = np.random.default_rng(0)
NINETY = np.array([0.05, 0.5, 0.95])


def panel_of(*arrays):
    return Panel.read(Sequences.from_arrays([np.asarray(one, float) for one in arrays], "y"), "y", None)


def median(panel, horizon, season):
    return naive.quantiles(panel, horizon, np.array([0.5]), season, 0.1)[..., 0].tolist()


def test_the_middle_is_the_last_value_or_that_of_a_season_before():
    panel = panel_of([1, 2, 3, 4, 5, 6], [7])
    assert median(panel, 4, 1) == [[6] * 4, [7] * 4]
    assert median(panel, 4, 3) == [[4, 5, 6, 4], [7] * 4]


def test_what_was_not_observed_is_looked_for_further_back():
    nan = np.nan
    assert median(panel_of([1, 2, 3, 4, nan, 6]), 4, 3) == [[4, 2, 6, 4]]
    assert median(panel_of([5, nan, nan]), 2, 1) == [[5, 5]]
    assert median(panel_of([nan, nan, 3, nan, nan, 6, nan]), 3, 3) == [[6, 6, 6]]


def test_quantiles_are_order_statistics_of_the_differences():
    y = np.cumsum(RNG.normal(size=100))
    told = naive.quantiles(panel_of(y), 7, NINETY, 1, 0.1)[0]
    for step in (1, 7):
        differences = np.sort(np.abs(y[step:] - y[:-step]))
        rank = 0.9 * (len(differences) + 1)
        width = np.interp(rank, np.arange(1, len(differences) + 1), differences)
        np.testing.assert_allclose(told[step - 1], y[-1] + np.array([-width, 0, width]))


def test_a_short_series_is_a_random_walk_of_its_own_spread_and_what_is_usual():
    y, usual = np.array([10.0, 12.0, 9.0]), 0.5
    told = naive.quantiles(panel_of(y), 4, NINETY, 1, usual)[0]
    spread = np.sqrt((4 + 9 + 4 * (usual * y.mean()) ** 2) / (2 + 4))
    np.testing.assert_allclose(told[:, 2] - 9, spread * np.sqrt([1, 2, 3, 4]) * norm.ppf(0.95))
    alone = naive.quantiles(panel_of([10.0]), 1, NINETY, 1, usual)[0, 0]
    np.testing.assert_allclose(alone, 10 + usual * 10 * norm.ppf(NINETY))


def test_the_spread_of_a_season_grows_with_the_seasons_ahead():
    told = naive.quantiles(panel_of([1, 5, 2, 6]), 6, NINETY, 2, 0.1)[0]
    width = told[:, 2] - told[:, 1]
    np.testing.assert_allclose(width / width[0], np.sqrt([1, 1, 2, 2, 3, 3]))


@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("n", [6, 25, 80])
def test_intervals_of_random_walks_hold(n, share):
    walks = np.cumsum(RNG.standard_t(5, size=(800, n + 3)), axis=1) + 50
    panel = panel_of(*walks[:, :n])
    ends = np.array([(1 - share) / 2, (1 + share) / 2])
    told = naive.quantiles(panel, 3, ends, 1, naive.usual_spread(panel, 1))
    held = ((told[..., 0] <= walks[:, n:]) & (walks[:, n:] <= told[..., 1])).mean(axis=0)
    assert held == pytest.approx(share, abs=0.06)


def test_levels_do_not_cross_however_extreme():
    panel = panel_of(RNG.normal(size=30), RNG.normal(size=4), [3.0], np.ones(30))
    alpha = np.array([1e-6, 0.01, 0.025, 0.5, 0.975, 0.99, 1 - 1e-6])
    told = naive.quantiles(panel, 40, alpha, 1, 0.2)
    assert (np.diff(told, axis=-1) >= 0).all()
    assert (np.diff(told[:3], axis=-1) > 0).all()


def test_paths_go_as_far_as_quantiles_say_and_drift_together():
    y = seasonal = np.resize([0.0, 5, 9, 4], 200) + np.cumsum(RNG.normal(size=200))
    scores = naive.normal_scores(panel_of(y), 12, 20_000, 1, RNG)[0]
    np.testing.assert_allclose(scores.std(axis=0), 1, atol=0.03)
    assert np.corrcoef(scores[:, 2], scores[:, 11])[0, 1] == pytest.approx(np.sqrt(3 / 12), abs=0.03)
    scores = naive.normal_scores(panel_of(seasonal), 12, 20_000, 4, RNG)[0]
    np.testing.assert_allclose(scores.std(axis=0), 1, atol=0.03)
    assert np.corrcoef(scores[:, 0], scores[:, 1])[0, 1] > 0.5
    assert np.corrcoef(scores[:, 1], scores[:, 5])[0, 1] == pytest.approx(np.sqrt(1 / 2), abs=0.03)


def test_the_best_season_is_the_one_that_repeats():
    week = np.resize(RNG.normal(size=21), 300) + 0.1 * RNG.normal(size=300)
    assert naive.best_season(panel_of(week, 1e6 * week), (3, 21)) == 21
    assert naive.best_season(panel_of(week), ()) == 1


def test_what_is_usual_is_a_share_of_the_size():
    panel = panel_of([10, 11, 10, 11], [1000, 1200, 1000, 1200], [1, 1.05, 1, 1.05], [0, 0], [5])
    assert naive.usual_spread(panel, 1) == pytest.approx(1 / 10.5, rel=1e-6)
    assert naive.usual_spread(panel_of([5.0]), 1) == 0
