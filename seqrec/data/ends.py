"""The start and the end of a sequence are events: without them a cut or a short sequence would surprise nobody."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED, PADDING
from seqrec.storage.schemas import Real, Record


class Chain(NamedTuple):
    """Events of sequences, each closed by an end: ``codes[indptr[i]:indptr[i + 1]]`` is sequence i.

    Attributes
    ----------
    codes : (n_events + n_sequences,) int32
        The end has the code that follows the catalogue's last.
    indptr : (n_sequences + 1,) int64
    events : (n_events,) int64
        Where each event of the sequences stands in `codes`.
    """

    codes: NDArray[np.int32]
    indptr: NDArray[np.int64]
    events: NDArray[np.int64]

    def previous(self, distance: int) -> NDArray[np.int32]:
        """Code `distance` events before each event, ``PADDING`` before the start."""
        position = np.arange(len(self.codes)) - np.repeat(self.indptr[:-1], np.diff(self.indptr))
        shifted = np.roll(self.codes, distance)
        shifted[position < distance] = PADDING
        return shifted


def end_code(n_items: int) -> int:
    """Code of the end of a sequence, after those of the items."""
    return N_RESERVED + n_items


def close(X: Sequences) -> Chain:
    """Put an end after each sequence of X."""
    codes = np.insert(X.codes, X.indptr[1:], end_code(len(X.vocabulary)))
    row = np.repeat(np.arange(len(X)), X.lengths)
    return Chain(codes, X.indptr + np.arange(len(X) + 1), np.arange(X.n_events) + row)


def distinct(X: Sequences) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Find sequences of equal events: one row of each kind, and for each sequence which of these it equals."""
    rows, same_as = [], np.empty(len(X), dtype=np.intp)
    n_found = 0
    for length in np.unique(X.lengths):
        of_length = np.flatnonzero(X.lengths == length)
        first, kind = np.zeros(1, np.intp), np.zeros(len(of_length), np.intp)  # all alike, if one or empty
        if length and len(of_length) > 1:
            block = X.codes[X.indptr[of_length][:, None] + np.arange(length)]
            as_bytes = block.view(np.dtype((np.void, block.itemsize * length)))[:, 0]
            _, first, kind = np.unique(as_bytes, return_index=True, return_inverse=True)
        rows.append(of_length[first])
        same_as[of_length] = n_found + kind
        n_found += len(first)
    return np.concatenate([np.empty(0, np.intp), *rows]), same_as


class Unseen(NamedTuple):
    """What the training data tell about the kinds of events that they lack.

    Attributes
    ----------
    mass : float
        Probability that an event is of such a kind: the share of the events whose kind occurs once.
    kinds : float
        How many such kinds there are, at least 1: ``f1 (f1 - 1) / (2 (f2 + 1))``, if f1 kinds occur once and f2 twice.

    References
    ----------
    Good (1953), "The population frequencies of species and the estimation of population parameters", equation 9. One is
    added to f1, so that the mass is never 0.
    Chao (1984), "Nonparametric estimation of the number of classes in a population", in its bias-corrected form.
    """

    mass: float
    kinds: float

    @classmethod
    def estimate(cls, X: Sequences) -> Unseen:
        """Look at how often each kind of event occurs in X."""
        counts = np.bincount(X.codes, minlength=N_RESERVED)[N_RESERVED:]
        once, twice = np.count_nonzero(counts == 1), np.count_nonzero(counts == 2)
        mass = min(0.5, (1 + once) / (1 + X.n_events))
        return cls(float(mass), float(max(1.0, once * (once - 1) / (2 * (twice + 1)))))

    @property
    def probability(self) -> float:
        """Probability of one such kind."""
        return self.mass / self.kinds


UNSEEN = Record(Unseen, {"mass": Real(5e-324, 0.5), "kinds": Real(1)})
