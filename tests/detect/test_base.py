"""Thresholds that any detector can be given after its fit, and the rate of false alarms that they promise."""

from itertools import chain

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from small_networks import quickest

from seqrec import CombinedDetector, CompositionDetector, LengthDetector, NewEventDetector, NGramDetector, Sequences
from seqrec.detect import base
from seqrec.detect.thresholds import conformal_p_values, false_positive_offset

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


# From odd to ever odder, beyond what was held out; one more training sequence is odder than all or most of them.
RISING = [(["new"] * n + ["a"] * (20 + n)) for n in range(1, 80)]


@pytest.mark.parametrize("outlier", [[], [["a"] * 5_000]], ids=["none is odd", "one is"])
@pytest.mark.parametrize(
    "kind", [NGramDetector, CombinedDetector, CompositionDetector, NewEventDetector, LengthDetector]
)
def test_the_oddest_are_told_apart_where_their_oddness_differs(kind, outlier):
    scores = kind(n_folds=1).fit([*normal_sequences(300), *outlier], folds="given").score_samples(RISING)
    assert np.isfinite(scores).all()
    assert (np.diff(scores) < 0).all()


def test_a_p_value_is_never_zero_and_its_score_never_infinite():
    detector = LengthDetector(n_folds=1).fit([["a"] * n for n in np.tile([3, 4, 5, 6], 2_000)])
    scores, p_values = detector.score_samples([["a"] * 10**6]), detector.p_values([["a"] * 10**6])
    assert scores < np.log(np.finfo(float).tiny)
    assert p_values > 0


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_the_false_positive_rate_that_was_asked_for_is_met(rate):
    rng = np.random.default_rng(2)
    detector = CombinedDetector(n_folds=1).fit(normal_sequences(10_000, rng)).set_threshold(false_positive_rate=rate)
    realised = np.mean(detector.predict(normal_sequences(4_000, rng)) < 0)
    error = np.sqrt(rate * (1 - rate) * (1 / 2_000 + 1 / 4_000))
    assert abs(realised - rate) < 2.6 * error


# --- rates where many sequences hold kinds that training lacked


def long_tailed(rng, n, kinds):
    """Sequences of independent events whose kinds follow Zipf's law."""
    share = 1 / np.arange(1, kinds + 1) ** 1.2
    lengths = rng.geometric(0.12, n)
    events = rng.choice(kinds, lengths.sum(), p=share / share.sum())
    return [part.tolist() for part in np.split(events, np.cumsum(lengths)[:-1])]


@pytest.mark.filterwarnings("ignore:.*extrapolated")
@pytest.mark.parametrize("n_folds", [1, 5])
@pytest.mark.parametrize("kinds", quickest(5_000, 400, n=1))
@pytest.mark.parametrize(
    "kind", quickest(NGramDetector, CombinedDetector, CompositionDetector, NewEventDetector, LengthDetector, n=2)
)
@pytest.mark.slow
def test_rates_are_kept_though_most_normal_sequences_hold_something_new(kind, kinds, n_folds):
    realised = np.empty((30, 4))
    for log, found in enumerate(realised):
        rng = np.random.default_rng([log, kinds])
        detector = kind(n_folds=n_folds, random_state=log).fit(long_tailed(rng, 200, kinds))
        fresh = long_tailed(rng, 100, kinds)
        scores, held_out = detector.score_samples(fresh), detector.held_out_scores_
        found[:3] = [(scores < false_positive_offset(held_out, rate)).mean() for rate in (0.02, 0.05, 0.1)]
        found[3] = detector.discoveries(fresh, 0.1).any()
    error = realised.std(axis=0, ddof=1) / np.sqrt(len(realised))
    assert (realised.mean(axis=0)[:3] <= np.array([0.02, 0.05, 0.1]) + 2.6 * error[:3]).all()
    assert realised[:, 3].mean() <= 0.1 + 2.6 * np.sqrt(0.1 * 0.9 / len(realised))


# --- what folds follow


@pytest.fixture
def held_out(monkeypatch):
    """Keys of the sequences of each fold, as they are scored."""
    keys, counted = [], base.AnomalyMixin._folds
    monkeypatch.setattr(
        base.AnomalyMixin,
        "_folds",
        lambda self, line: [keys.append(rows.tolist()) or rows for rows in counted(self, line)],
    )
    return keys


def in_time(starts):
    """Two events a sequence, the first a year ago."""
    times = [[np.datetime64("2020-01-01"), np.datetime64("2021-01-01") + int(start)] for start in starts]
    return Sequences.from_lists([["a", "b"]] * len(times), timestamps=times)


ORDER = np.random.default_rng(5).permutation(10)


@pytest.mark.parametrize("folds", ["auto", "time"])
def test_folds_follow_the_last_event_of_sequences_with_times_the_newest_first(held_out, folds):
    LengthDetector().fit(in_time(ORDER), folds=folds)
    assert [sorted(ORDER[rows].tolist()) for rows in held_out] == [[8, 9], [6, 7], [4, 5], [2, 3], [0, 1]]


def test_one_fold_holds_out_the_newest(held_out):
    LengthDetector(n_folds=1).fit(in_time(ORDER))
    assert [sorted(ORDER[rows].tolist()) for rows in held_out] == [[8, 9]]


def test_folds_follow_the_order_that_is_given(held_out):
    LengthDetector().fit([["a"]] * 10, folds="given")
    assert held_out == [[8, 9], [6, 7], [4, 5], [2, 3], [0, 1]]


@pytest.mark.parametrize(("X", "folds"), [([["a"]] * 10, "auto"), (in_time(ORDER), "random")])
def test_folds_are_drawn_where_nothing_tells_the_order(held_out, X, folds):
    LengthDetector(random_state=0).fit(X, folds=folds)
    LengthDetector(random_state=1).fit(X, folds=folds)
    assert sorted(chain(*held_out[:5])) == sorted(chain(*held_out[5:])) == list(range(10))
    assert held_out[:5] != held_out[5:]


def test_folds_in_the_order_of_time_need_times():
    with pytest.raises(ValueError, match="folds='time' needs sequences with timestamps"):
        LengthDetector().fit([["a"]] * 10, folds="time")
    with pytest.raises(ValueError, match="folds must be one of 'auto', 'time', 'given', 'random'"):
        LengthDetector().fit([["a"]] * 10, folds="random order")


def test_the_model_knows_what_its_training_part_holds_and_nothing_else():
    detector = CombinedDetector(n_folds=1).fit([["a", "b"]] * 8 + [["a", "rare"]] * 2, folds="given")
    assert detector.vocabulary_.items.tolist() == ["a", "b"]
    assert detector.parts([["a", "rare"], ["a", "never"]])["new events"].tolist() == [1, 1]


@pytest.mark.parametrize("n_folds", [1, 5])
def test_a_fold_may_hold_all_events_there_are(n_folds):
    detector = CombinedDetector(n_folds=n_folds).fit([[], [], [], ["a", "b"]], folds="given")
    assert np.isfinite(detector.score_samples([["a"], []])).all()
