"""What every classifier promises beyond the contract of all estimators: probabilities of sequences, and of events."""

import numpy as np
import pytest
from sklearn.base import clone

from seqrec import LSTMSequenceClassifier, Sequences

ESTIMATORS = {"LSTM": LSTMSequenceClassifier(units=8, max_epochs=1, random_state=0)}
RNG = np.random.default_rng(0)
X = Sequences.from_lists([RNG.choice(["a", "b", "c"], length).tolist() for length in RNG.integers(5, 9, 60)])
OF_SEQUENCES = np.array(["no", "yes"])[X.lengths % 2]
OF_EVENTS = np.resize(["quiet", "loud", "mute"], X.n_events)


@pytest.fixture(scope="module", params=ESTIMATORS)
def estimator(request):
    return ESTIMATORS[request.param]


@pytest.fixture(scope="module")
def fitted(estimator):
    return clone(estimator).fit(X, OF_SEQUENCES)


@pytest.fixture(scope="module")
def of_events(estimator):
    return clone(estimator).fit(X, OF_EVENTS)


def assert_probabilities(classifier, shape):
    probabilities = classifier.predict_proba(X)
    assert probabilities.shape == shape
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(classifier.predict(X), classifier.classes_[probabilities.argmax(axis=1)])


def test_probabilities_of_a_sequence_sum_to_one_and_the_likeliest_class_is_predicted(fitted):
    assert_probabilities(fitted, (60, 2))


def test_probabilities_of_an_event_sum_to_one_and_the_likeliest_class_is_predicted(of_events):
    assert_probabilities(of_events, (X.n_events, 3))


def test_score_is_the_share_of_classes_that_are_right(fitted):
    assert fitted.score(X, OF_SEQUENCES) == np.mean(fitted.predict(X) == OF_SEQUENCES)


def test_later_events_do_not_change_the_probabilities_of_earlier_ones(of_events):
    kept = np.concatenate([np.arange(start, start + 5) for start in X.indptr[:-1]])
    np.testing.assert_array_equal(of_events.predict_proba(X.head(5)), of_events.predict_proba(X)[kept])


def test_company_does_not_change_the_probabilities_of_an_event(of_events):
    together = of_events.predict_proba(X)
    for row in (0, 31, 59):
        np.testing.assert_array_equal(of_events.predict_proba(X[[row]]), together[X.indptr[row] : X.indptr[row + 1]])


@pytest.mark.parametrize(
    ("y", "weights", "message"),
    [
        (OF_SEQUENCES[:10], None, r"a label for each of the 60 sequences or of the .* events, got shape \(10,\)"),
        (["yes"] * 60, None, "at least 2 classes, got 1"),
        (OF_SEQUENCES, [-1.0] * 60, "numbers of at least 0"),
    ],
)
def test_labels_that_do_not_fit_are_refused_before_training(estimator, y, weights, message):
    with pytest.raises(ValueError, match=message):
        clone(estimator).fit(X, y, weights)
