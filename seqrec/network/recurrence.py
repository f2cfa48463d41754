"""The LSTM over a batch of sequences, with its gradient written out: a fast path for TensorFlow without cuDNN.

Automatic differentiation of the loop adds a (units, 4 units) gradient to an accumulator at every step. Written out, the
backward loop only carries the two state gradients; the weights' gradient is one product over all steps at the end.
What the backward loop needs stays in the `TensorArray`s that the forward loop wrote, so nothing is copied in between.

The loops take one network, (time, batch, width), or n of them side by side, (time, n, batch, width), each with its own
inputs and weights, ([n,] ...).
"""

from __future__ import annotations

from typing import Any

from seqrec.network.tensorflow import tf


def lstm_sequence(
    inputs: tf.Tensor, kernel: tf.Tensor, recurrent_kernel: tf.Tensor, bias: tf.Tensor, h: tf.Tensor, c: tf.Tensor
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
    outputs, h, c = lstm_over_time(tf.transpose(inputs, (1, 0, 2)), kernel, recurrent_kernel, bias, h, c)
    return tf.transpose(outputs, (1, 0, 2)), h, c


def lstm_over_time(inputs: Any, kernel: Any, recurrent_kernel: Any, bias: Any, h: Any, c: Any) -> tuple[Any, Any, Any]:
    """Do what `lstm_sequence` does with time as the first axis, for one network or several side by side."""
    outputs, last_c = _recurrence(inputs, *_in_dtype(inputs.dtype, kernel, recurrent_kernel, bias, h, c))
    return outputs, outputs[-1], last_c


def read_sequence(inputs: Any, kernel: Any, recurrent_kernel: Any, bias: Any, h: Any, c: Any, mask: Any = None) -> Any:
    """Do what `lstm_sequence` does, keeping nothing for a gradient.

    With a mask, (batch, time) bool, a row's states stay as they are at the steps that it leaves out.
    """
    mask = None if mask is None else tf.transpose(mask)
    outputs, h, c = read_over_time(tf.transpose(inputs, (1, 0, 2)), kernel, recurrent_kernel, bias, h, c, mask)
    return tf.transpose(outputs, (1, 0, 2)), h, c


def read_over_time(inputs: Any, kernel: Any, recurrent_kernel: Any, bias: Any, h: Any, c: Any, mask: Any = None) -> Any:
    """Do what `read_sequence` does with time as the first axis, for one network or several side by side."""
    weights, bias, h, c = _in_dtype(inputs.dtype, kernel, recurrent_kernel, bias, h, c)
    time, each_input = tf.shape(inputs)[0], _by_step(inputs)

    def step(t: tf.Tensor, h: tf.Tensor, c: tf.Tensor, hidden: tf.Tensor) -> Any:
        _, _, new_c, _, new_h = _one_step(each_input.read(t), h, c, weights, bias)
        if mask is not None:
            here = mask[t, ..., None]
            new_h, new_c = tf.where(here, new_h, h), tf.where(here, new_c, c)
        return t + 1, new_h, new_c, hidden.write(t, new_h)

    loop = (0, h, c, tf.TensorArray(inputs.dtype, time, element_shape=h.shape))
    _, h, c, hidden = tf.while_loop(lambda t, *_: t < time, step, loop)
    return hidden.stack(), h, c


@tf.custom_gradient
def _recurrence(inputs: tf.Tensor, weights: tf.Tensor, bias: tf.Tensor, first_h: tf.Tensor, first_c: tf.Tensor) -> Any:
    """Loop over inputs (time, [n,] batch, input_dim); weights ([n,] input_dim + units, 4 units)."""
    dtype, input_dim, units = inputs.dtype, inputs.shape[-1], weights.shape[-1] // 4
    time, each_input = tf.shape(inputs)[0], _by_step(inputs)

    def step(t: Any, h: Any, c: Any, read: Any, cells: Any, hidden: Any, gates: Any) -> Any:
        x, own, c, tanh_c, h = _one_step(each_input.read(t), h, c, weights, bias)
        gates = [array.write(t, gate) for array, gate in zip(gates, (*own, tanh_c), strict=True)]
        return t + 1, h, c, read.write(t, x), cells.write(t + 1, c), hidden.write(t, h), gates

    read, cells = tf.TensorArray(dtype, time), tf.TensorArray(tf.float32, time + 1).write(0, first_c)
    gates = [tf.TensorArray(tf.float32, time) for _ in range(5)]
    loop = (0, first_h, first_c, read, cells, tf.TensorArray(dtype, time), gates)
    _, _, last_c, read, cells, hidden, gates = tf.while_loop(lambda t, *_: t < time, step, loop)

    def gradient(d_hidden: tf.Tensor, d_last_c: tf.Tensor) -> Any:
        transposed, each_gradient = tf.linalg.matrix_transpose(weights), _by_step(d_hidden)

        def back(t: tf.Tensor, dh: tf.Tensor, dc: tf.Tensor, d_read: tf.Tensor, d_gates: tf.Tensor) -> Any:
            i, f, g, o, tanh_c = (array.read(t) for array in gates)
            dh = tf.cast(each_gradient.read(t), tf.float32) + tf.cast(dh, tf.float32)
            dc = dc + tf.raw_ops.TanhGrad(y=tanh_c, dy=dh * o)
            di, df = tf.raw_ops.SigmoidGrad(y=i, dy=dc * g), tf.raw_ops.SigmoidGrad(y=f, dy=dc * cells.read(t))
            dg, do = tf.raw_ops.TanhGrad(y=g, dy=dc * i), tf.raw_ops.SigmoidGrad(y=o, dy=dh * tanh_c)
            dz = tf.concat([tf.cast(part, dtype) for part in (di, df, dg, do)], axis=-1)
            dx, dh = tf.split(tf.matmul(dz, transposed), (input_dim, units), axis=-1)
            return t - 1, dh, dc * f, d_read.write(t, dx), d_gates.write(t, dz)

        loop = (time - 1, tf.zeros_like(first_h), d_last_c, tf.TensorArray(dtype, time), tf.TensorArray(dtype, time))
        _, dh, dc, d_inputs, d_gates = tf.while_loop(lambda t, *_: t >= 0, back, loop)
        d_gates = _all_steps(d_gates)
        d_weights = tf.matmul(_all_steps(read), d_gates, transpose_a=True)
        d_bias = tf.matmul(tf.ones((1, tf.shape(d_gates)[-2]), dtype), d_gates)[..., 0, :]
        return d_inputs.stack(), d_weights, d_bias, dh, dc

    return (hidden.stack(), last_c), gradient


def _one_step(inputs: tf.Tensor, h: tf.Tensor, c: tf.Tensor, weights: tf.Tensor, bias: tf.Tensor) -> Any:
    """Give what the gates read, the four gates, the cell state and its tanh, and the hidden state after a step."""
    x = tf.concat([inputs, h], axis=-1)
    z = tf.matmul(x, weights)
    z = tf.nn.bias_add(z, bias) if bias.shape.rank == 1 else z + bias[:, None]
    i, f, g, o = (tf.cast(part, tf.float32) for part in tf.split(z, 4, axis=-1))
    i, f, g, o = tf.sigmoid(i), tf.sigmoid(f), tf.tanh(g), tf.sigmoid(o)
    c = f * c + i * g
    tanh_c = tf.tanh(c)
    return x, (i, f, g, o), c, tanh_c, tf.cast(o * tanh_c, inputs.dtype)


def _in_dtype(dtype: tf.DType, kernel: Any, recurrent_kernel: Any, bias: Any, h: Any, c: Any) -> Any:
    """Give both kernels as one, bias and hidden state in the dtype of the products, and the cell state in float32."""
    weights = tf.cast(tf.concat([kernel, recurrent_kernel], axis=-2), dtype)
    return weights, tf.cast(bias, dtype), tf.cast(h, dtype), tf.cast(c, tf.float32)


def _all_steps(array: Any) -> tf.Tensor:
    """Give what was written at each step, ([n,] batch, width), as ([n,] time * batch, width)."""
    steps = array.stack()
    if steps.shape.rank == 3:
        return tf.reshape(steps, (-1, steps.shape[-1]))
    of_networks = [tf.reshape(each, (-1, steps.shape[-1])) for each in tf.unstack(steps, axis=1)]
    return tf.stack(of_networks)  # a transposition takes several times as long


def _by_step(tensor: tf.Tensor) -> Any:
    return tf.TensorArray(tensor.dtype, tf.shape(tensor)[0]).unstack(tensor)
