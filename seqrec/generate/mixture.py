"""A network and n-grams together: each counts as much as held-out events say, by how well n-grams know the context."""

from __future__ import annotations

from typing import Annotated, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seqrec.data.ends import Chain
from seqrec.data.sequences import Sequences
from seqrec.generate.kneser_ney import KneserNey, latest_events, with_next
from seqrec.generate.paths import Events, Uniforms, Walk
from seqrec.storage.arrays import Array

_PRIOR = 50.0  # events that a kind of context borrows from all others
_N_STEPS = 100


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

    def next_log_prob(self, latest: NDArray[np.int32], logits: NDArray[np.floating]) -> NDArray[np.floating]:
        """Join what a network says could come next, (n, n_codes), with what the n-grams say after the latest events."""
        following = self.ngrams.following(latest)
        shares = self.shares[following.familiarity]
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p *= ((1 - shares) / p.sum(axis=1)).astype(p.dtype)[:, None]
        following.add_to(p, shares)
        return np.log(p)


class MixedWalk:
    """Sequences on their way through a network and n-grams; a `paths.Walk`."""

    def __init__(self, walk: Walk, mixture: Mixture, begun: Sequences) -> None:
        self._walk, self._mixture = walk, mixture
        self._latest = latest_events(begun, len(mixture.ngrams.levels) - 1)

    def next_log_prob(self) -> NDArray[np.floating]:
        """Log-probability of each item and, last, of the end, (n, n_items + 1), nats."""
        return self._mixture.next_log_prob(self._latest, self._walk.next_log_prob())

    def take(self, codes: NDArray[np.int32], uniforms: Uniforms) -> Events:
        """Go on with events of these codes, and give them with what else the network draws of them."""
        self._latest = with_next(self._latest, codes)
        return self._walk.take(codes, uniforms)

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Go on with some of the sequences alone."""
        self._latest = self._latest[rows]
        self._walk.keep(rows)
