"""The encoder that detector and classifier share: events with their fields in, the state after each event out."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from seqrec.data.vocabulary import PADDING
from seqrec.network.batches import TILE
from seqrec.network.model import SequenceModel

_SEEN = 5.0  # standard deviations up to which the network sees a number: an outlier must not blind it to what follows
_CENTERS = np.linspace(-3, 3, 13, dtype=np.float32)  # of the bumps that it sees a number by, half a deviation apart


class EventEncoder(keras.Model):
    """Embed events and their fields, and read them in order.

    Parameters
    ----------
    network : dict
        Arguments of `SequenceModel`, but for `with_time`, `seed` and `dtype`.
    category_sizes : sequence of int
        Codes of each categorical field, reserved ones included.
    n_numbers : int
        Numeric fields.
    seed : int
    dtype : {"float32", "mixed_bfloat16"}
    """

    def __init__(
        self, network: dict[str, Any], category_sizes: Sequence[int], n_numbers: int, seed: int, dtype: str = "float32"
    ) -> None:
        super().__init__(dtype=dtype)
        seeds = iter(np.random.SeedSequence(seed).generate_state(1 + len(category_sizes) + n_numbers).tolist())
        self.sequence = SequenceModel(**network, with_time=False, seed=next(seeds), dtype=dtype)
        width = self.sequence.embedding.output_dim
        self.categories = [_embedding(size, width, next(seeds)) for size in category_sizes]
        self.numbers = [dense(width, next(seeds)) for _ in range(n_numbers)]
        matrix = tf.TensorSpec((None, None), tf.int32)
        categories = tf.TensorSpec((None, None, len(category_sizes)), tf.int32)
        numbers = tf.TensorSpec((None, None, n_numbers, 2), tf.float32)
        self.memory_signature = [tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in self.start(1)]
        self.input_signature = [matrix, matrix, categories, numbers]  # inputs, targets, fields of the inputs

    def __reduce__(self) -> tuple:
        """Pickle and copy the arguments, which a subclass keeps as JSON, and the weights; graphs are built anew."""
        return _rebuild, (type(self), self._arguments, self.get_weights())

    @property
    def arguments(self) -> dict[str, Any]:
        """What the network was built with."""
        names = list(inspect.signature(type(self).__init__).parameters)[1:]  # without self
        return dict(zip(names, json.loads(self._arguments), strict=True))

    def one_event(self) -> list[np.ndarray]:
        """Give arrays of `input_signature` that hold one event: a pass over it makes the layers' weights."""
        return [np.ones([size or 1 for size in spec.shape], spec.dtype.name) for spec in self.input_signature]

    def start(self, n_sequences: Any) -> list[Any]:
        """Memory before the first event of sequences, for `read`."""
        return self.sequence.start(n_sequences)

    def read(self, memory: list[Any], inputs: Any, categories: Any, numbers: Any, training: bool = False) -> Any:
        """Read on in sequences of which `memory` knows the beginning.

        Parameters
        ----------
        memory : list of tensors
        inputs : (batch, time) int32
        categories : (batch, time, n_categories) int32
        numbers : (batch, time, n_numbers, 2) float32
            Sign and size, as `fields.Number` encodes them.
        training : bool

        Returns
        -------
        states : (batch, time, embedding_dim)
            After each event.
        memory : list of tensors
            After the last one.
        """
        return self.sequence.read(memory, inputs, training=training, context=self.context(categories, numbers))

    def context(self, categories: Any, numbers: Any) -> Any:
        """Give what the fields add to the embeddings, (batch, time, embedding_dim); None without fields."""
        fields = list(self.encode_fields(categories, numbers))
        return sum(fields) if fields else None

    def encode_fields(self, categories: Any, numbers: Any) -> Iterator[Any]:
        """Give each field as a vector of the width of the embeddings."""
        for column, layer in enumerate(self.categories):
            yield layer(categories[..., column])
        for column, layer in enumerate(self.numbers):
            sign, size = ops.cast(numbers[..., column, 0], "int32"), numbers[..., column, 1]
            size = ops.clip(size, -_SEEN, _SEEN)[..., None]
            bumps = ops.exp(-2 * (size - _CENTERS) ** 2)  # (..., n_centers)
            yield layer(ops.concatenate([ops.one_hot(sign, 4), size, bumps], axis=-1))


def _rebuild(kind: type[EventEncoder], arguments: str, weights: list[np.ndarray]) -> EventEncoder:
    model = kind(*json.loads(arguments))
    model.set_weights(weights)
    return model


def real_targets(targets: Any, *arrays: Any, whole_tiles: bool = False) -> list[tf.Tensor]:
    """Give the rows of the targets that are not padding, of arrays (batch, time, ...).

    With `whole_tiles`, further rows fill up the last tile (`batches.TILE`); `n_real` of the targets counts the others.
    """
    real = tf.where(tf.reshape(targets, (-1,)) != PADDING)[:, 0]
    if whole_tiles:
        real = tf.pad(real, [[0, -tf.size(real) % TILE]])
    return [tf.gather(tf.reshape(array, (-1, *array.shape[2:])), real) for array in arrays]


def n_real(targets: Any) -> tf.Tensor:
    """Count the targets that are not padding."""
    return tf.math.count_nonzero(targets, dtype=tf.int32)


def dense(units: int, seed: int, **options: Any) -> keras.layers.Layer:
    """Make a dense layer in float32, with seeded weights."""
    kernel = keras.initializers.GlorotUniform(seed)
    return keras.layers.Dense(units, kernel_initializer=kernel, dtype="float32", **options)


def _embedding(size: int, width: int, seed: int) -> keras.layers.Layer:
    normal = keras.initializers.RandomNormal(stddev=width**-0.5, seed=seed)
    return keras.layers.Embedding(size, width, normal, dtype="float32")
