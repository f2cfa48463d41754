"""From how odd each event is to how odd a sequence is: several pools, since the right one differs from log to log."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pools = dict[str, NDArray[np.float64]]  # name: one figure a sequence, higher is odder

_TOP = 3  # events whose mean is a pool
_WINDOW = 10  # events that slide along the sequence
_LOG_STEP = 0.2886  # mean of -log|z - z'| of independent standard normal values, and its variance
_LOG_STEP_VARIANCE = np.pi**2 / 8
_SMALLEST_STEP = 0.01  # times have a resolution: two equal gaps are not infinitely regular


def surprisal_pools(surprisal: NDArray, indptr: NDArray) -> Pools:
    """Pool the surprisal of events.

    Parameters
    ----------
    surprisal : (n_events,) floating array, nats
    indptr : (n + 1,) integer
        Sequence i has the events ``indptr[i]:indptr[i + 1]``.

    Returns
    -------
    pools : dict of (n,) float64
        "max"; "top", the mean of the three highest; "window", the highest sum of ten events in a row; "mean". 0 for a
        sequence without events.

    Examples
    --------
    >>> pools = surprisal_pools(np.array([1.0, 5.0, 3.0]), np.array([0, 3]))
    >>> {name: float(values[0]) for name, values in pools.items()}
    {'max': 5.0, 'top': 3.0, 'window': 9.0, 'mean': 3.0}
    """
    surprisal = np.asarray(surprisal, dtype=np.float64)
    return {
        "max": _maxima(surprisal, indptr),
        "top": _top_means(surprisal, indptr),
        "window": _maxima(_window_sums(surprisal, indptr)[0], indptr),
        "mean": _sums(surprisal, indptr) / np.maximum(np.diff(indptr), 1),
    }


def number_pools(tails: NDArray, normal_scores: NDArray, sizes: NDArray, indptr: NDArray) -> Pools:
    """Pool what a numeric field shows: one odd value, many values that lean one way, and values that are too regular.

    Parameters
    ----------
    tails : (n_events,) floating array, nats
        ``-log p`` of the value of each event; 0 where it is missing.
    normal_scores : (n_events,) floating array
        ``z = Phi^-1(F(value))``, with F the distribution that was expected: standard normal where the model is right.
        NaN where there is none.
    sizes : (n_events,) floating array
        Logarithm of the size of the values, in units of its spread among all values.
    indptr : (n + 1,) integer
        Sequence i has the events ``indptr[i]:indptr[i + 1]``.

    Returns
    -------
    pools : dict of (n,) float64
        "max" of the tails; "drift", the highest ``|sum of z| / sqrt(m)`` of up to ten values in a row; "regular", how
        near to each other the z of successive values are, and "constant", the same of their sizes:
        ``sum(-log|z[t] - z[t - 1]| - E) / sqrt(n Var)``, with the mean and variance of that logarithm for independent
        standard normal values. 0 for a sequence without values.
    """
    there = ~np.isnan(normal_scores)
    z, sizes = np.asarray(normal_scores, dtype=np.float64)[there], np.asarray(sizes, dtype=np.float64)[there]
    of_values = np.concatenate([[0], np.cumsum(there)])[indptr]
    sums, widths = _window_sums(z, of_values)
    return {
        "max": _maxima(np.asarray(tails, dtype=np.float64), indptr),
        "drift": _maxima(np.abs(sums) / np.sqrt(widths), of_values),
        "regular": _regularity(z, of_values),
        "constant": _regularity(sizes, of_values),
    }


def _regularity(values: NDArray, indptr: NDArray) -> NDArray:
    lengths = np.diff(indptr)
    steps = np.abs(np.diff(values, prepend=0.0))
    nearness = -np.log(np.maximum(steps, _SMALLEST_STEP)) - _LOG_STEP
    nearness[indptr[:-1][lengths > 0]] = 0  # the first value of a sequence has none before it
    return _sums(nearness, indptr) / np.sqrt(np.maximum(lengths - 1, 1) * _LOG_STEP_VARIANCE)


def _sums(values: NDArray, indptr: NDArray) -> NDArray:
    return _by_sequence(np.add, values, indptr)


def _maxima(values: NDArray, indptr: NDArray) -> NDArray:
    return _by_sequence(np.maximum, values, indptr)


def _by_sequence(reduce: np.ufunc, values: NDArray, indptr: NDArray) -> NDArray:
    result = np.zeros(len(indptr) - 1)
    full = np.diff(indptr) > 0  # reduceat would give an empty sequence the first value of the next one
    if full.any():
        result[full] = reduce.reduceat(values, indptr[:-1][full])
    return result


def _top_means(values: NDArray, indptr: NDArray) -> NDArray:
    lengths = np.diff(indptr)
    row = np.repeat(np.arange(len(lengths)), lengths)
    order = np.lexsort((-values, row))
    top = np.arange(len(values)) - indptr[:-1][row] < _TOP
    sums = np.bincount(row[top], weights=values[order][top], minlength=len(lengths))
    return sums / np.clip(lengths, 1, _TOP)


def _window_sums(values: NDArray, indptr: NDArray) -> tuple[NDArray, NDArray]:
    """Sum the up to ten latest values at each event, and count them."""
    until = np.concatenate([[0.0], np.cumsum(values)])
    event = np.arange(len(values))
    first = np.maximum(np.repeat(indptr[:-1], np.diff(indptr)), event - _WINDOW + 1)
    return until[event + 1] - until[first], event + 1 - first
