"""Events that a network draws, with their times and fields, one after another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

import numpy as np
from numpy.typing import NDArray

from seqrec.data.fields import GAP, Fields
from seqrec.generate.forms import NumberForm
from seqrec.generate.gaps import Gaps, Known, Timing
from seqrec.generate.paths import AT_ONCE, Events, Uniforms
from seqrec.generate.sampling import draw_next
from seqrec.network.mixtures import N_UNIFORMS, Positive
from seqrec.network.model import SequenceModel
from seqrec.network.state import State
from seqrec.network.walk import Walk


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
    def n_categories(self) -> int:
        """Fields of an event that are categories."""
        return len(self._fields.category_sizes)

    @property
    def times(self) -> NDArray[np.datetime64]:
        """Of the last event of each, (n,) datetime64[us]; NaT where there is none."""
        return self._times

    def next_weights(self, rows: NDArray[np.intp] | None = None) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Weights, in proportion to the probabilities, of each item and, last, of the end: of all or some rows."""
        for part, logits in self._walk.logits(AT_ONCE, rows):
            weights = logits - logits.max(axis=1, keepdims=True)
            yield part, np.exp(weights, out=weights)

    def draw(self, uniform: NDArray[np.float64], may_end: bool) -> NDArray[np.intp]:
        """Draw what comes next by numbers in [0, 1), (n,): columns of an item, or, last, of the end."""
        return draw_next(self, uniform, may_end)

    def take(self, codes: NDArray[np.int32], uniforms: Uniforms, known: Known | None = None) -> Events:
        """Go on with events of these codes, (n,), whose fields and times are drawn, but for what is known."""
        if not len(codes):
            tells = self._network.fields is not None
            return Events.plain(codes, len(self._fields.category_sizes) * tells, len(self._fields.numbers) * tells)
        events, numbers = self._drawn(codes, uniforms, known)
        categories = events.categories if self._network.fields is not None else self._nothing(len(codes))[0]
        self._walk.take(codes, categories, numbers)
        self._times = events.times
        return events

    def keep(self, rows: NDArray) -> None:
        """Go on with some of the sequences alone: a mask, or numbers of which some may repeat."""
        self._walk.keep(rows)
        self._times = self._times[rows]

    def categories(
        self, codes: NDArray[np.int32], uniforms: Uniforms, rows: NDArray[np.intp] | None = None
    ) -> NDArray[np.int32]:
        """Draw the categories that events of these codes would have, of all or some rows."""
        n, sizes = len(codes), self._fields.category_sizes
        if not sizes:
            return np.zeros((n, 0), np.int32)
        given = np.arange(len(sizes) + len(self._fields.numbers)) < len(sizes)
        drawn = self._uniforms_of_fields(uniforms, n)[1]
        return self._walk.draw(codes, np.tile(given, (n, 1)), drawn, rows=rows)[0]

    def gaps(
        self,
        codes: NDArray[np.int32],
        categories: NDArray[np.int32],
        since: NDArray[np.float64],
        rows: NDArray[np.intp] | None = None,
    ) -> Gaps:
        """Say how long events would take to come, of all or some rows, after so many seconds without any."""
        positive, timing = Positive.of(self._walk.gap(codes, categories, rows)), self._timing
        return Gaps(categories, positive, self._fields.numbers[0], cast("Timing", timing), since)

    def _drawn(
        self, codes: NDArray[np.int32], uniforms: Uniforms, known: Known | None
    ) -> tuple[Events, NDArray[np.float32]]:
        """Draw the fields of events; give them, and the numbers as the network reads them."""
        categories, numbers = self._nothing(len(codes))
        if self._network.fields is None or not categories.shape[1] + numbers.shape[1]:
            return Events.plain(codes), numbers
        given = np.ones((len(codes), categories.shape[1] + numbers.shape[1]), bool)
        if self._timing is not None:
            given[:, categories.shape[1]] = ~np.isnat(self._times)
        of_times, of_fields = self._uniforms_of_fields(uniforms, len(codes))
        before = None if known is None else (known.categories, self._fields.encode_gaps(known.gaps)[1])
        categories, numbers = self._walk.draw(codes, given, of_fields, before)
        values, times = self._fields.values_of(numbers), self._times
        if self._timing is not None:
            gaps, longest = (values[:, 0], None) if known is None else (known.gaps, known.gaps)
            times = self._timing.next(times, gaps, of_times, longest)
            values[:, 0] = (times - self._times) / np.timedelta64(1, "s")  # NaN at the start
        for at, field in enumerate(self._fields.numbers):
            if field.name in self._forms:
                values[:, at] = self._forms[field.name].apply(values[:, at])
        return Events(codes, categories, values, times), self._fields.encode_values(values)

    def _nothing(self, n: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Give categories and numbers of n events of which none is known."""
        n_categories, n_numbers = len(self._fields.category_sizes), len(self._fields.numbers)
        return np.zeros((n, n_categories), np.int32), np.zeros((n, n_numbers, 2), np.float32)

    def _uniforms_of_fields(self, uniforms: Uniforms, n: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Give the numbers that times of first events are drawn by, (n,), and fields, (n, n_fields, N_UNIFORMS)."""
        drawn = uniforms(1 + (len(self._fields.category_sizes) + len(self._fields.numbers)) * N_UNIFORMS)
        of_fields = np.clip(drawn[:, 1:].reshape(n, -1, N_UNIFORMS), 1e-6, 1 - 1e-6)
        return drawn[:, 0], of_fields.astype(np.float32)


def columns_of(events: Events, fields: Fields, forms: Mapping[str, NumberForm]) -> dict[str, NDArray]:
    """Give the columns of a log that drawn events have, but for the gap where it has times."""
    n = len(events.codes)
    categories = events.categories.reshape(n, len(fields.category_sizes))  # those of no events have no columns yet
    categories = categories[:, int(fields.gap_in_buckets) :]  # a gap that is read as a category is never drawn
    values = events.values.reshape(n, len(fields.numbers))
    columns = {field.name: field.decode(categories[:, at]) for at, field in enumerate(fields.categories)}
    for at, field in enumerate(fields.numbers):
        if field.name in forms:
            columns[field.name] = forms[field.name].apply(values[:, at])
        elif field.name != GAP:
            columns[field.name] = values[:, at]
    return columns
