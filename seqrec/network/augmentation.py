"""Frames as they might have been as well: faster or slower, with noise, and with stretches and channels left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SLOWEST, _FASTEST = 0.8, 1.25  # lengths, of those that they were
_NOISE = 0.1  # in spreads of a channel
_LONGEST_GAP = 0.2  # of a sequence
_CHANNELS_OUT = 0.1  # share

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
    step = np.maximum(lengths - 1, 0) / np.maximum(new - 1, 1)
    at = np.arange(new.max(initial=1)) * step[:, None]  # (batch, new time)
    before = np.minimum(at.astype(np.intp), np.maximum(lengths - 1, 0)[:, None])
    after = np.minimum(before + 1, np.maximum(lengths - 1, 0)[:, None])
    share = (at - before)[..., None].astype(np.float32)
    rows = np.arange(len(frames))[:, None]
    drawn = frames[rows, before] * (1 - share) + frames[rows, after] * share
    drawn[np.arange(drawn.shape[1]) >= new[:, None]] = 0
    return drawn, new


def altered(frames: Frames, lengths: NDArray, rng: np.random.Generator) -> Frames:
    """Add noise, and leave out a stretch of time and some channels of each sequence: 0 stands for what is not known.

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
    noise = rng.standard_normal(frames.shape, dtype=np.float32)
    return (frames + _NOISE * noise) * ~out[..., None] * kept[:, None]
