"""The LSTM's loop against its equations and against Keras' layer, gradients included."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqrec.network.recurrence import lstm_sequence, read_sequence

BATCH, TIME, DIM, UNITS = 3, 7, 4, 5
NAMES = ("inputs", "kernel", "recurrent_kernel", "bias", "h", "c")
SHAPES = ((BATCH, TIME, DIM), (DIM, 4 * UNITS), (UNITS, 4 * UNITS), (4 * UNITS,), (BATCH, UNITS), (BATCH, UNITS))


def oracle(inputs, kernel, recurrent_kernel, bias, h, c):
    """Hochreiter & Schmidhuber (1997) with the forget gate of Gers et al. (2000), step by step."""
    outputs = []
    for x in inputs.swapaxes(0, 1):
        z_i, z_f, z_g, z_o = np.split(x @ kernel + h @ recurrent_kernel + bias, 4, axis=1)
        c = sigmoid(z_f) * c + sigmoid(z_i) * np.tanh(z_g)
        h = sigmoid(z_o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, axis=1), h, c


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def draw(shapes, seed):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


ARGUMENTS = draw(SHAPES, seed=0)
# A loss that weighs every output, and both final states, on its own.
COTANGENTS = draw([(BATCH, TIME, UNITS), (BATCH, UNITS), (BATCH, UNITS)], seed=1)


def weighted(results):
    pairs = zip(results, COTANGENTS, strict=True)
    return tf.add_n([tf.reduce_sum(tf.cast(result, tf.float32) * weight) for result, weight in pairs])


def results_and_gradients(function, arguments):
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        results = function(*arguments)
        loss = weighted(results)
    return [as_float(result) for result in results], [as_float(g) for g in tape.gradient(loss, arguments)]


def as_float(tensor):
    return tf.cast(tensor, tf.float32).numpy()


def tensors(dtype):
    """The arguments, with inputs and hidden state in `dtype` and the weights in float32."""
    pairs = zip(NAMES, ARGUMENTS, strict=True)
    return [tf.constant(value, dtype if name in ("inputs", "h") else tf.float32) for name, value in pairs]


@pytest.fixture(scope="module")
def ours():
    return results_and_gradients(lstm_sequence, tensors(tf.float32))


@pytest.fixture(scope="module")
def keras_layer():
    layer = keras.layers.LSTM(UNITS, return_sequences=True, return_state=True, use_cudnn=False)
    layer.build((None, None, DIM))

    arguments = tensors(tf.float32)
    weights = [variable.value for variable in layer.weights]
    layer.set_weights(arguments[1:4])
    watched = [arguments[0], *weights, *arguments[4:]]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        results = layer(arguments[0], initial_state=arguments[4:])
        loss = weighted(results)
    return [as_float(result) for result in results], [as_float(g) for g in tape.gradient(loss, watched)]


def test_outputs_and_final_states_follow_the_equations(ours):
    for result, expected in zip(ours[0], oracle(*ARGUMENTS), strict=True):
        np.testing.assert_allclose(result, expected, atol=1e-5)


@pytest.mark.parametrize("index", range(6), ids=NAMES)
def test_gradient_is_the_slope_of_the_equations(ours, index):
    direction = np.random.default_rng(index).normal(size=SHAPES[index])

    def loss(step):
        moved = [value + step * direction if i == index else value for i, value in enumerate(ARGUMENTS)]
        return sum((result * weight).sum() for result, weight in zip(oracle(*moved), COTANGENTS, strict=True))

    slope = (loss(1e-5) - loss(-1e-5)) / 2e-5
    assert (ours[1][index] * direction).sum() == pytest.approx(slope, rel=1e-4, abs=1e-4)


def test_results_equal_those_of_keras(ours, keras_layer):
    for result, expected in zip(ours[0], keras_layer[0], strict=True):
        np.testing.assert_allclose(result, expected, atol=1e-5)


@pytest.mark.parametrize("index", range(6), ids=NAMES)
def test_gradients_equal_those_of_keras(ours, keras_layer, index):
    np.testing.assert_allclose(ours[1][index], keras_layer[1][index], rtol=1e-5, atol=1e-5)


def test_bfloat16_is_close_to_float32(ours):
    results, gradients = results_and_gradients(lstm_sequence, tensors(tf.bfloat16))
    for value, expected in zip(results + gradients, ours[0] + ours[1], strict=True):
        assert np.linalg.norm(value - expected) < 0.03 * np.linalg.norm(expected)


def test_bfloat16_keeps_the_cell_state_in_float32():
    outputs, h, c = lstm_sequence(*tensors(tf.bfloat16))
    assert (outputs.dtype, h.dtype, c.dtype) == (tf.bfloat16, tf.bfloat16, tf.float32)


def test_the_bias_gradient_of_many_events_is_precise_in_bfloat16():
    inputs, *weights = tensors(tf.bfloat16)[:4]
    zeros = tf.zeros((600, UNITS), tf.bfloat16)
    many = tf.repeat(tf.repeat(inputs[:1, :1], 600, axis=0), 5, axis=1)  # 3,000 equal events
    gradients = []
    for dtype in (tf.bfloat16, tf.float32):
        arguments = [tf.cast(many, dtype), *weights, tf.cast(zeros, dtype), tf.cast(zeros, tf.float32)]
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            loss = tf.reduce_sum(tf.cast(lstm_sequence(*arguments)[0], tf.float32))
        gradients.append(tape.gradient(loss, arguments[3]).numpy())
    assert np.linalg.norm(gradients[0] - gradients[1]) < 0.03 * np.linalg.norm(gradients[1])


def test_later_events_do_not_change_earlier_outputs(ours):
    inputs, *others = tensors(tf.float32)
    changed = tf.concat([inputs[:, :4], inputs[:, 4:] + 10], axis=1)
    outputs = lstm_sequence(changed, *others)[0].numpy()
    np.testing.assert_array_equal(outputs[:, :4], ours[0][0][:, :4])
    assert not np.allclose(outputs[:, 4:], ours[0][0][:, 4:])


def test_carried_state_equals_the_whole(ours):
    inputs, kernel, recurrent_kernel, bias, h, c = tensors(tf.float32)
    outputs = []
    for t in range(TIME):
        output, h, c = lstm_sequence(inputs[:, t : t + 1], kernel, recurrent_kernel, bias, h, c)
        outputs.append(output)
    for result, expected in zip((tf.concat(outputs, axis=1), h, c), ours[0], strict=True):
        np.testing.assert_allclose(result, expected, atol=1e-5)


def test_a_graph_serves_every_batch_and_length(ours):
    specs = [tf.TensorSpec((None, None, DIM)), *(tf.TensorSpec(shape) for shape in SHAPES[1:4])]
    specs += [tf.TensorSpec((None, UNITS))] * 2
    graph = tf.function(lambda *arguments: results_in_graph(arguments), input_signature=specs)
    arguments = tensors(tf.float32)
    _, gradient = graph(*arguments)
    np.testing.assert_allclose(gradient, ours[1][0], rtol=1e-5, atol=1e-5)
    short = [arguments[0][:2, :3], *arguments[1:4], arguments[4][:2], arguments[5][:2]]
    np.testing.assert_allclose(graph(*short)[0], ours[0][0][:2, :3], atol=1e-5)


def results_in_graph(arguments):
    """Outputs, and the gradient with respect to the inputs, of a loss that fits any shape."""
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        outputs, h, c = lstm_sequence(*arguments)
        batch, time = tf.shape(outputs)[0], tf.shape(outputs)[1]
        weights = [tf.constant(weight, tf.float32) for weight in COTANGENTS]
        loss = tf.reduce_sum(outputs * weights[0][:batch, :time])
        loss += tf.reduce_sum(h * weights[1][:batch]) + tf.reduce_sum(c * weights[2][:batch])
    return outputs, tape.gradient(loss, arguments[0])


# --- reading, without a gradient


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16], ids=["float32", "bfloat16"])
def test_reading_gives_the_same_to_the_bit(dtype):
    for found, expected in zip(read_sequence(*tensors(dtype)), lstm_sequence(*tensors(dtype)), strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(as_float(found), as_float(expected))


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("lengths", [[7, 7, 7], [3, 7, 1], [0, 2, 0]], ids=str)
def test_states_freeze_at_the_length_of_a_row_to_the_bit(dtype, lengths):
    inputs, *others = tensors(dtype)
    mask = tf.sequence_mask(lengths, TIME)
    outputs, *last = read_sequence(inputs, *others, mask)
    whole, *_ = read_sequence(inputs, *others)
    np.testing.assert_array_equal(as_float(outputs)[mask], as_float(whole)[mask])
    for row, length in enumerate(lengths):
        unpadded = read_sequence(inputs[:, :length], *others)[1:] if length else others[-2:]
        for found, expected in zip(last, unpadded, strict=True):
            np.testing.assert_array_equal(as_float(found)[row], as_float(expected)[row])


def test_steps_that_a_mask_leaves_out_repeat_the_state_before_them():
    inputs, *others = tensors(tf.float32)
    outputs = read_sequence(inputs, *others, tf.constant([[True, False, True, True, False, False, True]] * 3))[
        0
    ].numpy()
    for step, before in ((1, 0), (4, 3), (5, 3)):
        np.testing.assert_array_equal(outputs[:, step], outputs[:, before])
    kept = read_sequence(tf.gather(inputs, [0, 2, 3, 6], axis=1), *others)[0]
    np.testing.assert_array_equal(outputs[:, [0, 2, 3, 6]], kept)
