"""Images of films as bytes that a page can draw: grey or in colours, small enough to send, and where they are odd."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seqrec.explore.front_end import packed

_WIDEST = 192  # pixels that are sent of a side
_MOST = 2**21  # values that are sent of all images in view


class Frame(NamedTuple):
    """What is sent of each image.

    Attributes
    ----------
    height, width : int
        Pixels that are sent.
    channels : int
        1: grey, or 3: red, green and blue.
    every : int
        Pixels of the film, in each direction, that are sent as one.
    """

    height: int
    width: int
    channels: int
    every: int

    @classmethod
    def of(cls, shape: tuple[int, int, int], n_images: int) -> Self:
        """Choose it for images of a shape (height, width, channels)."""
        height, width, given = shape
        channels = 3 if given == 3 else 1
        every = max(1, -(-max(height, width) // _WIDEST))
        every = max(every, int(np.ceil(np.sqrt(n_images * height * width * channels / _MOST))))
        return cls(-(-height // every), -(-width // every), channels, every)

    @property
    def note(self) -> str:
        """Say what is not as in the film."""
        return f"Shown smaller: {self.every} by {self.every} pixels as one." if self.every > 1 else ""

    def means(self, images: NDArray) -> NDArray:
        """Give images, (n, height, width, channels), with the means of pixels that are sent as one."""
        images = images if images.shape[3] == self.channels else images.mean(axis=3, keepdims=True)
        if self.every == 1:
            return images
        rows, columns = (np.arange(0, size, self.every) for size in images.shape[1:3])
        n = (
            np.diff(np.append(rows, images.shape[1]))[:, None, None]
            * np.diff(np.append(columns, images.shape[2]))[:, None]
        )
        return np.add.reduceat(np.add.reduceat(images, rows, axis=1), columns, axis=2) / n

    def largest(self, values: NDArray) -> NDArray:
        """Give values of places, (n, height, width), with the largest of those that are sent as one."""
        values = np.nan_to_num(values)
        rows, columns = (np.arange(0, size, self.every) for size in values.shape[1:3])
        return np.maximum.reduceat(np.maximum.reduceat(values, rows, axis=1), columns, axis=2)


def packed_images(images: NDArray[np.float32], frame: Frame) -> bytes:
    """Give images, (n, height, width, channels) from 0 to 1, as bytes."""
    return packed(np.rint(np.clip(frame.means(images), 0, 1) * 255), "uint8")


def differences(came: NDArray[np.float32], told: NDArray[np.float32], frame: Frame) -> bytes:
    """Give by how much more came than was forecast, -1 to 1, as signed bytes of one channel."""
    difference = frame.means(came - told).mean(axis=3)
    return packed(np.rint(np.clip(difference, -1, 1) * 127), "int8")


def oddest_place(nats: NDArray[np.float32], frame: Frame) -> list[float]:
    """Give row and column, as they are sent, of the most surprising place, and its nats; nothing for a first image."""
    if np.isnan(nats).all():
        return []
    row, column = np.unravel_index(np.argmax(nats), nats.shape)
    return [int(row) // frame.every, int(column) // frame.every, float(nats[row, column])]
