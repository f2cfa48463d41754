"""How odd each field of each event is agrees with what `explain` and `surprisal` say."""

from pathlib import Path

import numpy as np
import pytest
from golden.make import make_log, read_log

import seqrec
from seqrec.detect.expectations import judge


@pytest.fixture(scope="module")
def detector():
    return seqrec.load(Path(__file__).parents[1] / "golden" / "LSTMAnomalyDetector.seqrec")


def test_judgement_agrees_with_what_the_detector_says(detector):
    X = read_log(make_log(6, seed=1), fields=True)[[3]]
    names = np.array([*detector.vocabulary_.items, "(end)"], dtype=object)
    found = judge(detector.normal_, X, np.arange(X.n_events + 1), names)
    reasons = detector.explain(X, n_events=99, only_flagged=False).sort_values("position").reset_index()
    np.testing.assert_allclose(found.surprisal[:-1], detector.surprisal(X), atol=1e-5)
    for row, reason in reasons.iterrows():
        assert min(found.p_values, key=lambda name: found.p_values[name][row]) == reason["field"]
        assert found.expected[reason["field"]][row] == reason["expected"]


def test_ranges_hold_ninety_percent(detector):
    X = read_log(make_log(60, seed=1), fields=True)
    names = np.array([*detector.vocabulary_.items, "(end)"], dtype=object)
    amounts = [judge(detector.normal_, X[[row]], np.arange(X.lengths[row]), names).ranges["amount"] for row in range(5)]
    low, high = np.concatenate(amounts).T
    came = X.columns["amount"][: len(low)]
    assert 0.6 < np.mean((low <= came) & (came <= high)) <= 1
