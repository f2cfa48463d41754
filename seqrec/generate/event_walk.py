"""Events that a network draws, with their times and fields, one after another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seqrec.data.fields import GAP, Fields, field_columns
from seqrec.data.sequences import Sequences
from seqrec.generate.forms import NumberForm
from seqrec.generate.paths import Events, Uniforms
from seqrec.network.mixtures import N_UNIFORMS
from seqrec.network.model import SequenceModel
from seqrec.network.state import State
from seqrec.network.walk import Walk
from seqrec.storage.arrays import Array
from seqrec.storage.schemas import Integer, Real

_N_STARTS = 1_000  # quantiles of the times that sequences start at
_SECOND = 1_000_000  # microseconds


class Timing(NamedTuple):
    """When sequences start, and how long they wait at most.

    Attributes
    ----------
    starts : (n_quantiles,) int64
        Quantiles of the times of first events, from the earliest to the latest, in microseconds since 1970.
    longest_gap : float
        Seconds; no longer one is drawn.
    tick : int
        Microseconds between the ticks of the clock.
    """

    starts: Annotated[NDArray[np.int64], Array("int64", None)]
    longest_gap: Annotated[float, Real(0)]
    tick: Annotated[int, Integer(1)]

    def check_sound(self) -> None:
        """Raise ValueError where no time is known, or the quantiles fall."""
        if not len(self.starts) or (np.diff(self.starts) < 0).any():
            raise ValueError("quantiles of times must be there, and rise.")

    @classmethod
    def of(cls, X: Sequences) -> Self:
        """Look at the times of X, which has some."""
        firsts = np.sort(np.asarray(X.timestamps)[X.indptr[:-1][X.lengths > 0]].astype(np.int64))
        places = np.linspace(0, len(firsts) - 1, min(len(firsts), _N_STARTS + 1))
        gaps = field_columns(X)[GAP]
        return cls(firsts[np.rint(places).astype(np.intp)], float(np.nanmax(gaps, initial=0.0)), X.clock or 1)

    def next(
        self, times: NDArray[np.datetime64], gaps: NDArray[np.float64], uniform: NDArray[np.float64]
    ) -> NDArray[np.datetime64]:
        """Give the times of next events, on the ticks of the clock, (n,) datetime64[us].

        Parameters
        ----------
        times : (n,) datetime64[us]
            Of the events before; NaT at the start of a sequence.
        gaps : (n,) float64, seconds
            Until the next; at the start without meaning.
        uniform : (n,) float64
            Numbers between 0 and 1 that the first events' times are drawn by.
        """
        ticks = np.rint(np.clip(np.nan_to_num(gaps), 0, self.longest_gap) * (_SECOND / self.tick))
        waited = np.where(gaps > 0, np.maximum(ticks, 1), 0).astype(np.int64) * self.tick
        earliest, places = self.starts[0], np.linspace(0, 1, len(self.starts))
        after = np.interp(uniform, places, (self.starts - earliest).astype(np.float64))
        first = (earliest + after.astype(np.int64)) // self.tick * self.tick
        return np.where(np.isnat(times), first, times.astype(np.int64) + waited).view("datetime64[us]")


class EventWalk:
    """Sequences on their way through a network, of which each event is drawn whole; a `paths.Walk`.

    Parameters
    ----------
    network : SequenceModel
    fields : Fields
        That it reads.
    timing : Timing or None
        Of the training data, if they had times.
    forms : mapping of str to NumberForm
        What numbers of the fields look like.
    state : State
        With memory.
    rows : (n,) int
        Whose states are gone on from.
    """

    def __init__(
        self,
        network: SequenceModel,
        fields: Fields,
        timing: Timing | None,
        forms: Mapping[str, NumberForm],
        state: State,
        rows: NDArray[np.integer],
    ) -> None:
        self._walk, self._network, self._fields = Walk(network, state, rows), network, fields
        self._timing, self._forms = timing, forms
        self._times = state.time[rows if len(state.time) > 1 else np.zeros_like(rows)]

    @property
    def times(self) -> NDArray[np.datetime64]:
        """Of the last event of each, (n,) datetime64[us]; NaT where there is none."""
        return self._times

    def next_log_prob(self) -> NDArray[np.float32]:
        """Log-probability, but for a constant of each row, of each item and, last, of the end, (n, n_items + 1)."""
        return self._walk.logits()

    def take(self, codes: NDArray[np.int32], uniforms: Uniforms) -> Events:
        """Go on with events of these codes, (n,), whose fields and times are drawn."""
        events, numbers = self._drawn(codes, uniforms)
        self._walk.take(codes, events.categories, numbers)
        self._times = events.times
        return events

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Go on with some of the sequences alone."""
        self._walk.keep(rows)
        self._times = self._times[rows]

    def _drawn(self, codes: NDArray[np.int32], uniforms: Uniforms) -> tuple[Events, NDArray[np.float32]]:
        """Draw the fields of events; give them, and the numbers as the network reads them."""
        n, n_categories, n_numbers = len(codes), len(self._fields.category_sizes), len(self._fields.numbers)
        if self._network.fields is None or not n_categories + n_numbers:
            nothing = np.zeros((n, n_categories), np.int32)
            return Events.plain(codes)._replace(categories=nothing), np.zeros((n, n_numbers, 2), np.float32)
        drawn = uniforms(1 + (n_categories + n_numbers) * N_UNIFORMS)
        given = np.ones((n, n_categories + n_numbers), bool)
        if self._timing is not None:
            given[:, n_categories] = ~np.isnat(self._times)
        of_fields = np.clip(drawn[:, 1:].reshape(n, -1, N_UNIFORMS), 1e-6, 1 - 1e-6).astype(np.float32)
        categories, numbers = self._walk.draw(codes, given, of_fields)
        values, times = self._fields.values_of(numbers), self._times
        if self._timing is not None:
            times = self._timing.next(times, values[:, 0], drawn[:, 0])
            values[:, 0] = (times - self._times) / np.timedelta64(1, "s")  # NaN at the start
        for at, field in enumerate(self._fields.numbers):
            if field.name in self._forms:
                values[:, at] = self._forms[field.name].apply(values[:, at])
        return Events(codes, categories, values, times), self._fields.encode_values(values)
