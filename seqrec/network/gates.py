"""What an LSTM keeps and forgets: the gates and states of a fitted network, step by step through one sequence."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.utils.validation import check_is_fitted

from seqrec._checks import check_integer
from seqrec.data.inputs import as_sequences
from seqrec.data.sequences import Sequences
from seqrec.exceptions import InputError
from seqrec.network.estimator import BaseLSTM
from seqrec.network.tensorflow import keras, one_graph, tf

START = "(start)"  # what a network reads before the first event


class Gates(NamedTuple):
    """How one recurrent layer went through a sequence.

    Attributes
    ----------
    events : (n_steps,) object
        Ids of what the network read, of unknown events too; the first step is ``"(start)"``, before any event.
    gates : dict of (n_steps, units) float32
        Between 0 and 1: "input", "forget" and "output" of an LSTM, "update" and "reset" of a GRU, none of a plain RNN.
        A unit keeps what it holds where "forget", or "update", is 1.
    cell : (n_steps, units) float32, or None
        State of the cell after each step; None for a GRU and an RNN, which have none.
    hidden : (n_steps, units) float32
        Hidden state after each step.
    """

    events: NDArray
    gates: dict[str, NDArray[np.float32]]
    cell: NDArray[np.float32] | None
    hidden: NDArray[np.float32]


def trace_gates(estimator: Any, sequence: Any, layer: int = 0) -> Gates:
    """Follow the gates and the states of a fitted network through one sequence.

    A recommender reads the last `max_length` steps, as it does to score; a detector and a classifier read the sequence
    whole. What they read first is the start, unless it lies before a recommender's window.

    Parameters
    ----------
    estimator : LSTMRecommender, LSTMAnomalyDetector or LSTMSequenceClassifier
        Fitted.
    sequence : Sequences of length 1, or list of one list of ids
        With the columns and the timestamps that the estimator was fitted on.
    layer : int
        Which of a recommender's recurrent layers, from 0.

    Returns
    -------
    gates : Gates

    Raises
    ------
    TypeError
        If the estimator has no such network.
    NotFittedError
        Before `fit`.
    ValueError
        If there are several sequences, or none, or the network has no such layer.

    Notes
    -----
    States are what the network's own layer gives, one step at a time. The gates follow from the layer's weights, its
    inputs x and its states: with the equations in `PeepholeLSTMCell` (an LSTM has p = 0), and of a GRU, as Keras has
    it::

        z = sigma(W_z x + U_z h + b_z)        update gate
        r = sigma(W_r x + U_r h + b_r)        reset gate
        h' = z * h + (1 - z) * tanh(W_h x + r * (U_h h + b_uh) + b_wh)

    References
    ----------
    Gers & Schmidhuber (2000), "Recurrent nets that time and count", section 2.
    Cho et al. (2014), "Learning phrase representations using RNN encoder-decoder", equations 5 to 8; as in Keras, the
    reset gate here acts after the product with U.

    Examples
    --------
    >>> from seqrec import LSTMRecommender
    >>> from seqrec.network.gates import trace_gates
    >>> recommender = LSTMRecommender(max_epochs=2, random_state=0).fit([["tea", "milk", "sugar"]] * 30)
    >>> trace = trace_gates(recommender, [["tea", "milk"]])
    >>> trace.events.tolist()
    ['(start)', 'tea', 'milk']
    >>> trace.gates["forget"].shape
    (3, 16)
    """
    check_estimator(estimator)
    X = as_sequences(sequence)
    if len(X) != 1:
        raise InputError(f"trace_gates follows one sequence, got {len(X):,}. Choose one: X[:1], or [ids].")
    encoder, x = estimator.model_.encoder, _inputs(estimator, X)
    n_layers = len(encoder.recurrence)
    if check_integer(layer, "layer", minimum=0) >= n_layers:
        raise InputError(f"layer must be below {n_layers}, the number of the network's layers, got {layer}.")
    for earlier in encoder.recurrence[:layer]:
        x, *_ = earlier(x)
    hidden, *cell = _states(encoder.recurrence[layer], x)
    weights = encoder.recurrence[layer].get_weights()
    gates = _gates(estimator.model_.architecture.cell, weights, x[0].numpy(), hidden, *cell)
    events = np.array([START, *X[0].tolist()], dtype=object)[-len(hidden) :]
    return Gates(events, gates, cell[0] if cell else None, hidden)


def check_estimator(estimator: Any) -> None:
    """Raise unless it is one whose gates can be followed, and fitted."""
    if not isinstance(estimator, BaseLSTM):
        raise InputError(f"only an estimator with an LSTM has gates to follow, got {type(estimator).__name__}.")
    check_is_fitted(estimator)
    if hasattr(estimator, "channels_"):
        raise InputError("the networks of frames have no gates to follow: explain(X) tells what spoke for a class.")


def _inputs(estimator: Any, X: Sequences) -> tf.Tensor:
    """Give what the recurrence takes in of one sequence, (1, n_steps, embedding_dim): its start, and its events."""
    encoded = estimator.encode(X)
    arrays = (encoded.codes, encoded.columns["categories"], encoded.columns["numbers"])
    started = (np.concatenate([np.zeros_like(array, shape=(1, *array.shape[1:])), array]) for array in arrays)
    return estimator.model_.encoder.embed(*(array[None, -estimator.n_read :] for array in started))[1]


def _states(layer: keras.layers.RNN, x: tf.Tensor) -> list[NDArray[np.float32]]:
    """Give each state of a layer after every step of x, (n_steps, units) each."""

    def one_step(memory: list[tf.Tensor], x: tf.Tensor) -> list[tf.Tensor]:
        return list(layer(x[None, None], initial_state=memory)[1:])

    # One step at a time, as of several a layer tells only the last cell state; and compiled, as it takes Keras more
    # than ten milliseconds outside of a graph.
    scan = one_graph(lambda x: tf.scan(one_step, x, layer.get_initial_state(1)), [tf.TensorSpec((None, x.shape[2]))])
    return [states[:, 0].numpy() for states in scan(x[0])]


def _gates(
    cell: str, weights: list[NDArray], x: NDArray, hidden: NDArray, c: Any = None
) -> dict[str, NDArray[np.float32]]:
    """Give the gates at all steps, from the inputs (n_steps, embedding_dim) and the states after each."""
    if cell == "rnn":
        return {}
    kernel, recurrent_kernel, bias, *peepholes = weights
    # Keras' GRU has one bias for the inputs and one for the state: (2, 3 units).
    z = x @ kernel + _before(hidden) @ recurrent_kernel + bias.reshape(-1, kernel.shape[1]).sum(axis=0)
    if cell == "gru":
        update, reset, _ = np.split(expit(z), 3, axis=1)
        return {"update": update, "reset": reset}
    i, f, _, o = np.split(z, 4, axis=1)
    for p_i, p_f, p_o in peepholes:
        i, f, o = i + p_i * _before(c), f + p_f * _before(c), o + p_o * c
    return {"input": expit(i), "forget": expit(f), "output": expit(o)}


def _before(states: NDArray) -> NDArray:
    """Give the state before each step, 0 before the first."""
    return np.concatenate([np.zeros_like(states[:1]), states[:-1]])
