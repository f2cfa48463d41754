"""Sequences hold a log as flat columns, cut into one sequence a user."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from seqrec._checks import check_ids, check_positive_int
from seqrec.vocabulary import N_RESERVED, PADDING, UNKNOWN, Vocabulary


@dataclass(frozen=True, eq=False, repr=False)
class Sequences:
    """Sequences of events, immutable and dictionary-encoded.

    Build them with `from_frame` or `from_lists`. ``len(X)`` is the number of sequences, ``X[rows]`` selects sequences
    (so scikit-learn's splitters work), ``X[3]`` gives one sequence's items and iteration gives every sequence's items,
    in the user's own ids.

    Attributes
    ----------
    codes : (n_events,) int32
        The item of each event, as a code of `vocabulary`.
    indptr : (n_sequences + 1,) int64
        Sequence ``i`` holds the events ``indptr[i]:indptr[i + 1]``.
    keys : (n_sequences,) ndarray
        The users' own ids.
    vocabulary : Vocabulary
    timestamps : (n_events,) datetime64[us], UTC, or None
    rows : (n_events,) integer
        The row of the log that each event came from: ``out[X.rows] = event_scores`` is in the log's order.
    columns : dict of str to (n_events,) ndarray
    time_unit : str or None
        The unit of a log's numeric timestamps: "s", "ms", "us" or "ns".

    Examples
    --------
    >>> X = Sequences.from_lists([["tea", "milk"], ["milk"]])
    >>> X
    Sequences(2 sequences, 3 events, 2 items)
    >>> X[0]
    array(['tea', 'milk'], dtype=object)
    """

    codes: np.ndarray
    indptr: np.ndarray
    keys: np.ndarray
    vocabulary: Vocabulary
    timestamps: np.ndarray | None
    rows: np.ndarray
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    time_unit: str | None = None

    def __post_init__(self) -> None:
        for name in ("codes", "indptr", "keys", "timestamps", "rows"):
            object.__setattr__(self, name, _read_only(getattr(self, name)))
        object.__setattr__(self, "columns", {name: _read_only(column) for name, column in self.columns.items()})

    @classmethod
    def from_frame(
        cls,
        log: Any,
        user: str = "user_id",
        item: str = "item_id",
        timestamp: str | None = "timestamp",
        columns: Sequence[str] = (),
        time_unit: str = "auto",
        drop_duplicates: bool = False,
    ) -> Sequences:
        """Cut a log of events into one sequence a user (a first version: pandas only)."""
        users = pd.factorize(log[user].to_numpy(), sort=True)
        order = np.argsort(users[0], kind="stable")
        times = None
        if timestamp is not None:
            times = pd.to_datetime(log[timestamp], unit="s" if log[timestamp].dtype.kind in "if" else None)
            times = times.to_numpy().astype("datetime64[us]")
            order = np.lexsort((times, users[0]))
        codes, items = pd.factorize(log[item].to_numpy()[order])
        return cls(
            codes=(codes + N_RESERVED).astype(np.int32),
            indptr=_offsets(np.bincount(users[0], minlength=len(users[1]))),
            keys=check_ids(users[1], user),
            vocabulary=Vocabulary(items),
            timestamps=None if times is None else times[order],
            rows=order,
            columns={name: log[name].to_numpy()[order] for name in columns},
        )

    @classmethod
    def from_lists(cls, lists: Iterable[Sequence[Any]], keys: Any = None, timestamps: Any = None) -> Sequences:
        """Take sequences as lists of items, in the order of their events."""
        lists = list(lists)
        lengths = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
        flat = check_ids(_flatten(lists), "lists")
        codes, items = pd.factorize(flat)
        times = None if timestamps is None else pd.to_datetime(_flatten(timestamps)).to_numpy().astype("datetime64[us]")
        return cls(
            codes=(codes + N_RESERVED).astype(np.int32),
            indptr=_offsets(lengths),
            keys=np.arange(len(lists)) if keys is None else check_ids(keys, "keys"),
            vocabulary=Vocabulary(items),
            timestamps=times,
            rows=np.arange(len(flat)),
        )

    @property
    def shape(self) -> tuple[int]:
        """``(n_sequences,)``; scikit-learn then selects rows as it does for arrays."""
        return (len(self),)

    @property
    def n_events(self) -> int:
        """Number of events."""
        return len(self.codes)

    @property
    def lengths(self) -> np.ndarray:
        """Number of events of each sequence, (n_sequences,) int64."""
        return np.diff(self.indptr)

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def __repr__(self) -> str:
        return f"Sequences({len(self):,} sequences, {self.n_events:,} events, {len(self.vocabulary):,} items)"

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[row] for row in range(len(self)))

    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, tuple):
            rows = rows[0]
        if isinstance(rows, int | np.integer):
            row = range(len(self))[rows]
            return self.vocabulary.decode(self.codes[self.indptr[row] : self.indptr[row + 1]])
        selected = np.arange(len(self))[rows]
        return self._take(self.keys[selected], self.indptr[selected], self.indptr[selected + 1])

    def between(self, starts: Any, stops: Any) -> Sequences:
        """Keep the events ``starts[i]:stops[i]`` of each sequence; offsets outside the sequence are clipped."""
        starts = np.clip(starts, 0, self.lengths)
        stops = np.clip(stops, starts, self.lengths)
        return self._take(self.keys, self.indptr[:-1] + starts, self.indptr[:-1] + stops)

    def head(self, n: int) -> Sequences:
        """Keep the first `n` events of each sequence."""
        return self.between(0, check_positive_int(n, "n", minimum=0))

    def tail(self, n: int) -> Sequences:
        """Keep the last `n` events of each sequence."""
        return self.between(self.lengths - check_positive_int(n, "n", minimum=0), self.lengths)

    def recode(self, vocabulary: Vocabulary) -> Sequences:
        """Express the same events in the codes of another vocabulary; items that it lacks become unknown."""
        return self._replace(codes=self.vocabulary.translation(vocabulary)[self.codes], vocabulary=vocabulary)

    def observed(self) -> Vocabulary:
        """Give the vocabulary of the items that do occur, in order of first appearance."""
        codes = pd.unique(self.codes)
        return Vocabulary(self.vocabulary.decode(codes[(codes != PADDING) & (codes != UNKNOWN)]))

    def _take(self, keys: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> Sequences:
        indptr = _offsets(stops - starts)
        events = np.repeat(starts - indptr[:-1], stops - starts) + np.arange(indptr[-1])
        return self._replace(
            codes=self.codes[events],
            indptr=indptr,
            keys=keys,
            timestamps=None if self.timestamps is None else self.timestamps[events],
            rows=self.rows[events],
            columns={name: column[events] for name, column in self.columns.items()},
        )

    def _replace(self, **changes: Any) -> Sequences:
        return Sequences(**{**self.__dict__, **changes})


def as_sequences(X: Any, allow_empty: bool = True) -> Sequences:
    """Take what an estimator's user passes (a first version)."""
    return X if isinstance(X, Sequences) else Sequences.from_lists(X)


def _flatten(lists: Sequence[Sequence[Any]]) -> np.ndarray:
    return np.fromiter(chain.from_iterable(lists), dtype=object)


def _offsets(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _read_only(array: np.ndarray | None) -> np.ndarray | None:
    if array is not None:
        array = np.asarray(array).view()
        array.flags.writeable = False
    return array
