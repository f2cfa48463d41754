"""The effect of an event is what leaving it out by hand shows."""

import warnings
from copy import copy

import numpy as np
import pandas as pd
import pytest
from scipy.special import log_softmax
from sklearn.exceptions import NotFittedError

from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import Vocabulary
from seqrec.exceptions import ColdStartWarning
from seqrec.recommend import attribution
from seqrec.recommend.baselines import MarkovRecommender, PopularityRecommender, SequentialRulesRecommender
from seqrec.recommend.lstm import LSTMRecommender

COLUMNS = ["sequence", "item", "score", "position", "row", "event", "effect"]
RNG = np.random.default_rng(0)
HISTORIES = [[f"item {code}" for code in RNG.integers(0, 15, length)] for length in RNG.integers(3, 12, 40)]
ASKED = [HISTORIES[0], HISTORIES[1], HISTORIES[2][:1]]
DAY = np.timedelta64(1, "D")


def brief(**options):
    return LSTMRecommender(**({"units": 8, "max_epochs": 1, "precision": "float32", "random_state": 0} | options))


def with_times(histories, rng):
    times = [np.datetime64("2026-01-01", "us") + np.cumsum(rng.integers(1, 99, len(row))) * DAY for row in histories]
    return Sequences.from_lists(histories, timestamps=times)


def without(history, position):
    return [event for place, event in enumerate(history) if place != position]


def log_probabilities(model, histories):
    """Straight from `predict_proba`, a row a history."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        table = np.log(model.predict_proba(histories))
    return pd.DataFrame(table, columns=model.vocabulary_.items)


def own_scores(model, X):
    """Straight from `_next_item_scores`, a row a history."""
    X = model._known_sequences(X)
    return pd.DataFrame(
        np.concatenate([scores for _, scores in model._next_item_scores(X)]), columns=X.vocabulary.items
    )


def assert_effects_by_hand(effects, histories, table_of):
    """Compare with the scores of lists out of which the event was deleted."""
    for (sequence, position), group in effects.groupby(["sequence", "position"]):
        history = histories[sequence]
        whole, left = (row for _, row in table_of([history, without(history, position)]).iterrows())
        assert (group["event"] == history[position]).all()
        np.testing.assert_allclose(group["score"], whole[group["item"]], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(group["effect"], (whole - left)[group["item"]], rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def lstm():
    return brief().fit(HISTORIES)


@pytest.fixture(scope="module")
def short_sighted():
    """Reads four events, and their times if there are any."""
    return brief(max_length=4).fit(with_times(HISTORIES, np.random.default_rng(1)))


@pytest.fixture(scope="module")
def rules():
    return SequentialRulesRecommender(window=3).fit(HISTORIES)


# --- exact


def test_an_effect_is_the_log_probability_with_the_event_less_that_without(lstm):
    effects = lstm.explain(ASKED)
    assert_effects_by_hand(effects, ASKED, lambda histories: log_probabilities(lstm, histories))
    assert effects["effect"].abs().min() > 0


def test_leaving_an_event_of_the_window_out_lets_an_older_one_in(short_sighted):
    long = [HISTORIES[0] * 3, HISTORIES[1][:4], HISTORIES[2][:5]]
    effects = short_sighted.explain(long)
    assert effects.groupby("sequence")["position"].unique().map(len).tolist() == [5, 4, 5]
    assert_effects_by_hand(effects, long, lambda histories: log_probabilities(short_sighted, histories))
    oldest = effects["position"] == len(long[0]) - 5
    assert (effects["effect"][oldest & (effects["sequence"] == 0)] == 0).all()  # without times it is not read


def test_only_the_latest_known_items_matter_to_sequential_rules(rules):
    history = [*HISTORIES[0], "new", "newer", *HISTORIES[1][:1], "newest"]
    with pytest.warns(UserWarning, match="not in the training data"):
        effects = rules.explain([history])
    first = len(HISTORIES[0])
    assert effects["position"].unique().tolist() == [first - 2, first - 1, first + 1, first + 2, first + 3]
    assert_effects_by_hand(effects, [history], lambda histories: own_scores(rules, histories))


def test_only_the_last_event_matters_to_a_markov_chain():
    model = MarkovRecommender().fit(HISTORIES)
    effects = model.explain(ASKED)
    assert effects["position"].tolist() == np.repeat([len(history) - 1 for history in ASKED], 3).tolist()
    assert_effects_by_hand(effects, ASKED, lambda histories: own_scores(model, histories))


def test_no_event_matters_to_popularity():
    effects = PopularityRecommender().fit(HISTORIES).explain(ASKED)
    assert len(effects) == 9
    assert (effects["effect"] == 0).all()


def test_a_history_left_without_a_known_item_falls_back_on_the_shares_of_the_training_data(lstm):
    effects = lstm.explain([["item 3"]], items=["item 1"])
    share = lstm.item_counts_ / lstm.item_counts_.sum()
    expected = effects["score"][0] - np.log(share[lstm.vocabulary_.items == "item 1"][0])
    assert effects["effect"].tolist() == [pytest.approx(expected, abs=1e-5)]


def test_unknown_events_are_named_and_have_exact_effects_too(lstm):
    history = ["item 1", "item 2", "item 3", "item 4", "new", "item 5"]
    effects = lstm.explain([history])
    assert effects["event"].tolist() == 3 * history
    assert_effects_by_hand(effects, [history], lambda histories: log_probabilities(lstm, histories))


def test_a_known_item_before_the_window_matters_if_it_is_the_only_one(short_sighted):
    history = ["item 1", *6 * ["new"]]
    with pytest.warns(UserWarning, match="not in the training data"):
        effects = short_sighted.explain([history], items=["item 2"])
    assert effects["position"].tolist() == [0, 2, 3, 4, 5, 6]
    assert_effects_by_hand(effects, [history], lambda histories: log_probabilities(short_sighted, histories))


# --- time


def dropping(X, position):
    """Sequence 0 of X without one event, whose neighbours the longer gap then parts."""
    times = np.delete(X.timestamps[: X.indptr[1]], position)
    return Sequences.from_lists([without(X[0].tolist(), position)], timestamps=[times])


@pytest.mark.parametrize("wait", [None, 30 * DAY], ids=["no question", "at"])
def test_the_gap_closes_where_an_event_is_left_out(short_sighted, wait):
    X = with_times([HISTORIES[0]], np.random.default_rng(5))
    at = None if wait is None else X.timestamps[-1:] + wait
    effects = short_sighted.explain(X, items=["item 1"], at=at)

    def score(Y):
        logits = np.concatenate(
            [scores for _, scores in short_sighted._next_item_scores(Y.recode(short_sighted.vocabulary_), at)]
        )
        return log_softmax(logits.astype(np.float64), axis=1)[0, short_sighted.vocabulary_.items == "item 1"][0]

    expected = [score(X) - score(dropping(X, position)) for position in effects["position"]]
    np.testing.assert_allclose(effects["effect"], expected, atol=1e-5)
    assert effects["effect"][0] != 0  # the oldest of the five is read for its time alone


def test_the_time_of_the_question_changes_the_items_as_it_does_in_recommend(short_sighted):
    X = with_times(ASKED, np.random.default_rng(5))
    at = X.timestamps.max() + 900 * DAY
    items = short_sighted.explain(X, at=at).groupby("sequence")["item"].unique()
    assert [row.tolist() for row in items] == short_sighted.recommend(X, k=3, at=at)[0].tolist()


def test_a_question_before_the_last_event_is_an_error(short_sighted):
    X = with_times(ASKED, np.random.default_rng(5))
    with pytest.raises(ValueError, match="before the last event"):
        short_sighted.explain(X, items=["item 1"], at="2025-01-01")


# --- rows, their order and their columns


def test_rows_come_by_sequence_then_rank_then_position(lstm):
    X = Sequences.from_lists(ASKED, keys=["z", "y", "x"])
    effects = lstm.explain(X)
    items, _ = lstm.recommend(X, k=3)
    expected = [
        (key, item, position)
        for key, row, history in zip("zyx", items, ASKED, strict=True)
        for item in row
        for position in range(len(history))
    ]
    assert effects.columns.tolist() == COLUMNS
    assert list(effects[["sequence", "item", "position"]].itertuples(index=False, name=None)) == expected
    assert effects.index.equals(pd.RangeIndex(len(effects)))


def test_rows_are_those_of_the_log(lstm):
    log = pd.DataFrame({"user_id": [2, 1, 2], "item_id": ["item 1", "item 2", "item 3"], "timestamp": [9e8, 8e8, 7e8]})
    effects = lstm.explain(Sequences.from_frame(log, time_unit="s"), items=["item 4"])
    assert effects["row"].tolist() == [1, 2, 0]
    assert effects["event"].tolist() == log["item_id"][effects["row"]].tolist()


def test_items_are_explained_for_all_in_the_order_given_whether_seen_or_not(lstm):
    effects = lstm.explain(ASKED[1:], items=np.array(["item 7", *ASKED[1][:1]]))
    assert effects.drop_duplicates(["sequence", "item"])["item"].tolist() == 2 * ["item 7", ASKED[1][0]]


def test_fewer_items_than_k_are_left_where_most_are_seen(lstm):
    seen = lstm.vocabulary_.items[:-2].tolist()
    assert lstm.explain([seen], k=5)["item"].nunique() == 2
    assert lstm.explain([seen], k=5, exclude_seen=False)["item"].nunique() == 5


def test_no_item_gives_no_row(lstm):
    assert lstm.explain(ASKED, items=[]).empty


def test_empty_sequences_give_no_rows(lstm):
    with pytest.warns(ColdStartWarning):
        effects = lstm.explain([[], ["item 1"], []])
    assert effects["sequence"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("ids", [str, int])
def test_no_sequence_gives_an_empty_frame_of_the_same_dtypes(ids):
    model = MarkovRecommender().fit([[ids(code) for code in row] for row in ([1, 2, 3], [2, 1])])
    empty = model.explain([])
    assert len(empty) == 0
    pd.testing.assert_series_equal(empty.dtypes, model.explain([[ids(1)]]).dtypes)


# --- what must not change an effect


def test_company_and_chunks_do_not_change_an_effect(lstm, monkeypatch):
    together = lstm.explain(HISTORIES)
    monkeypatch.setattr(attribution, "_EVENTS_AT_ONCE", 100)
    pd.testing.assert_frame_equal(lstm.explain(HISTORIES), together)
    alone = lstm.explain(HISTORIES[7:8])
    own = together[together["sequence"] == 7].reset_index(drop=True)
    pd.testing.assert_frame_equal(own[["item", "score", "effect"]], alone[["item", "score", "effect"]])


def test_other_names_of_the_items_do_not_change_an_effect(lstm):
    numbers = 10 * np.arange(len(lstm.vocabulary_))
    number = dict(zip(lstm.vocabulary_.items, numbers.tolist(), strict=True))
    renamed = copy(lstm)
    renamed.vocabulary_ = Vocabulary(numbers)
    effects = renamed.explain([[number[item] for item in row] for row in ASKED])
    original = lstm.explain(ASKED)
    np.testing.assert_array_equal(effects["effect"], original["effect"])
    assert effects["event"].tolist() == original["event"].map(number).tolist()
    assert effects["item"].tolist() == original["item"].map(number).tolist()


# --- errors and warnings


def test_an_unknown_item_is_an_error_that_names_it(lstm):
    with pytest.raises(ValueError, match=r"1 items are not in the catalogue \(\['new'\]\)"):
        lstm.explain(ASKED, items=["item 1", "new"])


def test_one_item_alone_is_an_error_that_asks_for_a_list(lstm):
    with pytest.raises(ValueError, match="items must be a list"):
        lstm.explain(ASKED, items="item 1")


def test_explaining_before_fitting_is_an_error():
    with pytest.raises(NotFittedError):
        MarkovRecommender().explain(ASKED)


def test_a_diverged_model_is_an_error(lstm, monkeypatch):
    monkeypatch.setattr(lstm, "_explained_scores", lambda X, _: [(slice(0, len(X)), np.full((len(X), 15), np.nan))])
    with pytest.raises(ValueError, match="diverged"):
        lstm.explain(ASKED, items=["item 1"])


def test_warnings_are_of_the_histories_alone_and_point_at_the_caller(lstm):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        lstm.explain([["item 1"], ["new"]])
    assert [warning.category for warning in caught] == [UserWarning, ColdStartWarning]
    assert {warning.filename for warning in caught} == {__file__}
