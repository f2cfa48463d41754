"""The distribution of a number: its density, its tails and its intervals, against SciPy."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from seqrec.data.fields import ABSENT, NEGATIVE, NOT_GIVEN, POSITIVE, ZERO
from seqrec.network.architectures import N_SIGNS
from seqrec.network.mixtures import initial_bias, intervals, log_prob, tails

GRID = np.linspace(-40, 40, 16_001)
SIGNS = [NEGATIVE, ZERO, POSITIVE]
N_COMPONENTS = 4
N_PARAMETERS = N_SIGNS * (1 + 3 * N_COMPONENTS)


def draw(n, seed=0, n_signs=N_SIGNS):
    size = (n, N_PARAMETERS + n_signs - N_SIGNS)
    return np.random.default_rng(seed).normal(size=size).astype(np.float32)


def softmax(logits):
    return np.exp(logits) / np.exp(logits).sum()


class Oracle:
    """One distribution, written out: shares of the signs, and the components of each."""

    def __init__(self, parameters):
        parts = parameters.astype(np.float64).reshape(N_SIGNS, 1 + 3 * N_COMPONENTS)
        self.shares = softmax(parts[:, 0]) * (1 - 3e-6) + 1e-6
        self.weights = np.array([softmax(row) for row in parts[:, 1 : 1 + N_COMPONENTS]])
        self.means = parts[:, 1 + N_COMPONENTS : 1 + 2 * N_COMPONENTS]
        self.scales = np.log1p(np.exp(parts[:, 1 + 2 * N_COMPONENTS :] + np.log(np.e - 1))) + 0.02

    def log_prob(self, sign, size):
        row = sign - NEGATIVE
        density = (self.weights[row] * stats.norm.pdf(size, self.means[row], self.scales[row])).sum()
        return np.log(self.shares[row]) + (0 if sign == ZERO else np.log(density))

    def larger(self, sign, size):
        """Probability of a larger size among the numbers of that sign."""
        row = sign - NEGATIVE
        return (self.weights[row] * stats.norm.sf(size, self.means[row], self.scales[row])).sum()

    def p_value(self, sign, size):
        low, zero, high = self.shares
        if sign == ZERO:
            return min(1, 2 * min(high + zero, low + zero))
        beyond = self.shares[sign - NEGATIVE] * self.larger(sign, size)  # on the side that leads away from 0
        return min(1, 2 * min(beyond, 1 - beyond))

    def sample(self, n, rng):
        signs = rng.choice(N_SIGNS, n, p=self.shares / self.shares.sum())
        component = np.array([rng.choice(N_COMPONENTS, p=self.weights[sign]) for sign in signs])
        sizes = rng.normal(self.means[signs, component], self.scales[signs, component])
        return encoded(signs + NEGATIVE, np.where(signs + NEGATIVE == ZERO, 0, sizes))


def encoded(signs, sizes):
    return np.stack(np.broadcast_arrays(signs, sizes), axis=1).astype(np.float32)


def repeated(parameters, n):
    return np.repeat(parameters[None], n, axis=0)


def log_prob_of(parameters, numbers):
    return log_prob(tf.constant(parameters), tf.constant(numbers)).numpy()


def numbers_at_random(n, seed=1):
    rng = np.random.default_rng(seed)
    signs = np.resize(SIGNS, n)
    return encoded(signs, np.where(signs == ZERO, 0, rng.normal(0, 2, n)))


def test_log_prob_is_that_of_a_sign_and_a_mixture_of_normals():
    parameters, numbers = draw(30), numbers_at_random(30)
    expected = [Oracle(p).log_prob(int(sign), size) for p, (sign, size) in zip(parameters, numbers, strict=True)]
    np.testing.assert_allclose(log_prob_of(parameters, numbers), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_densities_of_both_signs_and_the_atom_at_zero_integrate_to_one(seed):
    (parameters,) = draw(1, seed)
    mass = {ZERO: np.exp(log_prob_of(parameters[None], encoded([ZERO], 0.0)))[0]}
    for sign in (NEGATIVE, POSITIVE):
        density = np.exp(log_prob_of(repeated(parameters, len(GRID)), encoded(sign, GRID)))
        mass[sign] = np.trapezoid(density, GRID)
    shares = dict(zip(SIGNS, Oracle(parameters).shares, strict=True))
    assert mass == pytest.approx(shares, rel=1e-4, abs=1e-5)
    assert sum(mass.values()) == pytest.approx(1, abs=1e-4)


def test_a_number_that_is_not_given_costs_nothing_and_teaches_nothing():
    parameters = tf.constant(draw(2))
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        found = log_prob(parameters, tf.constant(encoded(NOT_GIVEN, [0.0, 7.0])))
    assert found.numpy().tolist() == [0, 0]
    assert not tape.gradient(found, parameters).numpy().any()


@pytest.mark.parametrize("sign", SIGNS)
def test_gradients_are_finite_far_out(sign):
    parameters = tf.constant(draw(3))
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        found = log_prob(parameters, tf.constant(encoded(sign, [-30.0, 0.0, 30.0])))
    assert np.isfinite(found).all()
    assert np.isfinite(tape.gradient(found, parameters)).all()


def test_a_sign_that_training_lacked_keeps_a_probability():
    parameters = draw(1)
    parameters[0, 0] = -200  # logit of a negative number
    assert log_prob_of(parameters, encoded([NEGATIVE], 0.0))[0] > np.log(1e-6) - 10


def test_training_starts_out_from_components_spread_over_the_usual_range():
    oracle = Oracle(initial_bias(np.log([0.2, 0.3, 0.5]), N_COMPONENTS))
    np.testing.assert_allclose(oracle.shares, [0.2, 0.3, 0.5], rtol=1e-5)
    np.testing.assert_allclose(oracle.means, np.tile(np.linspace(-1.5, 1.5, N_COMPONENTS), (N_SIGNS, 1)))
    np.testing.assert_allclose(oracle.scales, 1.02)


# --- tails


def test_tails_are_two_sided_p_values():
    parameters, numbers = draw(60), numbers_at_random(60)
    expected = [Oracle(p).p_value(int(sign), size) for p, (sign, size) in zip(parameters, numbers, strict=True)]
    np.testing.assert_allclose(np.exp(-tails(parameters, numbers)[0]), expected, rtol=1e-4, atol=1e-5)


def test_a_number_at_the_median_is_not_odd():
    parameters = of_one_sign(POSITIVE)
    median = intervals(parameters[None], (0.5, 0.9)).low[0]
    assert Oracle(parameters).larger(POSITIVE, median) == pytest.approx(0.5, abs=1e-5)
    tail, score = tails(parameters[None], encoded([POSITIVE], median))
    assert np.exp(-tail[0]) == pytest.approx(1, abs=0.02)
    assert score[0] == pytest.approx(0, abs=0.02)


def of_one_sign(sign):
    (parameters,) = draw(1)
    parameters[[0, 13, 26]] = -20
    parameters[13 * (sign - NEGATIVE)] = 0
    return parameters


@pytest.mark.parametrize("sign", [NEGATIVE, POSITIVE])
@pytest.mark.parametrize("direction", [-1, 1])
def test_the_farther_out_the_odder_up_to_the_end_of_arithmetic(sign, direction):
    sizes = direction * np.linspace(4, 30, 60)
    tail, score = tails(repeated(of_one_sign(sign), 60), encoded(sign, sizes))
    assert (np.diff(tail) >= 0).all()
    assert tail[0] > 3
    assert (direction * np.diff(score) > 0).all()
    assert direction < 0 or (np.diff(tail) > 0).all()


@pytest.mark.parametrize("sign", [NEGATIVE, POSITIVE])
@pytest.mark.parametrize("size", [-30.0, 30.0])
def test_tails_are_finite_at_the_farthest_sizes_even_of_narrow_components(sign, size):
    parameters = draw(20)
    parameters.reshape(20, N_SIGNS, -1)[:, :, 1 + 2 * N_COMPONENTS :] = -20  # the narrowest there are
    tail, score = tails(parameters, encoded(np.full(20, sign), size))
    assert np.isfinite(tail).all()
    assert (tail >= 0).all()
    assert np.isfinite(score).all()


def test_one_sided_tails_are_probabilities_of_as_high_or_as_low_a_number():
    parameters, numbers = draw(60), numbers_at_random(60)
    high, low = (np.exp(-tails(parameters, numbers, side)[0]) for side in ("high", "low"))
    both = np.exp(-tails(parameters, numbers)[0])
    np.testing.assert_allclose(both, np.minimum(1, 2 * np.minimum(high, low)), atol=1e-5)
    of_zero = np.array([oracle.shares[1] for oracle in map(Oracle, parameters)])
    np.testing.assert_allclose(high + low, 1 + np.where(numbers[:, 0] == ZERO, of_zero, 0), atol=1e-5)
    (parameters,) = draw(1)
    rising = encoded([NEGATIVE, NEGATIVE, ZERO, POSITIVE, POSITIVE], [2.0, -1.0, 0.0, -1.0, 2.0])
    assert (np.diff(tails(repeated(parameters, 5), rising, "high")[0]) > 0).all()
    assert (np.diff(tails(repeated(parameters, 5), rising, "low")[0]) < 0).all()


def test_zeros_have_a_p_value_and_no_normal_score():
    tail, score = tails(draw(1), encoded([ZERO], 0.0))
    assert np.exp(-tail[0]) == pytest.approx(Oracle(draw(1)[0]).p_value(ZERO, 0), abs=1e-5)
    assert np.isnan(score[0])


@pytest.mark.parametrize("seed", range(3))
def test_numbers_from_the_distribution_itself_have_standard_normal_scores(seed):
    (parameters,) = draw(1, seed)
    numbers = Oracle(parameters).sample(3_000, np.random.default_rng(seed))
    tail, score = tails(repeated(parameters, 3_000), numbers)
    there = ~np.isnan(score)
    np.testing.assert_array_equal(there, numbers[:, 0] != ZERO)
    assert stats.kstest(score[there], "norm").pvalue > 0.01
    sized = np.exp(-tail[there])
    assert np.mean(np.exp(-tail) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 / 3_000)
    assert ((sized > 0) & (sized <= 1)).all()


# --- intervals


@pytest.mark.parametrize("seed", range(3))
def test_intervals_hold_the_share_of_numbers_that_was_asked_for(seed):
    (parameters,) = draw(1, seed)
    zero, absent, sign, low, high = (part[0] for part in intervals(parameters[None], (0.05, 0.95)))
    oracle = Oracle(parameters)
    column = NEGATIVE if sign < 0 else POSITIVE
    assert zero == pytest.approx(oracle.shares[1], abs=1e-5)
    assert absent == 0
    assert oracle.shares[column - NEGATIVE] == max(oracle.shares[0], oracle.shares[2])
    assert oracle.larger(column, low) == pytest.approx(0.95, abs=1e-5)
    assert oracle.larger(column, high) == pytest.approx(0.05, abs=1e-5)
    numbers = oracle.sample(3_000, np.random.default_rng(seed))
    sizes = numbers[numbers[:, 0] == column, 1]
    held = np.mean((sizes > low) & (sizes < high))
    assert abs(held - 0.9) < 3 * np.sqrt(0.09 / len(sizes))


def test_intervals_of_many_distributions_are_each_ones_own():
    parameters = draw(5)
    together = np.array(intervals(parameters, (0.1, 0.9)))
    alone = np.concatenate([np.array(intervals(one[None], (0.1, 0.9))) for one in parameters], axis=1)
    np.testing.assert_allclose(together, alone, atol=1e-9)


# --- absence


def shares_of(parameters):
    """Shares of the signs, of which absence is the last, (4,), written out."""
    logits = np.append(parameters[:N_PARAMETERS].reshape(N_SIGNS, -1)[:, 0], parameters[N_PARAMETERS:])
    return softmax(logits.astype(np.float64)) * (1 - 4e-6) + 1e-6


def with_absence(share, seed=0):
    """Parameters by which a number is absent with this probability, (n_parameters,)."""
    (parameters,) = draw(1, seed, n_signs=4)
    others = np.exp(parameters[:N_PARAMETERS].reshape(N_SIGNS, -1)[:, 0]).sum()
    parameters[-1] = np.log(share / (1 - share) * others)
    return parameters


@pytest.mark.parametrize("seed", range(3))
def test_absence_has_a_probability_and_what_is_there_the_rest(seed):
    (parameters,) = draw(1, seed, n_signs=4)
    shares = shares_of(parameters)
    assert np.exp(log_prob_of(parameters[None], encoded([ABSENT], 0.0)))[0] == pytest.approx(shares[3], rel=1e-4)
    mass = np.exp(log_prob_of(parameters[None], encoded([ZERO], 0.0)))[0]
    for sign in (NEGATIVE, POSITIVE):
        density = np.exp(log_prob_of(repeated(parameters, len(GRID)), encoded(sign, GRID)))
        mass += np.trapezoid(density, GRID)
    assert mass == pytest.approx(1 - shares[3], abs=1e-4)


def test_absence_that_training_lacked_has_the_probability_of_a_sign_that_it_lacked():
    parameters = draw(3)
    np.testing.assert_allclose(log_prob_of(parameters, encoded([ABSENT] * 3, 0.0)), np.log(1e-6), atol=1e-5)
    tail, score = tails(parameters, encoded([ABSENT] * 3, 0.0))
    np.testing.assert_allclose(np.exp(-tail), 2e-6)
    assert np.isnan(score).all()


def test_without_absence_in_training_numbers_are_as_odd_as_ever_with_hardly_any():
    parameters, numbers = draw(60), numbers_at_random(60)
    hardly = np.hstack([parameters, np.full((60, 1), -40, np.float32)])
    for side in ("both", "high", "low"):
        found, expected = (np.exp(-tails(each, numbers, side)[0]) for each in (hardly, parameters))
        np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(log_prob_of(hardly, numbers), log_prob_of(parameters, numbers), atol=1e-4)


@pytest.mark.parametrize("share", [0.001, 0.2, 0.45, 0.55, 0.9])
def test_p_values_with_absence_are_probabilities_of_what_is_as_odd(share):
    parameters, n = with_absence(share), 4_000
    rng = np.random.default_rng(1)
    present = parameters.copy()[:N_PARAMETERS]
    numbers = Oracle(present).sample(n, rng)
    numbers[rng.random(n) < share] = ABSENT, 0
    p_values = np.exp(-tails(repeated(parameters, n), numbers)[0])
    assert ((p_values > 0) & (p_values <= 1)).all()
    for level in (0.01, 0.05, 0.2, 0.5):
        assert np.mean(p_values <= level) <= level + 3 * np.sqrt(level * (1 - level) / n)
    of_absence = np.exp(-tails(parameters[None], encoded([ABSENT], 0.0))[0][0])
    assert of_absence == pytest.approx(2 * share if share < 0.5 else 1, rel=1e-3)


def test_a_number_is_the_odder_the_surer_it_was_that_there_is_none():
    number = encoded([POSITIVE], 0.3)
    found = [tails(with_absence(share)[None], number)[0][0] for share in (0.5, 0.9, 0.99, 0.9999)]
    assert (np.diff(found) > 0).all()


def test_where_a_number_was_expected_says_how_likely_there_is_none():
    expected = intervals(np.stack([with_absence(0.7), with_absence(0.01)]), (0.05, 0.95))
    np.testing.assert_allclose(expected.absent, [0.7, 0.01], atol=1e-4)
    without = intervals(with_absence(0.7)[None, :N_PARAMETERS], (0.05, 0.95))
    np.testing.assert_allclose([expected.low[0], expected.high[0]], [without.low[0], without.high[0]], atol=1e-5)
    np.testing.assert_allclose(expected.zero[0], 0.3 * without.zero[0], atol=1e-4)


def test_training_starts_out_from_the_share_of_absence():
    bias = initial_bias(np.log([0.1, 0.2, 0.3, 0.4]), N_COMPONENTS)
    np.testing.assert_allclose(shares_of(bias), [0.1, 0.2, 0.3, 0.4], rtol=1e-4)
    assert bias.dtype == np.float32


def test_gradients_of_absence_are_finite():
    parameters = tf.constant(draw(2, n_signs=4))
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        found = log_prob(parameters, tf.constant(encoded([ABSENT, POSITIVE], [0.0, 1.0])))
    gradient = tape.gradient(found, parameters).numpy()
    assert np.isfinite(gradient).all()
    assert gradient[0, -1] > 0 > gradient[1, -1]
