"""Where in the catalogue did the next item stand, and do anomalies stand out? Arrays in, numbers out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn import metrics
from sklearn.utils import check_random_state

from seqrec._checks import check_integer, show

__all__ = [
    "Interval",
    "average_rank",
    "best_f1",
    "bootstrap_difference",
    "bootstrap_interval",
    "card_precision",
    "check_scores",
    "coverage",
    "detection_report",
    "hit_rate",
    "mrr",
    "ndcg",
    "recall",
    "tpr_at_fpr",
]


def check_scores(scores: NDArray) -> None:
    """Refuse scores that cannot rank anything.

    Parameters
    ----------
    scores : (n, n_items) floating array
        Higher is better; -inf marks an excluded item.

    Raises
    ------
    ValueError
        If a score is NaN or +inf, or if a row has more than one score that is not excluded, and all are
        equal.
    """
    best = check_finite(scores)
    # Few rows have two best items, so the exact comparison looks at those only.
    suspects = np.flatnonzero(np.count_nonzero(scores == best[:, None], axis=1) > 1)
    rows, best = scores[suspects], best[suspects]
    constant = ((rows == best[:, None]) | np.isneginf(rows)).all(axis=1) & ~np.isneginf(best)
    if constant.any():
        raise ValueError(
            f"all scores of {constant.sum():,} sequences are equal, so a rank would mean nothing: "
            "the model has collapsed, or its training data hold no pattern."
        )


def check_finite(scores: NDArray) -> NDArray:
    """Return the best score of each row, refusing NaN and +inf."""
    best = scores.max(axis=1, initial=-np.inf)  # NaN goes through max, so one pass finds it
    broken = np.isnan(best) | np.isposinf(best)
    if broken.any():
        raise ValueError(
            f"the scores of {broken.sum():,} sequences hold NaN or +inf: the model has diverged. "
            "Fit it again with a lower learning rate."
        )
    return best


def average_rank(scores: NDArray, target: ArrayLike) -> NDArray[np.float64]:
    """Rank of each sequence's target in the whole catalogue; items that tie share the mean of their ranks.

    Counting ties for or against the target moves the hit rate of a first-order Markov chain on MovieLens-1M
    from .20 to .24, so neither is done.

    Parameters
    ----------
    scores : (n, n_items) floating array
        Higher is better. -inf marks an excluded item.
    target : (n,) integer
        Column of the item that came next, -1 if the catalogue lacks it.

    Returns
    -------
    ranks : (n,) float64
        1 is best; inf where the target is excluded or not in the catalogue.

    Raises
    ------
    ValueError
        If scores hold NaN or +inf, or a row of equal scores (see `check_scores`).

    Examples
    --------
    >>> average_rank(np.array([[0.1, 0.7, 0.2], [0.5, 0.5, 0.1]]), [1, 0]).tolist()
    [1.0, 1.5]
    """
    scores, target = np.asarray(scores), np.asarray(target)
    if scores.ndim != 2 or target.shape != scores.shape[:1]:
        raise ValueError(f"expected scores (n, n_items) and target (n,), got shapes {scores.shape} and {target.shape}")
    check_scores(scores)
    return tied_rank(scores, target)


def tied_rank(scores: NDArray, target: NDArray) -> NDArray[np.float64]:
    """`average_rank` of scores that were checked before items were excluded from them."""
    own = scores[np.arange(len(scores)), target]  # column -1 is read where the item is unknown, and overwritten below
    before = np.count_nonzero(scores > own[:, None], axis=1)
    ties = np.count_nonzero(scores == own[:, None], axis=1)
    ranked = (target >= 0) & ~np.isneginf(own)
    return np.where(ranked, before + (ties + 1) / 2, np.inf)


def recall(ranks: ArrayLike, k: int = 10, indptr: ArrayLike | None = None) -> NDArray[np.float64]:
    """Share of a sequence's targets that stand in its top k; with one target a sequence this is the hit rate.

    Parameters
    ----------
    ranks : (n_targets,) floating array
        Ranks of the targets from `average_rank`, 1 is best.
    k : int
        Length of the list.
    indptr : (n + 1,) integer, optional
        Sequence i has the targets ``ranks[indptr[i]:indptr[i + 1]]``. Without it each sequence has one
        target.

    Returns
    -------
    values : (n,) float64, in [0, 1]

    Examples
    --------
    >>> recall([1, 4, 12], k=10).tolist()
    [1.0, 1.0, 0.0]
    >>> recall([1, 4, 12], k=10, indptr=[0, 1, 3]).tolist()
    [1.0, 0.5]
    """
    ranks, indptr = _ranks_and_indptr(ranks, k, indptr)
    return _sums(ranks <= k, indptr) / np.diff(indptr)


def hit_rate(ranks: ArrayLike, k: int = 10, indptr: ArrayLike | None = None) -> NDArray[np.float64]:
    """1 where at least one target of a sequence stands in its top k, else 0 (parameters as in `recall`)."""
    ranks, indptr = _ranks_and_indptr(ranks, k, indptr)
    return (_sums(ranks <= k, indptr) > 0).astype(np.float64)


def ndcg(ranks: ArrayLike, k: int = 10, indptr: ArrayLike | None = None) -> NDArray[np.float64]:
    r"""Normalised discounted cumulative gain: a target at rank r <= k gains ``1 / log2(1 + r)``.

    Parameters are those of `recall`. The sum is divided by that of the best possible list,
    :math:`\sum_{r=1}^{\min(k, m)} 1 / \log_2(1 + r)` for m targets, which is 1 for one target.

    References
    ----------
    Järvelin and Kekäläinen (2002), Cumulated gain-based evaluation of IR techniques, TOIS 20(4), with binary
    gains and the discount log2(1 + r) that recommendation papers use.

    Examples
    --------
    >>> ndcg([1, 3, 11], k=10).tolist()
    [1.0, 0.5, 0.0]
    """
    ranks, indptr = _ranks_and_indptr(ranks, k, indptr)
    gains = np.where(ranks <= k, 1 / np.log2(1 + ranks), 0)
    ideal = np.cumsum(1 / np.log2(1 + np.arange(1, k + 1)))
    return _sums(gains, indptr) / ideal[np.minimum(np.diff(indptr), k) - 1]


def mrr(ranks: ArrayLike, k: int = 10, indptr: ArrayLike | None = None) -> NDArray[np.float64]:
    """Reciprocal rank of a sequence's best target, 0 outside the top k (parameters as in `recall`).

    Examples
    --------
    >>> mrr([1, 4, 12], k=10).tolist()
    [1.0, 0.25, 0.0]
    """
    ranks, indptr = _ranks_and_indptr(ranks, k, indptr)
    best = np.minimum.reduceat(ranks, indptr[:-1]) if len(indptr) > 1 else ranks
    return np.where(best <= k, 1 / best, 0)


def coverage(items: ArrayLike, n_items: int) -> float:
    """Share of the catalogue that is recommended to somebody.

    Parameters
    ----------
    items : (n, k) array of item ids
        What `recommend` gives; None fills short rows and counts for nothing.
    n_items : int
        Size of the catalogue.

    Examples
    --------
    >>> coverage([["tea", "milk"], ["tea", None]], n_items=4)
    0.5
    """
    check_integer(n_items, "n_items")
    return len(set(np.asarray(items).ravel().tolist()) - {None}) / n_items


class Interval(NamedTuple):
    """An estimate between the ends of its confidence interval."""

    estimate: float
    low: float
    high: float


def bootstrap_interval(
    values: ArrayLike,
    *,
    level: float = 0.95,
    n_resamples: int = 2000,
    random_state: int | np.random.RandomState | None = None,
) -> Interval:
    """Mean of one number per sequence, with its percentile bootstrap interval.

    Parameters
    ----------
    values : (n,) floating array
        One number per sequence, as `ndcg` and its like give.
    level : float
        Probability that the interval aims to hold.
    n_resamples : int
        How often the sequences are drawn again, with replacement.
    random_state : int, RandomState or None
        Seeds the draws.

    References
    ----------
    Efron and Tibshirani (1993), An Introduction to the Bootstrap, section 13.3.

    Examples
    --------
    >>> estimate, low, high = bootstrap_interval([0, 0, 1, 1], random_state=0)
    >>> estimate, low <= estimate <= high
    (0.5, True)
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"expected a finite number for each of n >= 1 sequences, got an array {values.shape}")
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level!r}")
    check_integer(n_resamples, "n_resamples")
    low, high = np.quantile(_resampled_means(values, n_resamples, random_state), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(values.mean()), float(low), float(high))


def bootstrap_difference(
    values_a: ArrayLike,
    values_b: ArrayLike,
    *,
    level: float = 0.95,
    n_resamples: int = 2000,
    random_state: int | np.random.RandomState | None = None,
) -> Interval:
    """Mean of ``values_a - values_b`` on the same sequences, with its interval: a is better where `low` > 0.

    The pairs are kept together, so what makes a sequence easy or hard for both models cancels out.
    Parameters are those of `bootstrap_interval`.
    """
    values_a, values_b = np.asarray(values_a, dtype=np.float64), np.asarray(values_b, dtype=np.float64)
    if values_a.shape != values_b.shape:
        raise ValueError(
            f"the two models were judged on {len(values_a)} and {len(values_b)} sequences, not on the same"
        )
    return bootstrap_interval(values_a - values_b, level=level, n_resamples=n_resamples, random_state=random_state)


def tpr_at_fpr(is_anomaly: ArrayLike, oddness: ArrayLike, rate: float, weights: ArrayLike | None = None) -> float:
    """Highest share of the anomalies that can be flagged while at most `rate` of the normal sequences is.

    Parameters
    ----------
    is_anomaly : (n,) bool
        At least one of each kind.
    oddness : (n,) floating array
        Higher is odder: ``-score_samples``. What ties is flagged together.
    rate : float, in [0, 1]
    weights : (n,) floating array, optional
        How many sequences each one stands for.

    Examples
    --------
    >>> tpr_at_fpr([False, False, True, True], [0.1, 0.6, 0.5, 0.9], rate=0.01)
    0.5
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"rate must lie in [0, 1], got {rate!r}")
    false, true, _ = metrics.roc_curve(check_flags(is_anomaly), oddness, sample_weight=weights, drop_intermediate=False)
    return float(true[false <= rate * (1 + 1e-9)].max())  # sums of weights are rounded


def best_f1(is_anomaly: ArrayLike, oddness: ArrayLike, weights: ArrayLike | None = None) -> float:
    """F1 at the best of all thresholds: an oracle's, since the labels choose it (parameters as in `tpr_at_fpr`)."""
    precision, found, _ = metrics.precision_recall_curve(check_flags(is_anomaly), oddness, sample_weight=weights)
    return float((2 * precision * found / np.maximum(precision + found, np.finfo(np.float64).tiny)).max())


def detection_report(
    is_anomaly: ArrayLike, oddness: ArrayLike, flagged: ArrayLike | None = None, weights: ArrayLike | None = None
) -> dict[str, float]:
    """Figures that judge a detector together; AUROC alone misleads where anomalies are rare.

    Parameters are those of `tpr_at_fpr`. With `flagged`, (n,) bool, which holds what a threshold without labels flags,
    there are "F1", "precision", "recall" and "FPR" too.

    Examples
    --------
    >>> report = detection_report([False, False, True, True], [0.1, 0.6, 0.5, 0.9], flagged=[False, False, False, True])
    >>> report["AUROC"], report["oracle F1"], report["precision"], report["recall"]
    (0.75, 0.8, 1.0, 0.5)
    """
    is_anomaly = check_flags(is_anomaly)
    weights = np.ones(len(is_anomaly)) if weights is None else np.asarray(weights, dtype=np.float64)
    report = {
        "AUROC": metrics.roc_auc_score(is_anomaly, oddness, sample_weight=weights),
        "average precision": metrics.average_precision_score(is_anomaly, oddness, sample_weight=weights),
        "prevalence": weights[is_anomaly].sum() / weights.sum(),
        **{f"TPR at {100 * r:g} % FPR": tpr_at_fpr(is_anomaly, oddness, r, weights) for r in (0.001, 0.005, 0.01)},
        "oracle F1": best_f1(is_anomaly, oddness, weights),
    }
    if flagged is not None:
        flagged, options = check_flags(flagged, "flagged", n_kinds=1), {"sample_weight": weights, "zero_division": 0.0}
        scores = metrics.precision_recall_fscore_support(is_anomaly, flagged, average="binary", **options)
        report |= dict(zip(("precision", "recall", "F1"), scores, strict=False))
        report["FPR"] = weights[flagged & ~is_anomaly].sum() / weights[~is_anomaly].sum()
    return {name: float(value) for name, value in report.items()}


def card_precision(day: ArrayLike, card: ArrayLike, oddness: ArrayLike, is_fraud: ArrayLike, k: int = 100) -> float:
    """Mean over the days of the share of compromised cards among a day's k oddest.

    A card is as odd as its oddest transaction that day; of cards that tie, the lower id comes first. A compromised card
    that was among the k is blocked, and takes no place later: Le Borgne et al. (2022), Reproducible Machine Learning
    for Credit Card Fraud Detection, chapter 4.4.

    Parameters
    ----------
    day, card, oddness, is_fraud : (n,) arrays
        Of each transaction: its day, any type that sorts; its card; its score, higher is odder; whether it is a fraud,
        and so its card compromised that day.
    k : int
        Cards that can be looked into in a day. With fewer cards, the places that stay empty count as misses.

    Examples
    --------
    >>> card_precision([1, 1, 2, 2], ["a", "b", "a", "b"], [0.9, 0.1, 0.9, 0.1], [True, False, True, False], k=1)
    0.5
    """
    check_integer(k, "k")
    columns = {"day": day, "card": card, "oddness": oddness, "fraud": check_flags(is_fraud, "is_fraud", n_kinds=1)}
    events = pd.DataFrame({name: np.asarray(values) for name, values in columns.items()})
    if events.isna().any(axis=None):
        raise ValueError("day, card and oddness must have no missing values")
    cards = events.groupby(["day", "card"], as_index=False).max()
    blocked, n_found = set[object](), []
    for _, today in cards.sort_values("oddness", ascending=False, kind="stable").groupby("day"):
        top = today[~today["card"].isin(blocked)].head(k)
        blocked.update(top.loc[top["fraud"], "card"])
        n_found.append(top["fraud"].sum())
    return float(np.mean(n_found) / k)


def check_flags(values: ArrayLike, name: str = "is_anomaly", n_kinds: int = 2) -> NDArray[np.bool_]:
    """Return labels as bool, refusing -1 and +1, and labels that are all alike where two kinds are needed."""
    values = np.asarray(values)
    if values.ndim != 1 or not np.isin(values, (0, 1)).all() or len(np.unique(values)) < n_kinds:
        raise ValueError(f"{name} must be a 1-D array of bool, at least {n_kinds} kinds of it, got {show(values)}")
    return values.astype(np.bool_)


def _resampled_means(values: NDArray, n_resamples: int, random_state: int | np.random.RandomState | None) -> NDArray:
    rng = check_random_state(random_state)
    rows = max(1, 2**21 // len(values))  # a few resamples at a time: 16 MB of indices, whatever n is
    sizes = [min(rows, n_resamples - start) for start in range(0, n_resamples, rows)]
    draws = (rng.randint(len(values), size=(size, len(values))) for size in sizes)
    return np.concatenate([values[draw].mean(axis=1) for draw in draws])


def _ranks_and_indptr(ranks: ArrayLike, k: int, indptr: ArrayLike | None) -> tuple[NDArray, NDArray]:
    check_integer(k, "k")
    ranks = np.asarray(ranks, dtype=np.float64)
    if ranks.ndim != 1 or not (ranks >= 1).all():
        raise ValueError(f"ranks must be a 1-D array of numbers from 1 on, got {ranks!r}")
    indptr = np.arange(len(ranks) + 1) if indptr is None else np.asarray(indptr)
    if indptr[0] != 0 or indptr[-1] != len(ranks) or (np.diff(indptr) < 1).any():
        raise ValueError("indptr must rise from 0 to len(ranks), and every sequence needs at least one target")
    return ranks, indptr


def _sums(values: NDArray, indptr: NDArray) -> NDArray[np.float64]:
    """Sum of the values of each sequence."""
    return np.diff(np.concatenate([[0.0], np.cumsum(values)])[indptr])
