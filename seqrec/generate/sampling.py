"""From probabilities to choices: temperature, the likeliest only, and numbers at random that a row has of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def shaped(
    log_p: NDArray[np.floating], temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> NDArray[np.floating]:
    """Give the probabilities to choose by.

    Parameters
    ----------
    log_p : (n, n_kinds) float
        Logarithms of probabilities, but for a constant of each row; minus infinity for what cannot be chosen.
    temperature : float, above 0
        Log-probabilities are divided by it: below 1 the likely becomes likelier.
    top_k : int, optional
        Choose among so many, the likeliest; of ties, those that come first.
    top_p : float, optional
        Choose among the likeliest that have this probability together.

    Returns
    -------
    p : (n, n_kinds) float
        Each row adds up to 1.

    References
    ----------
    Holtzman et al. (2020), "The curious case of neural text degeneration", section 3, for `top_p`; Fan et al. (2018),
    "Hierarchical neural story generation", for `top_k`.

    Examples
    --------
    >>> shaped(np.log([[0.5, 0.3, 0.2]]), top_k=2).round(3).tolist()
    [[0.625, 0.375, 0.0]]
    >>> shaped(np.log([[0.5, 0.3, 0.2]]), top_p=0.5).tolist()
    [[1.0, 0.0, 0.0]]
    """
    p = np.exp((log_p - np.max(log_p, axis=1, keepdims=True)) / temperature)
    p /= p.sum(axis=1, keepdims=True)
    if top_k is None and top_p is None:
        return p
    order = np.argsort(-p, axis=1, kind="stable")
    ranked = np.take_along_axis(p, order, axis=1)
    kept = np.ones(p.shape, dtype=bool)
    if top_k is not None:
        kept[:, top_k:] = False
    if top_p is not None:
        kept &= ranked.cumsum(axis=1) - ranked < top_p
    np.put_along_axis(p, order, np.where(kept, ranked, 0.0), axis=1)
    return p / p.sum(axis=1, keepdims=True)


def choose(p: NDArray[np.floating], uniform: NDArray[np.float64]) -> NDArray[np.intp]:
    """Choose a kind for each row by its probabilities, (n, n_kinds), and a number in [0, 1), (n,).

    Examples
    --------
    >>> choose(np.array([[0.5, 0.0, 0.5]] * 3), np.array([0.0, 0.5, 0.99])).tolist()
    [0, 2, 2]
    """
    total = p.cumsum(axis=1)
    whole = total[:, -1:]
    below = np.minimum((uniform[:, None] * whole).astype(p.dtype), np.nextafter(whole, p.dtype.type(0)))
    return (total <= below).sum(axis=1)


def uniforms(seed: int, *counters: Any) -> NDArray[np.float64]:
    """Give a number in [0, 1) for each place of some counters, whatever others are asked beside it.

    Parameters
    ----------
    seed : int
    counters : int or arrays of integers that fit each other's shape
        Such as numbers of sequences, (n,), and of a step.

    References
    ----------
    Steele, Lea & Flood (2014), "Fast splittable pseudorandom number generators": the finaliser of SplitMix64, on
    counters.
    """
    mixed = np.asarray(seed, np.uint64)
    with np.errstate(over="ignore"):
        for counter in counters:
            mixed = _mix(mixed + (np.asarray(counter, np.uint64) + np.uint64(1)) * _GOLDEN)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
