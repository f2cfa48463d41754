"""The softmax head against the formula of cross-entropy, and its gradient against the derivative of that formula."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqrec.heads import CategoricalHead, softmax_cross_entropy
from seqrec.vocabulary import N_RESERVED, PADDING, UNKNOWN

N_CLASSES, DIM = 9, 4


def draw(n, seed=0):
    rng = np.random.default_rng(seed)
    weights, bias, states = (rng.normal(size=shape) for shape in ((N_CLASSES, DIM), (N_CLASSES,), (n, DIM)))
    return states, weights, bias, rng.integers(0, N_CLASSES, n)


def oracle(states, weights, bias, targets):
    """Mean of -log softmax(W s + b)[target], and its derivatives by hand, in float64."""
    logits = states @ weights.T + bias
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    loss = -np.log(probabilities[np.arange(len(targets)), targets]).mean()
    d_logits = (probabilities - np.eye(N_CLASSES)[targets]) / len(targets)
    return loss, (d_logits @ weights, d_logits.T @ states, d_logits.sum(axis=0))


def loss_and_gradients(states, weights, bias, targets, dtype=tf.float32, scale=1.0):
    arguments = [tf.constant(states, dtype), tf.constant(weights, tf.float32), tf.constant(bias, tf.float32)]
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        loss = scale * softmax_cross_entropy(*arguments, tf.constant(targets, tf.int32))
    return loss.numpy(), [tf.cast(g, tf.float32).numpy() for g in tape.gradient(loss, arguments)]


@pytest.mark.parametrize("n", [1, 5, 1023, 1024, 1025, 2500])
def test_loss_and_gradients_follow_the_formula_across_blocks(n):
    loss, gradients = loss_and_gradients(*draw(n))
    expected_loss, expected_gradients = oracle(*draw(n))
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    for gradient, expected in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)


def test_gradients_equal_automatic_ones():
    states, weights, bias, targets = draw(50)
    arguments = [tf.constant(value, tf.float32) for value in (states, weights, bias)]
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        logits = tf.matmul(arguments[0], arguments[1], transpose_b=True) + arguments[2]
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits))
    for gradient, expected in zip(loss_and_gradients(*draw(50))[1], tape.gradient(loss, arguments), strict=True):
        np.testing.assert_allclose(gradient, expected, atol=1e-6)


def test_gradients_scale_with_what_becomes_of_the_loss():
    _, once = loss_and_gradients(*draw(5))
    _, thrice = loss_and_gradients(*draw(5), scale=3.0)
    for gradient, expected in zip(thrice, once, strict=True):
        np.testing.assert_allclose(gradient, 3 * expected, rtol=1e-5)


def test_no_states_have_no_loss_and_no_gradient():
    loss, gradients = loss_and_gradients(*draw(0))
    assert loss == 0
    assert [gradient.shape for gradient in gradients] == [(0, DIM), (N_CLASSES, DIM), (N_CLASSES,)]
    assert not any(gradient.any() for gradient in gradients)


def test_bfloat16_is_close_to_the_formula():
    loss, gradients = loss_and_gradients(*draw(1500), dtype=tf.bfloat16)
    expected_loss, expected_gradients = oracle(*draw(1500))
    assert loss == pytest.approx(expected_loss, rel=0.01)
    for gradient, expected in zip(gradients, expected_gradients, strict=True):
        assert np.linalg.norm(gradient - expected) < 0.02 * np.linalg.norm(expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_broken_state_is_not_hidden(bad):
    states, weights, bias, targets = draw(5)
    states[2, 1] = bad
    assert not np.isfinite(loss_and_gradients(states, weights, bias, targets)[0])


def test_a_graph_serves_any_number_of_states():
    spec = [tf.TensorSpec((None, DIM)), tf.TensorSpec((N_CLASSES, DIM)), tf.TensorSpec((N_CLASSES,))]
    graph = tf.function(softmax_cross_entropy, input_signature=[*spec, tf.TensorSpec((None,), tf.int32)])
    for n in (3, 1100):
        states, weights, bias, targets = draw(n)
        floats = [tf.constant(value, tf.float32) for value in (states, weights, bias)]
        loss = graph(*floats, tf.constant(targets, tf.int32))
        assert float(loss) == pytest.approx(oracle(states, weights, bias, targets)[0], rel=1e-5)


@pytest.fixture
def head():
    return make_head()


def make_head(n_negatives=0):
    embedding = keras.layers.Embedding(N_CLASSES, DIM)
    embedding.build()
    head = CategoricalHead(embedding, n_negatives, seed=0)
    head.build((None, DIM))
    _, weights, bias, _ = draw(0)
    embedding.set_weights([weights])
    head.bias.assign(bias)
    head.log_scale.assign([1.5])
    return head


def test_logits_are_scaled_cosines_and_a_bias_of_the_items(head):
    states, weights, bias, _ = draw(5)
    norms = np.linalg.norm(states, axis=1, keepdims=True) * np.linalg.norm(weights, axis=1)
    expected = (np.exp(1.5) * (states @ weights.T) / norms + bias)[:, N_RESERVED:]
    np.testing.assert_allclose(head.logits(tf.constant(states, tf.float32)), expected, atol=1e-5)


def test_logits_of_bfloat16_states_are_float32(head):
    assert head.logits(tf.zeros((2, DIM), tf.bfloat16)).dtype == tf.float32


def test_loss_is_that_of_the_softmax_over_the_items_alone(head):
    states = tf.constant(draw(5)[0], tf.float32)
    targets = np.array([2, 3, 8, 8, 5], dtype=np.int32)
    log_probabilities = tf.nn.log_softmax(head.logits(states)).numpy()
    expected = -log_probabilities[np.arange(5), targets - N_RESERVED].mean()
    assert float(head.loss(states, tf.constant(targets))) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("n_negatives", [0, 6])
def test_reserved_codes_get_no_probability_and_no_gradient(n_negatives):
    head = make_head(n_negatives)
    variables = [head.embedding.embeddings.value, head.bias.value]
    with tf.GradientTape() as tape:
        loss = head.loss(tf.constant(draw(5)[0], tf.float32), tf.constant([2, 3, 8, 8, 5]))
    for gradient in tape.gradient(loss, variables):
        dense = tf.convert_to_tensor(gradient).numpy()
        assert not dense[[PADDING, UNKNOWN]].any()
        assert dense[2:].any()


def test_negatives_are_new_at_every_call():
    head = make_head(n_negatives=3)
    arguments = tf.constant(draw(5)[0], tf.float32), tf.constant([2, 3, 8, 8, 5])
    assert len({float(head.loss(*arguments)) for _ in range(4)}) > 1
    assert float(make_head(n_negatives=3).loss(*arguments)) == float(make_head(n_negatives=3).loss(*arguments))
