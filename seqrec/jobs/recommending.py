"""Recommendations for rows of whole users, in memory that does not grow with a user."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from seqrec.data.arrow import codes_of, read_piece
from seqrec.data.vocabulary import UNKNOWN, Vocabulary
from seqrec.jobs.staging import whole_users
from seqrec.recommend.base import RecommenderMixin


class Recommendation:
    """Recommend to each user of a log.

    Parameters
    ----------
    recommender : RecommenderMixin
        Fitted.
    k : int
    exclude_seen : bool
    candidates : array of item ids, optional
        As `recommend` takes them.
    time_unit : str or None
        Of times that are numbers.
    """

    def __init__(
        self,
        recommender: RecommenderMixin,
        k: int = 10,
        exclude_seen: bool = True,
        candidates: Any = None,
        time_unit: str | None = None,
    ) -> None:
        self._recommender, self._unit = recommender, time_unit
        self._options = {"k": k, "exclude_seen": exclude_seen, "candidates": candidates}
        self.n_rows = 0  # that have come

    def score(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Give `user`, `rank`, `item`, `score` and `cold` for tables of whole users, sorted as by `staging`.

        A user who goes on in the next table is waited for; what matters of the past is kept.
        """
        shorten = partial(shortened, n_latest=self._recommender.n_latest, vocabulary=self._recommender.vocabulary_)
        yield from map(self._recommend, whole_users(self._counted(tables), shorten))

    def _counted(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        for table in tables:
            self.n_rows += table.num_rows
            yield table

    def _recommend(self, table: pa.Table) -> pa.Table:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # cold users are marked, and k is clipped for all of them
            X = read_piece(table, self._recommender.vocabulary_, self._unit)
            items, scores = self._recommender.recommend(X, **self._options)
        k, there = items.shape[1], ~np.isneginf(scores).ravel()
        columns = {
            "user": np.repeat(X.keys, k),
            "rank": np.tile(np.arange(1, k + 1), len(X)),
            "item": items.ravel(),
            "score": scores.ravel(),
            "cold": np.repeat(self._recommender.is_cold(X), k),
        }
        return pa.table({name: pa.array(values[there]) for name, values in columns.items()})


def shortened(table: pa.Table, n_latest: int, vocabulary: Vocabulary) -> pa.Table:
    """Keep a user's latest events and latest known ones, and one of each known item, so that what was seen is known."""
    if table.num_rows <= 2 * n_latest:
        return table
    codes = codes_of(table, vocabulary)
    known = np.flatnonzero(codes != UNKNOWN)  # some recommenders look at these alone
    _, first = np.unique(codes[known], return_index=True)
    latest = np.arange(table.num_rows - n_latest, table.num_rows)
    return table.take(pa.array(np.unique(np.concatenate([latest, known[-n_latest:], known[first]]))))
