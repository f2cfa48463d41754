"""Labels and what else stands beside sequences: an index is followed or refused, by every verb that takes them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import cross_val_score, train_test_split

from seqrec import LSTMSequenceClassifier, MarkovRecommender, Sequences, UserProfiles, evaluate, metrics
from seqrec.data.alignment import beside_events, beside_sequences

N = 12
TEXT = [f"s{i}" for i in range(N)]  # as text, s10 comes before s2
LISTS = [["a", "b", "c"][: 2 + i % 2] for i in range(N)]
X = Sequences.from_lists(LISTS, keys=sorted(TEXT))
NUMBERED = Sequences.from_lists(LISTS, keys=[10 * i for i in range(N)])
VALUES = np.arange(100, 100 + N)  # in the order of X's keys
SHUFFLED = np.random.default_rng(0).permutation(N)


def series(index, order=slice(None)):
    return pd.Series(VALUES, index=index).iloc[order]


@pytest.mark.parametrize("X", [X, NUMBERED, pd.Series(LISTS, index=X.keys)], ids=["text", "numbers", "series"])
def test_an_index_of_keys_is_followed_whatever_its_order(X):
    keys = X.index if isinstance(X, pd.Series) else X.keys
    for values in (series(keys), series(keys, SHUFFLED), pd.concat([series(keys, SHUFFLED), pd.Series({"more": 1})])):
        np.testing.assert_array_equal(beside_sequences(values, X, "y"), VALUES)


@pytest.mark.parametrize(
    "values", [VALUES, VALUES.tolist(), series(range(N)), series(range(1, 2 * N, 2)), "one for all"]
)
def test_what_has_no_index_of_its_own_goes_by_position(values):
    assert beside_sequences(values, X, "y") is values
    assert beside_sequences(values, LISTS, "y") is values


def test_lists_have_no_keys_so_position_is_all_there_is():
    values = series(X.keys, SHUFFLED)
    assert beside_sequences(values, LISTS, "y") is values


REFUSED = {
    "other ids": (series([f"t{i}" for i in range(N)]), X),
    "a key lacks": (series([*X.keys[:-1], "t"]), X),
    "a key twice": (pd.concat([series(X.keys), series(X.keys)]), X),
    "numbers out of order": (series(range(N), SHUFFLED), X),
    "numbers, some of them keys": (series(range(N)), NUMBERED),
    "0, 1, 2, ... beside the same in another order": (series(range(N)), Sequences.from_lists(LISTS, keys=SHUFFLED)),
    "text beside numbers": (series(X.keys), NUMBERED),
}


@pytest.mark.parametrize(("values", "X"), REFUSED.values(), ids=REFUSED)
def test_an_index_that_says_nothing_of_the_keys_is_refused(values, X):
    with pytest.raises(
        ValueError, match=r"users has an index .*, \.\.\.\) that does not say .* pass users\.to_numpy\(\)"
    ):
        beside_sequences(values, X, "users")


def test_several_targets_have_the_keys_of_the_histories():
    assert beside_sequences(X, X, "y") is X
    with pytest.raises(ValueError, match=r"y has other keys than X, or another order\. Select y\.at\(X\.keys\)"):
        beside_sequences(X[SHUFFLED], X, "y")
    np.testing.assert_array_equal(X[SHUFFLED].at(X.keys).keys, X.keys)


# --- events


def log(order=slice(None)):
    users = np.repeat(TEXT, 2)
    frame = pd.DataFrame({"user_id": users, "item_id": ["a", "b"] * N, "label": np.arange(2 * N) % 3})
    return frame.iloc[order].reset_index(drop=True)


def test_labels_of_a_log_go_by_position_if_its_rows_are_in_the_order_of_the_events():
    S = Sequences.from_frame(log().sort_values("user_id", ignore_index=True), timestamp=None)
    labels = log()["label"]
    assert beside_events(labels, S, "y") is labels


def test_labels_of_a_log_in_another_order_are_refused_but_not_those_that_follow_the_rows():
    S, labels = Sequences.from_frame(log(), timestamp=None), log()["label"]
    with pytest.raises(ValueError, match=r"Pass y\.to_numpy\(\)\[X\.rows\] if it is in the order of the log"):
        beside_events(labels, S, "y")
    in_order = labels.iloc[S.rows]
    assert beside_events(in_order, S, "y") is in_order
    assert beside_events(labels.to_numpy(), S, "y") is not None


# --- every verb


WORDS = Sequences.from_lists([["a", "b"], ["b", "a"], ["c", "a"], ["c", "b"]] * 3, keys=sorted(TEXT))
NEXT = np.array(["c", "c", "b", "a"] * 3, dtype=object)
RECOMMENDER = MarkovRecommender().fit(WORDS, NEXT)
PROFILES = UserProfiles().fit(WORDS, users=NEXT)
VERBS = {
    "fit": lambda y: MarkovRecommender().fit(WORDS, y).recommend(WORDS)[1],
    "rank": lambda y: RECOMMENDER.rank(WORDS, y),
    "score": lambda y: RECOMMENDER.score(WORDS, y),
    "evaluate": lambda y: list(evaluate(RECOMMENDER, WORDS, y).values()),
    "users": lambda y: PROFILES.score_samples(WORDS, y),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_every_verb_follows_an_index_of_keys_and_refuses_another(verb):
    expected, next_items = verb(NEXT), pd.Series(NEXT, index=WORDS.keys)
    np.testing.assert_array_equal(verb(next_items.iloc[SHUFFLED]), expected)
    np.testing.assert_array_equal(verb(pd.Series(NEXT)), expected)
    with pytest.raises(ValueError, match="has an index"):
        verb(next_items.rename(lambda key: f"other {key}"))


@pytest.mark.slow
def test_a_classifier_follows_the_keys_for_labels_and_weights():
    labels, weights = pd.Series(NEXT == "c", index=WORDS.keys), pd.Series(np.arange(N) % 3, index=WORDS.keys)
    classifier = LSTMSequenceClassifier(units=4, max_epochs=1, random_state=0)
    expected = classifier.fit(WORDS, labels.to_numpy(), weights.to_numpy()).predict_proba(WORDS)
    found = classifier.fit(WORDS, labels.iloc[SHUFFLED], weights.iloc[SHUFFLED]).predict_proba(WORDS)
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(ValueError, match="sample_weight has an index"):
        classifier.fit(WORDS, labels, weights.rename(lambda key: f"other {key}"))
    with pytest.raises(ValueError, match="y has an index"):
        classifier.fit(WORDS, pd.Series(np.resize([True, False], 24), index=range(24, 0, -1)).iloc[:12])


def test_times_of_questions_follow_the_keys():
    times = [[np.datetime64("2024-01-01"), np.datetime64(f"2024-01-{2 + i:02}")] for i in range(N)]
    S = Sequences.from_lists([["a", "b"]] * N, keys=sorted(TEXT), timestamps=times)
    at = pd.Series([one[1] for one in times], index=S.keys)
    assert MarkovRecommender().fit(S).recommend(S, k=1, exclude_seen=False, at=at.iloc[SHUFFLED])[0].shape == (N, 1)
    with pytest.raises(ValueError, match="lies before the last event"):
        MarkovRecommender().fit(S).recommend(S, k=1, exclude_seen=False, at=at.to_numpy()[SHUFFLED])


def test_scikit_learn_splits_labels_and_sequences_alike():
    for labels in (pd.Series(NEXT), pd.Series(NEXT, index=WORDS.keys), NEXT):
        assert np.isfinite(cross_val_score(MarkovRecommender(), WORDS, labels, cv=3)).all()
    train, test, y_train, y_test = train_test_split(WORDS, pd.Series(NEXT, index=WORDS.keys), random_state=0)
    assert MarkovRecommender().fit(train, y_train).score(test, y_test) >= 0


# --- metrics


FLAGS, SCORES = pd.Series([0, 1, 1, 0], index=list("abcd")), pd.Series([0.1, 0.2, 0.3, 0.4], index=list("abcd"))
METRICS = {
    "tpr_at_fpr": lambda a, b: metrics.tpr_at_fpr(a, b, 0.1),
    "best_f1": metrics.best_f1,
    "detection_report": metrics.detection_report,
    "card_precision": lambda a, b: metrics.card_precision([1, 1, 2, 2], list("abab"), b, a),
    "bootstrap_difference": metrics.bootstrap_difference,
}


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_metrics_refuse_what_says_another_order_or_says_it_alone(metric):
    with pytest.raises(ValueError, match=r"different indexes|has an index and"):
        metric(FLAGS, SCORES.iloc[[1, 0, 2, 3]])
    with pytest.raises(ValueError, match="has an index and"):
        metric(FLAGS, SCORES.to_numpy())
    metric(FLAGS.reset_index(drop=True), SCORES.to_numpy())


def test_metrics_take_indexes_that_agree():
    assert metrics.best_f1(FLAGS, SCORES) == metrics.best_f1(FLAGS.to_numpy(), SCORES.to_numpy())


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(3), r"must hold 12 numbers, got shape \(3,\)"),
        (np.ones((12, 1)), r"got shape \(12, 1\)"),
        (np.full(12, -1.0), "numbers of at least 0"),
        (np.full(12, np.nan), "numbers of at least 0"),
        (["heavy"] * 12, "numbers of at least 0"),
        (np.zeros(12), "zero everywhere"),
    ],
)
def test_weights_that_are_none_are_refused(weights, message):
    for estimator, y in ((MarkovRecommender(), None), (LSTMSequenceClassifier(), np.resize(["x", "y"], N))):
        with pytest.raises(ValueError, match=message):
            estimator.fit(X, y, sample_weight=weights)


def test_weights_with_an_index_are_brought_in_the_order_of_the_keys():
    weights = series(X.keys)
    expected = MarkovRecommender().fit(X, None, VALUES).item_counts_
    assert MarkovRecommender().fit(X, None, weights.iloc[SHUFFLED]).item_counts_.tolist() == expected.tolist()
    with pytest.raises(ValueError, match="sample_weight has an index"):
        MarkovRecommender().fit(X, None, weights.rename(lambda key: f"not {key}"))
