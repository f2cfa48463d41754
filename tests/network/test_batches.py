"""Batches hold every event once, within their budget, and never anything in the wrong place."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED, PADDING, Vocabulary
from seqrec.network import batches as module
from seqrec.network.batches import SEGMENT, TILE, Windows, groups_to_read, in_whole_tiles, n_segments, parts_in_time

LENGTHS = st.lists(st.integers(0, 30), min_size=1, max_size=12)
WINDOWS = st.integers(2, 12)
BUDGETS = st.integers(1, 60)
SEEDS = st.integers(0, 2**32 - 1)


def distinct_events(lengths):
    """Sequences in which event number i of the log has code ``i + N_RESERVED``."""
    items = np.arange(sum(lengths))
    return Sequences.from_lists(np.split(items, np.cumsum(lengths)[:-1]))


def with_columns(lengths):
    """Distinct events with a column of numbers and one of pairs, which tell the event."""
    X = distinct_events(lengths)
    numbers = X.codes + 100
    return replace(X, columns={"labels": numbers, "numbers": np.stack([numbers, -numbers], axis=1)})


def windows_of(X, window, budget, seed=0):
    return list(Windows(X.lengths, window, budget, np.random.default_rng(seed)).batches(X))


def batches_of(lengths, window, budget, seed):
    X = distinct_events(lengths)
    return X, windows_of(X, window, budget, seed)


@given(LENGTHS, WINDOWS, BUDGETS, SEEDS)
def test_every_event_is_a_target_exactly_once(lengths, window, budget, seed):
    X, batches = batches_of(lengths, window, budget, seed)
    targets = np.concatenate([np.empty(0), *(batch.targets[batch.targets != PADDING] for batch in batches)])
    assert sorted(targets) == sorted(X.codes)


@given(LENGTHS, WINDOWS, BUDGETS, SEEDS)
def test_the_input_of_a_target_is_the_event_before_it(lengths, window, budget, seed):
    X, batches = batches_of(lengths, window, budget, seed)
    before = X.codes - 1
    before[X.indptr[:-1][X.lengths > 0]] = PADDING  # a sequence starts with it
    for batch in batches:
        real = batch.targets != PADDING
        np.testing.assert_array_equal(batch.inputs[real], before[batch.targets[real] - N_RESERVED])
        rows = np.broadcast_to(batch.rows[:, None], real.shape)[real]
        np.testing.assert_array_equal(rows, np.searchsorted(X.indptr, batch.targets[real] - N_RESERVED, "right") - 1)


@given(LENGTHS, WINDOWS, BUDGETS, SEEDS)
def test_windows_are_consecutive_events_of_at_most_the_window(lengths, window, budget, seed):
    for batch in batches_of(lengths, window, budget, seed)[1]:
        assert batch.targets.shape[1] <= window
        steps = np.diff(batch.targets, axis=1)
        assert (steps[batch.targets[:, 1:] != PADDING] == 1).all()


@given(LENGTHS, WINDOWS, BUDGETS, SEEDS)
def test_padding_is_on_the_right_only(lengths, window, budget, seed):
    for batch in batches_of(lengths, window, budget, seed)[1]:
        real = batch.targets != PADDING
        assert real[:, 0].all()
        assert (real[:, :-1] | ~real[:, 1:]).all()
        assert real[:, -1].any()  # no wider than its longest row
        assert not batch.inputs[~real].any()


@given(LENGTHS, WINDOWS, BUDGETS, SEEDS)
def test_no_batch_of_several_rows_is_above_its_budget(lengths, window, budget, seed):
    for batch in batches_of(lengths, window, budget, seed)[1]:
        assert len(batch.inputs) == 1 or all(segment.inputs.size <= budget for segment in batch.segments())


def test_a_budget_holds_where_lengths_are_nearly_equal():
    lengths = np.random.default_rng(0).integers(90, 101, 500)
    _, batches = batches_of(lengths, 200, 1000, 0)
    assert max(segment.inputs.size for batch in batches for segment in batch.segments()) <= 1000


def test_segments_side_by_side_are_the_batch():
    (batch,) = windows_of(with_columns([180, 2]), 200, 10_000)
    segments = list(batch.segments())
    assert [segment.inputs.shape for segment in segments] == [(2, 60)] * 3
    for name in ("inputs", "targets"):
        whole = np.concatenate([getattr(segment, name) for segment in segments], axis=1)
        np.testing.assert_array_equal(whole, getattr(batch, name))
    for name in ("input_columns", "target_columns"):
        for column, expected in enumerate(getattr(batch, name)):
            whole = np.concatenate([getattr(segment, name)[column] for segment in segments], axis=1)
            np.testing.assert_array_equal(whole, expected)


@given(LENGTHS, WINDOWS, BUDGETS, SEEDS)
def test_the_number_of_steps_is_that_of_the_segments(lengths, window, budget, seed):
    X = distinct_events(lengths)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SEGMENT", 5)
        windows = Windows(X.lengths, window, budget, np.random.default_rng(seed))
        assert windows.n_steps == sum(1 for batch in windows.batches(X) for _ in batch.segments())


@pytest.mark.parametrize(("width", "n"), [(1, 1), (SEGMENT, 1), (SEGMENT + 1, 2), (3 * SEGMENT, 3)])
def test_a_rectangle_has_as_few_segments_as_may_be(width, n):
    assert n_segments(width) == n


@given(LENGTHS, WINDOWS, BUDGETS, SEEDS)
def test_columns_stand_beside_their_events(lengths, window, budget, seed):
    for batch in windows_of(with_columns(lengths), window, budget, seed):
        for codes, columns in ((batch.inputs, batch.input_columns), (batch.targets, batch.target_columns)):
            labels = np.where(codes == PADDING, 0, codes + 100)
            np.testing.assert_array_equal(columns[0], labels)
            np.testing.assert_array_equal(columns[1], np.stack([labels, -labels], axis=-1))


def test_windows_can_be_gone_through_again():
    X = distinct_events([40, 7, 9, 30])
    windows = Windows(X.lengths, 10, 30, np.random.default_rng(0))
    first, second = ([batch.inputs.tolist() for batch in windows.batches(X)] for _ in range(2))
    assert first == second


def test_rows_of_like_length_share_a_batch():
    lengths = np.random.default_rng(0).permutation(np.repeat([5, 50], 100))
    _, batches = batches_of(lengths, 200, 500, 0)
    padding = sum((batch.targets == PADDING).sum() for batch in batches)
    assert padding < 0.05 * lengths.sum()


def test_a_window_starts_with_the_last_event_of_the_one_before():
    _, batches = batches_of([25], 10, 1, 0)
    rows = sorted((batch.inputs[0].tolist(), batch.targets[0].tolist()) for batch in batches)
    assert rows[0][0][0] == PADDING
    for (_, targets), (inputs, _) in itertools.pairwise(rows):
        assert inputs[0] == targets[-1]


def test_order_and_cuts_differ_from_epoch_to_epoch_and_follow_the_seed():
    X, rng = distinct_events([40, 7, 9, 30]), np.random.default_rng(0)
    epochs = [Windows(X.lengths, 10, 30, generator) for generator in (rng, rng, np.random.default_rng(0))]
    inputs = [[batch.inputs.tolist() for batch in windows.batches(X)] for windows in epochs]
    assert inputs[0] == inputs[2]
    assert inputs[0] != inputs[1]


def test_unknown_items_are_inputs_but_no_targets():
    X = Sequences.from_lists([["a", "x", "b"]]).recode(Vocabulary(["a", "b"]))
    (batch,) = windows_of(X, 10, 100)
    assert batch.inputs.tolist() == [[0, 2, 1]]
    assert batch.targets.tolist() == [[2, 0, 3]]


# --- reading


@given(LENGTHS, BUDGETS)
def test_every_sequence_is_read_in_one_group_of_like_length(lengths, budget):
    lengths = np.array(lengths)
    groups = list(groups_to_read(lengths, budget))
    assert sorted(np.concatenate(groups)) == list(range(len(lengths)))
    assert (np.diff(lengths[np.concatenate(groups)]) >= 0).all()


@given(LENGTHS, BUDGETS, st.integers(1, 9))
def test_no_group_of_several_rows_reads_above_its_budget(lengths, budget, segment):
    lengths = np.array(lengths)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SEGMENT", segment)
        for rows in groups_to_read(lengths, budget):
            assert len(rows) == 1 or len(rows) * min(segment, lengths[rows].max()) <= budget


def test_no_sequences_make_no_group():
    assert list(groups_to_read(np.array([], np.int64), 10)) == []


def parts_of(X, rows, segment=7):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SEGMENT", segment)
        return list(parts_in_time(X, np.array(rows)))


@given(LENGTHS, st.integers(1, 9))
def test_parts_in_time_hold_every_event_once_and_in_order(lengths, segment):
    X, read = distinct_events(lengths), [[] for _ in lengths]
    for events, lengths_of_part, (codes,) in parts_of(X, range(len(lengths)), segment):
        assert codes.shape == (len(lengths), lengths_of_part.max())
        assert codes.shape[1] <= segment
        real = np.arange(codes.shape[1]) < lengths_of_part[:, None]
        np.testing.assert_array_equal(codes[real], X.codes[events])
        assert not codes[~real].any()
        for row, of_row, length in zip(read, codes, lengths_of_part, strict=True):
            row += of_row[:length].tolist()
    assert read == [X.codes[X.indptr[i] : X.indptr[i + 1]].tolist() for i in range(len(X))]


def test_parts_in_time_carry_the_columns_of_some_rows():
    X = with_columns([8, 0, 1, 11])
    for events, lengths, (codes, labels, numbers) in parts_of(X, [3, 1, 0], segment=4):
        real = np.arange(codes.shape[1]) < lengths[:, None]
        assert lengths.dtype == np.int32
        np.testing.assert_array_equal(labels[real], X.columns["labels"][events])
        np.testing.assert_array_equal(numbers[real], X.columns["numbers"][events])
        assert not labels[~real].any()
        assert not numbers[~real].any()


@pytest.mark.parametrize("lengths", [[0], [0, 0]])
def test_without_events_there_is_nothing_to_read(lengths):
    assert parts_of(distinct_events(lengths), range(len(lengths))) == []


@pytest.mark.parametrize(("n", "n_whole"), [(0, 0), (1, TILE), (TILE, TILE), (TILE + 1, 2 * TILE)])
@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_whole_tiles_end_with_rows_of_zero(n, n_whole, dtype):
    array = np.arange(1, 6 * n + 1, dtype=dtype).reshape(n, 3, 2)
    whole = in_whole_tiles(array)
    assert whole.shape == (n_whole, 3, 2)
    assert whole.dtype == dtype
    np.testing.assert_array_equal(whole[:n], array)
    assert not whole[n:].any()


def test_columns_of_any_shape_stand_where_their_events_stand():
    pictures = np.arange(1, 1 + 9 * 4 * 3, dtype="f4").reshape(9, 4, 3)
    X = Sequences.from_arrays([pictures[:5], pictures[5:5], pictures[5:6], pictures[6:]], names="picture")
    seen = []
    for batch in Windows(X.lengths, 3, 8, np.random.default_rng(0)).batches(X):
        for (held,), codes in ((batch.input_columns, batch.inputs), (batch.target_columns, batch.targets)):
            there = codes != PADDING
            assert held.shape == (*codes.shape, 4, 3)
            assert not held[~there].any()
        seen += batch.target_columns[0][batch.targets != PADDING].tolist()
    assert sorted(seen) == pictures.tolist()
