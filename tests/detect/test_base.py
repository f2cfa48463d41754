"""Thresholds that any detector can be given after its fit, and the rate of false alarms that they promise."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from seqrec import CombinedDetector, LengthDetector
from seqrec.detect.thresholds import conformal_p_values

RNG = np.random.default_rng(0)
LETTERS = np.array(list("abcdefgh"))


def normal_sequences(n, rng=RNG):
    """Walks around a ring: the next letter is one or two ahead."""
    lengths = rng.integers(4, 12, n)
    return [
        LETTERS[(start + np.cumsum(rng.choice([1, 1, 2], length))) % 8].tolist()
        for start, length in zip(rng.integers(0, 8, n), lengths, strict=True)
    ]


FRESH = normal_sequences(60)
ODD = [[*one[:2], "z", *one[2:]] for one in FRESH[:10]] + [["a"] * 60]


@pytest.fixture
def fitted():
    return LengthDetector().fit(normal_sequences(150))


def test_an_unfitted_detector_has_no_threshold_to_set():
    with pytest.raises(NotFittedError):
        LengthDetector().set_threshold(false_positive_rate=0.1)


def test_thresholds_change_without_another_fit(fitted):
    before, by_rate = fitted.offset_, fitted.offset_for(false_positive_rate=0.1)
    assert fitted.offset_ == before
    assert fitted.set_threshold(alerts_per_day=10, sequences_per_day=100).offset_ == by_rate == fitted.offset_
    with pytest.warns(UserWarning, match="extrapolated"):
        assert fitted.set_threshold(alerts_per_day=1, sequences_per_day=1_000).offset_ < by_rate


@pytest.mark.parametrize(
    "wrong", [{}, {"contamination": 0.1, "false_positive_rate": 0.1}, {"alerts_per_day": 3}, {"sequences_per_day": 3}]
)
def test_a_threshold_is_set_in_one_way_at_a_time(fitted, wrong):
    with pytest.raises(ValueError, match=r"exactly one|given together"):
        fitted.set_threshold(**wrong)


def test_a_score_is_the_logarithm_of_the_p_value_which_is_conformal_but_beyond_what_was_held_out(fitted):
    p_values, scores = fitted.p_values(FRESH + ODD), fitted.score_samples(FRESH + ODD)
    np.testing.assert_array_equal(p_values, np.exp(scores))
    n = len(fitted.held_out_scores_)
    conformal = conformal_p_values(scores, fitted.held_out_scores_)
    inside = p_values > 2 / (n + 1)
    assert (np.abs(p_values - conformal)[inside] <= 2 / (n + 1)).all()
    assert (p_values[~inside] <= conformal[~inside] + 1 / (n + 1)).all()


def test_discoveries_are_at_most_what_their_p_values_allow(fitted):
    flagged = fitted.discoveries(ODD + FRESH, false_discovery_rate=0.5)
    p_values = conformal_p_values(fitted.score_samples(ODD + FRESH), fitted.held_out_scores_)
    assert not flagged.any() or p_values[flagged].max() <= 0.5 * flagged.sum() / len(flagged)


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_the_false_positive_rate_that_was_asked_for_is_met(rate):
    rng = np.random.default_rng(2)
    detector = CombinedDetector(n_folds=1).fit(normal_sequences(10_000, rng)).set_threshold(false_positive_rate=rate)
    realised = np.mean(detector.predict(normal_sequences(4_000, rng)) < 0)
    error = np.sqrt(rate * (1 - rate) * (1 / 2_000 + 1 / 4_000))
    assert abs(realised - rate) < 2.6 * error
