"""Parts of a score become p-values, and one of all of them."""

import numpy as np
import pytest

from seqrec.detect.calibration import Calibration


def correlated(n, seed):
    """Parts that depend on each other, one of them in whole numbers."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal(n)
    parts = {f"part {i}": common + rng.standard_normal(n) for i in range(5)}
    return parts | {"count": rng.poisson(0.2, n).astype(float)}


@pytest.mark.parametrize("part", ["auto", "part 3"])
def test_p_values_of_new_normal_sequences_are_uniform(part):
    calibration = Calibration.fit(correlated(2_000, 0))
    p = np.exp(calibration.score(correlated(4_000, 1), part))
    for level in (0.01, 0.05, 0.3):
        error = np.sqrt(level * (1 - level) * (1 / 2_000 + 1 / 4_000))
        assert abs(np.mean(p <= level) - level) < 2.6 * error


def test_held_out_scores_are_distributed_as_those_of_new_sequences():
    parts = correlated(2_000, 0)
    calibration = Calibration.fit(parts)
    held_out, new = calibration.held_out_score(parts), calibration.score(correlated(4_000, 1))
    np.testing.assert_allclose(np.quantile(held_out, [0.02, 0.2, 0.5]), np.quantile(new, [0.02, 0.2, 0.5]), rtol=0.15)


def test_one_part_far_out_is_enough():
    parts = correlated(1_000, 0)
    calibration = Calibration.fit(parts)
    usual = {name: np.full(1, np.median(values)) for name, values in parts.items()}
    assert calibration.score(usual)[0] > np.log(0.3)
    assert calibration.score(usual | {"part 2": np.array([25.0])})[0] < np.log(0.002)


def test_the_combination_is_the_mean_of_inverse_p_values():
    parts = correlated(500, 0)
    calibration = Calibration.fit(parts)
    new = correlated(50, 1)
    inverse = np.exp(-calibration.log_p_values(new)).mean(axis=1)
    order = np.argsort(inverse)
    assert (np.diff(calibration.score(new)[order]) <= 0).all()


def test_noise_in_the_last_digits_of_a_float_breaks_no_tie():
    parts = {"constant": np.full(100, 3.7)}
    calibration = Calibration.fit(parts)
    assert calibration.score({"constant": np.array([3.7 + 1e-6])})[0] == 0
