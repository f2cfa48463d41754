"""How odd is odd? Parts of a score become p-values on held-out normal sequences, and one p-value of all of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from seqrec.detect.parts import Parts
from seqrec.detect.thresholds import Tail
from seqrec.detect.words import Reasons


class Calibration(NamedTuple):
    """Turns the parts of a score into p-values, and combines these without labels.

    Attributes
    ----------
    tails : dict of Tail
        Under each part's name, how it is distributed among held-out normal sequences.
    combined : Tail
        The same for the combination. So the parts may depend on each other as they like.
    """

    tails: dict[str, Tail]
    combined: Tail

    def check_sound(self) -> None:
        """Raise ValueError where there is no part."""
        if not self.tails:
            raise ValueError("a calibration needs a part at least.")

    @classmethod
    def fit(cls, parts: Parts) -> Calibration:
        """Learn from the parts of normal sequences that the model was not fitted on, (n,) each.

        Each of these is compared with the others: among values that include its own, none would lie beyond all.
        """
        parts = _rounded(parts)
        tails = {name: Tail.fit(values) for name, values in parts.items()}
        return cls(tails, Tail.fit(_combine(_leave_one_out(tails, parts))))

    def log_p_values(self, parts: Parts) -> NDArray[np.float64]:
        """Natural logarithm of each part's p-value, (n, n_parts), in the order of `tails`."""
        parts = _rounded(parts)
        return np.stack([tail.log_survival(parts[name]) for name, tail in self.tails.items()], axis=1)

    def score(self, parts: Parts, part: str = "auto") -> NDArray[np.float64]:
        """Natural logarithm of the p-value of a sequence, (n,): of all parts together, or of the one that is named."""
        return self.reasons(parts, part).scores

    def reasons(self, parts: Parts, part: str = "auto") -> Reasons:
        """Give the scores, with what they are made of: all parts, or the one that is named."""
        n_held_out = int(self.combined.at_or_above[0])
        if part != "auto":
            scores = self.tails[part].log_survival(_rounded(parts)[part])
            return Reasons(scores, [part], scores[:, None], n_held_out)
        log_p = self.log_p_values(parts)
        return Reasons(self.combined.log_survival(_combine(log_p)), list(self.tails), log_p, n_held_out)

    def held_out_score(self, parts: Parts, part: str = "auto") -> NDArray[np.float64]:
        """Score the sequences that were fitted on, (n,), each against the others."""
        parts = _rounded(parts)
        if part == "auto":
            return self.combined.leave_one_out(_combine(_leave_one_out(self.tails, parts)))
        return self.tails[part].leave_one_out(parts[part])


def _leave_one_out(tails: dict[str, Tail], parts: Parts) -> NDArray[np.float64]:
    return np.stack([tail.leave_one_out(parts[name]) for name, tail in tails.items()], axis=1)


def _rounded(parts: Parts) -> Parts:
    """Let sequences that are alike tie: the company in a batch moves the last digits of a float."""
    return {name: np.round(values, 4) for name, values in parts.items()}


def _combine(log_p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithm of the mean of 1/p: the lowest p-value rules, and others that are low add to it.

    References
    ----------
    Wilson (2019), "The harmonic mean p-value for combining dependent tests", equation 1.
    """
    return logsumexp(-log_p, axis=1) - np.log(log_p.shape[1])
