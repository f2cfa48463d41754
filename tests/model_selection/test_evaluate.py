"""Figures of a recommender are those of its ranks and lists."""

import numpy as np
import pytest

from seqrec.data.sequences import Sequences
from seqrec.metrics import coverage, mrr, ndcg, recall
from seqrec.model_selection import evaluate, leave_last_out
from seqrec.recommend.baselines import MarkovRecommender, PopularityRecommender


def test_evaluate_agrees_with_rank_and_recommend():
    rng = np.random.default_rng(0)
    X = Sequences.from_lists([rng.integers(0, 30, size=6).tolist() for _ in range(40)])
    history, target = leave_last_out(X)
    model = MarkovRecommender().fit(history)
    ranks = model.rank(history, target)
    expected = {f"{metric.__name__}@5": metric(ranks, 5).mean() for metric in (recall, ndcg, mrr)}
    expected |= {"coverage@5": coverage(model.recommend(history, k=5)[0], len(model.vocabulary_)), "n": 40}
    assert evaluate(model, history, target, k=5) == pytest.approx(expected)


def test_evaluate_takes_several_targets():
    model = PopularityRecommender().fit([["a", "b", "c"], ["a", "b"], ["a"]])
    figures = evaluate(model, [["c"]], Sequences.from_lists([["a", "c", "z"]]), k=2)
    assert figures["recall@2"] == pytest.approx(1 / 3)


def test_evaluate_of_nothing_is_an_error():
    model = PopularityRecommender().fit([["a", "b", "a"]])
    with pytest.raises(ValueError, match="no sequence to judge"):
        evaluate(model, [], [])
