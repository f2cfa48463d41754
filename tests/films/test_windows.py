"""Windows of films, drawn and held out."""

import numpy as np

from seqrec.films.videos import check_videos
from seqrec.films.windows import Windows

LENGTHS = (5, 2, 9)
FILMS = check_videos([np.full((n, 2, 2), n / 10) + np.arange(n)[:, None, None] / 100 for n in LENGTHS])


def windows(length=4):
    return Windows.of(FILMS, length)


def test_every_window_is_drawn_as_often():
    stretch, first = windows().draw(10_000, np.random.default_rng(0))
    counts = np.unique(np.stack([stretch, first]), axis=1, return_counts=True)
    np.testing.assert_array_equal(counts[0], [[0, 0, 1, *[2] * 6], [0, 1, 0, *range(6)]])
    assert counts[1].min() > 0.9 * 10_000 / 9


def test_a_window_is_a_stretch_of_its_film_and_a_short_film_repeats_its_last_image():
    images, there = windows().read(np.array([1, 2]), np.array([0, 3]), patch=2)
    np.testing.assert_allclose(images[0, :, 0, 0, 0], [0.2, 0.21, 0.21, 0.21])
    np.testing.assert_allclose(images[1, :, 0, 0, 0], [0.93, 0.94, 0.95, 0.96])
    np.testing.assert_array_equal(there, [[1, 1, 0, 0], [1, 1, 1, 1]])


def test_films_that_are_held_out_are_not_learned():
    learned, held_out = windows().hold_out(0.4, np.random.default_rng(0))
    assert sorted([*learned.rows, *held_out.rows]) == [0, 1, 2]
    assert len(held_out.rows) == 1


def test_of_few_films_the_ends_are_held_out_where_they_are_long_enough():
    learned, held_out = windows().hold_out(0.1, np.random.default_rng(0))
    assert learned.stops.tolist() == [5, 2, 5]
    assert (held_out.rows.tolist(), held_out.starts.tolist(), held_out.stops.tolist()) == ([2], [5], [9])


def test_of_few_films_that_are_too_short_to_be_cut_one_is_held_out():
    learned, held_out = windows(5).hold_out(0.1, np.random.default_rng(0))
    assert sorted([*learned.rows, *held_out.rows]) == [0, 1, 2]
    assert len(held_out.rows) == 1


def test_of_a_single_short_film_nothing_is_held_out():
    learned, held_out = windows(5).select(np.array([2])).hold_out(0.1, np.random.default_rng(0))
    assert (learned.stops[0], len(held_out.rows)) == (9, 0)


def test_of_no_share_nothing_is_held_out():
    learned, held_out = windows().hold_out(0.0, np.random.default_rng(0))
    assert (len(learned.rows), len(held_out.rows)) == (3, 0)


def test_the_windows_that_judge_are_spread_over_all():
    stretch, first = windows().spread()
    np.testing.assert_array_equal(stretch, [0, 0, 1, *[2] * 6])
    np.testing.assert_array_equal(first, [0, 1, 0, *range(6)])
