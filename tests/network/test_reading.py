"""One reader for all: whole or going on, what is read is the same to the last digit, in bounded memory."""

import numpy as np
import pytest
import tensorflow as tf
from numpy.testing import assert_array_equal
from small_networks import PLAIN, WITH_FIELDS, encoded_log, quickest, random_network, states_of

from seqrec.data.vocabulary import N_RESERVED, UNKNOWN
from seqrec.network import batches, reading
from seqrec.network.batches import SEGMENT, TILE
from seqrec.network.reading import Reader
from seqrec.network.state import State, join, leaves, take

X = encoded_log(WITH_FIELDS, [7, 0, 1, 12, 3, 90, 12])
MANY = encoded_log(WITH_FIELDS, [*np.random.default_rng(1).integers(0, 30, 60), 150, 90], seed=1)
UNSEEN = tf.constant(0.05)


@pytest.fixture(scope="module")
def reader():
    return Reader.of(random_network(WITH_FIELDS))


@pytest.fixture(scope="module", params=quickest("lstm", "two layers", "peephole", "gru", "rnn", "larger", n=3))
def any_reader(request):
    """A reader of a network of each cell, of two layers, and of one as large as small logs get."""
    changes = {"two layers": {"n_layers": 2}, "larger": {"units": 64, "embedding_dim": 32}}
    return Reader.of(random_network(WITH_FIELDS._replace(**changes.get(request.param, {"cell": request.param}))))


def scored(reader, X, state=None, keep=False):
    """The state after X, and all that is to be said of its events, in their order."""
    found = []

    def put(events, *results):
        if not found:
            found.extend(np.full((X.n_events, *part.shape[1:]), -1, part.numpy().dtype) for part in results)
        for whole, part in zip(found, results, strict=True):
            whole[events] = part

    after = reader.read(X, state, keep, "score", put, (reader.table, UNSEEN))
    return after, found


def assert_same(found, expected):
    """To the last digit."""
    for one, other in zip(found, expected, strict=True):
        assert_array_equal(one, other)


def events_of(X, rows):
    return np.concatenate([np.empty(0, np.intp), *(np.arange(X.indptr[row], X.indptr[row + 1]) for row in rows)])


# --- what is read


def test_states_are_those_of_the_encoder_after_the_start(any_reader):
    after = any_reader.read(X, keep=True)
    for row in range(len(X)):
        arrays = [X[[row]].codes, *X[[row]].columns.values()]
        events = [np.concatenate([np.zeros_like(array[:1], shape=(1, *array.shape[1:])), array]) for array in arrays]
        expected = states_of(any_reader.network, [array[None] for array in events])[0, -1]
        np.testing.assert_allclose(after.output[row], expected, atol=1e-5)


def test_a_sequence_without_events_is_as_one_that_starts(reader):
    after = reader.read(X, keep=True)
    assert_same(leaves(take(after, [1])), leaves(reader.started))


def test_nothing_was_read_at_the_blank_state(reader):
    for array in (*reader.blank.memory, reader.blank.output):
        assert not array.any()
    assert np.isnat(reader.blank.time).all()
    assert reader.started.output.any()


def test_from_the_blank_state_the_start_is_not_read_either(reader):
    after = reader.read(X[[0]], reader.blank)
    arrays = [array[None] for array in (X[[0]].codes, *X[[0]].columns.values())]
    np.testing.assert_allclose(after.output[0], states_of(reader.network, arrays)[0, -1], atol=1e-5)


def test_the_time_of_the_last_event_is_kept(reader):
    after = reader.read(X)
    full = X.lengths > 0
    assert_array_equal(after.time[full], X.timestamps[X.indptr[1:][full] - 1])
    assert np.isnat(after.time[~full]).all()
    assert_array_equal(reader.read(X.head(0), after).time, after.time)


def test_without_keeping_there_is_no_memory(reader):
    after, kept = reader.read(X), reader.read(X, keep=True)
    assert after.memory == ()
    assert_array_equal(after.output, kept.output)
    assert [part.shape[0] for part in kept.memory] == [len(X)] * 3


def test_reading_no_sequences_gives_none(reader):
    none, nobody = X[np.array([], int)], take(reader.started, np.array([], int))
    for state in (None, nobody):
        after, found = scored(reader, none, state, keep=True)
        assert len(after.output) == len(after.time) == 0
        assert found == []


def test_reading_changes_nothing_that_was_kept(reader):
    kept = reader.read(X, keep=True)
    before = [array.copy() for array in leaves(kept)]
    reader.read(X, kept, keep=True)
    assert_same(leaves(kept), before)


# --- going on


def test_what_is_read_in_parts_is_read_as_a_whole_to_the_last_digit(any_reader):
    cuts = np.sort(np.random.default_rng(0).integers(0, X.lengths + 1, (3, len(X))), axis=0)
    after, whole = scored(any_reader, X, keep=True)
    state, found = None, [np.full_like(part, -1) for part in whole]
    for starts, stops in zip([0 * X.lengths, *cuts], [*cuts, X.lengths], strict=True):
        state, part = scored(any_reader, X.between(starts, stops), state, keep=True)
        events = np.concatenate([np.arange(a, b) for a, b in zip(X.indptr[:-1] + starts, X.indptr[:-1] + stops)])  # noqa: B905
        for array, values in zip(found, part, strict=bool(part)):
            array[events] = values
    assert_same(found, whole)
    assert_same(leaves(state), leaves(after))


def test_events_one_by_one_are_read_as_a_whole(any_reader):
    one, state, found = X[[3]], None, []
    for position in range(12):
        state, part = scored(any_reader, one.between(position, position + 1), state, keep=True)
        found.append(part)
    after, whole = scored(any_reader, one, keep=True)
    assert_same([np.concatenate(parts) for parts in zip(*found, strict=True)], whole)
    assert_same(leaves(state), leaves(after))


def test_one_state_serves_all_sequences(reader):
    first = reader.read(X[[3]], keep=True)
    shared = reader.read(X, first, keep=True)
    apart = reader.read(X, take(first, np.zeros(len(X), int)), keep=True)
    assert_same(leaves(shared), leaves(apart))


def test_states_of_several_readings_go_on_together(reader):
    halves = [reader.read(X[rows].head(2), keep=True) for rows in (slice(0, 4), slice(4, 7))]
    rest = X.between(np.minimum(2, X.lengths), X.lengths)
    together, whole = reader.read(rest, join(halves), keep=True), reader.read(X, keep=True)
    assert_same(leaves(together), leaves(whole))


# --- what changes nothing


@pytest.mark.parametrize("segment", [1, 5])
def test_the_length_of_segments_changes_nothing(reader, monkeypatch, segment):
    after, whole = scored(reader, X, keep=True)
    monkeypatch.setattr(batches, "SEGMENT", segment)
    again, found = scored(reader, X, keep=True)
    assert_same(found, whole)
    assert_same(leaves(again), leaves(after))


@pytest.mark.parametrize("batch_size", [1, 100, 1_000])
def test_the_size_of_batches_changes_nothing(reader, monkeypatch, batch_size):
    after, whole = scored(reader, MANY, keep=True)
    monkeypatch.setattr(reading, "BATCH", batch_size)
    again, found = scored(reader, MANY, keep=True)
    assert_same(found, whole)
    assert_same(leaves(again), leaves(after))


@pytest.mark.parametrize("n", [1, 7, 31])
def test_as_many_sequences_as_may_be_read_together_get_the_same_last_digit(any_reader, n):
    after, together = scored(any_reader, MANY, keep=True)
    for rows in np.random.default_rng(n).choice(len(MANY), (2, n)):
        state, found = scored(any_reader, MANY[rows], keep=True)
        assert_same(found, [array[events_of(MANY, rows)] for array in together])
        assert_same(leaves(state), leaves(take(after, rows)))


def test_later_events_do_not_change_earlier_findings(reader):
    _, whole = scored(reader, X)
    head = X.head(4)
    _, found = scored(reader, head)
    first = np.concatenate([np.arange(a, a + n) for a, n in zip(X.indptr[:-1], head.lengths, strict=True)])
    assert_same(found, [array[first] for array in whole])


# --- bounded memory


def test_a_very_long_sequence_is_read_in_pieces_of_bounded_size(reader, monkeypatch):
    long = encoded_log(WITH_FIELDS, [5_000, 3, 60, *[9] * 40])
    shapes, parts_in_time = [], reading.parts_in_time

    def spy(*arguments):
        for events, lengths, arrays in parts_in_time(*arguments):
            shapes.append(arrays[0].shape)
            yield events, lengths, arrays

    monkeypatch.setattr(reading, "BATCH", 200)
    monkeypatch.setattr(reading, "parts_in_time", spy)
    _, (surprisal, *_) = scored(reader, long)
    assert np.isfinite(surprisal[long.codes >= N_RESERVED]).all()
    assert max(time for _, time in shapes) == SEGMENT
    assert max(n * time for n, time in shapes) <= 200
    assert len(shapes) < 5_000 / SEGMENT + 10  # short ones share a batch


# --- scores of all items, and of one event


def test_scores_are_the_logits_of_the_head_in_blocks_of_consecutive_rows(reader, monkeypatch):
    states = np.random.default_rng(0).normal(size=(2 * TILE + 5, WITH_FIELDS.embedding_dim)).astype("f4")
    ((everything, whole),) = reader.scores(states)
    assert (everything.start, everything.stop) == (0, len(states))
    expected = reader.network.head.logits(tf.constant(states), reader.network.head.table())
    np.testing.assert_allclose(whole, expected, atol=1e-5)
    monkeypatch.setattr(reading, "_SCORES_AT_ONCE", 40)
    blocks = list(reader.scores(states))
    assert [(rows.start, rows.stop) for rows, _ in blocks] == [(0, TILE), (TILE, 2 * TILE), (2 * TILE, 2 * TILE + 5)]
    assert_array_equal(np.concatenate([scores for _, scores in blocks]), whole)


def test_no_states_have_no_scores(reader):
    assert list(reader.scores(np.zeros((0, WITH_FIELDS.embedding_dim), np.float32))) == []


@pytest.mark.parametrize("batch_size", [TILE, TILE + 10])
@pytest.mark.parametrize("code", [UNKNOWN, 5])
def test_one_event_is_compared_after_each_state(reader, monkeypatch, code, batch_size):
    states = np.random.default_rng(0).normal(size=(60, WITH_FIELDS.embedding_dim)).astype("f4")
    table = reader.network.head.table()
    expected = reader.network.head.judge(tf.constant(states), tf.fill([60], code), table, UNSEEN)
    found = reader.judge(states, code, 0.05)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    monkeypatch.setattr(reading, "BATCH", batch_size)  # rows that fill up the last tile of a batch are no findings
    assert_same(reader.judge(states, code, 0.05), found)
    assert [len(part) for part in reader.judge(states[:0], code, 0.05)] == [0] * 4


def test_states_are_asked_about_times_as_the_encoder_does(reader):
    states = np.random.default_rng(0).normal(size=(len(X.codes), WITH_FIELDS.embedding_dim)).astype("f4")
    found = reader.asked(states, X.columns["categories"], X.columns["numbers"])
    np.testing.assert_allclose(found, reader.network.encoder.ask(states, *X.columns.values()), atol=1e-5)
    alone = reader.asked(states[:3], X.columns["categories"][:3], X.columns["numbers"][:3])
    assert_array_equal(alone, found[:3])


# --- one reader for a network


def test_a_network_has_one_reader_and_one_table():
    network = random_network()
    reader = Reader.of(network)
    assert Reader.of(network) is reader
    assert Reader.of(network).table is reader.table
    np.testing.assert_allclose(np.linalg.norm(reader.table, axis=1), 1, atol=1e-5)


def test_other_weights_let_the_reader_look_anew():
    network, other = (random_network(WITH_FIELDS, seed) for seed in (0, 1))
    reader, expected = Reader.of(network), Reader.of(other)
    before = reader.read(X, keep=True)
    network.set_weights(other.get_weights())
    again = Reader.of(network)
    assert again is reader
    assert_array_equal(again.table, expected.table)
    assert_same(leaves(again.started), leaves(expected.started))
    after = again.read(X, keep=True)
    assert_same(leaves(after), leaves(expected.read(X, keep=True)))
    assert not np.array_equal(after.output, before.output)


def test_networks_without_fields_are_read_too():
    reader = Reader.of(random_network(PLAIN._replace(predicts_fields=True)))
    log = encoded_log(PLAIN, [3, 5])
    state, (surprisal, parameters, no_likelier, *_) = scored(reader, log)
    assert isinstance(state, State)
    assert (surprisal.shape, parameters.shape, no_likelier.shape) == ((8, 1), (8, 0, 1), (8, 1))
