"""Films of shapes that bounce, and the clip in which one turns back."""

import numpy as np
import pytest

from seqrec import ShiftForecaster
from seqrec.datasets import make_films


def middle_of(image):
    weight = image / image.sum()
    return np.array([(weight.sum(axis=1 - axis) * np.arange(len(image))).sum() for axis in (0, 1)])


def test_films_are_bytes_and_a_seed_gives_them_again():
    films, again = (make_films(5, 8, 16, random_state=0) for _ in range(2))
    assert films.videos.shape == (5, 8, 16, 16)
    assert films.videos.dtype == films.odd.dtype == np.uint8
    np.testing.assert_array_equal(films.videos, again.videos)
    np.testing.assert_array_equal(films.odd, again.odd)


def test_a_shape_keeps_its_speed_until_it_bounces():
    videos = make_films(20, 10, 32, n_shapes=1, random_state=0).videos
    places = np.array([[middle_of(image) for image in film] for film in videos])
    turned = np.abs(np.diff(places, n=2, axis=1)).max(axis=2)
    assert np.mean(turned < 0.2) > 0.6
    assert 3 < places.min() <= places.max() < 28


def test_the_odd_shape_turns_back_where_and_when_it_is_said_to():
    films = make_films(1, 20, 32, n_shapes=1, random_state=0)
    places, at = np.array([middle_of(image) for image in films.odd]), films.odd_image
    np.testing.assert_allclose(places[at], films.odd_place, atol=1)
    np.testing.assert_allclose(places[at], places[at - 2], atol=0.2)
    expected = 2 * places[at - 1] - places[at - 2]
    assert np.linalg.norm(places[at] - expected) > 1


def test_the_odd_motion_is_what_surprises_who_knows_motions():
    films = make_films(20, 20, 32, n_shapes=1, random_state=0)
    surprisal = ShiftForecaster(n_past=2).fit(films.videos).surprisal([films.odd])[0]
    assert np.nanargmax(surprisal.sum(axis=(1, 2))) == films.odd_image


@pytest.mark.parametrize("sizes", [{"n_films": 0}, {"n_images": 3}, {"size": 7}, {"n_shapes": 0}], ids=str)
def test_too_small_is_an_error_by_name(sizes):
    with pytest.raises(ValueError, match=next(iter(sizes))):
        make_films(**sizes)
