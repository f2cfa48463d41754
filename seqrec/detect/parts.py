"""From how odd each event is to how odd a sequence is: several parts, since the right one differs from log to log."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Parts = dict[str, NDArray[np.float64]]  # name: one figure a sequence, higher is odder

_TOP = 3  # events whose mean is a part
_WINDOW = 10  # events that slide along the sequence
_LOG_STEP = 0.2886  # mean of -log|z - z'| of independent standard normal values, and its variance
_LOG_STEP_VARIANCE = np.pi**2 / 8
_SMALLEST_STEP = 0.01  # times have a resolution: two equal gaps are not infinitely regular


class SurprisalParts(NamedTuple):
    """How odd n sequences are by the surprisal of their events, which may come piece by piece.

    Attributes
    ----------
    top : (n, 3) float64
        The highest, rising.
    window : (n,) float64
        The highest sum of ten events in a row.
    total : (n,) float64
    lengths : (n,) int64
        Of events so far.
    latest : (n, 9) float64
        The last one at the end; 0 where there were fewer.

    Examples
    --------
    >>> parts = SurprisalParts.start(1).update(np.array([1.0, 5.0, 3.0]), np.array([0, 3])).parts()
    >>> {name: float(values[0]) for name, values in parts.items()}
    {'max': 5.0, 'top': 3.0, 'window': 9.0, 'mean': 3.0}
    """

    top: NDArray[np.float64]
    window: NDArray[np.float64]
    total: NDArray[np.float64]
    lengths: NDArray[np.int64]
    latest: NDArray[np.float64]

    @classmethod
    def start(cls, n: int) -> SurprisalParts:
        """Know nothing yet of n sequences."""
        none = np.zeros(n)
        return cls(np.zeros((n, _TOP)), none, none, np.zeros(n, np.int64), np.zeros((n, _WINDOW - 1)))

    def update(self, surprisal: NDArray, indptr: NDArray) -> SurprisalParts:
        """Take in the next events of each sequence.

        Parameters
        ----------
        surprisal : (n_events,) floating array, nats
            At least 0.
        indptr : (n + 1,) integer
            Sequence i has the events ``indptr[i]:indptr[i + 1]``.
        """
        values = np.asarray(surprisal, dtype=np.float64)
        sums, _, latest = _windows(self.latest, self.lengths, values, indptr)
        return SurprisalParts(
            _top(self.top, values, indptr),
            np.maximum(self.window, _by_sequence(np.maximum, sums, indptr)),
            self.total + _by_sequence(np.add, values, indptr),
            self.lengths + np.diff(indptr),
            latest,
        )

    def parts(self) -> Parts:
        """Give the parts, of all events so far.

        Returns
        -------
        parts : dict of (n,) float64
            "max"; "top", the mean of the three highest; "window", the highest sum of ten events in a row; "mean". 0 for
            a sequence without events.
        """
        return {
            "max": self.top[:, -1],
            "top": self.top.sum(axis=1) / np.clip(self.lengths, 1, _TOP),
            "window": self.window,
            "mean": self.total / np.maximum(self.lengths, 1),
        }


class NumberParts(NamedTuple):
    """How odd n sequences are by a numeric field: one odd value, many that lean one way, too regular ones.

    Attributes
    ----------
    farthest, drift : (n,) float64
        The parts "max" and "drift".
    regular, constant : (n,) float64
        The sums of these parts.
    lengths : (n,) int64
        Of values so far; absent ones count as none.
    latest : (n, 9) float64
        Normal scores, the last one at the end; 0 where there were fewer.
    size : (n,) float64
        Of the last value.
    """

    farthest: NDArray[np.float64]
    drift: NDArray[np.float64]
    regular: NDArray[np.float64]
    constant: NDArray[np.float64]
    lengths: NDArray[np.int64]
    latest: NDArray[np.float64]
    size: NDArray[np.float64]

    @classmethod
    def start(cls, n: int) -> NumberParts:
        """Know nothing yet of n sequences."""
        none = np.zeros(n)
        return cls(none, none, none, none, np.zeros(n, np.int64), np.zeros((n, _WINDOW - 1)), none)

    def update(self, tails: NDArray, normal_scores: NDArray, sizes: NDArray, indptr: NDArray) -> NumberParts:
        """Take in the next events of each sequence.

        Parameters
        ----------
        tails : (n_events,) floating array, nats
            ``-log p`` of the value of each event, or of its absence; 0 where it is not given.
        normal_scores : (n_events,) floating array
            ``z = Phi^-1(F(value))``, with F the distribution that was expected: standard normal where the model is
            right. NaN where there is none.
        sizes : (n_events,) floating array
            Logarithm of the size of the values, in units of its spread among all values.
        indptr : (n + 1,) integer
            Sequence i has the events ``indptr[i]:indptr[i + 1]``.
        """
        there = ~np.isnan(normal_scores)
        z, sizes = np.asarray(normal_scores, dtype=np.float64)[there], np.asarray(sizes, dtype=np.float64)[there]
        of_values = np.concatenate([[0], np.cumsum(there)])[indptr]
        sums, widths, latest = _windows(self.latest, self.lengths, z, of_values)
        any_value, size = np.diff(of_values) > 0, self.size.copy()
        size[any_value] = sizes[of_values[1:][any_value] - 1]
        return NumberParts(
            np.maximum(self.farthest, _by_sequence(np.maximum, np.asarray(tails, dtype=np.float64), indptr)),
            np.maximum(self.drift, _by_sequence(np.maximum, np.abs(sums) / np.sqrt(widths), of_values)),
            self.regular + _nearness(self.latest[:, -1], self.lengths, z, of_values),
            self.constant + _nearness(self.size, self.lengths, sizes, of_values),
            self.lengths + np.diff(of_values),
            latest,
            size,
        )

    def parts(self) -> Parts:
        """Give the parts, of all values so far.

        Returns
        -------
        parts : dict of (n,) float64
            "max" of the tails; "drift", the highest ``|sum of z| / sqrt(m)`` of up to ten values in a row; "regular",
            how near to each other the z of successive values are, and "constant", the same of their sizes:
            ``sum(-log|z[t] - z[t - 1]| - E) / sqrt(n Var)``, with the mean and variance of that logarithm for
            independent standard normal values. 0 for a sequence without values.
        """
        spread = np.sqrt(np.maximum(self.lengths - 1, 1) * _LOG_STEP_VARIANCE)
        return {
            "max": self.farthest,
            "drift": self.drift,
            "regular": self.regular / spread,
            "constant": self.constant / spread,
        }


def _nearness(before: NDArray, count: NDArray, values: NDArray, indptr: NDArray) -> NDArray:
    """Sum over each sequence how near its values are to those before them; `before` is where `count` is above 0."""
    full = np.diff(indptr) > 0
    first = indptr[:-1][full]
    steps = np.abs(np.diff(values, prepend=0.0))
    steps[first] = np.abs(values[first] - before[full])
    nearness = -np.log(np.maximum(steps, _SMALLEST_STEP)) - _LOG_STEP
    nearness[first[count[full] == 0]] = 0  # the first value of a sequence has none before it
    return _by_sequence(np.add, nearness, indptr)


def _by_sequence(reduce: np.ufunc, values: NDArray, indptr: NDArray) -> NDArray:
    result = np.zeros(len(indptr) - 1)
    full = np.diff(indptr) > 0  # reduceat would give an empty sequence the first value of the next one
    if full.any():
        result[full] = reduce.reduceat(values, indptr[:-1][full])
    return result


def _top(top: NDArray, values: NDArray, indptr: NDArray) -> NDArray:
    """Give the three highest of each sequence, of those before and the new ones, rising."""
    lengths = np.diff(indptr)
    row = np.repeat(np.arange(len(lengths)), lengths)
    order = np.lexsort((-values, row))
    place = np.arange(len(values)) - indptr[:-1][row]
    kept = place < _TOP
    found = np.zeros((len(lengths), _TOP))
    found[row[kept], place[kept]] = values[order][kept]
    return np.sort(np.concatenate([top, found], axis=1), axis=1)[:, -_TOP:]


def _windows(latest: NDArray, count: NDArray, values: NDArray, indptr: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Sum the up to ten latest values at each of the new ones, count them, and give the latest nine after them.

    `latest` and `count` tell of the values before, as in `SurprisalParts`.
    """
    n_before = latest.shape[1]
    lengths = np.diff(indptr)
    row = np.repeat(np.arange(len(lengths)), lengths)
    ends = indptr + n_before * np.arange(len(indptr))  # of sequences that begin with those before
    at = np.arange(len(values)) + n_before * (row + 1)
    joined = np.zeros(ends[-1])
    joined[at] = values
    joined[ends[:-1, None] + np.arange(n_before)] = latest
    sums = joined[at]
    for distance in range(1, _WINDOW):  # differences of cumulated sums would depend on the other sequences
        sums += joined[at - distance]
    so_far = count[row] + np.arange(len(values)) - indptr[:-1][row] + 1
    return sums, np.minimum(so_far, _WINDOW), joined[ends[1:, None] - n_before + np.arange(n_before)]
