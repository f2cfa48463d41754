"""From probabilities to choices."""

import numpy as np
import pytest
from scipy import stats

from seqrec.generate.sampling import choose, shaped, uniforms

LOG_P = np.log([[0.4, 0.3, 0.2, 0.1], [0.1, 0.1, 0.1, 0.7]])


def test_a_low_temperature_makes_the_likely_likelier():
    cold, warm, hot = (shaped(LOG_P, temperature)[0] for temperature in (0.5, 1, 2))
    np.testing.assert_allclose(warm, np.exp(LOG_P[0]))
    np.testing.assert_allclose(cold, np.exp(LOG_P[0]) ** 2 / (np.exp(LOG_P[0]) ** 2).sum())
    assert cold[0] > warm[0] > hot[0]


@pytest.mark.parametrize(("top_k", "kept"), [(1, [1, 1]), (2, [2, 2]), (3, [3, 3]), (9, [4, 4])])
def test_top_k_keeps_so_many_and_of_ties_the_first(top_k, kept):
    p = shaped(LOG_P, top_k=top_k)
    assert (p > 0).sum(axis=1).tolist() == kept
    assert p[1, 0] == p[1].min() or top_k > 1
    np.testing.assert_allclose(p.sum(axis=1), 1)


@pytest.mark.parametrize(("top_p", "kept"), [(0.3, [1, 1]), (0.6, [2, 1]), (0.75, [3, 2]), (1.0, [4, 4])])
def test_top_p_keeps_the_fewest_that_have_so_much(top_p, kept):
    assert (shaped(LOG_P, top_p=top_p) > 0).sum(axis=1).tolist() == kept


def test_what_has_no_probability_is_never_chosen():
    p = shaped(np.array([[0.0, -np.inf, 0.0]] * 1000))
    chosen = choose(p, np.linspace(0, 1, 1000, endpoint=False))
    assert set(chosen) == {0, 2}


def test_choices_have_their_probabilities():
    p = np.tile(np.exp(LOG_P[0]), (20_000, 1))
    counts = np.bincount(choose(p, uniforms(7, np.arange(20_000), 3)), minlength=4)
    assert stats.chisquare(counts, 20_000 * p[0]).pvalue > 1e-3


def test_numbers_at_random_are_uniform_and_a_row_has_its_own_in_any_company():
    numbers = np.concatenate([uniforms(0, np.arange(2_000), step) for step in range(5)])
    assert stats.kstest(numbers, "uniform").pvalue > 1e-3
    assert len(np.unique(numbers)) == len(numbers)
    assert uniforms(0, np.array([5]), 2)[0] == uniforms(0, np.arange(9), 2)[5] != uniforms(1, np.arange(9), 2)[5]
