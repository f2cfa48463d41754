"""What every recommender promises beyond the contract of all estimators: lists, ranks, cold histories and times."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import KFold, cross_val_score

from seqrec import (
    ColdStartWarning,
    LSTMRecommender,
    MarkovRecommender,
    PopularityRecommender,
    Sequences,
    SequentialRulesRecommender,
    leave_last_out,
)
from seqrec.metrics import ndcg

COUNTING = [PopularityRecommender(), MarkovRecommender(), SequentialRulesRecommender()]
NETWORK = LSTMRecommender(units=8, max_epochs=1, precision="float32", random_state=0)

ITEMS = np.array([f"item {letter}" for letter in "abcdefghijkl"])
RNG = np.random.default_rng(0)
HISTORIES = [
    ITEMS[(start + np.cumsum(RNG.choice([1, 1, 2], size=length))) % len(ITEMS)].tolist()
    for start, length in zip(RNG.integers(0, 9, size=20), RNG.integers(3, 9, size=20), strict=True)
]
LENGTHS = [len(history) for history in HISTORIES]
LOG = pd.DataFrame(
    {
        "user_id": np.repeat(np.arange(20), LENGTHS),
        "item_id": np.concatenate(HISTORIES),
        "timestamp": np.datetime64("2026-01-01", "us") + np.arange(sum(LENGTHS)) * np.timedelta64(3, "h"),
    }
)
NEXT = [ITEMS[(int(np.flatnonzero(history[-1] == ITEMS)[0]) + 1) % len(ITEMS)] for history in HISTORIES]


@pytest.fixture(scope="module", params=[*COUNTING, NETWORK], ids=lambda estimator: type(estimator).__name__)
def prototype(request):
    return request.param


@pytest.fixture
def estimator(prototype):
    return clone(prototype)


@pytest.fixture(scope="module")
def fitted(prototype):
    """Fitted once for all tests that only ask it questions."""
    return clone(prototype).fit(HISTORIES)


def assert_same_answers(first, second):
    for answer, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(answer, other)


# --- fitting


def test_fit_with_y_trains_on_the_next_items_too(estimator, fitted):
    history, target = leave_last_out(Sequences.from_lists(HISTORIES))
    assert_same_answers(estimator.fit(history, target).recommend(HISTORIES), fitted.recommend(HISTORIES))


@pytest.mark.parametrize("estimator", COUNTING, ids=lambda estimator: type(estimator).__name__)
@pytest.mark.parametrize("X", [HISTORIES, Sequences.from_lists(HISTORIES)], ids=["lists", "Sequences"])
def test_cross_validation_splits_users(estimator, X):
    scores = cross_val_score(estimator, X, NEXT, cv=KFold(2), error_score="raise")
    assert scores.shape == (2,)
    assert ((scores >= 0) & (scores <= 1)).all()


def test_a_log_that_shows_nothing_of_what_follows_what_is_refused(estimator):
    with pytest.raises(ValueError, match="none of the 2 sequences has 2 events"):
        estimator.fit([["a"], ["b"]])
    with pytest.raises(ValueError, match="at least 2 different items"):
        estimator.fit([["a", "a"], ["a"]])


@pytest.mark.parametrize("estimator", COUNTING, ids=lambda estimator: type(estimator).__name__)
def test_users_with_one_event_are_counted_in_fit(estimator):
    estimator = clone(estimator).fit([*HISTORIES, ["only here"]])
    assert estimator.item_counts_[estimator.vocabulary_.items == "only here"].tolist() == [1]


# --- what is recommended


def test_the_first_5_of_the_top_10_are_the_top_5(fitted):
    items, scores = fitted.recommend(HISTORIES, k=10, exclude_seen=False)
    assert_same_answers(fitted.recommend(HISTORIES, k=5, exclude_seen=False), (items[:, :5], scores[:, :5]))


def test_scores_fall_along_a_list(fitted):
    _, scores = fitted.recommend(HISTORIES, k=12, exclude_seen=False)
    assert (np.diff(scores, axis=1) <= 0).all()


def test_seen_items_are_left_out_unless_asked_for(fitted):
    items, _ = fitted.recommend(HISTORIES, k=4)
    assert not any(set(row) & set(history) for row, history in zip(items, HISTORIES, strict=True))
    items, _ = fitted.recommend(HISTORIES, k=12, exclude_seen=False)
    assert any(set(row) & set(history) for row, history in zip(items, HISTORIES, strict=True))


def test_the_whole_catalogue_is_recommended_once_each_and_nothing_else(fitted):
    items, scores = fitted.recommend(HISTORIES, k=12, exclude_seen=False)
    assert all(sorted(row) == sorted(ITEMS) for row in items)
    assert np.isfinite(scores).all()


def test_short_rows_end_in_none_and_minus_infinity(fitted):
    items, scores = fitted.recommend([list(ITEMS[:9])], k=5)
    assert set(items[0, :3]) == set(ITEMS[9:])
    assert items[0, 3:].tolist() == [None, None]
    assert scores[0, 3:].tolist() == [-np.inf, -np.inf]


def test_only_candidates_are_recommended_and_others_named(fitted):
    items, _ = fitted.recommend(HISTORIES, k=3, exclude_seen=False, candidates=["item c", "item a"])
    assert all(set(row) == {"item a", "item c", None} for row in items)
    with pytest.raises(ValueError, match="item z"):
        fitted.recommend(HISTORIES, candidates=["item y", "item z"])
    with pytest.warns(UserWarning, match=r"1 of 3 candidates are not in the catalogue, such as \['item z'\]: skipped"):
        found = fitted.recommend(HISTORIES, k=3, exclude_seen=False, candidates={"item c", "item z", "item a"})
    np.testing.assert_array_equal(found[0], items)


def test_predict_gives_the_best_item_seen_or_not(fitted):
    items, _ = fitted.recommend(HISTORIES, k=1, exclude_seen=False)
    np.testing.assert_array_equal(fitted.predict(HISTORIES), items[:, 0])


def test_a_2d_array_is_one_sequence_a_row_and_stays_as_it_was(fitted):
    rows = [history[:3] for history in HISTORIES]
    array = np.array(rows, dtype=object)
    array.flags.writeable = False
    assert_same_answers(fitted.recommend(array), fitted.recommend(rows))
    assert array.tolist() == rows


# --- judging


def test_rank_is_the_place_in_the_list(fitted):
    items, scores = fitted.recommend(HISTORIES, k=12, exclude_seen=False)
    ranks = fitted.rank(HISTORIES, NEXT, exclude_seen=False)
    for row, target, values, rank in zip(items, NEXT, scores, ranks, strict=True):
        own = values[row == target]
        assert rank == (values > own).sum() + ((values == own).sum() + 1) / 2


def test_an_excluded_or_unknown_target_has_no_rank(fitted):
    ranks = fitted.rank([HISTORIES[0], HISTORIES[0]], [HISTORIES[0][0], "item z"])
    assert ranks.tolist() == [np.inf, np.inf]


def test_several_targets_rank_like_one_at_a_time(fitted):
    targets = Sequences.from_lists([[target, "item a", "item z"] for target in NEXT])
    ranks = fitted.rank(HISTORIES, targets, exclude_seen=False).reshape(20, 3)
    for column, target in enumerate([NEXT, ["item a"] * 20, ["item z"] * 20]):
        np.testing.assert_array_equal(ranks[:, column], fitted.rank(HISTORIES, target, exclude_seen=False))


def test_score_is_the_mean_ndcg_at_10_with_seen_items(fitted):
    expected = ndcg(fitted.rank(HISTORIES, NEXT, exclude_seen=False), k=10).mean()
    assert fitted.score(HISTORIES, NEXT) == pytest.approx(expected)


# --- unknown and missing


def test_unknown_items_are_skipped_and_only_many_of_them_raise_a_warning(fitted):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        items, _ = fitted.recommend([["item a", "item z", "item b", "item c", "item d"]], k=12)
    assert "item z" not in items[0]
    with pytest.warns(UserWarning, match="2 of 4 events are items that were not in the training data"):
        fitted.recommend([["item a", "x", "y", "item b"]])


def test_a_cold_history_gets_popular_items_and_is_flagged(fitted):
    histories = [[], ["x", "y"], *HISTORIES]
    with pytest.warns(ColdStartWarning, match="2 of 22 sequences"):
        items, scores = fitted.recommend(histories, k=12, exclude_seen=False)
    assert fitted.is_cold(histories).tolist() == [True, True] + 20 * [False]
    np.testing.assert_array_equal(items[0], fitted.vocabulary_.items[np.argsort(-fitted.item_counts_, kind="stable")])
    np.testing.assert_array_equal(items[0], items[1])
    assert_same_answers((items[2:], scores[2:]), fitted.recommend(HISTORIES, k=12, exclude_seen=False))


def test_one_event_is_enough_to_predict(fitted):
    assert fitted.predict([["item a"]])[0] in ITEMS


def test_no_sequences_give_empty_answers(fitted):
    items, scores = fitted.recommend([], k=3)
    assert items.shape == scores.shape == (0, 3)
    assert fitted.predict([]).shape == fitted.rank([], []).shape == fitted.is_cold([]).shape == (0,)


# --- time


def test_the_time_of_the_question_comes_after_the_history_and_needs_its_times(estimator, fitted):
    with pytest.raises(ValueError, match="no timestamps"):
        fitted.recommend(HISTORIES, at="2026-06-01")
    X = Sequences.from_frame(LOG)
    estimator.fit(X).recommend(X, at="2026-06-01")
    with pytest.raises(ValueError, match="lies before the last event"):
        estimator.recommend(X, at="2026-01-01")


def test_without_the_next_items_the_last_ones_are_asked_for(fitted):
    lists = [[*history, "item b"] for history in HISTORIES]
    assert fitted.score(lists) == fitted.score(HISTORIES, ["item b"] * len(HISTORIES))


@pytest.mark.parametrize("X", [[], [["item a"]]])
def test_a_score_of_nothing_is_an_error(fitted, X):
    with pytest.raises(ValueError, match="there is nothing to judge"):
        fitted.score(X)
