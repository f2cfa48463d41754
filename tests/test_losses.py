"""Sampled softmax against its formula, given the same negatives, and against the full softmax."""

import math

import numpy as np
import pytest
import tensorflow as tf

from seqrec.negatives import sampled_cross_entropy
from seqrec.vocabulary import N_RESERVED

DIM = 4


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
    others = tf.constant(bias, tf.float32), tf.constant(targets, tf.int32), n_negatives, tf.constant(seed)
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
    assert loss_of(*data, n_negatives, (1, 2)) == pytest.approx(oracle(*data, negatives), rel=1e-5, abs=1e-6)


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
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


def test_hit_by_negatives_alone_a_target_costs_nothing():
    states, weights, bias, _ = draw(4, n_items=1)
    assert loss_of(states, weights, bias, np.full(4, N_RESERVED), 5, (1, 2)) == pytest.approx(0, abs=1e-6)


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
