"""From probabilities to choices: temperature, the likeliest alone or of whole paths, and numbers of a row's own."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seqrec.data.vocabulary import N_RESERVED
from seqrec.generate.paths import Walk, probabilities

AS_IT_IS = (1.0, None, None)  # temperature, top_k and top_p that leave probabilities as they are
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


def draw_next(
    walk: Walk, uniform: NDArray[np.float64], may_end: bool, shape: tuple[float, int | None, float | None] = AS_IT_IS
) -> NDArray[np.intp]:
    """Draw what comes next in each sequence by its probabilities, which may be `shaped`: columns, (n,)."""
    columns = np.empty(len(uniform), np.intp)
    for part, weights in walk.next_weights():
        if not may_end:
            weights[:, -1] = 0
        columns[part] = choose(shaped(weights, *shape), uniform[part])
    return columns


class Path(NamedTuple):
    """Kinds of events, one after another.

    Attributes
    ----------
    columns : (n_events,) int64
        Which of those that could come next.
    log_p : (n_events,) float64, nats
        Log-probability of each, given those before.
    """

    columns: NDArray[np.intp]
    log_p: NDArray[np.float64]


def beam(
    walk: Walk, n: int, n_beams: int, length: int, stops: NDArray[np.bool_], passes: NDArray[np.bool_], may_be_cut: bool
) -> list[Path]:
    """Search the likeliest way on of each sequence to some kind of event.

    Parameters
    ----------
    walk : Walk
        Of n sequences, each of them n_beams times.
    n, n_beams : int
    length : int
        Most events of a path.
    stops : (n_kinds,) bool
        Kinds of events that a path ends with.
    passes : (n_kinds,) bool
        Those that it leads over.
    may_be_cut : bool
        Whether a path of `length` events is one too, without any of these.

    Returns
    -------
    paths : list of n Path
        Of no event where none was found.

    References
    ----------
    Lowerre (1976), "The HARPY speech recognition system".
    """
    beams = _Beams(np.where(np.arange(n_beams) == 0, 0.0, np.full((n, 1), -np.inf)), *np.zeros((2, n, n_beams, 0)))
    best, best_log_p = [Path(np.zeros(0, np.intp), np.zeros(0))] * n, np.full(n, -np.inf)
    for step in range(length):
        with np.errstate(divide="ignore"):
            log_p = np.log(probabilities(walk)).reshape(n, n_beams, -1)
        ended = beams.followed(np.where(stops, log_p, -np.inf), 1)
        beams = beams.followed(np.where(passes, log_p, -np.inf), n_beams)
        candidates = [ended] + [beams] * (may_be_cut and step + 1 == length)
        for found in candidates:
            for row in np.flatnonzero(found.total[:, 0] > best_log_p):
                best[row], best_log_p[row] = found.first(int(row)), found.total[row, 0]
        if step + 1 == length or (beams.total[:, 0] <= best_log_p).all():
            break
        walk.keep((np.arange(n)[:, None] * n_beams + beams.parents).ravel())
        latest = np.where(np.isneginf(beams.total), 0, beams.columns[:, :, -1])  # what is no path goes on anyhow
        codes = (N_RESERVED + latest.ravel()).astype(np.int32)
        walk.take(codes, lambda k: np.full((n * n_beams, k), 0.5))
    return best


class _Beams(NamedTuple):
    """The likeliest paths so far of each sequence, the likeliest first.

    Attributes
    ----------
    total : (n, n_beams) float64
        Their log-probabilities; minus infinity where there is none.
    columns, log_p : (n, n_beams, n_events) arrays
        Their events.
    parents : (n, n_beams) int
        Which beam before each follows.
    """

    total: NDArray[np.float64]
    columns: NDArray
    log_p: NDArray[np.float64]
    parents: Any = None

    def followed(self, log_p: NDArray[np.float64], n_beams: int) -> _Beams:
        """Give the likeliest paths of one event more, by the log-probability of each, (n, n_beams, n_kinds)."""
        total = (self.total[:, :, None] + log_p).reshape(len(log_p), -1)
        best = np.argpartition(-total, n_beams - 1, axis=1)[:, :n_beams]
        best = np.take_along_axis(best, np.argsort(-np.take_along_axis(total, best, axis=1), axis=1, kind="stable"), 1)
        parents, columns = np.divmod(best, log_p.shape[2])
        added = columns, np.take_along_axis(log_p.reshape(total.shape), best, axis=1)
        before = (np.take_along_axis(part, parents[:, :, None], axis=1) for part in (self.columns, self.log_p))
        longer = (np.concatenate([old, new[:, :, None]], axis=2) for old, new in zip(before, added, strict=True))
        return _Beams(np.take_along_axis(total, best, axis=1), next(longer), next(longer), parents)

    def first(self, row: int) -> Path:
        """Give the likeliest path of a sequence."""
        return Path(self.columns[row, 0].astype(np.intp), self.log_p[row, 0])


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
