"""Metrics agree with oracles written from their definitions."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import rankdata

from seqrec.metrics import average_rank, coverage, hit_rate, mrr, ndcg, recall

RNG = np.random.default_rng(0)
RANKS = RNG.integers(1, 30, size=200).astype(float)
INDPTR = np.concatenate([[0], np.sort(RNG.choice(np.arange(1, 200), size=49, replace=False)), [200]])
K = 10


def targets_of_each():
    return [RANKS[start:stop] for start, stop in pairwise(INDPTR)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_average_rank_agrees_with_scipy_over_many_ties(dtype):
    scores = RNG.integers(0, 6, size=(50, 20)).astype(dtype)
    target = RNG.integers(0, 20, size=50)
    expected = rankdata(-scores, method="average", axis=1)[np.arange(50), target]
    np.testing.assert_array_equal(average_rank(scores, target), expected)


def test_excluded_items_take_no_rank():
    scores = np.array([[3.0, -np.inf, 2.0, 1.0]])
    assert average_rank(scores, [2]) == [2]
    assert average_rank(scores, [1]) == [np.inf]


def test_an_item_outside_the_catalogue_has_an_infinite_rank():
    assert average_rank(np.array([[1.0, 2.0]]), [-1]) == [np.inf]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scores_of_a_diverged_model_are_an_error(value):
    with pytest.raises(ValueError, match="1 sequences hold NaN"):
        average_rank(np.array([[1.0, 2.0], [value, 2.0]]), [0, 1])


@pytest.mark.parametrize("row", [[1.0, 1.0, 1.0], [1.0, -np.inf, 1.0]])
def test_constant_scores_are_an_error(row):
    with pytest.raises(ValueError, match="1 sequences are equal"):
        average_rank(np.array([row, [1.0, 1.0, 2.0]]), [0, 0])


@pytest.mark.parametrize("row", [[1.0, -np.inf, -np.inf], [-np.inf, -np.inf, -np.inf]])
def test_one_item_left_or_none_is_no_constant_row(row):
    average_rank(np.array([row]), [0])


def test_shapes_that_do_not_fit_are_an_error():
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(3,\)"):
        average_rank(np.zeros((2, 3)), [0, 1, 2])


def test_ranking_leaves_the_scores_as_they_were():
    scores = RNG.random((3, 5))
    before = scores.copy()
    average_rank(scores, [0, 1, -1])
    np.testing.assert_array_equal(scores, before)


def test_one_target_a_sequence():
    np.testing.assert_array_equal(recall(RANKS, K), [rank <= K for rank in RANKS])
    np.testing.assert_array_equal(hit_rate(RANKS, K), recall(RANKS, K))
    np.testing.assert_allclose(ndcg(RANKS, K), [(rank <= K) / np.log2(1 + rank) for rank in RANKS])
    np.testing.assert_allclose(mrr(RANKS, K), [(rank <= K) / rank for rank in RANKS])


def test_recall_is_the_share_of_the_targets():
    expected = [np.mean(ranks <= K) for ranks in targets_of_each()]
    np.testing.assert_allclose(recall(RANKS, K, INDPTR), expected)


def test_hit_rate_asks_for_any_target():
    expected = [np.any(ranks <= K) for ranks in targets_of_each()]
    np.testing.assert_array_equal(hit_rate(RANKS, K, INDPTR), expected)


def test_ndcg_divides_by_the_best_possible_list():
    def oracle(ranks):
        gained = sum(1 / np.log2(1 + rank) for rank in ranks if rank <= K)
        return gained / sum(1 / np.log2(1 + rank) for rank in range(1, min(K, len(ranks)) + 1))

    np.testing.assert_allclose(ndcg(RANKS, K, INDPTR), [oracle(ranks) for ranks in targets_of_each()])
    assert ndcg([1, 2, 3], k=2, indptr=[0, 3]) == pytest.approx(1)


def test_mrr_looks_at_the_best_target():
    expected = [(ranks.min() <= K) / ranks.min() for ranks in targets_of_each()]
    np.testing.assert_allclose(mrr(RANKS, K, INDPTR), expected)


@pytest.mark.parametrize("metric", [recall, hit_rate, ndcg, mrr])
def test_an_infinite_rank_counts_as_zero_and_no_rank_as_nothing(metric):
    assert metric([np.inf]).tolist() == [0]
    assert metric([]).shape == (0,)


@pytest.mark.parametrize("ranks", [[0.5], [np.nan], [[1, 2]]])
def test_ranks_below_one_or_missing_are_an_error(ranks):
    with pytest.raises(ValueError, match="ranks must be"):
        recall(ranks)


def test_a_sequence_without_a_target_is_an_error():
    with pytest.raises(ValueError, match="at least one target"):
        recall([1, 2], indptr=[0, 0, 2])


def test_coverage_counts_each_item_once_and_none_never():
    assert coverage(np.array([["a", "b"], ["b", None]], dtype=object), n_items=4) == 0.5
    assert coverage(np.array([[3, 1], [1, 2]]), n_items=3) == 1


@pytest.mark.parametrize("target", [[2], [-2], [0.5]])
def test_targets_that_are_no_columns_are_an_error(target):
    with pytest.raises(ValueError, match="target must hold columns of scores, from 0 to 1, or -1"):
        average_rank(np.array([[0.1, 0.2]]), target)
