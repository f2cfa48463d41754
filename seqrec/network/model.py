"""The network: events in, the state after each event out, and a head that tells what comes next from a state."""

from __future__ import annotations

import json
import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from seqrec.data.vocabulary import PADDING, UNKNOWN
from seqrec.network.batches import N_GAPS, UNKNOWN_GAP, Batch
from seqrec.network.heads import CategoricalHead
from seqrec.network.layers import CodeDropout, Dropout, recurrent_layer
from seqrec.network.tensorflow import one_graph

_N_RECENT = 10  # events that reach the state without the recurrence, by weights for their distance


class SequenceModel(keras.Model):
    """Embed, recur, project; the state lives in the space of the item embeddings.

    The embeddings of the latest events are added to the projected output of the recurrence. As the output weights are
    the embeddings, that sum starts out as item-to-item similarity, and the recurrence adds what the whole past tells.

    Parameters
    ----------
    n_codes : int
        Items and reserved codes.
    units : int
        Width of each recurrent layer.
    embedding_dim : int
    n_layers : int
    cell : {"lstm", "peephole", "gru", "rnn"}
    dropout : float
        Share of the outputs that is dropped in training; of the recurrence's inputs, half of it.
    n_negatives : int
        Negatives of the sampled softmax; 0 for the full one.
    with_time : bool
        Whether time gaps between events are used; the one until the next event scales and shifts the state.
    seed : int
        Seeds the initial weights and all that is random in training.
    dtype : {"float32", "mixed_bfloat16"}
        Keras' policy for matrix products; weights are float32.

    References
    ----------
    Beutel et al. (2018), "Latent cross: making use of context in recurrent recommender systems": scaling by context.
    """

    def __init__(
        self,
        n_codes: int,
        units: int,
        embedding_dim: int,
        n_layers: int,
        cell: str,
        dropout: float,
        n_negatives: int,
        with_time: bool,
        seed: int,
        dtype: str = "float32",
    ) -> None:
        super().__init__(dtype=dtype)
        sizes = {"n_codes": n_codes, "units": units, "embedding_dim": embedding_dim, "n_layers": n_layers}
        options = {"cell": cell, "dropout": dropout, "n_negatives": n_negatives, "with_time": with_time, "seed": seed}
        self._arguments = json.dumps(sizes | options)  # as text: Keras would wrap a dict in its own
        seeds = iter(np.random.SeedSequence(seed).generate_state(9 + 2 * n_layers).tolist())
        normal = keras.initializers.RandomNormal(stddev=embedding_dim**-0.5, seed=next(seeds))
        self.embedding = keras.layers.Embedding(n_codes, embedding_dim, normal, dtype="float32", name="items")
        self.code_dropout = CodeDropout(0.01, UNKNOWN, seed=next(seeds))
        self.input_dropout = Dropout(dropout / 2, seed=next(seeds), dtype=dtype)
        self.recurrence = [recurrent_layer(cell, units, next(seeds), dtype) for _ in range(n_layers)]
        self.output_dropout = [Dropout(dropout, seed=next(seeds), dtype=dtype) for _ in range(n_layers)]
        self.skip_dropout = Dropout(dropout, seed=next(seeds), dtype=dtype)
        # To the LSTM it is what sequential rules are to a Markov chain: where a log is too sparse to learn what to
        # remember, it still tells which of the latest items are like which candidates.
        self.recent = keras.layers.DepthwiseConv1D(
            _N_RECENT, use_bias=False, depthwise_initializer=_fading, name="recent", dtype=dtype
        )
        glorot = keras.initializers.GlorotUniform(next(seeds))
        self.projection = keras.layers.Dense(embedding_dim, use_bias=False, kernel_initializer=glorot, dtype=dtype)
        self.head = CategoricalHead(self.embedding, n_negatives, next(seeds), name="head")
        self.gap_embedding = None
        if with_time:
            self.gap_embedding = keras.layers.Embedding(N_GAPS, embedding_dim, "zeros", dtype="float32", name="gaps")
            # What comes after a long wait (shift), and which of an item's followers come after one (scale).
            self.next_gap_scale = keras.layers.Embedding(N_GAPS, embedding_dim, "zeros", dtype=dtype)
            self.next_gap_shift = keras.layers.Embedding(N_GAPS, embedding_dim, "zeros", dtype=dtype)
            # Both kinds can be missing from a question, so training goes without them now and then.
            self.gap_dropout = CodeDropout(0.1, UNKNOWN_GAP, seed=next(seeds))
            self.next_gap_dropout = CodeDropout(0.5, UNKNOWN_GAP, seed=next(seeds))
        matrix = tf.TensorSpec((None, None), tf.int32)
        signature = [tf.TensorSpec((None,), tf.int32), *[matrix] * (3 if with_time else 1)]
        self.states_at = one_graph(self._states_at, signature)
        self.head.build((None, embedding_dim))
        self.built = True  # the call makes the layers' weights, in one order
        one_event = np.zeros((1, 1), np.int32)
        self(one_event, one_event, one_event)

    @property
    def arguments(self) -> dict[str, Any]:
        """What the network was built with, but for the policy."""
        return json.loads(self._arguments)

    def call(self, inputs: Any, *gaps: Any, training: bool = False) -> Any:
        """Give the state after each event of sequences that begin with the first input, (batch, time, embedding_dim).

        `read` describes the parameters.
        """
        return self.read(self.start(ops.shape(inputs)[0]), inputs, *gaps, training=training)[0]

    def start(self, n_sequences: Any) -> list[Any]:
        """Memory before the first event, for `read`: the latest events, and the states of each recurrent layer."""
        memory = [ops.zeros((n_sequences, _N_RECENT - 1, self.embedding.output_dim))]
        for layer in self.recurrence:
            memory += layer.get_initial_state(n_sequences)
        return [ops.cast(part, self.compute_dtype) for part in memory]

    def read(
        self,
        memory: list[Any],
        inputs: Any,
        gaps: Any = None,
        next_gaps: Any = None,
        training: bool = False,
        context: Any = None,
    ) -> tuple[Any, list[Any]]:
        """Read on in sequences of which `memory` knows the beginning.

        Parameters
        ----------
        memory : list of tensors
            From `start`, or from reading the part before.
        inputs : (batch, time) int32
            Codes.
        gaps : (batch, time) int32, optional
            Bucket of the time since the event before, `UNKNOWN_GAP` where it is not known.
        next_gaps : (batch, time) int32, optional
            Bucket of the time until the next event, where the question is what comes next at a given time.
        training : bool
        context : (batch, time, embedding_dim), optional
            What else is known of the inputs; added to their embeddings.

        Returns
        -------
        states : (batch, time, embedding_dim)
            After each event.
        memory : list of tensors
            After the last one.
        """
        before, *layer_states = memory
        n_states = len(layer_states) // len(self.recurrence)
        embedded, x = self.embed(inputs, gaps, training, context)
        latest = ops.concatenate([before, self.skip_dropout(embedded, training=training)], axis=1)
        memory = [latest[:, 1 - _N_RECENT :]]
        for number, (layer, dropout) in enumerate(zip(self.recurrence, self.output_dropout, strict=True)):
            x, *last = layer(x, initial_state=layer_states[n_states * number :][:n_states])
            x = dropout(x, training=training)  # (batch, time, units)
            memory += last
        state = self.projection(x) + self.recent(latest)  # (batch, time, embedding_dim)
        if self.gap_embedding is not None and next_gaps is not None:
            next_gaps = self.next_gap_dropout(next_gaps, training=training)
            state = state * (1 + self.next_gap_scale(next_gaps)) + self.next_gap_shift(next_gaps)
        return state, [ops.cast(part, self.compute_dtype) for part in memory]

    def embed(self, inputs: Any, gaps: Any = None, training: bool = False, context: Any = None) -> tuple[Any, Any]:
        """Give the items' embeddings, and these with all else that the recurrence takes in.

        Both are (batch, time, embedding_dim); `read` describes the parameters.
        """
        embedded = self.embedding(self.code_dropout(inputs, training=training))
        x = embedded
        if self.gap_embedding is not None and gaps is not None:
            x = x + self.gap_embedding(self.gap_dropout(gaps, training=training))
        if context is not None:
            x = x + ops.cast(context, x.dtype)
        return embedded, self.input_dropout(x, training=training)

    @property
    def signature(self) -> list[tf.TensorSpec]:
        """Of the arrays that `loss_of` takes beside the memory."""
        return [tf.TensorSpec((None, None), tf.int32)] * (4 if self.gap_embedding is not None else 2)

    def arrays_of(self, batch: Batch) -> tuple[np.ndarray, ...]:
        """Give these arrays."""
        return batch.arrays(with_gaps=self.gap_embedding is not None)

    @property
    def guessing(self) -> float:
        """Loss of guessing at random, in nats an event."""
        return math.log(self.embedding.input_dim)

    def loss_of(self, memory: list[Any], inputs: Any, targets: Any, *gaps: Any) -> tuple[Any, list[Any]]:
        """Mean ``-log p`` of the targets that are not padding, in nats, with dropout on; and the memory after them."""
        states, memory = self.read(memory, inputs, *gaps, training=True)
        real = tf.where(tf.reshape(targets, (-1,)) != PADDING)[:, 0]
        states = tf.gather(tf.reshape(states, (-1, states.shape[-1])), real)  # (n_targets, embedding_dim)
        return self.head.loss(states, tf.gather(tf.reshape(targets, (-1,)), real)), memory

    def _states_at(self, positions: Any, inputs: Any, *gaps: Any) -> Any:
        """State at one position of each row: positions (batch,) -> (batch, embedding_dim)."""
        states = self(inputs, *gaps)
        return ops.take_along_axis(states, positions[:, None, None], axis=1)[:, 0]


def _fading(shape: tuple[int, ...], dtype: str | None = None) -> Any:
    """Weights (distance, dim, 1), the farthest event first: 1 for the last, 1/2 for the one before, then 1/3."""
    weights = 1 / np.arange(shape[0], 0, -1)
    return ops.cast(np.broadcast_to(weights[:, None, None], shape), dtype)
