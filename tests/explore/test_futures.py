from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from traitlets import TraitError

pytest.importorskip("anywidget")

from golden.make import make_log, read_log

import seqrec
import seqrec.explore.futures as module
from seqrec import MarkovRecommender, NGramGenerator, Sequences
from seqrec.explore.futures import FutureExplorer

FLOWS = [["log in", "pay", "log out"], ["log in", "log out"], ["open", "log in", "pay", "log out"]] * 10


@pytest.fixture(scope="module")
def flows():
    return NGramGenerator(order=3).fit(FLOWS)


@pytest.fixture
def explorer(flows):
    return FutureExplorer(flows, [["log in"], ["open"]], {"pay": "Pay"}, ["pay", "log out"], within=4, n_paths=50)


@pytest.fixture
def timed(flows, monkeypatch):
    """An explorer of an estimator that tells times: one event an hour, "pay" after the first and then "log out"."""

    def chance(estimator, X, event, within, **_):
        hour = {"pay": 1, "log out": 2}.get(event, 99)
        told = [float(span >= pd.Timedelta(hour, "h")) for span in within]
        return pd.DataFrame({"sequence": 0, "within": within, "chance": told, "standard_error": 0.0})

    def simulate(estimator, X, n_paths, random_state, n_events=None, until=None):
        one = pd.DataFrame({"step": [1, 2, 3], "event": ["pay", "log out", "(end)"]})
        one["timestamp"] = X.timestamps[-1] + pd.to_timedelta([1, 2, None], "h")
        one = one if until is None else one[~(one["timestamp"] > X.timestamps[-1] + until)]
        return pd.concat([one.assign(sequence=0, path=path) for path in range(n_paths)], ignore_index=True)

    monkeypatch.setattr(module, "chance", chance)
    monkeypatch.setattr(module, "simulate", simulate)
    monkeypatch.setattr(module, "tells", lambda _: (True, True))
    times = [pd.date_range("2024-05-01", periods=len(one), freq="h") for one in FLOWS]
    X = Sequences.from_lists(FLOWS, timestamps=[list(one.to_pydatetime()) for one in times])
    return FutureExplorer(flows, X)


def numbers(packed, dtype="<f4"):
    return np.frombuffer(packed, dtype)


def run(explorer):
    explorer._receive({"do": "run", "version": explorer._version})
    return explorer._futures


def test_chances_are_those_of_the_estimator(explorer, flows):
    shown = explorer.chances
    assert list(shown.columns) == ["event", "title", "within", "chance", "standard_error"]
    assert shown["title"].tolist() == ["Pay"] * 4 + ["log out"] * 4
    assert shown["within"].tolist() == [1, 2, 3, 4] * 2
    expected = module.chance(flows, [["log in"]], "pay", within=[1, 2, 3, 4], n_paths=50, random_state=0)
    np.testing.assert_allclose(shown["chance"][:4], expected["chance"])


def test_an_edit_moves_the_chances_and_the_curves_before_it_stay(explorer):
    before = numbers(run(explorer)["curves"][1]["chance"])
    assert run(explorer)["curves"][1]["before"] is None
    explorer.add("pay")
    first, second = run(explorer)["curves"]
    np.testing.assert_array_equal(numbers(second["before"]), before)
    assert numbers(second["chance"])[0] > 0.9 > before[0]
    assert first["title"] == "Pay"
    explorer.undo()
    assert run(explorer)["curves"][1]["before"] is None


def test_paths_are_told_as_places_and_in_words(explorer):
    told = run(explorer)
    lengths = numbers(told["lengths"], "<i4")
    assert len(lengths) == 20
    assert lengths.sum() == len(explorer.paths) == len(numbers(told["columns"], "<i4"))
    texts = told["texts"].decode().split("\n")
    assert {"Pay → log out → (end)", "log out → (end)"} <= set(texts)
    assert numbers(told["shares"])[: lengths[0]].tolist()[0] == 0.25
    assert told["marks"] == [[0.0, "0"], [0.25, "1"], [0.5, "2"], [0.75, "3"], [1.0, "4"]]


def test_the_same_seed_gives_the_same_paths_and_another_other_ones(explorer):
    first = explorer.paths
    explorer.another()
    assert not explorer.paths.equals(first)
    explorer.seed = 0
    pd.testing.assert_frame_equal(explorer.paths, first)


def test_events_are_watched_three_at_most_and_no_longer(explorer):
    explorer.watch("open")
    assert explorer.events == ["pay", "log out", "open"]
    explorer._receive({"do": "watch", "item": len(explorer._vocabulary)})
    assert explorer.events == ["log out", "open", "(end)"]
    explorer.watch("open")
    assert explorer.events == ["log out", "(end)"]
    assert explorer.chances["title"].unique().tolist() == ["log out", "(end)"]
    explorer.events = []
    assert explorer.chances.empty
    assert run(explorer)["curves"] == []


def test_what_comes_most_is_watched_at_first(flows):
    assert set(FutureExplorer(flows, [["open"]], n_paths=9).events) == {"log in", "pay", "log out"}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("events", ["fly"], "events holds 'fly', which training lacked"),
        ("events", ["pay", "open", "log in", "log out"], "events can be 3 at most, got 4"),
        ("within", 0, "must be at least 1"),
        ("within", "30 days", "must be an integer"),
        ("within", timedelta(0), "longer than no time"),
        ("seed", -1, "seed must be at least 0"),
    ],
)
def test_what_cannot_be_asked_is_said(explorer, name, value, said):
    with pytest.raises(TraitError, match=said):
        setattr(explorer, name, value)


def test_the_page_looks_as_far_as_it_likes(explorer):
    assert explorer._asked["spans"] == ["3 events", "5 events", "10 events", "20 events", "50 events", "4 events"]
    assert explorer._asked["span"] == 5
    explorer._receive({"do": "look", "span": 3})
    assert explorer.within == 20
    assert explorer._asked["span"] == 3
    assert len(explorer.chances) == 40


def test_times_are_asked_for_where_they_are_told(timed):
    assert timed.within == pd.Timedelta("1D")  # the next round time after ten usual gaps
    assert "6 h" in timed._asked["spans"]
    assert set(timed.events) == {"pay", "log out"}
    timed.within = timedelta(hours=4)
    timed.events = ["pay"]
    told = run(timed)
    assert numbers(told["curves"][0]["chance"]).tolist() == [0] * 4 + [1] * 16
    assert told["marks"] == [[0.0, "0"], [0.25, "60 min"], [0.5, "2 h"], [0.75, "3 h"], [1.0, "4 h"]]
    assert told["texts"].decode().split("\n")[0] == "pay (in 60 min) → log out (in 2 h) → (end)"
    assert numbers(told["shares"])[:3].tolist() == [0.25, 0.5, 0.5]


def test_what_the_estimator_cannot_tell_is_said_in_place_of_curves(timed, monkeypatch):
    def refuse(*_, **__):
        raise module.InputError("times are counted from the last event, and 'a new user' has no event.")

    monkeypatch.setattr(module, "chance", refuse)
    timed.sequence = -1
    assert "has no event" in run(timed)["problem"]


def test_a_table_says_what_cannot_be_told(timed, monkeypatch):
    def refuse(*_, **__):
        raise module.InputError("X has no timestamps.")

    monkeypatch.setattr(module, "chance", refuse)
    assert "X has no timestamps." in timed._fallback()


def test_other_estimators_are_refused():
    with pytest.raises(TypeError, match="futures are asked of LSTMGenerator"):
        FutureExplorer(MarkovRecommender().fit(FLOWS), FLOWS)


def test_a_recommender_has_no_end_to_watch():
    recommender = seqrec.load(Path(__file__).parents[1] / "golden" / "LSTMRecommender.seqrec")
    explorer = FutureExplorer(recommender, [recommender.vocabulary_.items[:2].tolist()], within=3, n_paths=5)
    assert not explorer._asked["ends"]
    assert run(explorer)["problem"] == ""
    with pytest.raises(TraitError, match="'\\(end\\)', which training lacked"):
        explorer.events = ["(end)"]


@pytest.mark.slow
def test_a_network_with_times_tells_them(detector):
    X = read_log(make_log(20, seed=1), fields=True)
    explorer = FutureExplorer(detector, X, n_paths=5)
    assert isinstance(explorer.within, pd.Timedelta)
    told = run(explorer)
    assert told["problem"] == ""
    assert len(told["curves"]) == len(explorer.events) > 0
    assert (np.diff(numbers(told["curves"][0]["chance"])) >= 0).all()
    explorer.within = timedelta(seconds=1)  # in which hardly anything comes
    assert run(explorer)["problem"] == ""
    explorer.sequence = -1
    assert "times are counted from the last event" in run(explorer)["problem"]
    explorer.sequence, explorer.within = 0, 2
    assert run(explorer)["problem"] == ""


def test_orders_that_are_late_or_mean_nothing_are_passed_over(explorer):
    version = explorer._version
    explorer.seed = 2
    for content in ({"do": "run", "version": version}, {"do": "look"}, {"do": "watch", "item": "pay"}, 3):
        explorer._receive(content)
    assert explorer._futures == {}
    assert explorer.events == ["pay", "log out"]


def test_a_table_of_chances_stands_in_for_the_widget(explorer):
    told = explorer._fallback()
    assert "Within 4 events" in told
    assert "Pay" in told
