"""Recurrent layers against Keras' own and against the papers' equations."""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqrec.data.vocabulary import PADDING
from seqrec.network.layers import LSTM, CodeDropout, Dropout, PeepholeLSTMCell, recurrent_layer

CELLS = ("lstm", "peephole", "gru", "rnn")
X = np.random.default_rng(0).normal(size=(3, 6, 4)).astype(np.float32)


def with_random_weights(layer, seed=1):
    layer.build(X.shape)
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.normal(size=weight.shape).astype(np.float32) for weight in layer.get_weights()])
    return layer


def outputs_of(layer, x=X):
    outputs, *_ = layer(x)
    return outputs


def assert_equals_keras(call=lambda layer: layer(X), **options):
    ours, theirs = LSTM(5, **options), keras.layers.LSTM(5, use_cudnn=False, **options)
    results = [tf.nest.flatten(call(with_random_weights(layer))) for layer in (ours, theirs)]
    for result, expected in zip(*results, strict=True):
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("return_sequences", [True, False])
@pytest.mark.parametrize("return_state", [True, False])
def test_lstm_equals_that_of_keras(return_sequences, return_state):
    assert_equals_keras(return_sequences=return_sequences, return_state=return_state)


@pytest.mark.parametrize(
    "option",
    [{"go_backwards": True}, {"use_bias": False}, {"activation": "relu"}, {"recurrent_activation": "hard_sigmoid"}],
    ids=str,
)
def test_lstm_equals_that_of_keras_with(option):
    assert_equals_keras(return_sequences=True, return_state=True, **option)


def test_lstm_takes_a_mask_as_keras_does():
    mask = np.arange(6) < np.array([[2], [6], [4]])
    assert_equals_keras(lambda layer: layer(X, mask=mask), return_sequences=True)


def test_a_masked_lstm_learns_as_that_of_keras():
    mask, gradients = np.arange(6) < np.array([[2], [6], [4]]), []
    for layer in (LSTM(5), keras.layers.LSTM(5, use_cudnn=False)):
        with_random_weights(layer)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(X, mask=mask, training=True) ** 2)
        gradients.append(tape.gradient(loss, [weight.value for weight in layer.weights]))
    for found, expected in zip(*gradients, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_lstm_drops_as_keras_does():
    with_dropout = LSTM(5, dropout=0.5, seed=0)
    outputs = [with_random_weights(with_dropout)(X, training=training).numpy() for training in (True, False)]
    assert not np.allclose(*outputs)


def test_lstm_goes_on_from_carried_states():
    layer = with_random_weights(LSTM(5, return_sequences=True, return_state=True))
    whole = layer(X)
    first, *states = layer(X[:, :2])
    second, *last = layer(X[:, 2:], initial_state=states)
    np.testing.assert_allclose(tf.concat([first, second], axis=1), whole[0], atol=1e-5)
    np.testing.assert_allclose(last, whole[1:], atol=1e-5)


def peephole_oracle(x, kernel, recurrent_kernel, bias, peepholes):
    """Gers & Schmidhuber (2000), section 2, in float64; gates in the order i, f, c, o."""
    units = len(recurrent_kernel)
    w_i, w_f, w_c, w_o = np.split(kernel, 4, axis=1)
    u_i, u_f, u_c, u_o = np.split(recurrent_kernel, 4, axis=1)
    b_i, b_f, b_c, b_o = np.split(bias, 4)
    p_i, p_f, p_o = peepholes
    h, c, outputs = np.zeros((len(x), units)), np.zeros((len(x), units)), []
    for x_t in x.astype(np.float64).swapaxes(0, 1):
        i = sigmoid(x_t @ w_i + h @ u_i + p_i * c + b_i)
        f = sigmoid(x_t @ w_f + h @ u_f + p_f * c + b_f)
        c = f * c + i * np.tanh(x_t @ w_c + h @ u_c + b_c)
        o = sigmoid(x_t @ w_o + h @ u_o + p_o * c + b_o)
        h = o * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, axis=1)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def test_peephole_lstm_follows_the_equations():
    layer = with_random_weights(recurrent_layer("peephole", 5, seed=0))
    names = [weight.name for weight in layer.weights]
    assert names == ["kernel", "recurrent_kernel", "bias", "peepholes"]
    expected = peephole_oracle(X, *(weight.astype(np.float64) for weight in layer.get_weights()))
    np.testing.assert_allclose(outputs_of(layer), expected, atol=1e-5)


def test_peephole_lstm_starts_out_as_the_lstm():
    lstm, peephole = recurrent_layer("lstm", 5, seed=0), recurrent_layer("peephole", 5, seed=0)
    np.testing.assert_allclose(outputs_of(peephole), outputs_of(lstm), atol=1e-5)
    for weight, expected in zip(peephole.get_weights(), lstm.get_weights(), strict=False):
        np.testing.assert_array_equal(weight, expected)


def test_peephole_cell_learns_its_peepholes():
    layer = with_random_weights(keras.layers.RNN(PeepholeLSTMCell(5)))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(X))
    gradient = tape.gradient(loss, layer.cell.peepholes.value)
    assert (np.abs(gradient) > 0).all()


@pytest.mark.parametrize("cell", CELLS)
class TestRecurrentLayer:
    def test_gives_an_output_for_each_event(self, cell):
        assert outputs_of(recurrent_layer(cell, 5, seed=0)).shape == (3, 6, 5)

    def test_starts_alike_from_one_seed_and_differently_from_another(self, cell):
        layers = [recurrent_layer(cell, 5, seed) for seed in (0, 0, 1)]
        first, same, other = (outputs_of(layer).numpy() for layer in layers)
        np.testing.assert_array_equal(first, same)
        assert not np.allclose(first, other)

    def test_touches_no_global_seed(self, cell):
        before = random.getstate()
        recurrent_layer(cell, 5, seed=0)(X)
        assert random.getstate() == before

    def test_later_events_do_not_change_earlier_outputs(self, cell):
        layer = recurrent_layer(cell, 5, seed=0)
        changed = np.concatenate([X[:, :3], X[:, 3:] + 10], axis=1)
        np.testing.assert_allclose(outputs_of(layer, changed)[:, :3], outputs_of(layer)[:, :3], atol=1e-5)

    def test_is_close_to_float32_in_bfloat16(self, cell):
        outputs = outputs_of(recurrent_layer(cell, 5, seed=0, dtype="mixed_bfloat16"))
        assert outputs.dtype == tf.bfloat16
        exact = outputs_of(recurrent_layer(cell, 5, seed=0))
        np.testing.assert_allclose(tf.cast(outputs, tf.float32), exact, atol=0.02)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("rate", [0.25, 0.5, 0.9])
def test_dropout_drops_its_share_and_raises_what_is_left(rate, dtype):
    outputs = tf.cast(Dropout(rate, seed=0, dtype=dtype)(np.ones((101, 7, 31)), training=True), tf.float32).numpy()
    assert (outputs == 0).mean() == pytest.approx(rate, abs=0.02)
    np.testing.assert_allclose(outputs[outputs > 0], 1 / (1 - rate), rtol=0.02)
    assert outputs.mean() == pytest.approx(1, abs=0.1)


def test_dropout_decides_for_each_element_alone():
    kept = Dropout(0.5, seed=0)(np.ones((8, 4000)), training=True).numpy() > 0
    for distance in range(1, 9):  # within the four bytes of a random word, and beyond
        assert abs(np.corrcoef(kept[:, :-distance].ravel(), kept[:, distance:].ravel())[0, 1]) < 0.05


@pytest.mark.parametrize(("rate", "training"), [(0.5, False), (0.0, True)])
def test_dropout_can_leave_all_alone(rate, training):
    np.testing.assert_array_equal(Dropout(rate, seed=0)(X, training=training), X.astype(np.float32))


@pytest.mark.parametrize("rate", [0.001, 0.999])
def test_dropout_near_its_ends_stays_finite(rate):
    assert np.isfinite(Dropout(rate, seed=0)(X, training=True)).all()


def test_dropout_follows_its_seed_and_draws_anew_each_time():
    first, same, other = (Dropout(0.5, seed=seed) for seed in (0, 0, 1))
    outputs = [layer(np.ones(1000), training=True).numpy() for layer in (first, same, other, first)]
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert (outputs[0] != outputs[2]).any()
    assert (outputs[0] != outputs[3]).any()


def test_dropout_passes_the_gradient_of_what_it_keeps():
    inputs, layer = tf.ones((50,)), Dropout(0.5, seed=0)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(inputs, training=True)
    np.testing.assert_array_equal(tape.gradient(outputs, inputs), outputs)


def test_code_dropout_leaves_codes_alone_outside_training():
    codes = np.arange(10, dtype=np.int32)
    np.testing.assert_array_equal(CodeDropout(0.9, 1, seed=0)(codes), codes)


def test_code_dropout_replaces_its_share_but_never_padding():
    codes = np.tile(np.array([PADDING, 7], dtype=np.int32), 5000)
    dropped = CodeDropout(0.3, 1, seed=0)(codes, training=True).numpy()
    assert (dropped[codes == PADDING] == PADDING).all()
    assert set(dropped[codes == 7]) == {1, 7}
    assert (dropped[codes == 7] == 1).mean() == pytest.approx(0.3, abs=0.03)


def test_code_dropout_follows_its_seed():
    codes = np.full(1000, 7, dtype=np.int32)
    first, same, other = (CodeDropout(0.3, 1, seed)(codes, training=True).numpy() for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


@pytest.mark.parametrize("shape", [(4, 30, 50), (4, 1, 50)])
def test_dropout_of_one_mask_drops_the_same_at_all_steps(shape):
    dropped = Dropout(0.5, one_mask=True, seed=0)(np.ones(shape, np.float32), training=True).numpy() == 0
    assert (dropped == dropped[:, :1]).all()
    assert dropped[:, 0].mean() == pytest.approx(0.5, abs=0.15)
    assert (dropped[0] != dropped[1]).any()
