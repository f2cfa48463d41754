"""One motion of a whole image, found and continued."""

import numpy as np
import pytest
from scipy import ndimage

from seqrec.films.motion import global_motion, moved

IMAGE = ndimage.gaussian_filter(np.random.default_rng(0).random((40, 48)), 2)


def film(motion, n=4):
    return np.stack([ndimage.shift(IMAGE, np.multiply(motion, step), order=3, mode="wrap") for step in range(n)])[
        ..., None
    ]


@pytest.mark.parametrize("motion", [(0, 0), (2, -3), (-1.5, 0.5), (0.3, 2.7)], ids=str)
def test_a_motion_is_found_to_a_fraction_of_a_pixel(motion):
    np.testing.assert_allclose(global_motion(film(motion)), motion, atol=0.3)


@pytest.mark.parametrize(
    "images", [film((1, 1), 1), np.zeros((3, 8, 8, 1)), np.ones((3, 1, 2, 1))], ids=["one", "black", "tiny"]
)
def test_where_nothing_is_seen_to_move_there_is_no_motion(images):
    np.testing.assert_array_equal(global_motion(images), [0, 0])


def test_what_is_moved_leaves_black_behind():
    np.testing.assert_array_equal(moved(np.ones((3, 3, 1)), np.array([1.0, 0.0]))[..., 0], [[0] * 3, [1] * 3, [1] * 3])
