"""Errors of means and of other statistics grow where windows are alike."""

import numpy as np
import pytest

from seqrec.forecast.alike import Alike

RNG = np.random.default_rng(0)


def test_windows_of_a_series_or_of_a_time_are_alike():
    alike = Alike.of(np.array([7, 7, 3]), np.array([9, 4, 8]), 5)
    assert alike.series.tolist() == [1, 1, 0]
    assert alike.time.tolist() == [1, 0, 1]
    assert alike.select(np.array([True, False, True])).time.tolist() == [1, 1]


def test_where_no_two_are_alike_the_error_is_that_of_a_mean():
    values, one = RNG.normal(size=50), np.zeros(50, int)
    expected = values.std(ddof=1) / np.sqrt(50)
    assert Alike(np.arange(50), one).standard_error(values) == pytest.approx(expected)
    assert Alike(one, np.arange(50)).standard_error(values) == pytest.approx(expected)


def test_the_jackknife_gives_the_variance_of_a_mean():
    values, one = RNG.normal(size=10), np.zeros(10, int)
    found = Alike(np.arange(10), one).variance(lambda which: values[which].mean(keepdims=True))
    assert found == pytest.approx(values.var(ddof=1) / 10)


def test_copies_prove_no_more():
    values, one = RNG.normal(size=8), np.zeros(80, int)
    copies = Alike(one, np.repeat(np.arange(8), 10))
    alone = Alike(np.arange(8), one[:8])
    assert copies.standard_error(np.repeat(values, 10)) == pytest.approx(alone.standard_error(values))
    many = copies.variance(lambda which: np.repeat(values, 10)[which].mean(keepdims=True))
    assert many == pytest.approx(alone.variance(lambda which: values[which].mean(keepdims=True)))


def test_where_all_are_alike_nothing_is_proven():
    same = Alike(np.zeros(5, int), np.zeros(5, int))
    assert same.standard_error(np.arange(5.0)) == np.inf
    assert same.variance(lambda which: which[:2] * 1.0) == np.inf
    assert Alike(np.zeros(0, int), np.zeros(0, int)).variance(lambda which: which[:2] * 1.0) == np.inf
