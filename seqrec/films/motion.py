"""One motion of a whole image, to a fraction of a pixel: found by correlation, and continued."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage


def global_motion(images: NDArray) -> NDArray[np.float64]:
    """Give the motion that the images of a film share: rows down and columns to the right, from each to the next.

    The cross-correlations of each image with the next are added up; their peak is the motion, and a parabola through
    the peak and its neighbours gives its fraction. Spectra are not divided by their size, as phase correlation does: on
    radar images this found worse motions, as it makes as much of noise as of shapes.

    Parameters
    ----------
    images : (time, height, width, channels) array

    Returns
    -------
    motion : (2,) float64, pixels an image
        0 for a single image, and where nothing is in sight.

    References
    ----------
    Kuglin & Hines (1975), "The phase correlation image alignment method".
    """
    height, width = images.shape[1:3]
    faded = np.hanning(height + 2)[1:-1, None] * np.hanning(width + 2)[1:-1]  # so that opposite edges do not count
    centred = images - images.mean(axis=(1, 2), keepdims=True)
    spectrum = fft.rfft2(centred * faded[..., None], axes=(1, 2))
    cross = (spectrum[1:] * spectrum[:-1].conj()).sum(axis=(0, 3))
    surface = fft.irfft2(cross, s=(height, width))
    if surface.max() <= 1e-9 * images.size:
        return np.zeros(2)
    row, column = np.unravel_index(np.argmax(surface), surface.shape)
    return np.array([_peak(surface[:, column], int(row)), _peak(surface[row], int(column))])


def moved(image: NDArray, by: NDArray[np.float64]) -> NDArray:
    """Give an image, (height, width, channels), moved by rows and columns; black comes in at the edges."""
    return ndimage.shift(image, (*by, 0), order=1, mode="constant")


def _peak(line: NDArray, at: int) -> float:
    """Give the place of a peak of a line that goes round: beyond its middle, it is a place before the start."""
    before, here, after = line[at - 1], line[at], line[(at + 1) % len(line)]
    curvature = before - 2 * here + after
    place = at + (0.5 * (before - after) / curvature if curvature < 0 else 0.0)
    return place - len(line) if place > len(line) / 2 else place
