"""Recurrent layers: Keras' LSTM on its fastest kernels, and the peephole LSTM as its equations."""

from __future__ import annotations

from functools import partial
from typing import Any

from seqrec.data.vocabulary import PADDING
from seqrec.network.recurrence import lstm_sequence, read_sequence
from seqrec.network.tensorflow import keras, ops, tf


class LSTM(keras.layers.LSTM):
    """Keras' LSTM, with the same weights and the same numbers, faster where there is no GPU.

    On a GPU the layer is Keras' own, on cuDNN. Without one, its loop is `lstm_sequence`, whose gradient
    needs one product over all steps in place of one a step. An option that changes the formula takes Keras' loop.

    References
    ----------
    Hochreiter & Schmidhuber (1997); with the forget gate of Gers, Schmidhuber & Cummins (2000).
    """

    def inner_loop(self, sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        """Run the loop; Keras calls it with the states in a list."""
        if (training and mask is not None) or not _is_plain(self) or tf.config.list_physical_devices("GPU"):
            return super().inner_loop(sequences, initial_state, mask, training)
        cell = self.cell
        weights = (ops.convert_to_tensor(w) for w in (cell.kernel, cell.recurrent_kernel, cell.bias))
        read: Any = lstm_sequence if training else partial(read_sequence, mask=mask)
        outputs, h, c = read(sequences, *weights, *initial_state)
        return h, outputs, [h, c]


class PeepholeLSTMCell(keras.layers.Layer):
    """An LSTM cell whose gates also see the cell state.

    Parameters
    ----------
    units : int
        Width of the state.
    seed : int
        Seeds the initial weights.

    Notes
    -----
    With ``*`` the elementwise product and sigma the logistic function::

        i = sigma(W_i x + U_i h + p_i * c + b_i)        input gate
        f = sigma(W_f x + U_f h + p_f * c + b_f)        forget gate
        c' = f * c + i * tanh(W_c x + U_c h + b_c)      cell state
        o = sigma(W_o x + U_o h + p_o * c' + b_o)       output gate, which sees the new cell state
        h' = o * tanh(c')                               hidden state

    References
    ----------
    Gers & Schmidhuber (2000), "Recurrent nets that time and count", section 2.
    """

    def __init__(self, units: int, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.seed = seed
        self.state_size = [units, units]
        self.output_size = units

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights, with the shapes and the initial values of Keras' LSTM."""
        reference = keras.layers.LSTMCell(self.units, dtype="float32", **_initializers(self.seed))
        reference.build(input_shape)
        for name in ("kernel", "recurrent_kernel", "bias"):
            value = getattr(reference, name)
            setattr(self, name, self.add_weight(name=name, shape=value.shape, initializer=lambda *_, v=value, **__: v))
        self.peepholes = self.add_weight(name="peepholes", shape=(3, self.units), initializer="zeros")

    def call(self, inputs: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        """Take one step: inputs (batch, input_dim), states ``[h, c]`` of shape (batch, units) each."""
        h, c = states
        p_i, p_f, p_o = ops.unstack(self.peepholes)
        z = ops.matmul(inputs, self.kernel) + ops.matmul(h, self.recurrent_kernel) + self.bias
        z_i, z_f, z_c, z_o = ops.split(z, 4, axis=-1)
        i = ops.sigmoid(z_i + p_i * c)
        f = ops.sigmoid(z_f + p_f * c)
        c = f * c + i * ops.tanh(z_c)
        o = ops.sigmoid(z_o + p_o * c)
        h = o * ops.tanh(c)
        return h, [h, c]


class Dropout(keras.layers.Dropout):
    """Keras' dropout, with one random byte for each decision: drawing a float for each takes three times as long.

    The rate is rounded to a 256th.

    Parameters
    ----------
    rate : float
    one_mask : bool
        Whether the same is dropped at all steps of (batch, time, ...).

    References
    ----------
    Gal & Ghahramani (2016), "A theoretically grounded application of dropout in recurrent neural networks".
    """

    def __init__(self, rate: float, one_mask: bool = False, **kwargs: Any) -> None:
        super().__init__(rate, **kwargs)
        self.one_mask = one_mask

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Take a tensor of any shape and give as much."""
        if not training or self.rate == 0:
            return inputs
        dropped = min(round(256 * self.rate), 255)
        shape = tf.shape(inputs)
        shape = tf.concat([shape[:1], [1], shape[2:]], axis=0) if self.one_mask else shape
        n = tf.reduce_prod(shape)
        words = tf.random.stateless_uniform(((n + 3) // 4,), self.seed_generator.next(), None, None, tf.int32)
        random_bytes = tf.reshape(tf.reshape(tf.bitcast(words, tf.uint8), (-1,))[:n], shape)
        return inputs * tf.cast(random_bytes >= dropped, inputs.dtype) * tf.cast(256 / (256 - dropped), inputs.dtype)


class CodeDropout(keras.layers.Layer):
    """Replace codes at random in training, so that the replacement's embedding learns to stand for anything.

    Parameters
    ----------
    rate : float
        Share of the codes that is replaced; ``PADDING`` stays.
    replacement : int
    seed : int
    """

    def __init__(self, rate: float, replacement: int, seed: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate
        self.replacement = replacement
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, codes: Any, training: bool = False) -> Any:
        """Take codes of any shape and give as many."""
        if not training:
            return codes
        chosen = keras.random.uniform(ops.shape(codes), seed=self.seed_generator) < self.rate
        return ops.where(ops.logical_and(chosen, codes != PADDING), self.replacement, codes)


def dense(units: int, seed: int, **options: Any) -> keras.layers.Layer:
    """Make a dense layer in float32, with seeded weights."""
    kernel = keras.initializers.GlorotUniform(seed)
    return keras.layers.Dense(units, kernel_initializer=kernel, dtype="float32", **options)


def embedding(size: int, width: int, seed: int, **options: Any) -> keras.layers.Layer:
    """Make a table of vectors of length 1, about, in float32, with seeded weights."""
    normal = keras.initializers.RandomNormal(stddev=width**-0.5, seed=seed)
    return keras.layers.Embedding(size, width, normal, dtype="float32", **options)


_RETURNS = {"return_sequences": True, "return_state": True}


def recurrent_layer(cell: str, units: int, seed: int, dtype: str = "float32") -> keras.layers.Layer:
    """Make the layer of a cell's name.

    Parameters
    ----------
    cell : {"lstm", "peephole", "gru", "rnn"}
    units : int
    seed : int
        Seeds the initial weights.
    dtype : str
        Keras' policy.

    Returns
    -------
    layer : keras.layers.RNN
        (batch, time, input_dim) -> (batch, time, units), and each of the last states.
    """
    if cell == "peephole":
        return keras.layers.RNN(PeepholeLSTMCell(units, seed=seed, dtype=dtype), dtype=dtype, **_RETURNS)
    layers = {"lstm": LSTM, "gru": keras.layers.GRU, "rnn": keras.layers.SimpleRNN}
    return layers[cell](units, dtype=dtype, **_RETURNS, **_initializers(seed))


def _initializers(seed: int | None) -> dict[str, Any]:
    return {
        "seed": seed,  # of dropout, which is not used; without one Keras draws it from Python's global generator
        "kernel_initializer": keras.initializers.GlorotUniform(seed),
        "recurrent_initializer": keras.initializers.Orthogonal(seed=None if seed is None else seed + 1),
    }


def _is_plain(layer: LSTM) -> bool:
    """Whether the layer has no option that `lstm_sequence` does not know."""
    usual = layer.activation is keras.activations.tanh and layer.recurrent_activation is keras.activations.sigmoid
    return usual and layer.use_bias and not (layer.go_backwards or layer.dropout or layer.recurrent_dropout)
