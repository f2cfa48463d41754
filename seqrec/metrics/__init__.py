"""Figures that judge recommenders, detectors and forecasts: arrays in, numbers out."""

from seqrec.metrics.detection import best_f1, card_precision, detection_report, tpr_at_fpr
from seqrec.metrics.forecasting import (
    crps_from_quantiles,
    interval_coverage,
    mase,
    msis,
    owa,
    pinball_loss,
    seasonal_scale,
    smape,
)
from seqrec.metrics.intervals import Interval, bootstrap_difference, bootstrap_interval
from seqrec.metrics.ranking import average_rank, check_scores, coverage, hit_rate, mrr, ndcg, recall

__all__ = [
    "Interval",
    "average_rank",
    "best_f1",
    "bootstrap_difference",
    "bootstrap_interval",
    "card_precision",
    "check_scores",
    "coverage",
    "crps_from_quantiles",
    "detection_report",
    "hit_rate",
    "interval_coverage",
    "mase",
    "mrr",
    "msis",
    "ndcg",
    "owa",
    "pinball_loss",
    "recall",
    "seasonal_scale",
    "smape",
    "tpr_at_fpr",
]
