"""The encoder: events with their fields in, the state after each event out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from seqrec.data.vocabulary import PADDING, UNKNOWN
from seqrec.network.architectures import N_BUMPS, N_RECENT, Architecture
from seqrec.network.layers import CodeDropout, Dropout, dense, embedding, recurrent_layer
from seqrec.network.tensorflow import keras, ops, tf

_SEEN = 5.0  # standard deviations up to which the network sees a number: an outlier must not blind it to what follows
_CENTERS = np.linspace(-3, 3, N_BUMPS, dtype=np.float32)  # of bumps that it sees a number by, half a deviation apart


class Encoder(keras.layers.Layer):
    """Embed, recur, project; the state lives in the space of the item embeddings.

    The embeddings of the latest events are added to the projected output of the recurrence. As the output weights are
    the embeddings, that sum starts out as item-to-item similarity, and the recurrence adds what the whole past tells.

    Time is one field, the gap since the event before, which is read in two ways: as what is known of an event, like any
    other field, and as the question "what comes at time t", by `ask`.

    Parameters
    ----------
    architecture : Architecture
    dtype : {"float32", "mixed_bfloat16"}
        Keras' policy for matrix products; weights are float32.

    References
    ----------
    Beutel et al. (2018), "Latent cross: making use of context in recurrent recommender systems": scaling by context.
    """

    def __init__(self, architecture: Architecture, dtype: str = "float32") -> None:
        super().__init__(dtype=dtype)
        width, dropout, n_layers = architecture.embedding_dim, architecture.dropout, architecture.n_layers
        n_seeds = 6 + 2 * n_layers + architecture.n_fields
        seeds = iter(np.random.SeedSequence(architecture.seed).generate_state(n_seeds).tolist())
        self.items = embedding(architecture.n_codes, width, next(seeds), name="items")
        self.code_dropout = CodeDropout(0.01, UNKNOWN, seed=next(seeds))
        drops: Any = {"one_mask": architecture.one_mask, "dtype": dtype}
        self.input_dropout = Dropout(dropout / 2, seed=next(seeds), **drops)
        layers = [(architecture.cell, architecture.units, next(seeds), dtype) for _ in range(n_layers)]
        self.recurrence = [recurrent_layer(*layer) for layer in layers]
        self.output_dropout = [Dropout(dropout, seed=next(seeds), **drops) for _ in range(n_layers)]
        self.skip_dropout = Dropout(dropout, seed=next(seeds), **drops)
        # To the LSTM it is what sequential rules are to a Markov chain: where a log is too sparse to learn what to
        # remember, it still tells which of the latest items are like which candidates.
        self.recent = keras.layers.DepthwiseConv1D(
            N_RECENT, use_bias=False, depthwise_initializer=_fading, name="recent", dtype=dtype
        )
        glorot = keras.initializers.GlorotUniform(next(seeds))
        self.projection = keras.layers.Dense(width, use_bias=False, kernel_initializer=glorot, dtype=dtype)
        self.field_dropout = CodeDropout(architecture.fields_dropped, PADDING, seed=next(seeds))
        self.categories = [embedding(size, width, next(seeds)) for size in architecture.category_sizes]
        self.numbers = [dense(width, next(seeds)) for _ in range(architecture.n_numbers)]
        self.n_signs, self.asked = architecture.n_signs, architecture.asked
        if self.asked:
            # What comes after a long wait (shift), and which of an item's followers come after one (scale).
            self.asked_scale, self.asked_shift = (_reading_of_gap(architecture, dtype) for _ in range(2))

    def start(self, n_sequences: Any) -> list[Any]:
        """Memory before anything was read: the latest events, and the states of each recurrent layer."""
        memory = [ops.zeros((n_sequences, N_RECENT - 1, self.items.output_dim))]
        for layer in self.recurrence:
            memory += layer.get_initial_state(n_sequences)
        return [ops.cast(part, self.compute_dtype) for part in memory]

    def read(
        self, memory: Any, codes: Any, categories: Any, numbers: Any, *, lengths: Any = None, training: bool = False
    ) -> tuple[Any, list[Any]]:
        """Read on in sequences of which `memory` knows the beginning.

        Parameters
        ----------
        memory : list of tensors
            From `start`, or from reading the part before.
        codes : (batch, time) int32
        categories : (batch, time, n_categories) int32
            Codes, 0 where a field is not given.
        numbers : (batch, time, n_numbers, 2) float32
            Sign and size, as `fields.Number` encodes them.
        lengths : (batch,) int32, optional
            Events of each row, if what is remembered after a row's own last event is wanted.
        training : bool

        Returns
        -------
        states : (batch, time, embedding_dim)
            After each event; of no meaning from `lengths` on.
        memory : list of tensors
            After the last event, or that of `lengths`.
        """
        before, *layer_states = memory
        n_states = len(layer_states) // len(self.recurrence)
        embedded, x = self.embed(codes, categories, numbers, training)
        latest = ops.concatenate([ops.cast(before, embedded.dtype), self.skip_dropout(embedded, training=training)], 1)
        mask = None if lengths is None else ops.arange(ops.shape(codes)[1]) < lengths[:, None]
        memory = [latest[:, 1 - N_RECENT :] if lengths is None else _last_of(latest, lengths)]
        for number, (layer, dropout) in enumerate(zip(self.recurrence, self.output_dropout, strict=True)):
            states = [ops.cast(part, self.compute_dtype) for part in layer_states[n_states * number :][:n_states]]
            x, *last = layer(x, initial_state=states, mask=mask, training=training)
            x = dropout(x, training=training)  # (batch, time, units)
            memory += last
        state = self.projection(x) + self.recent(latest)  # (batch, time, embedding_dim)
        return state, [ops.cast(part, self.compute_dtype) for part in memory]

    def embed(self, codes: Any, categories: Any, numbers: Any, training: bool = False) -> tuple[Any, Any]:
        """Give the items' embeddings, and these with the fields, as the recurrence takes them in.

        Both are (batch, time, embedding_dim); `read` describes the parameters.
        """
        embedded = self.items(self.code_dropout(codes, training=training))
        if training and self.field_dropout.rate and (self.categories or self.numbers):
            categories, numbers = self._without_some(categories, numbers)
        x = sum(self.encode_fields(categories, numbers), start=embedded)
        return embedded, self.input_dropout(x, training=training)

    def encode_fields(self, categories: Any, numbers: Any) -> Iterator[Any]:
        """Give each field as a vector of the width of the embeddings."""
        for column, layer in enumerate(self.categories):
            yield layer(categories[..., column])
        for column in range(len(self.numbers)):
            yield self.encode_number(column, numbers[..., column, :])

    def encode_number(self, column: int, number: Any) -> Any:
        """Give a number, (..., 2) sign and size, as such a vector."""
        return self.numbers[column](self._features(number))

    def ask(self, states: Any, categories: Any = None, numbers: Any = None) -> Any:
        """Give the states (..., embedding_dim) that tell what comes when the next event's gap is known.

        Parameters are those of the next event, as in `read`; where the gap is not given, nothing is asked.
        """
        if self.asked == "number" and numbers is not None:
            gap = numbers[..., 0, :]
            known = ops.cast(gap[..., :1] > 0, self.compute_dtype)
            features = self._features(gap)
            return states * (1 + known * self.asked_scale(features)) + known * self.asked_shift(features)
        if self.asked == "category":
            gap = ops.zeros(ops.shape(states)[:-1], "int32") if categories is None else categories[..., 0]
            return states * (1 + self.asked_scale(gap)) + self.asked_shift(gap)
        return states

    def _without_some(self, categories: Any, numbers: Any) -> tuple[Any, Any]:
        """Let some values of the fields be not given."""
        n_categories = len(self.categories)
        signs = ops.cast(numbers[..., 0], "int32")
        kept = self.field_dropout(ops.ones_like(ops.concatenate([categories, signs], axis=-1)), training=True)
        of_numbers = ops.cast(kept[..., n_categories:, None], numbers.dtype)
        return categories * kept[..., :n_categories], numbers * of_numbers

    def _features(self, number: Any) -> Any:
        """Give what the network sees a number by: (..., 2) sign and size -> (..., number_width)."""
        sign, size = ops.cast(number[..., 0], "int32"), number[..., 1]
        size = ops.clip(size, -_SEEN, _SEEN)[..., None]
        bumps = ops.exp(-2 * (size - _CENTERS) ** 2)  # (..., n_bumps)
        # Absence has no sign here if training had none: nothing would be known of its weights.
        return ops.concatenate([ops.one_hot(sign, 1 + self.n_signs), size, bumps], axis=-1)


def _reading_of_gap(architecture: Architecture, dtype: str) -> keras.layers.Layer:
    width = architecture.embedding_dim
    if architecture.asked == "category":
        return keras.layers.Embedding(architecture.category_sizes[0], width, "zeros", dtype=dtype)
    return keras.layers.Dense(width, use_bias=False, kernel_initializer="zeros", dtype=dtype)


def _last_of(latest: Any, lengths: Any) -> Any:
    """Give the events before position `lengths` of each row: (batch, N_RECENT - 1 + time, dim) -> (batch, ., dim)."""
    return tf.gather(latest, lengths[:, None] + tf.range(N_RECENT - 1), batch_dims=1)


def _fading(shape: tuple[int, ...], dtype: str | None = None) -> Any:
    """Weights (distance, dim, 1), the farthest event first: 1 for the last, 1/2 for the one before, then 1/3."""
    weights = 1 / np.arange(shape[0], 0, -1)
    return ops.cast(np.broadcast_to(weights[:, None, None], shape), dtype)
