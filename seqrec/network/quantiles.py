"""A network that reads a series stride by stride, and after each tells quantiles of the steps to come."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrec.network.architectures import LEVELS, N_RECURRENT, STEP_UNITS, QuantileArchitecture
from seqrec.network.blueprint import Rebuilt
from seqrec.network.layers import Dropout, dense, recurrent_layer
from seqrec.network.tensorflow import check_process, keras, one_graph, ops, own_names, tf

_MEDIAN = LEVELS.index(0.5)
_NARROW = 1.0  # what is taken off before the softplus: quantiles start near each other


class QuantileModel(Rebuilt, keras.Model):
    """Some networks of one kind, trained side by side, whose quantiles are averaged.

    Each is causal, so that one reading of a series gives an example at every stride.

    Parameters
    ----------
    architecture : QuantileArchitecture

    References
    ----------
    Wen et al. (2017), "A multi-horizon quantile recurrent forecaster": all steps at once, after each step read.
    Lichtendahl, Grushka-Cockayne & Winkler (2013), "Is it better to average probabilities or quantiles?"
    """

    @own_names()
    def __init__(self, architecture: QuantileArchitecture) -> None:
        check_process()
        super().__init__()
        self.architecture = architecture
        seeds = np.random.SeedSequence([architecture.seed, 3]).generate_state(architecture.n_networks).tolist()
        self.networks = [_QuantileNetwork(architecture, seed) for seed in seeds]
        self._tell: Any = None
        one = np.zeros((1, 1, architecture.n_inputs), "f4"), np.zeros((1, 1, architecture.horizon, self._n_ahead), "f4")
        self._mean(*one, np.zeros((1, 1), np.int32))
        self.built = True

    @property
    def training_signature(self) -> list[Any]:
        """Of the arguments of `loss_of`."""
        shapes = (self.architecture.n_inputs,), (self.architecture.horizon, self._n_ahead), *[(None,)] * 2
        return [[], *(tf.TensorSpec((None, None, *shape), tf.float32) for shape in shapes)]

    @property
    def _n_ahead(self) -> int:
        return self.architecture.n_ahead

    @staticmethod
    def arrays_of(batch: tuple[NDArray, ...]) -> tuple[NDArray, ...]:
        """Give the arrays that `loss_of` takes: a batch is made of them."""
        return batch

    def loss_of(self, memory: list[Any], *arrays: Any) -> tuple[Any, list[Any]]:
        """Mean pinball loss of the levels, and the memory, of which there is none.

        Parameters
        ----------
        memory : empty list
        arrays : (batch, time, ...) float32 tensors
            Inputs, (..., n_inputs); what is known of the steps to come, (..., horizon, n_ahead); what came, and how
            much it weighs, (..., horizon) each. Steps without weight count nothing.
        """
        inputs, ahead, targets, weights = arrays
        told = tf.where(tf.reduce_any(weights > 0, axis=-1))
        ahead, targets, weights = (tf.gather_nd(array, told) for array in (ahead, targets, weights))
        n = tf.maximum(tf.math.count_nonzero(weights > 0, dtype=tf.float32), 1.0)
        loss = 0.0
        for network in self.networks:
            states = tf.gather_nd(network.read(inputs, training=True), told)
            error = targets[..., None] - network.quantiles(states, ahead, training=True)
            loss += tf.reduce_sum(_pinball(error) * weights[..., None]) / (n * len(LEVELS))
        return loss / len(self.networks), memory

    def tell(self, inputs: NDArray, ahead: NDArray, at: NDArray) -> NDArray[np.float32]:
        """Tell the quantiles of ``LEVELS``, the mean of those of the networks, which never cross.

        Parameters
        ----------
        inputs : (batch, time, n_inputs) float32
        ahead : (batch, n_told, horizon, n_ahead) float32
            Of the first steps to come: the horizon may be shorter than that of training.
        at : (batch, n_told) int32
            Strides after which quantiles are told.

        Returns
        -------
        quantiles : (batch, n_told, horizon, n_levels) float32
        """
        if self._tell is None:
            shapes = (None, None, self.architecture.n_inputs), (None, None, None, self._n_ahead), (None, None)
            dtypes = tf.float32, tf.float32, tf.int32
            self._tell = one_graph(self._mean, [tf.TensorSpec(*each) for each in zip(shapes, dtypes, strict=True)])
        return self._tell(inputs, ahead, at).numpy()

    def _mean(self, inputs: Any, ahead: Any, at: Any) -> Any:
        shape = ops.shape(ahead)
        flat = ops.reshape(ahead, (shape[0] * shape[1], *shape[2:]))
        told = []
        for network in self.networks:
            states = tf.gather(network.read(inputs), at, batch_dims=1)
            told.append(network.quantiles(ops.reshape(states, (-1, self.architecture.units)), flat))
        return ops.reshape(sum(told) / len(told), (*shape[:3], len(LEVELS)))


class _QuantileNetwork(keras.layers.Layer):
    """An LSTM with residual connections, and a head with weights of its own for each step to come."""

    def __init__(self, architecture: QuantileArchitecture, seed: int) -> None:
        super().__init__()
        seeds = np.random.SeedSequence(seed).generate_state(6 + N_RECURRENT).tolist()
        units = architecture.units
        self.inputs = dense(units, seeds.pop(), activation="relu")
        self.recurrent = [recurrent_layer("lstm", units, seeds.pop() // 2) for _ in range(N_RECURRENT)]
        self.steps = dense(architecture.horizon * STEP_UNITS, seeds.pop())
        self.ahead = dense(STEP_UNITS, seeds.pop(), use_bias=False)
        self.levels = dense(len(LEVELS), seeds.pop())
        self.drop = Dropout(architecture.dropout, seed=seeds.pop())

    def read(self, inputs: Any, training: bool = False) -> Any:
        """Give the state after each stride, (batch, time, units)."""
        states = self.inputs(inputs)
        for layer in self.recurrent:
            states = states + layer(self.drop(states, training=training), training=training)[0]
        return self.drop(states, training=training)

    def quantiles(self, states: Any, ahead: Any, training: bool = False) -> Any:
        """Give rising quantiles, (n, horizon, n_levels), of states (n, units) and of what is known ahead."""
        horizon = ops.shape(ahead)[1]
        if not self.steps.built:
            self.steps.build(states.shape)
        width = horizon * STEP_UNITS  # of the first steps
        hidden = ops.matmul(states, self.steps.kernel[:, :width]) + self.steps.bias[:width]
        hidden = ops.relu(ops.reshape(hidden, (-1, horizon, STEP_UNITS)) + self.ahead(ahead))
        told = self.levels(self.drop(hidden, training=training))
        median, apart = told[..., _MEDIAN : _MEDIAN + 1], ops.softplus(told - _NARROW)
        below = ops.flip(ops.cumsum(ops.flip(apart[..., :_MEDIAN], axis=-1), axis=-1), axis=-1)
        return ops.concatenate([median - below, median, median + ops.cumsum(apart[..., _MEDIAN + 1 :], -1)], axis=-1)


def _pinball(error: Any) -> Any:
    """Loss of the levels' quantiles, (..., n_levels), from what came minus each."""
    levels = tf.constant(LEVELS)
    return tf.maximum(levels * error, (levels - 1.0) * error)
