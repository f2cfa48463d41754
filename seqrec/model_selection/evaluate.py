"""The figures of one recommender, or of several on the same questions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, overload

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from seqrec.data.alignment import beside_sequences
from seqrec.data.inputs import as_sequences
from seqrec.data.sequences import Sequences
from seqrec.exceptions import InputError
from seqrec.metrics import bootstrap_interval, hit_rate, mrr, ndcg, recall
from seqrec.recommend.base import RecommenderMixin
from seqrec.recommend.top_k import Targets, target_ranks, top_k

__all__ = ["evaluate"]


@overload
def evaluate(
    recommender: RecommenderMixin,
    history: Any,
    target: Any,
    k: int = ...,
    exclude_seen: bool = ...,
    at: ArrayLike | None = ...,
) -> dict[str, float]: ...
@overload
def evaluate(
    recommender: Mapping[str, RecommenderMixin],
    history: Any,
    target: Any,
    k: int = ...,
    exclude_seen: bool = ...,
    at: ArrayLike | None = ...,
) -> pd.DataFrame: ...
def evaluate(
    recommender: RecommenderMixin | Mapping[str, RecommenderMixin],
    history: Any,
    target: Any,
    k: int = 10,
    exclude_seen: bool = True,
    at: ArrayLike | None = None,
) -> dict[str, float] | pd.DataFrame:
    """Judge a fitted recommender over the whole catalogue, or several.

    Parameters
    ----------
    recommender : RecommenderMixin, or mapping of names to such
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
    figures : dict, or DataFrame of several recommenders
        Means over the sequences of "HR@k" (the hit rate, which is the recall if there is one target), "NDCG@k" and
        "MRR@k", and of "recall@k" where there are several targets; "coverage@k", the share of the catalogue that is
        recommended to somebody; and "n", how many sequences. The frame has a row a recommender and metric, as that of
        `ModelComparison`: `model`, `metric`, `mean`, the ends `low` and `high` of its 95 % bootstrap interval, and `n`.

    Examples
    --------
    >>> from seqrec.recommend.baselines import PopularityRecommender
    >>> recommender = PopularityRecommender().fit([["tea", "milk"], ["tea", "cake", "tea"]])
    >>> evaluate(recommender, [["cake"], ["milk"]], ["tea", "cake"], k=1)
    {'HR@1': 0.5, 'NDCG@1': 0.5, 'MRR@1': 0.5, 'coverage@1': 0.3333333333333333, 'n': 2}
    """
    if isinstance(recommender, Mapping):
        judged = {name: _figures(one, history, target, k, exclude_seen, at) for name, one in recommender.items()}
        rows = [_row(name, metric, values) for name, found in judged.items() for metric, values in found.items()]
        return pd.DataFrame(rows, columns=["model", "metric", "mean", "low", "high", "n"])
    found = _figures(recommender, history, target, k, exclude_seen, at)
    return {metric: float(np.mean(values)) for metric, values in found.items()} | {"n": len(found[f"NDCG@{k}"])}


def _figures(
    recommender: RecommenderMixin, history: Any, target: Any, k: int, exclude_seen: bool, at: Any
) -> dict[str, NDArray[np.float64]]:
    """Give each metric of each sequence, (n,), and the coverage, which is one of all, ()."""
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
    metrics = {"HR": hit_rate, "NDCG": ndcg, "MRR": mrr} | ({"recall": recall} if isinstance(target, Sequences) else {})
    of_each = {f"{name}@{k}": metric(np.concatenate(ranks), k, targets.indptr) for name, metric in metrics.items()}
    return of_each | {f"coverage@{k}": np.asarray(recommended.mean())}


def _row(model: str, metric: str, values: NDArray) -> tuple[Any, ...]:
    if not values.ndim:
        return model, metric, float(values), np.nan, np.nan, np.nan
    return model, metric, *bootstrap_interval(values, random_state=0), len(values)
