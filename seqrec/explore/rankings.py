"""One recommender beside others: what it recommends after a history, and how that moved."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED, Vocabulary
from seqrec.explore.catalogue import Catalogue
from seqrec.recommend.base import RecommenderMixin
from seqrec.recommend.top_k import top_k


class Side:
    """A recommender with its scores of all items after one history, and all that is shown of them.

    Parameters
    ----------
    recommender : fitted recommender
    catalogue : Catalogue
        Of its own items.
    first : Vocabulary
        The catalogue whose positions the page uses.
    exclude_seen : bool

    Attributes
    ----------
    to_first, from_first : integer arrays
        Positions in `first` of the recommender's own columns, and the reverse; -1 where the other lacks the item.
    is_cold : bool
        Whether the history that was scored last holds no item that the recommender knows.
    """

    def __init__(
        self, recommender: RecommenderMixin, catalogue: Catalogue, first: Vocabulary, exclude_seen: bool
    ) -> None:
        self.recommender, self.catalogue, self.exclude_seen = recommender, catalogue, exclude_seen
        own = recommender.vocabulary_
        self.to_first = own.translation(first)[N_RESERVED:].astype(np.intp) - N_RESERVED
        self.from_first = first.translation(own)[N_RESERVED:].astype(np.intp) - N_RESERVED
        self.has_probabilities = hasattr(recommender, "predict_proba")

    def score(self, X: Sequences) -> None:
        """Score all items after the only history of X, -inf for those that are excluded."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the page itself says which items are unknown
            ((_, self._scores),) = self.recommender.score_items(X, self.exclude_seen, log_proba=True)
        self.is_cold = bool(self.recommender.is_cold(X)[0])

    def remember(self) -> None:
        """Compare later recommendations with the present ones."""
        self._before = self._scores

    def best(self, k: int) -> tuple[NDArray[np.intp], NDArray]:
        """Give columns and scores of the best k items, fewer if fewer are left."""
        columns, scores = top_k(self._scores, min(k, self._scores.shape[1]))
        left = ~np.isneginf(scores[0])
        return columns[0][left], self._readable(scores[0][left])

    def frame(self, k: int) -> pd.DataFrame:
        """Give `rank`, `item`, `title`, `score` and `moved` of the best k items."""
        columns, scores = self.best(k)
        before = np.array([_rank(self._before, column) for column in columns], dtype=np.int64)
        ranks = np.arange(1, len(columns) + 1)
        moved = np.where((before >= 1) & (before <= k), before - ranks, np.nan)
        titles = [self.catalogue.labels[column] for column in columns]
        items = self.catalogue.ids[columns]
        return pd.DataFrame({"rank": ranks, "item": items, "title": titles, "score": scores, "moved": moved})

    def describe(self, k: int, is_empty: bool) -> dict[str, Any]:
        """Give what the page shows: the best k items, and those that were among them before the edits."""
        columns = self.best(k)[0]
        earlier, scores = top_k(self._before, min(k, self._before.shape[1]))
        gone = np.setdiff1d(earlier[~np.isneginf(scores)], columns)
        why_cold = "The history is empty" if is_empty else "No item of this history is known"
        return {
            "rows": [self.row(column) | {"moved": self._moved(column, k)} for column in columns],
            "gone": [self.catalogue.labels[column] for column in gone],
            "cold": f"{why_cold}, so these are simply popular." if self.is_cold else "",
            "probable": self.has_probabilities,
        }

    def row(self, column: int) -> dict[str, Any]:
        """Give what the page shows of an item, whether it is recommended or not."""
        rank, score = _rank(self._scores, column), self._readable(self._scores[0, column])
        score = percentage(score) if self.has_probabilities else digits(score)
        place = f"It would come in place {rank:,}, with {score}. " if rank else "It is in the history already. "
        return {
            "item": int(self.to_first[column]),
            "title": self.catalogue.labels[column],
            "details": self.catalogue.details(column),
            "score": score,
            "place": place,
        }

    def _moved(self, column: int, k: int) -> str:
        """Say how an item moved, against the time before the edits; nothing if it did not."""
        before, rank = _rank(self._before, column), _rank(self._scores, column)
        if not 1 <= before <= k:
            return f"★ new, was no. {before:,}" if before else "★ new"
        return f"▲ up {before - rank}" if before > rank else f"▼ down {rank - before}" if before < rank else ""

    def _readable(self, scores: Any) -> Any:
        return np.exp(scores) if self.has_probabilities else scores


def _rank(scores: NDArray, column: int) -> int:
    """Give the place of an item, from 1, where equal scores keep the order of the columns; 0 if it is excluded."""
    own = scores[0, column]
    if np.isneginf(own):
        return 0
    return int(np.count_nonzero(scores[0] > own) + np.count_nonzero(scores[0, :column] == own)) + 1


def percentage(probability: float) -> str:
    """Write a probability in per cent, with three digits."""
    return f"{digits(100 * probability)} %" if probability >= 1e-5 else "<0.001 %"


def digits(value: float) -> str:
    """Write a number with at least three digits, like others beside it."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}"
