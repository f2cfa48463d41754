"""Patches of an image as the channels of fewer places, and back; what no patch fills is padded, and cut off again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def n_places(height: int, width: int, patch: int) -> tuple[int, int]:
    """Give the rows and columns of patches that cover an image."""
    return -(-height // patch), -(-width // patch)


def to_patches(images: NDArray, patch: int) -> NDArray:
    """Give images (..., height, width, channels) as (..., rows, columns, patch * patch * channels).

    The image ends at its right and lower edges with repetitions of these, if patches do not divide it.
    """
    *first, height, width, channels = images.shape
    rows, columns = n_places(height, width, patch)
    more = (rows * patch - height, columns * patch - width)
    if any(more):
        images = np.pad(images, [(0, 0)] * len(first) + [(0, more[0]), (0, more[1]), (0, 0)], mode="edge")
    cut = images.reshape(*first, rows, patch, columns, patch, channels).swapaxes(-4, -3)
    return np.ascontiguousarray(cut).reshape(*first, rows, columns, patch * patch * channels)


def from_patches(patches: NDArray, patch: int, shape: tuple[int, int, int]) -> NDArray:
    """Give the images, (..., height, width, channels), of a shape without what was padded."""
    *first, rows, columns, _ = patches.shape
    height, width, channels = shape
    cut = patches.reshape(*first, rows, columns, patch, patch, channels).swapaxes(-4, -3)
    return cut.reshape(*first, rows * patch, columns * patch, channels)[..., :height, :width, :]
