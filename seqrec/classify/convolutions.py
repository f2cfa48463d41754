"""Random convolutions of frames: how often each pattern is met in a sequence, and a ridge regression of that."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import reduce
from typing import Annotated, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from seqrec.classify.summaries import Usual
from seqrec.network.augmentation import at_lengths
from seqrec.network.frame_training import FrameSet
from seqrec.storage.arrays import Array
from seqrec.storage.schemas import Integer

_TAPS = 9  # frames that a pattern is made of
_N_PATTERNS, _N_LEVELS = 500, 4
_MOST_CHANNELS = 9  # of a pattern
_LENGTHS = (64, 1_024)  # fewest and most frames to which sequences are stretched
_FRAMES_AT_ONCE = 4_096  # times as many patterns
_FRAMES_LOOKED_AT = 12_800  # to see what is usual
_LOWEST, _HIGHEST = 0.1, 0.9  # quantiles between which levels are drawn
_RAMP = 0.4  # spreads over which a level is passed
_STEEPNESS = 4.0  # log-odds of a class for each unit between -1 and 1, about


class Convolutions(NamedTuple):
    """Random patterns of nine frames, near to each other or far apart, and levels that they exceed now and then.

    A sequence is stretched to one length, so that a word has its patterns however fast it is said, and becomes the
    shares of its frames at which each pattern exceeds each of its levels. A level is passed by and by, so that a
    rounding does not tip a frame.

    Attributes
    ----------
    length : int
        Frames to which sequences are stretched.
    dilations : (n_dilations,) int64
        Frames from one of the nine to the next.
    kernels : (n_dilations, 9, n_inputs, n_kernels) float32
    levels : (n_levels, n_dilations, n_kernels) float32
    widths : (n_dilations, n_kernels) float32
        Over which a level is passed.

    References
    ----------
    Dempster, Petitjean & Webb (2020), "ROCKET: exceptionally fast and accurate time series classification using random
    convolutional kernels"; Dempster, Schmidt & Webb (2021), "MiniRocket", for shares as the only features.
    """

    length: Annotated[int, Integer(*_LENGTHS)]
    dilations: Annotated[NDArray[np.int64], Array("int64", "n_dilations", low=1)]
    kernels: Annotated[NDArray[np.float32], Array("float32", "n_dilations", _TAPS, "n_inputs", "n_kernels")]
    levels: Annotated[NDArray[np.float32], Array("float32", _N_LEVELS, "n_dilations", "n_kernels")]
    widths: Annotated[NDArray[np.float32], Array("float32", "n_dilations", "n_kernels", low=math.ulp(0.0))]

    @classmethod
    def draw(cls, frames: FrameSet, rng: np.random.Generator) -> Self:
        """Draw patterns, as long as a sequence at most, and levels between what they usually are."""
        length = int(np.clip(np.median(frames.lengths), *_LENGTHS))
        reach = (length - 1) / (_TAPS - 1)
        n_octaves = math.ceil(math.log2(reach))
        dilations = np.unique(np.rint(2 ** np.linspace(0, math.log2(reach), n_octaves + 1)).astype(np.int64))
        n_inputs, n_kernels = frames.values.shape[1], max(1, _N_PATTERNS // len(dilations))
        drawn = cls(
            length,
            dilations,
            np.stack([_kernels(n_inputs, n_kernels, rng) for _ in dilations]),
            np.zeros((_N_LEVELS, len(dilations), n_kernels), np.float32),
            np.ones((len(dilations), n_kernels), np.float32),
        )
        rows = rng.permutation(np.flatnonzero(frames.lengths))[: _FRAMES_LOOKED_AT // length]
        found = np.concatenate([part for _, part in drawn._found(frames, rows)])
        found = found.reshape(-1, *found.shape[2:])  # (n, n_dilations, n_kernels)
        quantiles = np.quantile(found, np.linspace(_LOWEST, _HIGHEST, 9 * _N_LEVELS), axis=0)
        chosen = rng.integers(0, len(quantiles), drawn.levels.shape)
        levels = np.take_along_axis(quantiles, chosen, axis=0).astype(np.float32)
        spread = found.std(axis=0)
        return drawn._replace(levels=levels, widths=np.where(spread > 0, _RAMP * spread, 1).astype(np.float32))

    def shares(self, frames: FrameSet) -> NDArray[np.float32]:
        """Give the shares of the frames that exceed the levels, (n_sequences, n_shares)."""
        shares = np.zeros((len(frames.lengths), self.levels.size), np.float32)
        for rows, found in self.in_parts(frames):
            shares[rows] = found
        return shares

    def in_parts(self, frames: FrameSet) -> Iterator[tuple[NDArray, NDArray[np.float32]]]:
        """Give some rows at a time and their shares, (n, n_shares); of sequences without frames there are none."""
        starts = self.levels / self.widths - np.float32(0.5)  # where a level begins to be passed
        for rows, found in self._found(frames, np.flatnonzero(frames.lengths)):
            found /= self.widths
            above = [np.clip(found - lowest, 0, 1).mean(axis=1) for lowest in starts]
            yield rows, np.stack(above, axis=1).reshape(len(rows), -1)

    def check_sound(self) -> None:
        """Raise ValueError where a pattern is longer than a sequence."""
        if self.dilations.max(initial=1) > self.length:
            raise ValueError("a convolution reaches farther than the sequences that it is for.")

    def check_fits(self, n_inputs: int) -> None:
        """Raise ValueError unless they are of so many inputs."""
        if self.kernels.shape[2] != n_inputs:
            raise ValueError("the convolutions are not those of so many channels.")

    def _found(self, frames: FrameSet, rows: NDArray) -> Iterator[tuple[NDArray, NDArray[np.float32]]]:
        """Give how strong each pattern is around each frame, (n, length, n_dilations, n_kernels), of some rows each."""
        n_at_once = max(1, _FRAMES_AT_ONCE // self.length)
        for part, (padded, lengths, _), _, _ in frames.in_parts(rows):
            for start in range(0, len(part), n_at_once):
                some = slice(start, start + n_at_once)
                stretched = at_lengths(padded[some], lengths[some], np.full(len(lengths[some]), self.length))
                yield part[some], self._strengths(stretched)

    def _strengths(self, stretched: NDArray[np.float32]) -> NDArray[np.float32]:
        strengths = []
        for dilation, kernels in zip(self.dilations.tolist(), self.kernels, strict=True):
            around = dilation * (_TAPS // 2)
            wide = np.pad(stretched, ((0, 0), (around, around), (0, 0)))
            taps = (wide[:, dilation * tap : dilation * tap + self.length] @ one for tap, one in enumerate(kernels))
            strengths.append(reduce(np.add, taps))
        return np.stack(strengths, axis=2)


class RidgeRegression(NamedTuple):
    """What a ridge regression of the shares of `Convolutions` has learned, which has one output a class."""

    coef: Annotated[NDArray[np.float64], Array("float64", "n_classes", "n_shares")]
    intercept: Annotated[NDArray[np.float64], Array("float64", "n_classes")]

    @classmethod
    def fit(cls, shares: NDArray, labels: NDArray, weights: NDArray) -> Self:
        """Learn from shares, (n, n_shares), and class numbers, of which none may be lacking."""
        usual = Usual.of(shares)
        wanted = 2.0 * (labels[:, None] == np.unique(labels)) - 1
        fitted = Ridge(alpha=shares.shape[1] / 2, solver="cholesky").fit(usual.in_spreads(shares), wanted, weights)
        coef = fitted.coef_ / np.where(usual.spread > 0, usual.spread, np.inf)
        return cls(_STEEPNESS * coef, _STEEPNESS * (fitted.intercept_ - coef @ usual.mean))

    def log_probabilities(self, shares: NDArray) -> NDArray[np.float64]:
        """Give what stands for log-probabilities but for a factor, (n, n_classes)."""
        return shares @ self.coef.T + self.intercept

    def check_fits(self, n_classes: int, n_shares: int) -> None:
        """Raise ValueError unless it is one of so many classes and shares."""
        if self.coef.shape != (n_classes, n_shares):
            raise ValueError("the regression of convolutions is not one of so many classes and shares.")


def _kernels(n_inputs: int, n_kernels: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw patterns of some inputs each, whose numbers add up to 0 in each of these: (9, n_inputs, n_kernels)."""
    kernels = np.zeros((_TAPS, n_inputs, n_kernels), np.float32)
    for kernel in range(n_kernels):
        n = int(2 ** rng.uniform(0, math.log2(min(n_inputs, _MOST_CHANNELS) + 1)))
        drawn = rng.normal(size=(_TAPS, n))
        kernels[:, rng.choice(n_inputs, n, replace=False), kernel] = (drawn - drawn.mean(axis=0)) / math.sqrt(_TAPS * n)
    return kernels
