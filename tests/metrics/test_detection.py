"""Figures of alerts agree with counting, over all thresholds, with weights and ties."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from seqrec.metrics import best_f1, card_precision, detection_report, tpr_at_fpr

RNG = np.random.default_rng(0)
K = 10
IS_ANOMALY = RNG.random(300) < 0.2
ODDNESS = (RNG.normal(size=300) + 2 * IS_ANOMALY).round(1)  # with ties
WEIGHTS = np.where(IS_ANOMALY, 1, 49.79)


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
