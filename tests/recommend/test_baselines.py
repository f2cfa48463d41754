"""Baselines count what their formulae say."""

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqrec.data.sequences import Sequences
from seqrec.metrics import ndcg, recall
from seqrec.model_selection import leave_last_out
from seqrec.persistence import load, save
from seqrec.recommend.baselines import MarkovRecommender, PopularityRecommender, SequentialRulesRecommender

RNG = np.random.default_rng(0)
HISTORIES = [RNG.integers(0, 6, size=length).tolist() for length in (5, 3, 9, 2, 6, 7)]


def scores_of(model, history):
    """Scores by item, over the whole catalogue."""
    items, scores = model.recommend([history], k=len(model.vocabulary_), exclude_seen=False)
    return dict(zip(items[0].tolist(), scores[0].tolist(), strict=True))


def test_popularity_counts_events():
    counts = pd.Series(np.concatenate(HISTORIES)).value_counts().to_dict()
    assert scores_of(PopularityRecommender().fit(HISTORIES), [0]) == counts


def test_popularity_can_be_that_of_another_recommenders_training_data():
    popular = PopularityRecommender.of(MarkovRecommender().fit(HISTORIES))
    assert scores_of(popular, [0]) == scores_of(PopularityRecommender().fit(HISTORIES), [0])
    assert popular.training_data_.n_sequences == len(HISTORIES)


def test_popularity_of_the_last_days_counts_those_only():
    log = pd.DataFrame({"user_id": 1, "item_id": ["a", "a", "a", "b", "b", "c"]})
    log["timestamp"] = pd.to_datetime("2026-01-01") + pd.to_timedelta([0, 1, 2, 8, 9, 10], unit="D")
    model = PopularityRecommender(last_days=2).fit(Sequences.from_frame(log))
    assert scores_of(model, ["a"]) == {"b": 1, "c": 1, "a": 0}


def test_popularity_of_the_last_days_needs_times():
    with pytest.raises(ValueError, match="timestamps"):
        PopularityRecommender(last_days=7).fit(HISTORIES)


def test_markov_gives_the_share_of_each_follower():
    model = MarkovRecommender().fit(HISTORIES)
    pairs = [pair for history in HISTORIES for pair in pairwise(history)]
    followers = [then for first, then in pairs if first == 3]
    assert len(set(followers)) > 1
    expected = {item: followers.count(item) / len(followers) for item in model.vocabulary_.items.tolist()}
    assert scores_of(model, [1, 2, 3]) == pytest.approx(expected)


def test_markov_looks_at_the_last_item_that_it_knows():
    model = MarkovRecommender().fit(HISTORIES)
    assert scores_of(model, [1, 2, 3, 1, 3, 1_000]) == scores_of(model, [3])


def test_a_last_item_without_followers_gets_popularity():
    model = MarkovRecommender().fit([["a", "b"], ["a", "c"], ["a", "c"]])
    assert scores_of(model, ["c"]) == pytest.approx({"a": 3 / 6, "c": 2 / 6, "b": 1 / 6})


def rules_oracle(history, window, exponent):
    """The formula of the docstring, one pair of events at a time."""
    counts = pd.Series(np.concatenate(HISTORIES)).value_counts()
    scores = dict.fromkeys(counts.index.tolist(), 0.0)
    for steps, item in enumerate(history[: -window - 1 : -1], start=1):
        for sequence in HISTORIES:
            for place, first in enumerate(sequence):
                for distance, then in enumerate(sequence[place + 1 : place + 1 + window], start=1):
                    scores[then] += (first == item) / distance / steps / (counts[then] + 1) ** exponent
    return scores


@pytest.mark.parametrize(("window", "exponent"), [(10, 0.5), (2, 0.0), (1, 1.0)])
def test_rules_agree_with_the_formula(window, exponent):
    model = SequentialRulesRecommender(window, exponent).fit(HISTORIES)
    history = [5, 1, 3, 2, 3]
    assert scores_of(model, history) == pytest.approx(rules_oracle(history, window, exponent))


def test_unknown_events_of_a_training_log_are_nobodys_followers():
    X = Sequences.from_lists([["a", "x", "b"], ["a", "b"]])
    known = Sequences.from_lists([["a", "b"]]).vocabulary
    model = MarkovRecommender().fit(X.recode(known))
    assert model.vocabulary_.items.tolist() == ["a", "b"]
    assert model.transitions_.toarray().tolist() == [[0, 1], [0, 0]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "hit_rate_10", "ndcg_10"),
    [
        (PopularityRecommender(), 0.0369, 0.0180),
        (MarkovRecommender(), 0.2073, 0.1224),
        (SequentialRulesRecommender(), 0.2631, 0.1522),
    ],
    ids=["popularity", "Markov", "rules"],
)
def test_baselines_reproduce_their_figures_on_movielens(model, hit_rate_10, ndcg_10):
    path = Path(os.environ.get("SEQREC_DATA", "")) / "ml-1m" / "events.parquet"
    if "SEQREC_DATA" not in os.environ or not path.exists():
        pytest.skip("needs MovieLens-1M (grouplens.org/datasets/movielens/1m): set SEQREC_DATA to the data folder")
    X = Sequences.from_frame(pd.read_parquet(path, columns=["user_id", "item_id"]), timestamp=None)
    history, target = leave_last_out(X)
    train, _ = leave_last_out(history)
    ranks = model.fit(train).rank(history, target)
    assert recall(ranks).mean() == pytest.approx(hit_rate_10, abs=5e-5)
    assert ndcg(ranks).mean() == pytest.approx(ndcg_10, abs=5e-5)


ALL = [PopularityRecommender, MarkovRecommender, SequentialRulesRecommender]


@pytest.mark.parametrize("make", ALL)
def test_a_weight_counts_like_so_many_sequences_and_none_like_no_sequence(make):
    weights = np.array([2, 0, 1, 3, 0, 1])
    repeated = [history for history, weight in zip(HISTORIES, weights, strict=True) for _ in range(weight)]
    weighted, plain = make().fit(HISTORIES, sample_weight=weights), make().fit(repeated)
    assert weighted.vocabulary_ == plain.vocabulary_
    assert weighted.training_data_.n_sequences == 4
    for history in HISTORIES:
        assert scores_of(weighted, history) == pytest.approx(scores_of(plain, history), rel=1e-5)


@pytest.mark.parametrize("make", ALL)
def test_weights_may_be_small_and_a_weighted_model_can_be_saved(make, tmp_path):
    weighted, plain = make().fit(HISTORIES, sample_weight=np.full(6, 2**-6)), make().fit(HISTORIES)
    np.testing.assert_array_equal(weighted.item_counts_ * 2**6, plain.item_counts_)
    save(weighted, tmp_path / "weighted.seqrec")
    loaded = load(tmp_path / "weighted.seqrec")
    assert scores_of(loaded, [0]) == scores_of(weighted, [0])
    if make is MarkovRecommender:
        assert scores_of(weighted, [0]) == pytest.approx(scores_of(plain, [0]))
