"""Layers of several networks of one kind, side by side: one loop over time, and one product, for all of them.

Tensors are (n, batch, ..., width), of n networks; weights are (n, ...).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from seqrec.network.layers import recurrent_layer
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
    """Recurrent layers side by side: (n, batch, time, input_dim) -> (n, batch, time, units), all states.

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

    def call(self, inputs: Any) -> Any:
        """Take and give tensors as the class says."""
        n, batch, time = ops.shape(inputs)[:3]
        bias = self.bias[:, 0] if self.cell == "gru" else self.bias
        projected = tf.transpose(_products(inputs, self.kernel, bias), (2, 0, 1, 3))
        by_step = tf.TensorArray(tf.float32, time, element_shape=(n, None, projected.shape[-1])).unstack(projected)
        take_step = getattr(self, f"_{self.cell}")
        start = tf.zeros((n, batch, self.units))

        def step(t: Any, h: Any, c: Any, hidden: Any) -> Any:
            h, c = take_step(by_step.read(t), h, c)
            return t + 1, h, c, hidden.write(t, h)

        loop = (0, start, start, tf.TensorArray(tf.float32, time, element_shape=(n, None, self.units)))
        *_, hidden = tf.while_loop(lambda t, *_: t < time, step, loop)
        return tf.transpose(hidden.stack(), (1, 2, 0, 3))

    def _lstm(self, z: Any, h: Any, c: Any) -> tuple[Any, Any]:
        i, f, g, o = tf.split(z + tf.matmul(h, self.recurrent_kernel), 4, axis=-1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        return tf.sigmoid(o) * tf.tanh(c), c

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
