"""Paths: sequences that are drawn event by event, whatever says what could come next."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from seqrec.data.sequences import Sequences

AT_ONCE = 2**18  # weights that stay in the cache
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

    @classmethod
    def missing(cls, codes: NDArray[np.int32], like: Events) -> Events:
        """Give events of which nothing more is known, with as many fields as others."""
        return cls.plain(codes, like.categories.shape[1], like.values.shape[1])

    @classmethod
    def joined(cls, several: Sequence[Events]) -> Events:
        """Put events after each other."""
        return cls(*[np.concatenate(parts) for parts in zip(*several, strict=True)])

    def some(self, rows: NDArray) -> Events:
        """Give some of the events."""
        return Events(*[np.asarray(part)[rows] for part in self])


class Walk(Protocol):
    """Sequences on their way: what could come next in each, and one event more."""

    def next_weights(self) -> Iterator[tuple[slice, NDArray[np.floating]]]:
        """Weights, in proportion to the probabilities, of each item and, last, of the end: (rows, n_items + 1).

        They come for some sequences at a time, whose weights stay in the processor's cache.
        """

    def draw(self, uniform: NDArray[np.float64], may_end: bool) -> NDArray[np.intp]:
        """Draw what comes next by numbers in [0, 1), (n,): columns of an item, or, last, of the end."""

    def take(self, codes: NDArray[np.int32], uniforms: Uniforms) -> Events:
        """Go on with events of these codes, (n,), and give them with what else is drawn of them."""

    def keep(self, rows: NDArray) -> None:
        """Go on with some of the sequences alone: a mask, or numbers of which some may repeat."""


Walks = Callable[[NDArray[np.intp]], Any]  # sets some of n sequences on their way, any of them as often as wanted


def probabilities(walk: Walk) -> NDArray[np.float64]:
    """Probability of each item and, last, of the end, (n, n_items + 1)."""
    weights = np.concatenate([each.astype(np.float64) for _, each in walk.next_weights()])
    return weights / weights.sum(axis=1, keepdims=True)


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
        return Events.joined(self._events).some(order), np.bincount(rows, minlength=n)


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
