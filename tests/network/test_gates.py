"""Gates and states are the network's own, for each cell and each estimator, and follow the paper's equations."""

import copy
import functools

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from sklearn.exceptions import NotFittedError
from small_networks import CELLS, quickest

from seqrec import LSTMAnomalyDetector, LSTMRecommender, LSTMSequenceClassifier, MarkovRecommender, Sequences
from seqrec.network.gates import START, trace_gates
from seqrec.network.model import SequenceModel

NAMES = {"lstm": ["input", "forget", "output"], "gru": ["update", "reset"], "rnn": []}
UNITS, WINDOW = 5, 8
CHEAP = {"units": UNITS, "max_length": WINDOW, "max_epochs": 1, "random_state": 0}
ESTIMATORS = {
    "recommender": LSTMRecommender(n_layers=2, precision="float32", **CHEAP),
    "detector": LSTMAnomalyDetector(n_folds=1, precision="float32", **CHEAP),
    "classifier": LSTMSequenceClassifier(**CHEAP),
}


def make_log(n=24, seed=0):
    """A log with a category, a number and times."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, 6, n)
    n_events = lengths.sum()
    return pd.DataFrame(
        {
            "user_id": np.repeat([f"u{i:02d}" for i in range(n)], lengths),
            "item_id": rng.choice(["open", "read", "write"], n_events),
            "timestamp": pd.to_datetime((1.7e9 + np.cumsum(rng.exponential(60, n_events))) * 1e6, unit="us"),
            "amount": rng.lognormal(3, 1, n_events),
            "channel": rng.choice(["web", "app"], n_events),
        }
    )


def sequences(log):
    return Sequences.from_frame(log, columns=["amount", "channel"])


def one_sequence(items):
    """A sequence of these items, with other fields than the training data."""
    n = len(items)
    log = make_log(40, seed=1).head(n).assign(user_id="new", item_id=items)
    return sequences(log) if n else sequences(make_log())[:1].head(0)


X = sequences(make_log())
SEQUENCE = one_sequence(["open", "read", "erase", "write", "open", "open"])  # nothing was ever erased in training
LONG = one_sequence(["open", "read", "write"] * 4)


@functools.cache
def fit(kind, cell="lstm"):
    """A fitted estimator of this cell; networks of other cells than the first are not trained, to save time."""
    if cell == "lstm":
        return sharpened(ESTIMATORS[kind])
    estimator = copy.copy(fit(kind))
    network = SequenceModel(estimator.model_.architecture._replace(cell=cell))
    if kind == "detector":
        estimator.normal_ = estimator.normal_._replace(network=network)
    else:
        estimator.model_ = network
    return sharpened(estimator)


def sharpened(estimator):
    """Larger weights than one epoch leaves, so that gates and states differ from step to step."""
    if not hasattr(estimator, "training_data_"):
        estimator.fit(X, np.arange(len(X)) % 2 if isinstance(estimator, LSTMSequenceClassifier) else None)
    rng = np.random.default_rng(0)
    for layer in recurrence_of(estimator):
        layer.set_weights([rng.normal(0, 0.8, weight.shape) for weight in layer.get_weights()])
    return estimator


def recurrence_of(estimator):
    return estimator.model_.encoder.recurrence


@functools.cache
def trace_of(kind, cell):
    return trace_gates(fit(kind, cell), SEQUENCE)


@pytest.fixture(params=quickest("recommender", "detector", "classifier", n=1))
def kind(request):
    return request.param


@pytest.fixture(params=quickest(*CELLS, n=2))
def cell(request):
    return request.param


def arrays_of(estimator, sequence):
    """What the network reads of a sequence: codes, categories and numbers, (1, n_steps, ...), 0 at the start."""
    encoded = estimator.fields_.encode(sequence.recode(estimator.vocabulary_), may_lack=True)
    arrays = (encoded.codes, encoded.columns["categories"], encoded.columns["numbers"])
    window = WINDOW if isinstance(estimator, LSTMRecommender) else 2**62
    return [
        np.concatenate([np.zeros_like(array[:1], shape=(1, *array.shape[1:])), array])[None, -window:]
        for array in arrays
    ]


def states_by_carried_memory(estimator, sequence, layer=0):
    """Each state of a layer after each step, as `read` remembers it when it reads one event at a time."""
    encoder, found = estimator.model_.encoder, []
    memory = encoder.start(1)
    for step in zip(*(np.moveaxis(array, 1, 0) for array in arrays_of(estimator, sequence)), strict=True):
        _, memory = encoder.read(memory, *(tf.constant(array[:, None]) for array in step))
        n_states = (len(memory) - 1) // len(encoder.recurrence)
        found.append(memory[1 + n_states * layer :][:n_states])
    return [np.concatenate(states) for states in zip(*found, strict=True)]


def layer_inputs(estimator, sequence):
    """What the first layer takes in, from the embeddings."""
    encoder, (codes, *fields) = estimator.model_.encoder, arrays_of(estimator, sequence)
    return (encoder.items(codes) + sum(encoder.encode_fields(*fields)))[0].numpy()


def sigma(z):
    return 1 / (1 + np.exp(-z))


@pytest.mark.slow
def test_states_are_those_that_the_network_remembers(kind, cell):
    trace = trace_of(kind, cell)
    states = [trace.hidden] if trace.cell is None else [trace.hidden, trace.cell]
    for found, own in zip(states, states_by_carried_memory(fit(kind, cell), SEQUENCE), strict=True):
        assert found.shape == (1 + SEQUENCE.n_events, UNITS)
        np.testing.assert_allclose(found, own, atol=1e-5, rtol=0)


def test_states_are_those_of_reading_all_at_once(kind, cell):
    estimator = fit(kind, cell)
    whole = recurrence_of(estimator)[0](layer_inputs(estimator, SEQUENCE)[None])[0]
    np.testing.assert_allclose(trace_of(kind, cell).hidden, whole[0], atol=1e-5, rtol=0)


def test_a_second_layer_has_states_of_its_own(cell):
    estimator = fit("recommender", cell)
    trace = trace_gates(estimator, SEQUENCE, layer=1)
    own = states_by_carried_memory(estimator, SEQUENCE, layer=1)
    np.testing.assert_allclose(trace.hidden, own[0], atol=1e-5, rtol=0)
    assert not np.allclose(trace.hidden, trace_of("recommender", cell).hidden, atol=0.01)


def test_gates_lie_between_zero_and_one_and_are_named_by_the_cell(kind, cell):
    trace = trace_of(kind, cell)
    assert list(trace.gates) == NAMES["lstm" if cell == "peephole" else cell]
    assert (trace.cell is None) == (cell in ("gru", "rnn"))
    for gate in trace.gates.values():
        assert gate.shape == trace.hidden.shape
        assert gate.dtype == trace.hidden.dtype == np.float32
        assert ((gate > 0) & (gate < 1)).all()
        assert gate.std() > 0.05


@pytest.mark.parametrize("cell", ["lstm", "peephole"])
def test_gates_and_states_follow_the_equations_of_the_lstm(kind, cell):
    estimator, trace, h, c = fit(kind, cell), trace_of(kind, cell), np.zeros(UNITS), np.zeros(UNITS)
    kernel, recurrent, bias, *peepholes = recurrence_of(estimator)[0].get_weights()
    (w_i, w_f, w_c, w_o), (u_i, u_f, u_c, u_o) = np.split(kernel, 4, axis=1), np.split(recurrent, 4, axis=1)
    (b_i, b_f, b_c, b_o), (p_i, p_f, p_o) = np.split(bias, 4), peepholes[0] if peepholes else np.zeros((3, UNITS))
    for t, x in enumerate(layer_inputs(estimator, SEQUENCE)):  # Gers & Schmidhuber (2000)
        i = sigma(x @ w_i + h @ u_i + p_i * c + b_i)
        f = sigma(x @ w_f + h @ u_f + p_f * c + b_f)
        c = f * c + i * np.tanh(x @ w_c + h @ u_c + b_c)
        o = sigma(x @ w_o + h @ u_o + p_o * c + b_o)
        h = o * np.tanh(c)
        found = [*(trace.gates[name][t] for name in ("input", "forget", "output")), trace.cell[t], trace.hidden[t]]
        np.testing.assert_allclose(found, [i, f, o, c, h], atol=1e-5)


def test_gates_and_states_follow_the_equations_of_the_gru(kind):
    estimator, trace, h = fit(kind, "gru"), trace_of(kind, "gru"), np.zeros(UNITS)
    kernel, recurrent, (b, b_u) = recurrence_of(estimator)[0].get_weights()
    for t, x in enumerate(layer_inputs(estimator, SEQUENCE)):  # Cho et al. (2014), with Keras' place of the reset gate
        (x_z, x_r, x_h), (h_z, h_r, h_h) = np.split(x @ kernel + b, 3), np.split(h @ recurrent + b_u, 3)
        z, r = sigma(x_z + h_z), sigma(x_r + h_r)
        h = z * h + (1 - z) * np.tanh(x_h + r * h_h)
        found = [trace.gates["update"][t], trace.gates["reset"][t], trace.hidden[t]]
        np.testing.assert_allclose(found, [z, r, h], atol=1e-5)


def test_events_are_named_after_the_start(kind):
    assert trace_of(kind, "lstm").events.tolist() == [START, "open", "read", "erase", "write", "open", "open"]


@pytest.mark.parametrize("items", [[], ["read"], ["erase"]])
def test_short_and_unknown_sequences_are_followed(kind, items):
    sequence = one_sequence(items)
    trace = trace_gates(fit(kind), sequence)
    assert trace.events.tolist() == [START, *items]
    np.testing.assert_allclose(trace.hidden, states_by_carried_memory(fit(kind), sequence)[0], atol=1e-5, rtol=0)


def test_a_recommender_reads_its_window_and_others_read_all(kind):
    trace = trace_gates(fit(kind), LONG)
    expected = LONG[0].tolist()[-WINDOW:] if kind == "recommender" else [START, *LONG[0].tolist()]
    assert trace.events.tolist() == expected
    np.testing.assert_allclose(trace.hidden, states_by_carried_memory(fit(kind), LONG)[0], atol=1e-5, rtol=0)


def test_a_history_that_just_fills_the_window_has_no_start():
    recommender = fit("recommender")
    assert trace_gates(recommender, LONG.head(WINDOW)).events.tolist() == LONG[0].tolist()[:WINDOW]
    assert trace_gates(recommender, LONG.head(WINDOW - 1)).events.tolist() == [START, *LONG[0].tolist()[: WINDOW - 1]]


@pytest.mark.slow
def test_a_long_sequence_is_followed_over_segments():
    detector = fit("detector")
    n = 7 * LONG.n_events
    columns = {name: np.tile(values, 7) for name, values in LONG.columns.items()}
    times = LONG.timestamps[0] + np.arange(n) * np.timedelta64(1, "s")
    codes, indptr = np.tile(LONG.codes, 7), np.array([0, n])
    sequence = Sequences(codes, indptr, LONG.keys, LONG.vocabulary, times, np.arange(n), columns)
    trace = trace_gates(detector, sequence)
    hidden, cell = states_by_carried_memory(detector, sequence)
    np.testing.assert_allclose(trace.hidden, hidden, atol=1e-5, rtol=0)
    np.testing.assert_allclose(trace.cell, cell, atol=1e-5, rtol=0)


def test_a_list_of_one_list_is_a_sequence():
    recommender = fit("recommender")
    lists = [["open", "read"]]
    trace = trace_gates(recommender, lists)  # no times: the gaps are unknown
    assert trace.events.tolist() == [START, "open", "read"]


@pytest.mark.parametrize("several", [X[:3], X[:0]])
def test_other_than_one_sequence_is_refused(several):
    recommender = fit("recommender")
    with pytest.raises(ValueError, match=f"follows one sequence, got {len(several)}"):
        trace_gates(recommender, several)


def test_a_layer_that_is_not_there_is_refused():
    recommender = fit("recommender")
    with pytest.raises(ValueError, match="layer must be below 2"):
        trace_gates(recommender, SEQUENCE, layer=2)
    with pytest.raises(ValueError, match="layer must be at least 0"):
        trace_gates(recommender, SEQUENCE, layer=-1)


@pytest.mark.parametrize("kind", [LSTMRecommender, LSTMAnomalyDetector, LSTMSequenceClassifier])
def test_what_was_never_fitted_is_refused(kind):
    with pytest.raises(NotFittedError):
        trace_gates(kind(), SEQUENCE)


@pytest.mark.filterwarnings("ignore::seqrec.exceptions.UnusedColumnsWarning")
def test_a_model_without_a_network_is_refused():
    with pytest.raises(TypeError, match="to follow, got MarkovRecommender"):
        trace_gates(MarkovRecommender().fit(X), SEQUENCE)


@pytest.mark.slow
def test_sequences_without_the_fields_of_the_training_data_are_refused():
    detector = fit("detector")
    with pytest.raises(ValueError, match="the training data had timestamps"):
        trace_gates(detector, [["open", "read"]])
    with pytest.raises(ValueError, match="column 'amount' is missing"):
        trace_gates(detector, Sequences.from_frame(make_log().head(3), columns=["channel"])[:1])


def test_fields_change_the_states_of_every_estimator(kind):
    other = make_log(40, seed=1).head(SEQUENCE.n_events)
    other = sequences(other.assign(user_id="new", item_id=SEQUENCE[0], amount=other["amount"] * 50))
    trace = trace_gates(fit(kind), other)
    moved = np.abs(trace.hidden - trace_of(kind, "lstm").hidden).max(axis=1)
    assert moved[0] == 0  # the start has no fields
    assert (moved[1:] > 0).all()
