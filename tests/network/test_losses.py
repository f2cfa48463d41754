"""Cross-entropies against their formulas, and their gradients against the formulas' derivatives."""

import math

import numpy as np
import pytest
import tensorflow as tf

from seqrec.data.vocabulary import N_RESERVED
from seqrec.network.losses import sampled_cross_entropy, softmax_cross_entropy

N_CLASSES, DIM = 9, 4


def draw_classes(n, seed=0):
    rng = np.random.default_rng(seed)
    weights, bias, states = (rng.normal(size=shape) for shape in ((N_CLASSES, DIM), (N_CLASSES,), (n, DIM)))
    return states, weights, bias, rng.integers(0, N_CLASSES, n)


def softmax_oracle(states, weights, bias, targets):
    """Mean of -log softmax(W s + b)[target], and its derivatives by hand, in float64."""
    logits = states @ weights.T + bias
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    loss = -np.log(probabilities[np.arange(len(targets)), targets]).mean()
    d_logits = (probabilities - np.eye(N_CLASSES)[targets]) / len(targets)
    return loss, (d_logits @ weights, d_logits.T @ states, d_logits.sum(axis=0))


def softmax_and_gradients(states, weights, bias, targets, dtype=tf.float32, scale=1.0):
    arguments = [tf.constant(states, dtype), tf.constant(weights, tf.float32), tf.constant(bias, tf.float32)]
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        loss = scale * softmax_cross_entropy(*arguments, tf.constant(targets, tf.int32))
    return loss.numpy(), [tf.cast(g, tf.float32).numpy() for g in tape.gradient(loss, arguments)]


@pytest.mark.parametrize("n", [1, 5, 1023, 1024, 1025, 2500])
def test_softmax_and_its_gradients_follow_the_formula_across_blocks(n):
    loss, gradients = softmax_and_gradients(*draw_classes(n))
    expected_loss, expected_gradients = softmax_oracle(*draw_classes(n))
    assert loss == pytest.approx(expected_loss, rel=1e-5, abs=1e-5)
    for gradient, expected in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5)


def test_softmax_gradients_equal_automatic_ones():
    states, weights, bias, targets = draw_classes(50)
    arguments = [tf.constant(value, tf.float32) for value in (states, weights, bias)]
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        logits = tf.matmul(arguments[0], arguments[1], transpose_b=True) + arguments[2]
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits))
    for gradient, expected in zip(
        softmax_and_gradients(*draw_classes(50))[1], tape.gradient(loss, arguments), strict=True
    ):
        np.testing.assert_allclose(gradient, expected, atol=1e-5)


def test_gradients_scale_with_what_becomes_of_the_loss():
    _, once = softmax_and_gradients(*draw_classes(5))
    _, thrice = softmax_and_gradients(*draw_classes(5), scale=3.0)
    for gradient, expected in zip(thrice, once, strict=True):
        np.testing.assert_allclose(gradient, 3 * expected, rtol=1e-5, atol=1e-5)


def test_no_states_have_no_loss_and_no_gradient():
    loss, gradients = softmax_and_gradients(*draw_classes(0))
    assert loss == 0
    assert [gradient.shape for gradient in gradients] == [(0, DIM), (N_CLASSES, DIM), (N_CLASSES,)]
    assert not any(gradient.any() for gradient in gradients)


def test_softmax_in_bfloat16_is_close_to_the_formula():
    loss, gradients = softmax_and_gradients(*draw_classes(1500), dtype=tf.bfloat16)
    expected_loss, expected_gradients = softmax_oracle(*draw_classes(1500))
    assert loss == pytest.approx(expected_loss, rel=0.01)
    for gradient, expected in zip(gradients, expected_gradients, strict=True):
        assert np.linalg.norm(gradient - expected) < 0.02 * np.linalg.norm(expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_broken_state_is_not_hidden(bad):
    states, weights, bias, targets = draw_classes(5)
    states[2, 1] = bad
    assert not np.isfinite(softmax_and_gradients(states, weights, bias, targets)[0])


def test_a_graph_serves_any_number_of_states():
    spec = [tf.TensorSpec((None, DIM)), tf.TensorSpec((N_CLASSES, DIM)), tf.TensorSpec((N_CLASSES,))]
    graph = tf.function(softmax_cross_entropy, input_signature=[*spec, tf.TensorSpec((None,), tf.int32)])
    for n in (3, 1100):
        states, weights, bias, targets = draw_classes(n)
        floats = [tf.constant(value, tf.float32) for value in (states, weights, bias)]
        loss = graph(*floats, tf.constant(targets, tf.int32))
        assert float(loss) == pytest.approx(softmax_oracle(states, weights, bias, targets)[0], rel=1e-5, abs=1e-5)


def draw(n, n_items, seed=0):
    rng = np.random.default_rng(seed)
    n_codes = N_RESERVED + n_items
    states, weights, bias = (rng.normal(size=shape) for shape in ((n, DIM), (n_codes, DIM), (n_codes,)))
    return states, weights, bias, rng.integers(N_RESERVED, n_codes, n)


def loss_of(states, weights, bias, targets, n_negatives, seed, dtype=tf.float32):
    return float(
        sampled(tf.constant(states, dtype), tf.constant(weights, tf.float32), bias, targets, n_negatives, seed)
    )


def sampled(states, weights, bias, targets, n_negatives, seed):
    others = tf.convert_to_tensor(bias, tf.float32), tf.constant(targets, tf.int32), n_negatives, tf.constant(seed)
    return sampled_cross_entropy(states, lambda codes: tf.gather(weights, codes), *others)


def negatives_of(n_negatives, seed, n_codes):
    return tf.random.stateless_uniform((n_negatives,), seed, N_RESERVED, n_codes, dtype=tf.int32).numpy()


def oracle(states, weights, bias, targets, negatives):
    """Jean et al. (2015), section 3, with the log of the expected count taken off: one target after another."""
    n_items = len(weights) - N_RESERVED
    losses = []
    for state, target in zip(states, targets, strict=True):
        logit = state @ weights[target] + bias[target]
        others = negatives[negatives != target]
        logits = weights[others] @ state + bias[others] - math.log(len(negatives) / n_items)
        losses.append(math.log(math.exp(logit) + np.exp(logits).sum()) - logit)
    return np.mean(losses)


def full_loss(states, weights, bias, targets):
    logits = (states @ weights.T + bias)[:, N_RESERVED:]
    chosen = logits[np.arange(len(targets)), targets - N_RESERVED]
    return (np.log(np.exp(logits).sum(axis=1)) - chosen).mean()


@pytest.mark.parametrize(("n_items", "n_negatives"), [(50, 7), (3, 10), (2, 1)])
def test_loss_follows_the_formula_given_the_negatives(n_items, n_negatives):
    data = draw(6, n_items)
    negatives = negatives_of(n_negatives, (1, 2), N_RESERVED + n_items)
    assert loss_of(*data, n_negatives, (1, 2)) == pytest.approx(oracle(*data, negatives), rel=1e-5, abs=1e-5)


def test_bfloat16_is_close_to_the_formula():
    data = draw(200, 50)
    negatives = negatives_of(20, (1, 2), 52)
    assert loss_of(*data, 20, (1, 2), tf.bfloat16) == pytest.approx(oracle(*data, negatives), rel=0.01)


def test_negatives_are_items_and_reach_each_of_them():
    negatives = negatives_of(2000, (3, 4), 12)
    assert sorted(set(negatives)) == list(range(N_RESERVED, 12))


def test_a_negative_that_is_the_target_is_left_out():
    states, weights, bias, _ = draw(4, n_items=2)
    assert set(negatives_of(5, (1, 2), 4)) == {2, 3}  # so that a target of either kind is hit
    losses = []
    for far in (0, 100):  # what the target's own negatives add would grow with its bias
        bias = bias + np.array([0, 0, far, far])
        losses.append([loss_of(states, weights, bias, np.full(4, target), 5, (1, 2)) for target in (2, 3)])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4, atol=1e-5)


def test_hit_by_negatives_alone_a_target_costs_nothing():
    states, weights, bias, _ = draw(4, n_items=1)
    assert loss_of(states, weights, bias, np.full(4, N_RESERVED), 5, (1, 2)) == pytest.approx(0, abs=1e-5)


def test_no_states_have_no_loss():
    assert loss_of(*draw(0, n_items=5), 3, (1, 2)) == 0


def test_many_negatives_approach_the_full_softmax():
    data = draw(50, n_items=30)
    assert loss_of(*data, 20_000, (1, 2)) == pytest.approx(full_loss(*data), rel=0.01)


def test_few_negatives_tell_the_full_normaliser_on_average():
    states, weights, bias, targets = draw(1, n_items=30)
    logit = states[0] @ weights[targets[0]] + bias[targets[0]]
    # exp(loss + logit) is the estimate of the sum over the catalogue; it is unbiased, and the loss, its log, is not.
    losses = [loss_of(states, weights, bias, targets, 10, (1, seed)) for seed in range(200)]
    expected = math.exp(full_loss(states, weights, bias, targets) + logit)
    assert np.exp(np.array(losses) + logit).mean() == pytest.approx(expected, rel=0.2)


def test_gradient_reaches_the_target_and_the_negatives_only():
    states, weights, bias, targets = draw(2, n_items=100)
    weights = tf.constant(weights, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(weights)
        loss = sampled(tf.constant(states, tf.float32), weights, bias, targets, 5, (1, 2))
    gradient = tape.gradient(loss, weights)
    assert isinstance(gradient, tf.IndexedSlices)  # a dense one would be as large as the catalogue
    assert set(gradient.indices.numpy()) == {*targets, *negatives_of(5, (1, 2), 102)}


@pytest.mark.parametrize("n", [5, 1500])
def test_sampled_gradients_equal_automatic_ones_across_blocks(n):
    states, weights, bias, targets = draw(n, n_items=20)
    arguments = [tf.constant(value, tf.float32) for value in (states, weights, bias)]
    negatives = negatives_of(7, (1, 2), N_RESERVED + 20)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(arguments)
        states, weights, bias = arguments
        loss = 3 * sampled(states, weights, bias, targets, 7, (1, 2))
        logits = tf.matmul(states, weights, transpose_b=True) + bias  # (n, n_codes)
        chosen = tf.gather(logits, targets, axis=1, batch_dims=1)[:, None]
        others = tf.gather(logits, negatives, axis=1) + math.log(20 / 7)
        others = tf.where(targets[:, None] == negatives, -1e9, others)
        expected = 3 * tf.reduce_mean(tf.reduce_logsumexp(tf.concat([chosen, others], 1), 1) - chosen[:, 0])
    assert float(loss) == pytest.approx(float(expected), rel=1e-5, abs=1e-5)
    for gradient, value in zip(tape.gradient(loss, arguments), tape.gradient(expected, arguments), strict=True):
        np.testing.assert_allclose(tf.convert_to_tensor(gradient), value, atol=1e-5)
