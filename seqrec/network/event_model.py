"""The network of a detector: what comes next, and with which fields, each given all that came before it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops

from seqrec.data.vocabulary import N_RESERVED, PADDING
from seqrec.network import mixtures
from seqrec.network.batches import Batch
from seqrec.network.event_encoder import EventEncoder, dense, n_real, real_targets
from seqrec.network.tensorflow import one_graph

_HIDDEN_UNITS = 64


class EventModel(EventEncoder):
    """Factor the probability of an event by the chain rule: its kind, then one field after another.

    ``log p(event, fields | past) = log p(event | past) + sum of log p(field | past, event, fields before)``

    Parameters are those of `EventEncoder`.
    """

    def __init__(
        self, network: dict[str, Any], category_sizes: Sequence[int], n_numbers: int, seed: int, dtype: str = "float32"
    ) -> None:
        super().__init__(network, category_sizes, n_numbers, seed, dtype)
        self._arguments = json.dumps([network, list(category_sizes), n_numbers, seed, dtype])
        n_fields = len(category_sizes) + n_numbers
        seeds = iter(np.random.SeedSequence([seed, 1]).generate_state(2 * n_fields).tolist())
        self.hidden = [dense(_HIDDEN_UNITS, next(seeds), activation="relu") for _ in range(n_fields)]
        self.parameters_of = [dense(size, next(seeds)) for size in category_sizes]
        self.parameters_of += [
            dense(mixtures.N_PARAMETERS, next(seeds), bias_initializer="zeros") for _ in self.numbers
        ]
        self.signature = [*self.input_signature, *self.input_signature[2:]]
        self.score = one_graph(self._score, [self.memory_signature, *self.signature])
        self.judge = one_graph(self._judge, [self.memory_signature, *self.signature, tf.TensorSpec((), tf.float32)])
        self.built = True
        event = self.one_event()
        self._score(self.start(1), *event, *event[2:])

    def start_from_shares(self, events: np.ndarray, categories: np.ndarray, numbers: np.ndarray) -> None:
        """Let training start from how often each event, each category and each sign of a number occurs.

        Arguments are those of the training data: (n,), (n, n_categories) and (n, n_numbers, 2).
        """
        head = self.sequence.head
        head.start_from_popularity(np.bincount(events, minlength=head.bias.shape[0])[N_RESERVED:])
        n_categories = categories.shape[1]
        for column, layer in enumerate(self.parameters_of[:n_categories]):
            layer.bias.assign(_log_shares(categories[:, column], layer.units))
        for column, layer in enumerate(self.parameters_of[n_categories:]):
            signs = _log_shares(numbers[:, column, 0].astype(np.int32), 1 + mixtures.N_SIGNS)[1:]
            layer.bias.assign(mixtures.initial_bias(signs))

    @property
    def guessing(self) -> float:
        """Loss of guessing at random, in nats an event; a number in units of its spread has about 2."""
        return self.sequence.guessing + sum(math.log(c.input_dim) for c in self.categories) + 2 * len(self.numbers)

    def arrays_of(self, batch: Batch) -> tuple[np.ndarray, ...]:
        """Give the arrays that `loss_of` takes beside the memory."""
        return batch.inputs, batch.targets, *batch.input_values, *batch.target_values

    def loss_of(
        self, memory: list[Any], inputs: Any, targets: Any, in_categories: Any, in_numbers: Any, *values: Any
    ) -> tuple[Any, list[Any]]:
        """Mean ``-log p`` of targets that are not padding, with their fields, in nats; and the memory after them."""
        states, memory = self.read(memory, inputs, in_categories, in_numbers, training=True)
        states, targets, *values = real_targets(targets, states, targets, *values)
        loss = self.sequence.head.loss(states, targets)
        parameters = list(self.field_parameters(states, targets, *values))
        for surprisal in self._field_surprisal(parameters, *values):
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
        encoded = self.encode_fields(categories, numbers)
        for hidden, parameters_of in zip(self.hidden, self.parameters_of, strict=True):
            yield parameters_of(hidden(ops.concatenate([ops.cast(states, "float32"), known], axis=-1)))
            known = known + next(encoded)

    def _field_surprisal(self, parameters: list[tf.Tensor], categories: Any, numbers: Any) -> list[tf.Tensor]:
        """``-log p`` of each field by the parameters of its distribution, (n,) each, nats; 0 where it is missing."""
        n = len(self.categories)
        of_categories = [category_surprisal(p, categories[:, i]) for i, p in enumerate(parameters[:n])]
        return of_categories + [-mixtures.log_prob(p, numbers[:, i]) for i, p in enumerate(parameters[n:])]

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
        n = n_real(targets)
        states, memory = self.read(memory, inputs, in_categories, in_numbers)
        states, targets, *values = real_targets(targets, states, targets, *values, whole_tiles=True)
        (log_prob,) = self.sequence.head.judge(states, targets)
        parameters = list(self.field_parameters(states, targets, *values))
        return memory, *self._scores(log_prob, parameters, *values, n)

    def _scores(
        self, log_prob: tf.Tensor, parameters: list[tf.Tensor], categories: Any, numbers: Any, n: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        surprisal = tf.stack([-log_prob, *self._field_surprisal(parameters, categories, numbers)], axis=1)
        of_numbers = parameters[len(self.categories) :]
        stacked = tf.stack(of_numbers, axis=1) if of_numbers else tf.zeros((tf.shape(log_prob)[0], 0, 1))
        return surprisal[:n], stacked[:n]

    def _judge(
        self, memory: list[Any], inputs: Any, targets: Any, in_categories: Any, in_numbers: Any, *values: Any
    ) -> tuple[list[Any], tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """Score the targets that are not padding, and compare them with what was expected.

        The last of `values` is `unknown`, as the head's `judge` takes it.

        Returns
        -------
        memory, surprisal, parameters
            As `_score` gives them.
        no_likelier : (n, 1 + n_categories) float32
            Probability of all events, and of all values of a category, that are as likely as this one or less.
        likelier : (n,) float32
            How many events are likelier; those as likely count half.
        likeliest : (n,) int32
            The likeliest event.
        """
        *values, unknown = values
        n = n_real(targets)
        states, memory = self.read(memory, inputs, in_categories, in_numbers)
        states, targets, *values = real_targets(targets, states, targets, *values, whole_tiles=True)
        log_prob, no_likelier, likelier, likeliest = self.sequence.head.judge(states, targets, unknown)
        parameters = list(self.field_parameters(states, targets, *values))
        masses = [
            _no_likelier(logits, values[0][:, column])
            for column, logits in enumerate(parameters[: len(self.categories)])
        ]
        scores = self._scores(log_prob, parameters, *values, n)
        return memory, *scores, tf.stack([no_likelier, *masses], axis=1)[:n], likelier[:n], likeliest[:n]


def _log_shares(codes: np.ndarray, n_codes: int) -> np.ndarray:
    """Logarithm of each code's share, (n_codes,); what is missing comes first and is never expected."""
    counts = np.bincount(codes, minlength=n_codes)[1:] + 0.5
    return np.concatenate([[-30.0], np.log(counts / counts.sum())]).astype(np.float32)


def _no_likelier(logits: tf.Tensor, codes: tf.Tensor) -> tf.Tensor:
    own = tf.gather(logits, codes, batch_dims=1)[:, None]
    # Not `softmax`: its last digit depends on the number of rows.
    mass = tf.reduce_sum(tf.where(logits <= own, tf.exp(tf.nn.log_softmax(logits)), 0.0), axis=1)
    return tf.where(codes == PADDING, 1.0, mass)  # a field that is missing is never odd


def category_surprisal(logits: tf.Tensor, codes: tf.Tensor) -> tf.Tensor:
    """``-log p`` of a categorical field, (n,), from logits (n, n_codes); 0 where it is missing.

    The code of unknown values takes part: training leaves it a small probability, which an unseen value then has.
    """
    surprisal = tf.nn.sparse_softmax_cross_entropy_with_logits(codes, logits)
    return tf.where(codes == PADDING, 0.0, surprisal)
