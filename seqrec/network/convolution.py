"""The convolutional LSTM with peepholes, as its equations, and its loop with the gradient written out.

The inputs of all steps are convolved at once before the loop, and the gradient of the recurrent kernel is one product
over all steps after it, so the loops hold what depends on the step before and nothing else.
"""

from __future__ import annotations

from typing import Any

from seqrec.exceptions import InputError
from seqrec.network.tensorflow import keras, ops, tf

__all__ = ["PeepholeConvLSTM2D"]

PEEPHOLES = ("place", "channel", None)


class PeepholeConvLSTM2DCell(keras.layers.Layer):
    """A convolutional LSTM cell whose gates also see the cell state.

    Parameters
    ----------
    filters, kernel_size, recurrent_kernel_size, peephole, seed
        As in `PeepholeConvLSTM2D`.

    Notes
    -----
    With ``*`` a convolution, ``.`` the elementwise product and sigma the logistic function::

        i = sigma(W_i * x + U_i * h + p_i . c + b_i)        input gate
        f = sigma(W_f * x + U_f * h + p_f . c + b_f)        forget gate
        c' = f . c + i . tanh(W_c * x + U_c * h + b_c)      cell state
        o = sigma(W_o * x + U_o * h + p_o . c' + b_o)       output gate, which sees the new cell state
        h' = o . tanh(c')                                   hidden state

    References
    ----------
    Shi et al. (2015), "Convolutional LSTM network: a machine learning approach for precipitation nowcasting",
    equation 3.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        recurrent_kernel_size: int | tuple[int, int] | None = None,
        peephole: str | None = "place",
        seed: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.filters, self.peephole, self.seed = _positive(filters, "filters"), peephole, seed
        self.kernel_size = _pair(kernel_size, "kernel_size")
        self.recurrent_kernel_size = _pair(recurrent_kernel_size or self.kernel_size, "recurrent_kernel_size")
        self.state_size = [self.filters, self.filters]
        if peephole not in PEEPHOLES:
            raise InputError(f"peephole must be 'place', 'channel' or None, got {peephole!r}.")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights, with the shapes and the initial values of Keras' layer, and peepholes of 0."""
        _, height, width, channels = input_shape
        if channels is None or (self.peephole == "place" and None in (height, width)):
            raise InputError(
                f"peephole={self.peephole!r} reads images of one known shape, got {input_shape[1:]} (height, width, "
                "channels). Take peephole='channel' for images of any size; the number of channels must be known."
            )
        seed, columns = self.seed, 4 * self.filters
        glorot = keras.initializers.GlorotUniform(seed)
        orthogonal = keras.initializers.Orthogonal(seed=None if seed is None else seed + 1)
        self.kernel = self.add_weight((*self.kernel_size, channels, columns), glorot, name="kernel")
        shape = (*self.recurrent_kernel_size, self.filters, columns)
        self.recurrent_kernel = self.add_weight(shape, orthogonal, name="recurrent_kernel")
        self.bias = self.add_weight((columns,), _forget_nothing, name="bias")
        if self.peephole is not None:
            places = (height, width) if self.peephole == "place" else (1, 1)
            self.peepholes = self.add_weight((3, *places, self.filters), "zeros", name="peepholes")

    def project(self, inputs: Any) -> Any:
        """Give what the gates see of the inputs, ``W * x + b``: (n, height, width, channels -> 4 filters)."""
        return ops.conv(inputs, self.kernel, padding="same", data_format="channels_last") + self.bias

    def call(self, inputs: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        """Take one step: inputs (batch, height, width, channels), states ``[h, c]`` of as many places each."""
        h, c = states
        p_i, p_f, p_o = (0.0, 0.0, 0.0) if self.peephole is None else ops.unstack(self.peepholes)
        z = self.project(inputs)
        z = z + ops.conv(h, self.recurrent_kernel, padding="same", data_format="channels_last")
        z_i, z_f, z_c, z_o = ops.split(z, 4, axis=-1)
        i = ops.sigmoid(z_i + p_i * c)
        f = ops.sigmoid(z_f + p_f * c)
        c = f * c + i * ops.tanh(z_c)
        o = ops.sigmoid(z_o + p_o * c)
        h = o * ops.tanh(c)
        return h, [h, c]


class PeepholeConvLSTM2D(keras.layers.RNN):
    """The convolutional LSTM as it was published, with peepholes, which `keras.layers.ConvLSTM2D` leaves out.

    It reads images over time, (batch, time, height, width, channels), and gives images of the same height and width,
    (batch, height, width, filters), or one for each step.

    Parameters
    ----------
    filters : int
        Channels of the state.
    kernel_size : int or (int, int)
        Of the convolution of the inputs.
    recurrent_kernel_size : int or (int, int), optional
        Of the convolution of the state: motions of up to half of it can be followed from step to step. By default
        as large as `kernel_size`.
    peephole : {"place", "channel"} or None
        What each gate sees of the cell state: by a weight for each channel and place, as published, so that images
        have one size; by a weight for each channel, for images of any size; or nothing, as in Keras' layer.
    return_sequences, return_state, go_backwards, stateful : bool
        As in Keras' layers: give all outputs; give the states ``h, c`` after them; read from the end; go on from the
        states of the last batch.
    seed : int, optional
        Seeds the initial weights.

    Notes
    -----
    Convolutions are padded by 0, and channels are last. Without peepholes, weights and numbers are those of
    ``keras.layers.ConvLSTM2D(filters, kernel_size, padding="same")``.

    References
    ----------
    Shi et al. (2015), "Convolutional LSTM network: a machine learning approach for precipitation nowcasting",
    equation 3.

    Examples
    --------
    >>> import numpy as np
    >>> from seqrec.layers import PeepholeConvLSTM2D
    >>> films = np.zeros((2, 5, 16, 16, 1), dtype="float32")
    >>> PeepholeConvLSTM2D(filters=8, kernel_size=3, recurrent_kernel_size=5)(films).shape
    TensorShape([2, 16, 16, 8])
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        recurrent_kernel_size: int | tuple[int, int] | None = None,
        peephole: str | None = "place",
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        seed: int | None = None,
        **options: Any,
    ) -> None:
        of_cell = {name: options[name] for name in ("dtype", "trainable") if name in options}
        cell = PeepholeConvLSTM2DCell(
            filters, kernel_size, recurrent_kernel_size, peephole, seed, name="cell", **of_cell
        )
        super().__init__(cell, return_sequences, return_state, go_backwards, stateful, **options)
        self.input_spec = keras.layers.InputSpec(ndim=5)
        self.supports_jit = False  # convolutions on a processor are several times slower when XLA compiles them

    def build(self, sequences_shape: tuple[int | None, ...], initial_state_shape: Any = None) -> None:
        """Make the weights, and where states are carried, those."""
        self._shape = sequences_shape[2:4]
        super().build(sequences_shape, initial_state_shape)

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        """Read (batch, time, height, width, channels), from states ``[h, c]`` on, which are 0 otherwise."""
        self._shape = ops.shape(sequences)[2:4]
        return super().call(sequences, initial_state, mask, training)

    def get_initial_state(self, batch_size: Any) -> list[Any]:
        """Give states of 0, (batch, height, width, filters) each."""
        shape = (batch_size, *self._shape, self.cell.filters)
        return [ops.zeros(shape, dtype=self.cell.compute_dtype) for _ in range(2)]

    def inner_loop(self, sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        """Run the loop; Keras calls it with the states in a list."""
        if mask is not None or sequences.dtype != "float32":
            return super().inner_loop(sequences, initial_state, mask, training)
        sequences = tf.transpose(sequences, (1, 0, 2, 3, 4))
        shape = tf.shape(sequences)
        z = self.cell.project(tf.reshape(sequences, tf.concat([[-1], shape[2:]], axis=0)))
        z = tf.reshape(z, tf.concat([shape[:-1], tf.shape(z)[-1:]], axis=0))
        z = tf.reverse(z, [0]) if self.go_backwards else z
        peepholes = None if self.cell.peephole is None else tf.convert_to_tensor(self.cell.peepholes.value)
        kernel = tf.convert_to_tensor(self.cell.recurrent_kernel.value)
        outputs, h, c = read_images(z, kernel, peepholes, *initial_state)
        return h, tf.transpose(outputs, (1, 0, 2, 3, 4)), [h, c]

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:  # noqa: ARG002
        """Give the shape of the outputs, and those of the states where they are returned."""
        batch, time, height, width, _ = sequences_shape
        state = (batch, height, width, self.cell.filters)
        output = (batch, time, *state[1:]) if self.return_sequences else state
        return (output, state, state) if self.return_state else output

    def get_config(self) -> dict[str, Any]:
        """Give the arguments of the layer."""
        names = ("filters", "kernel_size", "recurrent_kernel_size", "peephole", "seed")
        inherited = super().get_config()
        kept = {
            name: value for name, value in inherited.items() if name not in ("cell", "unroll", "zero_output_for_mask")
        }
        return kept | {name: getattr(self.cell, name) for name in names}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> PeepholeConvLSTM2D:  # noqa: ARG003
        """Make a layer of its arguments."""
        return cls(**config)


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


def _forget_nothing(shape: tuple[int], dtype: Any = None, **_: Any) -> Any:
    """Give a bias of 0, and of 1 for the forget gate."""
    return ops.cast(ops.arange(shape[0]) // (shape[0] // 4) == 1, dtype or "float32")


def _pair(size: Any, name: str) -> tuple[int, int]:
    rows, columns = (size, size) if isinstance(size, int) else size
    return _positive(rows, name), _positive(columns, name)


def _positive(number: Any, name: str) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise InputError(f"{name} must be a whole number of at least 1, got {number!r}.")
    return number
