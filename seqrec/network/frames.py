"""Networks that read frames of numbers, in both directions, and tell the class of a sequence or of each frame."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrec.network.architectures import HIDDEN_UNITS, STEM, FrameArchitecture
from seqrec.network.blueprint import Rebuilt
from seqrec.network.layers import Dropout
from seqrec.network.side_by_side import DenseLayers, RecurrentLayers
from seqrec.network.tensorflow import check_process, keras, one_graph, ops, own_names, tf

_SMOOTHING = 0.05  # share of a label that training gives to all classes alike
_LOWEST = -1e9


class FrameModel(Rebuilt, keras.Model):
    """Some networks of one kind, trained side by side, whose log-probabilities are averaged.

    Parameters
    ----------
    architecture : FrameArchitecture

    References
    ----------
    Schuster & Paliwal (1997), "Bidirectional recurrent neural networks". Karim et al. (2018), "LSTM fully convolutional
    networks for time series classification", for convolutions beside an LSTM. Szegedy et al. (2016), "Rethinking the
    inception architecture", section 7: smoothed labels. Hinton (2002), for products of experts.
    """

    @own_names()
    def __init__(self, architecture: FrameArchitecture) -> None:
        check_process()
        super().__init__()
        self.architecture = architecture
        n_networks, n_layers, units = architecture.n_networks, architecture.n_layers, architecture.units
        n_directions = 2 if architecture.both_ways else 1
        seeds = iter(np.random.SeedSequence([architecture.seed, 5]).generate_state(4 + n_layers).tolist())

        def draw(n: int) -> list[int]:
            return (np.random.SeedSequence(next(seeds)).generate_state(n) // 2).tolist()

        self.stem = DenseLayers(units, draw(n_networks))
        self.recurrent = [
            RecurrentLayers(architecture.cell, units, draw(n_directions * n_networks)) for _ in range(n_layers)
        ]
        self.hidden = DenseLayers(HIDDEN_UNITS, draw(n_networks))
        self.classes = DenseLayers(architecture.n_classes, draw(n_networks))
        self.drop = Dropout(architecture.dropout, seed=next(seeds))
        self._tell: Any = None
        self._log_probabilities(np.zeros((1, 1, architecture.n_inputs), "f4"), np.ones(1, "i4"), np.zeros(1, "f4"))
        self.built = True

    @property
    def training_signature(self) -> list[Any]:
        """Of the arguments of `loss_of`."""
        return [
            [],
            *self._reading_signature,
            tf.TensorSpec((None, None), tf.int32),
            tf.TensorSpec((None, None, self.architecture.n_networks), tf.float32),
        ]

    @property
    def _reading_signature(self) -> list[Any]:
        inputs = tf.TensorSpec((None, None, self.architecture.n_inputs), tf.float32)
        return [inputs, tf.TensorSpec((None,), tf.int32), tf.TensorSpec((None,), tf.float32)]

    @staticmethod
    def arrays_of(batch: tuple[NDArray, ...]) -> tuple[NDArray, ...]:
        """Give the arrays that `loss_of` takes: a batch is made of them."""
        return batch

    def loss_of(self, memory: list[Any], *arrays: Any) -> tuple[Any, list[Any]]:
        """Mean cross-entropy of smoothed labels, nats, and the memory, of which there is none.

        Parameters
        ----------
        memory : empty list
        arrays : tensors
            Frames, (batch, time, n_inputs) float32, 0 after the end; their numbers, (batch,) int32; what the network is
            told of these, (batch,) float32; labels, (batch, n_told) int32, and for each network how much they weigh,
            (batch, n_told, n_networks) float32, where n_told is 1, or time if each frame has a label.
        """
        inputs, lengths, extent, labels, weights = arrays
        n_classes = self.architecture.n_classes
        wanted = (1 - _SMOOTHING) * ops.one_hot(labels, n_classes) + _SMOOTHING / n_classes
        log_p = self._log_probabilities(inputs, lengths, extent, training=True)
        weights = ops.moveaxis(weights, -1, 0)  # (n_networks, batch, n_told)
        by_network = ops.sum(weights * -ops.sum(wanted * log_p, axis=-1), axis=(1, 2))
        return ops.mean(by_network / ops.maximum(ops.sum(weights, axis=(1, 2)), 1e-6)), memory

    def tell(self, inputs: NDArray, lengths: NDArray, extent: NDArray) -> NDArray[np.float32]:
        """Tell the log-probabilities of the classes, by each network.

        Parameters
        ----------
        inputs, lengths, extent
            As `loss_of` takes them.

        Returns
        -------
        log_probabilities : (n_networks, batch, n_told, n_classes) float32
        """
        if self._tell is None:
            self._tell = one_graph(self._log_probabilities, self._reading_signature)
        return self._tell(inputs, lengths, extent).numpy()

    def _log_probabilities(self, inputs: Any, lengths: Any, extent: Any, training: bool = False) -> Any:
        time, n = tf.shape(inputs)[1], self.architecture.n_networks
        inputs = tf.transpose(inputs, (1, 0, 2))  # time comes first, as the recurrence reads it
        here = tf.cast(tf.transpose(tf.sequence_mask(lengths, time)), tf.float32)[:, None, :, None]
        states = _exchanged(ops.relu(self.stem(self._windows(inputs)[None])), n, axis=0) * here
        for layer in self.recurrent:
            read = self.drop(states, training=training)
            if self.architecture.both_ways:
                found = layer(ops.concatenate([read, _turned(read, lengths)], axis=1), training=training)
                onward, back = ops.split(found, 2, axis=1)
                found = ops.concatenate([onward, _turned(back, lengths)], axis=-1)
            else:
                found = layer(read, training=training)
            states = found * here  # (time, n_networks, batch, width)
        if self.architecture.both_ways:
            states = self._pooled(states, here, lengths, extent)  # (n_networks, batch, width)
        else:
            states = _exchanged(states, n, axis=1)
        hidden = ops.relu(self.hidden(self.drop(states, training=training)))
        log_p = ops.log_softmax(self.classes(self.drop(hidden, training=training)))
        return log_p[:, :, None] if self.architecture.both_ways else tf.transpose(log_p, (0, 2, 1, 3))

    def _windows(self, inputs: Any) -> Any:
        """Give each frame beside those around it, or before it, (time, batch, STEM n_inputs)."""
        before = STEM // 2 if self.architecture.both_ways else STEM - 1
        time = tf.shape(inputs)[0]
        padded = tf.pad(inputs, ((before, STEM - 1 - before), (0, 0), (0, 0)))
        return ops.concatenate([padded[place : place + time] for place in range(STEM)], axis=-1)

    def _pooled(self, states: Any, here: Any, lengths: Any, extent: Any) -> Any:
        """Give the last state of each direction, the mean and the maximum of all, and the length: (n, batch, width)."""
        onward, back = ops.split(states, 2, axis=-1)
        is_last = tf.one_hot(lengths - 1, tf.shape(states)[0], axis=0)[:, None, :, None]
        n = ops.maximum(lengths, 1)[:, None]
        mean = ops.sum(states, axis=0) / ops.cast(n, "float32")
        most = ops.where(lengths[:, None] > 0, ops.max(states + _LOWEST * (1 - here), axis=0), 0.0)
        extent = ops.broadcast_to(extent[:, None], (*ops.shape(mean)[:2], 1))
        return ops.concatenate([ops.sum(onward * is_last, axis=0), back[0], mean, most, extent], axis=-1)


def _exchanged(states: Any, n: int, axis: int) -> Any:
    """Bring the networks from the first axis to the second, or from there (axis 1) to the first.

    Whole blocks are copied: TensorFlow's transposition takes each number for itself.
    """
    return tf.stack(tf.unstack(states, n, axis), axis=1 - axis)


def _turned(states: Any, lengths: Any) -> Any:
    """Turn each sequence round by its own length, (time, n, batch, width): padding comes after it either way.

    `tf.reverse_sequence` takes each number for itself; here rows are copied.
    """
    time, n, batch, width = ops.shape(states)
    place = tf.range(time)[:, None]
    place = tf.where(place < lengths, lengths - 1 - place, place)  # (time, batch)
    rows = (place[:, None] * n + tf.range(n)[:, None]) * batch + tf.range(batch)  # (time, n, batch)
    return _taken(tf.reshape(states, (-1, width)), rows)


@tf.custom_gradient
def _taken(states: Any, rows: Any) -> Any:
    """Take rows in an order that is its own inverse, so that the gradient is taken in it as well."""

    def gradient(upstream: Any) -> Any:
        return tf.gather(tf.reshape(upstream, tf.shape(states)), tf.reshape(rows, (-1,))), None

    return tf.gather(states, rows), gradient
