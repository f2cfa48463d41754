"""Batches hold every event once, within their budget, and never anything in the wrong place."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED, PADDING, Vocabulary
from seqrec.network import batches as module
from seqrec.network.batches import (
    N_GAPS,
    TILE,
    UNKNOWN_GAP,
    continued_batches,
    event_gaps,
    gap_buckets,
    history_batches,
    in_whole_tiles,
    reading_batches,
    training_batches,
)

LENGTHS = st.lists(st.integers(0, 30), min_size=1, max_size=12)
WINDOWS = st.integers(2, 12)
BUDGETS = st.integers(1, 60)
SEEDS = st.integers(0, 2**32 - 1)


def distinct_events(lengths):
    """Sequences in which event number i of the log has code ``i + N_RESERVED``."""
    items = np.arange(sum(lengths))
    return Sequences.from_lists(np.split(items, np.cumsum(lengths)[:-1]))


def with_times(seconds):
    """One sequence for each list of seconds."""
    times = [[np.datetime64(int(second), "s") for second in row] for row in seconds]
    return Sequences.from_lists([["a"] * len(row) for row in seconds], timestamps=times)


def batches_of(lengths, window, budget, seed):
    X = distinct_events(lengths)
    return X, list(training_batches(X, window, budget, np.random.default_rng(seed)))


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
    (batch,) = training_batches(with_times([np.cumsum(np.arange(180)), [0, 1]]), 200, 10_000, np.random.default_rng(0))
    segments = list(batch.segments())
    assert [segment.inputs.shape for segment in segments] == [(2, 60)] * 3
    for name in ("inputs", "targets", "gaps", "next_gaps"):
        whole = np.concatenate([getattr(segment, name) for segment in segments], axis=1)
        np.testing.assert_array_equal(whole, getattr(batch, name))


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
    first, second = (list(training_batches(X, 10, 30, generator)) for generator in (rng, rng))
    again = list(training_batches(X, 10, 30, np.random.default_rng(0)))
    inputs = [[batch.inputs.tolist() for batch in batches] for batches in (first, second, again)]
    assert inputs[0] == inputs[2]
    assert inputs[0] != inputs[1]


def test_unknown_items_are_inputs_but_no_targets():
    X = Sequences.from_lists([["a", "x", "b"]]).recode(Vocabulary(["a", "b"]))
    (batch,) = training_batches(X, 10, 100, np.random.default_rng(0))
    assert batch.inputs.tolist() == [[0, 2, 1]]
    assert batch.targets.tolist() == [[2, 0, 3]]


@given(LENGTHS, WINDOWS, BUDGETS)
def test_histories_end_with_their_last_event(lengths, window, budget):
    X = distinct_events(lengths)
    batches = list(history_batches(X, window, budget))
    np.testing.assert_array_equal(np.concatenate([batch.rows for batch in batches]), np.arange(len(X)))
    for batch in batches:
        last = np.minimum(X.lengths[batch.rows], window - 1)
        for row, inputs, position in zip(batch.rows, batch.inputs, last, strict=True):
            expected = [PADDING, *(X.codes[X.indptr[row] : X.indptr[row + 1]])][-window:]
            assert inputs[: position + 1].tolist() == expected
            assert not inputs[position + 1 :].any()


@given(LENGTHS, WINDOWS, BUDGETS)
def test_no_batch_of_histories_is_above_its_budget(lengths, window, budget):
    for batch in history_batches(distinct_events(lengths), window, budget):
        assert len(batch.inputs) == 1 or batch.inputs.size <= budget


def continued(lengths, budget, values=(), segment=7):
    X = distinct_events(lengths)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SEGMENT", segment)
        return X, list(continued_batches(X, budget, values))


@given(LENGTHS, BUDGETS)
def test_every_event_but_the_first_of_a_sequence_is_continued_to_exactly_once(lengths, budget):
    X, batches = continued(lengths, budget)
    found = np.concatenate([np.empty(0, int), *(events.ravel() for events, _ in batches)])
    firsts = X.indptr[:-1][X.lengths > 0]
    np.testing.assert_array_equal(np.sort(found), np.setdiff1d(np.arange(X.n_events), firsts))


@given(LENGTHS, BUDGETS)
def test_continued_batches_hold_events_and_the_ones_before_them_and_no_padding(lengths, budget):
    X, batches = continued(lengths, budget)
    for events, batch in batches:
        assert events.shape == batch.inputs.shape == batch.targets.shape
        np.testing.assert_array_equal(batch.targets, X.codes[events])
        np.testing.assert_array_equal(batch.inputs, X.codes[events - 1])
        assert (batch.inputs != PADDING).all()
        rows = np.searchsorted(X.indptr, events, "right") - 1
        assert (rows == batch.rows[:, None]).all()


@given(LENGTHS, BUDGETS)
def test_continued_batches_of_a_row_follow_in_time(lengths, budget):
    X, batches = continued(lengths, budget)
    upcoming = X.indptr[:-1] + 1
    for events, batch in batches:
        expected = upcoming[batch.rows][:, None] + np.arange(events.shape[1])
        np.testing.assert_array_equal(events, expected)
        upcoming[batch.rows] += events.shape[1]


@given(LENGTHS, BUDGETS, st.integers(1, 9))
def test_continued_batches_keep_to_their_segment_and_budget(lengths, budget, segment):
    for events, _ in continued(lengths, budget, segment=segment)[1]:
        assert events.shape[1] <= segment
        assert len(events) == 1 or events.size <= budget


def test_continued_batches_carry_values_of_inputs_and_targets():
    values = [np.arange(20), np.arange(60).reshape(20, 3) / 7]
    for events, batch in continued([8, 0, 1, 11], 12, values, segment=4)[1]:
        for column, of_inputs, of_targets in zip(values, batch.input_values, batch.target_values, strict=True):
            np.testing.assert_array_equal(of_inputs, column[events - 1])
            np.testing.assert_array_equal(of_targets, column[events])


@pytest.mark.parametrize("lengths", [[], [0], [1, 1, 0]])
def test_without_second_events_there_is_nothing_to_continue(lengths):
    assert continued(lengths, 10)[1] == []


@pytest.mark.parametrize(("n", "n_whole"), [(0, 0), (1, TILE), (TILE, TILE), (TILE + 1, 2 * TILE)])
@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_whole_tiles_end_with_rows_of_zero(n, n_whole, dtype):
    array = np.arange(1, 6 * n + 1, dtype=dtype).reshape(n, 3, 2)
    whole = in_whole_tiles(array)
    assert whole.shape == (n_whole, 3, 2)
    assert whole.dtype == dtype
    np.testing.assert_array_equal(whole[:n], array)
    assert not whole[n:].any()


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [(0, 1), (0.5, 1), (1, 2), (2.9, 2), (3, 3), (6, 3), (7, 4), (86_400, 17), (2**37, 38), (2**42, N_GAPS - 1)],
)
def test_a_gap_falls_into_the_bucket_of_its_power_of_two(seconds, bucket):
    assert gap_buckets(np.array([seconds * 1e6]).astype(np.int64)).tolist() == [bucket]


@given(st.integers(0, 2**60))
def test_buckets_follow_their_formula(microseconds):
    expected = min(N_GAPS - 1, 1 + math.floor(math.log2(1 + microseconds / 1e6)))
    assert gap_buckets(np.array([microseconds])).tolist() == [expected]


def test_an_unknown_gap_has_its_own_bucket():
    assert gap_buckets(np.array([-1, -(2**62)])).tolist() == [UNKNOWN_GAP] * 2


def test_gaps_do_not_reach_across_sequences():
    X = with_times([[0, 1, 8], [], [5], [5, 5]])
    assert event_gaps(X).tolist() == [0, 2, 4, 0, 0, 1]


def test_no_timestamps_no_gaps():
    X = distinct_events([3])
    assert event_gaps(X) is None
    (batch,) = training_batches(X, 10, 100, np.random.default_rng(0))
    assert len(batch.arrays(with_gaps=False)) == 2
    assert [(array == UNKNOWN_GAP).all() for array in batch.arrays(with_gaps=True)[2:]] == [True, True]


def test_gaps_stand_beside_their_events():
    X = with_times([[0, 1, 8]])  # buckets of the gaps: unknown, 2, 4
    (batch,) = training_batches(X, 10, 100, np.random.default_rng(0))
    assert batch.inputs.tolist() == [[0, 2, 2]]
    assert batch.gaps.tolist() == [[0, 0, 2]]  # before the inputs: start, first, second
    assert batch.next_gaps.tolist() == [[0, 2, 4]]  # between them and their targets
    assert [array.tolist() for array in batch.arrays(with_gaps=True)[2:]] == [[[0, 0, 2]], [[0, 2, 4]]]
    assert len(batch.arrays(with_gaps=False)) == 2


def test_a_later_window_knows_the_gap_before_its_first_input():
    X = with_times([[0, 1, 8, 23, 24]])
    (batch,) = history_batches(X, 2, 100)
    assert batch.inputs.tolist() == [[2, 2]]
    assert batch.gaps.tolist() == [[5, 2]]


@pytest.mark.parametrize("batches_of", [reading_batches, training_batches])
def test_values_of_any_shape_stand_where_their_events_stand(batches_of):
    pictures = np.arange(1, 1 + 9 * 4 * 3, dtype="f4").reshape(9, 4, 3)
    X = Sequences.from_arrays([pictures[:5], pictures[5:5], pictures[5:6], pictures[6:]], names="picture")
    values = (X.columns["picture"], X.rows + 1)

    if batches_of is reading_batches:
        batches = [batch for group in reading_batches(X, 8, values) for _, batch in group]
    else:
        batches = list(training_batches(X, 3, 8, np.random.default_rng(0), values))

    seen = []
    for batch in batches:
        for (held, numbers), codes in ((batch.input_values, batch.inputs), (batch.target_values, batch.targets)):
            there = codes != PADDING
            assert held.shape == (*codes.shape, 4, 3)
            np.testing.assert_array_equal(held[there], pictures[numbers[there] - 1])
            assert not held[~there].any()
        seen += (batch.target_values[1][batch.targets != PADDING] - 1).tolist()
    assert sorted(seen) == list(range(9))
