"""What comes after whole histories: the last state of each, and the scores of all items from it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from seqrec.data.sequences import Sequences
from seqrec.network.batches import TILE, UNKNOWN_GAP, Batch, gap_buckets, history_batches, in_whole_tiles
from seqrec.network.model import SequenceModel

_SCORES_AT_ONCE = 2**24  # scores in memory together: 64 MiB
_SCORING_BATCH = 16_384  # events


def last_states(
    network: SequenceModel, X: Sequences, window: int, at: NDArray[np.datetime64] | None = None
) -> NDArray[np.float32]:
    """State after the last event of each sequence of X, (n_sequences, embedding_dim) float32."""
    order = np.argsort(X.lengths, kind="stable")  # sequences of like length, so that little is padded
    X = X[order]
    states = np.empty((len(X), network.embedding.output_dim), dtype=np.float32)
    for batch in history_batches(X, window, _SCORING_BATCH):
        last = np.minimum(X.lengths[batch.rows], window - 1)
        gaps = _question_gaps(network, X, batch, last, at if at is None else at[order[batch.rows]])
        arrays = (tf.constant(in_whole_tiles(array), tf.int32) for array in (last, batch.inputs, *gaps))
        states[order[batch.rows]] = network.states_at(*arrays)[: len(batch.rows)]
    return states


def _question_gaps(
    network: SequenceModel,
    X: Sequences,
    batch: Batch,
    last: NDArray[np.int64],
    at: NDArray[np.datetime64] | None,
) -> tuple[NDArray, ...]:
    """Gaps before the events and, at the last one, the gap until the question; unknown ones where X has no times."""
    if network.gap_embedding is None:
        return ()
    next_gaps = np.full_like(batch.inputs, UNKNOWN_GAP)
    if at is not None and X.timestamps is not None:
        rows = np.flatnonzero(X.lengths[batch.rows])
        waited = at[rows] - X.timestamps[X.indptr[batch.rows[rows] + 1] - 1]
        next_gaps[rows, last[rows]] = gap_buckets(waited.astype("timedelta64[us]").astype(np.int64))
    return batch.arrays(with_gaps=True)[2], next_gaps


def score_states(network: SequenceModel, states: NDArray[np.float32]) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Score all items for a few states at a time: slices of the rows, and (rows, n_items) float32."""
    step = TILE * max(1, _SCORES_AT_ONCE // network.embedding.input_dim // TILE)
    for start in range(0, len(states), step):
        rows = slice(start, min(start + step, len(states)))
        yield rows, network.head.logits(tf.constant(in_whole_tiles(states[rows]))).numpy()[: rows.stop - start]
