"""One pass over a log by a fitted network: each event's surprisal, in memory that does not grow with the sequences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from seqrec import mixtures
from seqrec.batches import reading_batches
from seqrec.chains import Chain, Unseen, close, distinct
from seqrec.event_model import EventModel
from seqrec.fields import MISSING, Fields
from seqrec.sequences import Sequences
from seqrec.vocabulary import UNKNOWN, Vocabulary

_BATCH = 16_384  # events


class Closed(NamedTuple):
    """Sequences with their ends as events, and the encoded fields of all events: missing at the ends."""

    chain: Chain
    sequences: Sequences
    categories: NDArray[np.int32]  # (n, n_categories)
    numbers: NDArray[np.float32]  # (n, n_numbers, 2)

    @classmethod
    def of(cls, X: Sequences, fields: Fields) -> Closed:
        """Close X, whose columns hold the fields."""
        chain = close(X)
        n = len(chain.codes)
        encoded = fields.encode(X)
        values = [np.zeros((n, *array.shape[1:]), array.dtype) for array in encoded]
        for padded, array in zip(values, encoded, strict=True):
            padded[chain.events] = array
        return cls(chain, Sequences(chain.codes, chain.indptr, X.keys, X.vocabulary, None, np.arange(n)), *values)


class Reading(NamedTuple):
    """What a network says of the events of a chain, ends included, n events.

    Attributes
    ----------
    chain : Chain
    surprisal : (n, 1 + n_fields) float32, nats
        Of the event, then of each field; 0 for a field that is missing.
    tails : (n, n_numbers) float32, nats
        ``-log p`` of each number, on its field's side; 0 where it is missing.
    normal_scores : (n, n_numbers) float32
        Standard normal if the network is right; NaN for a number that is missing or 0.
    sizes : (n, n_numbers) float32
        Of the numbers, as `fields.Number` encodes them.
    """

    chain: Chain
    surprisal: NDArray[np.float32]
    tails: NDArray[np.float32]
    normal_scores: NDArray[np.float32]
    sizes: NDArray[np.float32]


class Judgement(NamedTuple):
    """How the events of a chain compare with what was expected.

    Attributes
    ----------
    no_likelier : (n, 1 + n_categories) float32
        Probability of all events, and of all values of a category, that are as likely as this one or less, and
        of an unknown event.
    ranks : (n,) float32
        1 for the likeliest event; ties share their average rank.
    """

    no_likelier: NDArray[np.float32]
    ranks: NDArray[np.float32]


class EventReader(NamedTuple):
    """A fitted network with what it takes to read a log by it.

    Attributes
    ----------
    vocabulary : Vocabulary
    fields : Fields
    network : EventModel
    unseen : Unseen
        Of the events that training lacked.
    """

    vocabulary: Vocabulary
    fields: Fields
    network: EventModel
    unseen: Unseen

    def read(self, X: Sequences) -> Reading:
        """Read X, which is in the codes of `vocabulary`; what recurs event by event is read once."""
        if self.fields.names:
            return self._read(X)
        rows, same_as = distinct(X)
        chain, once = close(X), self._read(X[rows])
        row = np.repeat(np.arange(len(X)), np.diff(chain.indptr))
        events = once.chain.indptr[same_as[row]] + np.arange(len(row)) - chain.indptr[row]
        return Reading(chain, *(array[events] for array in once[1:]))

    def _read(self, X: Sequences) -> Reading:
        closed = Closed.of(X, self.fields)
        n, n_numbers = len(closed.chain.codes), len(self.fields.numbers)
        surprisal = np.zeros((n, 1 + len(self.fields.names)), dtype=np.float32)
        tails, scores = np.zeros((n, n_numbers), np.float32), np.full((n, n_numbers), np.nan, np.float32)
        for events, part, parameters in read_in_batches(self.network, closed, self.network.score):
            surprisal[events] = part
            for column, field in enumerate(self.fields.numbers):
                numbers = closed.numbers[events, column]
                there = numbers[:, 0] != MISSING
                found = mixtures.tails(parameters.numpy()[there, column], numbers[there], field.side)
                tails[events[there], column], scores[events[there], column] = found
        of_known = surprisal[:, 0] - np.log1p(-self.unseen.mass)
        surprisal[:, 0] = np.where(closed.chain.codes == UNKNOWN, -np.log(self.unseen.probability), of_known)
        return Reading(closed.chain, surprisal, tails, scores, closed.numbers[:, :, 1])

    def judge(self, X: Sequences) -> Judgement:
        """Compare X, which is in the codes of `vocabulary`, with what was expected."""
        closed = Closed.of(X, self.fields)
        n = len(closed.chain.codes)
        no_likelier = np.zeros((n, 1 + len(self.fields.categories)), dtype=np.float32)
        ranks = np.zeros(n, dtype=np.float32)
        odds = tf.constant(self.unseen.probability / (1 - self.unseen.mass), tf.float32)
        for events, part, likelier in read_in_batches(
            self.network, closed, lambda *arrays: self.network.judge(*arrays, odds)
        ):
            no_likelier[events], ranks[events] = part, likelier
        no_likelier[:, 0] = (1 - self.unseen.mass) * no_likelier[:, 0] + self.unseen.mass
        ranks += np.where(closed.chain.codes == UNKNOWN, 1, 0.5)  # a known event counts among those as likely as it
        return Judgement(no_likelier, ranks)


def read_in_batches(network: Any, closed: Closed, step: Callable, n_arrays: int | None = None) -> Iterator[tuple]:
    """Carry a network's memory through each group of sequences.

    Parameters
    ----------
    network : EventModel or ClassModel
    closed : Closed
    step : callable
        Takes the memory and the first `n_arrays` of a batch's arrays (all by default); gives the memory after them, and
        results.

    Yields
    ------
    events, *results
        Which events of the chain each step was about.
    """
    for group in reading_batches(closed.sequences, _BATCH, (closed.categories, closed.numbers)):
        memory = None
        for events, batch in group:
            memory = network.start(len(batch.rows)) if memory is None else memory
            memory, *results = step(memory, *map(tf.constant, network.arrays_of(batch)[:n_arrays]))
            yield events, *results
