import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

from seqrec.datasets import make_series


@pytest.fixture(scope="module")
def panel():
    return make_series(60, 1_000, random_state=0)


def matrix(panel, name):
    return panel[name].to_numpy().reshape(60, 1_000)


def test_each_series_has_every_hour_once(panel):
    assert panel["series"].value_counts().eq(1_000).all()
    hours = panel.groupby("series")["timestamp"]
    assert (hours.diff().dropna() == pd.Timedelta("1h")).all()
    assert (hours.min() == pd.Timestamp("2024-01-01")).all()


def test_values_come_from_the_distribution_that_is_told(panel):
    z = np.log(panel["y"] / panel["median"]) / panel["spread"]
    assert kstest(z, "norm").pvalue > 0.01
    assert abs(np.corrcoef(z[:-1], z[1:])[0, 1]) < 0.02


def test_levels_differ_by_orders_of_magnitude(panel):
    levels = panel.groupby("series")["y"].median()
    assert levels.max() > 1e5 * levels.min()


def test_a_median_is_that_of_the_formula_whose_parts_can_be_found_again(panel):
    """Least squares on the parts of the formula leaves nothing of the logarithm of a median."""
    hours = np.arange(1_000)
    waves = [f(2 * np.pi * k * hours / 24) for k in (1, 2) for f in (np.cos, np.sin)]
    known = np.column_stack([np.eye(7)[hours // 24 % 7], *waves, hours / 1_000])
    midnights = hours >= np.arange(24, 800, 24)[:, None]
    for log, price in zip(*(np.log(matrix(panel, name))[:5] for name in ("median", "price")), strict=True):
        tried = [np.column_stack([known, price, change]) for change in midnights]
        left = min(np.abs(log - parts @ np.linalg.solve(parts.T @ parts, parts.T @ log)).max() for parts in tried)
        assert left < 1e-8


def test_promotions_cut_the_price_of_whole_days_and_nothing_else_does(panel):
    price, promotion = matrix(panel, "price"), matrix(panel, "promotion")
    usual = price.max(axis=1, keepdims=True)
    np.testing.assert_array_equal(price < usual * 0.95, promotion)
    assert (price > 0.59 * usual).all()
    assert not np.diff(promotion[:, :984].reshape(60, 41, 24), axis=2).any()
    assert 0.08 < promotion.mean() < 0.18


def test_no_level_changes_in_the_last_fifth(panel):
    last = matrix(panel, "median")[:, 800:]
    same_hour = np.log(last[:, 168:] / last[:, :-168])
    alike = matrix(panel, "price")[:, 968:] == matrix(panel, "price")[:, 800:-168]
    assert np.abs(same_hour[alike]).max() < 0.03  # a week of drift


def test_same_seed_gives_the_same_panel(panel):
    pd.testing.assert_frame_equal(panel, make_series(60, 1_000, random_state=0))
    assert not panel.equals(make_series(60, 1_000, random_state=1))


def test_one_value_is_a_panel_too():
    assert make_series(1, 1, random_state=0).shape == (1, 7)


@pytest.mark.parametrize(("sizes", "message"), [((0, 5), "n_series must be"), ((5, 0), "n_steps must be")])
def test_sizes_that_make_no_sense_are_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        make_series(*sizes)
