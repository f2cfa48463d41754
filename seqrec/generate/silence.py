"""A silence is news: what comes next after a time in which nothing came, and whether anything does."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrec.data.vocabulary import N_RESERVED
from seqrec.generate.paths import probabilities
from seqrec.generate.sampling import choose, uniforms

if TYPE_CHECKING:
    from seqrec.generate.event_walk import EventWalk

_AT_ONCE = 2**16  # possible next events in memory together
_VERSIONS = 4_096  # of all events together, or at least two of each


class Silence(NamedTuple):
    """What comes next in n histories after which nothing came for a while.

    How long an event takes depends on its categories too, so each comes in some versions of these.

    Attributes
    ----------
    p : (n, n_kinds) float64
        Probability of what comes next, given the silence: the end, last, is there whatever the silence.
    versions : (n, n_items, n_versions) float64
        Probability of the silence before each version of an event.
    categories : (n, n_items, n_versions, n_categories) int32
    """

    p: NDArray[np.float64]
    versions: NDArray[np.float64]
    categories: NDArray[np.int32]

    @classmethod
    def after(cls, walk: EventWalk, seconds: NDArray[np.float64], n_items: int, names: Any) -> Silence:
        """Condition on silences of so many seconds, (n,), after the last events of the sequences of a walk.

        Parameters
        ----------
        walk : EventWalk
        seconds : (n,) float64
        n_items : int
        names : sequence of int and (n,) arrays
            What the numbers to draw by are made from.
        """
        p = probabilities(walk)
        shape = len(p), n_items, n_versions(n_items, walk.n_categories)
        log_silence, categories = _versions(walk, seconds, shape, names)
        log_end = np.log(np.maximum(p[:, n_items:], 1e-300))
        # The largest becomes 1, so that a silence longer than any before leaves something to compare.
        largest = np.concatenate([log_silence.max(axis=2), log_end], axis=1).max(axis=1)
        versions = np.exp(log_silence - largest[:, None, None])
        p = np.concatenate([p[:, :n_items] * versions.mean(axis=2), np.exp(log_end - largest[:, None])], axis=1)
        return cls(p / p.sum(axis=1, keepdims=True), versions, categories)

    def error(self, columns: NDArray[np.intp]) -> NDArray[np.float64]:
        """Give the standard error of the probability that some events come next, (n,): versions were drawn."""
        n_items, n_drawn = self.versions.shape[1:]
        asked = np.isin(np.arange(self.p.shape[1]), columns)
        mean = self.versions.mean(axis=2)
        spread = self.versions.std(axis=2, ddof=1) / np.maximum(mean, 1e-300) if n_drawn > 1 else np.zeros_like(mean)
        moved = self.p[:, :n_items] * spread * (asked[:n_items] - self.p[:, asked].sum(axis=1, keepdims=True))
        return np.sqrt((moved**2).sum(axis=1) / n_drawn)

    def chosen(
        self, rows: NDArray[np.intp], columns: NDArray[np.intp], uniform: NDArray[np.float64]
    ) -> NDArray[np.int32]:
        """Choose the categories of events of some of the histories, (m, n_categories), given the silence."""
        version = choose(self.versions[rows, columns] + 1e-300, uniform)
        return self.categories[rows, columns, version]


def n_versions(n_items: int, n_categories: int) -> int:
    """How many versions of each event there are: one if it has no categories."""
    return max(2, _VERSIONS // n_items) if n_categories else 1


def _versions(
    walk: EventWalk, seconds: NDArray[np.float64], shape: tuple[int, int, int], names: Any
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Give the log-probability of silences before versions of all events, and the categories of these."""
    log_silence, categories, n = [], [], math.prod(shape)
    for start in range(0, n, _AT_ONCE):
        row, column, version = np.unravel_index(np.arange(start, min(start + _AT_ONCE, n)), shape)
        codes = (N_RESERVED + column).astype(np.int32)
        counters = [name[row] if isinstance(name, np.ndarray) else name for name in names]
        drawn = walk.categories(codes, partial(_uniforms, *counters, column, version), row)
        gaps = walk.gaps(codes, drawn, seconds[row], row)
        log_silence.append(gaps.log_silence())
        categories.append(drawn)
    return np.concatenate(log_silence).reshape(shape), np.concatenate(categories).reshape(*shape, -1)


def _uniforms(seed: Any, *counters_and_n: Any) -> NDArray[np.float64]:
    """Give n numbers for each of some rows, (m, n), which counters tell apart; n comes last."""
    *counters, n = counters_and_n
    return uniforms(seed, *(np.asarray(counter)[..., None] for counter in counters), np.arange(n))
