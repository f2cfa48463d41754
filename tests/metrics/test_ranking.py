"""Metrics agree with oracles written from their definitions."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn.metrics import f1_score

from seqrec.metrics import (
    average_rank,
    best_f1,
    bootstrap_difference,
    bootstrap_interval,
    card_precision,
    coverage,
    detection_report,
    hit_rate,
    mrr,
    ndcg,
    recall,
    tpr_at_fpr,
)

RNG = np.random.default_rng(0)
RANKS = RNG.integers(1, 30, size=200).astype(float)
INDPTR = np.concatenate([[0], np.sort(RNG.choice(np.arange(1, 200), size=49, replace=False)), [200]])
K = 10
IS_ANOMALY = RNG.random(300) < 0.2
ODDNESS = (RNG.normal(size=300) + 2 * IS_ANOMALY).round(1)  # with ties
WEIGHTS = np.where(IS_ANOMALY, 1, 49.79)


def targets_of_each():
    return [RANKS[start:stop] for start, stop in pairwise(INDPTR)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_average_rank_agrees_with_scipy_over_many_ties(dtype):
    scores = RNG.integers(0, 6, size=(50, 20)).astype(dtype)
    target = RNG.integers(0, 20, size=50)
    expected = rankdata(-scores, method="average", axis=1)[np.arange(50), target]
    np.testing.assert_array_equal(average_rank(scores, target), expected)


def test_excluded_items_take_no_rank():
    scores = np.array([[3.0, -np.inf, 2.0, 1.0]])
    assert average_rank(scores, [2]) == [2]
    assert average_rank(scores, [1]) == [np.inf]


def test_an_item_outside_the_catalogue_has_an_infinite_rank():
    assert average_rank(np.array([[1.0, 2.0]]), [-1]) == [np.inf]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scores_of_a_diverged_model_are_an_error(value):
    with pytest.raises(ValueError, match="1 sequences hold NaN"):
        average_rank(np.array([[1.0, 2.0], [value, 2.0]]), [0, 1])


@pytest.mark.parametrize("row", [[1.0, 1.0, 1.0], [1.0, -np.inf, 1.0]])
def test_constant_scores_are_an_error(row):
    with pytest.raises(ValueError, match="1 sequences are equal"):
        average_rank(np.array([row, [1.0, 1.0, 2.0]]), [0, 0])


@pytest.mark.parametrize("row", [[1.0, -np.inf, -np.inf], [-np.inf, -np.inf, -np.inf]])
def test_one_item_left_or_none_is_no_constant_row(row):
    average_rank(np.array([row]), [0])


def test_shapes_that_do_not_fit_are_an_error():
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(3,\)"):
        average_rank(np.zeros((2, 3)), [0, 1, 2])


def test_ranking_leaves_the_scores_as_they_were():
    scores = RNG.random((3, 5))
    before = scores.copy()
    average_rank(scores, [0, 1, -1])
    np.testing.assert_array_equal(scores, before)


def test_one_target_a_sequence():
    np.testing.assert_array_equal(recall(RANKS, K), [rank <= K for rank in RANKS])
    np.testing.assert_array_equal(hit_rate(RANKS, K), recall(RANKS, K))
    np.testing.assert_allclose(ndcg(RANKS, K), [(rank <= K) / np.log2(1 + rank) for rank in RANKS])
    np.testing.assert_allclose(mrr(RANKS, K), [(rank <= K) / rank for rank in RANKS])


def test_recall_is_the_share_of_the_targets():
    expected = [np.mean(ranks <= K) for ranks in targets_of_each()]
    np.testing.assert_allclose(recall(RANKS, K, INDPTR), expected)


def test_hit_rate_asks_for_any_target():
    expected = [np.any(ranks <= K) for ranks in targets_of_each()]
    np.testing.assert_array_equal(hit_rate(RANKS, K, INDPTR), expected)


def test_ndcg_divides_by_the_best_possible_list():
    def oracle(ranks):
        gained = sum(1 / np.log2(1 + rank) for rank in ranks if rank <= K)
        return gained / sum(1 / np.log2(1 + rank) for rank in range(1, min(K, len(ranks)) + 1))

    np.testing.assert_allclose(ndcg(RANKS, K, INDPTR), [oracle(ranks) for ranks in targets_of_each()])
    assert ndcg([1, 2, 3], k=2, indptr=[0, 3]) == pytest.approx(1)


def test_mrr_looks_at_the_best_target():
    expected = [(ranks.min() <= K) / ranks.min() for ranks in targets_of_each()]
    np.testing.assert_allclose(mrr(RANKS, K, INDPTR), expected)


@pytest.mark.parametrize("metric", [recall, hit_rate, ndcg, mrr])
def test_an_infinite_rank_counts_as_zero_and_no_rank_as_nothing(metric):
    assert metric([np.inf]).tolist() == [0]
    assert metric([]).shape == (0,)


@pytest.mark.parametrize("ranks", [[0.5], [np.nan], [[1, 2]]])
def test_ranks_below_one_or_missing_are_an_error(ranks):
    with pytest.raises(ValueError, match="ranks must be"):
        recall(ranks)


def test_a_sequence_without_a_target_is_an_error():
    with pytest.raises(ValueError, match="at least one target"):
        recall([1, 2], indptr=[0, 0, 2])


def test_coverage_counts_each_item_once_and_none_never():
    assert coverage(np.array([["a", "b"], ["b", None]], dtype=object), n_items=4) == 0.5
    assert coverage(np.array([[3, 1], [1, 2]]), n_items=3) == 1


def test_bootstrap_interval_is_close_to_the_normal_one_for_many_values():
    values = RNG.random(5_000) < 0.3
    estimate, low, high = bootstrap_interval(values, random_state=0)
    margin = 1.96 * values.std() / np.sqrt(len(values))
    assert estimate == pytest.approx(values.mean())
    assert (low, high) == pytest.approx((estimate - margin, estimate + margin), abs=0.1 * margin)


def test_bootstrap_interval_is_reproducible_and_grows_with_its_level():
    values = RNG.random(50)
    narrow, wide = (bootstrap_interval(values, level=level, random_state=1) for level in (0.8, 0.99))
    assert bootstrap_interval(values, level=0.8, random_state=1) == narrow
    assert wide.low < narrow.low < narrow.high < wide.high


def test_pairs_make_a_difference_sharper_than_two_intervals():
    hard = RNG.random(400)
    estimate, low, high = bootstrap_difference(hard + 0.01, hard, random_state=0)
    assert estimate == pytest.approx(0.01)
    assert high - low < 1e-9


def test_bootstrap_of_models_on_other_sequences_is_an_error():
    with pytest.raises(ValueError, match="2 and 3 sequences"):
        bootstrap_difference([1, 2], [1, 2, 3])


@pytest.mark.parametrize("values", [[], [np.nan, 1], [[1, 2]]])
def test_bootstrap_needs_finite_numbers(values):
    with pytest.raises(ValueError, match="finite number for each"):
        bootstrap_interval(values)


def counted_rates(is_anomaly, oddness, weights):
    """Share of the normal sequences and of the anomalies that each threshold flags."""
    for threshold in [*np.unique(oddness), np.inf]:
        flagged = oddness >= threshold
        yield tuple(np.average(flagged[kind], weights=weights[kind]) for kind in (~is_anomaly, is_anomaly))


@pytest.mark.parametrize("rate", [0, 0.01, 0.05, 0.3, 1])
@pytest.mark.parametrize("weights", [None, WEIGHTS, RNG.random(300)])
def test_tpr_at_fpr_is_the_best_of_all_thresholds(rate, weights):
    counted = counted_rates(IS_ANOMALY, ODDNESS, np.ones(300) if weights is None else weights)
    expected = max(true for false, true in counted if false <= rate + 1e-9)
    assert tpr_at_fpr(IS_ANOMALY, ODDNESS, rate, weights) == pytest.approx(expected)


def test_weights_that_are_rounded_do_not_cost_a_false_positive():
    is_anomaly, oddness = np.arange(2001) == 2000, np.arange(2001.0)
    oddness[2000] = 1989.5  # an anomaly that stands below ten normal sequences
    assert tpr_at_fpr(is_anomaly, oddness, 0.005, weights=np.where(is_anomaly, 1, 49.79)) == 1


def test_what_ties_is_flagged_together():
    assert tpr_at_fpr([False, True, False, True], [1, 1, 0, 2], rate=0.4) == 0.5
    assert tpr_at_fpr([False, True, False, True], [1, 1, 0, 2], rate=0.5) == 1


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_best_f1_is_the_best_of_all_thresholds(weights):
    expected = max(f1_score(IS_ANOMALY, limit <= ODDNESS, sample_weight=weights) for limit in np.unique(ODDNESS))
    assert best_f1(IS_ANOMALY, ODDNESS, weights) == pytest.approx(expected)


def test_a_weight_counts_as_so_many_sequences():
    repeats = np.where(IS_ANOMALY, 1, 3)
    report = detection_report(IS_ANOMALY, ODDNESS, ODDNESS > 1.5, weights=repeats)
    expected = detection_report(*(np.repeat(values, repeats) for values in (IS_ANOMALY, ODDNESS, ODDNESS > 1.5)))
    assert report == pytest.approx(expected)


def test_report_agrees_with_counting():
    flagged = ODDNESS > 1.5
    true, false = np.sum(flagged & IS_ANOMALY), np.sum(flagged & ~IS_ANOMALY)
    above = ODDNESS[IS_ANOMALY][:, None] - ODDNESS[~IS_ANOMALY]
    report = detection_report(IS_ANOMALY, ODDNESS, flagged)
    assert report["AUROC"] == pytest.approx(np.mean((above > 0) + (above == 0) / 2))
    assert report["prevalence"] == pytest.approx(IS_ANOMALY.mean())
    assert report["TPR at 0.5 % FPR"] == tpr_at_fpr(IS_ANOMALY, ODDNESS, 0.005)
    assert report["precision"] == pytest.approx(true / (true + false))
    assert report["recall"] == pytest.approx(true / IS_ANOMALY.sum())
    assert report["FPR"] == pytest.approx(false / np.sum(~IS_ANOMALY))
    assert report["F1"] == pytest.approx(f1_score(IS_ANOMALY, flagged))


def test_report_without_flags_has_figures_of_the_score_alone():
    report = detection_report(IS_ANOMALY, np.zeros(300))
    threefold = [f"TPR at {rate} % FPR" for rate in ("0.1", "0.5", "1")]
    assert list(report) == ["AUROC", "average precision", "prevalence", *threefold, "oracle F1"]
    assert report["AUROC"] == 0.5
    assert report["average precision"] == pytest.approx(report["prevalence"])
    assert all(type(value) is float for value in report.values())


def test_flagging_nothing_has_no_precision_and_is_no_error():
    report = detection_report(IS_ANOMALY, ODDNESS, np.zeros(300, dtype=bool))
    assert [report[name] for name in ("F1", "precision", "recall", "FPR")] == [0, 0, 0, 0]


@pytest.mark.parametrize("labels", [[1, -1, -1], [0, 0, 0], [1, 1, 1], ["a", "b", "a"], [], [[0, 1]]])
def test_labels_are_true_and_false_and_some_of_each(labels):
    with pytest.raises(ValueError, match="is_anomaly must be a 1-D array of bool"):
        tpr_at_fpr(labels, [1, 2, 3], 0.1)


def test_predictions_of_plus_and_minus_one_are_no_flags():
    with pytest.raises(ValueError, match="flagged must be a 1-D array of bool"):
        detection_report([0, 1], [1, 2], flagged=[1, -1])


@pytest.mark.parametrize("rate", [-0.1, 1.1, np.nan])
def test_a_false_positive_rate_outside_0_to_1_is_an_error(rate):
    with pytest.raises(ValueError, match="rate must lie in"):
        tpr_at_fpr(IS_ANOMALY, ODDNESS, rate)


def test_card_precision_agrees_with_the_handbook():
    day, card = RNG.integers(5, 10, size=500), RNG.integers(0, 60, size=500)
    is_fraud, oddness = RNG.random(500) < 0.1, RNG.integers(0, 50, size=500)
    blocked, shares = set(), []
    for today in range(5, 10):
        cards = sorted(set(card[day == today]) - blocked)
        ofs = {one: (day == today) & (card == one) for one in cards}
        top = sorted(cards, key=lambda one, ofs=ofs: -oddness[ofs[one]].max())[:K]
        caught = {one for one in top if is_fraud[ofs[one]].any()}
        blocked |= caught
        shares.append(len(caught) / K)
    assert card_precision(day, card, oddness, is_fraud, k=K) == pytest.approx(np.mean(shares))


def test_a_card_that_was_found_takes_no_place_on_a_later_day():
    day, card, oddness = [1, 1, 2, 2], ["a", "b", "a", "b"], [9, 1, 9, 1]
    assert card_precision(day, card, oddness, [True, False, True, True], k=1) == 1
    assert card_precision(day, card, oddness, [False, False, True, True], k=1) == 0.5


def test_order_of_the_transactions_does_not_change_card_precision():
    columns = (
        RNG.integers(0, 4, size=200),
        RNG.integers(0, 30, size=200),
        RNG.integers(0, 9, size=200),
        RNG.random(200) < 0.3,
    )
    order = RNG.permutation(200)
    assert card_precision(*columns, k=5) == card_precision(*(column[order] for column in columns), k=5)


def test_places_that_stay_empty_are_misses():
    assert card_precision([1], ["a"], [0.5], [True], k=4) == 0.25


def test_card_precision_of_missing_scores_is_an_error():
    with pytest.raises(ValueError, match="no missing values"):
        card_precision([1], ["a"], [np.nan], [True])
