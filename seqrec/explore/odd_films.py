"""Which films are odd, and when: their surprisal image by image, found piece by piece, so that a page can go on."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrec.films.videos import Videos

_PIECE = 32  # images that are judged together


def surprisal_between(forecaster: Any, films: Videos, film: int, start: int, stop: int) -> NDArray[np.float32]:
    """Give nats of each place of some images of a film, (stop - start, height, width), as `surprisal` of all has them.

    No more is read than they rest upon: each window begins at a multiple of `n_past`, and its second half is judged.
    """
    half = int(forecaster.n_past)
    begin = max(0, (start // half - 1) * half)
    images = films.films[film][begin:stop]
    return forecaster.surprisal([images if films.has_channels else images[..., 0]])[0][start - begin :]


class OddFilms:
    """The mean surprisal of each image of some films, as far as it is known.

    Attributes
    ----------
    lines : list of (time,) float64 arrays, nats
        NaN of the first image, and of those that are not judged yet.
    n_judged : (n_films,) int64
        Images of each film that are.
    """

    def __init__(self, forecaster: Any, films: Videos) -> None:
        self._forecaster, self._films = forecaster, films
        self.lines = [np.full(n, np.nan) for n in films.lengths]
        self.n_judged = np.zeros(len(films.films), np.int64)

    @property
    def is_done(self) -> bool:
        """Whether all films are judged."""
        return bool((self.n_judged == self._films.lengths).all())

    @property
    def scores(self) -> NDArray[np.float64]:
        """Minus the mean surprisal of each film, (n_films,), as `score_samples`; NaN where it is not known."""
        done = (self.n_judged == self._films.lengths) & (self._films.lengths > 1)
        return np.array(
            [-np.mean(line[1:]) if is_done else np.nan for line, is_done in zip(self.lines, done, strict=True)]
        )

    @property
    def peaks(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The oddest image of each film and its mean surprisal, (n_films,) each; -1 and NaN where it is not known.

        The first `n_past` images, before which little is known, count only where there are no others.
        """
        half = int(self._forecaster.n_past)
        images = np.array([_peak(line, half if len(line) > half + 1 else 1) for line in self.lines])
        return images, np.array([np.nan if at < 0 else line[at] for at, line in zip(images, self.lines, strict=True)])

    @property
    def order(self) -> NDArray[np.intp]:
        """The films, that with the oddest image first: a mean over all images would hide what is short."""
        return np.argsort(-self.peaks[1], kind="stable")

    def judge(self, film: int, seconds: float = np.inf) -> None:
        """Judge a film, and then the others, for about so long; at least a piece of one."""
        begun = perf_counter()
        for one in [film, *range(len(self.lines))]:
            while self.n_judged[one] < len(self.lines[one]):
                self._judge_piece(one)
                if perf_counter() - begun > seconds:
                    return

    def _judge_piece(self, film: int) -> None:
        start = int(self.n_judged[film])
        stop = min(start + max(_PIECE, int(self._forecaster.n_past)), len(self.lines[film]))
        found = surprisal_between(self._forecaster, self._films, film, start, stop)
        self.lines[film][start:stop] = found.mean(axis=(1, 2), dtype=np.float64)
        self.n_judged[film] = stop


def _peak(line: NDArray[np.float64], start: int) -> int:
    return -1 if np.isnan(line[start:]).all() else start + int(np.nanargmax(line[start:]))
