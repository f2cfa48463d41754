"""Images as patches, and back."""

import numpy as np
import pytest

from seqrec.films.patches import from_patches, to_patches


@pytest.mark.parametrize("shape", [(2, 3, 8, 12, 1), (2, 7, 9, 3), (1, 1, 1)], ids=str)
@pytest.mark.parametrize("patch", [1, 2, 4])
def test_patches_give_the_image_again(shape, patch):
    images = np.random.default_rng(0).random(shape)
    np.testing.assert_array_equal(from_patches(to_patches(images, patch), patch, shape[-3:]), images)


def test_a_patch_is_a_square_of_the_image():
    image = np.arange(24).reshape(4, 6, 1)
    np.testing.assert_array_equal(to_patches(image, 2)[1, 2], image[2:4, 4:6].ravel())


def test_what_patches_do_not_fill_repeats_the_edge():
    image = np.arange(6.0).reshape(2, 3, 1)
    np.testing.assert_array_equal(to_patches(image, 2)[0, 1], [2, 2, 5, 5])
