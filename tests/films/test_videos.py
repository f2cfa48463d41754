"""What films may be, and what is said of those that cannot be read."""

import numpy as np
import pytest

from seqrec.films.videos import check_videos

FILMS = np.random.default_rng(0).random((3, 5, 4, 6))


def test_films_come_with_channels_or_without_and_in_two_scales():
    bytes_of_films = (FILMS * 255).astype(np.uint8)
    for videos in (FILMS, FILMS[..., None], list(FILMS), bytes_of_films, FILMS.astype(np.float16)):
        films = check_videos(videos)
        assert films.shape == (4, 6, 1)
        np.testing.assert_allclose(films.read(1, 2, 4)[..., 0], FILMS[1, 2:4], atol=1 / 255)


def test_films_of_a_list_may_differ_in_length():
    assert check_videos([FILMS[0], FILMS[1][:2]]).lengths.tolist() == [5, 2]


def test_a_mapped_file_is_not_loaded(tmp_path):
    np.save(tmp_path / "films.npy", FILMS)
    films = check_videos(np.load(tmp_path / "films.npy", mmap_mode="r"))
    assert all(isinstance(film, np.memmap) for film in films.films)


def with_nan():
    films = FILMS.copy()
    films[1, 3, 0, 0] = np.nan
    return films


@pytest.mark.parametrize(
    ("videos", "message"),
    [
        ([], "there are no films"),
        (np.empty((0, 5, 4, 6)), "there are no films"),
        (FILMS[0], r"One film is a list of one: \[film\]"),
        ("film.mp4", "got str"),
        (
            [FILMS[0], FILMS[1][:, :3]],
            r"film 1 has float64 images of shape \(3, 6\), .*\(4, 6\). Cut or scale",
        ),
        ([FILMS[0], FILMS[1].astype("f4")], "film 1 has float32 images"),
        ([[[[1.0, 0.5]], [[1.0]]]], "film 0 is no array: its images have several sizes"),
        ([FILMS[0, 0]], r"film 0 must be \(time, height, width\)"),
        ([FILMS[0][:, :0]], "film 0 must be"),
        ([FILMS[0], FILMS[0][:1]], "film 1 has one image; at least 2 are needed"),
        ([FILMS[0][:0]], "film 0 has 0 images"),
        (with_nan(), r"film 1 has missing values \(NaN\), first in image 3"),
        ((FILMS * 255).astype(int), r"film 0 holds int64.*astype\('uint8'\)"),
        (FILMS * 255, r"floats must be from 0 to 1. Convert values from 0 to 255"),
        (FILMS - 1, "film 0 holds -"),
        (FILMS > 0.5, "film 0 holds bool"),
    ],
    ids=str,
)
def test_what_cannot_be_read_is_an_error_that_says_how_to_put_it_right(videos, message):
    with pytest.raises(ValueError, match=message):
        check_videos(videos, shortest=2)
