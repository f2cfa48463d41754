"""A fan of futures: many paths that go on from each of some histories, from one moment on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrec.data.queries import last_times
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED
from seqrec.generate.gaps import Gaps, Known
from seqrec.generate.paths import AT_ONCE, Events, Walks
from seqrec.generate.sampling import choose, uniforms
from seqrec.generate.silence import Silence
from seqrec.generate.source import Source

_SECOND = np.timedelta64(1, "s")
_NEXT, _TAKEN, _VERSION, _GAP = range(4)  # what numbers are drawn for; a question's own follow
OWN = 4
_FEWEST = 1e-9  # chance of a path that is not gone on with
_ODD, _OTHER = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)


class Root(NamedTuple):
    """Where the paths of n histories begin.

    Attributes
    ----------
    source : Source
    walks : Walks
    names : (n,) uint64
        Of the histories: equal ones have one name, and the same paths.
    asked : (n,) datetime64[us]
        The moments that are gone on from; NaT where there are no times.
    silence : Silence or None
        If nothing came for a while at some of them.
    seed : int
    """

    source: Source
    walks: Walks
    names: NDArray[np.uint64]
    asked: NDArray[np.datetime64]
    silence: Silence | None
    seed: int

    @classmethod
    def of(cls, source: Source, X: Sequences, at: NDArray[np.datetime64] | None, seed: int, timed: bool) -> Root:
        """Read histories in the codes of the source; where all are `timed`, their silences until `at` are heard."""
        walks, names, last = source.read(X), _names(X), last_times(X)
        silence = None
        if timed and at is not None and (at > last).any():
            walk = walks(np.arange(len(X)))
            seconds = np.maximum((at - last) / _SECOND, 0.0)
            silence = Silence.after(walk, seconds, len(source.vocabulary), [seed, names, 0, _VERSION])
        return cls(source, walks, names, last if at is None else at, silence, seed)


class Look(NamedTuple):
    """What comes next in n paths.

    Attributes
    ----------
    chances : (n, n_kinds) float64
        That it is an event of each kind that is asked about.
    asked : (n, n_kinds) int64
        Column of the event that it is then, drawn.
    rest : (n,) float64
        The chance that it is something else.
    other : (n,) int64
        Column of the event that it is then, drawn; -1 where there is nothing else.
    """

    chances: NDArray[np.float64]
    asked: NDArray[np.intp]
    rest: NDArray[np.float64]
    other: NDArray[np.intp]

    @classmethod
    def at(cls, weights: NDArray[np.floating], kinds: Sequence[NDArray[np.intp]], uniform: NDArray[np.float64]) -> Look:
        """Draw by weights, (n, n_columns), which are lost, and numbers of each path, (n, 1 + n_kinds)."""
        total, least = weights.sum(axis=1, dtype=np.float64), np.finfo(weights.dtype).tiny
        chances, asked = np.zeros((len(weights), len(kinds))), np.zeros((len(weights), len(kinds)), np.intp)
        for kind, columns in enumerate(kinds):
            own = weights[:, columns]
            chances[:, kind] = own.sum(axis=1, dtype=np.float64) / total
            asked[:, kind] = columns[choose(own + least, uniform[:, 1 + kind])]
            weights[:, columns] = 0
        rest = weights.sum(axis=1, dtype=np.float64) / total
        weights[rest == 0] = 1
        return cls(chances, asked, rest, np.where(rest > 0, choose(weights, uniform[:, 0]), -1))


class Fan:
    """Paths on their way.

    Parameters
    ----------
    root : Root
    rows : (n,) int
        Which history each path goes on from.
    numbers : (n,) int
        Which of its paths it is.

    Attributes
    ----------
    alive : (n_alive,) int
        The paths that still go on.
    weights : (n_alive,) float64
        The chance that each was not left for what was asked about.
    """

    def __init__(self, root: Root, rows: NDArray[np.intp], numbers: NDArray[np.intp]) -> None:
        self._root, self._rows, self._numbers, self._step = root, rows, numbers, 0
        self.walk, self.alive, self.weights = root.walks(rows), np.arange(len(rows)), np.ones(len(rows))

    @property
    def n_items(self) -> int:
        """Kinds of events; the end comes after them."""
        return len(self._root.source.vocabulary)

    @property
    def elapsed(self) -> NDArray[np.float64]:
        """Seconds from the question to the last event of each path, (n_alive,); below 0 for one before it."""
        return (self.walk.times - self._root.asked[self._rows[self.alive]]) / _SECOND

    def look(self, *kinds: NDArray[np.intp]) -> Look:
        """Say what comes next in each path, asked about some kinds of events: columns of each."""
        uniform = self.uniforms(_NEXT, 1 + len(kinds))
        found = [Look.at(weights, kinds, uniform[part]) for part, weights in self._next_weights()]
        return Look(*[np.concatenate(parts) for parts in zip(*found, strict=True)])

    def gaps(self, columns: NDArray[np.intp], use: int) -> Gaps:
        """Say how long these items would take to come, if they come next in the paths."""
        codes = (N_RESERVED + columns).astype(np.int32)
        if self._silence is not None:
            uniform = self.uniforms(use, 1)[:, 0]
            categories = self._silence.chosen(self._rows[self.alive], columns, uniform)
            return self.walk.gaps(codes, categories, np.maximum(-self.elapsed, 0.0))
        categories = self.walk.categories(codes, partial(self.uniforms, use))
        return self.walk.gaps(codes, categories, np.zeros(len(codes)))

    def go_on(self, look: Look) -> tuple[NDArray[np.intp], Events]:
        """Go on with something else than what was asked about: one event more of each path, or its end.

        Returns
        -------
        ended : int array
            The paths that ended.
        events : Events
            Of those that are alive.
        """
        self.weights = self.weights * look.rest
        ended = self.alive[look.other == self.n_items]
        goes_on = (look.other >= 0) & (look.other < self.n_items) & (self.weights > _FEWEST)
        self.keep(goes_on)
        events = self._taken(look.other[goes_on])
        self._step += 1
        return ended, events

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Go on with some of the paths alone."""
        if not rows.all():
            self.walk.keep(rows)
            self.alive, self.weights = self.alive[rows], self.weights[rows]

    def uniforms(self, use: int, n: int) -> NDArray[np.float64]:
        """Give n numbers in [0, 1) for each path, (n_alive, n), that are its own in this step."""
        rows, numbers = self._rows[self.alive], self._numbers[self.alive]
        return uniforms(
            self._root.seed, self._root.names[rows, None], numbers[:, None] + 1, self._step, use, np.arange(n)
        )

    @property
    def _silence(self) -> Silence | None:
        return self._root.silence if self._step == 0 else None

    def _next_weights(self) -> Iterator[tuple[slice, NDArray[np.floating]]]:
        if self._silence is None:
            yield from self.walk.next_weights()
            return
        step = max(1, AT_ONCE // self._root.source.width)
        for start in range(0, len(self.alive), step):
            part = slice(start, start + step)
            yield part, self._silence.p[self._rows[self.alive[part]]]

    def _taken(self, columns: NDArray[np.intp]) -> Events:
        draw: Any = partial(self.uniforms, _TAKEN)
        codes = (N_RESERVED + columns).astype(np.int32)
        if self._silence is None:
            return self.walk.take(codes, draw)
        gaps = self.gaps(columns, _VERSION)
        return self.walk.take(codes, draw, Known(gaps.categories, gaps.draw(self.uniforms(_GAP, 3))))


def _names(X: Sequences) -> NDArray[np.uint64]:
    """Hash the events of each history, and their times, (n,)."""
    position = np.arange(X.n_events) - np.repeat(X.indptr[:-1], X.lengths)
    powers = np.cumprod(np.full(int(X.lengths.max(initial=0)) + 1, _ODD))
    hashed = (X.codes.astype(np.uint64) + np.uint64(1)) * powers[position]
    if X.timestamps is not None:
        hashed ^= X.timestamps.view(np.uint64) * powers[position] * _OTHER
    total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(hashed, dtype=np.uint64)])
    return total[X.indptr[1:]] - total[X.indptr[:-1]]
