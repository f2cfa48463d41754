"""Heads turn the network's state into a distribution over the next event; they own the output weights."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from seqrec.data.vocabulary import N_RESERVED, UNKNOWN
from seqrec.network.batches import TILE
from seqrec.network.losses import sampled_cross_entropy, softmax_cross_entropy

_LOGITS_AT_ONCE = 2**20  # a block stays in the cache of a CPU
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

    def judge(self, states: tf.Tensor, targets: tf.Tensor, unknown: tf.Tensor | None = None) -> tuple[tf.Tensor, ...]:
        """``log p`` of what came next, and how that compares with all that could have.

        Parameters
        ----------
        states : (n, embedding_dim)
        targets : (n,) codes
        unknown : scalar, optional
            Probability of an unknown item, where all others have 1 together. Without it only `log_prob` is computed.

        Returns
        -------
        log_prob : (n,) float32, nats
            Without meaning for reserved codes.
        no_likelier : (n,) float32
            Probability of all items that are as likely as the target or less.
        likelier : (n,) float32
            How many items are likelier; those as likely count half.
        likeliest : (n,) int32
            Code of the item that is likeliest of all.
        """
        items, bias = _unit(self.embedding.embeddings.value), _without_reserved(self.bias.value)
        states = self._scaled(states)
        step = TILE * max(5, _LOGITS_AT_ONCE // bias.shape[0] // TILE)

        def block(start: tf.Tensor) -> tuple[tf.Tensor, ...]:
            rows = slice(start, start + step)
            logits = tf.matmul(states[rows], items, transpose_b=True) + bias
            log_total = tf.reduce_logsumexp(logits, axis=1)
            own = tf.gather(logits, targets[rows], batch_dims=1)
            if unknown is None:
                return (own - log_total,)
            own = tf.where(targets[rows] == UNKNOWN, tf.math.log(unknown) + log_total, own)[:, None]
            probabilities = tf.exp(logits - log_total[:, None])
            no_likelier = tf.reduce_sum(tf.where(logits <= own, probabilities, 0.0), axis=1)
            likelier = tf.reduce_sum(tf.cast(logits > own, tf.float32) + tf.cast(logits >= own, tf.float32), axis=1) / 2
            return own[:, 0] - log_total, no_likelier, likelier, tf.argmax(logits, axis=1, output_type=tf.int32)

        dtypes = [tf.float32] if unknown is None else [tf.float32, tf.float32, tf.float32, tf.int32]
        return _by_blocks(block, tf.shape(states)[0], step, dtypes)

    def logits(self, states: tf.Tensor) -> tf.Tensor:
        """Unnormalised log-probabilities of the items: states (n, embedding_dim) -> (n, n_items) float32."""
        items = _unit(self.embedding.embeddings.value[N_RESERVED:])
        return tf.matmul(self._scaled(states), items, transpose_b=True) + self.bias.value[N_RESERVED:]

    def _scaled(self, states: tf.Tensor) -> tf.Tensor:
        return _unit(tf.cast(states, tf.float32)) * tf.exp(self.log_scale.value)


def _by_blocks(block: Any, n: tf.Tensor, step: int, dtypes: list[tf.DType]) -> tuple[tf.Tensor, ...]:
    """Concatenate what `block` gives for the rows from 0, step, 2 step, ... on: all logits never exist at once."""
    n_blocks = (n + step - 1) // step
    arrays = [tf.TensorArray(dtype, n_blocks, infer_shape=False, element_shape=(None,)) for dtype in dtypes]

    def write(i: tf.Tensor, arrays: list[tf.TensorArray]) -> tuple[tf.Tensor, list[tf.TensorArray]]:
        return i + 1, [array.write(i, part) for array, part in zip(arrays, block(i * step), strict=True)]

    _, arrays = tf.while_loop(lambda i, _: i < n_blocks, write, (0, arrays), parallel_iterations=1)
    return tuple(array.concat() for array in arrays)


def _unit(vectors: tf.Tensor) -> tf.Tensor:
    return tf.math.l2_normalize(vectors, axis=-1)


def _without_reserved(bias: tf.Tensor) -> tf.Tensor:
    """Take reserved codes out of the softmax: nothing comes next that is padding or unknown."""
    closed = np.where(np.arange(bias.shape[0]) < N_RESERVED, -1e9, 0).astype(np.float32)
    return bias + closed
