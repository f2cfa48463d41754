"""The training of networks of frames: batches of like lengths, drawn anew in each epoch, and the course of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrec.network.augmentation import altered, shifted, stretched
from seqrec.network.training import Course, Epochs, History, warm_up_and_cosine

_FEWEST_STEPS = 50  # of an epoch: a small set is read several times
_LIKE = 8  # batches whose sequences are sorted by length
_LOOKS = 2  # steps from one look at the weights, for their average, to the next
_FRAMES_AT_ONCE = 16_384  # where nothing is learned


class FrameSet(NamedTuple):
    """Sequences of frames as a network reads them.

    Attributes
    ----------
    values : (n_events, n_inputs) float32
    indptr : (n_sequences + 1,) int
    extent : callable
        Gives what a network is told of lengths, (n,) -> (n,) float32.
    """

    values: NDArray[np.float32]
    indptr: NDArray[np.int64]
    extent: Callable[[NDArray], NDArray[np.float32]]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Frames of each sequence."""
        return np.diff(self.indptr)

    def of(self, rows: NDArray) -> FrameSet:
        """Give some of the sequences."""
        lengths = self.lengths[rows]
        indptr = np.concatenate([[0], np.cumsum(lengths)])
        events = np.arange(indptr[-1]) + np.repeat(self.indptr[rows] - indptr[:-1], lengths)
        return self._replace(values=self.values[events], indptr=indptr)

    def any_of(self, told: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Tell which sequences have a frame that is told of, (n_sequences,)."""
        return np.diff(np.concatenate([[0], np.cumsum(told)])[self.indptr]) > 0

    def padded(
        self, starts: NDArray, lengths: NDArray
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_]]:
        """Give so many frames from each start on, (batch, time, n_inputs), with their places and where there is one."""
        places = np.arange(lengths.max(initial=1))
        here = places < lengths[:, None]
        events = (starts[:, None] + places) * here
        frames = np.zeros((*here.shape, self.values.shape[1]), np.float32)
        frames[here] = self.values[events[here]]
        return frames, events, here

    def in_parts(self, rows: NDArray) -> Iterator[tuple[NDArray, list[NDArray], NDArray, NDArray[np.bool_]]]:
        """Give rows that are read together, what `FrameModel.tell` takes, the frames, and where in it these are."""
        rows = rows[np.argsort(self.lengths[rows], kind="stable")]
        longest = np.maximum(self.lengths[rows], 1)
        start = 0
        while start < len(rows):
            room = longest[start:] * np.arange(1, len(rows) - start + 1) <= _FRAMES_AT_ONCE
            stop = start + max(1, int(np.count_nonzero(room)))  # sizes rise, so what has room comes first
            part = rows[start:stop]
            lengths = self.lengths[part]
            frames, events, here = self.padded(self.indptr[part], lengths)
            yield part, [frames, lengths.astype(np.int32), self.extent(lengths)], events[here], here
            start = stop


class Lesson(NamedTuple):
    """What is learned.

    Attributes
    ----------
    frames : FrameSet
    labels : (n_told,) int32
        Of sequences, or of frames.
    weights : (n_told, n_networks) float32
        For each network; 0 for what it does not learn.
    batch_size : int
        Sequences.
    longest : int
        Most frames in a row: of what is longer, a part is drawn each time.
    by_frame : bool
        Whether labels are of frames.
    rows_of_channels : list of slice
        Channels whose order means something.
    """

    frames: FrameSet
    labels: NDArray[np.int32]
    weights: NDArray[np.float32]
    batch_size: int
    longest: int
    by_frame: bool
    rows_of_channels: list[slice]

    @property
    def rows(self) -> NDArray[np.int64]:
        """Sequences that hold something to learn."""
        told: NDArray = np.any(self.weights, axis=1)
        return np.flatnonzero(self.frames.any_of(told) if self.by_frame else told & (self.frames.lengths > 0))

    def batches(self, rng: np.random.Generator) -> Iterator[tuple[NDArray, ...]]:
        """Give the batches of a pass, in which sequences of like lengths are together, with alterations."""
        rows = rng.permutation(self.rows)
        near = self.batch_size * _LIKE
        parts = [part[np.argsort(self.frames.lengths[part])] for part in np.split(rows, range(near, len(rows), near))]
        batches = [
            batch for part in parts for batch in np.split(part, range(self.batch_size, len(part), self.batch_size))
        ]
        for each in rng.permutation(len(batches)):
            yield self._batch(batches[each], rng)

    def _batch(self, rows: NDArray, rng: np.random.Generator) -> tuple[NDArray, ...]:
        whole = self.frames.lengths[rows]
        lengths = np.minimum(whole, self.longest)
        starts = self.frames.indptr[rows] + rng.integers(0, whole - lengths, endpoint=True)
        frames, events, here = self.frames.padded(starts, lengths)
        if self.by_frame:
            labels, weights = self.labels[events], self.weights[events] * here[..., None]
        else:
            labels, weights = self.labels[rows, None], self.weights[rows, None]
            frames, lengths = stretched(frames, lengths, rng)
            frames = shifted(frames, self.rows_of_channels, rng)
        frames = altered(frames, lengths, rng)
        return frames, lengths.astype(np.int32), self.frames.extent(lengths), labels, weights


class FrameTrainer(Epochs):
    """Trains a `FrameModel`, all networks of it side by side on the same batches, each on what it is to learn.

    Parameters
    ----------
    model : FrameModel
    """

    def fit(
        self,
        lesson: Lesson,
        course: Course,
        rng: np.random.Generator,
        validate: Callable[[], float] | None,
    ) -> History:
        """Train for the epochs of the course; the averaged weights are judged, and the best are kept.

        Parameters
        ----------
        lesson : Lesson
        course : Course
        rng : numpy.random.Generator
        validate : callable, optional
            Gives a figure of merit of the model as it is, higher is better; without it the last weights are kept.

        Returns
        -------
        history : dict of lists, one entry an epoch
        """
        self._restart()
        n_batches = math.ceil(len(lesson.rows) / lesson.batch_size)
        n_passes = passes(n_batches)
        self._step.restart(warm_up_and_cosine(course.learning_rate, n_batches * n_passes, course.n_epochs))
        one_pass = partial(lesson.batches, rng)
        epochs = ((batch for _ in range(n_passes) for batch in one_pass()) for _ in range(course.n_epochs))
        n_read = int(lesson.frames.lengths.sum()) * n_passes
        history = self._train(epochs, course, n_read, _LOOKS, validate)
        self._trained.set_weights(self._best.weights)
        return history

    def _run_epoch(self, read: Iterable[tuple[NDArray, ...]], epoch: int, progress: Any) -> float:
        losses = [self._learned(self._step([], batch)[0], int(batch[1].sum()), epoch, progress) for batch in read]
        return float(np.mean(losses))


def passes(n_batches: int) -> int:
    """Give how often a set of so many batches is read in an epoch."""
    return math.ceil(_FEWEST_STEPS / max(1, n_batches))
