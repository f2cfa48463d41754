"""What is held out of the training data of a generator."""

from dataclasses import replace

import numpy as np
import pytest

from seqrec import Sequences
from seqrec.generate.held_out import COUNTS, hold_out, one_of_each


def numbered(*lengths):
    """Sequences of events that are all different, each of which counts one."""
    starts = np.cumsum([0, *lengths])
    X = Sequences.from_lists([range(start, start + length) for start, length in zip(starts, lengths, strict=False)])
    return replace(X, columns={COUNTS: np.ones(X.n_events)})


def judged_of(held_out):
    return held_out.codes[held_out.columns[COUNTS] > 0].tolist()


def test_of_many_sequences_whole_ones_are_held_out():
    X = numbered(*[20] * 100)
    learned, groups, held_out = hold_out(X, 0.1, np.arange(100), np.random.default_rng(0))
    assert len(learned) == 90
    assert len(groups) == 90
    assert sorted([*learned.codes.tolist(), *judged_of(held_out)]) == sorted(X.codes.tolist())
    assert (held_out.lengths == 20).all()


def test_of_a_few_long_sequences_stretches_are_held_out_everywhere_with_what_comes_before():
    X = numbered(30_000, 5_000)
    learned, _, held_out = hold_out(X, 0.1, np.arange(2), np.random.default_rng(0))
    assert learned.lengths.tolist() == [4_500, 9_000, 9_000, 4_500, 4_500]  # of the shorter one the end is held out
    assert sorted([*learned.codes.tolist(), *judged_of(held_out)]) == sorted(X.codes.tolist())
    assert held_out.lengths.max() == 1_100
    first = held_out.columns["counts"][:101]
    assert first.tolist() == [0] * 100 + [1]
    assert (np.diff(held_out.codes[:1_100]) == 1).all()


def test_never_more_than_fifty_thousand_events_are_held_out():
    _, _, held_out = hold_out(numbered(600_000), 0.1, np.zeros(1, np.intp), np.random.default_rng(0))
    assert held_out.columns[COUNTS].sum() == pytest.approx(50_000)


@pytest.mark.parametrize("X", [numbered(40, 50), numbered(*[5] * 30)])
def test_of_a_tiny_log_nothing_is_held_out(X):
    learned, _, held_out = hold_out(X, 0.1, np.arange(len(X)), np.random.default_rng(0))
    assert learned.n_events == X.n_events
    assert not held_out.columns[COUNTS].any()


def test_variants_of_one_sequence_are_on_one_side_and_one_alone_is_judged():
    X, groups = numbered(*[20] * 300), np.repeat(np.arange(100), 3)
    learned, left, held_out = hold_out(X, 0.1, groups, np.random.default_rng(0))
    assert len(learned) == 270
    assert np.unique(left, return_counts=True)[1].tolist() == [3] * 90
    assert not np.isin(held_out.codes, learned.codes).any()
    assert held_out.n_events == 10 * 20


def test_parts_of_the_variants_of_a_long_sequence_stay_variants():
    X, groups = numbered(30_000, 30_000, 20_000), np.array([0, 0, 1])
    learned, left, held_out = hold_out(X, 0.1, groups, np.random.default_rng(0))
    assert np.unique(left, return_counts=True)[1].tolist() == [2, 2, 2, 2, 1, 1, 1]
    assert learned.lengths[left == left[0]].tolist() == [learned.lengths[0]] * 2
    assert held_out.columns[COUNTS].sum() == 3_000 + 2_000


def test_each_group_gives_one_by_chance():
    groups, rng = np.array([0, 1, 1, 1, 2]), np.random.default_rng(0)
    drawn = np.array([one_of_each(groups, rng) for _ in range(300)])
    assert (drawn[:, [0, 2]] == [0, 4]).all()
    assert np.unique(drawn[:, 1], return_counts=True)[1] == pytest.approx([100] * 3, abs=30)
