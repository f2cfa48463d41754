"""Films as they come, in memory or mapped from a file: checked piece by piece, and read piece by piece as 0 to 1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrec._checks import show
from seqrec.exceptions import InputError

_PIECE = 2**24  # values that are looked at together
_EXPECTED = "an array (n, time, height, width) or (n, time, height, width, channels), or a list of single films"

_ADVICE = "Convert values from 0 to 255 with .astype('uint8'), and scale others first."


class Videos(NamedTuple):
    """Checked films of one size.

    Attributes
    ----------
    films : list of (time, height, width, channels) arrays, uint8 or floats
        As they were given: nothing is copied.
    has_channels : bool
        Whether they came with an axis of channels.
    """

    films: list[NDArray]
    has_channels: bool

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Images of each film."""
        return np.array([len(film) for film in self.films], np.int64)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        return self.films[0].shape[1:]

    @property
    def dtype(self) -> np.dtype:
        """Of the values."""
        return self.films[0].dtype

    def read(self, film: int, start: int, stop: int) -> NDArray[np.float32]:
        """Give images of a film, (stop - start, height, width, channels), from 0 to 1."""
        return as_shares(self.films[film][start:stop])

    def as_given(self, images: NDArray) -> NDArray:
        """Give images without the axis of channels, if they came without."""
        return images if self.has_channels else images[..., 0]


def as_shares(images: NDArray) -> NDArray[np.float32]:
    """Give values from 0 to 1: those of uint8 are divided by 255."""
    return images.astype(np.float32) / np.float32(255 if images.dtype == np.uint8 else 1)


def check_videos(videos: Any, shortest: int = 1) -> Videos:
    """Check films and give them.

    Parameters
    ----------
    videos : array (n, time, height, width[, channels]), or list of arrays (time, height, width[, channels])
        uint8, 0 to 255, or floats from 0 to 1. Films in a list may differ in length, not in the size of their images.
    shortest : int
        Images that each film needs.

    Raises
    ------
    ValueError, TypeError
        If they are anything else, or values are missing.
    """
    films = _films_of(videos)
    if not films:
        raise InputError(f"there are no films. Give {_EXPECTED}.")
    first = films[0]
    for at, film in enumerate(films):
        if film.ndim != first.ndim or film.shape[1:] != first.shape[1:] or film.dtype != first.dtype:
            found, expected = (f"{one.dtype} images of shape {one.shape[1:]}" for one in (film, first))
            raise InputError(f"film {at} has {found}, film 0 has {expected}. Cut or scale them to one size and kind.")
        if len(film) < shortest:
            n = "one image" if len(film) == 1 else f"{len(film)} images"
            raise InputError(f"film {at} has {n}; at least {shortest} are needed.")
        _check_values(film, at)
    has_channels = first.ndim == 4
    return Videos([film if has_channels else film[..., None] for film in films], has_channels)


def _films_of(videos: Any) -> list[NDArray]:
    if isinstance(videos, np.ndarray) and videos.dtype != object:
        if videos.ndim not in (4, 5):
            hint = " One film is a list of one: [film]." if videos.ndim == 3 else ""
            raise InputError(f"films are {_EXPECTED}, got an array of shape {videos.shape}.{hint}")
        return list(videos)
    if not isinstance(videos, list | tuple | np.ndarray):
        raise InputError(f"films are {_EXPECTED}, got {type(videos).__name__}.")
    films = [film if isinstance(film, np.ndarray) else _array_of(film, at) for at, film in enumerate(videos)]
    for at, film in enumerate(films):
        if film.ndim not in (3, 4) or 0 in film.shape[1:]:
            raise InputError(
                f"film {at} must be (time, height, width) or (time, height, width, channels), got {film.shape}."
            )
    return films


def _array_of(film: Any, at: int) -> NDArray:
    try:
        return np.asarray(film)
    except ValueError:
        raise InputError(f"film {at} is no array: its images have several sizes. Cut or scale them to one.") from None


def _check_values(film: NDArray, at: int) -> None:
    if film.dtype == np.uint8:
        return
    if film.dtype.kind != "f":
        advice = "Where they are from 0 to 255, convert them with .astype('uint8')."
        raise InputError(
            f"film {at} holds {film.dtype}; films hold uint8 from 0 to 255, or floats from 0 to 1. {advice}"
        )
    for start, images in _pieces(film):
        low, high = images.min(), images.max()  # NaN if there is one
        if np.isnan(low):
            first = start + int(np.flatnonzero(np.isnan(images).any(axis=tuple(range(1, images.ndim))))[0])
            raise InputError(f"film {at} has missing values (NaN), first in image {first}. Fill them, or cut them out.")
        if low < 0 or high > 1:
            wrong = low if low < 0 else high
            raise InputError(f"film {at} holds {show(wrong)}, but floats must be from 0 to 1. {_ADVICE}")


def _pieces(film: NDArray) -> Iterator[tuple[int, NDArray]]:
    n = max(1, _PIECE // max(1, int(np.prod(film.shape[1:]))))
    return ((start, film[start : start + n]) for start in range(0, len(film), n))
