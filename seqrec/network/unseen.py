"""What is left for kinds of events that training lacked."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np

from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED
from seqrec.storage.schemas import Real


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

    mass: Annotated[float, Real(5e-324, 0.5)]
    kinds: Annotated[float, Real(1)]

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
