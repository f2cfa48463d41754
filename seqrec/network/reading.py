"""One pass over a log by a fitted network: each event's surprisal, in memory that does not grow with the sequences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from seqrec.data.ends import Chain, Unseen, close, distinct
from seqrec.data.fields import MISSING, Fields
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import UNKNOWN, Vocabulary
from seqrec.network import mixtures
from seqrec.network.batches import in_whole_tiles, reading_batches
from seqrec.network.event_model import EventModel

BATCH = 16_384  # events


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
    """What a network says of n events.

    Attributes
    ----------
    surprisal : (n, 1 + n_fields) float32, nats
        Of the event, then of each field; 0 for a field that is missing.
    tails : (n, n_numbers) float32, nats
        ``-log p`` of each number, on its field's side; 0 where it is missing.
    normal_scores : (n, n_numbers) float32
        Standard normal if the network is right; NaN for a number that is missing or 0.
    sizes : (n, n_numbers) float32
        Of the numbers, as `fields.Number` encodes them.
    """

    surprisal: NDArray[np.float32]
    tails: NDArray[np.float32]
    normal_scores: NDArray[np.float32]
    sizes: NDArray[np.float32]


class Judgement(NamedTuple):
    """How n events compare with what was expected.

    Attributes
    ----------
    no_likelier : (n, 1 + n_categories) float32
        Probability of all events, and of all values of a category, that are as likely as this one or less, and
        of an unknown event.
    ranks : (n,) float32
        1 for the likeliest event; ties share their average rank.
    likeliest : (n,) int32
        Code of the event that was expected most.
    """

    no_likelier: NDArray[np.float32]
    ranks: NDArray[np.float32]
    likeliest: NDArray[np.int32]


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

    def read(self, X: Sequences) -> tuple[Chain, Reading]:
        """Read X, which is in the codes of `vocabulary`, with its ends."""
        return self._look(X, self.network.score)[:2]

    def judge(self, X: Sequences) -> tuple[Chain, Reading, Judgement]:
        """Read X and compare it with what was expected."""
        return self._look(X, self.judging_step)

    def _look(self, X: Sequences, step: Callable) -> tuple[Chain, Reading, Judgement]:
        """Take the network's steps over X; what recurs event by event is read once."""
        if self.fields.names:
            return self._look_at_all(X, step)
        rows, same_as = distinct(X)
        chain, (once, *found) = close(X), self._look_at_all(X[rows], step)
        row = np.repeat(np.arange(len(X)), np.diff(chain.indptr))
        events = once.indptr[same_as[row]] + np.arange(len(row)) - chain.indptr[row]
        reading, judgement = (type(part)(*(array[events] for array in part)) for part in found)
        return chain, reading, judgement

    def _look_at_all(self, X: Sequences, step: Callable) -> tuple[Chain, Reading, Judgement]:
        closed = Closed.of(X, self.fields)
        findings = Findings(self, closed.chain.codes, closed.numbers)
        for events, *results in read_in_batches(self.network, closed, step):
            findings.put(events, *results)
        return closed.chain, findings.reading(), findings.judgement()

    def judging_step(self, *arrays: Any) -> tuple:
        """Take a step of the network's `judge`."""
        odds = self.unseen.probability / (1 - self.unseen.mass)
        return self.network.judge(*arrays, tf.constant(odds, tf.float32))


class Findings:
    """What a network finds in n events, put together batch by batch.

    Parameters
    ----------
    reader : EventReader
    codes : (n,) int32
    numbers : (n, n_numbers, 2) float32
    """

    def __init__(self, reader: EventReader, codes: NDArray[np.int32], numbers: NDArray[np.float32]) -> None:
        self._fields, self._unseen = reader.fields, reader.unseen
        self._codes, self._numbers = codes, numbers
        n, n_numbers = numbers.shape[:2]
        self._surprisal = np.zeros((n, 1 + len(self._fields.names)), np.float32)
        self._tails, self._scores = np.zeros((n, n_numbers), np.float32), np.full((n, n_numbers), np.nan, np.float32)
        self._no_likelier = np.zeros((n, 1 + len(self._fields.categories)), np.float32)
        self._likelier, self._likeliest = np.zeros(n, np.float32), np.zeros(n, np.int32)

    def put(self, events: NDArray, surprisal: tf.Tensor, parameters: tf.Tensor, *judged: tf.Tensor) -> None:
        """Put in what a step of the network's `score`, or `judge`, says of some events, (n_events,)."""
        self._surprisal[events] = surprisal
        for column, field in enumerate(self._fields.numbers):
            numbers = self._numbers[events, column]
            there = numbers[:, 0] != MISSING
            found = mixtures.tails(parameters.numpy()[there, column], numbers[there], field.side)
            self._tails[events[there], column], self._scores[events[there], column] = found
        if judged:
            self._no_likelier[events], self._likelier[events], self._likeliest[events] = judged

    def reading(self) -> Reading:
        """Give all of it, once every event is put in."""
        of_known = self._surprisal[:, 0] - np.log1p(-self._unseen.mass)
        self._surprisal[:, 0] = np.where(self._codes == UNKNOWN, -np.log(self._unseen.probability), of_known)
        return Reading(self._surprisal, self._tails, self._scores, self._numbers[:, :, 1])

    def judgement(self) -> Judgement:
        """Give what `judge` found."""
        self._no_likelier[:, 0] = (1 - self._unseen.mass) * self._no_likelier[:, 0] + self._unseen.mass
        # A known event counts among those as likely as it.
        ranks = self._likelier + np.where(self._codes == UNKNOWN, np.float32(1), np.float32(0.5))
        return Judgement(self._no_likelier, ranks, self._likeliest)


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
    for group in reading_batches(closed.sequences, BATCH, (closed.categories, closed.numbers)):
        memory = None
        for events, batch in group:
            arrays = [in_whole_tiles(array) for array in network.arrays_of(batch)[:n_arrays]]
            memory = network.start(len(arrays[0])) if memory is None else memory
            memory, *results = step(memory, *map(tf.constant, arrays))
            yield events, *results
