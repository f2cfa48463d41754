"""Figures that judge recommenders and detectors: arrays in, numbers out."""

from seqrec.metrics.detection import best_f1, card_precision, detection_report, tpr_at_fpr
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
    "detection_report",
    "hit_rate",
    "mrr",
    "ndcg",
    "recall",
    "tpr_at_fpr",
]
