"""The convolutional LSTM against the paper's equations, Keras' layer and finite differences."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.signal import correlate2d

from seqrec.layers import PeepholeConvLSTM2D
from seqrec.network.convolution import PEEPHOLES, read_images

X = np.random.default_rng(0).normal(size=(2, 4, 6, 5, 3)).astype(np.float32)
STATES = {"return_sequences": True, "return_state": True}


def with_random_weights(layer, x=X, scale=0.3):
    layer.build(x.shape)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(scale=scale, size=weight.shape).astype(np.float32) for weight in layer.get_weights()])
    return layer


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def convolved(images, kernel):
    """Convolve (batch, height, width, channels), padded by 0, as networks do: without turning the kernel round."""
    return np.stack(
        [
            np.stack(
                [
                    sum(correlate2d(image[..., a], kernel[..., a, b], "same") for a in range(image.shape[-1]))
                    for b in range(kernel.shape[-1])
                ],
                axis=-1,
            )
            for image in images
        ]
    )


def oracle(x, kernel, recurrent_kernel, bias, peepholes=(0.0, 0.0, 0.0)):
    """Shi et al. (2015), equation 3, step by step."""
    w_ci, w_cf, w_co = peepholes
    h = c = np.zeros((len(x), *x.shape[2:4], recurrent_kernel.shape[2]))
    outputs = []
    for image in x.swapaxes(0, 1):
        z_i, z_f, z_c, z_o = np.split(convolved(image, kernel) + convolved(h, recurrent_kernel) + bias, 4, axis=-1)
        i = sigmoid(z_i + w_ci * c)
        f = sigmoid(z_f + w_cf * c)
        c = f * c + i * np.tanh(z_c)
        o = sigmoid(z_o + w_co * c)
        h = o * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, axis=1), h, c


@pytest.mark.parametrize("peephole", PEEPHOLES)
def test_it_is_equation_3_of_shi_et_al(peephole):
    layer = with_random_weights(PeepholeConvLSTM2D(2, (3, 1), (1, 5), peephole, **STATES))
    expected = oracle(X.astype(np.float64), *[weights.astype(np.float64) for weights in layer.get_weights()])
    for found, value in zip(layer(X), expected, strict=True):
        np.testing.assert_allclose(found, value, atol=1e-5)


@pytest.mark.parametrize("peephole", PEEPHOLES)
def test_the_cell_and_the_fast_loop_give_the_same_numbers_and_gradients(peephole):
    layer = with_random_weights(PeepholeConvLSTM2D(2, 3, 3, peephole, **STATES))
    results = []
    for loop in (layer.inner_loop, super(PeepholeConvLSTM2D, layer).inner_loop):
        layer.inner_loop = loop
        with tf.GradientTape() as tape:
            values = layer(X)
            loss = tf.add_n([tf.reduce_sum(value * value) for value in values])
        results.append([*values, *tape.gradient(loss, [weight.value for weight in layer.weights])])
    for found, expected in zip(*results, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("peephole", PEEPHOLES)
def test_the_gradient_is_that_of_finite_differences(peephole):
    rng = np.random.default_rng(2)
    of_places = {"place": [(3, 4, 3, 2)], "channel": [(3, 1, 1, 2)], None: []}[peephole]
    shapes = [(3, 2, 4, 3, 8), (3, 3, 2, 8), *of_places, (2, 4, 3, 2), (2, 4, 3, 2)]
    arguments = [tf.constant(rng.normal(scale=0.5, size=shape)) for shape in shapes]
    weights = rng.normal(size=(3, 2, 4, 3, 2)), *rng.normal(size=(2, 2, 4, 3, 2))

    def loss(z, kernel, *others):
        results = read_images(z, kernel, *(others if of_places else (None, *others)))
        return tf.add_n([tf.reduce_sum(weight * result) for weight, result in zip(weights, results, strict=True)])

    with tf.GradientTape() as tape:
        tape.watch(arguments)
        value = loss(*arguments)
    for at, gradient in enumerate(tape.gradient(value, arguments)):
        way = rng.normal(size=shapes[at])
        ahead, back = ([*arguments[:at], arguments[at] + step * way, *arguments[at + 1 :]] for step in (1e-6, -1e-6))
        slope = (loss(*ahead) - loss(*back)) / 2e-6
        np.testing.assert_allclose(np.sum(gradient * way), slope, rtol=1e-6)


@pytest.mark.parametrize("options", [{}, {"return_sequences": True}, STATES, STATES | {"go_backwards": True}], ids=str)
def test_without_peepholes_it_is_the_layer_of_keras(options):
    ours = with_random_weights(PeepholeConvLSTM2D(2, 3, peephole=None, **options))
    theirs = with_random_weights(keras.layers.ConvLSTM2D(2, 3, padding="same", **options))
    for found, expected in zip(tf.nest.flatten(ours(X)), tf.nest.flatten(theirs(X)), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_it_starts_as_the_layer_of_keras_does():
    ours, theirs = PeepholeConvLSTM2D(4, 3, seed=0), keras.layers.ConvLSTM2D(4, 3, padding="same")
    ours.build(X.shape), theirs.build(X.shape)
    *shared, peepholes = ours.get_weights()
    assert [weight.shape for weight in shared] == [weight.shape for weight in theirs.get_weights()]
    np.testing.assert_array_equal(shared[2], theirs.get_weights()[2])
    np.testing.assert_array_equal(peepholes, np.zeros((3, 6, 5, 4)))


def test_it_goes_on_from_carried_states():
    layer = with_random_weights(PeepholeConvLSTM2D(2, 3, **STATES))
    whole = layer(X)
    first, *states = layer(X[:, :1])
    second, *last = layer(X[:, 1:], initial_state=states)
    np.testing.assert_allclose(tf.concat([first, second], axis=1), whole[0], atol=1e-6)
    for found, expected in zip(last, whole[1:], strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_stateful_layer_remembers_the_last_batch_until_it_is_reset():
    stateful = with_random_weights(PeepholeConvLSTM2D(2, 3, stateful=True))
    whole = with_random_weights(PeepholeConvLSTM2D(2, 3))(X)
    stateful(X[:, :2])
    np.testing.assert_allclose(stateful(X[:, 2:]), whole, atol=1e-6)
    stateful.reset_state()
    np.testing.assert_allclose(stateful(X), whole, atol=1e-6)


@pytest.mark.parametrize("peephole", ["channel", None])
def test_without_weights_for_places_it_reads_images_of_any_size(peephole):
    layer = with_random_weights(PeepholeConvLSTM2D(2, 3, peephole=peephole))
    assert layer(X[:, :, :4, :4]).shape == (2, 4, 4, 2)


def test_a_layer_for_places_says_what_it_cannot_read():
    with pytest.raises(ValueError, match="peephole='channel' for images of any size"):
        PeepholeConvLSTM2D(2, 3).build((None, None, None, None, 3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": 0}, "filters must be a whole number of at least 1, got 0"),
        ({"kernel_size": (3, -1)}, "kernel_size must be a whole number"),
        ({"peephole": "gate"}, "peephole must be 'place', 'channel' or None, got 'gate'"),
    ],
    ids=str,
)
def test_arguments_that_mean_nothing_are_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        PeepholeConvLSTM2D(**{"filters": 2, "kernel_size": 3} | arguments)


@pytest.mark.filterwarnings("ignore:__array__ implementation")  # of Keras, when it writes weights
@pytest.mark.parametrize("peephole", PEEPHOLES)
def test_a_model_with_it_is_saved_and_loaded(peephole, tmp_path):
    layer = PeepholeConvLSTM2D(2, 3, (1, 5), peephole, return_sequences=True, go_backwards=True, seed=3)
    model = keras.Sequential([keras.Input(X.shape[1:]), layer])
    model.save(tmp_path / "model.keras")
    kinds = {"PeepholeConvLSTM2D": PeepholeConvLSTM2D}
    again = keras.models.load_model(tmp_path / "model.keras", custom_objects=kinds)
    assert again.layers[0].get_config() == layer.get_config()
    np.testing.assert_array_equal(again(X), model(X))


@pytest.mark.slow
def test_it_learns_in_a_model_of_keras_with_a_time_that_is_not_known():
    model = keras.Sequential([keras.Input((None, 6, 5, 3)), PeepholeConvLSTM2D(2, 3, seed=0)])
    model.compile("adam", "mse")
    before = model.evaluate(X, np.ones((2, 6, 5, 2)), verbose=0)
    model.fit(X, np.ones((2, 6, 5, 2)), epochs=3, verbose=0)
    assert model.evaluate(X, np.ones((2, 6, 5, 2)), verbose=0) < before


def test_a_mask_leaves_states_as_they_are():
    layer = with_random_weights(PeepholeConvLSTM2D(2, 3))
    mask = np.array([[True, True, False, False], [True, True, True, True]])
    np.testing.assert_allclose(layer(X, mask=tf.constant(mask))[0], layer(X[:1, :2])[0], atol=1e-6)
