import numpy as np
from scipy.stats import norm

from seqrec.forecast.paths import LEVELS, Draws, drawn


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


def test_draws_of_a_series_depend_on_its_id_and_the_seed_alone():
    keys = np.array(["tea", "milk", "tea"], dtype=object)
    for draw in (
        lambda draws, n: draws.standard_normal((n, 4)),
        lambda draws, n: draws.random((n, 4)),
        lambda draws, n: draws.integers(1_000_000, size=(n, 4)),
    ):
        all_of_them = draw(Draws(0, keys), 3)
        np.testing.assert_array_equal(draw(Draws(0, keys[1:2]), 1), all_of_them[1:2])
        np.testing.assert_array_equal(all_of_them[0], all_of_them[2])
        assert (all_of_them[0] != all_of_them[1]).all()
        assert (draw(Draws(1, keys), 3) != all_of_them).all()
    assert abs(Draws(0, np.arange(500)).standard_normal((500, 20)).mean()) < 0.03
