"""A log that stops is no event: how likely it is that a sequence has ended, and not only its log."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqrec.data.sequences import Sequences


def ended(X: Sequences) -> NDArray[np.float64]:
    """Give the probability that each sequence has ended, (n,), from how long it has been quiet when the log stops.

    A share of the events is followed by none, ever; the others by one after a gap. What is quiet for a time c so far
    has ended with the probability ``share / S(c)``, where ``S(c)`` is the share of events that are followed by none
    within c. Without times all have ended.

    References
    ----------
    Kaplan & Meier (1958), "Nonparametric estimation from incomplete observations", for S. Maller & Zhou (1992),
    "Estimating the proportion of immunes in a censored sample": its last value is the share that nothing follows.
    """
    if X.timestamps is None or not X.n_events:
        return np.ones(len(X))
    full, ticks = X.lengths > 0, X.timestamps.astype(np.int64)
    quiet = ticks.max() - ticks[X.indptr[1:][full] - 1]
    inner = np.ones(X.n_events, bool)
    inner[X.indptr[:-1][full]] = False
    gaps = np.diff(ticks, prepend=0)[inner]
    lengths, counts = np.unique(gaps, return_counts=True)
    no_shorter = len(gaps) - np.cumsum(counts) + counts, len(quiet) - np.searchsorted(np.sort(quiet), lengths)
    at_risk = sum(no_shorter)  # events that were still followed by none when so long a gap ended
    survival = np.concatenate([[1.0], np.cumprod(1 - counts / at_risk)])
    probability = np.ones(len(X))
    beyond = survival[np.searchsorted(lengths, quiet, side="right")]
    probability[full] = np.where(beyond > 0, survival[-1] / np.maximum(beyond, 1e-300), 0.0)
    return probability
