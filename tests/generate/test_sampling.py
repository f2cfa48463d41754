"""From probabilities to choices."""

import numpy as np
import pytest
from scipy import stats

from seqrec.generate.sampling import choose, shaped, uniforms

P = np.array([[0.4, 0.3, 0.2, 0.1], [0.1, 0.1, 0.1, 0.7]])


def test_a_low_temperature_makes_the_likely_likelier():
    cold, warm, hot = (shaped(P, temperature)[0] / shaped(P, temperature)[0].sum() for temperature in (0.5, 1, 2))
    np.testing.assert_allclose(warm, P[0])
    np.testing.assert_allclose(cold, P[0] ** 2 / (P[0] ** 2).sum())
    assert cold[0] > warm[0] > hot[0]


@pytest.mark.parametrize(("top_k", "kept"), [(1, [1, 1]), (2, [2, 2]), (3, [3, 3]), (9, [4, 4])])
def test_top_k_keeps_so_many_and_of_ties_the_first(top_k, kept):
    p = shaped(P, top_k=top_k)
    assert (p > 0).sum(axis=1).tolist() == kept
    assert (p[1, 0] > 0) == (top_k > 1)


@pytest.mark.parametrize(("top_p", "kept"), [(0.3, [1, 1]), (0.6, [2, 1]), (0.75, [3, 2]), (1.0, [4, 4])])
def test_top_p_keeps_the_fewest_that_have_so_much(top_p, kept):
    assert (shaped(P, top_p=top_p) > 0).sum(axis=1).tolist() == kept


def test_what_has_no_probability_is_never_chosen():
    p = shaped(np.array([[1.0, 0.0, 1.0]] * 1000, np.float32))
    chosen = choose(p, np.linspace(0, 1, 1000, endpoint=False))
    assert set(chosen) == {0, 2}


def test_choices_have_their_probabilities():
    p = np.tile(P[0], (20_000, 1))
    counts = np.bincount(choose(p, uniforms(7, np.arange(20_000), 3)), minlength=4)
    assert stats.chisquare(counts, 20_000 * p[0]).pvalue > 1e-3


def test_numbers_at_random_are_uniform_and_a_row_has_its_own_in_any_company():
    numbers = np.concatenate([uniforms(0, np.arange(2_000), step) for step in range(5)])
    assert stats.kstest(numbers, "uniform").pvalue > 1e-3
    assert len(np.unique(numbers)) == len(numbers)
    assert uniforms(0, np.array([5]), 2)[0] == uniforms(0, np.arange(9), 2)[5] != uniforms(1, np.arange(9), 2)[5]


@pytest.mark.parametrize("n_kinds", [1, 2, 3, 10, 101, 5_000])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_the_kind_is_the_first_whose_share_is_not_yet_passed(n_kinds, dtype):
    rng = np.random.default_rng(n_kinds)
    weights = np.where(rng.random((400, n_kinds)) < 0.3, 0, rng.exponential(size=(400, n_kinds)) ** 3).astype(dtype)
    weights[np.arange(400), rng.integers(0, n_kinds, 400)] = 0.5
    uniform = np.concatenate([rng.random(398), [0, np.nextafter(1, 0)]])
    chosen = choose(weights, uniform)
    assert (weights[np.arange(400), chosen] > 0).all()
    exact = weights.astype(np.float64).cumsum(axis=1)
    asked, after = uniform * exact[:, -1], exact[np.arange(400), chosen]
    before, slack = after - weights[np.arange(400), chosen], 1e-5 * exact[:, -1]
    assert ((before - slack <= asked) & (asked <= after + slack)).all()
