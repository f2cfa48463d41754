"""Users who are followed as their events come are recommended what the recommender says of their whole histories."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError

from seqrec import LSTMRecommender, Sequences

CHEAP = {"units": 8, "max_epochs": 1, "max_length": 20, "batch_size": 256, "precision": "float32", "random_state": 0}
COLUMNS = ["channel", "amount"]
MINUTE = np.timedelta64(60, "s")


def make_log(n, seed, items="abcdefghijkl", longest=12):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, longest, n)
    n_events = lengths.sum()
    return pd.DataFrame(
        {
            "user_id": np.repeat([f"u{i:03d}" for i in range(n)], lengths),
            "item_id": rng.choice(list(items), n_events),
            "timestamp": pd.to_datetime(1.6e9 + np.cumsum(rng.integers(0, 900, n_events)), unit="s"),
            "channel": rng.choice(["web", "app"], n_events),
            "amount": rng.lognormal(3, 1, n_events),
        }
    )


FRESH = make_log(12, 1, items="abcdefghxyz")  # some items are unknown
KINDS = {"plain": (None, []), "times": ("timestamp", []), "fields": ("timestamp", COLUMNS)}


def sequences(log, kind):
    timestamp, columns = KINDS[kind]
    return Sequences.from_frame(log, timestamp=timestamp, columns=columns)


@pytest.fixture(scope="module")
def recommenders():
    """A recommender of each kind that is asked for, fitted once."""
    fitted = {}

    def give(kind):
        if kind not in fitted:
            fitted[kind] = LSTMRecommender(**CHEAP).fit(sequences(make_log(40, 0), kind))
        return fitted[kind]

    return give


@pytest.fixture(params=KINDS)
def case(request, recommenders):
    """A recommender of each kind, and fresh histories, of which all hold a known item."""
    X = sequences(FRESH, request.param)
    return recommenders(request.param), X[~recommenders(request.param).is_cold(X)]


@pytest.fixture
def timed(recommenders):
    return recommenders("times"), sequences(FRESH, "times")


def push_one_by_one(stream, log, kind):
    timestamp, columns = KINDS[kind]
    for row in log.sort_values("timestamp", kind="stable").itertuples(index=False):
        time = row.timestamp if timestamp else None
        assert stream.push(row.user_id, row.item_id, time, **{name: getattr(row, name) for name in columns}) is None


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert_array_equal(one, other)


OPTIONS = [{}, {"k": 3, "exclude_seen": False}, {"k": 4, "candidates": ["b", "c", "g"]}]


@pytest.mark.filterwarnings("ignore:.*not in the training data")
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_histories_that_are_pushed_get_what_whole_ones_get(case, options):
    recommender, X = case
    stream = recommender.stream()
    stream.push_many(X)
    assert_same(stream.recommend(**options), recommender.recommend(X, **options))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_events_one_by_one_and_in_pieces_are_as_all_at_once(recommenders, kind):
    recommender, X = recommenders(kind), sequences(FRESH, kind)
    one_by_one, in_pieces = recommender.stream(), recommender.stream()
    push_one_by_one(one_by_one, FRESH, kind)
    half = X.lengths // 2
    for piece in (X.between(0, half), X.between(half, X.lengths)):
        in_pieces.push_many(piece)
    expected = recommender.recommend(X, k=4)
    for stream in (one_by_one, in_pieces):
        assert_same(stream.recommend(X.keys, k=4), expected)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_comes_next_is_asked_at_a_time(timed):
    recommender, X = timed
    stream, last = recommender.stream(), X.timestamps[X.indptr[1:] - 1]
    stream.push_many(X)
    for at in (last + MINUTE, last.max() + 9 * MINUTE):
        assert_same(stream.recommend(at=at, k=4), recommender.recommend(X, at=at, k=4))
    assert not np.array_equal(stream.recommend(at=last + MINUTE)[1], stream.recommend()[1])


def test_a_time_before_the_last_event_is_refused(timed):
    recommender, X = timed
    stream = recommender.stream()
    stream.push_many(X)
    with pytest.raises(ValueError, match="at lies before the last event of 12 users"):
        stream.recommend(at="2019-01-01")


def test_users_who_are_not_known_or_have_no_known_item_get_what_is_popular(recommenders):
    recommender = recommenders("plain")
    stream = recommender.stream()
    stream.push("ann", "never heard of")
    stream.push("bob", "a")
    items, scores = stream.recommend(["ann", "nobody"], k=3, exclude_seen=False)
    order = np.argsort(-recommender.item_counts_, kind="stable")[:3]
    assert_array_equal(items, [recommender.vocabulary_.items[order]] * 2)
    assert_array_equal(scores, [recommender.item_counts_[order]] * 2)
    assert stream.recommend(["bob"])[0].shape == (1, 10)
    assert stream.keys.tolist() == ["ann", "bob"]


def test_what_was_seen_long_ago_is_left_out(recommenders):
    recommender = recommenders("plain")
    stream = recommender.stream()
    stream.push("ann", "a")
    for _ in range(40):  # longer than `max_length`
        stream.push("ann", "b")
    assert set(stream.recommend(k=10)[0][0]) == set("cdefghijkl")


def test_a_state_that_was_pickled_goes_on(timed):
    recommender, X = timed
    first, whole = recommender.stream(), recommender.stream()
    first.push_many(X.head(2))
    on = pickle.loads(pickle.dumps(recommender)).stream(pickle.loads(pickle.dumps(first.state)))  # noqa: S301
    on.push_many(X.between(np.minimum(2, X.lengths), X.lengths))
    whole.push_many(X)
    assert_same(on.recommend(X.keys), whole.recommend(X.keys))


def test_late_events_are_refused_by_name(timed):
    recommender, X = timed
    stream = recommender.stream()
    stream.push_many(X)
    with pytest.raises(ValueError, match=r"events of 1 users, such as 'u003', lie before what was pushed already"):
        stream.push("u003", "a", "2019-01-01")


def test_events_without_the_fields_of_the_training_data_are_read(recommenders):
    stream = recommenders("fields").stream()
    stream.push("ann", "a", "2021-01-01", channel="web", amount=3.0)
    stream.push("ann", "b")
    stream.push("ann", "c", "2021-01-02", amount=2.0)
    assert np.isfinite(stream.recommend(exclude_seen=False)[1]).all()


def test_nobody_is_recommended_nothing(recommenders):
    items, scores = recommenders("plain").stream().recommend(k=3)
    assert items.shape == scores.shape == (0, 3)


def test_an_unfitted_recommender_has_no_stream():
    with pytest.raises(NotFittedError):
        LSTMRecommender().stream()
