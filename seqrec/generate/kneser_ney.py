"""Interpolated modified Kneser-Ney: how likely is an event after the few before it, and what else could have come."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrec.data.ends import Chain, close, hashed_grams, mix
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED, PADDING
from seqrec.storage.arrays import Array
from seqrec.storage.schemas import Size


class Level(NamedTuple):
    """What follows each context of one length.

    Attributes
    ----------
    contexts : (n_contexts,) uint64
        Hashes, rising.
    left : (n_contexts,) float64
        Probability that is left to what the next shorter context says.
    indptr : (n_contexts + 1,) int64
        Context ``i`` was followed by the events ``indptr[i]:indptr[i + 1]`` of the next two.
    codes : (n_grams,) int32
        Rising within a context.
    own : (n_grams,) float64
        Probability of each, beside its part of what is left.
    """

    contexts: Annotated[NDArray[np.uint64], Array("uint64", None)]
    left: Annotated[NDArray[np.float64], Array("float64", None, low=0)]
    indptr: Annotated[NDArray[np.int64], Array("int64", None, low=0)]
    codes: Annotated[NDArray[np.int32], Array("int32", None, low=0)]
    own: Annotated[NDArray[np.float64], Array("float64", None, low=0)]

    def check_sound(self) -> None:
        """Raise ValueError where these do not fit each other."""
        if not 0 < len(self.contexts) == len(self.left) == len(self.indptr) - 1:
            raise ValueError("each context of an n-gram needs what followed it.")
        if self.indptr[0] or len(self.codes) != self.indptr[-1] or len(self.codes) != len(self.own):
            raise ValueError("each n-gram needs an event and a probability.")
        if (self.contexts[1:] <= self.contexts[:-1]).any() or (np.diff(self.indptr) < 1).any():
            raise ValueError("contexts of n-grams must rise, and each was followed by something.")
        within = np.delete(np.diff(self.codes), self.indptr[1:-1] - 1)
        if (within <= 0).any():
            raise ValueError("the events after a context must rise.")

    def find(self, contexts: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Give the place of each context, -1 for one that never came."""
        place = np.minimum(np.searchsorted(self.contexts, contexts), len(self.contexts) - 1)
        return np.where(self.contexts[place] == contexts, place, -1)


class KneserNey(NamedTuple):
    """N-gram probabilities of events, sequences' ends included.

    Attributes
    ----------
    levels : tuple of Level
        The shortest context, of no event, first.
    n_codes : int
        Events that can follow: the items and the end.

    References
    ----------
    Chen & Goodman (1999), "An empirical study of smoothing techniques for language modeling", section 3 (modified
    Kneser-Ney, interpolated). Events at the start of a sequence have no event before them that could vary: there the
    counts themselves are taken (Heafield et al. 2013, "Scalable modified Kneser-Ney language model estimation").
    """

    levels: tuple[Level, ...]
    n_codes: Annotated[int, Size("n_items + 1")]

    def check_sound(self) -> None:
        """Raise ValueError where there is no level, or an event that cannot follow."""
        if not self.levels or len(self.levels[0].contexts) > 1:
            raise ValueError("n-grams need a level without context at least.")
        codes = np.concatenate([level.codes for level in self.levels])
        if codes.min(initial=N_RESERVED) < N_RESERVED or codes.max(initial=0) >= N_RESERVED + self.n_codes:
            raise ValueError("n-grams hold an event that the vocabulary lacks.")

    @classmethod
    def fit(cls, X: Sequences, order: int) -> KneserNey:
        """Count the events of X after up to ``order - 1`` events before."""
        chain = close(X)
        hashes, first = hashed_grams(chain, order), _starts(chain, order)
        grams = [np.unique_all(gram) for _, gram in hashes]
        levels = []
        for at, ((contexts, _), (_, places, which, counts)) in enumerate(zip(hashes, grams, strict=True)):
            if at + 1 < order:
                longer = grams[at + 1].indices  # one place of each kind of longer gram
                varied = np.bincount(which[longer], minlength=len(counts))
                counts = np.where(first[at][places], counts, varied)
            levels.append(_level(contexts[places], chain.codes[places], counts))
        return cls(tuple(levels), len(X.vocabulary) + 1)

    def log_prob(self, X: Sequences) -> NDArray[np.float64]:
        """``log p`` of each event and each end, (n_events + n_sequences,), nats, in the order of `close`."""
        chain = close(X)
        probability = np.full(len(chain.codes), 1 / self.n_codes)
        for level, (contexts, _) in zip(self.levels, hashed_grams(chain, len(self.levels)), strict=True):
            place = level.find(contexts)
            own = _own_of(level, place, chain.codes)
            probability = np.where(place >= 0, own + level.left[place] * probability, probability)
        return np.log(probability)

    def next_log_prob(self, latest: NDArray[np.int32]) -> NDArray[np.float64]:
        """Log-probability of each item and the end after the latest events.

        Parameters
        ----------
        latest : (n, order - 1) int32
            Codes, the last event first; ``PADDING`` before the start.

        Returns
        -------
        log_p : (n, n_codes) float64, nats
            The end last.
        """
        p = np.full((len(latest), self.n_codes), 1 / self.n_codes)
        context = np.zeros(len(latest), dtype=np.uint64)
        for at, level in enumerate(self.levels):
            context = mix(context, latest[:, at - 1]) if at else context
            place = level.find(context)
            rows = np.flatnonzero(place >= 0)
            n = level.indptr[place[rows] + 1] - level.indptr[place[rows]]
            grams = np.repeat(level.indptr[place[rows]] - np.cumsum(n) + n, n) + np.arange(n.sum())
            p[rows] *= level.left[place[rows], None]
            p[np.repeat(rows, n), level.codes[grams] - N_RESERVED] += level.own[grams]
        return np.log(p)


def _level(contexts: NDArray[np.uint64], codes: NDArray[np.int32], counts: NDArray[np.int64]) -> Level:
    order = np.lexsort((codes, contexts))
    contexts, codes, counts = contexts[order], codes[order], counts[order]
    names, starts, sizes = np.unique(contexts, return_index=True, return_counts=True)
    discounts = _discounts(counts)[np.minimum(counts, 3)]
    totals = np.add.reduceat(counts, starts).astype(np.float64)
    left = np.add.reduceat(discounts, starts) / totals
    return Level(names, left, np.append(starts, len(codes)), codes, (counts - discounts) / np.repeat(totals, sizes))


def _discounts(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give what is taken from a count of 0, 1, 2, and of 3 and more (Chen & Goodman, equation 17)."""
    n = np.bincount(np.minimum(counts, 5), minlength=6).astype(np.float64)
    if not n[1:5].all():
        return np.array([0, 0.5, 0.5, 0.5])  # too few to tell
    y = n[1] / (n[1] + 2 * n[2])
    found = [k - (k + 1) * y * n[k + 1] / n[k] for k in (1, 2, 3)]
    return np.array([0, *np.clip(found, 0.05, [0.95, 1.95, 2.95])])


def _own_of(level: Level, place: NDArray[np.int64], codes: NDArray[np.int32]) -> NDArray[np.float64]:
    """Give the own probability of a code after the context at a place; 0 where it never came there."""
    n = np.int64(level.codes.max(initial=0)) + 1
    keys = np.repeat(np.arange(len(level.contexts)), np.diff(level.indptr)) * n + level.codes
    wanted = np.where((place >= 0) & (codes < n), place * n + codes, -1)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, level.own[at], 0.0)


def _starts(chain: Chain, order: int) -> list[NDArray[np.bool_]]:
    """Say for each order where the first event of a gram lies before the start of the sequence."""
    return [
        chain.previous(distance) == PADDING if distance else np.zeros(len(chain.codes), bool)
        for distance in range(order)
    ]
