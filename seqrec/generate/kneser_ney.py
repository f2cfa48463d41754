"""Interpolated modified Kneser-Ney: how likely is an event after the few before it, and what else could have come."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrec.data.ends import Chain, hashed_grams, mix
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED, PADDING
from seqrec.storage.arrays import Array
from seqrec.storage.schemas import Size

_LEFT = (0.1, 0.25, 0.5)  # parts the contexts by what is left to shorter ones


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
    def fit(cls, chain: Chain, n_codes: int, order: int) -> KneserNey:
        """Count events, of so many kinds with the end, after up to ``order - 1`` events before."""
        hashes, first = hashed_grams(chain, order), _starts(chain, order)
        grams = [np.unique_all(gram) for _, gram in hashes]
        levels = []
        for at, ((contexts, _), (_, places, which, counts)) in enumerate(zip(hashes, grams, strict=True)):
            if at + 1 < order:
                longer = grams[at + 1].indices  # one place of each kind of longer gram
                varied = np.bincount(which[longer], minlength=len(counts))
                counts = np.where(first[at][places], counts, varied)
            levels.append(_level(contexts[places], chain.codes[places], counts))
        return cls(tuple(levels), n_codes)

    def log_prob(self, chain: Chain) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Judge the events and ends of sequences.

        Returns
        -------
        log_p : (n_events + n_sequences,) float64, nats
            In the order of the chain.
        familiarity : int64, of the same shape
            How well the context of each is known: see `_familiarity`.
        """
        hashes = hashed_grams(chain, len(self.levels))
        places = [level.find(contexts) for level, (contexts, _) in zip(self.levels, hashes, strict=True)]
        probability = np.full(len(chain.codes), 1 / self.n_codes)
        for level, place in zip(self.levels, places, strict=True):
            own = _own_of(level, place, chain.codes)
            probability = np.where(place >= 0, own + level.left[place] * probability, probability)
        return np.log(probability), self._familiarity(places)

    def next_log_prob(self, latest: NDArray[np.int32]) -> NDArray[np.float64]:
        """Log-probability of each item and, last, the end after the latest events, (n, n_codes), nats."""
        p = np.zeros((len(latest), self.n_codes))
        self.following(latest).add_to(p, 1.0)
        return np.log(p)

    def following(self, latest: NDArray[np.int32]) -> Following:
        """Say what follows the latest events, the last first: (n, order - 1) codes, ``PADDING`` before the start."""
        context, places = np.zeros(len(latest), dtype=np.uint64), []
        for at, level in enumerate(self.levels):
            context = mix(context, latest[:, at - 1]) if at else context
            places.append(level.find(context))
        share, rows, columns, shares = np.ones(len(latest)), [], [], []
        for level, place in zip(self.levels[:0:-1], places[:0:-1], strict=True):
            known = np.flatnonzero(place >= 0)
            n = level.indptr[place[known] + 1] - level.indptr[place[known]]
            grams = np.repeat(level.indptr[place[known]] - np.cumsum(n) + n, n) + np.arange(n.sum())
            rows.append(np.repeat(known, n))
            columns.append(level.codes[grams] - N_RESERVED)
            shares.append(level.own[grams] * share[rows[-1]])
            share[known] *= level.left[place[known]]
        of_all = np.full(self.n_codes, self.levels[0].left[0] / self.n_codes)
        of_all[self.levels[0].codes - N_RESERVED] += self.levels[0].own
        which, what = (np.concatenate([*parts, []]).astype(np.int64) for parts in (rows, columns))
        return Following(share, of_all, which, what, np.concatenate([*shares, []]), self._familiarity(places))

    def _familiarity(self, places: list[NDArray[np.int64]]) -> NDArray[np.int64]:
        """Give a number from 0 to ``n_familiarities - 1``, (n,): how long a context is known, and how well."""
        depth, left = np.zeros(len(places[0]), np.int64), np.ones(len(places[0]))
        for at, (level, place) in enumerate(zip(self.levels, places, strict=True)):
            depth, left = np.where(place >= 0, at, depth), np.where(place >= 0, level.left[place], left)
        return depth * (len(_LEFT) + 1) + np.searchsorted(_LEFT, left)

    @property
    def n_familiarities(self) -> int:
        """How many ways there are to know a context."""
        return len(self.levels) * (len(_LEFT) + 1)


class Following(NamedTuple):
    """What follows n contexts: something that all share, and what is their own.

    Attributes
    ----------
    share : (n,) float64
        Of what follows any context.
    of_all : (n_codes,) float64
        Probability of each item and, last, of the end, after any context.
    rows, columns : (n_own,) int64
        Of what is a context's own: which context, and which event.
    own : (n_own,) float64
        Its probability there, beside its part of `of_all`; several of one context and event add up.
    familiarity : (n,) int64
    """

    share: NDArray[np.float64]
    of_all: NDArray[np.float64]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    own: NDArray[np.float64]
    familiarity: NDArray[np.int64]

    def add_to(self, p: NDArray, weight: Any) -> None:
        """Add the probabilities, (n, n_codes), times the `weight` of each context, (n,), to others."""
        p += (weight * self.share).astype(p.dtype)[:, None] * self.of_all.astype(p.dtype)
        np.add.at(p, (self.rows, self.columns), np.broadcast_to(weight, len(p))[self.rows] * self.own)


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


def latest_events(X: Sequences, n: int) -> NDArray[np.int32]:
    """Give the codes of the n latest events of each sequence, the last one first, (n_sequences, n)."""
    latest = np.full((len(X), n), PADDING, np.int32)
    for distance in range(n):
        there = X.lengths > distance
        latest[there, distance] = X.codes[X.indptr[1:][there] - 1 - distance]
    return latest


def with_next(latest: NDArray[np.int32], codes: NDArray[np.int32]) -> NDArray[np.int32]:
    """Give the latest events after one event more of each sequence."""
    return np.column_stack([codes, latest])[:, : latest.shape[1]]
