"""Moving MNIST: two digits that bounce off the edges of 64 x 64 pixels, 20 images a film, made anew from a seed.

Of Srivastava et al. (2015), "Unsupervised learning of video representations using LSTMs", section 4.2.
"""

import numpy as np
from numpy.typing import NDArray

TEST_SEED = 20150615
_SIZE, _DIGIT, _STEP, _COUNT = 64, 28, 0.1, 2  # pixels, pixels, share of the way in an image, digits


def moving_digits(digits: NDArray, n: int, n_images: int, seed: int) -> NDArray[np.uint8]:
    """Make films, (n, n_images, 64, 64), of digits (n_digits, 28, 28): drawn film by film, in this order of draws."""
    rng = np.random.default_rng(seed)
    films = np.zeros((n, n_images, _SIZE, _SIZE), np.uint8)
    for film in films:
        for digit in digits[rng.integers(0, len(digits), _COUNT)]:
            place, angle = rng.random(2), rng.random() * 2 * np.pi
            for image, (row, column) in zip(film, _path(place, angle, n_images), strict=True):
                part = image[row : row + _DIGIT, column : column + _DIGIT]
                np.maximum(part, digit, out=part)
    return films


def _path(place: NDArray, angle: float, n_images: int) -> NDArray[np.int64]:
    """Give the upper left corner in each image, (n_images, 2): where it would leave, it stops, and turns."""
    way, path = np.array([np.sin(angle), np.cos(angle)]), np.empty((n_images, 2))
    for image in range(n_images):
        place = place + way * _STEP
        way = np.where((place <= 0) | (place >= 1), -way, way)
        place = np.clip(place, 0.0, 1.0)
        path[image] = place
    return (path * (_SIZE - _DIGIT)).astype(np.int64)
