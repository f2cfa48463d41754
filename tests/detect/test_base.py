"""Thresholds that any detector can be given after its fit, and the rate of false alarms that they promise."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from seqrec import CombinedDetector, LengthDetector

RNG = np.random.default_rng(0)
LETTERS = np.array(list("abcdefgh"))


def normal_sequences(n, rng=RNG):
    """Walks around a ring: the next letter is one or two ahead."""
    lengths = rng.integers(4, 12, n)
    return [
        LETTERS[(start + np.cumsum(rng.choice([1, 1, 2], length))) % 8].tolist()
        for start, length in zip(rng.integers(0, 8, n), lengths, strict=True)
    ]


@pytest.fixture
def fitted():
    return LengthDetector().fit(normal_sequences(150))


def test_an_unfitted_detector_has_no_threshold_to_set():
    with pytest.raises(NotFittedError):
        LengthDetector().set_threshold(false_positive_rate=0.1)


def test_thresholds_change_without_another_fit(fitted):
    by_rate = fitted.set_threshold(false_positive_rate=0.1).offset_
    assert fitted.set_threshold(alerts_per_day=10, sequences_per_day=100).offset_ == by_rate
    assert fitted.set_threshold(false_positive_rate=0.001, extrapolate=True).offset_ < by_rate


@pytest.mark.parametrize(
    "wrong", [{}, {"contamination": 0.1, "false_positive_rate": 0.1}, {"alerts_per_day": 3}, {"sequences_per_day": 3}]
)
def test_a_threshold_is_set_in_one_way_at_a_time(fitted, wrong):
    with pytest.raises(ValueError, match=r"exactly one|given together"):
        fitted.set_threshold(**wrong)


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_the_false_positive_rate_that_was_asked_for_is_met(rate):
    rng = np.random.default_rng(2)
    detector = CombinedDetector(n_folds=1).fit(normal_sequences(10_000, rng)).set_threshold(false_positive_rate=rate)
    realised = np.mean(detector.predict(normal_sequences(4_000, rng)) < 0)
    error = np.sqrt(rate * (1 - rate) * (1 / 2_000 + 1 / 4_000))
    assert abs(realised - rate) < 2.6 * error
