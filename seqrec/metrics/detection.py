"""Do anomalies stand out? Labels and scores in, numbers out."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn import metrics

from seqrec._checks import check_integer, show
from seqrec.data.alignment import check_beside
from seqrec.exceptions import InputError

__all__ = ["best_f1", "card_precision", "detection_report", "tpr_at_fpr"]


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
    check_beside(is_anomaly=is_anomaly, oddness=oddness, weights=weights)
    if not 0 <= rate <= 1:
        raise InputError(f"rate must lie in [0, 1], got {rate!r}")
    false, true, _ = metrics.roc_curve(check_flags(is_anomaly), oddness, sample_weight=weights, drop_intermediate=False)
    return float(true[false <= rate * (1 + 1e-9)].max())  # sums of weights are rounded


def best_f1(is_anomaly: ArrayLike, oddness: ArrayLike, weights: ArrayLike | None = None) -> float:
    """F1 at the best of all thresholds: an oracle's, since the labels choose it (parameters as in `tpr_at_fpr`)."""
    check_beside(is_anomaly=is_anomaly, oddness=oddness, weights=weights)
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
    check_beside(is_anomaly=is_anomaly, oddness=oddness, flagged=flagged, weights=weights)
    is_anomaly, oddness = check_flags(is_anomaly), np.asarray(oddness)
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
    check_beside(day=day, card=card, oddness=oddness, is_fraud=is_fraud)
    columns = {"day": day, "card": card, "oddness": oddness, "fraud": check_flags(is_fraud, "is_fraud", n_kinds=1)}
    events = pd.DataFrame({name: np.asarray(values) for name, values in columns.items()})
    if events.isna().any(axis=None):
        raise InputError("day, card and oddness must have no missing values")
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
        raise InputError(f"{name} must be a 1-D array of bool, at least {n_kinds} kinds of it, got {show(values)}")
    return values.astype(np.bool_)
