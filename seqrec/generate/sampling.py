"""From probabilities to choices: temperature, the likeliest only, and numbers at random that a row has of its own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def shaped(
    weights: ArrayLike, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> NDArray[np.floating]:
    """Give the weights to choose by.

    Parameters
    ----------
    weights : (n, n_kinds) float
        In proportion to the probabilities of each row.
    temperature : float, above 0
        Log-probabilities are divided by it: below 1 the likely becomes likelier.
    top_k : int, optional
        Choose among so many, the likeliest; of ties, those that come first.
    top_p : float, optional
        Choose among the likeliest that have this probability together.

    Returns
    -------
    weights : (n, n_kinds) float
        In proportion to the probabilities to choose by.

    References
    ----------
    Holtzman et al. (2020), "The curious case of neural text degeneration", section 3, for `top_p`; Fan et al. (2018),
    "Hierarchical neural story generation", for `top_k`.

    Examples
    --------
    >>> shaped([[0.5, 0.3, 0.2]], top_k=2).tolist()
    [[0.5, 0.3, 0.0]]
    >>> shaped([[0.5, 0.3, 0.2]], top_p=0.5).tolist()
    [[0.5, 0.0, 0.0]]
    """
    p = np.asarray(weights)
    if temperature != 1:
        p = (p / p.max(axis=1, keepdims=True)) ** (1 / temperature)
    if top_k is None and top_p is None:
        return p
    order = np.argsort(-p, axis=1, kind="stable")
    ranked = np.take_along_axis(p, order, axis=1)
    kept = np.ones(p.shape, dtype=bool)
    if top_k is not None:
        kept[:, top_k:] = False
    if top_p is not None:
        total = ranked.cumsum(axis=1)
        kept &= total - ranked < top_p * total[:, -1:]
    shaped = np.zeros_like(p)
    np.put_along_axis(shaped, order, np.where(kept, ranked, 0), axis=1)
    return shaped


def choose(weights: NDArray[np.floating], uniform: NDArray[np.float64]) -> NDArray[np.intp]:
    """Choose a kind for each row by its weights, (n, n_kinds), and a number in [0, 1), (n,).

    Examples
    --------
    >>> choose(np.array([[0.5, 0.0, 0.5]] * 3), np.array([0.0, 0.5, 0.99])).tolist()
    [0, 2, 2]
    """
    n_kinds, rows = weights.shape[1], np.arange(len(weights))
    width = math.isqrt(n_kinds)  # first a block of kinds is chosen, and then one of its kinds
    starts = np.arange(0, n_kinds, width)
    total = np.add.reduceat(weights, starts, axis=1).cumsum(axis=1)
    whole = total[:, -1]
    below = np.minimum((uniform * whole).astype(total.dtype), np.nextafter(whole, total.dtype.type(0)))
    block = (total <= below[:, None]).sum(axis=1)
    left = np.maximum(below - np.where(block, total[rows, block - 1], 0), 0)
    columns = starts[block][:, None] + np.arange(width)
    inside = np.where(columns < n_kinds, weights[rows[:, None], np.minimum(columns, n_kinds - 1)], 0)
    passed = (inside.cumsum(axis=1) <= left[:, None]).sum(axis=1)
    last = width - 1 - np.argmax(inside[:, ::-1] > 0, axis=1)  # what is left may be all of the block, but for rounding
    return starts[block] + np.minimum(passed, last)


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
