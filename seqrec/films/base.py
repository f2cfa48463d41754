"""What every forecaster of films can do once it tells the next images: forecast, and say what is odd, and where."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from seqrec._checks import check_integer
from seqrec.data.summary import FITTED, TrainingData
from seqrec.exceptions import InputError
from seqrec.films.videos import Videos, check_videos
from seqrec.storage.schemas import Integer, Listed, Schema

__all__ = ["CONSTRAINTS", "FILMS", "LEAST_SPREAD", "FilmForecasterMixin"]

CONSTRAINTS: dict[str, list] = {
    "horizon": [Interval(Integral, 1, None, closed="left")],
    "n_past": [Interval(Integral, 1, None, closed="left")],
}
FILMS: dict[str, Schema] = FITTED | {"shape_": Listed(Integer(1), tuple, 3)}
LEAST_SPREAD = 1e-3  # of errors, where images go from 0 to 1
_AT_ONCE = 16  # films that are read together


class FilmForecasterMixin:
    """The verbs of a forecaster of films, written once.

    A subclass stores the parameters `horizon` and `n_past`, sets `shape_` and `training_data_` in `fit`, and gives
    `_forecast` and `_surprisal`.

    Films are an array (n, time, height, width) or (n, time, height, width, channels), or a list of single ones, which
    may differ in length; uint8 from 0 to 255, or floats from 0 to 1. Arrays that are mapped from files, as
    ``numpy.load(path, mmap_mode="r")`` gives them, are read piece by piece. Answers are floats from 0 to 1.

    Attributes
    ----------
    shape_ : (height, width, channels)
        Of the images of training.
    training_data_ : TrainingData
    """

    horizon: int
    n_past: int
    shape_: tuple[int, int, int]
    training_data_: TrainingData
    _any_size = True  # whether images of other sizes than those of training can be read

    def predict(self, videos: Any, horizon: int | None = None) -> NDArray[np.float32]:
        """Forecast the images that come after the last one of each film.

        Parameters
        ----------
        videos : array or list of arrays
            Films up to now; the last `n_past` images are read, or fewer where there are no more.
        horizon : int, optional
            Images to forecast; by default as many as the forecaster was made for.

        Returns
        -------
        images : (n, horizon, height, width) or (n, horizon, height, width, channels) float32, from 0 to 1

        Raises
        ------
        ValueError, TypeError
            Where films are not as described, or not of the size or the channels of those of training.
        """
        films = self._checked(videos, 1)
        horizon = self.horizon if horizon is None else check_integer(horizon, "horizon")
        told = np.empty((len(films.films), horizon, *films.shape), np.float32)
        n_read = np.minimum(films.lengths, self.n_past)
        for rows in _alike(n_read):
            ends = films.lengths[rows]
            images = np.stack([films.read(film, end - n_read[film], end) for film, end in zip(rows, ends, strict=True)])
            told[rows] = self._forecast(images, horizon)
        return films.as_given(told)

    def surprisal(self, videos: Any) -> list[NDArray[np.float32]]:
        """Say how surprising each place of each image is, given the images before it: when and where a film is odd.

        Parameters
        ----------
        videos : array or list of arrays
            Films.

        Returns
        -------
        surprisal : list of (time, height, width) float32 arrays, nats
            Minus the logarithm of the probability, or density, of what came, added up over channels. NaN of the first
            image of each film.
        """
        films = self._checked(videos, 1)
        return [self._surprisal_of(films, film) for film in range(len(films.films))]

    def score_samples(self, videos: Any) -> NDArray[np.float64]:
        """Score films: minus the mean surprisal of a place of an image; the lower, the odder.

        Parameters
        ----------
        videos : array or list of arrays
            Films, of two images at least.

        Returns
        -------
        scores : (n,) float64, nats
        """
        films = self._checked(videos, 2)
        surprisals = (self._surprisal_of(films, film) for film in range(len(films.films)))
        return np.array([-np.mean(surprisal[1:], dtype=np.float64) for surprisal in surprisals])

    def _surprisal_of(self, films: Videos, film: int) -> NDArray[np.float32]:
        """Judge a film, from one window to the next: its second half is judged, having read the first."""
        n, half, found = int(films.lengths[film]), int(self.n_past), []
        for start in range(0, max(1, n - half), half):
            images = films.read(film, start, min(start + 2 * half, n))
            found.append(self._surprisal(images)[0 if start == 0 else half - 1 :])
        return np.concatenate([np.full((1, *films.shape[:2]), np.nan, np.float32), *found])

    def _forecast(self, images: NDArray[np.float32], horizon: int) -> NDArray[np.float32]:
        """Give the images after those of films of one length, (n, time, height, width, channels)."""
        raise NotImplementedError

    def _surprisal(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give nats of each place of the images of a film but the first, (time - 1, height, width)."""
        raise NotImplementedError

    def _learned(self, videos: Any) -> Videos:
        """Check films of training, and take note of them."""
        films = check_videos(videos, shortest=2)
        self.shape_ = films.shape
        self.training_data_ = TrainingData(len(films.films), int(films.lengths.sum()), 0, None, None)
        return films

    def _checked(self, videos: Any, shortest: int) -> Videos:
        check_is_fitted(self, "shape_")
        films = check_videos(videos, shortest)
        check_shape(films, self.shape_, self._any_size)
        return films


def check_shape(films: Videos, shape: tuple[int, int, int], any_size: bool) -> None:
    """Raise unless images have the size, or if any will do the channels, of those of training."""
    found, expected = (films.shape[2:], shape[2:]) if any_size else (films.shape, shape)
    if found != expected:
        *size, channels = films.shape
        of_training = "" if any_size else f"{shape[0]} x {shape[1]} and "
        advice = "" if any_size else " Only peephole='channel' or None read images of any size."
        raise InputError(
            f"images are {size[0]} x {size[1]} with {channels} channels; those of training had {of_training}{shape[2]} "
            f"channels.{advice}"
        )


def gaussian_nats(images: NDArray, told: NDArray, spread: float) -> NDArray[np.float32]:
    """Give minus the log-density of images under a normal distribution around what was told, added up over channels."""
    nats = ((images - told) / spread) ** 2 / 2 + np.log(spread * np.sqrt(2 * np.pi))
    return nats.sum(axis=-1).astype(np.float32)


def _alike(lengths: NDArray[np.int64]) -> Iterator[NDArray[np.intp]]:
    """Give rows of equal length, some at a time."""
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        yield from (rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE))
