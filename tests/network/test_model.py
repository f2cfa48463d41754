"""The one network: the chain rule, causality, what its loss counts, and that every weight learns."""

import copy
import math
import pickle
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_networks import CELLS, PLAIN, WITH_FIELDS, random_events, random_network, started, states_of

from seqrec.data.fields import NOT_GIVEN, POSITIVE
from seqrec.data.vocabulary import N_RESERVED, PADDING, UNKNOWN
from seqrec.network.batches import TILE
from seqrec.network.model import SequenceModel
from seqrec.network.reading import Reader

N_CODES, DIM, TIME = PLAIN.n_codes, PLAIN.embedding_dim, 4
UNSEEN = tf.constant(0.05)


@pytest.fixture(scope="module")
def network():
    return random_network(WITH_FIELDS)


@pytest.fixture
def events():
    return random_events(WITH_FIELDS, (3, TIME))


def score(network, events, lengths=None, compare=False, timed=False):
    """Surprisal, parameters and perhaps comparisons of the events of sequences that start, row by row."""
    n, time = events[0].shape
    lengths = np.full(n, time) if lengths is None else lengths
    arguments = started(network, n), events, tf.constant(lengths, tf.int32), network.head.table()
    (memory, state), events, lengths, table = arguments
    events = [tf.constant(array) for array in events]
    more = (table, UNSEEN) if compare else (table,)
    found = network.read(memory, state, events, lengths, *more, keep=False, step="score", timed=timed)
    return [part.numpy() for part in found[2:]]


def last_surprisal(network, events, codes, categories=None):
    """Surprisal of several candidates for the last event of one and the same sequence, (n, 1 + n_fields)."""
    arrays = [np.repeat(array[:1], len(codes), axis=0) for array in events]
    arrays[0][:, -1] = codes
    if categories is not None:
        arrays[1][:, -1, 0] = categories
    return score(network, arrays)[0].reshape(len(codes), TIME, -1)[:, -1]


# --- the chain rule


def test_probabilities_of_all_next_events_sum_to_one(network, events):
    surprisal = last_surprisal(network, events, np.arange(N_RESERVED, N_CODES))
    assert np.exp(-surprisal[:, 0]).sum() == pytest.approx(1, abs=1e-5)


def test_probabilities_of_all_values_of_a_category_sum_to_one_but_for_the_missing(network, events):
    codes = np.arange(UNKNOWN, WITH_FIELDS.category_sizes[0])
    surprisal = last_surprisal(network, events, np.full(len(codes), 3), codes)
    states = states_of(network, [np.concatenate([0 * array[:1, :1], array[:1, :-1]], axis=1) for array in events])
    last = [array[:1, -1] for array in events]
    logits = next(network.fields.parameters(states[:, -1], np.array([3]), *last[1:]))
    missing = tf.nn.softmax(logits)[0, PADDING].numpy()
    assert np.exp(-surprisal[:, 1]).sum() + missing == pytest.approx(1, abs=1e-5)


# --- causality


def test_later_events_do_not_change_earlier_surprisal(network, events):
    others = random_events(WITH_FIELDS, (3, TIME), seed=1)
    changed = [np.concatenate([a[:, :2], b[:, 2:]], axis=1) for a, b in zip(events, others, strict=True)]
    before, after = (score(network, arrays)[0].reshape(3, TIME, -1) for arrays in (events, changed))
    np.testing.assert_array_equal(after[:, :2], before[:, :2])
    assert np.abs(after - before)[:, 2:].max() > 0.1


@pytest.mark.parametrize("field", range(4))
def test_later_fields_do_not_change_the_surprisal_of_earlier_ones(network, events, field):
    events = [array[:, :1].copy() for array in events]
    before = score(network, events)[0]
    if field < 2:
        events[1][..., field] = 1 + events[1][..., field] % 3
    else:
        events[2][..., field - 2, :] = POSITIVE, 1.5
    after = score(network, events)[0]
    np.testing.assert_array_equal(after[:, : 1 + field], before[:, : 1 + field])
    assert (after[:, 1 + field] != before[:, 1 + field]).any()
    assert field == 3 or (after[:, 2 + field :] != before[:, 2 + field :]).any()


def test_what_lies_beyond_the_length_of_a_row_is_no_event(network, events):
    lengths = np.array([4, 0, 2])
    found, whole = score(network, events, lengths, compare=True), score(network, events, compare=True)
    rows = [0, 1, 2, 3, 8, 9]
    for part, expected in zip(found, whole, strict=True):
        assert len(part) == 6
        np.testing.assert_array_equal(part, expected[rows])


@pytest.mark.parametrize("cell", CELLS)
def test_memory_and_state_go_on_after_the_last_event_of_each_row(cell):
    network = random_network(WITH_FIELDS._replace(cell=cell))
    events, lengths = random_events(WITH_FIELDS, (TILE, TIME)), np.arange(TILE) % (TIME + 1)
    follow = partial(network.read, keep=True, step="follow")
    memory, state = follow(*started(network, TILE), events, tf.constant(lengths, tf.int32))
    for length in range(TIME + 1):
        arrays = [array[:, :length] for array in events]
        alone = started(network, TILE)
        if length:
            alone = follow(*alone, arrays, tf.fill([TILE], length))
        rows = lengths == length
        for found, expected in zip((*memory, state), (*alone[0], alone[1]), strict=True):
            np.testing.assert_array_equal(found.numpy()[rows], expected.numpy()[rows])


def test_states_before_events_are_those_after_the_ones_before(network, events):
    memory, state = started(network, 3)
    lengths = tf.fill([3], TIME)
    _, last, before = network.read(memory, state, events, lengths, keep=False, step="expect")
    before = before.numpy().reshape(3, TIME, DIM)
    with_start = [np.concatenate([np.zeros_like(array[:, :1]), array], axis=1) for array in events]
    expected = states_of(network, with_start)
    np.testing.assert_allclose(before, expected[:, :-1], atol=1e-5)
    np.testing.assert_allclose(last, expected[:, -1], atol=1e-5)


def test_known_times_are_asked_about(network, events):
    untimed, timed = (score(network, events, timed=timed)[0] for timed in (False, True))
    np.testing.assert_array_equal(timed[:, 1:], untimed[:, 1:])
    known = events[2][..., 0, 0].ravel() != NOT_GIVEN
    np.testing.assert_array_equal(timed[~known, 0], untimed[~known, 0])
    assert (timed[known, 0] != untimed[known, 0]).all()


def test_events_are_compared_by_the_heads(network, events):
    surprisal, parameters, no_likelier, likelier, likeliest = score(network, events, compare=True)
    *_, before = network.read(*started(network, 3), events, tf.fill([3], TIME), keep=False, step="expect")
    codes = events[0].ravel()
    expected = network.head.judge(before, codes, network.head.table(), UNSEEN)
    np.testing.assert_allclose(surprisal[:, 0], -expected[0], atol=1e-5)
    np.testing.assert_allclose(no_likelier[:, 0], expected[1], atol=1e-5)
    np.testing.assert_array_equal(likelier, expected[2])
    np.testing.assert_array_equal(likeliest, expected[3])
    fields = [array.reshape(len(codes), *array.shape[2:]) for array in events[1:]]
    of_fields = list(network.fields.parameters(before, codes, *fields))
    np.testing.assert_allclose(parameters, np.stack(of_fields[2:], axis=1), atol=1e-4)
    by_hand = network.fields.no_likelier(of_fields, fields[0])
    np.testing.assert_allclose(no_likelier[:, 1:], np.stack(by_hand, axis=1), atol=1e-5)
    alone = score(network, events)
    np.testing.assert_array_equal(alone[0], surprisal)
    np.testing.assert_array_equal(alone[1], parameters)


# --- the loss


def training_arrays(architecture, n=3, seed=0, n_classes=0):
    """Inputs and targets, fields of both, and labels, as `loss_of` takes them, of sequences that start."""
    events = random_events(architecture, (n, TIME), seed)
    inputs = [np.concatenate([np.zeros_like(array[:, :1]), array[:, :-1]], axis=1) for array in events]
    labels = []
    if n_classes:
        rng = np.random.default_rng(seed)
        labels = [rng.integers(0, n_classes, (n, TIME)).astype("i4"), rng.random((n, TIME)).astype("f4")]
    return [tf.constant(array) for array in (*inputs, *events, *labels)]


def loss_of(network, arrays):
    network.encoder.code_dropout.rate = 0
    return float(network.loss_of(network.encoder.start(len(arrays[0])), *arrays)[0])


def test_the_loss_is_the_mean_surprisal_of_events_and_fields(events):
    network = random_network(WITH_FIELDS)
    surprisal, _ = score(network, events)
    assert loss_of(network, training_arrays(WITH_FIELDS)) == pytest.approx(surprisal.sum(axis=1).mean(), abs=1e-4)


def test_the_loss_leaves_padded_targets_out():
    network, arrays = random_network(), training_arrays(PLAIN)
    inputs, targets = arrays[:3], arrays[3:]
    real = np.arange(TIME) < np.array([[4], [2], [1]])
    padded = [part for codes, *fields in (inputs, targets) for part in (np.where(real, codes, PADDING), *fields)]
    states = states_of(network, inputs)
    logits = network.head.logits(states[real], network.head.table())
    own = tf.nn.log_softmax(logits).numpy()[np.arange(real.sum()), targets[0].numpy()[real] - N_RESERVED]
    assert loss_of(network, padded) == pytest.approx(-own.mean(), abs=1e-5)


@pytest.mark.parametrize("asked", ["number", "category"])
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_events_that_are_asked_about_are_learned_as_such_and_an_end_as_what_came_at_no_time(asked, share):
    """An end has no gap. Asked about a time, it cannot come; unasked it counts as any other event."""
    architecture = WITH_FIELDS._replace(asked=asked, share_asked=share, predicts_fields=False)
    network, arrays = random_network(architecture), training_arrays(architecture)
    inputs, in_categories, in_numbers, targets, categories, numbers = (array.numpy() for array in arrays)
    categories[..., 0] = np.maximum(categories[..., 0], 2)
    numbers[..., 0, :] = POSITIVE, 0.4
    for place in (0, -1):  # the first event has no gap, and the last is an end
        categories[:, place, 0], numbers[:, place, 0] = NOT_GIVEN, (NOT_GIVEN, 0)
    counted = np.ones(targets.shape, bool)
    counted[:, -1] = share == 0
    states = states_of(network, [inputs, in_categories, in_numbers])
    states = network.encoder.ask(tf.constant(states), *((categories, numbers) if share else ())).numpy()
    logits = network.head.logits(states[counted], network.head.table())
    own = tf.nn.log_softmax(logits).numpy()[np.arange(counted.sum()), targets[counted] - N_RESERVED]
    arrays = [inputs, in_categories, in_numbers, targets, categories, numbers]
    assert loss_of(network, [tf.constant(array) for array in arrays]) == pytest.approx(-own.mean(), abs=1e-4)


def test_a_share_of_the_events_is_asked_about_and_others_at_each_step():
    architecture = WITH_FIELDS._replace(share_asked=0.5, predicts_fields=False)
    network, arrays = random_network(architecture), training_arrays(architecture)
    assert len({loss_of(network, arrays) for _ in range(5)}) > 1


def test_the_loss_of_classes_is_weighted_and_leaves_out_what_has_no_label():
    architecture = WITH_FIELDS._replace(predicts_fields=False, n_classes=3)
    network = random_network(architecture)
    arrays = training_arrays(architecture, n_classes=3)
    labels, weights = (array.numpy() for array in arrays[-2:])
    weights[:, 1] = 0
    unlabelled = loss_of(network, [*arrays[:-1], tf.zeros((3, TIME))])
    inputs = [array.numpy() for array in arrays[:3]]
    states = states_of(network, inputs).reshape(-1, DIM)
    flat = [array.reshape(3 * TIME, *array.shape[2:]) for array in inputs]
    log_p = tf.nn.log_softmax(network.class_logits(states, *flat)).numpy()
    own = -log_p[np.arange(3 * TIME), labels.ravel()] * weights.ravel()
    expected = unlabelled + own.sum() / np.count_nonzero(weights)
    assert loss_of(network, [*arrays[:-1], tf.constant(weights)]) == pytest.approx(expected, abs=1e-4)


def test_guessing_costs_the_logarithm_of_what_could_come():
    assert random_network().guessing == pytest.approx(math.log(N_CODES))
    assert SequenceModel(WITH_FIELDS).guessing == pytest.approx(math.log(N_CODES * 5 * 4) + 4)
    assert SequenceModel(PLAIN._replace(n_classes=3, n_numbers=2)).guessing == pytest.approx(math.log(N_CODES * 3))


def test_training_starts_from_the_shares_of_events_and_fields(events):
    network = SequenceModel(WITH_FIELDS)
    events = random_events(WITH_FIELDS, (3000,))
    events[0][:] = np.random.default_rng(0).choice([2, 3], 3000, p=[0.9, 0.1])
    before = [layer.bias.numpy().copy() for layer in network.fields.outputs]
    network.start_from_shares(*events)
    bias = network.head.bias.numpy()
    assert bias[2] - bias[3] == pytest.approx(math.log(9), abs=0.2)
    assert bias[4] < bias[3]
    for layer, old in zip(network.fields.outputs, before, strict=True):
        assert not np.array_equal(layer.bias, old)


# --- weights

ARCHITECTURES = {
    **{cell: WITH_FIELDS._replace(cell=cell, share_asked=0.5) for cell in CELLS},
    "two layers": PLAIN._replace(n_layers=2, dropout=0.3),
    "sampled": PLAIN._replace(n_negatives=4),
    "by category": WITH_FIELDS._replace(asked="category", share_asked=0.5, fields_dropped=0.1),
    "classes": WITH_FIELDS._replace(asked="", predicts_fields=False, n_classes=3),
    "bfloat16": WITH_FIELDS._replace(share_asked=0.5),
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_weight_learns(name):
    architecture, dtype = ARCHITECTURES[name], "mixed_bfloat16" if name == "bfloat16" else "float32"
    network = random_network(architecture, dtype=dtype)
    arrays = training_arrays(architecture, 16, n_classes=architecture.n_classes)
    variables = [variable.value for variable in network.trainable_variables]
    with tf.GradientTape() as tape:
        loss, _ = network.loss_of(network.encoder.start(16), *arrays)
    assert 0 < float(loss) < 60
    for variable, gradient in zip(network.trainable_variables, tape.gradient(loss, variables), strict=True):
        assert gradient is not None, variable.path
        values = tf.convert_to_tensor(gradient).numpy()
        assert np.isfinite(values).all(), variable.path
        assert values.any(), variable.path


@pytest.mark.parametrize(("category_sizes", "n_numbers"), [((), 0), ((5,), 0), ((), 1), ((5, 4), 2)])
def test_a_step_along_the_gradient_lowers_the_loss(category_sizes, n_numbers):
    architecture = PLAIN._replace(category_sizes=category_sizes, n_numbers=n_numbers, predicts_fields=True)
    network, arrays = SequenceModel(architecture), training_arrays(architecture)
    before = loss_of(network, arrays)
    variables = [variable.value for variable in network.trainable_variables]
    with tf.GradientTape() as tape:
        loss, _ = network.loss_of(network.encoder.start(3), *arrays)
    for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
        variable.assign_sub(0.05 * tf.convert_to_tensor(gradient))
    assert loss_of(network, arrays) < before


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])  # noqa: S301
def test_a_copy_scores_the_same_to_the_bit_and_is_its_own(network, events, copied):
    Reader.of(network)  # graphs are built anew
    twin, before = copied(network), score(network, events)[0]
    np.testing.assert_array_equal(score(twin, events)[0], before)
    twin.head.log_scale.assign([0.0])
    np.testing.assert_array_equal(score(network, events)[0], before)


def test_bfloat16_is_close_to_float32(events):
    exact, rounded = (random_network(WITH_FIELDS, dtype=dtype) for dtype in ("float32", "mixed_bfloat16"))
    np.testing.assert_allclose(score(rounded, events)[0], score(exact, events)[0], atol=0.3)
    assert {weight.dtype for weight in rounded.get_weights()} == {np.dtype("float32")}


# --- Keras' global settings


@pytest.mark.parametrize("architecture", [PLAIN, WITH_FIELDS._replace(cell="peephole", n_classes=2, n_negatives=3)])
@pytest.mark.parametrize("setting", ["float64", "mixed_float16"])
def test_no_global_setting_of_keras_is_obeyed(architecture, setting):
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    expected = [(weight.shape, weight.dtype) for weight in SequenceModel(architecture).get_weights()]
    try:
        if setting == "float64":
            keras.config.set_floatx(setting)
        else:
            keras.config.set_dtype_policy(setting)
        network = random_network(architecture)
    finally:
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)
    assert [(weight.shape, weight.dtype) for weight in network.get_weights()] == expected
    events = random_events(architecture, (2, 5))
    np.testing.assert_array_equal(states_of(network, events), states_of(random_network(architecture), events))
