"""Errors of forecasts agree with their definitions, summed value by value."""

import numpy as np
import pytest
from scipy.stats import norm

from seqrec.metrics import (
    crps_from_quantiles,
    interval_coverage,
    mase,
    msis,
    owa,
    pinball_loss,
    seasonal_scale,
    smape,
)

RNG = np.random.default_rng(0)
HISTORY = [RNG.normal(50, 9, n) for n in (30, 41, 17)]
Y = np.where(RNG.random((3, 8)) < 0.2, np.nan, RNG.normal(50, 9, (3, 8)))
FORECAST = RNG.normal(50, 9, (3, 8))
LOWER, UPPER = FORECAST - RNG.uniform(1, 9, (3, 8)), FORECAST + RNG.uniform(1, 9, (3, 8))


def by_hand(error_of):
    """Mean, for each series, of an error over the steps that were observed."""
    return [np.mean([error_of(i, t) for t in range(8) if not np.isnan(Y[i, t])]) for i in range(3)]


def scales_by_hand(season):
    return np.array([np.mean([abs(y[t] - y[t - season]) for t in range(season, len(y))]) for y in HISTORY])


@pytest.mark.parametrize("season", [1, 7])
def test_mase_divides_by_the_mean_difference_to_a_season_before(season):
    expected = by_hand(lambda i, t: abs(Y[i, t] - FORECAST[i, t])) / scales_by_hand(season)
    np.testing.assert_allclose(mase(Y, FORECAST, HISTORY, season), expected)


def test_a_difference_of_which_one_value_is_missing_does_not_count():
    assert seasonal_scale([1.0, np.nan, 4.0, 6.0, 7.0], season=2) == pytest.approx((3 + 3) / 2)


def test_a_history_that_is_too_short_or_does_not_change_is_no_unit():
    assert np.isnan(mase([[1.0]] * 3, [[2.0]] * 3, [[1.0], [3.0] * 9, []], season=1)).all()


def test_smape_has_a_factor_of_200():
    expected = by_hand(lambda i, t: 200 * abs(Y[i, t] - FORECAST[i, t]) / (abs(Y[i, t]) + abs(FORECAST[i, t])))
    np.testing.assert_allclose(smape(Y, FORECAST), expected)
    assert smape([1.0], [-3.0]) == 200


def test_owa_is_a_ratio_of_means_not_a_mean_of_ratios():
    errors = RNG.uniform(1, 9, (4, 50))
    means = errors.mean(axis=1)
    expected = pytest.approx((means[0] / means[2] + means[1] / means[3]) / 2)
    assert owa(*errors) == expected
    assert owa(*means) == expected
    assert owa(*errors) != pytest.approx(np.mean((errors[0] / errors[2] + errors[1] / errors[3]) / 2))


def test_a_series_that_lacks_one_error_is_left_out_of_all_means():
    errors = RNG.uniform(1, 9, (4, 5))
    lacking = errors.copy()
    lacking[1, 2] = np.nan
    assert owa(*lacking) == pytest.approx(owa(*np.delete(errors, 2, axis=1)))


@pytest.mark.parametrize("coverage", [0.5, 0.95])
def test_msis_is_width_and_what_is_missed(coverage):
    a = 1 - coverage

    def score(i, t):
        y, low, high = Y[i, t], LOWER[i, t], UPPER[i, t]
        return high - low + 2 / a * (low - y) * (y < low) + 2 / a * (y - high) * (y > high)

    np.testing.assert_allclose(msis(Y, LOWER, UPPER, HISTORY, 7, coverage), by_hand(score) / scales_by_hand(7))


def test_pinball_loss_weighs_what_is_below_and_above():
    alpha, quantiles = np.array([0.1, 0.5, 0.9]), np.stack([LOWER, FORECAST, UPPER], axis=-1)
    losses = pinball_loss(Y, quantiles, alpha)
    for level, (a, q) in enumerate(zip(alpha, (LOWER, FORECAST, UPPER), strict=True)):
        expected = by_hand(lambda i, t: a * (Y[i, t] - q[i, t]) if Y[i, t] > q[i, t] else (1 - a) * (q[i, t] - Y[i, t]))  # noqa: B023
        np.testing.assert_allclose(losses[:, level], expected)
        np.testing.assert_allclose(pinball_loss(Y, q, a), expected)


def test_the_true_quantile_has_the_least_pinball_loss():
    y, tried = RNG.normal(size=20_000), np.linspace(-1, 1, 201)
    losses = pinball_loss(np.tile(y, (len(tried), 1)), np.tile(tried[:, None], len(y)), 0.7)
    assert tried[losses.argmin()] == pytest.approx(np.quantile(y, 0.7), abs=0.011)


def test_crps_of_many_quantiles_is_that_of_the_distribution():
    alpha, y = (np.arange(2_000) + 0.5) / 2_000, np.array([[-1.5], [0.0], [2.0]])
    z = y[:, 0]
    exact = z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi)  # Gneiting & Raftery (2007), section 4.2
    np.testing.assert_allclose(
        crps_from_quantiles(y, np.tile(norm.ppf(alpha), (3, 1, 1)), alpha), exact, rtol=0, atol=1e-3
    )


def test_crps_of_the_median_alone_is_the_absolute_error():
    expected = by_hand(lambda i, t: abs(Y[i, t] - FORECAST[i, t]))
    np.testing.assert_allclose(crps_from_quantiles(Y, FORECAST[..., None], [0.5]), expected)


def test_coverage_counts_what_lies_in_the_interval():
    np.testing.assert_allclose(
        interval_coverage(Y, LOWER, UPPER), by_hand(lambda i, t: LOWER[i, t] <= Y[i, t] <= UPPER[i, t])
    )
    assert interval_coverage([1.0, 2.0], [1.0, 0.0], [3.0, 2.0]) == 1


def test_steps_can_be_judged_apart():
    each = mase(Y[..., None], FORECAST[..., None], np.stack([HISTORY[0]] * 3)[:, None])
    assert each.shape == Y.shape
    np.testing.assert_array_equal(np.isnan(each), np.isnan(Y))
    np.testing.assert_allclose(np.nanmean(each, axis=1), mase(Y, FORECAST, np.stack([HISTORY[0]] * 3)))


def test_what_was_not_observed_needs_no_forecast_and_gives_no_error():
    assert np.isnan(smape([np.nan], [np.nan]))
    assert interval_coverage([np.nan, 1.0], [np.nan, 0.0], [np.nan, 2.0]) == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: smape([1.0], [np.nan]), "forecast is missing or infinite where y was observed"),
        (lambda: smape([1.0, 2.0], [1.0]), r"forecast of the shape of y, \(2,\), got \(1,\)"),
        (lambda: smape([np.inf], [1.0]), "infinite values"),
        (lambda: mase([1.0], [1.0], [1.0, 2.0], season=0), "season must be at least 1"),
        (lambda: msis([1.0], [1.0], [1.0], [1.0, 2.0], coverage=95), "coverage must lie between 0 and 1, got 95"),
        (lambda: pinball_loss([1.0], [1.0], 90), "alpha must hold levels between 0 and 1"),
        (lambda: pinball_loss([1.0], [1.0], [0.5]), r"quantiles of shape \(1, 1\), got \(1,\)"),
        (lambda: crps_from_quantiles([1.0], [[1.0, 2.0]], [0.9, 0.1]), "rising levels"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
