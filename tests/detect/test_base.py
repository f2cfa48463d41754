"""The contract that every anomaly detector of the package keeps."""

import pickle
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

from seqrec import (
    CombinedDetector,
    CompositionDetector,
    LengthDetector,
    LSTMAnomalyDetector,
    NewEventDetector,
    NGramDetector,
    Sequences,
)
from seqrec.detect.thresholds import conformal_p_values

# With cheap settings: the contract is about behaviour, not about accuracy.
ESTIMATORS = [
    NewEventDetector(),
    LengthDetector(),
    CompositionDetector(),
    NGramDetector(),
    CombinedDetector(),
    LSTMAnomalyDetector(units=8, max_epochs=2, n_folds=1, precision="float32", random_state=0),
]
FRAME = "a frame is refused, with the call to write: cross-validation would split its events"
ALIKE = "its sequences all have the same length and only events that occur once: to a count they are alike"
EXPECTED_FAILURES = {
    **{
        name: {
            "check_classifier_data_not_an_array": FRAME,
            "check_outliers_train": ALIKE,
            "check_outliers_fit_predict": ALIKE,
        }
        for name in ("NewEventDetector", "LengthDetector", "CompositionDetector", "NGramDetector", "CombinedDetector")
    },
    "LSTMAnomalyDetector": {
        "check_classifier_data_not_an_array": FRAME,
        "check_outliers_train": "its held-out sequences hold new events only, so none of the training data is as odd",
        "check_outliers_fit_predict": "the same",
    },
}
RNG = np.random.default_rng(0)
LETTERS = np.array([f"step {letter}" for letter in "abcdefgh"])


def normal_sequences(n, rng=RNG):
    """Walks around a ring: the next letter is one or two ahead."""
    lengths = rng.integers(4, 12, n)
    return [
        LETTERS[(start + np.cumsum(rng.choice([1, 1, 2], length))) % 8].tolist()
        for start, length in zip(rng.integers(0, 8, n), lengths, strict=True)
    ]


NORMAL, FRESH = normal_sequences(150), normal_sequences(60)
ODD = [[*one[:2], "step z", *one[2:]] for one in FRESH[:10]] + [["step a"] * 60]


def name_of(estimator):
    return type(estimator).__name__


@pytest.fixture(scope="module", params=ESTIMATORS, ids=name_of)
def prototype(request):
    return request.param


@pytest.fixture
def estimator(prototype):
    return clone(prototype)


@pytest.fixture(scope="module")
def fitted(prototype):
    """Fitted once for all tests that only ask it questions."""
    return clone(prototype).fit(NORMAL)


# --- scikit-learn's contract


keeps_the_contract = partial(
    parametrize_with_checks,
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES.get(name_of(estimator), {}),
    xfail_strict=False,  # whether rounding shows depends on the machine
)


@pytest.mark.filterwarnings("ignore::UserWarning")
@keeps_the_contract([estimator for estimator in ESTIMATORS if not name_of(estimator).startswith("LSTM")])
def test_scikit_learn_accepts_the_estimator(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
@keeps_the_contract([estimator for estimator in ESTIMATORS if name_of(estimator).startswith("LSTM")])
def test_scikit_learn_accepts_the_network(estimator, check):
    check(estimator)


def test_init_only_stores_its_parameters(estimator):
    assert vars(estimator) == estimator.get_params()


def test_a_bad_parameter_fails_in_fit_by_name(estimator):
    for name in estimator.get_params():
        bad = clone(estimator).set_params(**{name: object()})
        with pytest.raises(ValueError, match=name):
            bad.fit(NORMAL)


@pytest.mark.parametrize("verb", ["score_samples", "decision_function", "predict", "p_values", "part_p_values"])
def test_an_unfitted_estimator_says_so(estimator, verb):
    with pytest.raises(NotFittedError):
        getattr(estimator, verb)(NORMAL)


def test_an_unfitted_estimator_has_no_threshold_to_set(estimator):
    with pytest.raises(NotFittedError):
        estimator.set_threshold(false_positive_rate=0.1)


def test_two_fits_agree_to_the_bit(estimator, fitted):
    np.testing.assert_array_equal(estimator.fit(NORMAL).score_samples(FRESH), fitted.score_samples(FRESH))


def test_labels_change_nothing(estimator, fitted):
    labels = np.resize([0, 1], len(NORMAL))
    np.testing.assert_array_equal(estimator.fit(NORMAL, labels).score_samples(FRESH), fitted.score_samples(FRESH))


def test_pickle_keeps_the_answers(fitted):
    copy = pickle.loads(pickle.dumps(fitted))  # noqa: S301
    np.testing.assert_array_equal(copy.score_samples(ODD), fitted.score_samples(ODD))
    assert copy.offset_ == fitted.offset_


def test_grid_search_takes_it(estimator):
    def share_flagged(detector, X, y=None):
        return -np.mean(detector.predict(X) < 0)

    X = Sequences.from_lists(NORMAL)
    search = GridSearchCV(estimator, {"contamination": [0.1, 0.3]}, cv=2, scoring=share_flagged, error_score="raise")
    assert search.fit(X).best_params_ == {"contamination": 0.1}


# --- scores


def test_signs_are_those_of_isolation_forest(fitted):
    scores = fitted.score_samples(ODD + FRESH)
    np.testing.assert_allclose(fitted.decision_function(ODD + FRESH), scores - fitted.offset_)
    np.testing.assert_array_equal(fitted.predict(ODD + FRESH), np.where(scores < fitted.offset_, -1, 1))


def test_scores_are_finite_and_at_most_the_logarithm_of_one(fitted):
    scores = fitted.score_samples([*ODD, *FRESH, [], ["never seen"], ["step z"] * 5000])
    assert np.isfinite(scores).all()
    assert scores.max() <= 0


def test_order_and_company_change_nothing(fitted):
    scores = fitted.score_samples(ODD + FRESH)
    alone = np.concatenate([fitted.score_samples([one]) for one in ODD + FRESH])
    np.testing.assert_allclose(fitted.score_samples((ODD + FRESH)[::-1])[::-1], scores, rtol=1e-5)
    np.testing.assert_allclose(alone, scores, rtol=1e-5)


def test_relabelling_events_changes_nothing(estimator, fitted):
    names = {letter: number for number, letter in enumerate(LETTERS)} | {"step z": 99}
    renamed = [[[names[event] for event in one] for one in X] for X in (NORMAL, ODD)]
    scores = estimator.fit(renamed[0]).score_samples(renamed[1])
    np.testing.assert_allclose(scores, fitted.score_samples(ODD), rtol=1e-5)


def test_no_sequences_give_empty_answers(fitted):
    assert fitted.score_samples([]).shape == fitted.predict([]).shape == (0,)


def test_a_single_pool_can_be_asked_for_by_name(estimator, fitted):
    name = list(fitted.calibration_.tails)[-1]
    estimator.set_params(part=name).fit(NORMAL)
    np.testing.assert_allclose(np.exp(estimator.score_samples(ODD)), fitted.part_p_values(ODD)[name], rtol=1e-5)


def test_an_unknown_pool_is_refused_with_the_names_that_exist(estimator):
    with pytest.raises(ValueError, match=r"part must be one of 'auto', .*got 'sum'"):
        estimator.set_params(part="sum").fit(NORMAL)


def test_p_values_of_parts_stand_under_the_users_keys(fitted):
    X = Sequences.from_lists(FRESH[:2], keys=["u1", "u2"])
    frame = fitted.part_p_values(X)
    assert frame.index.tolist() == ["u1", "u2"]
    assert ((frame > 0) & (frame <= 1)).to_numpy().all()


# --- thresholds


def test_a_higher_contamination_flags_a_superset(fitted):
    fitted = pickle.loads(pickle.dumps(fitted))  # noqa: S301
    flagged = [fitted.set_threshold(contamination=c).predict(ODD + FRESH) < 0 for c in (0.05, 0.1, 0.3)]
    assert all((few <= many).all() for few, many in pairwise(flagged))


@pytest.mark.parametrize("detector", [CombinedDetector(contamination=0.1), clone(ESTIMATORS[-1])], ids=name_of)
def test_contamination_is_the_share_of_the_training_data_that_is_flagged(detector):
    flagged = detector.set_params(contamination=0.1).fit_predict(NORMAL) < 0
    assert flagged.sum() == 15


def test_thresholds_change_without_another_fit(fitted):
    fitted = pickle.loads(pickle.dumps(fitted))  # noqa: S301
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


# --- dirty input


def test_a_frame_is_refused_with_the_call_to_write(estimator):
    with pytest.raises(TypeError, match=r"Sequences\.from_frame\(log"):
        estimator.fit(pd.DataFrame({"user_id": [1], "item_id": [1]}))


def test_one_sequence_tells_nothing(estimator):
    with pytest.raises(ValueError, match="at least 2 sequences"):
        estimator.fit(NORMAL[:1])


def test_ids_of_another_kind_are_an_error_not_odd(fitted):
    with pytest.raises(TypeError, match="text"):
        fitted.score_samples([[1, 2, 3]])


# --- each finds what it is for


@pytest.mark.parametrize(
    ("detector", "odd"),
    [
        (NewEventDetector(), ODD[0]),
        (LengthDetector(), ["step a"]),
        (LengthDetector(), ODD[-1]),
        (CompositionDetector(), ["step a"] * 6),
        (NGramDetector(order=2), ["step a", "step h", "step g", "step f"]),
        (CombinedDetector(), ["step a", "step h", "step g", "step f"]),
    ],
)
def test_each_baseline_flags_what_it_is_for(detector, odd):
    detector.fit(normal_sequences(400, np.random.default_rng(1)))
    assert detector.predict([odd]).tolist() == [-1]
    assert np.mean(detector.predict(FRESH) < 0) < 0.1


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_the_false_positive_rate_that_was_asked_for_is_met(rate):
    rng = np.random.default_rng(2)
    detector = CombinedDetector(n_folds=1).fit(normal_sequences(10_000, rng)).set_threshold(false_positive_rate=rate)
    realised = np.mean(detector.predict(normal_sequences(4_000, rng)) < 0)
    error = np.sqrt(rate * (1 - rate) * (1 / 2_000 + 1 / 4_000))
    assert abs(realised - rate) < 2.6 * error
