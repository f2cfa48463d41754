import numpy as np
import pytest
from traitlets import TraitError

pytest.importorskip("anywidget")

from seqrec import LastFrameForecaster, ShiftForecaster
from seqrec.exceptions import InputError
from seqrec.explore.film_pictures import Frame, differences, packed_images
from seqrec.explore.films import FilmExplorer
from seqrec.explore.odd_films import surprisal_between

SIZE, TIME, HORIZON = 16, 29, 3


@pytest.fixture(scope="module")
def films():
    films = np.random.default_rng(0).random((3, TIME, SIZE, SIZE)) / 10
    films[:, range(TIME), 7, np.arange(TIME) % SIZE] = 1
    films[1, 20] = films[1, 20].T  # the dot is elsewhere
    return films


@pytest.fixture(scope="module")
def forecaster(films):
    return ShiftForecaster(n_past=4).fit(films[:1])


@pytest.fixture
def explorer(forecaster, films):
    return FilmExplorer(forecaster, films, horizon=HORIZON)


def numbers(packed, dtype="u1"):
    return np.frombuffer(packed, dtype)


def run(explorer):
    explorer._receive({"do": "run", "version": explorer._version})
    return explorer._told


def test_the_forecast_is_that_of_the_forecaster_from_the_origin(explorer, forecaster, films):
    explorer.film, explorer.origin = 2, 9
    np.testing.assert_allclose(explorer.forecast, forecaster.predict(films[2:, :9], HORIZON)[0], atol=1e-6)
    errors = explorer.errors
    assert errors["image"].tolist() == [9, 10, 11]
    np.testing.assert_allclose(
        errors["squared_error"], ((explorer.forecast - films[2, 9:12]) ** 2).mean(axis=(1, 2)), atol=1e-6
    )
    last = LastFrameForecaster().fit(films).predict(films[2:, :9], HORIZON)[0]
    np.testing.assert_allclose(errors["last_image"], ((last - films[2, 9:12]) ** 2).mean(axis=(1, 2)), atol=1e-6)


@pytest.mark.parametrize(("start", "stop"), [(0, TIME), (0, 1), (3, 9), (9, 17), (20, TIME), (8, 9), (4, 5)])
def test_surprisal_of_a_part_is_that_of_the_whole_film(explorer, forecaster, films, start, stop):
    whole = forecaster.surprisal(films[1:2])[0]
    part = surprisal_between(forecaster, explorer._films, 1, start, stop)
    np.testing.assert_allclose(part, whole[start:stop], atol=1e-5, rtol=1e-5)
    assert np.isnan(part[0]).all() == (start == 0)


def test_the_oddest_film_comes_first_once_all_are_judged(explorer, forecaster, films):
    assert not explorer._judged["done"]
    scores = explorer.scores
    assert scores["film"][0] == 1
    np.testing.assert_allclose(scores["score"], forecaster.score_samples(films)[scores["film"]], atol=1e-5)
    line = forecaster.surprisal(films[1:2])[0].mean(axis=(1, 2))[4:]  # once there are images before
    assert scores["peak_image"][0] == 4 + line.argmax()
    assert scores["peak"][0] == pytest.approx(line.max(), abs=1e-5)
    assert explorer._judged["done"]
    assert f"image {4 + line.argmax()} " in explorer._judged["scores"].decode().split("\n")[1]
    assert numbers(explorer._judged["order"], "<i4")[0] == 1


def test_the_page_asks_for_judgement_until_it_is_done(forecaster, films, monkeypatch):
    monkeypatch.setattr("seqrec.explore.films._AT_ONCE", 0)
    explorer = FilmExplorer(forecaster, films, horizon=HORIZON)
    for n in (1, 2, 3):
        assert not explorer._judged["done"]
        explorer._receive({"do": "judge"})
        assert explorer._judged["n"] == n
    line = numbers(explorer._line["y"], "<f8")
    np.testing.assert_allclose(line[1:], explorer.surprisal[1:].mean(axis=(1, 2)), atol=1e-5)


def test_the_page_is_told_images_differences_and_places(explorer, films):
    explorer.film, explorer.origin = 1, 19
    shown, told = explorer._shown, run(explorer)
    assert (shown["start"], shown["stop"]) == (15, 22)
    came = numbers(shown["came"]).reshape(7, SIZE, SIZE)
    np.testing.assert_array_equal(came, np.rint(films[1, 15:22].astype("float32") * 255))
    forecast = numbers(told["forecast"]).reshape(HORIZON, SIZE, SIZE) / 255
    np.testing.assert_allclose(forecast, explorer.forecast, atol=0.5 / 255 + 1e-6)
    difference = numbers(told["differences"], "i1").reshape(HORIZON, SIZE, SIZE) / 127
    np.testing.assert_allclose(difference, films[1, 19:22] - explorer.forecast, atol=0.5 / 127 + 1e-6)
    row, column, nats = told["places"][20 - 15]
    assert nats == explorer.surprisal[20].max() == explorer.surprisal[20, row, column]
    assert f"at row {row}, column {column}." in told["texts"].decode().split("\n")[5]
    tinted = numbers(told["nats"]).reshape(7, SIZE, SIZE)
    assert tinted[5, row, column] == tinted.max()


def test_an_image_out_of_view_moves_the_origin_to_it(explorer):
    explorer.image = 10
    assert explorer.origin == 10
    explorer.image = 8  # in view before the origin
    assert explorer.origin == 10
    explorer.image = 12
    assert explorer.origin == 10
    explorer.origin = TIME
    assert explorer.image == TIME
    explorer.image = 0
    assert explorer.origin == 1


def test_what_is_still_to_come_is_not_judged(explorer):
    explorer.origin = TIME
    assert explorer.errors[["squared_error", "last_image"]].isna().all(axis=None)
    told = run(explorer)
    assert len(told["differences"]) == 0
    assert len(numbers(told["forecast"])) == HORIZON * SIZE * SIZE
    explorer.image = TIME + HORIZON - 1
    assert explorer.origin == TIME


def test_a_longer_horizon_is_forecast_anew(explorer):
    before = explorer._version
    explorer.horizon = 7
    assert explorer._version > before
    assert len(explorer.forecast) == 7
    explorer._receive({"do": "run", "version": before})  # no longer asked
    assert explorer._told == {}


def test_films_of_one_image_and_of_several_lengths_have_words(forecaster, films):
    explorer = FilmExplorer(forecaster, [films[0, :1], films[1, :5]], horizon=HORIZON)
    assert (explorer.origin, explorer.image) == (1, 0)
    assert run(explorer)["texts"].decode() == "Nothing came before the first image, so none is surprising."
    assert np.isnan(explorer.scores["score"]).tolist() == [False, True]
    explorer.film = 1
    assert (explorer.origin, explorer.image) == (2, 2)


def test_large_images_and_those_of_many_channels_are_sent_small():
    frame = Frame.of((1_000, 500, 4), 20)
    assert (frame.height, frame.width, frame.channels, frame.every) == (167, 84, 1, 6)
    images = np.random.default_rng(0).random((2, 1_000, 500, 4)).astype("float32")
    sent = numbers(packed_images(images, frame)).reshape(2, 167, 84)
    assert sent[1, 2, 3] == np.rint(images[1, 12:18, 18:24].mean() * 255)
    assert frame.largest(images[..., 0])[0, -1, -1] == images[0, 996:, 498:, 0].max()
    assert frame.note == "Shown smaller: 6 by 6 pixels as one."
    assert len(differences(images[:0], images[:0], frame)) == 0


def test_colours_stay_colours(films):
    coloured = np.repeat(films[..., None], 3, axis=4)
    coloured[..., 2] = 0
    explorer = FilmExplorer(LastFrameForecaster().fit(coloured), coloured, horizon=2)
    assert explorer._shown["channels"] == 3
    assert len(run(explorer)["forecast"]) == 2 * SIZE * SIZE * 3
    assert explorer.forecast.shape == (2, SIZE, SIZE, 3)


def test_a_table_stands_where_there_are_no_widgets(explorer):
    shown = explorer._fallback()
    assert "Errors of images ahead" in shown
    assert "0 of 3" in shown


def test_what_does_not_fit_is_refused(explorer, forecaster, films):
    for name, value in (("film", 3), ("origin", 0), ("origin", TIME + 1), ("image", TIME + HORIZON), ("horizon", 0)):
        with pytest.raises(TraitError):
            setattr(explorer, name, value)
    with pytest.raises(TraitError, match="tint"):
        explorer.tint = np.nan
    with pytest.raises(InputError, match="shows a forecaster of films"):
        FilmExplorer("forecaster", films)
    with pytest.raises(InputError, match="at most 200"):
        FilmExplorer(forecaster, films, horizon=201)
    with pytest.raises(InputError, match="there are no films"):
        FilmExplorer(forecaster, [])
    with pytest.raises(InputError, match="channels"):
        FilmExplorer(forecaster, np.zeros((1, 3, 8, 8, 2)))
