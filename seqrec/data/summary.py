"""A log in a few numbers: what a fit learned from, so that a model can tell it later, and how often what occurs."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED, UNKNOWN, vocabulary
from seqrec.storage.arrays import Array
from seqrec.storage.schemas import Absent, Converted, Integer, Listed, Mapped, Real, Record, Schema

_MICROSECONDS = Converted(Integer(1 - 2**63), lambda time: time.astype(np.int64), lambda n: np.datetime64(n, "us"))
_Time = Annotated[np.datetime64, _MICROSECONDS] | None


class TrainingData(NamedTuple):
    """Size and dates of the training data.

    Attributes
    ----------
    n_sequences, n_events : int
    n_items : int
        Different items that occur.
    first, last : datetime64[us], UTC, or None
        Times of the first and of the last event, where there are times.
    """

    n_sequences: int
    n_events: int
    n_items: int
    first: _Time
    last: _Time

    def check_sound(self) -> None:
        """Raise ValueError where the times do not fit each other."""
        times = [time for time in (self.first, self.last) if time is not None]
        if len(times) == 1 or times != sorted(times):
            raise ValueError("its first event comes after the last.")

    @classmethod
    def of(cls, X: Sequences) -> TrainingData:
        """Look at X."""
        first, last = (None, None) if X.timestamps is None else (X.timestamps.min(), X.timestamps.max())
        return cls(len(X), X.n_events, int(np.unique(X.codes[X.codes >= N_RESERVED]).size), first, last)

    def followed_by(self, X: Sequences, n_items: int) -> TrainingData:
        """Add what was learned later: its sequences and events count on top; there are `n_items` items now."""
        more = TrainingData.of(X)
        first = min((time for time in (self.first, more.first) if time is not None), default=None)
        last = max((time for time in (self.last, more.last) if time is not None), default=None)
        return TrainingData(self.n_sequences + more.n_sequences, self.n_events + more.n_events, n_items, first, last)


def _check_counts(item_counts: NDArray) -> NDArray:
    if not item_counts.any():
        raise ValueError("no item occurs in the training data.")
    return item_counts


TRAINING_DATA = Record(TrainingData)
HISTORY = Mapped(Listed(Real()))  # of training, by epoch
# What every fit leaves, and what every recommender's leaves.
FITTED: dict[str, Schema] = {"training_data_": TRAINING_DATA, "n_features_in_": Absent(Integer())}
CATALOGUE: dict[str, Schema] = FITTED | {
    "vocabulary_": vocabulary("n_items"),
    "item_counts_": Converted(Array(("int64", "float64"), "n_items", low=0), _check_counts, _check_counts),
}


def count_events(X: Sequences) -> sparse.csr_array:
    """Count each kind of event of each sequence, (n, n_codes - 1); the first column is of unknown ones."""
    row = np.repeat(np.arange(len(X)), X.lengths)
    shape = (len(X), N_RESERVED - UNKNOWN + len(X.vocabulary))
    ones = np.ones(X.n_events, np.int64)
    return sparse.coo_array((ones, (row, X.codes - UNKNOWN)), shape=shape).tocsr()
