"""Frames as they might have been as well: faster, higher, with noise, and with stretches and channels left out."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_SLOWEST, _FASTEST = 0.8, 1.25  # lengths, of those that they were
_NOISE = 0.1  # in spreads of a channel
_LONGEST_GAP = 0.2  # of a sequence
_CHANNELS_OUT = 0.1  # share
_WIDEST, _FARTHEST = 1.15, 0.05  # of a row of channels: factor, and share of its width
_ALIKE, _LESS = 0.5, 0.1  # correlation of neighbours in such a row, and by how much more than of those far away
_FEWEST = 8  # channels of a row
_MOST_COMPARED = 20_000  # frames, about

Frames = NDArray[np.float32]


def stretched(frames: Frames, lengths: NDArray, rng: np.random.Generator) -> tuple[Frames, NDArray]:
    """Stretch each sequence in time by a factor of its own, with straight lines between its frames.

    Parameters
    ----------
    frames : (batch, time, n_inputs) float32, 0 after the end
    lengths : (batch,) int
    rng : numpy.random.Generator

    Returns
    -------
    frames : (batch, new time, n_inputs) float32
    lengths : (batch,) int
    """
    factors = np.exp(rng.uniform(np.log(_SLOWEST), np.log(_FASTEST), len(frames)))
    new = np.where(lengths > 1, np.maximum(np.rint(factors * lengths), 2), lengths).astype(lengths.dtype)
    return at_lengths(frames, lengths, new), new


def at_lengths(frames: Frames, lengths: NDArray, new: NDArray) -> Frames:
    """Stretch each sequence to another length, (batch,) int, with straight lines between its frames."""
    step = np.maximum(lengths - 1, 0) / np.maximum(new - 1, 1)
    at = np.arange(new.max(initial=1)) * step[:, None]  # (batch, new time)
    before = np.minimum(at.astype(np.intp), np.maximum(lengths - 1, 0)[:, None])
    after = np.minimum(before + 1, np.maximum(lengths - 1, 0)[:, None])
    share = (at - before)[..., None].astype(np.float32)
    rows = np.arange(len(frames))[:, None]
    drawn = frames[rows, before] * (1 - share) + frames[rows, after] * share
    drawn[np.arange(drawn.shape[1]) >= new[:, None]] = 0
    return drawn


def rows_of_alike(values: Frames) -> list[slice]:
    """Find channels whose order means something, such as bands of frequency or the pixels of a row.

    Each is like its neighbours, and less so like those that are farther away.

    Parameters
    ----------
    values : (n_events, n_channels), of a spread of 1

    Returns
    -------
    rows : list of slice
        Of at least eight channels each.
    """
    some = values[:: max(1, len(values) // _MOST_COMPARED)].astype(np.float64)
    apart = some - some.mean(axis=0)
    size = np.sqrt((apart**2).sum(axis=0))
    alike = apart.T @ apart / np.maximum(np.outer(size, size), 1e-9)
    of_neighbours = np.diagonal(alike, 1)
    ends = [0, *(np.flatnonzero(of_neighbours < _ALIKE) + 1).tolist(), len(size)]
    rows = [slice(start, stop) for start, stop in pairwise(ends) if stop - start >= _FEWEST]

    def falls(row: slice) -> bool:
        far = np.diagonal(alike[row, row], (row.stop - row.start) // 2)
        return bool(of_neighbours[row.start : row.stop - 1].mean() > far.mean() + _LESS)

    return [row for row in rows if falls(row)]


def shifted(frames: Frames, rows: list[slice], rng: np.random.Generator) -> Frames:
    """Move and stretch the channels of each row, in each sequence by as much as it will.

    So another voice has its formants elsewhere, and another hand writes to the side.

    Parameters
    ----------
    frames : (batch, time, n_inputs) float32
    rows : list of slice
        As `rows_of_alike` gives them.
    rng : numpy.random.Generator

    References
    ----------
    Jaitly & Hinton (2013), "Vocal tract length perturbation (VTLP) improves speech recognition".
    """
    frames = frames.copy() if rows else frames
    for row in rows:
        width = row.stop - row.start
        factor = np.exp(rng.uniform(-np.log(_WIDEST), np.log(_WIDEST), (len(frames), 1)))
        move = width * rng.uniform(-_FARTHEST, _FARTHEST, (len(frames), 1))
        middle = (width - 1) / 2
        at = np.clip(middle + (np.arange(width) - middle) * factor + move, 0, width - 1)  # (batch, width)
        before = np.minimum(at.astype(np.intp), width - 2)[:, None]
        share = (at[:, None] - before).astype(np.float32)
        own = frames[:, :, row]
        left, right = (np.take_along_axis(own, before + more, axis=2) for more in (0, 1))
        frames[:, :, row] = left * (1 - share) + right * share
    return frames


def altered(frames: Frames, lengths: NDArray, rng: np.random.Generator) -> Frames:
    """Add noise, and leave out a stretch of time and some channels of each sequence: 0 is what is not known.

    References
    ----------
    Park et al. (2019), "SpecAugment: a simple data augmentation method for automatic speech recognition".
    """
    n, time, n_inputs = frames.shape
    places = np.arange(time)
    gap = rng.uniform(0, _LONGEST_GAP, n) * lengths
    start = rng.uniform(0, 1, n) * (lengths - gap)
    out = (places >= start[:, None]) & (places < (start + gap)[:, None]) | (places >= lengths[:, None])
    kept = rng.random((n, n_inputs)) >= _CHANNELS_OUT * (n_inputs > 1)
    noise = _NOISE * rng.standard_normal(frames.shape, dtype=np.float32)
    return (frames + noise) * ~out[..., None] * kept[:, None]
