"""Sampled softmax, for catalogues where the full one costs too much."""

from __future__ import annotations

import math
from collections.abc import Callable

import tensorflow as tf

from seqrec.vocabulary import N_RESERVED


def sampled_cross_entropy(
    states: tf.Tensor,
    weights_of: Callable[[tf.Tensor], tf.Tensor],
    bias: tf.Tensor,
    targets: tf.Tensor,
    n_negatives: int,
    seed: tf.Tensor,
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
    negative_weights = tf.cast(weights_of(negatives), states.dtype)
    logits = tf.cast(tf.matmul(states, negative_weights, transpose_b=True), tf.float32)
    logits += tf.gather(bias, negatives) + math.log((n_codes - N_RESERVED) / n_negatives)
    logits = tf.where(targets[:, None] == negatives, -1e9, logits)  # (n, n_negatives)
    target_logits = tf.reduce_sum(tf.cast(states, tf.float32) * weights_of(targets), axis=1)
    target_logits += tf.gather(bias, targets)
    everything = tf.concat([target_logits[:, None], logits], axis=1)
    losses = tf.reduce_logsumexp(everything, axis=1) - target_logits
    return tf.math.divide_no_nan(tf.reduce_sum(losses), tf.cast(tf.size(losses), tf.float32))
