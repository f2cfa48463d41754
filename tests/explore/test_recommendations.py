import re

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from traitlets import TraitError

pytest.importorskip("anywidget")

from seqrec import LSTMRecommender, Sequences
from seqrec.explore.recommendations import RecommendationExplorer
from seqrec.recommend.baselines import MarkovRecommender, PopularityRecommender

LISTS = [["tea", "milk", "sugar"], ["tea", "milk"], ["milk", "cake", "tea"], ["sugar", "cake"], ["jam", "milk"]]
DAYS = [["2024-05-01", "2024-05-03", "2024-05-09"], ["2024-05-01", "2024-05-02"], ["2024-05-01"] * 3]
HOSTILE = "<img src=x onerror=window.__hostile=1>"


@pytest.fixture(scope="module")
def markov():
    return MarkovRecommender().fit(LISTS)


@pytest.fixture(scope="module")
def lstm():
    return LSTMRecommender(units=8, max_epochs=1, random_state=0, verbose=False).fit(LISTS)


@pytest.fixture
def explorer(markov):
    return RecommendationExplorer(markov, LISTS, k=3)


def times(explorer):
    return [str(time)[:10] for time in explorer._history.timestamps]


def dated(recommender, **options):
    timestamps = [[pd.Timestamp(day).to_pydatetime() for day in days] for days in DAYS]
    return RecommendationExplorer(recommender, Sequences.from_lists(LISTS[:3], timestamps=timestamps), **options)


def titles(side):
    return [row["title"] for row in side["rows"]]


def test_recommendations_are_those_of_the_recommender(explorer, markov):
    items, scores = markov.recommend(LISTS[:1], k=3)
    shown = explorer.recommendations
    assert list(shown.columns) == ["model", "rank", "item", "title", "score", "moved"]
    left = np.isfinite(scores[0])
    assert shown["item"].tolist() == items[0][left].tolist()
    np.testing.assert_allclose(shown["score"], scores[0][left], rtol=1e-6)


@pytest.mark.parametrize("exclude_seen", [True, False])
def test_scores_of_a_network_are_its_probabilities(lstm, exclude_seen):
    explorer = RecommendationExplorer(lstm, LISTS, k=3, exclude_seen=exclude_seen)
    shown = explorer.recommendations
    probability = dict(zip(lstm.vocabulary_.items, lstm.predict_proba(LISTS[:1])[0], strict=True))
    np.testing.assert_allclose(shown["score"], [probability[item] for item in shown["item"]], atol=1e-5)
    expected = [item for item in lstm.recommend(LISTS[:1], k=3, exclude_seen=exclude_seen)[0][0] if item is not None]
    assert shown["item"].tolist() == expected


@pytest.mark.parametrize("target", [["cake", "sugar", "tea"], [["cake"], ["sugar"], ["tea", "jam"]]])
def test_what_came_next_in_truth_is_marked(markov, target):
    explorer = RecommendationExplorer(markov, LISTS[:3], k=3, target=target)
    shown = explorer.recommendations
    assert shown["taken"].tolist() == (shown["item"] == "cake").tolist()
    (side,) = explorer._shown["models"]
    assert [row["taken"] for row in side["rows"]] == shown["taken"].tolist()
    ((title, place),) = side["truth"]
    assert title == "cake"
    assert re.fullmatch(r"in place =?\d", place)
    explorer.sequence = -1
    assert explorer._shown["models"][0]["truth"] == []


def test_a_truth_that_cannot_be_recommended_says_why(markov):
    explorer = RecommendationExplorer(markov, LISTS[:2], target=["tea", "coffee"])
    assert explorer._shown["models"][0]["truth"] == [["tea", "in the history already"]]
    explorer.sequence = 1
    assert explorer._shown["models"][0]["truth"] == [["coffee", "is not in the catalogue"]]


def test_targets_of_other_sequences_are_refused(markov):
    with pytest.raises(ValueError, match="5 sequences, but 1 targets"):
        RecommendationExplorer(markov, LISTS, target=["tea"])


def test_items_of_one_score_share_a_place():
    popularity = PopularityRecommender().fit([["a", "b", "c"], ["a", "d"]])
    (side,) = RecommendationExplorer(popularity, [[]])._shown["models"]
    assert [row["standing"] for row in side["rows"]] == ["1", "=2", "=2", "=2"]
    assert [row["share"] for row in side["rows"]] == [1.0, 0.5, 0.5, 0.5]


def test_add_inserts_before_a_position_or_at_the_end(explorer):
    explorer.add("cake")
    explorer.add("jam", 1)
    assert explorer.history == ["tea", "jam", "milk", "sugar", "cake"]


def test_remove_and_move_change_one_event(explorer):
    explorer.remove(0)
    assert explorer.history == ["milk", "sugar"]
    explorer.move(0, 1)
    assert explorer.history == ["sugar", "milk"]


def test_every_edit_can_be_undone_and_made_again(explorer):
    explorer.remove(0)
    explorer.add("jam")
    for step, expected in [("undo", 2), ("undo", 3), ("undo", 3), ("redo", 2), ("redo", 3), ("redo", 3)]:
        getattr(explorer, step)()
        assert len(explorer.history) == expected
    assert explorer.history == ["milk", "sugar", "jam"]


def test_an_edit_after_undo_drops_what_was_undone(explorer):
    explorer.remove(0)
    explorer.undo()
    explorer.add("jam")
    explorer.redo()
    assert explorer.history == ["tea", "milk", "sugar", "jam"]


def test_reset_goes_back_to_the_original_and_can_be_undone(explorer):
    explorer.remove(0)
    explorer.reset()
    assert explorer.history == LISTS[0]
    assert not explorer._shown["reset"]
    explorer.undo()
    assert explorer.history == ["milk", "sugar"]


def test_an_edit_leaves_the_sequences_as_they_were(markov):
    X = Sequences.from_lists(LISTS)
    explorer = RecommendationExplorer(markov, X)
    explorer.remove(0)
    explorer.add("jam")
    assert X[0].tolist() == LISTS[0]


def test_removing_takes_the_time_and_moving_leaves_times_where_they_are(markov):
    explorer = dated(markov)
    explorer.move(0, 2)
    assert (explorer.history, times(explorer)) == (["milk", "sugar", "tea"], DAYS[0])
    explorer.remove(1)
    assert times(explorer) == ["2024-05-01", "2024-05-09"]


@pytest.mark.parametrize(
    ("position", "day"), [(0, "2024-04-27"), (1, "2024-05-02"), (2, "2024-05-06"), (3, "2024-05-13")]
)
def test_an_added_item_gets_a_time_between_its_neighbours_or_a_median_gap_away(markov, position, day):
    explorer = dated(markov)
    explorer.add("cake", position)
    assert times(explorer)[position] == day
    assert (np.diff(explorer._history.timestamps) >= np.timedelta64(0)).all()


def test_one_event_has_no_gap_so_what_is_added_gets_its_time(markov):
    explorer = dated(markov)
    explorer.remove(1)
    explorer.remove(1)
    explorer.add("cake")
    assert times(explorer) == ["2024-05-01"] * 2


def test_a_history_that_was_emptied_is_filled_without_times(markov):
    explorer = dated(markov, k=2)
    for _ in LISTS[0]:
        explorer.remove(0)
    explorer.add("tea")
    assert explorer._history.timestamps is None
    assert explorer.recommendations["item"].tolist() == markov.recommend([["tea"]], k=2)[0][0].tolist()


def test_moved_counts_places_against_the_history_before_the_edits(markov):
    explorer = RecommendationExplorer(markov, [["tea"]], k=4)
    assert (explorer.recommendations["moved"] == 0).all()
    explorer.add("sugar")
    shown = explorer.recommendations.set_index("item")
    assert shown.loc["cake", "moved"] == 2
    assert {row["title"]: row["moved"] for row in explorer._shown["models"][0]["rows"]}["cake"] == "▲ up 2"
    assert explorer._shown["models"][0]["gone"] == ["sugar"]


def test_an_item_that_was_in_the_history_is_new(explorer):
    explorer.remove(2)
    row = next(row for row in explorer._shown["models"][0]["rows"] if row["title"] == "sugar")
    assert row["moved"] == "★ new"
    assert explorer.recommendations.set_index("item")["moved"].isna()["sugar"]


def test_reasons_are_those_that_the_recommender_gives(explorer, markov):
    items = explorer.recommendations["item"]
    pd.testing.assert_frame_equal(explorer.reasons, markov.explain(LISTS[:1], items=items))


def test_any_item_can_be_explained(explorer):
    explorer.item = int(np.flatnonzero(explorer._vocabulary.items == "tea")[0])
    assert explorer.reasons["item"].iloc[-1] == "tea"
    explorer._receive({"do": "explain", "version": explorer._version})
    assert explorer._reasons["other"]["place"] == "It is in the history already. "
    explorer.remove(0)
    assert explorer._vocabulary.items[explorer.item] == "tea"


def test_the_first_recommendation_is_explained_until_an_item_is_chosen(explorer):
    def first():
        return explorer._shown["models"][0]["rows"][0]["item"]

    assert explorer.item == first()
    explorer.add("cake")
    assert explorer.item == first()
    explorer.item = chosen = first() + 1 if first() < 4 else 0
    explorer.remove(0)
    assert explorer.item == chosen
    explorer.sequence = 1
    assert explorer.item == first()


def test_reasons_of_an_earlier_history_are_not_computed(explorer):
    version = explorer._version
    explorer.remove(0)
    explorer._receive({"do": "explain", "version": version})
    assert explorer._reasons == {}
    explorer._receive({"do": "explain", "version": explorer._version})
    assert explorer._reasons["version"] == explorer._version


def test_effects_reach_the_page_item_by_item(explorer):
    explorer._receive({"do": "explain", "version": explorer._version})
    positions = np.frombuffer(explorer._reasons["positions"], "<i4")
    effects = np.frombuffer(explorer._reasons["effects"], "<f4").reshape(-1, len(positions))
    reasons = explorer.reasons
    assert len(effects) == reasons["item"].nunique()
    np.testing.assert_allclose(effects.ravel(), reasons["effect"], rtol=1e-6)
    assert np.tile(positions, len(effects)).tolist() == reasons["position"].tolist()


def test_history_and_recommendations_of_an_edit_come_in_one_message(explorer):
    sent = []
    explorer.comm.send = lambda data, **_: sent.append(data["state"].keys())
    explorer.remove(0)
    assert len(sent) == 1
    assert "_shown" in sent[0]
    assert "_reasons" not in sent[0]


def test_the_page_gives_orders(explorer):
    explorer._receive({"do": "remove", "position": 0})
    explorer._receive({"do": "add", "item": int(explorer._vocabulary.encode(["jam"])[0]) - 2, "position": 1})
    explorer._receive({"do": "move", "position": 1, "to": 2})
    assert explorer.history == ["milk", "sugar", "jam"]
    explorer._receive({"do": "undo"})
    explorer._receive({"do": "redo"})
    explorer._receive({"do": "reset"})
    assert explorer.history == LISTS[0]
    explorer._receive({"do": "random_user"})
    assert explorer.sequence in range(1, 5)


def test_quick_orders_to_remove_the_last_event_add_up(explorer):
    for _ in range(5):  # sent before the page saw that the history is shorter
        explorer._receive({"do": "remove", "position": 2})
    assert explorer.history == []


@pytest.mark.parametrize(
    "content", [{"do": "move", "position": 9, "to": 0}, {"do": "__init__"}, {"do": "add"}, {}, "undo"]
)
def test_an_order_that_means_nothing_any_more_is_passed_over(explorer, content):
    explorer._receive(content)
    assert explorer.history == LISTS[0]


@pytest.mark.parametrize(
    "edit", [lambda one: one.remove(3), lambda one: one.move(0, -1), lambda one: one.add("jam", 4)]
)
def test_a_position_outside_the_history_is_an_error(explorer, edit):
    with pytest.raises(IndexError, match="not in the history of 3 events"):
        edit(explorer)


def test_an_item_outside_the_catalogue_cannot_be_added(explorer):
    with pytest.raises(ValueError, match="'coffee' is not in the catalogue of 5 items"):
        explorer.add("coffee")
    with pytest.raises(TypeError, match="the items are text"):
        explorer.add(5)


def test_unknown_items_are_marked_and_nothing_is_warned_about(markov):
    explorer = RecommendationExplorer(markov, [["coffee", "tea", "mate"]])
    assert explorer._shown["unknown"] == b"coffee\nmate"
    assert explorer._shown["notes"].decode().split("\n")[:2] == ["1 · not in the catalogue", "2"]
    assert "tea" in explorer.reasons["event"].tolist()


@pytest.mark.parametrize("recommender", ["markov", "lstm"])
@pytest.mark.parametrize(
    ("history", "why"), [(["coffee"], "No item of this history is known"), ([], "The history is empty")]
)
def test_a_cold_history_gets_popular_items_and_says_so(request, recommender, history, why):
    explorer = RecommendationExplorer(request.getfixturevalue(recommender), [history, ["tea"]], k=2)
    assert explorer._shown["models"][0]["cold"] == f"{why}, so these are simply popular."
    popular = PopularityRecommender().fit(LISTS).recommend([["tea"]], k=2, exclude_seen=False)[0][0]
    assert explorer.recommendations["item"].tolist() == popular.tolist()
    explorer._receive({"do": "explain", "version": explorer._version})
    assert len(explorer.reasons) == 2 * len(history)


@pytest.mark.parametrize("sequences", [[], Sequences.from_lists([])])
def test_without_sequences_a_history_is_built_from_nothing(markov, sequences):
    explorer = RecommendationExplorer(markov, sequences, k=1)
    assert (explorer.sequence, explorer.history, explorer.random_user()) == (-1, [], -1)
    explorer.add("sugar")
    assert explorer.recommendations["item"].tolist() == ["cake"]


def test_a_new_user_is_always_possible(explorer):
    explorer.sequence = -1
    assert explorer.history == []
    explorer.add("tea")
    assert explorer.history == ["tea"]


def test_a_history_of_everything_leaves_nothing_to_recommend(markov):
    explorer = RecommendationExplorer(markov, [["tea", "milk", "sugar", "cake", "jam"]])
    assert explorer.recommendations.empty
    assert (explorer.item, explorer.reasons.empty) == (-1, True)
    explorer._receive({"do": "explain", "version": explorer._version})
    assert explorer._reasons["effects"] == b""


def test_another_user_starts_without_edits(explorer):
    explorer.remove(0)
    explorer.sequence = 1
    assert explorer.history == LISTS[1]
    explorer.undo()
    assert explorer.history == LISTS[1]


def test_models_with_different_catalogues_stand_side_by_side(markov):
    other = PopularityRecommender().fit([["tea", "jam", "honey"], ["honey", "tea", "honey"]])
    explorer = RecommendationExplorer({"rules": markov, "popular": other}, [["milk", "honey"]], k=2)
    shown = explorer.recommendations
    assert shown.groupby("model", sort=False)["item"].first().to_dict() == {"rules": "sugar", "popular": "tea"}
    explorer.add("tea")
    assert explorer.recommendations.query("model == 'popular'")["item"].tolist() == ["jam"]
    assert not explorer._shown["models"][1]["cold"]


def test_choosing_a_model_explains_that_one(markov):
    popular = PopularityRecommender().fit(LISTS)
    explorer = RecommendationExplorer({"rules": markov, "popular": popular}, LISTS, k=2)
    explorer.model = "popular"
    items = explorer.recommendations.query("model == 'popular'")["item"]
    assert explorer.reasons["item"].unique().tolist() == items.tolist()
    explorer._receive({"do": "explain", "version": explorer._version})
    assert explorer._reasons["model"] == "popular"
    assert explorer._vocabulary.items[explorer.item] in set(items)


def test_k_changes_the_length_of_the_lists(explorer):
    explorer.sequence, explorer.k = 1, 1
    assert len(explorer.recommendations) == 1
    explorer.k = 100
    assert len(explorer.recommendations) == 3


@pytest.mark.parametrize(
    ("trait", "value", "text"),
    [
        ("sequence", 5, "sequence must be from -1 to 4"),
        ("item", -2, "item must be from -1 to 4"),
        ("model", "LSTM", "model must be one of 'MarkovRecommender', got 'LSTM'"),
        ("k", 0, "k must be at least 1"),
    ],
)
def test_a_trait_refuses_what_does_not_exist(explorer, trait, value, text):
    with pytest.raises(TraitError, match=text):
        setattr(explorer, trait, value)


def test_titles_and_attributes_come_from_items(markov):
    items = pd.DataFrame({"item_id": ["cake", "tea"], "title": [HOSTILE, "Tea\u202e\n"], "kind": ["food", None]})
    explorer = RecommendationExplorer(markov, [["sugar"]], items, k=1)
    row = explorer._shown["models"][0]["rows"][0]
    assert (row["title"], row["details"]) == (HOSTILE, "kind food")
    assert rb"Tea\u202e\n" in explorer._titles
    assert "<img" not in explorer._fallback()
    assert "&lt;img" in explorer._fallback()


def test_numbers_as_ids_stay_numbers():
    recommender = MarkovRecommender().fit([[1, 2, 3], [1, 2], [3, 4]])
    explorer = RecommendationExplorer(recommender, [[1]], k=1)
    explorer.add(np.int64(3))
    assert explorer.history == [1, 3]
    assert explorer.recommendations["item"].tolist() == [4]


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((MarkovRecommender(), LISTS), NotFittedError, "not fitted"),
        ((MarkovRecommender, LISTS), TypeError, "recommender must be a fitted recommender"),
        (({}, LISTS), ValueError, "empty dict"),
        ((pd.DataFrame(), LISTS), TypeError, "got DataFrame"),
        ((PopularityRecommender().fit(LISTS), pd.DataFrame({"user_id": [1]})), TypeError, "from_frame"),
        ((PopularityRecommender().fit(LISTS), [[1, 2]]), TypeError, "are text"),
        ((PopularityRecommender().fit(LISTS), LISTS, None, 0), ValueError, "k must be at least 1"),
    ],
)
def test_wrong_arguments_are_told_at_once(arguments, error, text):
    with pytest.raises(error, match=text):
        RecommendationExplorer(*arguments)


def test_the_page_is_small_and_writes_no_html():
    script = RecommendationExplorer._esm
    assert len((script + RecommendationExplorer._css).encode()) < 25_000
    assert not any(word in script for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "eval("))
