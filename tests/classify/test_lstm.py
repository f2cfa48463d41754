"""The classifier: what it learns of sequences and of events, calibration, and what changes no probability."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

from seqrec import LSTMSequenceClassifier, Sequences
from seqrec.network.training import Trainer

SMALL = LSTMSequenceClassifier(units=8, max_epochs=2, random_state=0)
RNG = np.random.default_rng(0)


def first_decides(n, rng=RNG):
    """The class is the first event, which only memory can tell at the end."""
    y = rng.choice(["yes", "no"], n)
    return [[label, *rng.choice(["a", "b", "c"], rng.integers(2, 7))] for label in y], y


X, Y = first_decides(400)
FRESH, ANSWERS = first_decides(100)


@pytest.fixture(scope="module")
def fitted():
    return LSTMSequenceClassifier(units=16, max_epochs=12, learning_rate=0.03, batch_size=128, random_state=0).fit(X, Y)


def test_a_class_that_the_first_event_tells_is_remembered(fitted):
    assert accuracy_score(ANSWERS, fitted.predict(FRESH)) > 0.95


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.parametrize("labels", [["no"] * 398 + ["yes"] * 2, [one[-1] for one in X]], ids=["rare", "three"])
@pytest.mark.slow
def test_company_does_not_change_probabilities_without_calibration_or_of_three_classes(labels):
    classifier = clone(SMALL).fit(X, labels)
    together = classifier.predict_proba(X)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)
    for rows in ([0], [399, 3], np.arange(7), np.arange(7, 38), np.arange(199, 398)):
        np.testing.assert_array_equal(classifier.predict_proba([X[row] for row in rows]), together[rows])


@pytest.mark.slow
def test_events_of_weight_zero_teach_nothing_but_context():
    log = frame(8)
    S = Sequences.from_frame(log, columns=["amount"])
    weights = np.tile([1.0, 0.0], len(log) // 2)
    spoilt = np.where(weights > 0, log["is_fraud"], ~log["is_fraud"])
    first = clone(SMALL).set_params(level="event").fit(S, log["is_fraud"], weights).predict_proba(S)
    second = clone(SMALL).set_params(level="event").fit(S, spoilt, weights).predict_proba(S)
    np.testing.assert_array_equal(first, second)


def test_weights_that_were_given_stay_as_they_were(monkeypatch):
    weights = np.ones(60)
    monkeypatch.setattr("seqrec.network.training.Trainer._run_epoch", interrupt)
    with pytest.raises(KeyboardInterrupt):
        clone(SMALL).set_params(class_weight={"yes": 5.0, "no": 0.5}).fit(X[:60], Y[:60], weights)
    np.testing.assert_array_equal(weights, np.ones(60))


def interrupt(*_):
    raise KeyboardInterrupt


@pytest.mark.slow
def test_a_fit_that_fails_changes_nothing(monkeypatch):
    classifier = clone(SMALL).fit(X[:60], Y[:60])
    expected = classifier.predict_proba(FRESH)
    monkeypatch.setattr("seqrec.network.training.Trainer._run_epoch", interrupt)
    for broken in (classifier, clone(SMALL)):
        with pytest.raises(KeyboardInterrupt):
            broken.fit(X[:90], np.resize(["p", "q", "r"], 90))
    np.testing.assert_array_equal(classifier.predict_proba(FRESH), expected)
    with pytest.raises(NotFittedError):
        broken.predict(X)


def test_ctrl_c_keeps_the_best_epoch_with_its_calibration_and_goes_on(monkeypatch):
    losses, run_epoch = [], Trainer._run_epoch

    def one_epoch_then_stop(*arguments):
        losses.append(interrupt() if losses else run_epoch(*arguments))
        return losses[-1]

    monkeypatch.setattr(Trainer, "_run_epoch", one_epoch_then_stop)
    stopped = clone(SMALL).set_params(max_epochs=3)
    with pytest.raises(KeyboardInterrupt, match="fitted: it has the weights of epoch 1"):
        stopped.fit(X[:60], Y[:60])
    assert len(stopped.history_["loss"]) == 1
    assert stopped._calibration is not None
    np.testing.assert_allclose(stopped.predict_proba(FRESH).sum(axis=1), 1, atol=1e-5)


def test_empty_and_unknown_sequences_get_probabilities(fitted):
    assert np.isfinite(fitted.predict_proba([[], ["never seen"]])).all()
    assert fitted.predict_proba([]).shape == (0, 2)
