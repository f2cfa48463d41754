"""Ragged sequences to rectangles: windows over long histories, batches of like length, right padding, shift by one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import PADDING, UNKNOWN

N_GAPS = 40  # buckets of `gap_buckets`; the last holds 2 ** 38 seconds and more
UNKNOWN_GAP = 0
SEGMENT = 70  # steps that a gradient goes back; the shorter, the more rows share a product of matrices
# Matrix products take rows by tiles, of 6, 8 or 12 as the processor may be, and sum those of a tile cut short in
# another order. In whole tiles, the company of a row does not change even its last digit.
TILE = 24


@dataclass(frozen=True)
class Batch:
    """A rectangle of events, padded on the right.

    Attributes
    ----------
    rows : (batch,) int64
        The sequence that each row came from.
    inputs : (batch, time) int32
        Codes; a sequence starts with ``PADDING``, which also fills what is left of a short row.
    targets : (batch, time) int32
        The code that follows each input, ``PADDING`` where there is none or it is ``UNKNOWN``.
    gaps : (batch, time) int32 or None
        Bucket of the time between each input and the event before it.
    next_gaps : (batch, time) int32 or None
        Bucket of the time between each input and its target.
    input_values, target_values : tuples of (batch, time, ...) arrays
        What else is known of the inputs and of the targets; 0 where there is none.
    """

    rows: np.ndarray
    inputs: np.ndarray
    targets: np.ndarray
    gaps: np.ndarray | None
    next_gaps: np.ndarray | None
    input_values: tuple[np.ndarray, ...] = ()
    target_values: tuple[np.ndarray, ...] = ()

    def arrays(self, with_gaps: bool) -> tuple[np.ndarray, ...]:
        """Give inputs, targets and, `with_gaps`, both gaps: `UNKNOWN_GAP` where there are no timestamps."""
        if not with_gaps:
            return self.inputs, self.targets
        unknown = np.full_like(self.inputs, UNKNOWN_GAP)
        gaps = (unknown if gaps is None else gaps for gaps in (self.gaps, self.next_gaps))
        return self.inputs, self.targets, *gaps

    def segments(self) -> Iterator[Batch]:
        """Cut the rectangle in time, into parts of about the same length, at most ``SEGMENT``."""
        n = math.ceil(self.inputs.shape[1] / SEGMENT)
        arrays = (*self.arrays(with_gaps=True), *self.input_values, *self.target_values)
        for parts in zip(*(np.array_split(array, n, axis=1) for array in arrays), strict=True):
            values = parts[4:]
            half = len(values) // 2
            yield Batch(self.rows, *parts[:4], values[:half], values[half:])


def gap_buckets(microseconds: np.ndarray) -> np.ndarray:
    """Bucket time gaps by powers of two seconds.

    Parameters
    ----------
    microseconds : array of int64
        Negative where the gap is not known.

    Returns
    -------
    buckets : array of int32, same shape
        ``UNKNOWN_GAP``, or ``1 + floor(log2(1 + seconds))``, at most ``N_GAPS - 1``.
    """
    buckets = 1 + np.log2(1 + np.maximum(microseconds, 0) / 1e6).astype(np.int32)
    return np.where(microseconds < 0, UNKNOWN_GAP, np.minimum(buckets, N_GAPS - 1)).astype(np.int32)


def event_gaps(X: Sequences) -> np.ndarray | None:
    """Bucket the time since the event before, (n_events,) int32; None where `X` has no timestamps."""
    if X.timestamps is None:
        return None
    times = X.timestamps.astype(np.int64)
    gaps = np.diff(times, prepend=times[:1])
    gaps[X.indptr[:-1][X.lengths > 0]] = -1
    return gap_buckets(gaps)


def training_batches(
    X: Sequences, window: int, batch_size: int, rng: np.random.Generator, values: Sequence[np.ndarray] = ()
) -> Iterator[Batch]:
    """Cut `X` into windows and give them in batches of like length, in random order.

    Every event of a known item is a target once. Windows of a long sequence follow each other from a random offset, the
    last event of one being the first input of the next.

    Parameters
    ----------
    X : Sequences
    window : int
        Most events in a row.
    batch_size : int
        Most events in a segment of a batch, padding included, but at least one row.
    rng : numpy.random.Generator
    values : sequence of (n_events, ...) arrays
        What else is known of the events.
    """
    rows, starts, stops = _windows(X.lengths, window, rng)
    gaps = event_gaps(X)
    batches = list(_group(stops - starts, batch_size, rng))
    rng.shuffle(batches)
    for chosen in batches:
        batch = _rectangle(X, gaps, rows[chosen], starts[chosen], stops[chosen], values)
        batch.targets[batch.targets == UNKNOWN] = PADDING  # an item outside the catalogue has no probability to learn
        yield batch


def in_whole_tiles(array: np.ndarray) -> np.ndarray:
    """Append rows of 0 up to a multiple of ``TILE``."""
    missing = -len(array) % TILE
    return np.concatenate([array, np.zeros((missing, *array.shape[1:]), array.dtype)]) if missing else array


def reading_batches(
    X: Sequences, batch_size: int, values: Sequence[np.ndarray] = ()
) -> Iterator[Iterator[tuple[np.ndarray, Batch]]]:
    """Give all events of `X` as targets: groups of sequences of like length, each as batches that follow in time.

    Yields
    ------
    group : iterator of (events, batch)
        Batches of the same rows, at most ``SEGMENT`` events long; `events` are the events, in the order of `X`, of the
        batch's targets that are not padding, row by row.
    """
    order = np.argsort(X.lengths, kind="stable")
    start = 0
    while start < len(order):
        widths = np.minimum(X.lengths[order[start : start + batch_size]], SEGMENT)
        n_rows = max(1, int(np.searchsorted(widths * np.arange(1, len(widths) + 1), batch_size, side="right")))
        yield _in_time(X, order[start : start + n_rows], values)
        start += n_rows


def _in_time(X: Sequences, rows: np.ndarray, values: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, Batch]]:
    lengths = X.lengths[rows]
    for start in range(0, int(lengths.max(initial=0)), SEGMENT):
        starts, stops = np.minimum(start, lengths), np.minimum(start + SEGMENT, lengths)
        offset = start + np.arange((stops - starts).max())
        real = offset < stops[:, None]
        yield (X.indptr[rows][:, None] + offset)[real], _rectangle(X, None, rows, starts, stops, values)


def continued_batches(
    X: Sequences, batch_size: int, values: Sequence[np.ndarray] = ()
) -> Iterator[tuple[np.ndarray, Batch]]:
    """Give all events of `X` but the first of each sequence as targets, and the events before them as inputs.

    Batches of the same rows follow in time, and no row is padded: what a network remembers after a batch, it remembers
    of just the inputs of each row.

    Yields
    ------
    events : (batch, time) int64
        The events of `X` that are the batch's targets.
    batch : Batch
    """
    for start in range(1, int(X.lengths.max(initial=0)), SEGMENT):
        widths = np.clip(X.lengths - start, 0, SEGMENT)
        for width in np.unique(widths[widths > 0]):
            rows = np.flatnonzero(widths == width)
            step = max(1, batch_size // width)
            for chosen in np.split(rows, range(step, len(rows), step)):
                starts = np.full(len(chosen), start)
                events = X.indptr[chosen][:, None] + start + np.arange(width)
                yield events, _rectangle(X, None, chosen, starts, starts + width, values)


def history_batches(X: Sequences, window: int, batch_size: int) -> Iterator[Batch]:
    """Give the last events of each sequence as inputs, in batches of consecutive rows.

    The last input of sequence ``i`` stands at position ``min(lengths[i], window - 1)`` of its row.
    """
    gaps = event_gaps(X)
    stops = X.lengths + 1
    starts = np.maximum(stops - window, 0)
    row = 0
    while row < len(X):
        widest = np.maximum.accumulate((stops - starts)[row : row + batch_size])
        n_rows = max(1, int(np.searchsorted(widest * np.arange(1, len(widest) + 1), batch_size, side="right")))
        rows = np.arange(row, row + n_rows)
        yield _rectangle(X, gaps, rows, starts[rows], stops[rows])
        row += n_rows


def _windows(lengths: np.ndarray, window: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut sequences into windows: their rows, first targets and ends of targets."""
    first = np.where(lengths > window, rng.integers(1, window + 1, len(lengths)), lengths)
    n_windows = np.where(lengths > 0, 1 - (first - lengths) // window, 0)
    rows = np.repeat(np.arange(len(lengths)), n_windows)
    order = np.arange(len(rows)) - np.repeat(np.cumsum(n_windows) - n_windows, n_windows)
    stops = np.minimum(first[rows] + order * window, lengths[rows])
    starts = np.maximum(first[rows] + (order - 1) * window, 0)
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


def _rectangle(
    X: Sequences,
    gaps: np.ndarray | None,
    rows: np.ndarray,
    starts: np.ndarray,
    stops: np.ndarray,
    values: Sequence[np.ndarray] = (),
) -> Batch:
    """Lay targets ``starts:stops`` of each row out in a rectangle, with the inputs one step before them."""
    position = np.arange((stops - starts).max(initial=1))
    offset = starts[:, None] + position
    real = offset < stops[:, None]
    event = X.indptr[rows][:, None] + offset
    has_input, has_target = real & (offset > 0), real & (offset < X.lengths[rows][:, None])

    def pick(column: np.ndarray, index: np.ndarray, where: np.ndarray) -> np.ndarray:
        picked = np.zeros(index.shape + column.shape[1:], dtype=column.dtype)
        picked[where] = column[index[where]]
        return picked

    return Batch(
        rows=rows,
        inputs=pick(X.codes, event - 1, has_input),
        targets=pick(X.codes, event, has_target),
        gaps=None if gaps is None else pick(gaps, event - 1, has_input),
        next_gaps=None if gaps is None else pick(gaps, event, has_target),
        input_values=tuple(pick(column, event - 1, has_input) for column in values),
        target_values=tuple(pick(column, event, has_target) for column in values),
    )
