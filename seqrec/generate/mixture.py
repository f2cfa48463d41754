"""A network and n-grams together: each counts as much as held-out events say, by how well n-grams know the context."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seqrec.data.ends import Chain
from seqrec.generate.event_walk import EventWalk
from seqrec.generate.gaps import Known
from seqrec.generate.kneser_ney import KneserNey, with_next
from seqrec.generate.paths import Events, Uniforms
from seqrec.generate.sampling import choose
from seqrec.storage.arrays import Array

_PRIOR = 50.0  # events that a kind of context borrows from all others
_N_STEPS = 100
_HIGH_BITS = 2.0**26  # those of a number say who draws, and those below are another number


class Mixture(NamedTuple):
    """N-grams, and what they count beside a network.

    Attributes
    ----------
    ngrams : KneserNey
    shares : (n_familiarities,) float64
        Weight of the n-grams for each way to know a context.

    References
    ----------
    Jelinek & Mercer (1980), "Interpolated estimation of Markov source parameters from sparse data": weights by how
    well a context is known, from held-out data, by expectation and maximisation.
    """

    ngrams: KneserNey
    shares: Annotated[NDArray[np.float64], Array("float64", None, low=0)]

    def check_sound(self) -> None:
        """Raise ValueError where a weight is missing, or none."""
        if len(self.shares) != self.ngrams.n_familiarities or self.shares.max(initial=0) > 1:
            raise ValueError("each way to know a context needs a weight, of at most 1.")

    @classmethod
    def even(cls, ngrams: KneserNey) -> Self:
        """Let both count alike."""
        return cls(ngrams, np.full(ngrams.n_familiarities, 0.5))

    def with_end(self, before: int, after: int) -> Self:
        """Give the end of a sequence, which had one code, another: there are more kinds of events now."""
        levels = (
            level._replace(codes=np.where(level.codes == before, after, level.codes).astype(np.int32))
            for level in self.ngrams.levels
        )
        return self._replace(ngrams=KneserNey(tuple(levels), self.ngrams.n_codes + after - before))

    def learned(self, chain: Chain, log_p: NDArray[np.float64], counts: NDArray[np.float64]) -> Self:
        """Choose the weights by what held-out events say.

        Parameters
        ----------
        chain : Chain
        log_p : (n,) float64, nats
            What the network says of its events and ends.
        counts : (n,) float64
            How much each counts.
        """
        of_ngrams, familiarity = self.ngrams.log_prob(chain)
        ratio = np.exp(np.clip(of_ngrams - log_p, -50, 50))
        n = np.bincount(familiarity, counts, len(self.shares))
        shares = self.shares
        for _ in range(_N_STEPS):
            responsible = shares[familiarity] * ratio
            responsible /= responsible + 1 - shares[familiarity]
            found = np.bincount(familiarity, counts * responsible, len(shares))
            shares = (found + _PRIOR * (found.sum() + 0.5) / (n.sum() + 1)) / (n + _PRIOR)
        return self._replace(shares=np.clip(shares, 0.001, 0.999))

    def log_prob(self, chain: Chain, log_p: NDArray[np.float64]) -> NDArray[np.float64]:
        """Join what a network says of events and ends, (n,) nats, with what the n-grams say."""
        of_ngrams, familiarity = self.ngrams.log_prob(chain)
        shares = self.shares[familiarity]
        return np.logaddexp(np.log1p(-shares) + log_p, np.log(shares) + of_ngrams)

    def join(self, weights: NDArray[np.floating], latest: NDArray[np.int32]) -> None:
        """Turn a network's weights of what could come next, (n, n_codes), into the probabilities of both together.

        The n-grams tell what follows the latest events, (n, order - 1).
        """
        following = self.ngrams.following(latest)
        shares = self.shares[following.familiarity]
        weights *= ((1 - shares) / weights.sum(axis=1)).astype(weights.dtype)[:, None]
        following.add_to(weights, shares)


class MixedWalk:
    """Sequences on their way through a network and n-grams; a `paths.Walk`.

    Parameters
    ----------
    walk : EventWalk
    mixture : Mixture
    latest : (n, order - 1) int32
        The latest events of each sequence, the last one first.
    """

    def __init__(self, walk: EventWalk, mixture: Mixture, latest: NDArray[np.int32]) -> None:
        self._walk, self._mixture, self._latest = walk, mixture, latest
        self.categories, self.gaps, self.n_categories = walk.categories, walk.gaps, walk.n_categories

    @property
    def times(self) -> NDArray[np.datetime64]:
        """Of the last event of each, (n,) datetime64[us]; NaT where there is none."""
        return self._walk.times

    def next_weights(self) -> Iterator[tuple[slice, NDArray[np.floating]]]:
        """Probability of each item and, last, of the end, (rows, n_items + 1)."""
        for part, weights in self._walk.next_weights():
            self._mixture.join(weights, self._latest[part])
            yield part, weights

    def draw(self, uniform: NDArray[np.float64], may_end: bool) -> NDArray[np.intp]:
        """Draw what comes next by numbers in [0, 1), (n,): columns; from the network or from the n-grams.

        The network is asked only of those rows that might draw from it.
        """
        following = self._mixture.ngrams.following(self._latest)
        masses, of_network = following.masses(may_end), 1 - self._mixture.shares[following.familiarity]
        of_ngrams, drawn = (1 - of_network) * masses.sum(axis=0), np.full(len(uniform), -1, np.intp)
        asked = np.flatnonzero(uniform * (of_network + of_ngrams) < of_network)
        for part, weights in self._walk.next_weights(asked):
            rows, total = asked[part], weights.sum(axis=1)
            weights[:, -1] *= may_end
            of_items = of_network[rows] * weights.sum(axis=1) / total  # 0 where nothing but the end could come
            below = uniform[rows] * (of_items + of_ngrams[rows])
            ours = np.flatnonzero(below < of_items)
            drawn[rows[ours]] = choose(weights[ours], below[ours] / of_items[ours])
        others = np.flatnonzero(drawn < 0)
        drawn[others] = following.draw(uniform[others] * _HIGH_BITS % 1, masses, others, may_end)
        return drawn

    def take(self, codes: NDArray[np.int32], uniforms: Uniforms, known: Known | None = None) -> Events:
        """Go on with events of these codes, and give them with what else the network draws of them."""
        self._latest = with_next(self._latest, codes)
        return self._walk.take(codes, uniforms, known)

    def keep(self, rows: NDArray) -> None:
        """Go on with some of the sequences alone: a mask, or numbers of which some may repeat."""
        self._latest = self._latest[rows]
        self._walk.keep(rows)
