"""The LSTM over a batch of sequences, with its gradient written out: a fast path for TensorFlow without cuDNN.

Automatic differentiation of the loop adds a (units, 4 units) gradient to an accumulator at every step. Written out, the
backward loop only carries the two state gradients; the weights' gradient is one product over all steps at the end.
"""

from __future__ import annotations

import tensorflow as tf


def lstm_sequence(
    inputs: tf.Tensor,
    kernel: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    bias: tf.Tensor,
    h: tf.Tensor,
    c: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Run an LSTM over every step of a batch.

    Matrix products are taken in the dtype of `inputs`; the cell state and the gates are kept in float32.

    Parameters
    ----------
    inputs : (batch, time, input_dim) tensor, float32 or bfloat16
    kernel : (input_dim, 4 units) tensor
        Gates in Keras' order: input, forget, cell candidate, output.
    recurrent_kernel : (units, 4 units) tensor
    bias : (4 units,) tensor
    h, c : (batch, units) tensors
        Hidden and cell state before the first step.

    Returns
    -------
    outputs : (batch, time, units) tensor
        Hidden state after each step.
    h, c : (batch, units) tensors
        States after the last step.

    References
    ----------
    Hochreiter & Schmidhuber (1997); with the forget gate of Gers, Schmidhuber & Cummins (2000).
    """
    dtype = inputs.dtype
    batch, time, input_dim = tf.unstack(tf.shape(inputs))
    steps = tf.reshape(tf.transpose(inputs, (1, 0, 2)), (-1, input_dim))
    projected = tf.matmul(steps, tf.cast(kernel, dtype)) + tf.cast(bias, dtype)
    projected = tf.reshape(projected, (time, batch, kernel.shape[1]))
    outputs, last_c = _recurrence(
        projected, tf.cast(recurrent_kernel, dtype), tf.cast(h, dtype), tf.cast(c, tf.float32)
    )
    return tf.transpose(outputs, (1, 0, 2)), outputs[-1], last_c


@tf.custom_gradient
def _recurrence(projected, recurrent_kernel, first_h, first_c):
    """Loop over time-major inputs (time, batch, 4 units) that the kernel has already projected."""
    time, units, dtype = tf.shape(projected)[0], recurrent_kernel.shape[0], projected.dtype

    def step(t, h, c, hidden, cells, gates):
        z = tf.cast(inputs.read(t), tf.float32) + tf.cast(tf.matmul(h, recurrent_kernel), tf.float32)
        i, f, g, o = tf.split(z, 4, axis=1)
        i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
        c = f * c + i * g
        h = tf.cast(o * tf.tanh(c), dtype)
        gate = tf.cast(tf.concat([i, f, g, o], axis=1), dtype)
        return t + 1, h, c, hidden.write(t, h), cells.write(t + 1, c), gates.write(t, gate)

    inputs = _by_step(projected)
    cells = tf.TensorArray(tf.float32, time + 1, clear_after_read=False).write(0, first_c)
    loop = (0, first_h, first_c, tf.TensorArray(dtype, time), cells, tf.TensorArray(dtype, time))
    _, _, last_c, hidden, cells, gates = tf.while_loop(lambda t, *_: t < time, step, loop)
    hidden, cells, gates = hidden.stack(), cells.stack(), gates.stack()

    def gradient(d_hidden, d_last_c):
        transposed = tf.transpose(recurrent_kernel)
        d_outputs, cell, gate = _by_step(d_hidden), _by_step(cells, keep=True), _by_step(gates)

        def back(t, dh, dc, d_projected):
            i, f, g, o = tf.split(tf.cast(gate.read(t), tf.float32), 4, axis=1)
            tanh_c = tf.tanh(cell.read(t + 1))
            dh = tf.cast(d_outputs.read(t), tf.float32) + tf.cast(dh, tf.float32)
            dc = dc + dh * o * (1 - tanh_c * tanh_c)
            d_gates = [dc * g * i * (1 - i), dc * cell.read(t) * f * (1 - f), dc * i * (1 - g * g)]
            dz = tf.cast(tf.concat([*d_gates, dh * tanh_c * o * (1 - o)], axis=1), dtype)
            return t - 1, tf.matmul(dz, transposed), dc * f, d_projected.write(t, dz)

        loop = (time - 1, tf.zeros_like(first_h), d_last_c, tf.TensorArray(dtype, time))
        _, dh, dc, d_projected = tf.while_loop(lambda t, *_: t >= 0, back, loop)
        d_projected = d_projected.stack()
        before = tf.reshape(tf.concat([first_h[None], hidden[:-1]], axis=0), (-1, units))
        d_kernel = tf.matmul(before, tf.reshape(d_projected, (-1, 4 * units)), transpose_a=True)
        return d_projected, d_kernel, dh, dc

    return (hidden, last_c), gradient


def _by_step(tensor, keep=False):
    return tf.TensorArray(tensor.dtype, tf.shape(tensor)[0], clear_after_read=not keep).unstack(tensor)
