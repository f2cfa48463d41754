"""What is asked of the future, checked before any of it is drawn: of whom, which events, from when, how far."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from seqrec._checks import check_integer, check_known, show
from seqrec.data.ends import END
from seqrec.data.inputs import as_sequences
from seqrec.data.queries import last_times, query_times
from seqrec.data.sequences import Sequences
from seqrec.exceptions import InputError
from seqrec.generate.fan import Fan, Root
from seqrec.generate.source import Source

LONGEST = 1_000  # events, after which a path is cut if nothing else ends it
_BYTES, _LEAST = 2**27, 500  # of memory for all paths, and at least for one
_WITHIN = "within, if no timedelta such as pd.Timedelta('30d'),"


class Spans(NamedTuple):
    """How far a question looks.

    Attributes
    ----------
    told : list of int or Timedelta
        As they were asked for.
    limits : (n_spans,) float64
        Events or, if it is `in_time`, seconds.
    in_time : bool
    """

    told: list[Any]
    limits: NDArray[np.float64]
    in_time: bool

    @classmethod
    def of(cls, within: Any) -> Spans:
        """Take what a user says: numbers of events or timedeltas, one or a list; None is as far as it goes."""
        if within is None:
            return cls([None], np.array([float(LONGEST)]), False)
        told = list(within) if isinstance(within, Collection) and not isinstance(within, str) else [within]
        in_time = [isinstance(one, timedelta | np.timedelta64) for one in told]
        if not told or any(in_time) != all(in_time):
            raise InputError(f"within must be numbers of events or timedeltas, all of one kind; got {show(within)}.")
        if not all(in_time):
            return cls(told, np.array([check_integer(one, _WITHIN) for one in told], np.float64), False)
        spans = pd.to_timedelta(told)
        if not (spans > pd.Timedelta(0)).all():  # a missing one is not above 0 either
            raise InputError(f"within must be above 0, got {show(within)}.")
        return cls(list(spans), spans.to_numpy() / np.timedelta64(1, "s"), True)


class Question(NamedTuple):
    """Histories that are asked about.

    Attributes
    ----------
    source : Source
    X : Sequences
        In its codes.
    at : (n,) datetime64[us] or None
        From when, if not from the last events.
    n_paths, seed : int
    timed : bool
        Whether times matter.
    """

    source: Source
    X: Sequences
    at: NDArray[np.datetime64] | None
    n_paths: int
    seed: int
    timed: bool

    @classmethod
    def of(cls, estimator: Any, X: Any, at: Any, n_paths: int, random_state: Any, timed: bool) -> Question:
        """Check what is asked of whom; in time if it is `timed`, or from a given time."""
        source, X = Source.of(estimator), as_sequences(X)
        if not len(X):
            raise InputError("X holds no sequences. Pass at least one history; [[]] asks about the start of one.")
        timed = timed or at is not None
        if timed and source.timing is None:
            advice = "Ask for a number of events, or fit LSTMGenerator or LSTMAnomalyDetector to a log with timestamps."
            raise InputError(f"this {source.name} does not tell when events come. {advice}")
        X, times = X.recode(source.vocabulary), query_times(at, X)
        if timed and (X.timestamps is None or not X.lengths.all()):
            which = (
                "X has no timestamps" if X.timestamps is None else f"{show(X.keys[X.lengths.argmin()])} has no event"
            )
            raise InputError(f"times are counted from the last event, and {which}.")
        return cls(source, X, times, n_paths, int(check_random_state(random_state).randint(2**31)), timed)

    def check_ends(self, wanted: str) -> None:
        """Raise InputError where nothing ends."""
        if not self.source.has_end:
            raise InputError(f"{self.source.name} knows no end of a sequence, so it needs {wanted}.")

    def columns(self, events: Any, name: str) -> NDArray[np.intp]:
        """Give the columns, among all that could come next, of some events."""
        known = {item: column for column, item in enumerate(self.source.vocabulary.items.tolist())}
        kinds = ({END: len(known)} if self.source.has_end else {}) | known
        events = list(events) if isinstance(events, Collection) and not isinstance(events, str | bytes) else [events]
        if not events:
            raise InputError(f"{name} names no event.")
        check_known(events, kinds, name)
        return np.unique([kinds[one] for one in events])

    def named(self, columns: NDArray[np.intp]) -> NDArray:
        """Give the events of columns."""
        return np.append(self.source.vocabulary.items.astype(object), END)[columns]

    def deadlines(self, until: Any) -> NDArray[np.datetime64]:
        """Give the times that paths go on until, (n,)."""
        if not isinstance(until, timedelta | np.timedelta64):
            return np.asarray(query_times(until, self.X, "until"))
        seconds = Spans.of(until).limits[0]
        asked = last_times(self.X) if self.at is None else self.at
        return asked + np.timedelta64(round(seconds * 1e6), "us")

    def roots(self) -> Iterator[Root]:
        """Give the histories in blocks, so that all paths of one fit in memory."""
        n = self.most // self.n_paths
        step = max(1, n if self.at is None else min(n, _BYTES // self.source.n_bytes_of_silence))
        for start in range(0, len(self.X), step):
            rows = slice(start, start + step)
            at = None if self.at is None else self.at[rows]
            yield Root.of(self.source, self.X[rows], at, self.seed, self.timed)

    def fans(self, root: Root) -> Iterator[tuple[NDArray[np.intp], Fan]]:
        """Give the paths of a block: their numbers, history by history, and a fan of them."""
        n = len(root.names) * self.n_paths
        for start in range(0, n, self.most):
            numbers = np.arange(start, min(start + self.most, n))
            yield numbers, Fan(root, *np.divmod(numbers, self.n_paths))

    @property
    def most(self) -> int:
        """Paths that fit in memory."""
        return max(1, _BYTES // (_LEAST + self.source.n_bytes))
