"""Layers of several networks of one kind, side by side: one loop over time, and one product, for all of them.

Of n networks, weights are (n, ...).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqrec.network.layers import recurrent_layer
from seqrec.network.recurrence import lstm_over_time, read_over_time
from seqrec.network.tensorflow import keras, ops, tf

_WEIGHTS = ("kernel", "recurrent_kernel", "bias", "peepholes")


class DenseLayers(keras.layers.Layer):
    """Dense layers side by side: (n or 1, batch, ..., input_dim) -> (n, batch, ..., units).

    Parameters
    ----------
    units : int
    seeds : list of int
        Seed the initial weights of each.
    """

    def __init__(self, units: int, seeds: list[int]) -> None:
        super().__init__()
        self.units, self.seeds = units, seeds

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights."""
        shape, n = (int(input_shape[-1] or 0), self.units), len(self.seeds)
        kernels = [keras.initializers.GlorotUniform(seed)(shape) for seed in self.seeds]
        self.kernel = _weight(self, "kernel", np.stack(kernels))
        self.bias = self.add_weight(name="bias", shape=(n, self.units), initializer="zeros")

    def call(self, inputs: Any) -> Any:
        """Take and give tensors as the class says."""
        return _products(inputs, self.kernel, self.bias)


class RecurrentLayers(keras.layers.Layer):
    """Recurrent layers side by side: (time, n, batch, input_dim) -> (time, n, batch, units), all states.

    Each gives the numbers of the layer that `recurrent_layer` makes.

    Parameters
    ----------
    cell : {"lstm", "peephole", "gru", "rnn"}
    units : int
    seeds : list of int
        Seed the initial weights of each.
    """

    def __init__(self, cell: str, units: int, seeds: list[int]) -> None:
        super().__init__()
        self.cell, self.units, self.seeds = cell, units, seeds

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights, with the initial values of Keras' layers."""
        each = []
        for seed in self.seeds:
            layer = recurrent_layer(self.cell, self.units, seed)
            layer.build((None, None, input_shape[-1]))
            each.append(layer.get_weights())
        for name, values in zip(_WEIGHTS, zip(*each, strict=True), strict=False):
            setattr(self, name, _weight(self, name, np.stack(values)))

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Take and give tensors as the class says."""
        time, n, batch = ops.shape(inputs)[:3]
        kernel, recurrent_kernel, bias = (tf.convert_to_tensor(getattr(self, name)) for name in _WEIGHTS[:3])
        start = tf.zeros((n, batch, self.units))
        if self.cell == "lstm":
            read = lstm_over_time if training else read_over_time
            return read(inputs, kernel, recurrent_kernel, bias, start, start)[0]
        by_step = tf.TensorArray(tf.float32, time).unstack(inputs)
        of_inputs = bias[:, 0] if self.cell == "gru" else bias
        take_step = getattr(self, f"_{self.cell}")

        def step(t: Any, h: Any, c: Any, hidden: Any) -> Any:
            h, c = take_step(tf.matmul(by_step.read(t), kernel) + of_inputs[:, None], h, c)
            return t + 1, h, c, hidden.write(t, h)

        loop = (0, start, start, tf.TensorArray(tf.float32, time, element_shape=(n, None, self.units)))
        *_, hidden = tf.while_loop(lambda t, *_: t < time, step, loop)
        return hidden.stack()

    def _peephole(self, z: Any, h: Any, c: Any) -> tuple[Any, Any]:
        p_i, p_f, p_o = (self.peepholes[:, gate, None] for gate in range(3))
        i, f, g, o = tf.split(z + tf.matmul(h, self.recurrent_kernel), 4, axis=-1)
        c = tf.sigmoid(f + p_f * c) * c + tf.sigmoid(i + p_i * c) * tf.tanh(g)
        return tf.sigmoid(o + p_o * c) * tf.tanh(c), c

    def _gru(self, x: Any, h: Any, c: Any) -> tuple[Any, Any]:
        x_z, x_r, x_h = tf.split(x, 3, axis=-1)
        z, r, g = tf.split(tf.matmul(h, self.recurrent_kernel) + self.bias[:, 1][:, None], 3, axis=-1)
        z, r = tf.sigmoid(x_z + z), tf.sigmoid(x_r + r)
        return z * h + (1 - z) * tf.tanh(x_h + r * g), c

    def _rnn(self, z: Any, h: Any, c: Any) -> tuple[Any, Any]:
        return tf.tanh(z + tf.matmul(h, self.recurrent_kernel)), c


def _weight(layer: Any, name: str, value: Any) -> Any:
    return layer.add_weight(name=name, shape=value.shape, initializer=lambda *_, **__: ops.convert_to_tensor(value))


def _products(inputs: Any, kernel: Any, bias: Any) -> Any:
    """Give one matrix product of each network, over all other axes at once."""
    shape = ops.shape(inputs)
    flat = ops.reshape(inputs, (shape[0], -1, shape[-1]))
    product = ops.matmul(flat, kernel) + bias[:, None]
    return ops.reshape(product, (kernel.shape[0], *shape[1:-1], kernel.shape[-1]))
