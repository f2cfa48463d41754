"""The figures of one recommender."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from seqrec.data.alignment import beside_sequences
from seqrec.data.inputs import as_sequences
from seqrec.exceptions import InputError
from seqrec.metrics import mrr, ndcg, recall
from seqrec.recommend.base import RecommenderMixin
from seqrec.recommend.top_k import Targets, target_ranks, top_k

__all__ = ["evaluate"]


def evaluate(
    recommender: RecommenderMixin,
    history: Any,
    target: Any,
    k: int = 10,
    exclude_seen: bool = True,
    at: ArrayLike | None = None,
) -> dict[str, float]:
    """Judge a fitted recommender over the whole catalogue.

    Parameters
    ----------
    recommender : RecommenderMixin
        Fitted on other data than `target`.
    history : Sequences, list of sequences or 2-D array, n sequences
    target : (n,) array-like of item ids, or Sequences of length n
        The next item of each, or several (see `TimeSplit`).
    k : int
        Length of the lists.
    exclude_seen : bool
        Leave out the items of the history. Say so beside the figure: it moves results by a tenth.
    at : datetime or (n,) array-like of datetimes, optional
        Time of the question, as in `recommend`.

    Returns
    -------
    figures : dict
        Means over the sequences of "recall@k" (the hit rate if there is one target), "ndcg@k" and "mrr@k";
        "coverage@k", the share of the catalogue that is recommended to somebody; and "n", how many sequences.
        For intervals, call `rank`, then `seqrec.metrics`.

    Examples
    --------
    >>> from seqrec.recommend.baselines import PopularityRecommender
    >>> recommender = PopularityRecommender().fit([["tea", "milk"], ["tea", "cake", "tea"]])
    >>> evaluate(recommender, [["cake"], ["milk"]], ["tea", "cake"], k=1)
    {'recall@1': 0.5, 'ndcg@1': 0.5, 'mrr@1': 0.5, 'coverage@1': 0.3333333333333333, 'n': 2}
    """
    target, X = beside_sequences(target, history, "target"), as_sequences(history)
    blocks = recommender.score_items(X, exclude_seen, at=at, must_differ=True)
    catalogue = recommender.vocabulary_
    targets = Targets.of(target, len(X), catalogue)
    ranks, recommended = [], np.zeros(len(catalogue), dtype=bool)
    for rows, scores in blocks:
        ranks.append(target_ranks(scores, targets, rows))
        columns, best = top_k(scores, min(k, len(catalogue)))
        recommended[columns[~np.isneginf(best)]] = True
    if not ranks:
        raise InputError("there is no sequence to judge: history is empty.")
    figures: dict[str, float] = {
        f"{metric.__name__}@{k}": float(metric(np.concatenate(ranks), k, targets.indptr).mean())
        for metric in (recall, ndcg, mrr)
    }
    return figures | {f"coverage@{k}": float(recommended.mean()), "n": len(X)}
