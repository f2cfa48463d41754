"""N-grams: how likely is an event after the few before it, by smoothed counts."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrec.data.ends import close, hashed_grams
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import UNKNOWN
from seqrec.detect.parts import Parts, SurprisalParts
from seqrec.network.unseen import Unseen
from seqrec.storage.arrays import Array
from seqrec.storage.schemas import Size

_Counts = Annotated[NDArray[np.int64], Array("int64", None, low=1)]
_Hashes = Annotated[NDArray[np.uint64], Array("uint64", None)]


class _Level(NamedTuple):
    """Counts of one order, under sorted hashes of the contexts and of the contexts with what follows."""

    contexts: _Hashes
    totals: _Counts
    kinds: _Counts  # distinct events that follow
    grams: _Hashes
    counts: _Counts

    def check_sound(self) -> None:
        """Raise ValueError where these do not fit each other."""
        if not 0 < len(self.contexts) == len(self.totals) == len(self.kinds):
            raise ValueError("each context of an n-gram needs its counts.")
        if len(self.grams) != len(self.counts):
            raise ValueError("each n-gram needs its count.")
        if not all(_rise(hashes) for hashes in (self.contexts, self.grams)):
            raise ValueError("n-grams and their contexts must be sorted.")


class NGrams(NamedTuple):
    """Interpolated n-gram probabilities of events, sequences' ends included.

    Attributes
    ----------
    levels : tuple of counts, shortest context first
    n_codes : int
    unseen : Unseen

    References
    ----------
    Witten & Bell (1991), "The zero-frequency problem", method C, interpolated with the next shorter context down to
    equal shares.
    """

    levels: tuple[_Level, ...]
    n_codes: Annotated[int, Size("n_items + 1")]
    unseen: Unseen

    def check_sound(self) -> None:
        """Raise ValueError where there are no counts."""
        if not self.levels:
            raise ValueError("n-grams need a level at least.")

    @classmethod
    def fit(cls, X: Sequences, order: int) -> NGrams:
        """Count the events of X after up to ``order - 1`` events before."""
        chain = close(X)
        levels = tuple(_count(*hashes) for hashes in hashed_grams(chain, order))
        return cls(levels, len(X.vocabulary) + 1, Unseen.estimate(X))

    def surprisal(self, X: Sequences) -> NDArray[np.float64]:
        """``-log p`` of each event and each end, (n_events + n_sequences,), nats, in the order of `close`."""
        chain = close(X)
        probability = np.full(len(chain.codes), 1 / self.n_codes)
        for level, (contexts, grams) in zip(self.levels, hashed_grams(chain, len(self.levels)), strict=True):
            total, kinds = (_look_up(level.contexts, values, contexts) for values in (level.totals, level.kinds))
            count = _look_up(level.grams, level.counts, grams)
            # A context that was never seen has no counts and leaves the shorter one's probability as it is.
            probability = np.where(total > 0, (count + kinds * probability) / np.maximum(total + kinds, 1), probability)
        known = (1 - self.unseen.mass) * probability
        return -np.log(np.where(chain.codes == UNKNOWN, self.unseen.probability, known))

    def parts(self, X: Sequences) -> Parts:
        """Say how odd sequences are by the surprisal of their events."""
        parts = SurprisalParts.start(len(X)).update(self.surprisal(X), close(X).indptr)
        return {f"events {name}": values for name, values in parts.parts().items()}


def _count(contexts: NDArray, grams: NDArray) -> _Level:
    grams, first, counts = np.unique(grams, return_index=True, return_counts=True)
    owners = contexts[first]
    names, position, kinds = np.unique(owners, return_inverse=True, return_counts=True)
    return _Level(names, np.bincount(position, weights=counts).astype(np.int64), kinds, grams, counts)


def _look_up(names: NDArray, values: NDArray, wanted: NDArray) -> NDArray:
    position = np.minimum(np.searchsorted(names, wanted), len(names) - 1)
    return np.where(names[position] == wanted, values[position], 0)


def _rise(hashes: NDArray) -> bool:
    return len(hashes) > 0 and bool((hashes[1:] > hashes[:-1]).all())
