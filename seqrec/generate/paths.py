"""Paths: sequences that are drawn event by event, whatever says what could come next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from seqrec.data.sequences import Sequences

Uniforms = Callable[[int], NDArray[np.float64]]  # gives so many numbers in [0, 1) for each sequence, (n, .)


class Events(NamedTuple):
    """One event of each of n sequences, or the events of all of them in order.

    Attributes
    ----------
    codes : (n,) int32
    categories : (n, n_categories) int32
        Codes of the categorical fields.
    values : (n, n_numbers) float64
        Of the numeric fields; NaN where one is absent.
    times : (n,) datetime64[us]
        NaT where there are none.
    """

    codes: NDArray[np.int32]
    categories: NDArray[np.int32]
    values: NDArray[np.float64]
    times: NDArray[np.datetime64]

    @classmethod
    def plain(cls, codes: NDArray[np.int32], n_categories: int = 0, n_numbers: int = 0) -> Events:
        """Give events of which neither times nor fields, if there are any, are known."""
        n, times = len(codes), np.full(len(codes), "NaT", "datetime64[us]")
        return cls(codes, np.zeros((n, n_categories), np.int32), np.full((n, n_numbers), np.nan), times)


class Walk(Protocol):
    """Sequences on their way: what could come next in each, and one event more."""

    def next_log_prob(self) -> NDArray[np.floating]:
        """Log-probability, but for a constant of each row, of each item and, last, of the end, (n, n_items + 1)."""

    def take(self, codes: NDArray[np.int32], uniforms: Uniforms) -> Events:
        """Go on with events of these codes, (n,), and give them with what else is drawn of them."""

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Go on with some of the sequences alone."""


class Trace:
    """What was drawn so far."""

    def __init__(self) -> None:
        self._rows: list[NDArray[np.intp]] = []
        self._events: list[Events] = []

    def add(self, rows: NDArray[np.intp], events: Events) -> None:
        """Remember one event of each of some sequences."""
        self._rows.append(rows)
        self._events.append(events)

    def collected(self, n: int) -> tuple[Events, NDArray[np.int64]]:
        """Give the events of n sequences, one after another, and how many are of each."""
        if not self._rows:
            return Events.plain(np.zeros(0, np.int32)), np.zeros(n, np.int64)
        rows = np.concatenate(self._rows)
        order = np.argsort(rows, kind="stable")
        events = Events(*(np.concatenate(parts)[order] for parts in zip(*self._events, strict=True)))
        return events, np.bincount(rows, minlength=n)


def followed(begun: Sequences, drawn: Sequences) -> Sequences:
    """Put the events of each drawn sequence after those that it began with; keys are those of what was drawn."""
    begun_lengths, lengths = begun.lengths, begun.lengths + drawn.lengths
    position = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    is_begun = position < np.repeat(begun_lengths, lengths)

    def merged(first: NDArray, second: NDArray) -> NDArray:
        both = np.empty((len(is_begun), *first.shape[1:]), np.result_type(first, second))
        both[is_begun], both[~is_begun] = first, second
        return both

    before, after = begun.timestamps, drawn.timestamps
    times = None if before is None or after is None else merged(before, after)
    columns = {name: merged(begun.columns[name], values) for name, values in drawn.columns.items()}
    codes, indptr = merged(begun.codes, drawn.codes), np.concatenate([[0], np.cumsum(lengths)])
    return replace(drawn, codes=codes, indptr=indptr, timestamps=times, rows=np.arange(len(codes)), columns=columns)
