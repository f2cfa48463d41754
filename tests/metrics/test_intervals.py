"""Intervals are those of many samples drawn again."""

import numpy as np
import pytest

from seqrec.metrics import bootstrap_difference, bootstrap_interval

RNG = np.random.default_rng(0)


def test_bootstrap_interval_is_close_to_the_normal_one_for_many_values():
    values = RNG.random(5_000) < 0.3
    estimate, low, high = bootstrap_interval(values, random_state=0)
    margin = 1.96 * values.std() / np.sqrt(len(values))
    assert estimate == pytest.approx(values.mean())
    assert (low, high) == pytest.approx((estimate - margin, estimate + margin), abs=0.1 * margin)


def test_bootstrap_interval_is_reproducible_and_grows_with_its_level():
    values = RNG.random(50)
    narrow, wide = (bootstrap_interval(values, level=level, random_state=1) for level in (0.8, 0.99))
    assert bootstrap_interval(values, level=0.8, random_state=1) == narrow
    assert wide.low < narrow.low < narrow.high < wide.high


def test_pairs_make_a_difference_sharper_than_two_intervals():
    hard = RNG.random(400)
    estimate, low, high = bootstrap_difference(hard + 0.01, hard, random_state=0)
    assert estimate == pytest.approx(0.01)
    assert high - low < 1e-9


def test_bootstrap_of_models_on_other_sequences_is_an_error():
    with pytest.raises(ValueError, match="2 and 3 sequences"):
        bootstrap_difference([1, 2], [1, 2, 3])


@pytest.mark.parametrize("values", [[], [np.nan, 1], [[1, 2]]])
def test_bootstrap_needs_finite_numbers(values):
    with pytest.raises(ValueError, match="finite number for each"):
        bootstrap_interval(values)
