"""Heads turn the network's state into a distribution over the next event; they own the output weights."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from seqrec.losses import sampled_cross_entropy, softmax_cross_entropy
from seqrec.vocabulary import N_RESERVED

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


def _unit(vectors: tf.Tensor) -> tf.Tensor:
    return tf.math.l2_normalize(vectors, axis=-1)


def _without_reserved(bias: tf.Tensor) -> tf.Tensor:
    """Take reserved codes out of the softmax: nothing comes next that is padding or unknown."""
    closed = np.where(np.arange(bias.shape[0]) < N_RESERVED, -1e9, 0).astype(np.float32)
    return bias + closed
