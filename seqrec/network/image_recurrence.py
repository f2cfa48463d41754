"""The recurrence of the convolutional LSTM over a batch of films, with its gradient written out.

The inputs of all steps are convolved before, and the gradient of the recurrent kernel is one product over all steps at
the end, so the loops hold what depends on the step before and nothing else.
"""

from __future__ import annotations

from typing import Any

from seqrec.network.tensorflow import tf


def read_images(z: Any, kernel: Any, peepholes: Any, h: Any, c: Any) -> tuple[Any, Any, Any]:
    """Run the recurrence of `PeepholeConvLSTM2DCell` over what its gates see of the inputs.

    Parameters
    ----------
    z : (time, batch, height, width, 4 filters) float32 tensor
        The inputs, convolved, with the bias; gates in Keras' order: input, forget, cell candidate, output.
    kernel : (rows, columns, filters, 4 filters) tensor
        Of the hidden state.
    peepholes : (3, height or 1, width or 1, filters) tensor or None
        Of the input, forget and output gate.
    h, c : (batch, height, width, filters) tensors
        Hidden and cell state before the first step.

    Returns
    -------
    outputs : (time, batch, height, width, filters) tensor
        Hidden state after each step.
    h, c : (batch, height, width, filters) tensors
        States after the last step.
    """
    outputs, last_c = _blind(z, kernel, h, c) if peepholes is None else _peeping(z, kernel, peepholes, h, c)
    return outputs, outputs[-1], last_c


@tf.custom_gradient
def _blind(z: Any, kernel: Any, first_h: Any, first_c: Any) -> Any:
    results, gradient = _recurrence(z, kernel, None, first_h, first_c)

    def without_peepholes(d_hidden: Any, d_last_c: Any) -> Any:
        dz, d_kernel, _, dh, dc = gradient(d_hidden, d_last_c)
        return dz, d_kernel, dh, dc

    return results, without_peepholes


@tf.custom_gradient
def _peeping(z: Any, kernel: Any, peepholes: Any, first_h: Any, first_c: Any) -> Any:
    return _recurrence(z, kernel, peepholes, first_h, first_c)


def _recurrence(z: Any, kernel: Any, peepholes: Any, first_h: Any, first_c: Any) -> Any:
    """Loop over the steps; give outputs and last cell state, and what gives the gradients of all arguments."""
    time, each_z = tf.shape(z)[0], _by_step(z)

    def step(t: Any, h: Any, c: Any, before: Any, cells: Any, gates: Any) -> Any:
        own, new_c, new_h = _one_step(each_z.read(t), h, c, kernel, peepholes)
        gates = gates.write(t, tf.concat(own, axis=-1))
        return t + 1, new_h, new_c, before.write(t + 1, new_h), cells.write(t + 1, new_c), gates

    def states(first: Any) -> Any:
        return tf.TensorArray(first.dtype, time + 1, clear_after_read=False, element_shape=first.shape).write(0, first)

    loop = (0, first_h, first_c, states(first_h), states(first_c), tf.TensorArray(z.dtype, time))
    _, _, last_c, hidden, cells, gates = tf.while_loop(lambda t, *_: t < time, step, loop)
    hidden = hidden.stack()

    def gradient(d_hidden: Any, d_last_c: Any) -> Any:
        each_gradient = _by_step(d_hidden)

        def back(t: Any, dh: Any, dc: Any, d_peepholes: Any, d_gates: Any) -> Any:
            c, new_c = cells.read(t), cells.read(t + 1)
            dz, dc = _one_step_back(gates.read(t), c, new_c, dh + each_gradient.read(t), dc, peepholes)
            dh = _convolved_back(dz, kernel, tf.shape(first_h))
            d_peepholes = d_peepholes if peepholes is None else d_peepholes + _of_peepholes(dz, c, new_c, peepholes)
            return t - 1, dh, dc, d_peepholes, d_gates.write(t, dz)

        d_peepholes = tf.zeros(()) if peepholes is None else tf.zeros_like(peepholes)
        loop = (time - 1, tf.zeros_like(first_h), d_last_c, d_peepholes, tf.TensorArray(z.dtype, time))
        _, dh, dc, d_peepholes, dz = tf.while_loop(lambda t, *_: t >= 0, back, loop)
        dz = dz.stack()
        read, seen = _as_one_batch(hidden[:-1]), _as_one_batch(dz)
        d_kernel = tf.raw_ops.Conv2DBackpropFilter(
            input=read, filter_sizes=tf.shape(kernel), out_backprop=seen, strides=[1] * 4, padding="SAME"
        )
        return dz, d_kernel, d_peepholes, dh, dc

    return (hidden[1:], last_c), gradient


def _one_step(z: Any, h: Any, c: Any, kernel: Any, peepholes: Any) -> tuple[tuple[Any, ...], Any, Any]:
    """Give the four gates, the cell state and the hidden state after a step."""
    z_i, z_f, z_c, z_o = tf.split(z + tf.nn.conv2d(h, kernel, 1, "SAME"), 4, axis=-1)
    if peepholes is not None:
        z_i, z_f = z_i + peepholes[0] * c, z_f + peepholes[1] * c
    i, f, g = tf.sigmoid(z_i), tf.sigmoid(z_f), tf.tanh(z_c)
    c = f * c + i * g
    o = tf.sigmoid(z_o if peepholes is None else z_o + peepholes[2] * c)
    return (i, f, g, o), c, o * tf.tanh(c)


def _one_step_back(gates: Any, c: Any, new_c: Any, dh: Any, dc: Any, peepholes: Any) -> tuple[Any, Any]:
    """Give the gradient of what the gates see, and of the cell state before the step."""
    i, f, g, o = tf.split(gates, 4, axis=-1)
    tanh_c = tf.tanh(new_c)
    dz_o = tf.raw_ops.SigmoidGrad(y=o, dy=dh * tanh_c)
    dc = dc + tf.raw_ops.TanhGrad(y=tanh_c, dy=dh * o)
    dc = dc if peepholes is None else dc + peepholes[2] * dz_o
    dz_i, dz_f = tf.raw_ops.SigmoidGrad(y=i, dy=dc * g), tf.raw_ops.SigmoidGrad(y=f, dy=dc * c)
    dz_c = tf.raw_ops.TanhGrad(y=g, dy=dc * i)
    dc = dc * f
    dc = dc if peepholes is None else dc + peepholes[0] * dz_i + peepholes[1] * dz_f
    return tf.concat([dz_i, dz_f, dz_c, dz_o], axis=-1), dc


def _of_peepholes(dz: Any, c: Any, new_c: Any, peepholes: Any) -> Any:
    """Give the gradient of the peepholes: of one for each place, or of one for all places."""
    dz_i, dz_f, _, dz_o = tf.split(dz, 4, axis=-1)
    of_each = tf.stack([tf.reduce_sum(product, axis=0) for product in (dz_i * c, dz_f * c, dz_o * new_c)])
    one_for_all = peepholes.shape[1:3] == (1, 1)
    return tf.reduce_sum(of_each, axis=(1, 2), keepdims=True) if one_for_all else of_each


def _convolved_back(dz: Any, kernel: Any, shape: Any) -> Any:
    """Give the gradient of the hidden state that was convolved."""
    return tf.raw_ops.Conv2DBackpropInput(
        input_sizes=shape, filter=kernel, out_backprop=dz, strides=[1] * 4, padding="SAME"
    )


def _as_one_batch(images: Any) -> Any:
    """Give (time, batch, ...) as (time * batch, ...)."""
    return tf.reshape(images, tf.concat([[-1], tf.shape(images)[2:]], axis=0))


def _by_step(tensor: Any) -> Any:
    return tf.TensorArray(tensor.dtype, tf.shape(tensor)[0]).unstack(tensor)
