import pickle

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from seqrec import Sequences, SummaryClassifier, save

RNG = np.random.default_rng(0)
LENGTHS = RNG.integers(4, 12, 90)
Y = np.resize(["low", "middle", "high"], 90)
SHIFT = {"low": 0.0, "middle": 1.0, "high": 2.0}
ARRAYS = [RNG.normal([SHIFT[y], 0], 0.3, (n, 2)) for y, n in zip(Y, LENGTHS, strict=True)]
X = Sequences.from_arrays(ARRAYS, ["level", "noise"])


def test_a_level_tells_the_class_with_probabilities_that_sum_to_one():
    classifier = SummaryClassifier().fit(X[:60], Y[:60])
    assert classifier.score(X[60:], Y[60:]) > 0.9
    np.testing.assert_allclose(classifier.predict_proba(X).sum(axis=1), 1, atol=1e-9)


def test_it_is_the_logistic_regression_of_standardised_summaries():
    classifier, y = SummaryClassifier().fit(X, Y == "low"), Y == "low"
    parts = [[array, *np.split(array, [-(-len(array) // 3), -(-2 * len(array) // 3)])] for array in ARRAYS]
    stats = (np.mean, np.std, np.min, np.max)
    found = [[stat(part, axis=0) for part in of_one for stat in stats] for of_one in parts]
    features = np.concatenate([np.log1p(LENGTHS)[:, None], np.reshape(found, (90, -1))], axis=1)
    features = (features - features.mean(axis=0)) / features.std(axis=0)
    expected = LogisticRegression(max_iter=1000).fit(features, y).predict_proba(features)
    np.testing.assert_allclose(classifier.predict_proba(X), expected, atol=1e-3)


def test_missing_values_constant_channels_and_empty_sequences_are_read():
    arrays = [np.column_stack([array, np.full((len(array), 2), [7.0, np.nan])]) for array in ARRAYS]
    arrays[5][:, 0] = np.nan
    holes = Sequences.from_arrays([*arrays, arrays[0][:0]], ["level", "noise", "flat", "lost"])
    classifier = SummaryClassifier().fit(holes, [*Y, "low"])
    assert classifier.score(holes, [*Y, "low"]) > 0.9
    assert np.isfinite(classifier.predict_proba(holes)).all()


def test_another_classifier_can_be_given_and_pickled_but_not_saved(tmp_path):
    classifier = SummaryClassifier(RandomForestClassifier(10, random_state=0)).fit(X, Y)
    twin = pickle.loads(pickle.dumps(classifier))  # noqa: S301
    np.testing.assert_array_equal(twin.predict_proba(X), classifier.predict_proba(X))
    with pytest.raises((ValueError, TypeError)):
        save(classifier, tmp_path / "m.seqrec")


def test_weights_of_zero_teach_nothing():
    weights = np.repeat([1.0, 0.0], [60, 30])
    alone = SummaryClassifier().fit(X, Y, weights).predict_proba(X)
    spoilt = np.where(weights > 0, Y, "low")
    np.testing.assert_array_equal(SummaryClassifier().fit(X, spoilt, weights).predict_proba(X), alone)


def test_events_with_items_are_refused():
    with pytest.raises(TypeError, match="takes events without items, whose columns are numbers"):
        SummaryClassifier().fit([["a"], ["b"]], [0, 1])
