"""Interpolated modified Kneser-Ney: how likely is an event after the few before it, and what else could have come."""

from __future__ import annotations

from typing import Annotated, NamedTuple

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

    def following(self, latest: NDArray[np.int32]) -> Following:
        """Say what follows the latest events, the last first: (n, order - 1) codes, ``PADDING`` before the start."""
        context, places, shares = np.zeros(len(latest), dtype=np.uint64), [], [np.ones(len(latest))]
        for at, level in enumerate(self.levels):
            context = mix(context, latest[:, at - 1]) if at else context
            places.append(level.find(context))
        for level, place in zip(self.levels[::-1], places[::-1], strict=True):
            shares.append(shares[-1] * np.where(place >= 0, level.left[place], 1.0))
        return Following(self, places, shares[-2::-1], shares[-1], self._familiarity(places))

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
    """What follows n contexts.

    Attributes
    ----------
    ngrams : KneserNey
    places : list of (n,) int64
        Where each level, the shortest contexts first, has them; -1 for one that never came.
    shares : list of (n,) float64
        Of each level, the probability that longer contexts leave to it.
    left : (n,) float64
        That all of them leave to any event alike.
    familiarity : (n,) int64
    """

    ngrams: KneserNey
    places: list[NDArray[np.int64]]
    shares: list[NDArray[np.float64]]
    left: NDArray[np.float64]
    familiarity: NDArray[np.int64]

    def add_to(self, p: NDArray, weight: NDArray[np.float64]) -> None:
        """Add the probabilities, (n, n_codes), times the `weight` of each context, (n,), to others."""
        shortest, *longer = self.ngrams.levels
        of_all = np.full(self.ngrams.n_codes, shortest.left[0] / self.ngrams.n_codes)
        of_all[shortest.codes - N_RESERVED] += shortest.own
        p += (weight * self.shares[0]).astype(p.dtype)[:, None] * of_all.astype(p.dtype)
        for level, place, share in zip(longer, self.places[1:], self.shares[1:], strict=True):
            known = np.flatnonzero(place >= 0)
            rows, grams, _ = _followers(level.indptr[place[known]], level.indptr[place[known] + 1])
            rows = known[rows]
            p[rows, level.codes[grams] - N_RESERVED] += (weight * share)[rows] * level.own[grams]

    def masses(self, may_end: bool) -> NDArray[np.float64]:
        """Probability that an event is of each level, and last, of none, (n_levels + 1, n); perhaps without the end."""
        found = [
            np.where(place >= 0, share * (1 - level.left[place] - (0.0 if may_end else self._end_of(level, place))), 0)
            for level, place, share in zip(self.ngrams.levels, self.places, self.shares, strict=True)
        ]
        n = self.ngrams.n_codes
        return np.stack([*found, self.left * (n if may_end else n - 1) / n]).clip(0)

    def draw(
        self, uniform: NDArray[np.float64], masses: NDArray[np.float64], rows: NDArray[np.intp], may_end: bool
    ) -> NDArray[np.intp]:
        """Draw what comes after some of the contexts by numbers in [0, 1): columns of an item, or, last, of the end."""
        total = masses[:, rows].cumsum(axis=0)
        below = uniform * total[-1]
        which = np.minimum((total <= below).sum(axis=0), len(total) - 1)
        before = np.where(which, total[which - 1, np.arange(len(rows))], 0)
        part = np.clip((below - before) / (total[which, np.arange(len(rows))] - before), 0, 1 - 2**-53)
        drawn = (part * (self.ngrams.n_codes - (not may_end))).astype(np.intp)
        for at, (level, place) in enumerate(zip(self.ngrams.levels, self.places, strict=True)):
            here = np.flatnonzero(which == at)
            if len(here):
                drawn[here] = self._drawn_of(level, place[rows[here]], part[here], may_end)
        return drawn

    def _drawn_of(
        self, level: Level, place: NDArray[np.int64], part: NDArray[np.float64], may_end: bool
    ) -> NDArray[np.intp]:
        place, context = np.unique(place, return_inverse=True)  # a short one is that of many rows
        last = level.indptr[place + 1]
        if not may_end:
            last = last - self._has_end(level, place)
        _, grams, ends = _followers(level.indptr[place], last)
        total = np.concatenate([[0.0], level.own[grams].cumsum()])
        starts, ends = (ends - (last - level.indptr[place]))[context], ends[context]
        below = total[starts] + part * (total[ends] - total[starts])
        return level.codes[grams[np.clip(np.searchsorted(total, below, "right") - 1, starts, ends - 1)]] - N_RESERVED

    def _has_end(self, level: Level, place: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the end followed a context; it is the last of all codes."""
        return level.codes[level.indptr[place + 1] - 1] == N_RESERVED + self.ngrams.n_codes - 1

    def _end_of(self, level: Level, place: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.where(self._has_end(level, place), level.own[level.indptr[place + 1] - 1], 0.0)


def _followers(
    first: NDArray[np.int64], last: NDArray[np.int64]
) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.int64]]:
    """Give the n-grams of several contexts, each with its row, and where those of each end."""
    n = last - first
    ends = np.cumsum(n)
    rows = np.repeat(np.arange(len(n)), n)
    return rows, np.arange(len(rows)) + (first - ends + n)[rows], ends


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
