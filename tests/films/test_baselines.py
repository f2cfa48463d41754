"""The last image, and one motion of all of it."""

import numpy as np
import pytest

from seqrec import LastFrameForecaster, ShiftForecaster

BOTH = pytest.mark.parametrize("kind", [LastFrameForecaster, ShiftForecaster])


def moving_square(n=6, row=4, way=2):
    film = np.zeros((n, 24, 24))
    for image in range(n):
        film[image, row + way * image : row + way * image + 5, 8:13] = 1
    return film


def test_the_last_image_stays():
    film = moving_square()
    told = LastFrameForecaster(horizon=2).fit([film]).predict([film])
    np.testing.assert_array_equal(told, np.stack([film[-1], film[-1]])[None])


def test_a_shift_goes_on():
    film = moving_square(8)
    told = ShiftForecaster(horizon=2).fit([film[:6]]).predict([film[:6]])[0]
    np.testing.assert_allclose(told, film[6:], atol=0.2)


@BOTH
def test_answers_have_the_shape_of_the_films(kind):
    film = moving_square()
    for videos, shape in (([film, film[:1]], (24, 24)), (np.stack([film, film])[..., None], (24, 24, 1))):
        assert kind(horizon=3).fit([film] if len(shape) == 2 else videos).predict(videos, 4).shape == (2, 4, *shape)


@BOTH
def test_what_moves_otherwise_is_odd_where_and_when_it_does(kind):
    film, odd = moving_square(), moving_square()
    odd[4] = odd[4, ::-1]
    forecaster = kind().fit([film] * 3)
    normal, surprisal = forecaster.surprisal([film, odd])
    assert surprisal.shape == (6, 24, 24)
    assert np.isnan(surprisal[0]).all()
    assert np.isfinite(surprisal[1:]).all()
    assert np.nanargmax((surprisal - normal).sum(axis=(1, 2))) in (4, 5)
    scores = forecaster.score_samples([film, odd])
    np.testing.assert_allclose(scores, [-normal[1:].mean(), -surprisal[1:].mean()], rtol=1e-5)
    assert scores[0] > scores[1]


@BOTH
def test_a_film_of_one_image_has_no_score(kind):
    forecaster = kind().fit([moving_square()])
    with pytest.raises(ValueError, match="film 1 has one image; at least 2"):
        forecaster.score_samples([moving_square(), moving_square(1)])
    assert np.isnan(forecaster.surprisal([moving_square(1)])[0]).all()
