"""Calibrated quantiles hold on values that were not seen, and are a distribution with a density."""

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.stats import norm

from seqrec.forecast.alike import Alike
from seqrec.forecast.calibration import (
    Calibration,
    Judgement,
    at_levels,
    coverage,
    factors_of,
    normal_scores,
    widened,
)
from seqrec.network.architectures import LEVELS

SCORES = norm.ppf(LEVELS)
RNG = np.random.default_rng(0)


def told(n, horizon, width=1.0):
    """Quantiles of a normal distribution about 10, of a width that may be wrong."""
    return np.broadcast_to(10 + width * SCORES, (n, horizon, len(LEVELS)))


def apart(n):
    """Windows of which no two are alike."""
    return Alike(np.arange(n), np.zeros(n, int))


def test_levels_between_and_beyond_are_those_of_a_normal_where_the_quantiles_are():
    alpha = np.array([0.001, 0.01, 0.33, 0.5, 0.999])
    np.testing.assert_allclose(at_levels(told(2, 3), alpha)[1, 2], 10 + norm.ppf(alpha))


@pytest.mark.parametrize("width", [0.4, 2.5])
def test_widths_become_those_that_hold(width):
    y, fresh = RNG.normal(10, [1.0, 2.0], (2_000, 2)), RNG.normal(10, [1.0, 2.0], (4_000, 2))
    found = Calibration.learn(y, told(2_000, 2, width), apart(2_000))
    quantiles = widened(told(4_000, 2, width), found.factors)
    for level, alpha in enumerate(LEVELS):
        assert np.abs((fresh <= quantiles[..., level]).mean(axis=0) - alpha).max() < 0.03
    shares = coverage(y, told(2_000, 2, width), apart(2_000))
    assert np.abs(np.array(shares["80%"]) - 0.8).max() < 0.03


def test_neighbouring_steps_join_where_few_values_were_held_out():
    y = RNG.normal(10, 2, (20, 30))
    factors = Calibration.learn(y, told(20, 30), apart(20)).factors
    assert np.abs(factors[:, [0, 1, 2, 6, 7, 8]] - 2).max() < 0.8
    assert np.ptp(factors[:, 7]) < 0.8


def test_widths_stay_where_windows_that_are_alike_prove_little():
    of_series = np.repeat([1.0, 3.0], 200)  # one is quiet, one is wild
    y = RNG.normal(10, of_series[:, None], (400, 2))
    sure = factors_of(y, told(400, 2), apart(400))
    unsure = factors_of(y, told(400, 2), Alike((of_series > 1).astype(int), np.zeros(400, int)))
    assert (np.log(unsure[:, [1, 7]]) < 0.7 * np.log(sure[:, [1, 7]])).all()
    assert (factors_of(y, told(400, 2), Alike(np.zeros(400, int), np.zeros(400, int))) == 1).all()


def test_without_held_out_values_nothing_changes():
    for y in (np.zeros((0, 3)), np.full((5, 3), np.nan)):
        found = Calibration.learn(y, told(len(y), 3), apart(len(y)))
        assert (found.factors == 1).all()
        assert found.draw(2, 5, 3, RNG) is None
        assert coverage(y, told(len(y), 3), apart(len(y))) == {}


def test_factors_that_would_make_quantiles_cross_do_not():
    factors = np.ones(len(LEVELS))
    factors[[1, 5]] = 0.1, 5.0
    assert (np.diff(widened(told(1, 1), factors)) >= 0).all()


def test_the_density_is_that_of_the_quantiles():
    y = np.linspace(0, 20, 4_001)
    density = np.exp(-Judgement.of(y, told(len(y), 1)[:, 0]).surprisal)
    np.testing.assert_allclose(density, norm.pdf(y, 10), atol=1e-9)
    skewed = np.broadcast_to(np.exp(SCORES / 2), (len(y), len(LEVELS)))
    assert trapezoid(np.exp(-Judgement.of(y, skewed).surprisal), y) == pytest.approx(1, abs=0.01)
    constant = np.full((1, len(LEVELS)), 5.0)
    assert np.isfinite(Judgement.of(np.array([5.0]), constant).surprisal).all()
    assert np.isnan(Judgement.of(np.array([np.nan]), constant).surprisal).all()


def test_scores_are_where_values_lie():
    score, slope = normal_scores(np.array([10.0, 12.0, 1e9]), told(3, 1)[:, 0])
    np.testing.assert_allclose(score, [0, 2, 30])
    np.testing.assert_allclose(slope, 1)


def test_paths_hang_together_as_held_out_windows_did():
    common = RNG.normal(size=(400, 1))
    y = 10 + 0.9 * common + np.sqrt(1 - 0.81) * RNG.normal(size=(400, 4))
    drawn = Calibration.learn(y, told(400, 4), apart(400)).draw(3, 1_000, 6, np.random.default_rng(1))
    assert drawn.shape == (3, 1_000, 6)
    assert np.corrcoef(drawn[0, :, 0], drawn[0, :, 3])[0, 1] == pytest.approx(0.81, abs=0.1)
    np.testing.assert_allclose(
        np.quantile(drawn, [0.1, 0.5, 0.9], axis=1),
        norm.ppf([0.1, 0.5, 0.9])[:, None, None] * np.ones((3, 3, 6)),
        atol=0.02,
    )


def test_a_value_is_judged_by_what_is_as_far_out_and_by_an_interval():
    quantiles = norm.ppf(LEVELS, 10, 2)
    found = Judgement.of(np.array([10.0, 14.0, 6.0, np.nan]), np.tile(quantiles, (4, 1)))
    np.testing.assert_allclose(found.p_value[:3], 2 * norm.sf([0, 2, 2]), rtol=0.05)
    np.testing.assert_allclose(found.lower[:3], norm.ppf(0.05, 10, 2))
    np.testing.assert_allclose(found.upper[:3], norm.ppf(0.95, 10, 2))
    assert np.isnan(found.p_value[3])
