"""The convolutional LSTM with peepholes: a cell as its equations, and a layer that convolves all its inputs at once."""

from __future__ import annotations

from typing import Any

from seqrec.exceptions import InputError
from seqrec.network.image_recurrence import read_images
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
