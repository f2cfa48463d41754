import numpy as np
from scipy.stats import norm

from seqrec.forecast.paths import LEVELS, drawn


def test_a_path_has_at_each_step_the_distribution_of_its_quantiles():
    quantiles = np.stack([norm.ppf(LEVELS, 3, 2), np.exp(norm.ppf(LEVELS))])[None]
    scores = np.random.default_rng(0).normal(size=(1, 40_000, 2))
    paths = drawn(quantiles, scores)[0]
    np.testing.assert_allclose(paths[:, 0], 3 + 2 * np.clip(scores[0, :, 0], -3.5, 3.5))
    for level in (0.05, 0.5, 0.95):
        assert abs((paths[:, 1] < np.exp(norm.ppf(level))).mean() - level) < 0.01


def test_the_same_score_lies_as_far_out_at_every_step():
    quantiles = np.arange(2 * 3 * len(LEVELS), dtype=float).reshape(2, 3, len(LEVELS))
    paths = drawn(quantiles, np.zeros((2, 1, 3)))
    np.testing.assert_allclose(paths[:, 0], quantiles[..., len(LEVELS) // 2])
