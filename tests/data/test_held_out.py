import numpy as np
import pytest

from seqrec.data.held_out import held_out

GROUPS = np.repeat([0, 1], [40, 10])


def test_each_time_other_rows_are_held_out_and_a_like_share_of_each_group():
    chosen = held_out(GROUPS, 0.2, np.random.default_rng(0), 3)
    assert chosen[:40].sum(axis=0).tolist() == [8, 8, 8]
    assert chosen[40:].sum(axis=0).tolist() == [2, 2, 2]
    assert chosen.sum(axis=1).max() == 1


@pytest.mark.parametrize("n_times", [1, 4])
def test_of_each_group_one_row_is_left(n_times):
    chosen = held_out(np.array([5, 5, 7, 9, 9, 9]), 0.99, np.random.default_rng(0), n_times)
    assert chosen.sum(axis=0).tolist() == [3] * n_times
    assert not chosen[2].any()


def test_a_small_share_of_a_small_group_is_no_row_unless_one_is_asked_for():
    groups, rng = np.array([0, 0, 0, 1]), np.random.default_rng(0)
    assert not held_out(groups, 0.1, rng).any()
    assert held_out(groups, 0.1, rng, at_least=1)[:, 0].sum() == 1
