"""Heads turn the network's state into a distribution over the next event; they own the output weights and the loss."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from seqrec.negatives import sampled_cross_entropy
from seqrec.vocabulary import N_RESERVED

_ROWS_AT_ONCE = 1024  # rows of logits that are in memory together: they stay in the cache of a CPU

_LOG_SCALE = 1.2  # small, so that training starts out from popularity


class CategoricalHead(keras.layers.Layer):
    """The next item, as a softmax over the cosines of the state with the embedding of each item.

    A learned scale and a bias for each item complete the logits. Without the norms, frequent items grow long
    embeddings, which hide what rare items are like.

    Parameters
    ----------
    embedding : keras.layers.Embedding
        (n_codes, embedding_dim); its rows are the output weights too.
    n_negatives : int
        Items that the loss compares each target with; 0 compares with the whole catalogue.
    seed : int
        Seeds the negatives.

    References
    ----------
    Press & Wolf (2017), "Using the output embedding to improve language models": tied weights.
    Gupta et al. (2019), "NISER: normalized item and session representations": cosines.
    """

    def __init__(self, embedding: keras.layers.Embedding, n_negatives: int, seed: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.embedding = embedding
        self.n_negatives = n_negatives
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, _: tuple[int | None, ...]) -> None:
        """Make the bias, one for each code, and the scale, as its logarithm."""
        self.bias = self.add_weight(name="bias", shape=(self.embedding.input_dim,), initializer="zeros")
        self.log_scale = self.add_weight(
            name="log_scale", shape=(1,), initializer=keras.initializers.Constant(_LOG_SCALE)
        )
        self.built = True

    def start_from_popularity(self, item_counts: NDArray[np.integer]) -> None:
        """Set the bias to the logarithm of the items' counts, (n_items,), which training would have to find first."""
        popularity = np.log(item_counts + 1.0)
        self.bias.assign(np.concatenate([np.zeros(N_RESERVED), popularity - popularity.mean()]))

    def loss(self, states: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        """Mean of ``-log p(target | state)``, in nats: states (n, embedding_dim), targets (n,) codes."""
        weights, bias = self.embedding.embeddings.value, self.bias.value
        states = tf.cast(self._scaled(states), states.dtype)
        if self.n_negatives:
            seed = self.seed_generator.next()
            return sampled_cross_entropy(
                states, lambda codes: _unit(tf.gather(weights, codes)), bias, targets, self.n_negatives, seed
            )
        return softmax_cross_entropy(states, _unit(weights), _without_reserved(bias), targets)

    def logits(self, states: tf.Tensor) -> tf.Tensor:
        """Unnormalised log-probabilities of the items: states (n, embedding_dim) -> (n, n_items) float32."""
        items = _unit(self.embedding.embeddings.value[N_RESERVED:])
        return tf.matmul(self._scaled(states), items, transpose_b=True) + self.bias.value[N_RESERVED:]

    def _scaled(self, states: tf.Tensor) -> tf.Tensor:
        return _unit(tf.cast(states, tf.float32)) * tf.exp(self.log_scale.value)


@tf.custom_gradient
def softmax_cross_entropy(states, weights, bias, targets):
    """Mean cross-entropy of a full softmax, without ever holding all of its logits.

    The gradient is taken along with the loss, a block of rows at a time, so that a block of logits is computed once
    and can be forgotten.

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
    dtype = states.dtype
    n, n_rows = tf.shape(states)[0], tf.constant(_ROWS_AT_ONCE)
    classes = tf.cast(weights, dtype)

    def block(i, loss, d_states, d_weights, d_bias):
        rows = slice(i * n_rows, (i + 1) * n_rows)
        state, target = states[rows], targets[rows]
        index = tf.stack([tf.range(tf.shape(target)[0]), target], axis=1)
        probabilities = tf.nn.softmax(tf.cast(tf.matmul(state, classes, transpose_b=True), tf.float32) + bias)
        likelihood = tf.gather_nd(probabilities, index)
        probabilities = tf.cast(probabilities, dtype)
        ones = tf.ones((1, tf.shape(target)[0]), dtype)
        return (
            i + 1,
            loss - tf.reduce_sum(tf.math.log(tf.maximum(likelihood, 1e-37))),
            d_states.write(i, tf.matmul(probabilities, classes)),
            d_weights + tf.cast(tf.matmul(probabilities, state, transpose_a=True), tf.float32),
            d_bias + tf.cast(tf.matmul(ones, probabilities)[0], tf.float32),
        )

    n_blocks = tf.maximum(1, (n + n_rows - 1) // n_rows)  # no rows at all are one empty block
    parts = tf.TensorArray(dtype, n_blocks, infer_shape=False, element_shape=(None, states.shape[1]))
    loop = (0, 0.0, parts, tf.zeros_like(weights), tf.zeros_like(bias))
    _, loss, d_states, d_weights, d_bias = tf.while_loop(lambda i, *_: i < n_blocks, block, loop, parallel_iterations=1)
    scale = 1 / tf.cast(tf.maximum(n, 1), tf.float32)
    # The targets' share of the gradient: it is sparse, so it is no part of the blocks.
    d_states = d_states.concat() - tf.gather(classes, targets)
    d_weights = tf.tensor_scatter_nd_sub(d_weights, targets[:, None], tf.cast(states, tf.float32))
    d_bias = tf.tensor_scatter_nd_sub(d_bias, targets[:, None], tf.ones_like(states[:, 0], tf.float32))

    def gradient(d_loss):
        factor = d_loss * scale
        return d_states * tf.cast(factor, dtype), d_weights * factor, d_bias * factor, None

    return loss * scale, gradient


def _unit(vectors: tf.Tensor) -> tf.Tensor:
    return tf.math.l2_normalize(vectors, axis=-1)


def _without_reserved(bias: tf.Tensor) -> tf.Tensor:
    """Take reserved codes out of the softmax: nothing comes next that is padding or unknown."""
    closed = np.where(np.arange(bias.shape[0]) < N_RESERVED, -1e9, 0).astype(np.float32)
    return bias + closed
