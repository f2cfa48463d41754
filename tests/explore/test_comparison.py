import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from traitlets import TraitError

from seqrec import MarkovRecommender, PopularityRecommender, Sequences, evaluate
from seqrec.explore import ModelComparison
from seqrec.metrics import bootstrap_difference, bootstrap_interval

HOSTILE = "<img src=x onerror=window.__hostile=1>"


def make_results(n=60):
    rng = np.random.default_rng(0)
    hits = {
        name: (rng.random(n) < share).astype(float) for name, share in (("weak", 0.1), ("fair", 0.5), ("good", 0.9))
    }
    return {name: {"hit": values, "gain": values * 0.5, "seconds": 10 * values.mean()} for name, values in hits.items()}


def cell(comparison, model, metric):
    frame = comparison.frame
    return frame[(frame["model"] == model) & (frame["metric"] == metric)].iloc[0]


@pytest.mark.parametrize("n", [1, 60, 5000])
def test_intervals_and_differences_are_those_of_the_metrics_module(n):
    results = make_results(n)
    row = cell(ModelComparison(results, baseline="weak", random_state=3), "good", "hit")
    own, other = results["good"]["hit"], results["weak"]["hit"]
    interval = bootstrap_interval(own, random_state=3)
    difference = bootstrap_difference(own, other, random_state=3)
    np.testing.assert_allclose(row[["mean", "low", "high"]].astype(float), interval, atol=1e-12)
    found = row[["difference", "difference_low", "difference_high"]].astype(float)
    np.testing.assert_allclose(found, difference, atol=1e-12)
    assert row["n"] == n


def test_the_reference_can_be_changed():
    comparison = ModelComparison(make_results())
    assert comparison.reference == "weak"
    before = comparison._differences
    comparison.reference = "good"
    assert comparison._differences != before
    assert cell(comparison, "good", "hit")["difference"] == 0
    assert cell(comparison, "weak", "hit")["difference_high"] < 0


def test_single_numbers_have_no_interval():
    row = cell(ModelComparison(make_results()), "fair", "seconds")
    assert row["n"] == 0
    assert np.isnan(row[["low", "high", "difference_low", "difference_high"]].astype(float)).all()
    assert row["difference"] > 0


def test_a_frame_of_numbers_is_accepted():
    frame = pd.DataFrame({"hit": [0.1, 0.2], "seconds": [1.0, None]}, index=["a", "b"])
    comparison = ModelComparison(frame, lower_is_better=["seconds"])
    assert cell(comparison, "b", "hit")["mean"] == 0.2
    assert np.isnan(cell(comparison, "b", "seconds")["mean"])


def test_undominated_models_follow_the_directions_of_the_metrics():
    figures = {"slow and good": (0.9, 9.0), "quick and weak": (0.2, 1.0), "slow and weak": (0.2, 9.0)}
    results = {name: {"hit": hit, "seconds": seconds} for name, (hit, seconds) in figures.items()}
    comparison = ModelComparison(results, lower_is_better=["seconds"])
    assert (comparison.x, comparison.y) == ("seconds", "hit")
    assert comparison.undominated == ["slow and good", "quick and weak"]
    comparison.x = "hit"
    assert comparison.undominated == ["slow and good"]
    assert ModelComparison(results).undominated == ["slow and good"]


def test_models_that_tie_on_both_are_both_undominated():
    comparison = ModelComparison({"a": {"x": 1.0, "y": 2.0}, "b": {"x": 1.0, "y": 2.0}, "c": {"x": 5.0}})
    assert comparison.undominated == ["a", "b"]


def test_a_figure_that_is_missing_or_broken_is_none_and_is_told():
    results = {"a": {"hit": [0.0, np.nan], "gain": []}, "b": {"hit": [0.0, 1.0]}}
    comparison = ModelComparison(results)
    assert np.isnan(cell(comparison, "a", "hit")["mean"])
    assert np.isnan(cell(comparison, "b", "gain")["mean"])
    assert np.isnan(cell(comparison, "b", "hit")["difference"])
    assert comparison._notes == ["hit of a: 1 of 2 figures not finite.", "gain of a: no sequences."]


def test_models_judged_on_other_sequences_are_not_compared():
    comparison = ModelComparison({"a": {"hit": [0.0, 1.0]}, "b": {"hit": [0.0, 1.0, 1.0]}})
    row = cell(comparison, "b", "hit")
    assert row["low"] <= row["mean"] <= row["high"]
    assert np.isnan(row["difference"])


def test_hostile_names_are_shown_safe_and_told_apart():
    names = [HOSTILE, "a\nb\0", "x" * 10_000, "x" * 9_999, "\u202eevil", ""]
    comparison = ModelComparison({name: {HOSTILE: 1.0} for name in names})
    shown = comparison._models.decode().split("\n")
    assert len(set(shown)) == len(names)
    assert all(name.isprintable() and 0 < len(name) <= 61 for name in shown)
    comparison.model = "x" * 9_999
    assert comparison.model == shown[3]
    assert "<img" not in comparison._fallback()


@pytest.mark.parametrize("trait", ["metric", "x", "y", "model", "reference"])
def test_names_that_are_not_there_are_refused(trait):
    comparison = ModelComparison(make_results())
    with pytest.raises(TraitError, match=f"{trait} must be one of .*got 'Hit'"):
        setattr(comparison, trait, "Hit")


@pytest.mark.parametrize(
    ("results", "error", "match"),
    [
        ([1, 2], TypeError, "must be a dict of models"),
        ({"a": 0.5}, TypeError, "must be a dict of models"),
        ({}, ValueError, "hold no figure"),
        ({"a": {"hit": [[1.0]]}}, TypeError, r"results\['a'\]\['hit'\] must be a number"),
        ({"a": {"hit": "good"}}, TypeError, r"results\['a'\]\['hit'\] must be a number"),
        (pd.DataFrame({"hit": [1, 2]}, index=["a", "a"]), ValueError, "'a' has several rows"),
    ],
)
def test_results_of_another_form_are_refused(results, error, match):
    with pytest.raises(error, match=match):
        ModelComparison(results)


def test_unknown_baselines_and_directions_are_refused():
    with pytest.raises(ValueError, match="baseline must be one of"):
        ModelComparison(make_results(), baseline="best")
    with pytest.raises(ValueError, match="lower_is_better must be one of"):
        ModelComparison(make_results(), lower_is_better=["time"])
    with pytest.raises(TypeError, match=r"lower_is_better=\['seconds'\]"):
        ModelComparison(make_results(), lower_is_better="seconds")


def make_recommenders():
    X = [["tea", "milk", "tea"], ["milk", "cake"], ["cake", "tea", "milk"], ["tea", "milk"]]
    return {"popular": PopularityRecommender().fit(X), "Markov": MarkovRecommender().fit(X)}


def test_recommenders_are_judged_as_evaluate_judges_them():
    recommenders, history, target = make_recommenders(), [["tea"], ["milk"], ["cake"]], ["milk", "cake", "milk"]
    comparison = ModelComparison.of(recommenders, history, target, k=1, seconds={"Markov": 2.0})
    figures = evaluate(recommenders["Markov"], history, target, k=1)
    assert cell(comparison, "Markov", "NDCG@1")["mean"] == pytest.approx(figures["NDCG@1"])
    assert cell(comparison, "Markov", "coverage@1")["mean"] == pytest.approx(figures["coverage@1"])
    assert np.isnan(cell(comparison, "popular", "seconds to fit")["mean"])
    assert comparison._lower == [False] * 4 + [True]


def test_several_targets_a_sequence_give_one_figure_a_sequence():
    target = Sequences.from_lists([["milk", "cake"], ["cake"]])
    comparison = ModelComparison.of(make_recommenders(), [["tea"], ["milk"]], target, k=2)
    assert cell(comparison, "Markov", "HR@2")["n"] == 2


def test_recommenders_that_are_not_fitted_are_refused_before_work():
    with pytest.raises(NotFittedError):
        ModelComparison.of({"a": MarkovRecommender()}, [["tea"]], ["milk"])
    with pytest.raises(TypeError, match="dict of names"):
        ModelComparison.of([MarkovRecommender()], [["tea"]], ["milk"])
    with pytest.raises(ValueError, match="seconds name"):
        ModelComparison.of(make_recommenders(), [["tea"]], ["milk"], seconds={"LSTM": 1.0})


def test_nobody_to_judge_gives_no_figures():
    comparison = ModelComparison.of(
        make_recommenders(), Sequences.from_lists([["tea"]])[[]], np.array([], dtype=object)
    )
    assert comparison.frame["mean"].isna().all()


def test_thirty_models_are_compared_in_a_moment():
    rng = np.random.default_rng(0)
    results = {f"model {i}": {"hit": rng.random(1000), "gain": rng.random(1000)} for i in range(30)}
    assert len(ModelComparison(results).frame) == 60


def test_what_the_page_says_of_the_metrics_changes_no_judgement():
    comparison = ModelComparison(
        {"a": {"hit": 0.5, "seconds": 9}, "b": {"hit": 0.4, "seconds": 1}}, lower_is_better=["seconds"]
    )
    comparison.set_state({"_lower": []})
    comparison.x = "hit"
    comparison.x = "seconds"
    assert comparison.undominated == ["a", "b"]
