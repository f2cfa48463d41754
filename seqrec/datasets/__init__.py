"""Logs made from known formulae, for examples, tests and the demo: what generated them is what there is to learn."""

from seqrec.datasets.bank import make_fraud_log
from seqrec.datasets.shop import make_shop_log
from seqrec.datasets.streaming import make_catalogue, make_interactions

__all__ = ["make_catalogue", "make_fraud_log", "make_interactions", "make_shop_log"]
