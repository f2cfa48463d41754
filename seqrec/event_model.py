"""The network of a detector: what comes next, and with which fields, each given all that came before it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from seqrec import mixtures
from seqrec.batches import Batch
from seqrec.graphs import one_graph
from seqrec.model import SequenceModel
from seqrec.vocabulary import PADDING

_SEEN = 5.0  # standard deviations up to which the network sees a number: an outlier must not blind it to what follows
_HIDDEN_UNITS = 64


class EventModel(keras.Model):
    """Factor the probability of an event by the chain rule: its kind, then one field after another.

    ``log p(event, fields | past) = log p(event | past) + sum of log p(field | past, event, fields before)``

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
        self._arguments = json.dumps([network, list(category_sizes), n_numbers, seed, dtype])
        n_fields = len(category_sizes) + n_numbers
        seeds = iter(np.random.SeedSequence(seed).generate_state(1 + 3 * n_fields).tolist())
        self.sequence = SequenceModel(**network, with_time=False, seed=next(seeds), dtype=dtype)
        width = self.sequence.embedding.output_dim
        self.categories = [_embedding(size, width, next(seeds)) for size in category_sizes]
        self.numbers = [_dense(width, next(seeds)) for _ in range(n_numbers)]
        self.hidden = [_dense(_HIDDEN_UNITS, next(seeds), activation="relu") for _ in range(n_fields)]
        self.parameters_of = [_dense(size, next(seeds)) for size in category_sizes]
        self.parameters_of += [
            _dense(mixtures.N_PARAMETERS, next(seeds), bias_initializer=mixtures.initial_bias) for _ in self.numbers
        ]
        matrix = tf.TensorSpec((None, None), tf.int32)
        categories = tf.TensorSpec((None, None, len(category_sizes)), tf.int32)
        numbers = tf.TensorSpec((None, None, n_numbers, 2), tf.float32)
        self.signature = [matrix, matrix, categories, numbers, categories, numbers]
        memory = [tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in self.start(1)]
        self.score = one_graph(self._score, [memory, *self.signature])
        self.judge = one_graph(self._judge, [memory, *self.signature, tf.TensorSpec((), tf.float32)])
        self.built = True  # one pass makes the layers' weights, in one order
        event, *values = (np.ones([size or 1 for size in spec.shape], spec.dtype.name) for spec in self.signature[1:4])
        self._score(self.start(1), event, event, *values, *values)

    def __reduce__(self) -> tuple:
        """Pickle and copy the arguments and the weights; the graph is built anew."""
        return _rebuild, (self._arguments, self.get_weights())

    @property
    def guessing(self) -> float:
        """Loss of guessing at random, in nats an event; a number in units of its spread has about 2."""
        return self.sequence.guessing + sum(math.log(c.input_dim) for c in self.categories) + 2 * len(self.numbers)

    def start(self, n_sequences: Any) -> list[Any]:
        """Memory before the first event of sequences, for `read`."""
        return self.sequence.start(n_sequences)

    def arrays_of(self, batch: Batch) -> tuple[np.ndarray, ...]:
        """Give the arrays that `loss_of` takes beside the memory."""
        return batch.inputs, batch.targets, *batch.input_values, *batch.target_values

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
        context = None
        for encoded in self._encoded(categories, numbers):
            context = encoded if context is None else context + encoded
        return self.sequence.read(memory, inputs, training=training, context=context)

    def loss_of(
        self, memory: list[Any], inputs: Any, targets: Any, in_categories: Any, in_numbers: Any, *values: Any
    ) -> tuple[Any, list[Any]]:
        """Mean ``-log p`` of targets that are not padding, with their fields, in nats; and the memory after them."""
        states, memory = self.read(memory, inputs, in_categories, in_numbers, training=True)
        states, targets, *values = real_targets(targets, states, targets, *values)
        loss = self.sequence.head.loss(states, targets)
        for surprisal in self.field_surprisal(states, targets, *values):
            loss = loss + tf.reduce_mean(surprisal)
        return loss, memory

    def field_parameters(self, states: Any, events: Any, categories: Any, numbers: Any) -> Iterator[tf.Tensor]:
        """Give the parameters of each field's distribution, (n, n_parameters) float32, given the fields before it.

        Parameters
        ----------
        states : (n, embedding_dim)
        events : (n,) int32
        categories : (n, n_categories) int32
        numbers : (n, n_numbers, 2) float32
        """
        known = self.sequence.embedding(events)
        encoded = self._encoded(categories, numbers)
        for hidden, parameters_of in zip(self.hidden, self.parameters_of, strict=True):
            yield parameters_of(hidden(ops.concatenate([ops.cast(states, "float32"), known], axis=-1)))
            known = known + next(encoded)

    def field_surprisal(self, states: Any, events: Any, categories: Any, numbers: Any) -> list[tf.Tensor]:
        """``-log p`` of each field, (n,) float32 each, nats; 0 where it is missing. Parameters as above."""
        parameters = list(self.field_parameters(states, events, categories, numbers))
        n = len(self.categories)
        of_categories = [category_surprisal(p, categories[:, i]) for i, p in enumerate(parameters[:n])]
        return of_categories + [-mixtures.log_prob(p, numbers[:, i]) for i, p in enumerate(parameters[n:])]

    def _encoded(self, categories: Any, numbers: Any) -> Iterator[Any]:
        """Give each field as a vector of the width of the embeddings."""
        for column, layer in enumerate(self.categories):
            yield layer(categories[..., column])
        for column, layer in enumerate(self.numbers):
            sign, size = ops.cast(numbers[..., column, 0], "int32"), numbers[..., column, 1]
            size = ops.clip(size, -_SEEN, _SEEN)[..., None]
            yield layer(ops.concatenate([ops.one_hot(sign, 4), size, ops.abs(size)], axis=-1))

    def _score(
        self, memory: list[Any], inputs: Any, targets: Any, in_categories: Any, in_numbers: Any, *values: Any
    ) -> tuple[list[Any], tf.Tensor, tf.Tensor]:
        """Score the targets that are not padding, row by row.

        Returns
        -------
        memory : list of tensors
            After the last input.
        surprisal : (n, 1 + n_fields) float32, nats
            Of the event and of each field.
        parameters : (n, n_numbers, n_parameters) float32
            Of the distribution of each number.
        """
        states, memory = self.read(memory, inputs, in_categories, in_numbers)
        states, targets, *values = real_targets(targets, states, targets, *values)
        (log_prob,) = self.sequence.head.judge(states, targets)
        surprisal = [-log_prob, *self.field_surprisal(states, targets, *values)]
        parameters = list(self.field_parameters(states, targets, *values))[len(self.categories) :]
        stacked = tf.stack(parameters, axis=1) if parameters else tf.zeros((tf.shape(targets)[0], 0, 1))
        return memory, tf.stack(surprisal, axis=1), stacked

    def _judge(
        self, memory: list[Any], inputs: Any, targets: Any, in_categories: Any, in_numbers: Any, *values: Any
    ) -> tuple[list[Any], tf.Tensor, tf.Tensor]:
        """Compare the targets that are not padding with what was expected; the last of `values` is `unknown`.

        Returns
        -------
        memory : list of tensors
        no_likelier : (n, 1 + n_categories) float32
            Probability of all events, and of all values of a category, that are as likely as this one or less.
        likelier : (n,) float32
            How many events are likelier; those as likely count half.
        """
        *values, unknown = values
        states, memory = self.read(memory, inputs, in_categories, in_numbers)
        states, targets, *values = real_targets(targets, states, targets, *values)
        _, no_likelier, likelier = self.sequence.head.judge(states, targets, unknown)
        of_fields = list(self.field_parameters(states, targets, *values))[: len(self.categories)]
        masses = [_no_likelier(logits, values[0][:, column]) for column, logits in enumerate(of_fields)]
        return memory, tf.stack([no_likelier, *masses], axis=1), likelier


def _no_likelier(logits: tf.Tensor, codes: tf.Tensor) -> tf.Tensor:
    own = tf.gather(logits, codes, batch_dims=1)[:, None]
    mass = tf.reduce_sum(tf.where(logits <= own, tf.nn.softmax(logits), 0.0), axis=1)
    return tf.where(codes == PADDING, 1.0, mass)  # a field that is missing is never odd


def _rebuild(arguments: str, weights: list[np.ndarray]) -> EventModel:
    model = EventModel(*json.loads(arguments))
    model.set_weights(weights)
    return model


def category_surprisal(logits: tf.Tensor, codes: tf.Tensor) -> tf.Tensor:
    """``-log p`` of a categorical field, (n,), from logits (n, n_codes); 0 where it is missing.

    The code of unknown values takes part: training leaves it a small probability, which an unseen value then has.
    """
    surprisal = tf.nn.sparse_softmax_cross_entropy_with_logits(codes, logits)
    return tf.where(codes == PADDING, 0.0, surprisal)


def real_targets(targets: Any, *arrays: Any) -> list[tf.Tensor]:
    """Give the rows of the targets that are not padding, of arrays (batch, time, ...)."""
    real = tf.where(tf.reshape(targets, (-1,)) != PADDING)[:, 0]
    return [tf.gather(tf.reshape(array, (-1, *array.shape[2:])), real) for array in arrays]


def _dense(units: int, seed: int, **options: Any) -> keras.layers.Layer:
    kernel = keras.initializers.GlorotUniform(seed)
    return keras.layers.Dense(units, kernel_initializer=kernel, dtype="float32", **options)


def _embedding(size: int, width: int, seed: int) -> keras.layers.Layer:
    normal = keras.initializers.RandomNormal(stddev=width**-0.5, seed=seed)
    return keras.layers.Embedding(size, width, normal, dtype="float32")
