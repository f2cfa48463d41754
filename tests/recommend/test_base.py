"""The recommender's verbs, on a recommender whose scores the test decides."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator

from seqrec.data.queries import query_times
from seqrec.data.sequences import Sequences
from seqrec.exceptions import ColdStartWarning
from seqrec.recommend.base import RecommenderMixin
from seqrec.recommend.next_items import append_events


class FixedScores(RecommenderMixin, BaseEstimator):
    """Gives the scores that it was made with, two sequences at a time."""

    def __init__(self, scores):
        self.scores = scores

    def fit(self, X, y=None):
        X = self._training_sequences(X, y)
        self.vocabulary_, self.item_counts_ = X.vocabulary, np.arange(len(X.vocabulary))
        return self

    def _next_item_scores(self, X, at=None):
        self.at_ = at
        for start in range(0, len(X), 2):
            rows = slice(start, min(start + 2, len(X)))
            yield rows, np.array(self.scores, dtype=np.float32)[rows]


def recommender(scores):
    return FixedScores(scores).fit([["a", "b", "c", "d"]])


def sequences_with_times():
    times = [["2026-01-01", "2026-01-02"], ["2026-01-03"]]
    return Sequences.from_lists([["a", "b"], ["c"]], timestamps=times)


def test_recommendations_follow_the_scores_across_blocks():
    items, scores = recommender([[1, 2, 3, 4], [4, 3, 2, 1], [1, 4, 3, 2]]).recommend([["a"], ["a"], ["a"]], k=2)
    assert items.tolist() == [["d", "c"], ["b", "c"], ["b", "c"]]
    assert scores.tolist() == [[4, 3], [3, 2], [4, 3]]


def test_scores_of_all_items_are_those_that_recommendations_and_ranks_follow_from():
    model, X = recommender([[1, 2, 3, 4], [4, 3, 2, 1], [1, 4, 3, 2]]), [["a"], [*"bbbb", "new"], ["c"]]
    blocks = list(model.score_items(X, candidates=["a", "b", "d"]))
    assert [(rows.start, rows.stop) for rows, _ in blocks] == [(0, 2), (2, 3)]
    scores = np.concatenate([block for _, block in blocks])
    assert scores.tolist() == [[-np.inf, 2, -np.inf, 4], [4, -np.inf, -np.inf, 1], [1, 4, -np.inf, 2]]
    items, best = model.recommend(X, k=2, candidates=["a", "b", "d"])
    assert items.tolist() == [["d", "b"], ["a", "d"], ["b", "d"]]
    np.testing.assert_array_equal(best, np.sort(scores)[:, :-3:-1])


def test_a_cold_history_is_scored_by_the_popularity_of_items():
    with pytest.warns(ColdStartWarning):
        ((_, scores),) = recommender([[5, 5, 5, 5]]).score_items([[]], must_differ=True)
    assert scores.tolist() == [[0, 1, 2, 3]]


def test_scores_that_must_differ_are_checked():
    with pytest.raises(ValueError, match="equal"):
        list(recommender([[5, 5, 5, 5]]).score_items([["a"]], must_differ=True))


def test_equal_scores_keep_the_order_of_the_catalogue():
    items, _ = recommender([[1, 1, 1, 1]]).recommend([["a"]], k=3)
    assert items.tolist() == [["b", "c", "d"]]


def test_items_keep_their_type_where_no_row_is_short():
    model = FixedScores([[1, 2, 3]]).fit([[7, 8, 9]])
    assert model.recommend([[7]], k=2)[0].dtype == np.int64
    assert model.recommend([[7]], k=3)[0].tolist() == [[9, 8, None]]


def test_k_above_the_catalogue_is_clipped_with_a_warning():
    with pytest.warns(UserWarning, match="k=50 is more than the 4 items"):
        items, _ = recommender([[1, 2, 3, 4]]).recommend([["a"]], k=50)
    assert items.shape == (1, 4)


@pytest.mark.parametrize(("k", "error"), [(0, ValueError), (-1, ValueError), (2.5, TypeError), (True, TypeError)])
def test_k_must_be_a_positive_integer(k, error):
    with pytest.raises(error, match="k must be"):
        recommender([[1, 2, 3, 4]]).recommend([["a"]], k=k)


def test_y_of_another_length_is_refused():
    with pytest.raises(ValueError, match="1 sequences, but y has the next items of 2"):
        recommender([[1, 2, 3, 4]]).rank([["a"]], ["b", "c"])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_diverged_model_is_an_error_even_for_recommendations(value):
    with pytest.raises(ValueError, match="diverged"):
        recommender([[1, 2, 3, value]]).recommend([["a"]], k=1)


def test_a_collapsed_model_cannot_be_judged():
    with pytest.raises(ValueError, match="equal"):
        recommender([[5, 5, 5, 5]]).rank([["a"]], ["b"])


def test_equal_scores_of_the_candidates_alone_are_no_collapse():
    assert recommender([[1, 5, 5, 5]]).rank([["a"]], ["b"], candidates=["b", "c"]).tolist() == [1.5]


def test_a_broken_score_of_a_cold_history_does_not_matter():
    with pytest.warns(UserWarning, match="1 of 2 sequences"):
        items, _ = recommender([[np.nan] * 4, [1, 2, 3, 4]]).recommend([[], ["a"]], k=2)
    assert items[0].tolist() == ["d", "c"]


def test_catalogue_is_what_occurs_in_the_order_of_the_log_whatever_the_order_of_rows():
    X = Sequences.from_lists([["a", "b"], ["c", "d"], ["b", "a"]])
    assert FixedScores(None).fit(X[[2, 0]]).vocabulary_.items.tolist() == ["a", "b"]


def test_appended_events_come_last_at_the_time_of_the_last_event():
    X = append_events(sequences_with_times(), ["c", "new"])
    assert [row.tolist() for row in X] == [["a", "b", "c"], ["c", "new"]]
    assert X.timestamps.astype("M8[D]").astype(str).tolist() == [
        "2026-01-01",
        *["2026-01-02"] * 2,
        *["2026-01-03"] * 2,
    ]
    assert X.rows.tolist() == [0, 1, -1, 2, -1]


def test_items_are_appended_to_sequences_with_pictures():
    pictures = np.zeros((3, 2, 2))
    log = pd.DataFrame({"user_id": [1, 1, 2], "item_id": ["a", "b", "a"], "picture": list(pictures)})
    X = append_events(Sequences.from_frame(log, timestamp=None, columns=["picture"]), ["c", "a"])

    assert [items.tolist() for items in X] == [["a", "b", "c"], ["a", "a"]]
    assert X.columns["picture"].shape == (5, 2, 2)  # the appended event has that of the last one


def test_appending_another_number_of_events_is_an_error():
    with pytest.raises(ValueError, match="each of the 2 sequences"):
        append_events(sequences_with_times(), ["c"])


@pytest.mark.parametrize(
    "at",
    [
        "2026-01-05",
        ["2026-01-05", "2026-01-05"],
        pd.Timestamp("2026-01-05 02:00", tz="Europe/Paris") - pd.Timedelta("1h"),
        np.datetime64("2026-01-05"),
        pd.Series(pd.to_datetime(["2026-01-05"] * 2)),
    ],
    ids=["text", "list", "zone", "numpy", "pandas"],
)
def test_the_time_of_the_question_comes_in_any_form(at):
    times = query_times(at, sequences_with_times())
    np.testing.assert_array_equal(times, np.full(2, np.datetime64("2026-01-05", "us")))


def test_numbers_are_times_in_the_unit_of_the_log():
    log = pd.DataFrame({"user_id": [1, 1], "item_id": [1, 2], "timestamp": [1_700_000_000, 1_700_000_100]})
    at = query_times(1_700_000_200, Sequences.from_frame(log))
    np.testing.assert_array_equal(at, [np.datetime64(1_700_000_200, "s")])


def test_numbers_mean_nothing_where_the_log_has_datetimes():
    with pytest.raises(TypeError, match="at must hold datetimes"):
        query_times(1_700_000_200, sequences_with_times())


@pytest.mark.parametrize("at", [["2026-01-02", "2026-01-02"], ["2026-01-05", None]])
def test_a_missing_or_early_time_is_an_error(at):
    with pytest.raises(ValueError, match="1 of 2 histories"):
        query_times(at, sequences_with_times())


def test_the_model_gets_the_times_as_one_for_each_sequence():
    model = FixedScores([[1, 2, 3, 4]] * 2).fit([["a", "b", "c", "d"]])
    model.recommend(sequences_with_times(), k=1, at="2026-01-05")
    assert model.at_.shape == (2,)


def test_a_score_can_be_weighted_by_sequences():
    model = recommender([[3, 2, 1, 0], [0, 1, 2, 3]])
    of_each = [model.score([[*"ab"]], ["a"]), 1 / np.log2(5)]
    assert of_each[0] == 1
    expected = pytest.approx(np.average(of_each, weights=[1, 3]))
    assert model.score([["a", "b"], ["b", "c"]], ["a", "a"], sample_weight=[1, 3]) == expected
    assert model.score([["a", "b", "a"], ["b"], ["b", "c", "a"]], sample_weight=[1, 7, 3]) == expected
    several = Sequences.from_lists([["a", "b"], ["d"]])
    assert model.score([["a"], ["b"]], several, sample_weight=[1, 0]) == model.score([["a"]], several[:1])


def test_recommendations_can_be_a_frame_of_what_there_is():
    model, X = recommender([[3, 2, 1, 0], [0, 1, 2, 3]]), Sequences.from_lists([["a"], ["b", "c"]], keys=["ann", "bob"])
    items, scores = model.recommend(X, k=3)
    frame = model.recommend(X, k=3, as_frame=True)
    assert frame.columns.tolist() == ["sequence", "rank", "item", "score"]
    assert frame["sequence"].tolist() == ["ann"] * 3 + ["bob"] * 2  # bob has two items to see
    assert frame["rank"].tolist() == [1, 2, 3, 1, 2]
    assert frame["item"].tolist() == [*items[0], *items[1, :2]]
    assert frame["score"].tolist() == [*scores[0], *scores[1, :2]]


def test_one_id_alone_is_no_list_of_sequences():
    with pytest.raises(ValueError, match=r"got 'a' alone: write \[\['a'\]\]"):
        recommender([[3, 2, 1, 0]]).recommend("a")
