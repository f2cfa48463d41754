"""Thresholds keep what they promise about normal sequences, and p-values agree with counting."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from sklearn.ensemble import IsolationForest

from seqrec.detect.thresholds import (
    Tail,
    alerts_per_day_offset,
    benjamini_hochberg,
    conformal_p_values,
    contamination_offset,
    false_positive_offset,
    peaks_over_threshold_offset,
)

RNG = np.random.default_rng(0)
SCORES = RNG.normal(size=200)
RATES = [0.005, 0.01, 0.07, 0.29, 0.5, 0.995, 1 / 201, 7 / 201]
NUMBERS = st.floats(-1e6, 1e6, width=32) | st.integers(-3, 3).map(float)


def lists(fewest=1):
    return st.lists(NUMBERS, min_size=fewest, max_size=40).map(np.array)


def counted_p_values(scores, reference):
    return np.array([(1 + sum(other <= score for other in reference)) / (len(reference) + 1) for score in scores])


def within_binomial_bounds(hits, n, rate):
    return binom.ppf(1e-5, n, rate) <= hits <= binom.ppf(1 - 1e-5, n, rate)


# Offsets


def test_contamination_agrees_with_isolation_forest():
    X = RNG.normal(size=(100, 2))
    forest = IsolationForest(contamination=0.1, random_state=0).fit(X)
    assert contamination_offset(forest.score_samples(X), 0.1) == pytest.approx(forest.offset_)


def test_contamination_flags_its_share_of_these_sequences():
    scores = RNG.normal(size=200)
    assert np.mean(scores < contamination_offset(scores, 0.1)) == pytest.approx(0.1)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("decimals", [0, 1, 12])
def test_what_is_flagged_is_what_has_a_conformal_p_value_up_to_the_rate(rate, decimals):
    reference, scores = SCORES.round(decimals), RNG.normal(size=500).round(decimals)
    flagged = scores < false_positive_offset(reference, rate)
    np.testing.assert_array_equal(flagged, conformal_p_values(scores, reference) <= rate)


@pytest.mark.parametrize("decimals", [0, 12])
def test_new_normal_sequences_are_flagged_at_most_at_the_rate(decimals):
    draws = RNG.normal(size=(4_000, 50)).round(decimals)
    flagged = sum(draw[0] < false_positive_offset(draw[1:], 0.1) for draw in draws)
    assert flagged <= binom.ppf(1 - 1e-5, len(draws), 0.1)
    assert decimals == 0 or within_binomial_bounds(flagged, len(draws), 0.1)


def test_too_few_sequences_for_the_rate_are_extrapolated_and_a_warning_says_how_many_it_takes():
    with pytest.warns(UserWarning, match=r"at least 999 held-out sequences, but there are 200: .*is extrapolated"):
        assert false_positive_offset(SCORES, 0.001) == peaks_over_threshold_offset(SCORES, 0.001) < SCORES.min()


def test_as_many_sequences_as_the_warning_asks_for_are_enough():
    assert false_positive_offset(np.arange(999), 0.001) == 0
    with pytest.warns(UserWarning, match="at least 48 held-out"):
        false_positive_offset(np.arange(47), 1 / 49)
    assert false_positive_offset(np.arange(48), 1 / 49) == 0


@pytest.mark.filterwarnings("ignore:.*the threshold is extrapolated")
@pytest.mark.parametrize("seed", range(20))
def test_rarer_alarms_flag_no_more_within_and_beyond_what_was_held_out(seed):
    scores = -np.random.default_rng(seed).exponential(size=100)
    offsets = [false_positive_offset(scores, rate) for rate in np.geomspace(0.9, 1e-6, 100)]
    assert (np.diff(offsets) <= 0).all()
    assert offsets[-1] < scores.min()


def test_alerts_per_day_are_a_false_positive_rate():
    assert alerts_per_day_offset(SCORES, 5, 100) == false_positive_offset(SCORES, 0.05)
    assert alerts_per_day_offset(SCORES, 1 / 7, 10) == false_positive_offset(SCORES, 1 / 70)


@pytest.mark.parametrize(("alerts", "sequences"), [(0, 10), (-1, 10), (10, 10), (1, np.inf), (1, np.nan), (np.nan, 10)])
def test_alerts_beyond_the_sequences_are_an_error(alerts, sequences):
    with pytest.raises(ValueError, match="alerts must be above 0 and fewer than"):
        alerts_per_day_offset(SCORES, alerts, sequences)


def test_peaks_over_threshold_join_the_conformal_offset_and_go_on_below_all_scores():
    rates = np.geomspace(0.9, 1e-9, 200)
    offsets = np.array([peaks_over_threshold_offset(SCORES, rate) for rate in rates])
    inside = rates >= 21 / 201
    np.testing.assert_array_equal(offsets[inside], [false_positive_offset(SCORES, rate) for rate in rates[inside]])
    assert (np.diff(offsets) <= 0).all()
    assert (np.diff(offsets[~inside]) < 0).all()
    assert offsets[-1] < SCORES.min()


def test_peaks_over_threshold_keep_a_rate_below_one_in_n_on_average():
    draws = -RNG.exponential(size=(2_000, 100))
    realised = [np.exp(peaks_over_threshold_offset(draw, 0.001)) for draw in draws]
    assert 0.0005 < np.mean(realised) < 0.0015


@pytest.mark.parametrize("scores", [[3.0], [3.0] * 50, [3.0, 2.0], [0.0] * 45 + [-1.0] * 5, [-1.0] * 40 + [0.0] * 10])
def test_peaks_over_threshold_stand_ties_and_few_points(scores):
    offset = peaks_over_threshold_offset(scores, 1e-4)
    assert np.isfinite(offset)
    assert offset < min(scores)


@pytest.mark.parametrize("rate", [0, 1, -0.1, 1.5, np.nan])
@pytest.mark.parametrize("function", [false_positive_offset, peaks_over_threshold_offset, benjamini_hochberg])
def test_a_rate_outside_0_to_1_is_an_error(function, rate):
    with pytest.raises(ValueError, match=re.escape(f"rate must lie between 0 and 1, got {float(rate)}")):
        function([0.5, 0.6], rate)


@pytest.mark.parametrize("rate", ["0.1", None, True])
@pytest.mark.parametrize("function", [contamination_offset, false_positive_offset, benjamini_hochberg])
def test_a_rate_that_is_no_number_is_an_error(function, rate):
    with pytest.raises(TypeError, match="must be a number, got"):
        function([0.5, 0.6], rate)


@pytest.mark.parametrize("contamination", [0, 0.51, -1, np.nan])
def test_contamination_is_at_most_half(contamination):
    with pytest.raises(ValueError, match="contamination must be above 0 and at most"):
        contamination_offset(SCORES, contamination)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("function", [contamination_offset, false_positive_offset, peaks_over_threshold_offset])
def test_scores_that_are_not_finite_are_an_error(function, value):
    with pytest.raises(ValueError, match=r"scores has 1 value.* \(at row 1\)"):
        function([1.0, value], 0.4)


@pytest.mark.parametrize("scores", [[], 1.0, [[1.0, 2.0]]])
def test_scores_are_one_number_a_sequence(scores):
    with pytest.raises(ValueError, match="scores must be a 1-D array"):
        false_positive_offset(scores, 0.1)


# P-values


def test_conformal_p_values_agree_with_counting_over_ties():
    scores, reference = RNG.integers(0, 9, size=50), RNG.integers(0, 9, size=30)
    np.testing.assert_allclose(conformal_p_values(scores, reference), counted_p_values(scores, reference))


def test_no_scores_have_no_p_values():
    assert conformal_p_values([], SCORES).shape == (0,)
    assert benjamini_hochberg([], 0.1).shape == (0,)


def test_benjamini_hochberg_agrees_with_its_steps():
    for _ in range(100):
        p_values = RNG.integers(1, 41, size=20) / 40 * RNG.choice([0.05, 1], size=20)
        below = [k for k in range(1, 21) if np.sort(p_values)[k - 1] <= 0.2 * k / 20 + 1e-12]
        expected = p_values <= (np.sort(p_values)[max(below) - 1] if below else -1)
        np.testing.assert_array_equal(benjamini_hochberg(p_values, 0.2), expected)


def test_a_p_value_that_meets_its_bound_is_a_discovery():
    assert benjamini_hochberg([3 / 10] * 3, 0.3).all()
    assert benjamini_hochberg([0.07, 1.0, 1.0], 0.21).tolist() == [True, False, False]


def test_false_discoveries_stay_below_their_rate():
    shares = []
    for _ in range(300):
        scores = np.concatenate([RNG.normal(size=90), RNG.normal(-4, size=10)])
        flagged = benjamini_hochberg(conformal_p_values(scores, RNG.normal(size=500)), 0.2)
        shares.append(flagged[:90].sum() / max(flagged.sum(), 1))
    assert 0.1 < np.mean(shares) < 0.2


def test_p_values_outside_0_to_1_are_an_error():
    with pytest.raises(ValueError, match=r"p_values has 1 value outside 0 to 1 \(at row 1\)"):
        benjamini_hochberg([0.5, 1.5], 0.1)


# Tail


@given(lists())
def test_survival_at_the_fitted_values_is_the_conformal_one(reference):
    p_values = np.exp(Tail.fit(reference).log_survival(reference))
    np.testing.assert_allclose(p_values, counted_p_values(-reference, -reference))


@given(lists(), lists())
def test_survival_is_conformal_or_up_to_one_count_more_within_the_range(reference, values):
    values = values[values <= reference.max()]
    p_values, expected = np.exp(Tail.fit(reference).log_survival(values)), counted_p_values(-values, -reference)
    assert (p_values >= expected - 1e-12).all()
    assert (p_values <= np.minimum(1, expected + 1 / (len(reference) + 1)) + 1e-12).all()


@given(lists(), lists())
def test_survival_is_finite_and_never_rises(reference, values):
    log_p = Tail.fit(reference).log_survival(np.sort(np.concatenate([reference, values, [-1e300, 1e300]])))
    assert np.isfinite(log_p).all()
    assert (log_p <= 0).all()
    assert (np.diff(log_p) <= 0).all()


@given(lists())
def test_beyond_the_highest_value_survival_is_below_one_count_and_falls(reference):
    steps = np.geomspace(1e-3, 1e3, 50) * max(1.0, np.abs(reference).max())
    log_p = Tail.fit(reference).log_survival(reference.max() + steps)
    assert (log_p <= -np.log(len(reference) + 1)).all()
    assert (np.diff(log_p) < 0).all()


@given(lists(), st.permutations(range(5)))
def test_company_and_order_do_not_change_a_survival(reference, order):
    tail, values = Tail.fit(reference), np.array([-1.0, 0.0, 0.5, 2.0, 1e7])
    together = tail.log_survival(values)
    np.testing.assert_array_equal(tail.log_survival(values[list(order)]), together[list(order)])
    np.testing.assert_array_equal([tail.log_survival([value])[0] for value in values], together)


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 2, 20, 200])
@pytest.mark.parametrize("rate", [0.3, 0.1, 0.01, 0.001])
def test_new_values_of_an_exponential_have_uniform_p_values(n, rate):
    draws = np.random.default_rng(n).exponential(size=(3_000, n + 1))
    hits = sum(Tail.fit(draw[1:]).log_survival(draw[:1])[0] <= np.log(rate) for draw in draws)
    assert hits <= binom.ppf(1 - 1e-5, len(draws), rate)


def test_two_values_of_an_exponential_extrapolate_exactly():
    draws = RNG.exponential(size=(4_000, 3))
    p_values = np.exp([Tail.fit(draw[1:]).log_survival(draw[:1])[0] for draw in draws])
    assert all(within_binomial_bounds(np.sum(p_values <= rate), len(draws), rate) for rate in (0.01, 0.1, 0.3))


@pytest.mark.parametrize(("shape", "bounds"), [(0.0, (0.7, 1.4)), (0.3, (0.6, 1.6))])
def test_a_long_reference_extrapolates_to_the_truth(shape, bounds):
    draw = RNG.exponential if shape == 0 else lambda size: RNG.pareto(1 / shape, size=size)
    tail, far = Tail.fit(draw(size=100_000)), np.log(1e-6)
    value = -far if shape == 0 else np.exp(-far * shape) - 1  # the truth there is 1e-6
    assert bounds[0] < tail.log_survival([value])[0] / far < bounds[1]


def test_a_bounded_reference_still_orders_what_lies_beyond():
    log_p = Tail.fit(RNG.random(1000)).log_survival([0.999, 1.0, 1.1, 2.0, 10.0])
    assert (np.diff(log_p) < 0).all()


def test_counts_that_are_all_zero_make_one_rare_and_two_rarer():
    p_values = np.exp(Tail.fit(np.zeros(99)).log_survival([0, 1, 2, 50]))
    assert p_values[0] == 1
    assert (p_values[1:] < 0.01).all()
    assert (np.diff(p_values) < 0).all()


def test_a_value_between_those_seen_is_as_rare_as_the_values_above_it():
    p_values = np.exp(Tail.fit([0] * 97 + [4, 8]).log_survival([0, 1, 2, 3, 4, 6, 8]))
    np.testing.assert_allclose(p_values, [1, 0.0375, 0.035, 0.0325, 0.03, 0.025, 0.02])


def test_values_that_tie_at_the_top_leave_a_scale():
    tail = Tail.fit([2.0] * 10 + [5.0] * 90)
    np.testing.assert_allclose(np.exp(tail.log_survival([5.0])), 91 / 101)
    assert tail.log_survival([8.0])[0] < tail.log_survival([6.0])[0] < -np.log(101)


@settings(deadline=None)
@given(lists())
def test_leaving_one_out_agrees_with_fitting_the_others(reference):
    left_out = [
        Tail.fit(np.delete(reference, i)).log_survival(reference[i : i + 1])[0] if len(reference) > 1 else 0.0
        for i in range(len(reference))
    ]
    np.testing.assert_allclose(Tail.fit(reference).leave_one_out(reference), left_out, atol=1e-12)


def test_the_oddest_of_eight_statistics_keeps_its_rate_if_one_is_left_out():
    def flags(values, new):
        tails = [Tail.fit(column) for column in values.T]
        held_out = [tail.leave_one_out(column) for tail, column in zip(tails, values.T, strict=True)]
        asked = [tail.log_survival(column) for tail, column in zip(tails, new.T, strict=True)]
        return np.min(asked, axis=0) < false_positive_offset(np.min(held_out, axis=0), 0.02)

    draws = RNG.normal(size=(300, 150, 8))
    flagged = np.mean([flags(draw[:100], draw[100:]) for draw in draws])
    assert 0.005 < flagged < 0.025  # 0.076 with p-values that count a value among its own reference


def test_a_tail_is_plain_arrays_and_floats():
    tail = Tail.fit(SCORES)
    assert [type(field) for field in tail] == [np.ndarray, np.ndarray, float, float]
    np.testing.assert_array_equal(Tail(*tail).log_survival(SCORES), tail.log_survival(SCORES))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_tail_refuses_what_is_not_finite(value):
    with pytest.raises(ValueError, match="values has 1 value"):
        Tail.fit([0.0, value])
    with pytest.raises(ValueError, match="values has 1 value"):
        Tail.fit([0.0]).log_survival([value])


def test_a_tail_of_nothing_is_an_error_and_nothing_of_a_tail_is_empty():
    with pytest.raises(ValueError, match=r"values must be a 1-D array .* got shape \(0,\)"):
        Tail.fit([])
    assert Tail.fit([1.0]).log_survival([]).shape == (0,)
