"""Columns of numbers as the channels of frames: each in units of its own spread, as the training data had it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seqrec._checks import nearest
from seqrec.data.sequences import Sequences
from seqrec.exceptions import InputError
from seqrec.storage.arrays import Array

_FARTHEST = 10.0  # spreads from the mean; what lies beyond is read as if it lay there
_FARTHEST_LENGTH = 3.0
_AT_ONCE = 2**20  # numbers


def holds_frames(X: Sequences) -> bool:
    """Tell whether the events of X have no items, and all of their columns, one at least, hold numbers."""
    return not X.has_items and bool(X.columns) and all(column.dtype.kind in "biuf" for column in X.columns.values())


class Channels(NamedTuple):
    """The channels of frames, in the order of the columns, and what is usual in each.

    Attributes
    ----------
    columns : tuple of str
    widths : tuple of int
        Channels of each column: 1, or as many as the array of an event has numbers.
    mean, spread : (n_channels,) float64
        Of the training data. A channel that was constant, or missing everywhere, has a spread of 0 and is read as 0.
    gappy : (n_channels,) uint8
        1 for channels that had missing values (NaN): a flag beside each of these says where.
    length, spread_of_length : float
        Mean and standard deviation of log(1 + length).
    """

    columns: tuple[str, ...]
    widths: tuple[int, ...]
    mean: Annotated[NDArray[np.float64], Array("float64", "n_channels")]
    spread: Annotated[NDArray[np.float64], Array("float64", "n_channels", low=0)]
    gappy: Annotated[NDArray[np.uint8], Array("uint8", "n_channels")]
    length: float
    spread_of_length: float

    @classmethod
    def learn(cls, X: Sequences) -> Self:
        """Look at the training data.

        Raises
        ------
        InputError
            If no value is there at all, or all are the same.
        """
        columns = {name: _width(column) for name, column in X.columns.items()}
        n, total, squares = np.zeros((3, sum(columns.values())))
        for _, values in _blocks(X, columns):
            n += (~np.isnan(values)).sum(axis=0)
            total += np.nansum(values, axis=0)
        if not n.any():
            raise InputError("X holds no number: all values of all its columns are missing (NaN).")
        mean = total / np.maximum(n, 1)
        for _, values in _blocks(X, columns):
            squares += np.nansum((values - mean) ** 2, axis=0)
        spread = np.sqrt(squares / np.maximum(n, 1))
        spread[spread <= 1e-9 * np.abs(mean)] = 0  # no more than the rounding of its mean
        extent = np.log1p(X.lengths)
        gappy = (n < X.n_events).astype(np.uint8)
        if not (spread.any() or gappy.any() or extent.std()):
            raise InputError(
                "all columns of X are constant, and its sequences of one length: nothing tells one from another."
            )
        found = float(extent.mean()), float(extent.std())
        return cls(tuple(columns), tuple(columns.values()), mean, spread, gappy, *found)

    def check_sound(self) -> None:
        """Raise ValueError where attributes do not fit each other."""
        if len(self.columns) != len(self.widths) or sum(self.widths) != len(self.mean) or not self.widths:
            raise ValueError("there are not as many channels as its columns have.")
        if self.gappy.max(initial=0) > 1 or self.spread_of_length < 0:
            raise ValueError("a channel has missing values, or it has none; and no spread is below 0.")

    @property
    def n_inputs(self) -> int:
        """Numbers that are read of a frame: the channels, and the flags."""
        return len(self.mean) + int(self.gappy.sum())

    @property
    def names(self) -> list[str]:
        """Of the channels, such as "load", or "picture[0]" where a column holds arrays."""
        return list(self._names())

    def _names(self) -> Iterator[str]:
        for column, width in zip(self.columns, self.widths, strict=True):
            yield from [column] if width == 1 else (f"{column}[{place}]" for place in range(width))

    def inputs_of(self, channel: int) -> list[int]:
        """Give the places among the inputs of a channel and of its flag, if it has one."""
        flags = len(self.mean) + np.cumsum(self.gappy) - 1
        return [channel, *([int(flags[channel])] if self.gappy[channel] else [])]

    def values(self, X: Sequences) -> NDArray[np.float64]:
        """Give the numbers of all channels as they are, (n_events, n_channels), NaN where one is missing.

        Raises
        ------
        InputError
            If X has other columns than the training data, or events of another shape.
        """
        self._check(X)
        blocks = [np.empty((0, len(self.mean))), *(values for _, values in _blocks(X, self.columns))]
        return np.concatenate(blocks)

    def read(self, X: Sequences) -> NDArray[np.float32]:
        """Give what is read of each frame, (n_events, n_inputs): 0 stands for the mean, and for what is missing.

        X is checked as in `values`.
        """
        self._check(X)
        read, scale = np.empty((X.n_events, self.n_inputs), np.float32), np.where(self.spread > 0, self.spread, np.inf)
        for rows, values in _blocks(X, self.columns):
            missing = np.isnan(values)
            apart = (np.where(missing, self.mean, values) - self.mean) / scale
            read[rows, : len(self.mean)] = np.clip(apart, -_FARTHEST, _FARTHEST)
            read[rows, len(self.mean) :] = missing[:, self.gappy > 0]
        return read

    def extent(self, lengths: NDArray) -> NDArray[np.float32]:
        """Give lengths in units of how usual ones differ, (n,)."""
        spread = self.spread_of_length or np.inf
        far = (np.log1p(lengths) - self.length) / spread
        return np.clip(far, -_FARTHEST_LENGTH, _FARTHEST_LENGTH).astype(np.float32)

    def _check(self, X: Sequences) -> None:
        if not holds_frames(X):
            raise InputError(
                f"the classifier has learned from frames of numbers (columns {_listed(self.columns)}), so it takes "
                "events without items, whose columns are numbers: see Sequences.from_arrays, or from_frame."
            )
        for name in self.columns:
            if name not in X.columns:
                found = _listed(X.columns)
                raise InputError(f"X lacks the column {name!r} of training; it has {found}.{nearest(name, X.columns)}")
        more = [name for name in X.columns if name not in self.columns]
        if more:
            raise InputError(f"X has the column {more[0]!r}, which training lacked. Leave it out.")
        for name, width in zip(self.columns, self.widths, strict=True):
            if _width(X.columns[name]) != width:
                raise InputError(
                    f"column {name!r} holds {_width(X.columns[name])} numbers an event, in training it held {width}. "
                    "If its axes are (channels, time), turn them round: a sequence is (time, channels)."
                )


def _width(column: NDArray) -> int:
    return int(np.prod(column.shape[1:], dtype=np.int64))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names)) or "none"


def _blocks(X: Sequences, names: Iterable[str]) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Give the numbers of all channels of these columns, (n, n_channels), of some events at a time."""
    flat = [X.columns[name].reshape(X.n_events, _width(X.columns[name])) for name in names]
    n_at_once = max(1, _AT_ONCE // sum(column.shape[1] for column in flat))
    for start in range(0, X.n_events, n_at_once):
        rows = slice(start, start + n_at_once)
        yield rows, np.concatenate([column[rows] for column in flat], axis=1, dtype=np.float64)
