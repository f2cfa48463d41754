"""Parts: what a sequence's figure is made of, against loops written from the definitions."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqrec.detect.parts import NumberParts, SurprisalParts

SEQUENCES = st.lists(st.lists(st.floats(0, 50), max_size=25), min_size=1, max_size=6)
STEP, STEP_VARIANCE = 0.2886, np.pi**2 / 8  # of -log|z - z'| of independent standard normal values


def surprisal_parts(surprisal, indptr):
    return SurprisalParts.start(len(indptr) - 1).update(surprisal, indptr).parts()


def number_parts(tails, normal_scores, sizes, indptr):
    return NumberParts.start(len(indptr) - 1).update(tails, normal_scores, sizes, indptr).parts()


def flat(sequences):
    return np.array([value for one in sequences for value in one]), np.cumsum([0, *map(len, sequences)])


@given(SEQUENCES)
def test_surprisal_pools_are_what_they_say(sequences):
    parts = surprisal_parts(*flat(sequences))
    for row, values in enumerate(sequences):
        values = values or [0.0]
        top = sorted(values)[-3:]
        windows = [sum(values[max(0, end - 10) : end]) for end in range(1, len(values) + 1)]
        expected = {"max": max(values), "top": np.mean(top), "window": max(windows), "mean": np.mean(values)}
        for name, value in expected.items():
            assert parts[name][row] == pytest.approx(value, abs=1e-9)


def test_values_that_lean_one_way_drift():
    leaning, mixed = np.full(20, 0.8), np.resize([0.8, -0.8], 20)
    indptr = np.array([0, 20, 40])
    drift = number_parts(np.zeros(40), np.concatenate([leaning, mixed]), np.zeros(40), indptr)["drift"]
    assert drift[0] == pytest.approx(0.8 * np.sqrt(10))
    assert drift[1] < 1


@pytest.mark.parametrize(("name", "position"), [("regular", 1), ("constant", 2)])
def test_regularity_is_standard_for_independent_values_and_high_for_equal_ones(name, position):
    random = np.random.default_rng(0).standard_normal(40 * 500)
    arguments = [np.zeros(len(random)), random, random]
    usual = number_parts(*arguments, np.arange(0, len(random) + 1, 40))[name]
    assert abs(usual.mean()) < 0.2
    assert 0.7 < usual.std() < 1.6
    arguments[position] = 1 + 0.02 * random
    regular = number_parts(*arguments, np.arange(0, len(random) + 1, 40))[name]
    assert regular.min() > usual.max()


def test_values_that_are_missing_are_left_out():
    scores = np.array([np.nan, 1.0, np.nan, 2.0, np.nan, 4.0])
    with_gaps = number_parts(np.array([0, 1, 0, 2, 0, 3.0]), scores, scores, np.array([0, 6]))
    without = number_parts(np.array([1, 2, 3.0]), scores[1::2], scores[1::2], np.array([0, 3]))
    for name, values in without.items():
        np.testing.assert_allclose(with_gaps[name], values)


def test_a_sequence_without_values_is_not_odd():
    parts = number_parts(np.zeros(2), np.full(2, np.nan), np.zeros(2), np.array([0, 2, 2]))
    assert all((values == 0).all() for values in parts.values())


# --- piece by piece


def draw(seed, n=6):
    """Tails, normal scores and sizes of n sequences, some of them empty; now and then a value is missing."""
    rng = np.random.default_rng(seed)
    indptr = np.cumsum([0, *rng.choice([0, 1, 2, 5, 12, 30], n)])
    there = rng.random(indptr[-1]) < rng.choice([0.0, 0.3, 1.0], p=[0.1, 0.4, 0.5])
    tails, scores, sizes = np.abs(rng.normal(size=indptr[-1])), *rng.normal(size=(2, indptr[-1]))
    return np.where(there, tails, 0.0), np.where(there, scores, np.nan), sizes.round(1), indptr


def cuts(indptr, seed, n_pieces=4):
    """Cut each sequence at random places: for each piece, its events and their `indptr`."""
    rng, lengths = np.random.default_rng(seed), np.diff(indptr)
    places = np.sort(rng.integers(0, lengths + 1, (n_pieces - 1, len(lengths))), axis=0)
    places = np.concatenate([np.zeros((1, len(lengths)), int), places, lengths[None]])
    for start, stop in itertools.pairwise(places):
        spans = [np.arange(a, b) for a, b in zip(indptr[:-1] + start, indptr[:-1] + stop, strict=True)]
        yield np.concatenate(spans).astype(int), np.cumsum([0, *(stop - start)])


def assert_same_parts(found, expected):
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-12, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("seed", range(20))
def test_surprisal_that_comes_piece_by_piece_pools_as_at_once(seed):
    surprisal, _, _, indptr = draw(seed)
    running = SurprisalParts.start(len(indptr) - 1)
    for events, piece in cuts(indptr, seed):
        running = running.update(surprisal[events], piece)
    assert_same_parts(running.parts(), surprisal_parts(surprisal, indptr))


@pytest.mark.parametrize("seed", range(20))
def test_numbers_that_come_piece_by_piece_pool_as_at_once(seed):
    *arrays, indptr = draw(seed)
    running = NumberParts.start(len(indptr) - 1)
    for events, piece in cuts(indptr, seed):
        running = running.update(*(array[events] for array in arrays), piece)
    assert_same_parts(running.parts(), number_parts(*arrays, indptr))


def test_events_that_come_one_by_one_pool_as_at_once():
    *arrays, indptr = draw(3, n=1)
    running, of_surprisal = NumberParts.start(1), SurprisalParts.start(1)
    for event in range(indptr[-1]):
        running = running.update(*(array[[event]] for array in arrays), np.array([0, 1]))
        of_surprisal = of_surprisal.update(arrays[0][[event]], np.array([0, 1]))
    assert_same_parts(running.parts(), number_parts(*arrays, indptr))
    assert_same_parts(of_surprisal.parts(), surprisal_parts(arrays[0], indptr))


def nearness(values):
    """``sum(-log|step| - E) / sqrt(n Var)`` of the n steps from each value to the next."""
    if len(values) < 2:
        return 0.0
    steps = np.maximum(np.abs(np.diff(values)), 0.01)
    return (-np.log(steps) - STEP).sum() / np.sqrt(len(steps) * STEP_VARIANCE)


@pytest.mark.parametrize("seed", range(20))
def test_number_pools_are_what_they_say(seed):
    tails, scores, sizes, indptr = draw(seed)
    parts = number_parts(tails, scores, sizes, indptr)
    for row, (start, stop) in enumerate(itertools.pairwise(indptr)):
        there = start + np.flatnonzero(~np.isnan(scores[start:stop]))
        windows = [scores[there][max(0, end - 10) : end] for end in range(1, len(there) + 1)]
        expected = {
            "max": tails[start:stop].max(initial=0),
            "drift": max((abs(window.sum()) / np.sqrt(len(window)) for window in windows), default=0),
            "regular": nearness(scores[there]),
            "constant": nearness(sizes[there]),
        }
        assert_same_parts({name: values[row] for name, values in parts.items()}, expected)


def test_company_changes_no_digit_of_a_pool():
    *arrays, indptr = draw(5, n=40)
    together = [surprisal_parts(arrays[0], indptr), number_parts(*arrays, indptr)]
    for row, (start, stop) in enumerate(itertools.pairwise(indptr)):
        own = [array[start:stop] for array in arrays]
        ends = np.array([0, stop - start])
        for found, expected in zip([surprisal_parts(own[0], ends), number_parts(*own, ends)], together, strict=True):
            for name, values in found.items():
                assert values[0] == expected[name][row]


def test_an_update_leaves_what_was_known_before_as_it_was():
    *arrays, indptr = draw(1)
    before = [SurprisalParts.start(6).update(arrays[0], indptr), NumberParts.start(6).update(*arrays, indptr)]
    copies = [[part.copy() for part in running] for running in before]
    before[0].update(arrays[0], indptr)
    before[1].update(*arrays, indptr)
    for running, copied in zip(before, copies, strict=True):
        for part, other in zip(running, copied, strict=True):
            np.testing.assert_array_equal(part, other)
