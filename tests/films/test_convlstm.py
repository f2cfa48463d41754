"""Films forecast by convolutional LSTMs."""

import pickle

import numpy as np
import pytest

import seqrec
from seqrec import ConvLSTMForecaster
from seqrec.films.convlstm import patch_of
from seqrec.network.drawn import DrawTrainer

SMALL = {"horizon": 2, "n_past": 4, "units": 4, "n_layers": 1, "max_steps": 4, "batch_size": 4, "random_state": 0}


def bars(n=6, n_images=12, size=8):
    """Films of a bar that falls and comes in again from above."""
    rows = (np.arange(n)[:, None] + np.arange(n_images)) % size
    return 255 * np.eye(size, dtype=np.uint8)[rows][..., None].repeat(size, axis=3)


FILMS = bars()
MOVING = np.concatenate([bars(3, 6), bars(3, 6)[:, :, ::-1]])  # down and up, never over an edge


@pytest.fixture(scope="module")
def fitted():
    return ConvLSTMForecaster(**SMALL).fit(FILMS)


@pytest.fixture(scope="module")
def trained():
    options = SMALL | {"n_past": 2, "units": 8, "max_steps": 100, "batch_size": 8, "learning_rate": 0.02}
    return ConvLSTMForecaster(**options).fit(MOVING)


@pytest.mark.slow
def test_it_learns_a_motion_and_goes_on_beyond_the_horizon(trained):
    told = trained.predict(MOVING[:, :2], horizon=4)
    row, expected = (images.mean(axis=3).argmax(axis=2) for images in (told, MOVING[:, 2:]))
    np.testing.assert_array_equal(row, expected)


@pytest.mark.slow
def test_an_odd_motion_is_odd_where_and_when_it_happens(trained):
    odd = MOVING[0].copy()
    odd[3, :, :4] = odd[3, ::-1, :4]
    surprisal, normal = trained.surprisal([odd])[0], trained.surprisal([MOVING[0]])[0]
    assert np.nanargmax(surprisal.sum(axis=(1, 2))) == 3
    more = (surprisal - normal)[3].sum(axis=0)
    assert more[:4].min() > more[4:].max()
    assert trained.score_samples([odd]) < trained.score_samples([MOVING[0]])


def test_answers_have_the_shape_of_the_films(fitted):
    told = fitted.predict([FILMS[0], FILMS[1, :3], FILMS[2, :1]])
    assert told.shape == (3, 2, 8, 8)
    assert told.dtype == np.float32
    assert 0 <= told.min() <= told.max() <= 1
    assert fitted.predict(FILMS, 3).shape == (6, 3, 8, 8)


def test_company_changes_no_forecast(fitted):
    together = fitted.predict([FILMS[0], FILMS[1, :3], FILMS[2]])
    for row, film in enumerate([FILMS[0], FILMS[1, :3], FILMS[2]]):
        np.testing.assert_allclose(fitted.predict([film])[0], together[row], atol=1e-5)


def test_bytes_and_shares_are_the_same_films(fitted):
    np.testing.assert_allclose(fitted.predict(FILMS), fitted.predict(FILMS / 255), atol=1e-5)


def test_a_later_image_changes_no_earlier_surprisal(fitted):
    changed = FILMS[0].copy()
    changed[9] = 255 - changed[9]
    before, after = fitted.surprisal([FILMS[0], changed])
    np.testing.assert_allclose(after[1:9], before[1:9], atol=1e-5)
    assert np.isnan(before[0]).all()
    assert np.abs(after[9] - before[9]).max() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["cross_entropy", "squared"])
def test_the_surprisal_of_the_next_image_is_that_of_its_forecast(loss):
    forecaster = ConvLSTMForecaster(**SMALL, loss=loss).fit(FILMS)
    told, came = forecaster.predict([FILMS[0, :3]], 1)[0, 0].astype(float), FILMS[0, 3] / 255
    expected = -(came * np.log(told) + (1 - came) * np.log(1 - told))
    if loss == "squared":
        s = forecaster.spread_
        expected = (came - told) ** 2 / (2 * s**2) + np.log(s) + np.log(2 * np.pi) / 2
    np.testing.assert_allclose(forecaster.surprisal([FILMS[0, :5]])[0][3], expected, atol=1e-4)


@pytest.mark.slow
def test_one_long_film_and_unequal_ones_are_learned_from():
    for videos in ([np.concatenate(FILMS)], [FILMS[0], FILMS[1, :3], FILMS[2, :7]]):
        forecaster = ConvLSTMForecaster(**SMALL).fit(videos)
        assert np.isfinite(forecaster.history_["loss"]).all()
        assert np.isfinite(forecaster.history_["validation"]).all()


@pytest.mark.slow
def test_colours_and_sizes_that_patches_do_not_divide_come_back():
    videos = np.random.default_rng(0).random((3, 6, 7, 9, 3))
    forecaster = ConvLSTMForecaster(**SMALL, patch=4, peephole=None).fit(videos)
    assert forecaster.predict(videos).shape == (3, 2, 7, 9, 3)
    assert forecaster.surprisal(videos)[0].shape == (6, 7, 9)
    assert forecaster.predict(videos[:, :, :5]).shape == (3, 2, 5, 9, 3)


def test_the_patch_follows_the_size_of_the_images():
    sizes = [(8, 8, 1), (16, 40, 1), (64, 64, 3), (100, 128, 1), (2000, 2000, 1)]
    assert [patch_of("auto", size) for size in sizes] == [1, 1, 4, 4, 16]
    assert patch_of(3, (64, 64, 1)) == 3


@pytest.mark.slow
def test_two_fits_with_one_seed_agree(fitted):
    again = ConvLSTMForecaster(**SMALL).fit(FILMS)
    for found, expected in zip(again.model_.get_weights(), fitted.model_.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_saved_model_and_a_pickle_give_the_very_same_numbers(fitted, tmp_path):
    seqrec.save(fitted, tmp_path / "films.seqrec")
    for again in (seqrec.load(tmp_path / "films.seqrec"), pickle.loads(pickle.dumps(fitted))):  # noqa: S301
        np.testing.assert_array_equal(again.predict(FILMS), fitted.predict(FILMS))
        np.testing.assert_array_equal(again.score_samples(FILMS), fitted.score_samples(FILMS))


def test_a_mapped_file_gives_the_same(fitted, tmp_path):
    np.save(tmp_path / "films.npy", FILMS)
    mapped = np.load(tmp_path / "films.npy", mmap_mode="r")
    np.testing.assert_array_equal(fitted.predict(mapped), fitted.predict(FILMS))


@pytest.mark.slow
def test_a_stop_in_the_first_steps_leaves_an_earlier_fit_as_it_was(fitted, monkeypatch):
    twin = pickle.loads(pickle.dumps(fitted))  # noqa: S301
    before = twin.predict(FILMS)

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(DrawTrainer, "_run_epoch", stop)
    with pytest.raises(KeyboardInterrupt):
        twin.fit(FILMS[:3])
    np.testing.assert_array_equal(twin.predict(FILMS), before)


@pytest.mark.slow
def test_a_stop_later_leaves_the_best_weights_so_far(monkeypatch):
    run, forecaster = DrawTrainer._run_epoch, ConvLSTMForecaster(**SMALL | {"max_steps": 101})

    def stop_in_the_second(self, read, epoch, progress):
        if epoch:
            raise KeyboardInterrupt
        return run(self, [next(read)], epoch, progress)

    monkeypatch.setattr(DrawTrainer, "_run_epoch", stop_in_the_second)
    with pytest.raises(KeyboardInterrupt, match="it has the weights of epoch 1"):
        forecaster.fit(FILMS)
    assert forecaster.predict(FILMS).shape == (6, 2, 8, 8)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda f: f.predict(FILMS, 0), "horizon"),
        (lambda f: f.predict(FILMS[:, :, :6]), r"images are 6 x 8 with 1 channels; those of training had 8 x 8"),
        (lambda f: f.predict(FILMS[..., None].repeat(2, -1)), "with 2 channels"),
        (lambda f: f.predict([]), "there are no films"),
        (lambda f: f.score_samples(FILMS[:, :1]), "film 0 has one image"),
    ],
)
def test_questions_that_cannot_be_answered_are_errors(fitted, ask, message):
    with pytest.raises(ValueError, match=message):
        ask(fitted)


def test_films_of_one_image_teach_nothing():
    with pytest.raises(ValueError, match="film 0 has one image; at least 2 are needed"):
        ConvLSTMForecaster(**SMALL).fit(FILMS[:, :1])


@pytest.mark.parametrize("parameter", ConvLSTMForecaster().get_params())
def test_a_bad_parameter_fails_in_fit_by_name(parameter):
    with pytest.raises(ValueError, match=parameter):
        ConvLSTMForecaster(**{parameter: object()}).fit(FILMS)
