"""When events come: the gap before each on the clock of a log, and a gap that is known to be longer than a silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seqrec.data.fields import FARTHEST, GAP, Number, field_columns
from seqrec.data.sequences import Sequences
from seqrec.storage.arrays import Array
from seqrec.storage.schemas import Integer, Real

if TYPE_CHECKING:
    from seqrec.network.mixtures import Positive

_N_STARTS, _TOGETHER = 1_000, 5  # times that sequences start at, each of so many sequences at least
_SECOND = 1_000_000  # microseconds


class Timing(NamedTuple):
    """When sequences start, and how long they wait at most.

    Attributes
    ----------
    starts : (n_means,) int64
        Means of the times of first events, of five or more sequences each, rising, in microseconds since 1970: none
        tells when one sequence began.
    longest_gap : float
        Seconds; no longer one is drawn.
    tick : int
        Microseconds between the ticks of the clock.
    """

    starts: Annotated[NDArray[np.int64], Array("int64", None)]
    longest_gap: Annotated[float, Real(0)]
    tick: Annotated[int, Integer(1)]

    def check_sound(self) -> None:
        """Raise ValueError where no time is known, or they fall."""
        if not len(self.starts) or (np.diff(self.starts) < 0).any():
            raise ValueError("times of first events must be there, and rise.")

    @classmethod
    def of(cls, X: Sequences) -> Self:
        """Look at the times of X, which has some."""
        firsts = np.sort(np.asarray(X.timestamps)[X.indptr[:-1][X.lengths > 0]].astype(np.int64))
        groups = np.array_split(firsts, np.clip(len(firsts) // _TOGETHER, 1, _N_STARTS))
        starts = np.array([firsts[0] + np.mean(group - firsts[0]) for group in groups]).astype(np.int64)
        return cls(starts, float(np.nanmax(field_columns(X)[GAP], initial=0.0)), X.clock or 1)

    @classmethod
    def between(cls, first: np.datetime64, last: np.datetime64, tick: int | None) -> Self:
        """Know no more of a log than its first and its last time."""
        times = np.array([first, last]).astype("datetime64[us]").astype(np.int64)
        return cls(times, float(times[1] - times[0]) / _SECOND, tick or 1)

    def next(
        self,
        times: NDArray[np.datetime64],
        gaps: NDArray[np.float64],
        uniform: NDArray[np.float64],
        longest: Any = None,
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
        longest : (n,) float64, seconds, optional
            No gap is longer; by default, than `longest_gap`.
        """
        longest = self.longest_gap if longest is None else longest
        ticks = np.rint(np.clip(np.nan_to_num(gaps), 0, longest) * (_SECOND / self.tick))
        waited = np.where(gaps > 0, np.maximum(ticks, 1), 0).astype(np.int64) * self.tick
        earliest, places = self.starts[0], np.linspace(0, 1, len(self.starts))
        after = np.interp(uniform, places, (self.starts - earliest).astype(np.float64))
        first = (earliest + after.astype(np.int64)) // self.tick * self.tick
        return np.where(np.isnat(times), first, times.astype(np.int64) + waited).view("datetime64[us]")

    def until(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the gaps, in seconds, up to which the clock tells no more than so many."""
        tick = self.tick / _SECOND
        n = np.floor(np.asarray(seconds) / tick + 1e-6)
        return np.where(n >= 1, (n + 0.5) * tick, 0.0)


class Gaps(NamedTuple):
    """How long n events would take to come, after a time in which they did not.

    Attributes
    ----------
    categories : (n, n_categories) int32
        Of the events.
    positive : Positive
        Distributions of the gaps.
    number : Number
        How sizes tell seconds.
    timing : Timing
    since : (n,) float64, seconds
        How long it is known that nothing came; 0 where nothing is known.
    """

    categories: NDArray[np.int32]
    positive: Positive
    number: Number
    timing: Timing
    since: NDArray[np.float64]

    @property
    def longest(self) -> NDArray[np.float64]:
        """Seconds, than which no gap is longer, (n,): as in training, or again as long after a longer silence."""
        longest = self.timing.longest_gap
        return np.where(self.since > longest, self.since + longest, longest)

    def log_silence(self) -> NDArray[np.float64]:
        """Log-probability that so long nothing comes, (n,), nats."""
        return np.where(self.since > 0, self.positive.log_beyond(self._sizes(self.since)), 0.0)

    def within(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability that each comes in no more than so many seconds from then on, (n, m) -> (n, m)."""
        ends = self.since[:, None] + seconds
        log_p = np.minimum(self.positive.log_beyond(self._sizes(ends)) - self.log_silence()[:, None], 0.0)
        surely = ends >= self.longest[:, None]
        return np.where(seconds < 0, 0.0, np.where(surely, 1.0, -np.expm1(log_p)))

    def draw(self, uniforms: NDArray[np.float64]) -> NDArray[np.float64]:
        """Draw gaps since the event before, (n,) seconds on ticks of the clock, by numbers between 0 and 1, (n, 3)."""
        uniforms = np.clip(uniforms, 1e-12, 1 - 1e-12)
        known = self.since > 0
        sizes = self.positive.draw_beyond(self._sizes(self.since), uniforms[:, 1:])
        gaps = np.minimum(self.number.decode(np.clip(sizes, -FARTHEST, FARTHEST)), self.longest)
        tick = self.timing.tick / _SECOND
        told = np.maximum(np.rint(gaps / tick), 1) * tick
        return np.where(known | (uniforms[:, 0] < self.positive.share), told, 0.0)

    def _sizes(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        limits = self.timing.until(np.maximum(seconds, 0))
        logs = np.log(limits, where=limits > 0, out=np.full(limits.shape, -np.inf))
        return (logs - self.number.center) / self.number.scale


class Known(NamedTuple):
    """What is known of n events beside their kinds, before they are drawn.

    Attributes
    ----------
    categories : (n, n_categories) int32
    gaps : (n,) float64, seconds
    """

    categories: NDArray[np.int32]
    gaps: NDArray[np.float64]
