"""Films of shapes that bounce: what moves them is a formula, so it is known what comes next, and what is odd."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrec._checks import check_integer
from seqrec.datasets.draws import generator
from seqrec.exceptions import InputError

SLOWEST, FASTEST = 0.03, 0.08  # of the size of an image, from each image to the next
RADIUS = 0.14  # of a shape, of the size of an image
_TURN = 2 / 3  # of the odd clip, about, after which the odd motion comes
_N_DRAWN = 50  # odd clips, of which that is taken where the turn is farthest from the edges
_LEAST = {"n_films": 1, "n_images": 4, "size": 8, "n_shapes": 1}


class Films(NamedTuple):
    """Films of shapes, and one clip with an odd motion.

    Attributes
    ----------
    videos : (n_films, n_images, size, size) uint8
        Films in which all moves as ever.
    odd : (n_images, size, size) uint8
        A clip in which a shape turns back in the middle of the image.
    odd_image : int
        The first image of the odd clip that is not what the images before it let expect.
    odd_place : (int, int)
        Row and column of the middle of the shape in that image.
    """

    videos: NDArray[np.uint8]
    odd: NDArray[np.uint8]
    odd_image: int
    odd_place: tuple[int, int]


def make_films(
    n_films: int = 200, n_images: int = 20, size: int = 32, n_shapes: int = 2, random_state: Any = None
) -> Films:
    """Make films of discs, squares, rings and crosses that bounce off the edges, and a clip with an odd motion.

    A shape starts at a random place in a random direction, and keeps its speed: along each axis its middle is at
    ``m + |(x + v t) mod 2 w - w|``, with m the margin and w the way between the margins. Where shapes meet, the
    brighter one is seen; edges are smooth, as a pixel is as bright as the share of it that is covered, about.

    Parameters
    ----------
    n_films : int
    n_images : int
        Images of a film, 4 at least.
    size : int
        Height and width of an image, in pixels, 8 at least.
    n_shapes : int
        Shapes in a film.
    random_state : int, RandomState or None

    Returns
    -------
    films : Films
        `videos`, (n_films, n_images, size, size) uint8; and `odd`, (n_images, size, size) uint8, in which a shape turns
        back in the middle of the image, with `odd_image` and `odd_place`, (row, column).

    Examples
    --------
    >>> from seqrec.datasets import make_films
    >>> films = make_films(n_films=3, random_state=0)
    >>> films.videos.shape, films.odd.shape
    ((3, 20, 32, 32), (20, 32, 32))
    """
    given = {"n_films": n_films, "n_images": n_images, "size": size, "n_shapes": n_shapes}
    for name, least in _LEAST.items():
        if check_integer(given[name], name) < least:
            raise InputError(f"{name} must be at least {least}, got {given[name]}.")
    rng = generator(random_state)
    times = np.broadcast_to(np.arange(n_images), (n_films, n_shapes, n_images))
    videos = _drawn(_places(times, size, rng), size, rng)
    turn = min(round(_TURN * n_images), n_images - 2)
    times = np.broadcast_to(np.arange(n_images), (_N_DRAWN, n_shapes, n_images)).copy()
    times[:, 0, turn + 1 :] = 2 * turn - times[:, 0, turn + 1 :]  # the first shape goes back where it came from
    places = _places(times, size, rng)
    middle = np.abs(places[:, 0, turn] - (size - 1) / 2).max(axis=1)
    best = places[[middle.argmin()]]
    row, column = np.rint(best[0, 0, turn + 1]).astype(int).tolist()
    return Films(videos, _drawn(best, size, rng)[0], turn + 1, (row, column))


def _places(times: NDArray[np.int64], size: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Give the middles of shapes, rows and columns, at times (n_films, n_shapes, n_images): (..., 2), pixels."""
    drawn = times.shape[:2]
    margin, angle = RADIUS * size, rng.uniform(0, 2 * np.pi, drawn)
    speed = size * rng.uniform(SLOWEST, FASTEST, drawn)
    way = np.stack([np.sin(angle), np.cos(angle)], axis=-1) * speed[..., None]
    width = size - 1 - 2 * margin
    start = rng.uniform(0, 2 * width, (*drawn, 2))
    gone = start[:, :, None] + way[:, :, None] * times[..., None]
    return margin + np.abs(gone % (2 * width) - width)


def _drawn(places: NDArray[np.float64], size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw a shape of a random kind and brightness around each place, (n_films, n_shapes, n_images, 2)."""
    kinds = rng.integers(0, 4, places.shape[:2])
    brightness = rng.uniform(0.6, 1, places.shape[:2])
    films = np.zeros((len(places), places.shape[2], size, size), np.uint8)
    for film, own, kind, bright in zip(films, places, kinds, brightness, strict=True):
        for shape in range(len(own)):
            seen = 255 * bright[shape] * _covered(own[shape], size, int(kind[shape]))
            np.maximum(film, np.rint(seen).astype(np.uint8), out=film)
    return films


def _covered(places: NDArray[np.float64], size: int, kind: int) -> NDArray[np.float64]:
    """Give the share of each pixel that a shape covers, (n_images, size, size): of a disc, square, ring or cross."""
    rows, columns = (np.abs(np.arange(size) - places[:, axis, None]) for axis in (0, 1))
    down, across, radius = rows[:, :, None], columns[:, None, :], RADIUS * size
    round_, square = np.hypot(down, across), np.maximum(down, across)
    beyond = (
        round_ - radius,
        square - 0.85 * radius,
        np.abs(round_ - 0.75 * radius) - 0.25 * radius,
        np.maximum(square - radius, np.minimum(down, across) - 0.3 * radius),
    )[kind]
    return np.clip(0.5 - beyond, 0, 1)
