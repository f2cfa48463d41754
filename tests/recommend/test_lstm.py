"""The LSTM recommender from histories to answers, on logs whose next event is known."""

import copy
import math
import pickle
import random

import numpy as np
import pandas as pd
import pytest
import small_networks
import tensorflow as tf
from joblib import parallel_config
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from small_networks import quickest

from seqrec.data.fields import Fields
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED
from seqrec.exceptions import ColdStartWarning
from seqrec.model_selection import leave_last_out
from seqrec.network.estimator import SOFTMAX_ITEMS
from seqrec.network.reading import Reader
from seqrec.network.training import Trainer
from seqrec.recommend.lstm import LSTMRecommender

N_ITEMS = 12
NAMES = np.array([f"item {number:02}" for number in range(N_ITEMS)], dtype=object)


def walk(start, length, step=1):
    """A walk around the ring of items."""
    return NAMES[(start + step * np.arange(length)) % N_ITEMS].tolist()


RNG = np.random.default_rng(0)
CYCLES = [walk(start, length) for start, length in zip(range(60), RNG.integers(3, 25, 60), strict=True)]
OTHERS = [walk(start, 5 + start % 7) for start in range(30)]


def tiny(**options):
    settings = {"units": 16, "max_epochs": 12, "learning_rate": 0.02, "dropout": 0.1, "batch_size": 64}
    return LSTMRecommender(**(settings | {"precision": "float32", "random_state": 0} | options))


def brief(**options):
    return tiny(**({"units": 8, "max_epochs": 1} | options))


def weights_of(recommender):
    return recommender.model_.get_weights()


def assert_same_weights(first, second):
    for weight, other in zip(weights_of(first), weights_of(second), strict=True):
        np.testing.assert_array_equal(weight, other)


def states_of(network, X):
    """States after the start and after each event of one sequence without fields, (1, 1 + n_events, embedding_dim)."""
    codes = np.concatenate([[0], X.codes]).astype(np.int32)[None]
    return small_networks.states_of(
        network, [codes, np.zeros((*codes.shape, 0), np.int32), np.zeros((*codes.shape, 0, 2))]
    )


@pytest.fixture(scope="module")
def fitted():
    return tiny().fit(CYCLES)


@pytest.fixture(scope="module")
def once():
    """Fitted for one epoch: enough for what does not depend on what was learnt."""
    return brief().fit(CYCLES)


def timed_log(n_users=80):
    """After a short wait comes the next item of the ring, after a long one the first."""
    rng = np.random.default_rng(1)
    lengths = rng.integers(6, 14, n_users)
    waits = rng.choice([10, 500_000], lengths.sum(), p=[0.7, 0.3])  # seconds
    event = np.arange(len(waits))
    steps_from_first = event - np.maximum.accumulate(np.where(waits > 10, event, 0))
    return pd.DataFrame(
        {
            "user_id": np.repeat(np.arange(n_users), lengths),
            "item_id": NAMES[steps_from_first % N_ITEMS],
            "timestamp": pd.Timestamp("2015-01-01") + pd.to_timedelta(np.cumsum(waits), unit="s"),
        }
    )


TIMED = Sequences.from_frame(timed_log())


@pytest.fixture(scope="module")
def timed():
    return tiny(max_epochs=25, learning_rate=0.03).fit(TIMED)


# --- it learns


def test_it_learns_a_cycle(fitted):
    history, target = leave_last_out(Sequences.from_lists(OTHERS))
    assert (fitted.predict(history) == target).mean() > 0.9
    assert fitted.score(history, target) > 0.9
    assert fitted.history_["loss"][-1] < fitted.history_["loss"][0]


@pytest.mark.parametrize(
    "options",
    quickest(
        {"loss": "sampled_softmax"},
        {"cell": "peephole"},
        {"cell": "gru"},
        {"cell": "rnn"},
        {"n_layers": 2},
        {"precision": "bfloat16"},
        {"embedding_dim": 24},
        n=1,
    ),
    ids=str,
)
def test_it_learns_a_cycle_with(options):
    history, target = leave_last_out(Sequences.from_lists(OTHERS))
    assert tiny(**options).fit(CYCLES).score(history, target) > 0.8


@pytest.mark.slow
def test_it_learns_from_more_than_the_last_event():
    there_and_back = [row for start in range(40) for row in (walk(start, 6), walk(start, 6, step=-1))]
    recommender = tiny(units=32, max_epochs=25, validation_fraction=0.0).fit(there_and_back)
    histories = [walk(3, 4), walk(3, 4, step=-1)]
    assert recommender.predict(histories).tolist() == [NAMES[7], NAMES[11]]


@pytest.mark.slow
def test_histories_longer_than_max_length_are_learnt_in_windows():
    recommender = tiny(max_length=5).fit([walk(start, 60) for start in range(12)])
    assert recommender.predict([walk(4, 50)]).tolist() == [NAMES[(4 + 50) % N_ITEMS]]


def test_only_the_last_events_are_looked_back_on():
    recommender = brief(max_length=5).fit(CYCLES)
    _, scores = recommender.recommend([walk(0, 20), walk(4, 16), walk(11, 9)], exclude_seen=False)
    np.testing.assert_allclose(scores, scores[[0, 0, 0]], atol=1e-5)


# --- time


@pytest.mark.slow
def test_the_time_of_the_question_decides_what_comes_next(timed):
    X = TIMED.head(5)
    last = pd.Series(X.timestamps[X.indptr[1:] - 1])
    soon, late = (
        timed.recommend(X, k=1, exclude_seen=False, at=last + pd.Timedelta(seconds, unit="s"))[0][:, 0]
        for seconds in (10, 500_000)
    )
    assert (soon == next_of(X)).mean() > 0.8
    assert (late == NAMES[0]).mean() > 0.9


def test_without_the_time_of_the_question_both_are_likely(timed):
    items, _ = timed.recommend(TIMED.head(5), k=2, exclude_seen=False)
    assert (items == next_of(TIMED.head(5))[:, None]).any(axis=1).mean() > 0.8
    assert (items == NAMES[0]).any(axis=1).mean() > 0.8


def next_of(X):
    return np.array([NAMES[(int(row[-1][-2:]) + 1) % N_ITEMS] for row in X], dtype=object)


def test_a_model_of_time_scores_histories_without_times(timed):
    lists = [row.tolist() for row in TIMED[:10]]
    assert timed.recommend(lists)[0].shape == (10, 10)
    with pytest.raises(ValueError, match="no timestamps"):
        timed.recommend(lists, at="2027-01-01")


def test_a_model_without_time_scores_histories_with_times(once):
    lists = [row.tolist() for row in TIMED]
    np.testing.assert_array_equal(once.recommend(TIMED)[1], once.recommend(lists)[1])


@pytest.mark.slow
def test_the_order_of_the_log_does_not_change_a_weight():
    log = timed_log(20)
    fits = [brief().fit(Sequences.from_frame(frame)) for frame in (log, log.sample(frac=1, random_state=0))]
    assert_same_weights(*fits)


# --- fields


def log_with_fields(n_users=60, seed=0):
    """One item further round the ring after an event on the web, five further after a dear one in the app."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(6, 14, n_users)
    starts, in_app = np.cumsum(lengths) - lengths, rng.random(lengths.sum()) < 0.5
    steps = np.where(np.roll(in_app, 1), 5, 1)
    steps[starts] = 0
    places = np.cumsum(steps) - np.repeat(np.cumsum(steps)[starts] - rng.integers(0, N_ITEMS, n_users), lengths)
    return pd.DataFrame(
        {
            "user_id": np.repeat(np.arange(n_users), lengths),
            "item_id": NAMES[places % N_ITEMS],
            "channel": np.where(in_app, "app", "web"),
            "amount": rng.lognormal(np.where(in_app, 5, 1), 0.5),
            "dear": in_app,
        }
    )


def with_fields(*columns, n_users=60, seed=0):
    return Sequences.from_frame(log_with_fields(n_users, seed), timestamp=None, columns=columns)


def hits(recommender, *columns, k=1):
    """Share of the next items of fresh users that are among the first k, if the history has these columns."""
    history, target = leave_last_out(with_fields(*columns, n_users=40, seed=1))
    items, _ = recommender.recommend(history, k=k, exclude_seen=False)
    return (items == target[:, None]).any(axis=1).mean()


def learner():
    return tiny(max_epochs=15, learning_rate=0.03)


@pytest.fixture(scope="module")
def by_channel():
    return learner().fit(with_fields("channel"))


@pytest.mark.parametrize("column", quickest("channel", "amount", "dear", n=2))
def test_a_column_that_tells_what_comes_next_is_read(by_channel, column):
    recommender = by_channel if column == "channel" else learner().fit(with_fields(column))
    assert recommender.fields_.names == [column]
    assert hits(recommender, column) > 0.9


@pytest.mark.slow
def test_without_the_column_both_are_as_likely():
    recommender = learner().fit(with_fields())
    assert recommender.fields_.names == []
    assert hits(recommender) < 0.7
    assert hits(recommender, k=2) > 0.9


def test_histories_that_lack_the_column_get_what_comes_with_any_value(by_channel):
    assert hits(by_channel, k=2) > 0.85
    assert 0.3 < hits(by_channel) < 0.75


def test_a_value_that_training_lacked_is_read_as_unknown(by_channel):
    log = log_with_fields(5).assign(channel="fax")
    X = Sequences.from_frame(log, timestamp=None, columns=["channel"])
    assert np.isfinite(by_channel.recommend(X, exclude_seen=False)[1]).all()


def test_a_column_that_training_lacked_changes_nothing(by_channel):
    expected = by_channel.predict_proba(with_fields("channel"))
    np.testing.assert_array_equal(by_channel.predict_proba(with_fields("amount", "channel")), expected)


def test_a_column_of_another_kind_is_refused_by_its_name(by_channel):
    X = Sequences.from_frame(log_with_fields(5).assign(channel=1.0), timestamp=None, columns=["channel"])
    with pytest.raises(TypeError, match="column 'channel' held text in the training data; here it holds numbers"):
        by_channel.recommend(X)


def test_company_does_not_change_a_score_with_fields(by_channel):
    X = with_fields("channel")
    _, together = by_channel.recommend(X, exclude_seen=False)
    for rows in ([0], [59, 3], np.arange(7, 38)):
        np.testing.assert_array_equal(by_channel.recommend(X[np.array(rows)], exclude_seen=False)[1], together[rows])


def test_an_effect_is_what_the_event_adds_with_its_fields(by_channel):
    X = with_fields("channel")[:1]
    effects = by_channel.explain(X, k=1, exclude_seen=False)
    last = effects.iloc[-1]
    without, (column,) = X.head(X.n_events - 1), np.flatnonzero(by_channel.vocabulary_.items == last["item"])
    log_p = [np.log(by_channel.predict_proba(one)[0, column]) for one in (X, without)]
    assert last["effect"] == pytest.approx(log_p[0] - log_p[1], abs=1e-4)


@pytest.mark.slow
def test_fitting_on_keeps_the_fields_and_learns_from_them(by_channel):
    recommender = copy.deepcopy(by_channel)
    news = with_fields("channel", seed=2)
    recommender.partial_fit(news)
    assert recommender.fields_ == by_channel.fields_
    assert not np.array_equal(weights_of(recommender)[0], weights_of(by_channel)[0])
    assert hits(recommender, "channel") > 0.9


@pytest.mark.slow
def test_fitting_on_takes_new_items_and_values_and_logs_without_the_column(by_channel):
    recommender = copy.deepcopy(by_channel)
    log = pd.DataFrame({"user_id": [1, 1, 2, 2], "item_id": [NAMES[0], "new", "new", NAMES[1]], "channel": "fax"})
    recommender.partial_fit(Sequences.from_frame(log, timestamp=None, columns=["channel"]))
    recommender.partial_fit([[NAMES[0], "newer"], ["newer", NAMES[1]]])
    assert recommender.vocabulary_.items.tolist()[-2:] == ["new", "newer"]
    assert recommender.fields_ == by_channel.fields_
    assert hits(recommender, "channel") > 0.85


@pytest.mark.slow
def test_fields_are_read_beside_times():
    log = timed_log(60)
    log["late"] = np.where(np.arange(len(log)) % 2, "no", "yes")
    X = Sequences.from_frame(log, columns=["late"])
    recommender = brief().fit(X)
    assert recommender.fields_.names == ["late", "gap"]
    at = X.timestamps[X.indptr[1:] - 1] + np.timedelta64(10, "s")
    without = Sequences.from_frame(log.drop(columns="late"))
    scores = [recommender.recommend(one, k=N_ITEMS, exclude_seen=False, at=at)[1] for one in (X, without)]
    assert np.abs(scores[0] - scores[1]).max() > 1e-4


def test_a_column_of_times_is_refused_before_training():
    log = log_with_fields(5).assign(due=pd.Timestamp("2020-01-01"))
    with pytest.raises(TypeError, match=r"column 'due' holds times\. Turn it into numbers"):
        brief().fit(Sequences.from_frame(log, timestamp=None, columns=["due"]))


# --- a distribution


def test_probabilities_sum_to_one(fitted):
    probabilities = fitted.predict_proba(OTHERS)
    assert probabilities.shape == (30, N_ITEMS)
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_probabilities_order_items_as_recommend_does(fitted):
    items, _ = fitted.recommend(OTHERS, k=N_ITEMS, exclude_seen=False)
    order = np.argsort(-fitted.predict_proba(OTHERS), axis=1, kind="stable")
    np.testing.assert_array_equal(items[:, :3], fitted.vocabulary_.items[order][:, :3])


def test_the_training_loss_is_that_of_the_chain_rule(fitted):
    """-log p(sequence) is the sum over its prefixes, whether events are scored one by one or all at once."""
    X = Sequences.from_lists([walk(2, 9)]).recode(fitted.vocabulary_)
    prefixes = [walk(2, length) for length in range(1, 9)]
    probabilities = fitted.predict_proba(prefixes)
    one_by_one = -np.log(probabilities[np.arange(8), X.codes[1:] - N_RESERVED]).sum()
    network = fitted.model_
    logits = network.head.logits(states_of(network, X)[0, :-1], network.head.table())
    at_once = -tf.nn.log_softmax(logits).numpy()[np.arange(1, 9), X.codes[1:] - N_RESERVED].sum()
    assert one_by_one == pytest.approx(at_once, rel=1e-4, abs=1e-5)


def test_a_table_of_probabilities_has_a_limit(once, monkeypatch):
    monkeypatch.setattr(once, "_encode", lambda _: range(2**28))
    with pytest.raises(ValueError, match=r"too many for one table\. Use recommend"):
        once.predict_proba(OTHERS)


# --- what must not change a score


def test_company_and_padding_do_not_change_a_score(once):
    long = [walk(0, 150)]
    items, scores = once.recommend(OTHERS + long, exclude_seen=False)
    for row, history in enumerate(OTHERS):
        alone, alone_scores = once.recommend([history], exclude_seen=False)
        np.testing.assert_array_equal(scores[row], alone_scores[0])
        np.testing.assert_array_equal(items[row], alone[0])


@pytest.fixture(
    scope="module",
    params=quickest({}, {"units": 64, "embedding_dim": 32}, {"cell": "gru"}, {"n_layers": 2}, n=2),
    ids=str,
)
def crowd(request):
    """A recommender of some size, and many histories."""
    lengths = np.random.default_rng(3).integers(1, 30, 220)
    return brief(**request.param).fit(CYCLES), [walk(start, length) for start, length in enumerate(lengths)]


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 2, 7, 31, 200])
def test_as_many_histories_as_may_be_scored_together_get_the_same_last_digit(crowd, n):
    recommender, histories = crowd
    items, scores = recommender.recommend(histories, exclude_seen=False)
    for rows in np.random.default_rng(n).choice(len(histories), (3, n)):
        of_chosen = recommender.recommend([histories[row] for row in rows], exclude_seen=False)
        np.testing.assert_array_equal(of_chosen[0], items[rows])
        np.testing.assert_array_equal(of_chosen[1], scores[rows])


@pytest.mark.parametrize("n", [1, 2, 7, 31, 200])
def test_company_does_not_change_a_probability(crowd, n):
    recommender, histories = crowd
    probabilities = recommender.predict_proba(histories)
    for rows in np.random.default_rng(n).choice(len(histories), (3, n)):
        np.testing.assert_array_equal(recommender.predict_proba([histories[row] for row in rows]), probabilities[rows])


def test_company_does_not_change_the_score_of_a_question_at_a_time(timed):
    at = TIMED.timestamps[TIMED.indptr[1:] - 1] + np.timedelta64(60, "s")
    _, together = timed.recommend(TIMED, exclude_seen=False, at=at)
    for row in (0, 31, 79):
        _, alone = timed.recommend(TIMED[[row]], exclude_seen=False, at=at[[row]])
        np.testing.assert_array_equal(alone[0], together[row])


def test_the_order_of_rows_does_not_change_a_score(once):
    order = np.random.default_rng(0).permutation(len(OTHERS))
    items, scores = once.recommend(OTHERS)
    other_items, other_scores = once.recommend([OTHERS[row] for row in order])
    np.testing.assert_array_equal(other_items, items[order])
    np.testing.assert_array_equal(other_scores, scores[order])


@pytest.mark.parametrize(
    "limit", ["network.reading.BATCH", "network.reading._SCORES_AT_ONCE", "recommend.lstm._SEQUENCES_AT_ONCE"]
)
def test_sizes_of_blocks_do_not_change_a_score(once, monkeypatch, limit):
    items, scores = once.recommend(OTHERS)
    monkeypatch.setattr(f"seqrec.{limit}", 16)
    other_items, other_scores = once.recommend(OTHERS)
    np.testing.assert_array_equal(other_items, items)
    np.testing.assert_array_equal(other_scores, scores)


def test_scores_stand_in_the_order_of_the_rows(once):
    X = Sequences.from_lists(OTHERS).recode(once.vocabulary_)
    scores = np.concatenate([scores for _, scores in once._next_item_scores(X)])
    for row in (0, 11, 29):
        states = states_of(once.model_, X[[row]])[:, -1]
        expected = once.model_.head.logits(states, Reader.of(once.model_).table)
        np.testing.assert_allclose(scores[row], expected[0], atol=1e-5)


def test_later_events_do_not_change_earlier_scores(once):
    history = walk(0, 10)
    expected = once.recommend([history[:6]], exclude_seen=False)[1]
    X = Sequences.from_lists([history]).head(6)
    np.testing.assert_array_equal(once.recommend(X, exclude_seen=False)[1], expected)


# --- unknown and missing


def test_unknown_items_are_read_but_never_recommended(fitted):
    history = [*walk(0, 4), "unheard of", *walk(4, 6)]
    items, scores = fitted.recommend([history], k=N_ITEMS, exclude_seen=False)
    assert set(items[0]) == set(NAMES)
    assert items[0, 0] == NAMES[10]
    assert np.isfinite(scores).all()


def test_cold_histories_get_popular_items(once):
    with pytest.warns(ColdStartWarning, match="2 of 3 sequences"), pytest.warns(UserWarning, match="1 of"):
        items, _ = once.recommend([[], ["unheard of"], walk(0, 2)], k=3, exclude_seen=False)
    popular = once.vocabulary_.items[np.argsort(-once.item_counts_, kind="stable")][:3]
    assert items[0].tolist() == items[1].tolist() == popular.tolist()


def test_cold_histories_have_the_shares_of_the_training_data_as_probabilities(once):
    with pytest.warns(ColdStartWarning):
        probabilities = once.predict_proba([[], walk(0, 2)])
    np.testing.assert_allclose(probabilities[0], once.item_counts_ / once.item_counts_.sum(), atol=1e-5)
    assert not np.allclose(probabilities[0], probabilities[1])


def test_unknown_events_of_the_training_data_are_no_targets():
    X = Sequences.from_lists([[*row, "rare"] for row in CYCLES]).recode(Sequences.from_lists(CYCLES).vocabulary)
    recommender = brief(max_epochs=3).fit(X)
    assert "rare" not in recommender.vocabulary_
    assert recommender.history_["loss"][-1] < 3.0  # a target of no probability would cost 85 nats


# --- fitting on


def test_fitting_on_widens_the_catalogue_and_keeps_what_was_learnt(once):
    recommender = copy.deepcopy(once).set_params(learning_rate=1e-9)
    recommender.partial_fit([["new a", NAMES[3], "new b"], [NAMES[4], "new a"]])
    assert recommender.vocabulary_.items.tolist() == [*once.vocabulary_.items, "new a", "new b"]
    for weight, old in zip(weights_of(recommender), weights_of(once), strict=True):
        np.testing.assert_allclose(weight[: len(old)], old, atol=1e-5)
    assert recommender.item_counts_.tolist()[-2:] == [2, 1]
    assert recommender.item_counts_.sum() == once.item_counts_.sum() + 5
    assert {"new a", "new b"} <= set(recommender.recommend(OTHERS[:1], k=14, exclude_seen=False)[0][0])
    assert len(recommender.history_["loss"]) == 2


@pytest.mark.slow
def test_fitting_on_learns_new_items(fitted):
    recommender = copy.deepcopy(fitted).set_params(learning_rate=0.2, batch_size=16)
    new = [[*walk(start, 4), f"after {NAMES[(start + 3) % N_ITEMS]}"] for start in range(12)] * 30
    recommender.partial_fit(new)
    assert (recommender.predict([row[:-1] for row in new[:12]]) == [row[-1] for row in new[:12]]).mean() > 0.8


def test_fitting_on_an_unfitted_estimator_fits_it(once):
    assert_same_weights(brief().partial_fit(CYCLES), once)


@pytest.mark.slow
def test_fitting_on_takes_logs_with_and_without_times(timed, once):
    assert copy.deepcopy(timed).partial_fit(CYCLES[:5]).recommend(TIMED)[0].shape == (80, 10)
    assert copy.deepcopy(once).partial_fit(TIMED[:5]).recommend(CYCLES)[0].shape == (60, 10)


# --- copies and seeds


def test_pickle_and_deepcopy_are_bit_identical(once):
    for other in (pickle.loads(pickle.dumps(once)), copy.deepcopy(once)):  # noqa: S301
        assert_same_weights(other, once)
        for answer, expected in zip(other.recommend(OTHERS), once.recommend(OTHERS), strict=True):
            np.testing.assert_array_equal(answer, expected)


def test_a_clone_is_not_fitted(once):
    assert not hasattr(clone(once), "model_")
    assert clone(once).get_params() == once.get_params()


def test_one_seed_gives_the_same_weights_and_another_does_not(once):
    assert_same_weights(brief().fit(CYCLES), once)
    other = brief(random_state=1).fit(CYCLES)
    assert not np.array_equal(weights_of(other)[0], weights_of(once)[0])


def test_no_global_seed_is_touched():
    before = global_states()
    brief(loss="sampled_softmax").fit(TIMED[:30]).recommend(TIMED[:30])
    assert global_states() == before


def global_states():
    numpy_state = np.random.get_state()  # noqa: NPY002
    return random.getstate(), numpy_state[1].tolist(), numpy_state[2], tf.compat.v1.get_seed(None)


# --- what goes wrong


def test_a_loss_that_breaks_leaves_the_estimator_unfitted():
    recommender = brief(learning_rate=1e38, batch_size=16, max_epochs=3)
    with pytest.raises(FloatingPointError, match="Try a smaller learning_rate"):
        recommender.fit(CYCLES)
    assert not [name for name in vars(recommender) if name.endswith("_")]


@pytest.mark.slow
def test_whole_histories_are_not_counted_anew_by_partial_fit():
    times = [[100 * row + step for step in range(3)] for row in range(4)]
    items = [["a", "b", "c"]] * 4
    old = Sequences.from_lists(items, timestamps=times, time_unit="s")
    later = [[*row[:2], row[2], 10_000] for row in times]
    longer = Sequences.from_lists([[*row, "d"] for row in items], timestamps=later, time_unit="s")
    recommender = brief(units=4).fit(old)
    assert recommender.partial_fit(old).item_counts_.tolist() == [4, 4, 4]
    assert recommender.partial_fit(longer).item_counts_.tolist() == [4, 4, 4, 4]
    new_but_early = Sequences.from_lists([["a", "e"]], timestamps=[[0, 1]], time_unit="s")
    assert recommender.partial_fit(new_but_early).item_counts_.tolist() == [4, 4, 4, 4, 1]


@pytest.mark.slow
def test_weights_that_are_equal_change_nothing_and_what_has_none_is_left_out(once):
    weights = np.resize([0.5, 0.0, 0.5], 60)
    weighted = brief().fit(CYCLES, sample_weight=weights)
    alone = brief().fit([row for row, weight in zip(CYCLES, weights, strict=True) if weight])
    assert_same_weights(weighted, alone)


def test_what_weighs_more_is_learned_more():
    """After "a" comes "b" or "c", in as many sequences; the weights alone decide."""
    X, weights = [["a", "b"], ["a", "c"]] * 30, np.resize([9.0, 1.0], 60)
    recommender = brief(max_epochs=8, learning_rate=0.03, dropout=0.0).fit(X, sample_weight=weights)
    of_b, of_c = recommender.predict_proba([["a"]])[0, 1:]
    assert recommender.vocabulary_.items.tolist() == ["a", "b", "c"]
    assert of_b > 4 * of_c


@pytest.mark.parametrize(("verb", "learning_rate"), [("fit", 1e38), ("partial_fit", 1e39)])
def test_a_loss_that_breaks_keeps_the_earlier_fit(once, verb, learning_rate):
    recommender = copy.deepcopy(once).set_params(learning_rate=learning_rate, batch_size=16, max_epochs=3)
    with pytest.raises(FloatingPointError):
        getattr(recommender, verb)([[*row, "new"] for row in CYCLES])
    assert_same_weights(recommender, once)
    assert recommender.vocabulary_ == once.vocabulary_
    np.testing.assert_array_equal(recommender.recommend(OTHERS)[1], once.recommend(OTHERS)[1])


def test_ctrl_c_keeps_the_best_epoch_and_goes_on(monkeypatch):
    recommender = brief(max_epochs=5, validation_fraction=0.5)
    merits = iter([[0.5], [0.4]])
    monkeypatch.setattr("seqrec.recommend.lstm.ndcg", lambda *_, **__: np.array(next(merits, None) or interrupt()))
    with pytest.raises(KeyboardInterrupt, match="fitted: it has the weights of epoch 1"):
        recommender.fit(CYCLES)
    assert recommender.history_["validation"] == [0.5, 0.4]
    assert recommender.predict(OTHERS).shape == (30,)


def interrupt(*_, **__):
    raise KeyboardInterrupt


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_ctrl_c_stops_a_search_at_once(monkeypatch, n_jobs):
    """However many fits were to come: the key is for all of them."""
    losses, run_epoch = [], Trainer._run_epoch

    def one_epoch_then_stop(*arguments):
        losses.append(interrupt() if losses else run_epoch(*arguments))
        return losses[-1]

    monkeypatch.setattr(Trainer, "_run_epoch", one_epoch_then_stop)
    history, target = leave_last_out(CYCLES)
    search = GridSearchCV(brief(max_epochs=3), {"dropout": [0.0, 0.5]}, cv=2, n_jobs=n_jobs)
    with parallel_config("threading"), pytest.raises(KeyboardInterrupt):
        make_pipeline(search).fit(history, target)
    assert len(losses) <= (n_jobs or 1)  # of four fits with three epochs each


@pytest.mark.slow
def test_ctrl_c_in_the_first_epoch_leaves_the_estimator_unfitted(monkeypatch):
    recommender = brief(validation_fraction=0.5)
    monkeypatch.setattr("seqrec.recommend.lstm.ndcg", interrupt)
    with pytest.raises(KeyboardInterrupt):
        recommender.fit(CYCLES)
    assert not hasattr(recommender, "model_")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("units", 0),
        ("units", "large"),
        ("embedding_dim", -1),
        ("n_layers", 0),
        ("cell", "transformer"),
        ("dropout", 1.0),
        ("loss", "bpr"),
        ("max_length", 1),
        ("batch_size", 0),
        ("learning_rate", 0.0),
        ("learning_rate", math.nan),
        ("max_epochs", 2.5),
        ("patience", 0),
        ("validation_fraction", 1.0),
        ("precision", "float16"),
        ("verbose", "yes"),
        ("random_state", "seed"),
    ],
)
def test_a_bad_parameter_fails_in_fit_by_its_name(name, value):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of LSTMRecommender must be"):
        LSTMRecommender(**{name: value}).fit(CYCLES)


def test_a_frame_is_refused_with_the_call_to_write():
    with pytest.raises(TypeError, match=r"Sequences\.from_frame\(log"):
        LSTMRecommender().fit(timed_log(3))


# --- sizes and neighbours


def architecture_for(n_events, n_items=100, **options):
    return LSTMRecommender(**options)._architecture(FakeLog(n_events, n_items), Fields(), 0, n_codes=2 + n_items)


@pytest.mark.parametrize(
    ("n_events", "units", "embedding_dim"), [(60, 16, 16), (30_000, 64, 64), (1_000_000, 512, 128), (10**8, 512, 128)]
)
def test_sizes_follow_the_log(n_events, units, embedding_dim):
    architecture = architecture_for(n_events)
    assert (architecture.units, architecture.embedding_dim) == (units, embedding_dim)


@pytest.mark.slow
def test_sizes_that_are_given_are_kept():
    architecture = brief(units=9, embedding_dim=3, n_layers=2).fit(CYCLES[:9]).model_.architecture
    assert (architecture.units, architecture.embedding_dim, architecture.n_layers) == (9, 3, 2)


@pytest.mark.parametrize(("n_items", "n_negatives"), [(SOFTMAX_ITEMS, 0), (SOFTMAX_ITEMS + 1, 8192)])
def test_the_loss_follows_the_catalogue(n_items, n_negatives):
    assert architecture_for(10_000, n_items).n_negatives == n_negatives


def test_a_small_catalogue_is_sampled_below_its_size():
    assert architecture_for(100, 5, loss="sampled_softmax").n_negatives == 4


@pytest.mark.parametrize(
    ("n_events", "n_items", "batch_size"),
    [(9_000, 100, 256), (100_000, 100, 1024), (10**8, 100, 8192), (9_000, 10**5, 256), (10**8, 10**5, 1024)],
)
def test_batches_are_about_a_hundredth_of_the_log(n_events, n_items, batch_size):
    assert LSTMRecommender()._batch_size(FakeLog(n_events, n_items)) == batch_size


@pytest.mark.parametrize(("n_events", "n_epochs"), [(100, 100), (2_000, 30), (8_000, 10)])
def test_a_small_log_is_read_often_unless_the_epochs_are_given(n_events, n_epochs):
    log, usual = FakeLog(n_events), LSTMRecommender(max_epochs=7)
    course = LSTMRecommender()._course(log, LSTMRecommender()._n_epochs(log), 5)
    assert (course.batch_size, course.learning_rate, course.n_epochs) == (64, 0.01, n_epochs)
    assert (usual._batch_size(log), usual._n_epochs(log)) == (256, 7)


@pytest.mark.slow
def test_a_network_that_is_worse_than_popularity_says_so(monkeypatch):
    recommender = LSTMRecommender(units=4, patience=1, random_state=0, precision="float32")
    monkeypatch.setattr("seqrec.recommend.lstm.rankdata", lambda counts: np.ones(len(counts)))  # popularity is perfect
    with pytest.warns(
        UserWarning, match=r"items is 0\.\d+, and that of PopularityRecommender 1\.000.* by evaluate"
    ) as caught:
        recommender.fit(CYCLES)
    assert [one.filename for one in caught] == [__file__]
    assert len(recommender.history_["validation"]) < recommender._n_epochs(FakeLog(sum(map(len, CYCLES))))


@pytest.mark.slow
def test_a_log_that_is_too_small_to_judge_by_says_what_to_do():
    with pytest.warns(UserWarning, match=r"9 sequences are too few.*MarkovRecommender is often better"):
        LSTMRecommender(units=4, random_state=0).fit([[*"abc"]] * 9)


class FakeLog:
    def __init__(self, n_events, n_items=100):
        self.n_events, self.vocabulary, self.timestamps = n_events, range(n_items), None


@pytest.mark.slow
def test_similar_items_are_those_that_follow_each_other_alike():
    # "a" and "b" stand in the same places, between items that tell the direction.
    histories = [[left, middle, right] for left, right in (("x", "y"), ("u", "v")) for middle in "ab"] * 30
    recommender = tiny(max_epochs=15).fit(histories)
    items, similarities = recommender.similar_items("a", k=3)
    assert items[0] == "b"
    assert (np.diff(similarities) <= 0).all()
    assert (np.abs(similarities) <= 1 + 1e-5).all()


def test_similar_items_leave_the_item_out(once):
    with pytest.warns(UserWarning, match="k=50 is more than"):
        items, similarities = once.similar_items(NAMES[0], k=50)
    assert sorted(items) == sorted(set(NAMES) - {NAMES[0]})
    assert similarities.shape == (N_ITEMS - 1,)


def test_an_item_outside_the_catalogue_has_no_similar_ones(once):
    with pytest.raises(ValueError, match="'unheard of' is not in the catalogue of 12 items"):
        once.similar_items("unheard of")
