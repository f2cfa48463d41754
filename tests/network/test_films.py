"""The network for films: what it tells at once and step by step, and what its shapes are."""

import numpy as np
import pytest

from seqrec.network.architectures import FilmArchitecture
from seqrec.network.films import FilmModel

IMAGES = np.random.default_rng(0).random((2, 6, 3, 4, 8)).astype(np.float32)


def architecture(**changes):
    usual = {
        "height": 3,
        "width": 4,
        "n_inputs": 8,
        "patch": 2,
        "n_motions": 0,
        "units": 3,
        "n_layers": 2,
        "kernel_size": 3,
    }
    more = {"recurrent_kernel_size": 1, "peephole": "place", "squared": False, "n_classes": 0, "seed": 0}
    return FilmArchitecture(**usual | more | changes)


@pytest.mark.parametrize("peephole", ["place", "channel", "none"])
@pytest.mark.parametrize("more", [{}, {"n_classes": 3}, {"n_motions": 2}])
def test_the_shapes_of_a_file_are_those_of_the_network(peephole, more):
    model = FilmModel(architecture(peephole=peephole, **more))
    assert [weight.shape for weight in model.get_weights()] == list(model.architecture.shapes().values())


@pytest.mark.parametrize("n_motions", [0, 2])
def test_images_read_one_by_one_give_what_they_give_together(n_motions):
    model = FilmModel(architecture(n_motions=n_motions))
    together, _ = model.read(IMAGES)
    _, states = model.read(IMAGES[:, :3])
    for image in range(3, 6):
        means, states = model.step(IMAGES[:, image], states)
        np.testing.assert_allclose(means, together[:, image], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("squared", [False, True])
def test_the_loss_is_that_of_all_images_but_the_first_of_which_forecasts_are_read_as_if_they_had_come(squared):
    model = FilmModel(architecture(squared=squared))
    past, future = IMAGES[:, :4], IMAGES[:, 4:]
    weights = np.array([[1, 1, 1, 1], [1, 1, 0, 0]], np.float32), np.array([[1, 1], [0, 0]], np.float32)
    means, states = model.read(past)
    second, _ = model.step(means[:, -1], states)
    means = np.concatenate([means, second[:, None]], axis=1)
    each = (means - IMAGES[:, 1:]) ** 2
    if not squared:
        each = -IMAGES[:, 1:] * np.log(means) - (1 - IMAGES[:, 1:]) * np.log(1 - means)
    weight = np.concatenate(weights, axis=1)[:, 1:]
    expected = (each.mean(axis=(2, 3, 4)) * weight).sum() / weight.sum()
    np.testing.assert_allclose(model.judge(past, future, *weights), expected, atol=1e-5)


def test_images_that_are_not_shown_change_no_class():
    model = FilmModel(architecture(n_classes=3))
    padded = np.concatenate([IMAGES[:, :4], IMAGES[:, :2]], axis=1)
    shown = np.tile(np.array([1, 1, 1, 1, 0, 0], np.float32), (2, 1))
    expected = model.classify(IMAGES[:, :4], np.ones((2, 4), np.float32))
    np.testing.assert_allclose(model.classify(padded, shown), expected, atol=1e-5)
