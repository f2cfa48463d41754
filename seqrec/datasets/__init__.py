"""Logs made from known formulae, for examples, tests and the demo: what generated them is what there is to learn."""

from seqrec.datasets.bank import make_fraud_log
from seqrec.datasets.films import make_films
from seqrec.datasets.frames import make_frames
from seqrec.datasets.music import make_melodies
from seqrec.datasets.series import make_series
from seqrec.datasets.shop import make_shop_log
from seqrec.datasets.streaming import make_catalogue, make_interactions
from seqrec.datasets.text import make_text

__all__ = [
    "make_catalogue",
    "make_films",
    "make_frames",
    "make_fraud_log",
    "make_interactions",
    "make_melodies",
    "make_series",
    "make_shop_log",
    "make_text",
]
