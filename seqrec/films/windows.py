"""Windows of films for training, drawn at random places, and those that are held out to judge it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrec.data.held_out import held_out
from seqrec.films.patches import to_patches
from seqrec.films.videos import Videos

_MOST_HELD_OUT = 64  # windows


class Windows(NamedTuple):
    """Stretches of films that windows are taken from.

    Attributes
    ----------
    films : Videos
    rows, starts, stops : (n_stretches,) int64
        The film of each stretch, and its first image and the end of it.
    length : int
        Images of a window; of a shorter stretch, all.
    """

    films: Videos
    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    length: int

    @classmethod
    def of(cls, films: Videos, length: int) -> Windows:
        """Take all of all films."""
        return cls(films, np.arange(len(films.films)), np.zeros_like(films.lengths), films.lengths, length)

    def hold_out(self, share: float, rng: np.random.Generator) -> tuple[Windows, Windows]:
        """Part the stretches: some films are held out, or the ends of all, where the share of these is below one.

        Of films that are too short to be cut, one is held out, or nothing, if it is alone.
        """
        nothing = self.select(np.arange(0))
        if not share:
            return self, nothing
        if share * len(self.rows) < 1:
            cut = self.stops - np.maximum(self.length, (share * self.stops).astype(np.int64))
            is_cut = cut >= self.length
            if is_cut.any():
                learned = self._replace(stops=np.where(is_cut, cut, self.stops))
                return learned, self._replace(starts=cut).select(np.flatnonzero(is_cut))
            if len(self.rows) == 1:
                return self, nothing
        out = held_out(np.zeros(len(self.rows), int), share, rng, at_least=1)[:, 0]
        return self.select(np.flatnonzero(~out)), self.select(np.flatnonzero(out))

    def select(self, chosen: NDArray[np.intp]) -> Windows:
        """Take some of the stretches."""
        return self._replace(rows=self.rows[chosen], starts=self.starts[chosen], stops=self.stops[chosen])

    @property
    def n_windows(self) -> NDArray[np.int64]:
        """Places in each stretch where a window can begin."""
        return np.maximum(self.stops - self.starts - self.length, 0) + 1

    def draw(self, n: int, rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Draw stretches, and where a window begins in each, (n,) each: every window is as likely as any other."""
        return self._at(rng.integers(0, self.n_windows.sum(), n))

    def spread(self) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Give windows that are spread evenly over all places, 64 at most, as `draw` does."""
        n_places = int(self.n_windows.sum())
        n = min(_MOST_HELD_OUT, n_places)
        return self._at(np.arange(n) * n_places // n)

    def _at(self, places: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        ends = np.cumsum(self.n_windows)
        stretch = np.searchsorted(ends, places, side="right")
        return stretch, self.starts[stretch] + places - (ends[stretch] - self.n_windows[stretch])

    def read(
        self, stretches: NDArray[np.intp], first: NDArray[np.int64], patch: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Give windows as patches, (n, length, rows, columns, inputs), and which images are there, (n, length).

        A stretch that is shorter ends in repetitions of its last image.
        """
        n_there = np.minimum(self.stops[stretches] - first, self.length)
        films = zip(self.rows[stretches], first, n_there, strict=True)
        images = [to_patches(self.films.read(film, start, start + n), patch) for film, start, n in films]
        whole = [image[np.minimum(np.arange(self.length), len(image) - 1)] for image in images]
        return np.stack(whole), (np.arange(self.length) < n_there[:, None]).astype(np.float32)
