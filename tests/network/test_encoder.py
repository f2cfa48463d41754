"""The encoder keeps its promises on time, padding, fields and seeds, with every cell."""

import numpy as np
import pytest
import tensorflow as tf
from small_networks import CELLS, PLAIN, WITH_FIELDS, random_events, random_network, states_of

from seqrec.data.fields import ABSENT, NOT_GIVEN, POSITIVE, ZERO
from seqrec.data.vocabulary import PADDING, UNKNOWN
from seqrec.network.batches import TILE
from seqrec.network.model import SequenceModel

DIM = PLAIN.embedding_dim
N = TILE  # in whole tiles, company changes not even a last digit
EVENTS = random_events(WITH_FIELDS, (N, 6))
OTHERS = random_events(WITH_FIELDS, (N, 6), seed=1)
BY_CATEGORY = WITH_FIELDS._replace(asked="category")


@pytest.fixture(scope="module", params=[*CELLS, "two layers", "bfloat16"])
def network(request):
    """A network of each cell, and one of two layers, and one in bfloat16."""
    changes = {"two layers": {"n_layers": 2}, "bfloat16": {}}
    dtype = "mixed_bfloat16" if request.param == "bfloat16" else "float32"
    return random_network(WITH_FIELDS._replace(**changes.get(request.param, {"cell": request.param})), dtype=dtype)


@pytest.fixture(scope="module")
def plain():
    return SequenceModel(PLAIN)


def changed(place, events=EVENTS, others=OTHERS):
    """Events that are others at some places, (batch, time)."""
    arrays = [array.copy() for array in events]
    for array, other in zip(arrays, others, strict=True):
        array[:, place] = other[:, place]
    return arrays


def as_arrays(tensors):
    return [tf.cast(tensor, tf.float32).numpy() for tensor in tensors]


# --- time and padding


def test_each_event_has_a_state_beside_the_item_embeddings(network):
    assert states_of(network, EVENTS).shape == (N, 6, DIM)


def test_later_events_do_not_change_earlier_states(network):
    before, after = states_of(network, EVENTS), states_of(network, changed(slice(3, None)))
    np.testing.assert_array_equal(after[:, :3], before[:, :3])
    assert np.abs(after - before)[:, 3:].max() > 0.1


def test_earlier_events_change_later_states(network):
    assert np.abs(states_of(network, changed([1])) - states_of(network, EVENTS))[:, -1].max() > 0.01


def test_the_width_of_padding_does_not_change_states(network):
    padded = [np.concatenate([array, np.zeros_like(array)], axis=1) for array in EVENTS]
    np.testing.assert_array_equal(states_of(network, padded)[:, :6], states_of(network, EVENTS))


def test_company_in_the_batch_does_not_change_states(network):
    together = states_of(network, [np.concatenate(pair) for pair in zip(OTHERS, EVENTS, strict=True)])
    np.testing.assert_array_equal(together[N:], states_of(network, EVENTS))


def test_before_training_the_latest_events_fade_with_their_distance(plain):
    network = SequenceModel(PLAIN)
    network.encoder.projection.set_weights([np.zeros((PLAIN.units, DIM))])
    events = random_events(PLAIN, (2, 6))
    items = network.encoder.items(events[0]).numpy()
    expected = sum(items[:, step] / (6 - step) for step in range(6))
    np.testing.assert_allclose(states_of(network, events)[:, -1], expected, atol=1e-5)


# --- memory


@pytest.mark.parametrize("cut", [1, 3, 5])
def test_reading_on_from_memory_equals_reading_at_once(network, cut):
    encoder = network.encoder
    first, memory = encoder.read(encoder.start(N), *(array[:, :cut] for array in EVENTS))
    second, _ = encoder.read(memory, *(array[:, cut:] for array in EVENTS))
    parts = np.concatenate(as_arrays([first, second]), axis=1)
    # In bfloat16 the cell state is rounded where reading stops.
    tolerance = 1e-6 if network.compute_dtype == "float32" else 0.05
    np.testing.assert_allclose(parts, states_of(network, EVENTS), atol=tolerance)


@pytest.mark.parametrize("length", [1, 2, 5])
def test_memory_stops_at_the_length_of_a_row_to_the_bit(network, length):
    encoder = network.encoder
    longer = np.arange(N) % 3 == 0
    _, padded = encoder.read(encoder.start(N), *EVENTS, lengths=np.where(longer, 6, length))
    for until, rows in ((length, ~longer), (6, longer)):
        _, alone = encoder.read(encoder.start(N), *(array[:, :until] for array in EVENTS))
        for found, expected in zip(as_arrays(padded), as_arrays(alone), strict=True):
            np.testing.assert_array_equal(found[rows], expected[rows])


def test_memory_of_a_row_without_events_is_as_it_was(network):
    encoder = network.encoder
    _, before = encoder.read(encoder.start(N), *EVENTS)
    lengths = np.arange(N) % 2 * 3
    _, after = encoder.read(before, *OTHERS, lengths=lengths)
    for found, expected in zip(as_arrays(after), as_arrays(before), strict=True):
        np.testing.assert_array_equal(found[lengths == 0], expected[lengths == 0])
        assert (found[lengths > 0] != expected[lengths > 0]).any()


def test_lengths_change_no_state_of_a_real_event(network):
    encoder, lengths = network.encoder, 1 + np.arange(N) % 6
    states, _ = encoder.read(encoder.start(N), *EVENTS, lengths=lengths)
    real = np.arange(6) < lengths[:, None]
    np.testing.assert_array_equal(as_arrays([states])[0][real], states_of(network, EVENTS)[real])


# --- training


def test_dropout_is_for_training_alone():
    network = random_network(WITH_FIELDS._replace(dropout=0.3))
    np.testing.assert_array_equal(states_of(network, EVENTS), states_of(network, EVENTS))
    assert not np.allclose(states_of(network, EVENTS, training=True), states_of(network, EVENTS, training=True))


def test_items_are_unknown_at_times_in_training():
    network = random_network()
    network.encoder.code_dropout.rate = 0.5
    codes = np.full((1, 1000), 7, np.int32)
    embedded, _ = network.encoder.embed(codes, *random_events(PLAIN, codes.shape)[1:], training=True)
    table = network.encoder.items.embeddings.numpy()
    unknown = (embedded.numpy()[0] == table[UNKNOWN]).all(axis=1)
    assert unknown.mean() == pytest.approx(0.5, abs=0.1)
    assert ((embedded.numpy()[0] == table[7]).all(axis=1) | unknown).all()


def test_one_seed_starts_from_the_same_weights_and_another_does_not():
    architecture = WITH_FIELDS._replace(n_layers=2)
    first, same, other = (SequenceModel(architecture._replace(seed=seed)).get_weights() for seed in (0, 0, 1))
    for weight, again in zip(first, same, strict=True):
        np.testing.assert_array_equal(weight, again)
    assert any(not np.array_equal(weight, another) for weight, another in zip(first, other, strict=True))


def test_layers_and_fields_do_not_start_alike():
    encoder = SequenceModel(WITH_FIELDS._replace(n_layers=2, embedding_dim=5, category_sizes=(4, 4))).encoder
    for pair in (encoder.recurrence, encoder.categories, encoder.numbers):
        first, second = (layer.get_weights()[0] for layer in pair)
        assert not np.allclose(first, second)


# --- fields


@pytest.mark.parametrize("field", range(4))
def test_each_field_changes_states_from_its_event_on(field):
    network, arrays = random_network(WITH_FIELDS), [array.copy() for array in EVENTS]
    if field < 2:
        arrays[1][:, 3, field] = 1 + arrays[1][:, 3, field] % 3
    else:
        arrays[2][:, 3, field - 2] = POSITIVE, 1.5
    moved = np.abs(states_of(network, arrays) - states_of(network, EVENTS)).max(axis=(0, 2))
    assert not moved[:3].any()
    assert (moved[3:] > 1e-4).all()


def test_an_outlier_does_not_blind_the_network_to_what_follows():
    network, arrays = random_network(WITH_FIELDS), [array.copy() for array in EVENTS]
    states = []
    for size in (6, 30):
        arrays[2][:, 1, 0] = POSITIVE, size
        states.append(states_of(network, arrays))
    np.testing.assert_array_equal(*states)


def embedded_in_training(rate, seed=0):
    """What the recurrence takes in of two categories and two numbers, 500 times, with a share of these dropped."""
    network = random_network(WITH_FIELDS._replace(fields_dropped=rate, seed=seed))
    network.encoder.code_dropout.rate = 0
    arrays = [np.repeat(array[:1, :1], 500, axis=1) for array in EVENTS]
    arrays[1][:], arrays[2][:] = 2, (POSITIVE, 0.5)
    x = network.encoder.embed(*arrays, training=True)[1].numpy()[0]
    return network, arrays, x


def test_training_goes_without_a_share_of_each_fields_values():
    network, arrays, x = embedded_in_training(0.3)
    codes, categories, numbers = (array[:, :1] for array in arrays)
    combinations = {}
    for dropped in np.ndindex(2, 2, 2, 2):
        kept = 1 - np.array(dropped)
        parts = network.encoder.encode_fields(categories * kept[:2], (numbers * kept[2:, None]).astype("f4"))
        combinations[dropped] = (network.encoder.items(codes) + sum(parts)).numpy()[0, 0]
    found = np.array([min(combinations, key=lambda one: np.abs(combinations[one] - row).max()) for row in x])
    assert all(np.abs(combinations[tuple(one)] - row).max() < 1e-4 for one, row in zip(found, x, strict=True))
    np.testing.assert_allclose(found.mean(axis=0), 0.3, atol=0.08)  # each field on its own
    assert abs(np.corrcoef(found[:, 0], found[:, 1])[0, 1]) < 0.15


def test_without_a_share_no_field_is_dropped():
    _, _, x = embedded_in_training(0.0)
    np.testing.assert_allclose(x, np.broadcast_to(x[:1], x.shape), atol=1e-5)


def test_fields_are_dropped_in_training_alone():
    network = random_network(WITH_FIELDS._replace(fields_dropped=0.9))
    np.testing.assert_array_equal(states_of(network, EVENTS), states_of(random_network(WITH_FIELDS), EVENTS))


# --- what is asked about a time


def ask(network, states, categories, numbers):
    return network.encoder.ask(tf.constant(states), categories, numbers).numpy()


@pytest.fixture(scope="module")
def asked():
    """States, and the fields of the events after them, whose gaps are all known."""
    states = np.random.default_rng(0).normal(size=(N, 6, DIM)).astype("f4")
    categories, numbers = (array.copy() for array in OTHERS[1:])
    numbers[..., 0, :] = POSITIVE, 0.7
    return states, categories, numbers


@pytest.mark.parametrize("architecture", [WITH_FIELDS, BY_CATEGORY], ids=["number", "category"])
def test_before_training_a_question_changes_nothing(asked, architecture):
    np.testing.assert_array_equal(ask(SequenceModel(architecture), *asked), asked[0])


def test_nothing_is_asked_where_the_gap_is_not_given(asked):
    states, categories, numbers = asked
    missing = numbers.copy()
    missing[1:, ..., 0, :] = NOT_GIVEN, 0
    found = ask(random_network(WITH_FIELDS), states, categories, missing)
    np.testing.assert_array_equal(found[1:], states[1:])
    assert np.abs(found[0] - states[0]).min(axis=1).max() > 1e-3
    np.testing.assert_array_equal(random_network(WITH_FIELDS).encoder.ask(states), states)


@pytest.mark.parametrize("n_signs", [3, 4])
def test_an_absent_number_is_read_as_something_else_than_one_that_is_not_given(n_signs):
    architecture = WITH_FIELDS._replace(n_signs=n_signs)
    encoder, nothing = random_network(architecture).encoder, np.zeros((1, 2), "i4")
    numbers = np.zeros((3, 1, 2, 2), "f4")
    numbers[:, 0, 1, 0] = NOT_GIVEN, ABSENT, ZERO
    vectors = np.array([list(encoder.encode_fields(nothing, one))[3] for one in numbers])[:, 0]
    assert np.abs(np.diff(vectors[[0, 1, 2, 0]], axis=0)).max(axis=1).min() > 0.01


def test_a_question_scales_and_shifts_a_state_by_the_gap_alone(asked):
    states, categories, numbers = asked
    network = random_network(WITH_FIELDS)
    found = ask(network, states, categories, numbers)
    np.testing.assert_array_equal(ask(network, states, 1 + categories % 3, numbers), found)
    numbers = numbers.copy()
    numbers[..., 1, :] = POSITIVE, -2
    np.testing.assert_array_equal(ask(network, states, categories, numbers), found)
    scale, shift = (found[0, 0] - found[0, 1]) / (states[0, 0] - states[0, 1]), ask(network, 0 * states, *asked[1:])
    np.testing.assert_allclose(found, states * scale + shift, atol=1e-4)


def test_a_question_changes_only_its_own_state(asked):
    states, categories, numbers = asked
    network, other = random_network(WITH_FIELDS), numbers.copy()
    other[:, 2, 0] = POSITIVE, -1.5
    moved = np.abs(ask(network, states, categories, other) - ask(network, states, *asked[1:])).max(axis=(0, 2))
    assert moved[2] > 0.1
    assert not moved[[0, 1, 3, 4, 5]].any()


def test_of_a_bucket_for_missing_gaps_a_question_is_as_of_no_gap(asked):
    states, categories, numbers = asked
    network = random_network(BY_CATEGORY)
    nothing = ask(network, states, np.full_like(categories, PADDING), numbers)
    np.testing.assert_array_equal(network.encoder.ask(states), nothing)
    assert np.abs(ask(network, *asked) - nothing).max() > 0.1


def test_a_network_that_cannot_be_asked_gives_its_states(asked):
    np.testing.assert_array_equal(ask(random_network(WITH_FIELDS._replace(asked="")), *asked), asked[0])
