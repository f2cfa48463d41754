"""Cross-entropy over a catalogue, whole or sampled, without ever holding all of its logits.

The gradient is taken along with the loss, a block of rows at a time, so that a block of logits is computed once and can
be forgotten.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from seqrec.data.vocabulary import N_RESERVED
from seqrec.network.tensorflow import tf

_LOGITS_AT_ONCE = 2**22  # a block of this size stays in the cache of a CPU


@tf.custom_gradient
def softmax_cross_entropy(states: tf.Tensor, weights: tf.Tensor, bias: tf.Tensor, targets: tf.Tensor) -> Any:
    """Mean cross-entropy of a full softmax.

    Parameters
    ----------
    states : (n, dim) tensor, float32 or bfloat16
        Matrix products are taken in this dtype, the softmax in float32.
    weights : (n_classes, dim) float32 tensor
    bias : (n_classes,) float32 tensor
    targets : (n,) int32 tensor

    Returns
    -------
    loss : scalar float32 tensor, nats
    """

    def judge(logits: tf.Tensor, rows: tf.Tensor) -> Any:
        probabilities, target = tf.nn.softmax(logits), targets[rows]
        return probabilities, tf.gather_nd(probabilities, tf.stack([tf.range(tf.shape(target)[0]), target], axis=1))

    likelihood, d_states, d_weights, d_bias = _by_blocks(states, weights, bias, judge)
    # The targets' share of the gradient: it is sparse, so it is no part of the blocks.
    d_states -= tf.gather(tf.cast(weights, states.dtype), targets)
    d_weights = tf.tensor_scatter_nd_sub(d_weights, targets[:, None], tf.cast(states, tf.float32))
    d_bias = tf.tensor_scatter_nd_sub(d_bias, targets[:, None], tf.ones_like(likelihood))
    return _mean_and_gradient(likelihood, (d_states, d_weights, d_bias, None))


def sampled_cross_entropy(
    states: tf.Tensor, weights_of: Callable, bias: tf.Tensor, targets: tf.Tensor, n_negatives: int, seed: tf.Tensor
) -> tf.Tensor:
    """Mean cross-entropy of each target against negatives that the batch shares.

    Negatives are drawn uniformly among the items; a negative that is the target is left out, and the others' logits are
    raised by ``-log(n_negatives / n_items)``, the expected number of times that each is drawn.

    Parameters
    ----------
    states : (n, dim) tensor, float32 or bfloat16
        The product with the negatives is taken in this dtype.
    weights_of : callable
        Gives the output weights, (m, dim) float32, of m codes.
    bias : (n_codes,) float32 tensor
    targets : (n,) int32 tensor, codes
    n_negatives : int
    seed : (2,) tensor

    Returns
    -------
    loss : scalar float32 tensor, nats

    References
    ----------
    Jean et al. (2015), "On using very large target vocabulary for neural machine translation", section 3.
    """
    n_codes = bias.shape[0]
    negatives = tf.random.stateless_uniform((n_negatives,), seed, N_RESERVED, n_codes, dtype=tf.int32)
    negative_bias = tf.gather(bias, negatives) + math.log((n_codes - N_RESERVED) / n_negatives)
    target_logits = tf.reduce_sum(tf.cast(states, tf.float32) * weights_of(targets), axis=1) + tf.gather(bias, targets)
    return _contrast(states, weights_of(negatives), negative_bias, target_logits, targets, negatives)


@tf.custom_gradient
def _contrast(states: Any, weights: Any, bias: Any, target_logits: Any, targets: Any, negatives: Any) -> Any:
    """Mean cross-entropy of `target_logits`, (n,), against negatives with `weights`, (m, dim), and `bias`, (m,)."""

    def judge(logits: tf.Tensor, rows: tf.Tensor) -> Any:
        logits = tf.where(targets[rows, None] == negatives, -1e9, logits)
        probabilities = tf.nn.softmax(tf.concat([target_logits[rows, None], logits], axis=1))
        return probabilities[:, 1:], probabilities[:, 0]

    likelihood, d_states, d_weights, d_bias = _by_blocks(states, weights, bias, judge)
    return _mean_and_gradient(likelihood, (d_states, d_weights, d_bias, likelihood - 1, None, None))


def _by_blocks(states: tf.Tensor, weights: tf.Tensor, bias: tf.Tensor, judge: Callable) -> Any:
    """Sum what ``sum(log Z)`` owes to each logit into its gradients, a block of rows at a time.

    ``judge(logits, rows)`` gives the probabilities, (rows, m), behind the logits ``states @ weights.T + bias``, and
    those of the targets, (rows,).

    Returns
    -------
    likelihood : (n,) float32 tensor
        Probabilities of the targets.
    d_states : (n, dim) tensor, dtype of the states
    d_weights : (m, dim) float32 tensor
    d_bias : (m,) float32 tensor
    """
    dtype = states.dtype
    n, n_rows = tf.shape(states)[0], min(max(_LOGITS_AT_ONCE // weights.shape[0], 128), 1024)
    classes = tf.cast(weights, dtype)

    def block(i: tf.Tensor, likelihood: tf.Tensor, d_states: tf.Tensor, d_weights: tf.Tensor, d_bias: tf.Tensor) -> Any:
        rows = slice(i * n_rows, (i + 1) * n_rows)
        state = states[rows]
        logits = tf.cast(tf.matmul(state, classes, transpose_b=True), tf.float32) + bias
        probabilities, of_targets = judge(logits, rows)
        probabilities = tf.cast(probabilities, dtype)
        ones = tf.ones((1, tf.shape(state)[0]), dtype)
        return (
            i + 1,
            likelihood.write(i, of_targets),
            d_states.write(i, tf.matmul(probabilities, classes)),
            d_weights + tf.cast(tf.matmul(probabilities, state, transpose_a=True), tf.float32),
            d_bias + tf.cast(tf.matmul(ones, probabilities)[0], tf.float32),
        )

    n_blocks = tf.maximum(1, (n + n_rows - 1) // n_rows)  # no rows at all are one empty block
    parts = [
        tf.TensorArray(part, n_blocks, infer_shape=False, element_shape=shape)
        for part, shape in ((tf.float32, (None,)), (dtype, (None, states.shape[1])))
    ]
    loop = (0, *parts, tf.zeros_like(weights), tf.zeros_like(bias))
    _, likelihood, d_states, *others = tf.while_loop(lambda i, *_: i < n_blocks, block, loop, parallel_iterations=1)
    return likelihood.concat(), d_states.concat(), *others


def _mean_and_gradient(likelihood: tf.Tensor, of_sum: tuple) -> tuple[tf.Tensor, Callable]:
    """Give the mean loss, and the function of its gradient, from the gradients of the sum; codes have none."""
    scale = 1 / tf.cast(tf.maximum(tf.size(likelihood), 1), tf.float32)
    loss = -tf.reduce_sum(tf.math.log(tf.maximum(likelihood, 1e-37)))

    def gradient(d_loss: tf.Tensor) -> Any:
        return [g if g is None else g * tf.cast(d_loss * scale, g.dtype) for g in of_sum]

    return loss * scale, gradient
