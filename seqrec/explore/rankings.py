"""One recommender beside others: what it recommends after a history, and how that moved."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED, UNKNOWN, Vocabulary
from seqrec.explore.catalogue import Catalogue
from seqrec.explore.front_end import label
from seqrec.recommend.base import RecommenderMixin


class Side:
    """A recommender with its scores of all items after one history, and all that is shown of them.

    Parameters
    ----------
    recommender : fitted recommender
    items : DataFrame, Series or mapping, optional
        Titles and attributes, as in `Catalogue`.
    first : Vocabulary
        The catalogue whose positions the page uses.
    exclude_seen : bool

    Attributes
    ----------
    catalogue : Catalogue
        Of the recommender's own items.
    to_first, from_first : integer arrays
        Positions in `first` of the recommender's own columns, and the reverse; -1 where the other lacks the item.
    cold : str
        Why the recommendations are only popular, where the history that was scored last holds no item that is known.
    """

    def __init__(self, recommender: RecommenderMixin, items: Any, first: Vocabulary, exclude_seen: bool) -> None:
        own = recommender.vocabulary_
        self.recommender, self.catalogue, self.exclude_seen = recommender, Catalogue(own, items), exclude_seen
        self.to_first = own.translation(first)[N_RESERVED:].astype(np.intp) - N_RESERVED
        self.from_first = first.translation(own)[N_RESERVED:].astype(np.intp) - N_RESERVED
        self.has_probabilities = hasattr(recommender, "predict_proba")

    def score(self, X: Sequences, is_first: bool) -> None:
        """Score all items after the only history of X; later recommendations are compared with the first."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the page itself says which items are unknown
            ((_, scores),) = self.recommender.score_items(X, self.exclude_seen, log_proba=True)
        why = "No item of this history is known" if X.n_events else "The history is empty"
        self.cold = f"{why}, so these are simply popular." if self.recommender.is_cold(X)[0] else ""
        self._scores, self._ranks = np.exp(scores[0]) if self.has_probabilities else scores[0], _ranks(scores[0])
        if is_first:
            self._before = self._ranks

    def best(self, k: int) -> NDArray[np.intp]:
        """Give the columns of the best k items, fewer if fewer are left."""
        columns = _among(self._ranks, k)
        return columns[np.argsort(self._ranks[columns])]

    def frame(self, k: int) -> pd.DataFrame:
        """Give `rank`, `item`, `title`, `score` and `moved` of the best k items."""
        columns = self.best(k)
        ranks, before = self._ranks[columns], self._before[columns]
        moved = np.where((before >= 1) & (before <= k), before - ranks, np.nan)
        items, titles = self.catalogue.ids[columns], [self.catalogue.labels[column] for column in columns]
        scores = self._scores[columns]
        return pd.DataFrame({"rank": ranks, "item": items, "title": titles, "score": scores, "moved": moved})

    def describe(self, k: int, taken: Sequence[Any] = ()) -> dict[str, Any]:
        """Give what the page shows: the best k items, those that were among them before the edits, and the truth.

        `taken` are the items that came next in truth.
        """
        best, gone = self.best(k), np.setdiff1d(_among(self._before, k), _among(self._ranks, k))
        lowest = min(0.0, self._scores[best].min(initial=0))
        span = max(self._scores[best].max(initial=0) - lowest, 1e-30)
        hits = self.catalogue.ids[best]
        return {
            "rows": [
                self.row(column)
                | {
                    "moved": self._moved(column, k),
                    "taken": item in taken,
                    "share": float((self._scores[column] - lowest) / span),
                }
                for column, item in zip(best, hits.tolist(), strict=True)
            ],
            "gone": [self.catalogue.labels[column] for column in gone],
            "cold": self.cold,
            "probable": self.has_probabilities,
            "truth": [self._truth(item) for item in taken],
        }

    def _truth(self, item: Any) -> list[str]:
        """Name an item that came next in truth, and say where it stands here."""
        code = self.recommender.vocabulary_.encode([item])[0]
        if code == UNKNOWN:
            return [label(item), "is not in the catalogue"]
        column = int(code) - N_RESERVED
        place = f"in place {self._standing(column)}" if self._ranks[column] else "in the history already"
        return [self.catalogue.labels[column], place]

    def _standing(self, column: int) -> str:
        """Give an item's place, which it shares with others of the same score: =3."""
        score = self._scores[column]
        same = (self._scores == score) & (self._ranks > 0)
        return f"{'=' if np.count_nonzero(same) > 1 else ''}{self._ranks[same].min():,}"

    def row(self, column: int) -> dict[str, Any]:
        """Give what the page shows of an item, whether it is recommended or not."""
        rank, score = self._ranks[column], self._scores[column]
        score = percentage(score) if self.has_probabilities else digits(score)
        standing = self._standing(column) if rank else ""
        place = f"It would come in place {standing}, with {score}. " if rank else "It is in the history already. "
        return {
            "item": int(self.to_first[column]),
            "title": self.catalogue.labels[column],
            "details": self.catalogue.details(column),
            "score": score,
            "place": place,
            "standing": standing,
        }

    def _moved(self, column: int, k: int) -> str:
        """Say how an item moved, against the time before the edits; nothing if it did not."""
        before, rank = self._before[column], self._ranks[column]
        if not 1 <= before <= k:
            return f"★ new, was no. {before:,}" if before else "★ new"
        return f"▲ up {before - rank}" if before > rank else f"▼ down {rank - before}" if before < rank else ""


def _ranks(scores: NDArray) -> NDArray[np.int64]:
    """Give the place of each item, from 1, where equal scores keep the order of the columns; 0 if it is excluded."""
    return np.where(np.isneginf(scores), 0, rankdata(-scores, method="ordinal"))


def _among(ranks: NDArray[np.int64], k: int) -> NDArray[np.intp]:
    """Give the columns of the k best."""
    return np.flatnonzero((ranks >= 1) & (ranks <= k))


def percentage(probability: float) -> str:
    """Write a probability in per cent, with three digits."""
    return f"{digits(100 * probability)} %" if probability >= 1e-5 else "<0.001 %"


def digits(value: float) -> str:
    """Write a number with at least three digits, like others beside it."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}"
