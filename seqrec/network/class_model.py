"""The network of a classifier: the encoder of a detector, and a head that tells the class of each event."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from seqrec.network.batches import Batch
from seqrec.network.event_encoder import EventEncoder, dense, n_real, real_targets
from seqrec.network.layers import Dropout
from seqrec.network.tensorflow import one_graph

_HIDDEN_UNITS = 64


class ClassModel(EventEncoder):
    """Tell the class of an event from the event itself and all that came before it.

    It learns what event comes next beside the classes, since labels may be few.

    Parameters
    ----------
    network, category_sizes, n_numbers, seed
        Arguments of `EventEncoder`.
    n_classes : int
    """

    def __init__(
        self, network: dict[str, Any], category_sizes: Sequence[int], n_numbers: int, seed: int, n_classes: int
    ) -> None:
        super().__init__(network, category_sizes, n_numbers, seed)
        self._arguments = json.dumps([network, list(category_sizes), n_numbers, seed, n_classes])
        seeds = iter(np.random.SeedSequence([seed, 1]).generate_state(3).tolist())
        self.n_classes = n_classes
        self.hidden = dense(_HIDDEN_UNITS, next(seeds), activation="relu")
        self.dropout = Dropout(network["dropout"], seed=next(seeds), dtype="float32")
        self.classes = dense(n_classes, next(seeds))
        labels = [tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None, None), tf.float32)]
        self.signature = [*self.input_signature, *labels]
        self.classify = one_graph(self._classify, [self.memory_signature, *self.input_signature])
        self.built = True
        self._classify(self.start(1), *self.one_event())

    @property
    def guessing(self) -> float:
        """Loss of guessing at random, in nats an event."""
        return self.sequence.guessing + math.log(self.n_classes)

    def arrays_of(self, batch: Batch) -> tuple[np.ndarray, ...]:
        """Give the arrays that `loss_of` takes beside the memory."""
        return batch.inputs, batch.targets, *batch.input_values[:2], *batch.target_values[2:]

    def start_from_shares(self, shares: np.ndarray) -> None:
        """Let the classes start from their shares among the labels, (n_classes,), which training would find first."""
        self.classes.bias.assign(np.log(np.maximum(shares, 1e-6)))

    def loss_of(self, memory: list[Any], inputs: Any, targets: Any, *values: Any) -> tuple[Any, list[Any]]:
        """Mean ``-log p`` of the classes, weighted, and of the next events, in nats; and the memory after them.

        The last two of `values` are the class, (batch, time) int32, and the weight, (batch, time) float32, of the event
        before each target; a weight of 0 marks an event without a label.
        """
        in_categories, in_numbers, labels, weights = values
        states, memory = self.read(memory, inputs, in_categories, in_numbers, training=True)
        loss = self.sequence.head.loss(*real_targets(targets, states, targets))
        logits = self._logits(states, inputs, in_categories, in_numbers, training=True)
        surprisal = weights * tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        n_labelled = tf.math.count_nonzero(weights, dtype=tf.float32)
        return loss + tf.reduce_sum(surprisal) / tf.maximum(n_labelled, 1.0), memory

    def _logits(self, states: Any, inputs: Any, categories: Any, numbers: Any, training: bool = False) -> tf.Tensor:
        event = self.sequence.embedding(inputs) + sum(self.encode_fields(categories, numbers))
        x = self.hidden(tf.concat([tf.cast(states, tf.float32), event], axis=-1))
        return self.classes(self.dropout(x, training=training))  # (batch, time, n_classes)

    def _classify(
        self, memory: list[Any], inputs: Any, targets: Any, categories: Any, numbers: Any
    ) -> tuple[list[Any], tf.Tensor]:
        """Give the memory after the last input, and logits (n, n_classes) of the event before each real target."""
        states, memory = self.read(memory, inputs, categories, numbers)
        n = n_real(targets)
        states, inputs, categories, numbers = real_targets(
            targets, states, inputs, categories, numbers, whole_tiles=True
        )
        return memory, self._logits(states, inputs, categories, numbers)[:n]
