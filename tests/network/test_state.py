"""What is carried of sequences is taken apart and put together as it was."""

from typing import NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse

from seqrec.network.state import State, join, leaves, rebuilt, take


class Counted(NamedTuple):
    """A state with a state in it, and a sparse array."""

    network: State
    parts: tuple
    counts: sparse.csr_array


def make_state(n, seed=0):
    rng = np.random.default_rng(seed)
    memory = tuple(rng.normal(size=(n, *shape)).astype("f4") for shape in ((9, 3), (4,), (4,)))
    times = rng.integers(0, 2**60, n).astype("M8[us]")
    network = State(memory, rng.normal(size=(n, 3)).astype("f4"), times)
    return Counted(network, (rng.integers(0, 9, n),), sparse.csr_array(rng.integers(0, 3, (n, 5))))


def dense(array):
    return array.toarray() if sparse.issparse(array) else array


def assert_same(state, other):
    assert type(state) is type(other)
    for one, another in zip(leaves(state), leaves(other), strict=True):
        assert one.dtype == another.dtype
        assert_array_equal(dense(one), dense(another))


def test_leaves_are_all_arrays_in_one_order():
    state = make_state(4)
    expected = [*state.network.memory, state.network.output, state.network.time, *state.parts, state.counts]
    assert all(one is other for one, other in zip(leaves(state), expected, strict=True))


def test_what_was_taken_apart_is_put_together_as_it_was():
    state = make_state(4)
    again = rebuilt(state, leaves(state))
    assert_same(again, state)
    assert type(again.network) is State
    assert type(again.network.memory) is tuple


@pytest.mark.parametrize("rows", [slice(2, 5), np.array([4, 0, 4]), np.array([], int), np.arange(7) > 3], ids=str)
def test_some_of_the_sequences_are_taken(rows):
    state = make_state(7)
    for one, whole in zip(leaves(take(state, rows)), leaves(state), strict=True):
        assert_array_equal(dense(one), dense(whole)[rows])


def test_states_are_joined_to_the_whole():
    state = make_state(7)
    parts = [take(state, slice(0, 3)), take(state, slice(3, 3)), take(state, slice(3, 7))]
    assert_same(join(parts), state)
    assert_same(join([state]), state)


def test_taking_by_number_gives_a_copy():
    state = make_state(3)
    taken = take(state, np.array([1]))
    taken.network.output[:] = 0
    assert state.network.output[1].all()
