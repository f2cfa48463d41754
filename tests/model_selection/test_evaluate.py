"""Figures of a recommender are those of its ranks and lists."""

import numpy as np
import pytest

from seqrec.data.sequences import Sequences
from seqrec.metrics import bootstrap_interval, coverage, hit_rate, mrr, ndcg
from seqrec.model_selection import evaluate, leave_last_out
from seqrec.recommend.baselines import MarkovRecommender, PopularityRecommender


def test_evaluate_agrees_with_rank_and_recommend():
    rng = np.random.default_rng(0)
    X = Sequences.from_lists([rng.integers(0, 30, size=6).tolist() for _ in range(40)])
    history, target = leave_last_out(X)
    model = MarkovRecommender().fit(history)
    ranks = model.rank(history, target)
    metrics = {"HR": hit_rate, "NDCG": ndcg, "MRR": mrr}
    expected = {f"{name}@5": metric(ranks, 5).mean() for name, metric in metrics.items()}
    expected |= {"coverage@5": coverage(model.recommend(history, k=5)[0], len(model.vocabulary_)), "n": 40}
    assert evaluate(model, history, target, k=5) == pytest.approx(expected)


def test_evaluate_takes_several_targets():
    model = PopularityRecommender().fit([["a", "b", "c"], ["a", "b"], ["a"]])
    figures = evaluate(model, [["c"]], Sequences.from_lists([["a", "c", "z"]]), k=2)
    assert (figures["HR@2"], figures["recall@2"]) == pytest.approx((1, 1 / 3))


def test_evaluate_takes_several_recommenders_and_tells_intervals():
    history, target = leave_last_out([["a", "b", "c"], ["b", "c", "a"], ["a", "b"], ["c", "a", "b"]] * 5)
    models = {"popular": PopularityRecommender().fit(history), "Markov": MarkovRecommender().fit(history)}
    frame = evaluate(models, history, target, k=2, exclude_seen=False)
    for name, model in models.items():
        alone = evaluate(model, history, target, k=2, exclude_seen=False)
        means = frame[frame["model"] == name].set_index("metric")["mean"].to_dict()
        assert means | {"n": len(history)} == pytest.approx(alone)
    markov = frame[(frame["model"] == "Markov") & (frame["metric"] == "NDCG@2")].iloc[0]
    ranks = models["Markov"].rank(history, target, exclude_seen=False)
    assert tuple(markov[["mean", "low", "high"]]) == tuple(bootstrap_interval(ndcg(ranks, 2), random_state=0))
    assert markov["n"] == len(history)
    assert frame[frame["metric"] == "coverage@2"]["low"].isna().all()


def test_evaluate_of_nothing_is_an_error():
    model = PopularityRecommender().fit([["a", "b", "a"]])
    with pytest.raises(ValueError, match="no sequence to judge"):
        evaluate(model, [], [])
