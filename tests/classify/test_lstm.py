"""The classifier: labels of sequences and of events, calibration, and what scikit-learn asks of it."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from seqrec import LSTMSequenceClassifier, Sequences

SMALL = LSTMSequenceClassifier(units=8, max_epochs=2, random_state=0)
UNIQUE = "its sequences are made of numbers that occur once, of which an event log can tell nothing"
EXPECTED_FAILURES = {
    "check_classifiers_train": UNIQUE,
    "check_classifiers_classes": UNIQUE,
    "check_class_weight_classifiers": UNIQUE,
    "check_classifier_data_not_an_array": "a frame is refused, with the call to write",
    "check_sample_weights_pandas_series": "the same",
    "check_sample_weight_equivalence_on_dense_data": "repeating a sequence moves the batches, and so the training",
}
RNG = np.random.default_rng(0)


def first_decides(n, rng=RNG):
    """The class is the first event, which only memory can tell at the end."""
    y = rng.choice(["yes", "no"], n)
    return [[label, *rng.choice(["a", "b", "c"], rng.integers(2, 7))] for label in y], y


X, Y = first_decides(400)
FRESH, ANSWERS = first_decides(100)


@pytest.fixture(scope="module")
def fitted():
    return LSTMSequenceClassifier(units=16, max_epochs=30, batch_size=128, random_state=0).fit(X, Y)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
@parametrize_with_checks([SMALL], expected_failed_checks=lambda _: EXPECTED_FAILURES, xfail_strict=False)
def test_scikit_learn_accepts_the_estimator(estimator, check):
    check(estimator)


def test_a_class_that_the_first_event_tells_is_remembered(fitted):
    assert accuracy_score(ANSWERS, fitted.predict(FRESH)) > 0.95


def test_probabilities_sum_to_one_and_follow_the_classes(fitted):
    probabilities = fitted.predict_proba(FRESH)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(fitted.classes_[probabilities.argmax(axis=1)], fitted.predict(FRESH))


def test_probabilities_are_calibrated_where_labels_are_noise():
    rng = np.random.default_rng(1)
    sequences = [rng.choice(["a", "b"], 5).tolist() for _ in range(600)]
    y = rng.random(600) < np.where([one[-1] == "a" for one in sequences], 0.8, 0.1)
    classifier = LSTMSequenceClassifier(units=8, max_epochs=10, class_weight="balanced", random_state=0)
    asked = [["a", "b", "b", "a", "a"], ["a", "b", "b", "a", "b"]]
    p = classifier.fit(sequences, y).predict_proba(asked)[:, 1]
    np.testing.assert_allclose(p, [0.8, 0.1], atol=0.12)


def frame(n_users=60, rng=None):
    rng = rng or np.random.default_rng(2)
    n = n_users * 12
    amount = rng.lognormal(3, 0.5, n)
    odd = rng.random(n) < 0.1
    return pd.DataFrame(
        {
            "user_id": np.repeat(np.arange(n_users), 12),
            "item_id": rng.choice(["shop", "bar"], n),
            "timestamp": np.datetime64("2026-01-01", "s") + np.arange(n) * np.timedelta64(600, "s"),
            "amount": np.where(odd, 20 * amount, amount),
            "is_fraud": odd,
        }
    )


def test_events_are_told_apart_by_a_number_in_the_logs_own_rows():
    log = frame().sample(frac=1, random_state=0)
    S = Sequences.from_frame(log, columns=["amount"])
    classifier = LSTMSequenceClassifier(units=16, max_epochs=20, random_state=0)
    classifier.fit(S, log["is_fraud"].to_numpy()[S.rows])
    fresh = frame(rng=np.random.default_rng(3))
    F = Sequences.from_frame(fresh, columns=["amount"])
    probabilities = np.empty(len(fresh))
    probabilities[F.rows] = classifier.predict_proba(F)[:, 1]
    assert classifier.level_ == "event"
    assert roc_auc_score(fresh["is_fraud"], probabilities) > 0.98
    assert log_loss(fresh["is_fraud"], probabilities) < 0.15


@pytest.mark.parametrize("n", [1, 2, 7, 31, 100])
def test_as_many_sequences_as_may_be_asked_together_get_the_same_last_digit(fitted, n):
    together = fitted.predict_proba(FRESH)
    for rows in RNG.choice(len(FRESH), (3, n)):
        np.testing.assert_array_equal(fitted.predict_proba([FRESH[row] for row in rows]), together[rows])


def test_company_does_not_change_the_probabilities_of_events():
    log = frame(200)
    S = Sequences.from_frame(log, columns=["amount"])
    classifier = clone(SMALL).set_params(level="event", max_epochs=1).fit(S, log["is_fraud"].to_numpy()[S.rows])
    together = classifier.predict_proba(S).reshape(200, 12, 2)
    for rows in ([0], [199, 3], np.arange(7, 38)):
        np.testing.assert_array_equal(classifier.predict_proba(S[np.array(rows)]), together[rows].reshape(-1, 2))


@pytest.mark.parametrize("labels", [["no"] * 398 + ["yes"] * 2, [one[-1] for one in X]], ids=["rare", "three"])
def test_company_does_not_change_probabilities_without_calibration_or_of_three_classes(labels):
    classifier = clone(SMALL).fit(X, labels)
    together = classifier.predict_proba(X)
    for rows in ([0], [399, 3], np.arange(7), np.arange(7, 38), np.arange(199, 398)):
        np.testing.assert_array_equal(classifier.predict_proba([X[row] for row in rows]), together[rows])


def test_later_events_do_not_change_earlier_probabilities():
    log = frame(20)
    S = Sequences.from_frame(log, columns=["amount"])
    classifier = clone(SMALL).set_params(level="event").fit(S, log["is_fraud"])
    whole = classifier.predict_proba(S).reshape(20, 12, 2)[:, :5].reshape(-1, 2)
    np.testing.assert_array_equal(classifier.predict_proba(S.head(5)), whole)


def test_events_of_weight_zero_teach_nothing_but_context():
    log = frame(20)
    S = Sequences.from_frame(log, columns=["amount"])
    weights = np.tile([1.0, 0.0], len(log) // 2)
    spoilt = np.where(weights > 0, log["is_fraud"], ~log["is_fraud"])
    first = clone(SMALL).set_params(level="event").fit(S, log["is_fraud"], weights).predict_proba(S)
    second = clone(SMALL).set_params(level="event").fit(S, spoilt, weights).predict_proba(S)
    np.testing.assert_array_equal(first, second)


def test_weights_that_were_given_stay_as_they_were():
    weights = np.ones(60)
    clone(SMALL).set_params(class_weight={"yes": 5.0, "no": 0.5}).fit(X[:60], Y[:60], weights)
    np.testing.assert_array_equal(weights, np.ones(60))


def test_a_class_too_rare_to_be_held_out_is_learned_without_calibration():
    y = np.array(["no"] * 58 + ["yes"] * 2)
    probabilities = clone(SMALL).fit(X[:60], y).predict_proba(X[:60])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_a_fit_that_fails_changes_nothing(monkeypatch):
    classifier = clone(SMALL).fit(X[:60], Y[:60])
    expected = classifier.predict_proba(FRESH)

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("seqrec.network.training._run_epoch", interrupt)
    for broken in (classifier, clone(SMALL)):
        with pytest.raises(KeyboardInterrupt):
            broken.fit(X[:90], np.resize(["p", "q", "r"], 90))
    np.testing.assert_array_equal(classifier.predict_proba(FRESH), expected)
    with pytest.raises(NotFittedError):
        broken.predict(X)


def test_two_fits_agree_and_pickle_keeps_the_answers():
    first, second = (clone(SMALL).fit(X[:60], Y[:60]) for _ in range(2))
    expected = first.predict_proba(FRESH)
    np.testing.assert_array_equal(second.predict_proba(FRESH), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(first)).predict_proba(FRESH), expected)  # noqa: S301


def test_cross_validation_takes_it():
    assert cross_val_score(SMALL, Sequences.from_lists(X[:60]), Y[:60], cv=2, error_score="raise").shape == (2,)


def test_empty_and_unknown_sequences_get_probabilities(fitted):
    assert np.isfinite(fitted.predict_proba([[], ["never seen"]])).all()
    assert fitted.predict_proba([]).shape == (0, 2)


@pytest.mark.parametrize(
    ("y", "weights", "message"),
    [
        (Y[:10], None, r"a label for each of the 60 sequences or of the .* events, got shape \(10,\)"),
        (["yes"] * 60, None, "at least 2 classes, got 1"),
        (Y[:60], [-1.0] * 60, "numbers of at least 0"),
    ],
)
def test_labels_that_do_not_fit_are_refused_before_training(y, weights, message):
    with pytest.raises(ValueError, match=message):
        clone(SMALL).fit(X[:60], y, weights)


def test_an_unfitted_classifier_says_so():
    with pytest.raises(NotFittedError):
        SMALL.predict(X)
