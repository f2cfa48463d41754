"""Sequences whose events come piece by piece: what is kept of each is of a fixed size, and the scores are the same.

The network's memory stands in for all events so far, and so do the running forms of the parts. A user with a million
events, or one who comes back tomorrow, is read on from where the last piece ended.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from scipy import sparse

from seqrec.data.ends import distinct, end_code
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import PADDING, UNKNOWN
from seqrec.detect.attribution import END, EVENT, field_p_values, smallest_of
from seqrec.detect.counts import count_events
from seqrec.detect.lstm import LSTMAnomalyDetector, parts_of
from seqrec.detect.parts import NumberParts, Parts, SurprisalParts
from seqrec.network.batches import continued_batches, in_whole_tiles
from seqrec.network.reading import BATCH, EventReader, Findings, Judgement, Reading


class Running(NamedTuple):
    """What is kept of n sequences.

    Attributes
    ----------
    memory : tuple of (n, ...) float32
        Of the network, after all events but the last.
    code : (n,) int32
        The last event; ``PADDING`` before the first.
    categories : (n, n_categories) int32
    numbers : (n, n_numbers, 2) float32
        Its fields.
    time : (n,) datetime64[us]
        Of the last event; NaT where there is none.
    parts : tuple of SurprisalParts and NumberParts
        Of the events, the categories and the numbers.
    counts : (n, n_codes - 1) sparse array
        How often each kind of event occurred; the first column counts unknown ones.
    """

    memory: tuple[NDArray[np.float32], ...]
    code: NDArray[np.int32]
    categories: NDArray[np.int32]
    numbers: NDArray[np.float32]
    time: NDArray[np.datetime64]
    parts: tuple[Any, ...]
    counts: sparse.csr_array

    def __getitem__(self, rows: Any) -> Running:  # type: ignore[override]
        """Give some of the sequences."""
        return unpack(self, [array[rows] for array in pack(self)], self.counts[rows])


def pack(running: Running) -> list[NDArray]:
    """Give all arrays of (n, ...), but for the counts."""
    parts = [array for part in running.parts for array in part]
    return [*running.memory, running.code, running.categories, running.numbers, running.time, *parts]


def unpack(like: Running, arrays: list[NDArray], counts: sparse.csr_array) -> Running:
    """Put arrays that `pack` gave together again."""
    packed = iter(arrays)
    memory = tuple(next(packed) for _ in like.memory)
    last = [next(packed) for _ in range(4)]
    parts = tuple(type(part)(*(next(packed) for _ in part)) for part in like.parts)
    return Running(memory, *last, parts, counts)


def join(first: Running, second: Running) -> Running:
    """Give the sequences of both."""
    arrays = [np.concatenate(pair) for pair in zip(pack(first), pack(second), strict=True)]
    return unpack(first, arrays, sparse.vstack([first.counts, second.counts], format="csr"))


class EventScores(NamedTuple):
    """What a detector says of n events.

    Attributes
    ----------
    surprisal : (n,) float32, nats
    p_value : (n,) float64
    field : (n,) intp
        Which field was oddest: 0 is the event itself, the others follow in the order of the detector's fields.
    expected : (n,) int32
        Code of the event that was expected most.
    unknown : (n,) bool
        Whether training lacked this kind of event.
    """

    surprisal: NDArray[np.float32]
    p_value: NDArray[np.float64]
    field: NDArray[np.intp]
    expected: NDArray[np.int32]
    unknown: NDArray[np.bool_]


class RunningDetector:
    """Score sequences piece by piece with a fitted detector.

    Parameters
    ----------
    detector : LSTMAnomalyDetector
        Fitted.

    Examples
    --------
    >>> from seqrec import LSTMAnomalyDetector, Sequences
    >>> detector = LSTMAnomalyDetector(n_folds=1, max_epochs=2, random_state=0).fit([["open", "read", "close"]] * 50)
    >>> running = RunningDetector(detector)
    >>> today, _ = running.read(running.start(1), Sequences.from_lists([["open", "read"]]))
    >>> tomorrow, scores = running.read(today, Sequences.from_lists([["close"]]))
    >>> bool(running.score_samples(tomorrow) == detector.score_samples([["open", "read", "close"]]))
    True
    """

    def __init__(self, detector: LSTMAnomalyDetector) -> None:
        self._detector = detector
        self._reader: EventReader = detector.normal_.reader
        #: Names of the fields that `EventScores.field` counts.
        self.fields = [EVENT, *self._reader.fields.names]
        #: Names of the events that `EventScores.expected` holds the codes of.
        self.expected = np.append(self._reader.vocabulary.items.astype(object), END)

    def start(self, n: int) -> Running:
        """Know nothing yet of n sequences."""
        fields = self._reader.fields
        memory = tuple(np.asarray(part) for part in self._reader.network.start(n))
        surprisal, numbers = SurprisalParts.start(n), NumberParts.start(n)
        return Running(
            memory,
            np.full(n, PADDING, np.int32),
            np.zeros((n, len(fields.categories)), np.int32),
            np.zeros((n, len(fields.numbers), 2), np.float32),
            np.full(n, "NaT", "datetime64[us]"),
            (surprisal, *[surprisal] * len(fields.categories), *[numbers] * len(fields.numbers)),
            sparse.csr_array((n, 1 + len(self._reader.vocabulary)), dtype=np.int64),
        )

    def read(self, running: Running, X: Sequences) -> tuple[Running, EventScores]:
        """Read the next events X of n sequences, none of them empty.

        Parameters
        ----------
        running : Running
            What is kept of the n sequences.
        X : Sequences
            Of length n, with the columns that the detector was fitted on.

        Returns
        -------
        running : Running
            What is kept after these events.
        scores : EventScores
            Of the events of X, in its order.
        """
        X = X.recode(self._reader.vocabulary)
        if self._reader.fields.names or running.code.any():
            return self._read(running, X)
        rows, same_as = distinct(X)  # what recurs event by event is read once
        once = X[rows]
        kept, scores = self._read(running[rows], once)
        events = np.arange(X.n_events) + np.repeat(once.indptr[same_as] - X.indptr[:-1], X.lengths)
        kept = kept[same_as]._replace(time=_last_times(running.time, X))
        return kept, EventScores(*(array[events] for array in scores))

    def _read(self, running: Running, X: Sequences) -> tuple[Running, EventScores]:
        categories, numbers = self._reader.fields.encode(X, running.time)
        led = _after_last(running, X)
        categories, numbers = (
            _insert(last, values, X) for last, values in ((running.categories, categories), (running.numbers, numbers))
        )
        memory, reading, judgement = self._judge(running.memory, led, categories, numbers)
        last = led.indptr[1:] - 1
        kept = Running(
            memory,
            led.codes[last],
            categories[last],
            numbers[last],
            _last_times(running.time, X),
            self._update(running.parts, reading, X.indptr),
            (running.counts + count_events(X)).tocsr(),
        )
        return kept, _event_scores(reading, judgement, X.codes)

    def _judge(
        self, memory: tuple[NDArray, ...], led: Sequences, categories: NDArray, numbers: NDArray
    ) -> tuple[tuple[NDArray, ...], Reading, Judgement]:
        """Read sequences that each begin with the last event before; what is found leaves that out."""
        memory = tuple(part.copy() for part in memory)
        network, findings = self._reader.network, Findings(self._reader, led.codes, numbers)
        for events, batch in continued_batches(led, BATCH, (categories, numbers)):
            arrays = [tf.constant(in_whole_tiles(array)) for array in network.arrays_of(batch)]
            before = [tf.constant(in_whole_tiles(part[batch.rows])) for part in memory]
            after, *results = self._reader.judging_step(before, *arrays)
            findings.put(events.ravel(), *results)
            for part, new in zip(memory, after, strict=True):
                part[batch.rows] = new[: len(batch.rows)]
        new = np.ones(led.n_events, dtype=bool)
        new[led.indptr[:-1]] = False
        reading = Reading(*(array[new] for array in findings.reading()))
        return memory, reading, Judgement(*(array[new] for array in findings.judgement()))

    def _update(self, parts: tuple[Any, ...], reading: Reading, indptr: NDArray) -> tuple[Any, ...]:
        n_surprisals = 1 + len(self._reader.fields.categories)
        of_surprisal = [parts[i].update(reading.surprisal[:, i], indptr) for i in range(n_surprisals)]
        columns = (reading.tails, reading.normal_scores, reading.sizes)
        of_numbers = [
            part.update(*(array[:, i] for array in columns), indptr) for i, part in enumerate(parts[n_surprisals:])
        ]
        return (*of_surprisal, *of_numbers)

    def read_whole(self, X: Sequences) -> tuple[Parts, EventScores]:
        """Read whole sequences, of which nothing is to be kept: the same, in less time.

        Returns
        -------
        parts : dict of (n,) float64
            The parts of the scores.
        scores : EventScores
        """
        X = X.recode(self._reader.vocabulary)
        chain, reading, judgement = self._reader.judge(X)
        parts = parts_of(reading, chain.indptr, self._reader.fields) | self._counted(count_events(X))
        of_events = [type(part)(*(array[chain.events] for array in part)) for part in (reading, judgement)]
        return parts, _event_scores(*of_events, X.codes)

    def score_samples(self, running: Running) -> NDArray[np.float64]:
        """`LSTMAnomalyDetector.score_samples` of the sequences as they are so far, (n,)."""
        return self._detector.calibration_.score(self.parts(running), self._detector.part)

    def parts(self, running: Running) -> Parts:
        """Give the parts of the score, as if the sequences ended here."""
        fields, n = self._reader.fields, len(running.code)
        n_surprisals = 1 + len(fields.categories)
        ends = np.zeros((n, n_surprisals), np.float32)
        ends[:, 0] = self._surprisal_of_ends(running)
        once = np.arange(n + 1)
        surprisals = [part.update(ends[:, i], once) for i, part in enumerate(running.parts[:n_surprisals])]
        names = ["events", *fields.names]
        found = [part.parts() for part in (*surprisals, *running.parts[n_surprisals:])]
        channels = zip(names, found, strict=True)
        parts = {f"{channel} {name}": values for channel, named in channels for name, values in named.items()}
        return parts | self._counted(running.counts)

    def _counted(self, counts: sparse.csr_array) -> Parts:
        lengths = counts.sum(axis=1).astype(np.float64)
        unknown = counts[:, [0]].toarray()[:, 0].astype(np.float64)
        distances, _ = self._detector.normal_.compositions.nearest_to(counts)
        return {"new events": unknown, "long": lengths, "short": -lengths, "composition": distances}

    def _surprisal_of_ends(self, running: Running) -> NDArray[np.float32]:
        surprisal = np.empty(len(running.code), np.float32)
        end = end_code(len(self._reader.vocabulary))
        for start in range(0, len(surprisal), BATCH):
            rows = slice(start, start + BATCH)
            last = running.code[rows, None], running.categories[rows, None], running.numbers[rows, None]
            inputs, categories, numbers = (in_whole_tiles(array) for array in last)
            targets = np.full_like(inputs, end)
            memory = [tf.constant(in_whole_tiles(part[rows])) for part in running.memory]
            nothing = np.zeros_like(categories), np.zeros_like(numbers)
            arrays = map(tf.constant, (inputs, targets, categories, numbers, *nothing))
            _, found, _ = self._reader.network.score(memory, *arrays)
            surprisal[rows] = found[: len(last[0]), 0]
        return surprisal - np.log1p(-self._reader.unseen.mass)


def _after_last(running: Running, X: Sequences) -> Sequences:
    """Put the last event before at the start of each sequence."""
    codes = _insert(running.code, X.codes, X)
    indptr = X.indptr + np.arange(len(X) + 1)
    return Sequences(codes, indptr, X.keys, X.vocabulary, None, np.arange(len(codes)))


def _insert(first: NDArray, values: NDArray, X: Sequences) -> NDArray:
    return np.insert(values, X.indptr[:-1], first, axis=0)


def _last_times(before: NDArray, X: Sequences) -> NDArray[np.datetime64]:
    return before if X.timestamps is None else X.timestamps[X.indptr[1:] - 1]


def _event_scores(reading: Reading, judgement: Judgement, codes: NDArray[np.int32]) -> EventScores:
    p_values = field_p_values(reading, judgement)
    surprisal, oddest = reading.surprisal.sum(axis=1), p_values.argmin(axis=1)
    return EventScores(surprisal, smallest_of(p_values), oddest, judgement.likeliest, codes == UNKNOWN)
