"""Ragged sequences to rectangles: windows over long histories, batches of like length, right padding, shift by one.

An encoded log is `Sequences` whose columns are what a network reads beside the codes: "categories" and "numbers", as
`Fields.encode` gives them, and perhaps labels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import PADDING, UNKNOWN

SEGMENT = 70  # steps that a gradient goes back; the shorter, the more rows share a product of matrices
# Matrix products take rows by tiles, of 6, 8 or 12 as the processor may be, and sum those of a tile cut short in
# another order. In whole tiles, the company of a row does not change even its last digit.
TILE = 24


@dataclass(frozen=True)
class Batch:
    """A rectangle of events to learn from, padded on the right.

    Attributes
    ----------
    rows : (batch,) int64
        The sequence that each row came from.
    inputs : (batch, time) int32
        Codes; a sequence starts with ``PADDING``, which also fills what is left of a short row.
    targets : (batch, time) int32
        The code that follows each input, ``PADDING`` where there is none or it is ``UNKNOWN``.
    input_columns, target_columns : tuples of (batch, time, ...) arrays
        The columns of the inputs and of the targets; 0 where there is none.
    """

    rows: np.ndarray
    inputs: np.ndarray
    targets: np.ndarray
    input_columns: tuple[np.ndarray, ...]
    target_columns: tuple[np.ndarray, ...]

    def segments(self) -> Iterator[Batch]:
        """Cut the rectangle in time, into parts of about the same length, at most ``SEGMENT``."""
        arrays = (self.inputs, self.targets, *self.input_columns, *self.target_columns)
        half = 2 + len(self.input_columns)
        n = n_segments(self.inputs.shape[1])
        for part in zip(*(np.array_split(array, n, axis=1) for array in arrays), strict=True):
            yield Batch(self.rows, part[0], part[1], part[2:half], part[half:])


class Windows:
    """The windows of an epoch, in batches of like length and random order.

    Windows of a long sequence follow each other from a random offset, the last event of one being the first input of
    the next; so every event is a target once.

    Parameters
    ----------
    lengths : (n_sequences,) int64
        Events of each sequence.
    longest : int
        Most events in a row.
    batch_size : int
        Most events in a segment of a batch, padding included, but at least one row.
    rng : numpy.random.Generator
    """

    def __init__(self, lengths: np.ndarray, longest: int, batch_size: int, rng: np.random.Generator) -> None:
        self._windows = _windows(lengths, longest, rng)
        _, starts, stops = self._windows
        self._widths = stops - starts
        self._groups = list(_group(self._widths, batch_size, rng))
        rng.shuffle(self._groups)

    @property
    def n_steps(self) -> int:
        """Number of segments of the batches."""
        return sum(n_segments(int(self._widths[group].max())) for group in self._groups)

    def batches(self, X: Sequences) -> Iterator[Batch]:
        """Give the batches of the encoded log X."""
        for group in self._groups:
            batch = _rectangle(X, *(array[group] for array in self._windows))
            batch.targets[batch.targets == UNKNOWN] = PADDING  # an unknown item has no probability to learn
            yield batch


def n_segments(width: int) -> int:
    """Count the segments of a rectangle so many events wide."""
    return math.ceil(width / SEGMENT)


def in_whole_tiles(array: np.ndarray) -> np.ndarray:
    """Append rows of 0 up to a multiple of ``TILE``."""
    missing = -len(array) % TILE
    return np.concatenate([array, np.zeros((missing, *array.shape[1:]), array.dtype)]) if missing else array


def groups_to_read(lengths: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """Group all sequences by like length, so that no segment of a group has more than `batch_size` events."""
    order = np.argsort(lengths, kind="stable")
    start = 0
    while start < len(order):
        widths = np.maximum(np.minimum(lengths[order[start : start + batch_size]], SEGMENT), 1)
        n_rows = max(1, int(np.searchsorted(widths * np.arange(1, len(widths) + 1), batch_size, side="right")))
        yield order[start : start + n_rows]
        start += n_rows


def parts_in_time(X: Sequences, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, list[np.ndarray]]]:
    """Give sequences of X as rectangles of at most ``SEGMENT`` events that follow in time.

    Yields
    ------
    events : (n,) int64
        Which events of X these are, row by row.
    lengths : (batch,) int32
        How many of them each row has.
    arrays : list of (batch, time, ...) arrays
        Codes and columns, 0 from `lengths` on.
    """
    for start in range(0, int(X.lengths[rows].max(initial=0)), SEGMENT):
        lengths = np.clip(X.lengths[rows] - start, 0, SEGMENT)
        offset = np.arange(lengths.max())
        real, event = offset < lengths[:, None], X.indptr[rows][:, None] + start + offset
        columns = (X.codes, *X.columns.values())
        yield event[real], lengths.astype(np.int32), [_pick(column, event, real) for column in columns]


def _windows(lengths: np.ndarray, longest: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut sequences into windows: their rows, first targets and ends of targets."""
    first = np.where(lengths > longest, rng.integers(1, longest + 1, len(lengths)), lengths)
    n_windows = np.where(lengths > 0, 1 - (first - lengths) // longest, 0)
    rows = np.repeat(np.arange(len(lengths)), n_windows)
    order = np.arange(len(rows)) - np.repeat(np.cumsum(n_windows) - n_windows, n_windows)
    stops = np.minimum(first[rows] + order * longest, lengths[rows])
    starts = np.maximum(first[rows] + (order - 1) * longest, 0)
    return rows, np.where(order == 0, 0, starts), stops


def _group(widths: np.ndarray, batch_size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Group rows of like width, so that no segment of a group has more than `batch_size` events."""
    # The jitter varies the company of a row from one epoch to the next; a padded step costs as much as a real one.
    order = np.argsort(widths * rng.uniform(0.95, 1.05, len(widths)) + rng.uniform(0, 1, len(widths)), kind="stable")
    widest = np.maximum.accumulate(widths[order])  # jitter may put a wider row before a narrower one
    stop = len(order)
    while stop > 0:
        n_rows = max(1, batch_size // min(int(widest[stop - 1]), SEGMENT))
        yield order[max(0, stop - n_rows) : stop]
        stop -= n_rows


def _rectangle(X: Sequences, rows: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> Batch:
    """Lay targets ``starts:stops`` of each row out in a rectangle, with the inputs one step before them."""
    offset = starts[:, None] + np.arange((stops - starts).max(initial=1))
    event, has_target = X.indptr[rows][:, None] + offset, offset < stops[:, None]
    has_input = has_target & (offset > 0)
    columns = (X.codes, *X.columns.values())
    inputs, *input_columns = (_pick(column, event - 1, has_input) for column in columns)
    targets, *target_columns = (_pick(column, event, has_target) for column in columns)
    return Batch(rows, inputs, targets, tuple(input_columns), tuple(target_columns))


def _pick(column: np.ndarray, index: np.ndarray, where: np.ndarray) -> np.ndarray:
    picked = np.zeros(index.shape + column.shape[1:], dtype=column.dtype)
    picked[where] = column[index[where]]
    return picked
