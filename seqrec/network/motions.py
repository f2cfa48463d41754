"""Motions from one image to the next: how places seem to have moved, and the image that follows where they go on."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqrec.network.architectures import FilmArchitecture
from seqrec.network.tensorflow import tf

SHARPNESS = 4.0  # of distributions of rows and columns that are told: a motion is learned sooner
DECISIVE = 12.0  # of those that are seen: what a squared difference counts, beside the mean of all
LEAST_SHARE = 1e-3  # of a shift, of those that are seen
_NEW = -2.0  # beside the logits of motions, that of what is new, before anything is learned
_LEAST = 1e-3  # squared difference of a place, below which nothing seems to move


class Motions:
    """The next image as a mixture: of the last one, moved in a few ways, and of what is drawn anew.

    Each place tells for each of its motions a distribution over the rows, and one over the columns, that its pixels
    come from; and for each pixel how much of it moves in which way, and how much is new. A network that tells 0 of all
    lets each place go on as it seems to have moved, and little be new: so learning begins.

    Parameters
    ----------
    architecture : FilmArchitecture
        With motions.

    References
    ----------
    Finn, Goodfellow & Levine (2016), "Unsupervised learning for physical interaction through video prediction",
    sections 3.1 and 3.2, for images that move. Dosovitskiy et al. (2015), "FlowNet", section 3, for images that are
    compared at every shift.
    """

    def __init__(self, architecture: FilmArchitecture) -> None:
        self.sizes, self.n_motions = architecture.sizes_told, architecture.n_motions
        self.patch, self.reach = patch, reach = architecture.patch, architecture.reach
        self.channels = architecture.n_inputs // patch**2
        self.n_shifts = 2 * reach + 1
        self._wide = wide = patch + 2 * reach
        shift, at, own = np.arange(self.n_shifts), np.arange(wide)[:, None], np.arange(patch)[:, None, None]
        lies = at == own + shift  # (patch, wide, n_shifts)
        self._of_shift = _flat(lies.transpose(2, 0, 1))  # (n_shifts, patch * wide)
        self._along = _flat(lies)  # (patch, wide * n_shifts)
        within = lies.any(axis=0)  # (wide, n_shifts)
        self._within = np.kron(within, within).astype(np.float32)  # (wide * wide, n_shifts * n_shifts)

    def seen(self, before: Any, images: Any) -> Any:
        """Tell how each place seems to have moved: the shares of the rows, and of the columns, that it comes from.

        Each place and those around it are compared with the image before at every shift; the less the squared
        difference is, beside the mean of all shifts, the larger is its share. No gradient goes through it.

        Parameters
        ----------
        before, images : (n, height, width, n_inputs) tensors

        Returns
        -------
        shares : (n, height, width, 2 n_shifts) tensor
        """
        shape = tf.shape(images)[:3]
        around, own = self._around(before), self._pixels(images)
        shifted = self._shaped(own, shape, self.channels, self.patch, -1) @ self._along
        shifted = tf.transpose(
            self._shaped(shifted, shape, self.channels, self.patch, self._wide, self.n_shifts), (0, 1, 2, 3, 5, 4, 6)
        )
        each_row = around @ self._shaped(shifted, shape, self.channels, self._wide, self.patch * self.n_shifts)
        each_row = self._shaped(each_row, shape, self.channels, self._wide, self.patch, self.n_shifts)
        product = tf.add_n([each_row[..., row : row + self.n_shifts, row, :] for row in range(self.patch)])
        square = self._shaped(around**2, shape, self.channels, self._wide**2) @ self._within
        square = self._shaped(square, shape, self.channels, self.n_shifts, self.n_shifts)
        difference = tf.reduce_sum(own**2, axis=(4, 5), keepdims=True) - 2 * product + square
        difference = self._shaped(tf.reduce_sum(difference, axis=3), shape, self.n_shifts**2)
        difference = tf.nn.avg_pool2d(difference, 3, 1, "SAME")
        difference /= tf.reduce_mean(difference, axis=-1, keepdims=True) + _LEAST
        shares = self._shaped(tf.nn.softmax(-DECISIVE * difference), shape, self.n_shifts, self.n_shifts)
        return tf.stop_gradient(tf.concat([tf.reduce_sum(shares, axis=axis) for axis in (4, 3)], axis=-1))

    def applied(self, told: Any, read: Any) -> Any:
        """Give the means of the next image.

        Parameters
        ----------
        told : (n, height, width, sum of `sizes_told`) tensor
        read : (n, height, width, 2 n_inputs + 2 n_shifts) tensor
            The last images, from 0 to 1, those before them, and what was `seen` between both.

        Returns
        -------
        means : (n, height, width, n_inputs) tensor
        """
        n, patch, channels, shape = self.n_motions, self.patch, self.channels, tf.shape(read)[:3]
        images, _, *seen = tf.split(read, [self.sizes[-1]] * 2 + [self.n_shifts] * 2, axis=-1)
        *shifts, shares, new = tf.split(told, self.sizes, axis=-1)
        by_row, by_column = (self._selected(*each) for each in zip(shifts, seen, strict=True))
        rows = self._shaped(by_row, shape, 1, n * patch, self._wide)
        columns = self._shaped(by_column, shape, 1, n, patch, self._wide)
        moved = self._shaped(rows @ self._around(images), shape, channels, n, patch, self._wide)
        moved = tf.matmul(moved, columns, transpose_b=True)  # (..., channels, n, patch, patch)
        usual = np.array([0.0] * n + [_NEW], np.float32)[:, None, None]
        shares = tf.nn.softmax(self._shaped(shares, shape, 1, n + 1, patch, patch) + usual, axis=4)
        mixed = tf.reduce_sum(moved * shares[..., :n, :, :], axis=4)
        mixed += shares[..., n, :, :] * self._pixels(tf.sigmoid(new))
        mixed = mixed if channels == 1 else tf.transpose(mixed, (0, 1, 2, 4, 5, 3))
        return tf.reshape(mixed, tf.shape(images))

    def _selected(self, told: Any, seen: Any) -> Any:
        """Give the shares of the rows, or columns, around a place in each of its own, by what is told of shifts."""
        told = self._shaped(told, tf.shape(told)[:3], self.n_motions, self.n_shifts)
        told = SHARPNESS * told + tf.math.log(seen + LEAST_SHARE)[:, :, :, None]
        return tf.nn.softmax(tf.reshape(told, (-1, self.n_shifts)), axis=-1) @ self._of_shift

    def _pixels(self, images: Any) -> Any:
        """Give the pixels of each place, (n, height, width, channels, patch, patch)."""
        shape = tf.shape(images)[:3]
        pixels = self._shaped(images, shape, self.patch, self.patch, self.channels)
        pixels = pixels if self.channels == 1 else tf.transpose(pixels, (0, 1, 2, 5, 3, 4))
        return self._shaped(pixels, shape, self.channels, self.patch, self.patch)

    def _around(self, images: Any) -> Any:
        """Give each place with what lies around it, (n, height, width, channels, wide, wide), 0 beyond the edges.

        Rows of a patch are copied whole, from images with a border of empty places.
        """
        patch, channels = self.patch, self.channels
        n, height, width = tf.unstack(tf.shape(images)[:3])
        bordered = tf.pad(self._pixels(images), [(0, 0), (1, 1), (1, 1), (0, 0), (0, 0), (0, 0)])
        corner = (tf.range(n)[:, None, None] * (height + 2) + tf.range(height)[:, None]) * (width + 2) + tf.range(width)
        row, column = tf.range(patch - self.reach, 2 * patch + self.reach)[:, None], tf.range(3)
        beside = (row // patch * (width + 2) + column) * channels * patch + row % patch
        rows = (corner * channels * patch)[..., None, None, None] + (tf.range(channels) * patch)[:, None, None] + beside
        around = tf.gather(tf.reshape(bordered, (-1, patch)), rows)
        around = tf.reshape(around, (n, height, width, channels, self._wide, 3 * patch))
        return around[..., patch - self.reach : 2 * patch + self.reach]

    @staticmethod
    def _shaped(tensor: Any, places: Any, *of_place: int) -> Any:
        """Give numbers of (n, height, width) places in a shape of their own."""
        return tf.reshape(tensor, tf.concat([places, of_place], axis=0))


def _flat(array: Any) -> Any:
    return array.reshape(len(array), -1).astype(np.float32)
