"""Pools: what a sequence's figure is made of, against loops written from the definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec.pools import number_pools, surprisal_pools

SEQUENCES = st.lists(st.lists(st.floats(0, 50), max_size=25), min_size=1, max_size=6)


def flat(sequences):
    return np.array([value for one in sequences for value in one]), np.cumsum([0, *map(len, sequences)])


@given(SEQUENCES)
def test_surprisal_pools_are_what_they_say(sequences):
    pools = surprisal_pools(*flat(sequences))
    for row, values in enumerate(sequences):
        values = values or [0.0]
        top = sorted(values)[-3:]
        windows = [sum(values[max(0, end - 10) : end]) for end in range(1, len(values) + 1)]
        expected = {"max": max(values), "top": np.mean(top), "window": max(windows), "mean": np.mean(values)}
        for name, value in expected.items():
            assert pools[name][row] == pytest.approx(value, abs=1e-9)


def test_values_that_lean_one_way_drift():
    leaning, mixed = np.full(20, 0.8), np.resize([0.8, -0.8], 20)
    indptr = np.array([0, 20, 40])
    drift = number_pools(np.zeros(40), np.concatenate([leaning, mixed]), np.zeros(40), indptr)["drift"]
    assert drift[0] == pytest.approx(0.8 * np.sqrt(10))
    assert drift[1] < 1


@pytest.mark.parametrize(("name", "position"), [("regular", 1), ("constant", 2)])
def test_regularity_is_standard_for_independent_values_and_high_for_equal_ones(name, position):
    random = np.random.default_rng(0).standard_normal(40 * 500)
    arguments = [np.zeros(len(random)), random, random]
    usual = number_pools(*arguments, np.arange(0, len(random) + 1, 40))[name]
    assert abs(usual.mean()) < 0.2
    assert 0.7 < usual.std() < 1.6
    arguments[position] = 1 + 0.02 * random
    regular = number_pools(*arguments, np.arange(0, len(random) + 1, 40))[name]
    assert regular.min() > usual.max()


def test_values_that_are_missing_are_left_out():
    scores = np.array([np.nan, 1.0, np.nan, 2.0, np.nan, 4.0])
    with_gaps = number_pools(np.array([0, 1, 0, 2, 0, 3.0]), scores, scores, np.array([0, 6]))
    without = number_pools(np.array([1, 2, 3.0]), scores[1::2], scores[1::2], np.array([0, 3]))
    for name, values in without.items():
        np.testing.assert_allclose(with_gaps[name], values)


def test_a_sequence_without_values_is_not_odd():
    pools = number_pools(np.zeros(2), np.full(2, np.nan), np.zeros(2), np.array([0, 2, 2]))
    assert all((values == 0).all() for values in pools.values())
