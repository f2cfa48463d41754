"""The contract that every recommender of the package keeps."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from seqrec.data.sequences import Sequences
from seqrec.exceptions import ColdStartWarning
from seqrec.metrics import ndcg
from seqrec.model_selection import UserSplit, leave_last_out
from seqrec.recommend.baselines import MarkovRecommender, PopularityRecommender, SequentialRulesRecommender
from seqrec.recommend.lstm import LSTMRecommender

# With cheap settings: the contract is about behaviour, not about accuracy.
ESTIMATORS = [
    PopularityRecommender(),
    MarkovRecommender(),
    SequentialRulesRecommender(),
    LSTMRecommender(units=8, max_epochs=2, precision="float32", random_state=0),
]

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


def estimator_name(estimator):
    return type(estimator).__name__


@pytest.fixture(scope="module", params=ESTIMATORS, ids=estimator_name)
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
    (items, scores), (other_items, other_scores) = first, second
    np.testing.assert_array_equal(items, other_items)
    np.testing.assert_allclose(scores, other_scores, rtol=1e-5, atol=1e-6)


# --- scikit-learn's contract


@pytest.mark.filterwarnings("ignore::UserWarning")  # the checks predict items that were not in training
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_accepts_the_estimator(estimator, check):
    check(estimator)


def test_init_only_stores_its_parameters(estimator):
    assert vars(estimator) == estimator.get_params()


def test_a_clone_has_the_same_parameters(estimator):
    assert repr(clone(estimator)) == repr(estimator)


def test_a_bad_parameter_fails_in_fit_by_name(estimator):
    for name in estimator.get_params():
        bad = clone(estimator).set_params(**{name: object()})
        with pytest.raises(ValueError, match=name):
            bad.fit(HISTORIES)


@pytest.mark.parametrize("verb", ["recommend", "predict", "is_cold"])
def test_an_unfitted_estimator_says_so(estimator, verb):
    with pytest.raises(NotFittedError):
        getattr(estimator, verb)(HISTORIES)


@pytest.mark.parametrize("verb", ["rank", "score"])
def test_an_unfitted_estimator_cannot_be_judged(estimator, verb):
    with pytest.raises(NotFittedError):
        getattr(estimator, verb)(HISTORIES, NEXT)


def test_two_fits_agree(estimator, fitted):
    assert_same_answers(estimator.fit(HISTORIES).recommend(HISTORIES), fitted.recommend(HISTORIES))


def test_a_second_fit_forgets_the_first(estimator, fitted):
    estimator.fit([["x", "y", "z"], ["x", "y"]])
    assert_same_answers(estimator.fit(HISTORIES).recommend(HISTORIES), fitted.recommend(HISTORIES))


def test_fit_with_y_trains_on_the_next_items_too(estimator, fitted):
    history, target = leave_last_out(Sequences.from_lists(HISTORIES))
    assert_same_answers(estimator.fit(history, target).recommend(HISTORIES), fitted.recommend(HISTORIES))


def test_pickle_keeps_the_answers(fitted):
    copy = pickle.loads(pickle.dumps(fitted))  # noqa: S301
    assert_same_answers(copy.recommend(HISTORIES), fitted.recommend(HISTORIES))


@pytest.mark.parametrize("X", [HISTORIES, Sequences.from_lists(HISTORIES)], ids=["lists", "Sequences"])
def test_cross_validation_splits_users(estimator, X):
    scores = cross_val_score(estimator, X, NEXT, cv=KFold(2), error_score="raise")
    assert scores.shape == (2,)
    assert ((scores >= 0) & (scores <= 1)).all()


def test_grid_search_refits_the_best(estimator):
    X = Sequences.from_lists(HISTORIES)
    search = GridSearchCV(estimator, {}, cv=UserSplit(test_size=0.3, random_state=0), error_score="raise").fit(X, NEXT)
    assert search.predict(X).shape == (20,)


# --- answers depend on the history, and on nothing else


def test_order_of_the_log_changes_nothing(estimator):
    X = Sequences.from_frame(LOG)
    shuffled = Sequences.from_frame(LOG.sample(frac=1, random_state=0))
    answers = clone(estimator).fit(X).recommend(X)
    assert_same_answers(estimator.fit(shuffled).recommend(shuffled), answers)


def test_pandas_polars_pyarrow_and_lists_give_the_same_scores(estimator):
    times = [rows.tolist() for rows in np.split(LOG["timestamp"].to_numpy(), np.cumsum(LENGTHS)[:-1])]
    forms = [
        Sequences.from_frame(pl.DataFrame(LOG.to_dict("list"))),
        Sequences.from_frame(pa.Table.from_pandas(LOG)),
        Sequences.from_lists(HISTORIES, timestamps=[pd.to_datetime(row).tolist() for row in times]),
    ]
    X = Sequences.from_frame(LOG)
    estimator.fit(X)
    for form in forms:
        assert_same_answers(estimator.recommend(form), estimator.recommend(X))


def test_a_2d_array_is_one_sequence_a_row(fitted):
    rows = [history[:3] for history in HISTORIES]
    assert_same_answers(fitted.recommend(np.array(rows, dtype=object)), fitted.recommend(rows))


def test_company_in_the_batch_changes_nothing(fitted):
    alone = [fitted.recommend([history]) for history in HISTORIES]
    together = tuple(map(np.concatenate, zip(*alone, strict=True)))
    assert_same_answers(together, fitted.recommend(HISTORIES))


def test_order_of_the_users_changes_nothing(fitted):
    items, scores = fitted.recommend(HISTORIES)
    assert_same_answers(fitted.recommend(HISTORIES[::-1]), (items[::-1], scores[::-1]))


def test_relabelling_items_changes_nothing(estimator, fitted):
    names = dict(zip(ITEMS, range(900, 900 - len(ITEMS), -1), strict=True))
    renamed = [[names[item] for item in history] for history in HISTORIES]
    items, scores = fitted.recommend(HISTORIES, k=3)
    expected = np.vectorize(names.get)(items)
    assert_same_answers(estimator.fit(renamed).recommend(renamed, k=3), (expected, scores))


def test_the_input_stays_as_it_was(fitted):
    array = np.array([history[:3] for history in HISTORIES], dtype=object)
    before = array.copy()
    array.flags.writeable = False
    fitted.recommend(array)
    np.testing.assert_array_equal(array, before)


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


def test_only_candidates_are_recommended(fitted):
    items, _ = fitted.recommend(HISTORIES, k=3, exclude_seen=False, candidates=["item c", "item a"])
    assert all(set(row) == {"item a", "item c", None} for row in items)


def test_candidates_outside_the_catalogue_are_named(fitted):
    with pytest.raises(ValueError, match="item z"):
        fitted.recommend(HISTORIES, candidates=["item a", "item z"])


def test_k_above_the_catalogue_is_clipped_with_a_warning(fitted):
    with pytest.warns(UserWarning, match="k=50 is more than the 12 items"):
        items, _ = fitted.recommend(HISTORIES, k=50)
    assert items.shape == (20, 12)


@pytest.mark.parametrize(("k", "error"), [(0, ValueError), (-1, ValueError), (2.5, TypeError), (True, TypeError)])
def test_k_must_be_a_positive_integer(fitted, k, error):
    with pytest.raises(error, match="k must be"):
        fitted.recommend(HISTORIES, k=k)


def test_predict_gives_the_best_item_seen_or_not(fitted):
    items, _ = fitted.recommend(HISTORIES, k=1, exclude_seen=False)
    np.testing.assert_array_equal(fitted.predict(HISTORIES), items[:, 0])


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


def test_y_of_another_length_is_refused(fitted):
    with pytest.raises(ValueError, match="20 sequences, but y has the next items of 2"):
        fitted.rank(HISTORIES, NEXT[:2])


# --- dirty input


def test_a_frame_is_refused_with_the_call_to_write(estimator):
    for frame in (LOG, pl.DataFrame(LOG.to_dict("list")), pa.Table.from_pandas(LOG)):
        with pytest.raises(TypeError, match=r"Sequences\.from_frame\(log"):
            estimator.fit(frame)


def test_unknown_items_are_skipped_and_a_fifth_of_them_is_no_alarm(fitted):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        items, _ = fitted.recommend([["item a", "item z", "item b", "item c", "item d"]], k=12)
    assert "item z" not in items[0]


def test_many_unknown_items_raise_a_warning(fitted):
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


def test_users_with_one_event_are_counted_in_fit(estimator):
    estimator.fit([*HISTORIES, ["only here"]])
    assert estimator.item_counts_[estimator.vocabulary_.items == "only here"].tolist() == [1]


def test_ids_of_another_kind_are_an_error_not_unknown(fitted):
    with pytest.raises(TypeError, match="text"):
        fitted.recommend([[1, 2, 3]])


def test_no_sequences_give_empty_answers(fitted):
    items, scores = fitted.recommend([], k=3)
    assert items.shape == scores.shape == (0, 3)
    assert fitted.predict([]).shape == fitted.rank([], []).shape == fitted.is_cold([]).shape == (0,)


@pytest.mark.parametrize("X", [[], [[], []]], ids=["no sequence", "no event"])
def test_nothing_to_fit_is_an_error(estimator, X):
    with pytest.raises(ValueError, match="no events"):
        estimator.fit(X)


def test_sequences_of_one_event_teach_nothing(estimator):
    with pytest.raises(ValueError, match="none of the 2 sequences has 2 events"):
        estimator.fit([["a"], ["b"]])


def test_a_catalogue_of_one_item_is_an_error(estimator):
    with pytest.raises(ValueError, match="at least 2 different items"):
        estimator.fit([["a", "a"], ["a"]])


def test_the_time_of_the_question_needs_timestamps(fitted):
    with pytest.raises(ValueError, match="no timestamps"):
        fitted.recommend(HISTORIES, at="2026-06-01")


def test_the_question_cannot_come_before_the_history(estimator):
    X = Sequences.from_frame(LOG)
    estimator.fit(X).recommend(X, at="2026-06-01")
    with pytest.raises(ValueError, match="lies before the last event"):
        estimator.recommend(X, at="2026-01-01")
