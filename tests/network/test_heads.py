"""The softmax head: its logits, its loss, and what it leaves alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqrec.data.vocabulary import N_RESERVED, PADDING, UNKNOWN
from seqrec.network.heads import CategoricalHead

N_CLASSES, DIM = 9, 4


def draw(n, seed=0):
    rng = np.random.default_rng(seed)
    weights, bias, states = (rng.normal(size=shape) for shape in ((N_CLASSES, DIM), (N_CLASSES,), (n, DIM)))
    return states, weights, bias, rng.integers(0, N_CLASSES, n)


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
    assert float(head.loss(states, tf.constant(targets))) == pytest.approx(expected, rel=1e-5, abs=1e-5)


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


def test_the_likeliest_is_the_item_of_highest_logit(head):
    states, unknown = tf.constant(draw(200)[0], tf.float32), tf.constant(0.05)
    *_, likeliest = head.judge(states, tf.constant(draw(200)[3], tf.int32), unknown)
    assert likeliest.dtype == tf.int32
    np.testing.assert_array_equal(likeliest, N_RESERVED + head.logits(states).numpy().argmax(axis=1))


def test_the_likeliest_is_never_a_reserved_code(head):
    head.bias.assign(np.where(np.arange(N_CLASSES) < N_RESERVED, 1e3, -1e3))
    targets = tf.constant([PADDING, UNKNOWN, N_RESERVED, 5], tf.int32)
    *_, likeliest = head.judge(tf.constant(draw(4)[0], tf.float32), targets, tf.constant(0.05))
    assert (likeliest.numpy() >= N_RESERVED).all()


def test_of_items_as_likely_the_first_is_the_likeliest(head):
    head.embedding.set_weights([np.zeros((N_CLASSES, DIM))])  # so that every product is 0 on any processor
    head.bias.assign(np.zeros(N_CLASSES))
    *_, likeliest = head.judge(tf.ones((1, DIM)), tf.constant([4]), tf.constant(0.05))
    assert likeliest.numpy().tolist() == [N_RESERVED]
