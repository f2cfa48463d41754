"""The kernel of every batch job: rows of whole users in, scores out, in memory that does not grow with a user.

Rows come as Arrow tables sorted by user and time, cut anywhere; a user who goes on in the next table is read on from
what is kept of the last. The same kernel works in one process, under Dask, and in Spark's ``mapInArrow``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from seqrec._text import plain
from seqrec.data.arrow import FIELD, read_piece, with_outlook
from seqrec.data.fields import GAP
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED, UNKNOWN
from seqrec.detect.drift import LENGTH, Seen, added
from seqrec.detect.lstm import LSTMAnomalyDetector
from seqrec.detect.normal import DetectorState
from seqrec.detect.stream import EventScores
from seqrec.detect.words import ODD, Reasons, one_in, severity, value_in_words
from seqrec.logs.values import TYPES
from seqrec.network.state import join, take

_AT_ONCE = 3  # tables
_N_TOP = 3  # events of a sequence that are named
_NOWHERE = -1  # place of what lies in an earlier log
#: Columns of sequences that lead to their events in the log: the first, the last, and the oddest.
PLACES = ("first_place", "last_place", "oddest_place")


class Scored(NamedTuple):
    """What came of some rows.

    Attributes
    ----------
    events : pa.Table
        A row an event: `place`, `user`, `item`, perhaps `time`, `surprisal`, `event_p_value`, `expected`, `odd_field`,
        `unknown`.
    sequences : pa.Table
        A row for each sequence that is complete: `user`, `events`, `unknown_events`, `score`, `p_value`, `flagged`,
        `fired` (the part of the score that is oddest), if it is flagged `severity`, `odds` and `reason` in words,
        `top_events` (the oddest, and up to two more that are odd), and the `PLACES`.
    late : pa.Table
        Rows that came too late: they lie before events that an earlier job has scored.
    seen : dict of Seen
        What is compared with the training data.
    """

    events: pa.Table | None
    sequences: pa.Table | None
    late: pa.Table | None
    seen: dict[str, Seen]


class Oddest(NamedTuple):
    """The oddest events of n sequences, (n, 3), the oddest first: p-values, texts, and places in the log.

    Where there are fewer, 1 and "". Of events of an earlier log the place is -1.
    """

    p_value: NDArray[np.float64]
    text: NDArray[np.object_]
    place: NDArray[np.int64]

    @property
    def are_odd(self) -> NDArray[np.bool_]:
        """Which of them are to be named, (n, 3): the oddest, and those with a p-value that is odd."""
        return (np.arange(_N_TOP) == 0) | (self.p_value <= ODD)

    @classmethod
    def start(cls, n: int) -> Oddest:
        """Know nothing yet of n sequences."""
        shape = n, _N_TOP
        return cls(np.ones(shape), np.full(shape, "", dtype=object), np.full(shape, _NOWHERE))

    def update(
        self, p_values: NDArray, indptr: NDArray, places: NDArray, describe: Callable[[NDArray], list[str]]
    ) -> Oddest:
        """Take in the next events; `describe` gives the texts of some of them."""
        lengths = np.diff(indptr)
        row = np.repeat(np.arange(len(lengths)), lengths)
        order = np.lexsort((p_values, row))
        place = np.arange(len(order)) - indptr[:-1][row]
        kept = place < _N_TOP
        new = Oddest.start(len(lengths))
        new.p_value[row[kept], place[kept]] = p_values[order[kept]]
        new.text[row[kept], place[kept]] = describe(order[kept])
        new.place[row[kept], place[kept]] = places[order[kept]]
        both = Oddest._make(np.concatenate(pair, axis=1) for pair in zip(self, new, strict=True))
        best = np.argsort(both.p_value + (both.text == ""), axis=1, kind="stable")[:, :_N_TOP]
        return Oddest._make(np.take_along_axis(array, best, axis=1) for array in both)


class Kept(NamedTuple):
    """What is kept of n users.

    Attributes
    ----------
    users : (n,) array of ids
    hashes : (n,) uint64
        Of the ids.
    state : DetectorState
    oddest : Oddest
    ends : (n, 2) int64
        Places of the user's first and last event in this job; -1 if there is none.
    """

    users: NDArray
    hashes: NDArray[np.uint64]
    state: DetectorState
    oddest: Oddest
    ends: NDArray[np.int64]

    @property
    def touched(self) -> NDArray[np.bool_]:
        """Whether the user has an event in this job, (n,)."""
        return self.ends[:, 0] != _NOWHERE

    @classmethod
    def before(cls, users: NDArray, hashes: NDArray, state: DetectorState, oddest: Oddest) -> Kept:
        """Give users as they come into a job."""
        return cls(users, hashes, state, oddest, np.full((len(users), 2), _NOWHERE))

    def moved_on(self, state: DetectorState, oddest: Oddest, ends: NDArray) -> Kept:
        """Give the same users after more events, of which these are the first and the last places."""
        first = np.where(self.touched, self.ends[:, 0], ends[:, 0])
        return self._replace(state=state, oddest=oddest, ends=np.stack([first, ends[:, 1]], axis=1))

    def replaced(self, rows: NDArray, others: Kept) -> Kept:
        """Give the same users, with what `others` know of some of them."""
        which = np.arange(len(self.users))
        which[rows] = len(which) + np.arange(len(rows))
        return take(join([self, others]), which)


class Detection:
    """Score rows with a detector.

    Parameters
    ----------
    detector : LSTMAnomalyDetector
        Fitted.
    time_unit : str or None
        Of times that are numbers.
    states : states.StateStore, optional
        Knows users from earlier jobs.
    offset : float, optional
        Scores below it are flagged; by default the detector's own.
    clock : int, optional
        That of the log, as in `Sequences`.
    """

    def __init__(
        self,
        detector: LSTMAnomalyDetector,
        time_unit: str | None = None,
        states: Any = None,
        offset: float | None = None,
        clock: int | None = None,
    ) -> None:
        self._detector, self._unit, self._states, self._clock = detector, time_unit, states, clock
        self._offset = detector.offset_ if offset is None else offset
        self._stream = detector.stream(clock=clock)
        self._open: Kept | None = None  # the last user of the table before, who may go on in this one

    def score(self, tables: Iterable[pa.Table]) -> Iterator[Scored]:
        """Score tables with the columns `hash`, `place`, `user`, `item`, perhaps `time`, and fields."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:  # while one table is pooled and written, the network reads another
            ahead: deque[Future[Scored]] = deque()
            for table, goes_on in with_outlook(tables):
                if self._states is None and self._open is None and not goes_on:
                    ahead.append(pool.submit(self._score_whole, table))
                    yield from _results(ahead, _AT_ONCE)
                else:
                    yield from _results(ahead, 0)
                    yield self._score(table)
            yield from _results(ahead, 0)
        if self._open is not None:
            yield self._scored(None, self._finish(self._open), None)
        self._open = None

    def _score_whole(self, table: pa.Table) -> Scored:
        X = read_piece(table, self._detector.vocabulary_, self._unit, self._clock)
        state, scores = self._stream.read(None, X, keep=False)
        start = np.full(len(X), np.datetime64("NaT", "us"))
        oddest = self._oddest(Oddest.start(len(X)), X, table, scores, start)
        unknown = np.add.reduceat(X.codes == UNKNOWN, X.indptr[:-1], dtype=np.int64)
        sequences = self._sequence_table(X.keys, X.lengths, unknown, state, oddest, _ends(table, X))
        return self._scored(X, sequences, None, self._event_table(table, scores))

    def _score(self, table: pa.Table) -> Scored:
        X = read_piece(table, self._detector.vocabulary_, self._unit, self._clock)
        before = self._open
        kept, goes_on = self._recall(X, table["hash"].to_numpy()[X.indptr[:-1]])
        until = kept.state.network.time.copy()
        until[kept.touched] = np.datetime64("NaT")  # by this job, which may cut events at the same time apart
        n_late = _count_late(X, until)
        late = table.take(pa.array(X.between(0, n_late).rows))
        X = X.between(n_late, X.lengths)
        read = np.flatnonzero(X.lengths)
        table, new = table.take(pa.array(X.rows)), X[read]
        after: Kept = take(kept, read)
        state, scores = self._stream.read(after.state, new)
        oddest = self._oddest(after.oddest, new, table, scores, after.state.network.time)
        after = after.moved_on(state, oddest, _ends(table, new))
        kept = after if len(read) == len(X) else kept.replaced(read, after)
        finished = [] if before is None or goes_on else [self._finish(before)]
        self._open = take(kept, np.s_[-1:])
        finished.append(self._finish(take(kept, np.s_[:-1])))
        return self._scored(new, pa.concat_tables(finished), late, self._event_table(table, scores))

    def _scored(
        self, X: Sequences | None, sequences: pa.Table, late: pa.Table | None, events: pa.Table | None = None
    ) -> Scored:
        seen = [self._detector.see_sequences(sequences["events"].to_numpy(), sequences["score"].to_numpy())]
        if self._states is not None:  # as long as all nights together
            seen[0].pop(LENGTH, None)
        seen += [] if X is None else [self._detector.see_events(X)]
        return Scored(events, sequences, late, added(seen))

    def _recall(self, X: Sequences, hashes: NDArray[np.uint64]) -> tuple[Kept, bool]:
        """Give what is kept of the users of X, and whether the first goes on from the table before."""
        n = len(X)
        kept = Kept.before(X.keys, hashes, self._stream.start(n), Oddest.start(n))
        goes_on = False
        if self._open is not None and self._open.users[0] == X.keys[0]:
            goes_on, kept = True, kept.replaced(np.array([0]), self._open)
        if self._states is not None:
            known, others = self._states.take(X.keys[goes_on:], hashes[goes_on:])
            kept = kept.replaced(known + goes_on, others) if len(known) else kept
        return kept, goes_on

    def _finish(self, kept: Kept) -> pa.Table:
        """Give the scores of sequences that are complete."""
        if self._states is not None:
            self._states.put(kept)
        kept = take(kept, kept.touched)
        counts = kept.state.counts
        unknown = counts[:, [0]].toarray()[:, 0]
        return self._sequence_table(kept.users, counts.sum(axis=1), unknown, kept.state, kept.oddest, kept.ends)

    def _oddest(
        self, before: Oddest, X: Sequences, table: pa.Table, scores: EventScores, since: NDArray[np.datetime64]
    ) -> Oddest:
        """Give the oddest events after those of X, which go on `since` some times, (n,)."""
        places = table["place"].to_numpy().astype(np.int64)
        if X.timestamps is not None:
            steps = np.diff(X.timestamps, prepend=np.datetime64("NaT", "us"))
            steps[X.indptr[:-1]] = X.timestamps[X.indptr[:-1]] - since
            table = table.append_column(FIELD + GAP, pa.array(steps / np.timedelta64(1, "s")))
        return before.update(scores.p_value, X.indptr, places, partial(self._describe, table, scores))

    def _sequence_table(
        self, users: NDArray, lengths: NDArray, unknown: NDArray, state: DetectorState, oddest: Oddest, ends: NDArray
    ) -> pa.Table:
        reasons = self._stream.calibration.reasons(self._stream.parts(state), self._detector.part)
        texts = ["; ".join(filter(None, row)) for row in np.where(oddest.are_odd, oddest.text, "").tolist()]
        flagged = reasons.scores < self._offset
        columns = {
            "user": users,
            "events": lengths,
            "unknown_events": unknown,
            "score": reasons.scores,
            "p_value": reasons.p_value,
            "flagged": flagged,
            "fired": reasons.fired,
            **_in_words(reasons.of(flagged), flagged),
            "top_events": np.array(texts, dtype=object),
            **dict(zip(PLACES, (*ends.T, oddest.place[:, 0]), strict=True)),
        }
        # Of no sequences, Arrow would not know that the ids are text.
        return pa.table({name: pa.array(v, pa.string() if v.dtype == object else None) for name, v in columns.items()})

    def _event_table(self, table: pa.Table, scores: EventScores) -> pa.Table:
        names = [name for name in ("place", "user", "item", "time") if name in table.column_names]
        expected = [str(name) for name in self._stream.expected]
        columns = {
            "surprisal": pa.array(scores.surprisal),
            "event_p_value": pa.array(scores.p_value),
            "expected": _named(scores.expected - N_RESERVED, expected),
            "odd_field": _named(scores.field, self._stream.fields),
            "unknown": pa.array(scores.unknown),
        }
        return pa.table({name: table[name] for name in names} | columns)

    def _describe(self, table: pa.Table, scores: EventScores, events: NDArray) -> list[str]:
        """Say what was odd in some of the events."""
        items = table["item"].take(pa.array(events)).to_pylist()
        expected = self._stream.expected[scores.expected[events] - N_RESERVED]
        odd = [
            f" instead of {name}" if field == 0 else f": {self._value(table, self._stream.fields[field], event)}"
            for event, field, name in zip(events, scores.field[events], expected, strict=True)
        ]
        return [f"{item}{why} ({one_in(p)})" for item, why, p in zip(items, odd, scores.p_value[events], strict=True)]

    def _value(self, table: pa.Table, field: str, event: int) -> str:
        shown = value_in_words(table[FIELD + field][int(event)].as_py())
        return f"{plain(field, 40)} {shown}{' s' * (field == GAP)}"


def event_schema(kinds: Mapping[str, str]) -> pa.Schema:
    """Give the schema of scored events, by the kinds of a log's columns."""
    own = [(role, TYPES[kinds[role]]) for role in ("user", "item", "time") if role in kinds]
    scores = [("surprisal", pa.float32()), ("event_p_value", pa.float64())]
    named = [("expected", pa.string()), ("odd_field", pa.string())]
    return pa.schema([("place", pa.int64()), *own, *scores, *named, ("unknown", pa.bool_())])


def sequence_schema(kinds: Mapping[str, str]) -> pa.Schema:
    """Give the schema of scored sequences."""
    counts = [("user", TYPES[kinds["user"]]), ("events", pa.int64()), ("unknown_events", pa.int64())]
    scores = [("score", pa.float64()), ("p_value", pa.float64()), ("flagged", pa.bool_())]
    texts = [(name, pa.string()) for name in ("fired", "severity", "odds", "reason", "top_events")]
    return pa.schema([*counts, *scores, *texts, *((place, pa.int64()) for place in PLACES)])


def _in_words(reasons: Reasons, flagged: NDArray[np.bool_]) -> dict[str, NDArray[np.object_]]:
    """Say of the sequences that are flagged how odd they are, and why; None of the others."""
    texts = [
        (severity(p_value), reasons.one_in(p_value), "; ".join(sentences))
        for p_value, sentences in zip(reasons.p_value, reasons.sentences(), strict=True)
    ]
    columns = np.full((len(flagged), 3), None)
    columns[flagged] = np.array(texts, dtype=object).reshape(-1, 3)
    return dict(zip(("severity", "odds", "reason"), columns.T, strict=True))


def _ends(table: pa.Table, X: Sequences) -> NDArray[np.int64]:
    """Give the places of the first and the last event of each sequence of X, whose events are the rows, (n, 2)."""
    places = table["place"].to_numpy().astype(np.int64)
    return np.stack([places[X.indptr[:-1]], places[X.indptr[1:] - 1]], axis=1)


def _results(ahead: deque[Future[Scored]], at_most: int) -> Iterator[Scored]:
    """Wait until no more than so many tables are ahead."""
    while len(ahead) > at_most:
        yield ahead.popleft().result()


def _count_late(X: Sequences, scored_until: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Count the events of each sequence that do not lie after what was scored of it: such as came then, came before."""
    if X.timestamps is None:
        return np.zeros(len(X), np.int64)
    late = X.timestamps <= np.repeat(scored_until, X.lengths)  # False where nothing was
    return np.add.reduceat(late, X.indptr[:-1], dtype=np.int64)


def _named(codes: NDArray, names: list[str]) -> pa.Array:
    """Give texts by their number."""
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(names, pa.string())).cast(pa.string())
