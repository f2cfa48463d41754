"""A distribution for any number: its sign, and the logarithm of its size as a mixture of normal distributions.

So an amount is log-normal, in as many bumps as it needs, and 0 has a probability of its own, as has its absence.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, log_softmax, ndtr, ndtri_exp, softmax

from seqrec.data.fields import ABSENT, FARTHEST, NEGATIVE, POSITIVE, ZERO
from seqrec.network.architectures import N_SIGNS
from seqrec.network.tensorflow import tf

N_UNIFORMS = 3  # numbers that one is drawn by
_UNIT_SCALE = math.log(math.e - 1)  # softplus of it is 1
_SMALLEST_SCALE = 0.02  # standard deviations of the field: a bump is never a spike
_LEAST = 1e-12  # of a logarithm, so that it is never that of 1
_SMALLEST_SIGN = 1e-6  # probability of a sign that training lacked


class Expected(NamedTuple):
    """Where n numbers were expected.

    Attributes
    ----------
    zero, absent : (n,) float64
        Probabilities of 0, and that there is no number.
    sign : (n,) int64
        Likelier of -1 and 1.
    low, high : (n,) float64
        Sizes between which a number of that sign was expected.
    """

    zero: NDArray[np.float64]
    absent: NDArray[np.float64]
    sign: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def initial_bias(log_shares: NDArray, n_components: int) -> NDArray[np.float32]:
    """Parameters to start from: signs with these shares, (n_signs,), and components over the usual range of a field."""
    bias = np.zeros((N_SIGNS, 1 + 3 * n_components), dtype=np.float32)
    bias[:, 0] = log_shares[:N_SIGNS]
    bias[:, 1 + n_components : 1 + 2 * n_components] = np.linspace(-1.5, 1.5, n_components)
    return np.concatenate([bias.ravel(), log_shares[N_SIGNS:]]).astype(np.float32)


def _split(parameters: Any, sign: Any) -> tuple[Any, ...]:
    """Give logits (n, n_signs), and for one's own `sign` weights, means, log-scales of the components, (n, k) each."""
    width = parameters.shape[1] // N_SIGNS  # of a sign; that of absence has no more than a logit, at the end
    parts = tf.reshape(parameters[:, : N_SIGNS * width], (-1, N_SIGNS, width))
    own = tf.gather(parts[:, :, 1:], tf.clip_by_value(sign - NEGATIVE, 0, N_SIGNS - 1), batch_dims=1)
    logits = tf.concat([parts[:, :, 0], parameters[:, N_SIGNS * width :]], axis=1)
    return logits, *tf.split(own, 3, axis=1)


def log_prob(parameters: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
    """Log-density of numbers.

    Parameters
    ----------
    parameters : (n, n_mixture_parameters) float32 tensor
    numbers : (n, 2) float32 tensor
        Sign and size, as `fields.Number` encodes them.

    Returns
    -------
    log_prob : (n,) float32 tensor, nats
        Of a sign, and of a size in units of the field's spread; 0 where the number is not given.

    References
    ----------
    Bishop (1994), "Mixture density networks", equations 22-24, on the logarithm; the atom at 0 and the signs are ours.
    """
    sign, size = tf.cast(numbers[:, 0], tf.int32), numbers[:, 1]
    logits, weights, means, scales = _split(parameters, sign)
    n_signs = logits.shape[1]
    shares = (1 - n_signs * _SMALLEST_SIGN) * tf.exp(tf.nn.log_softmax(logits)) + _SMALLEST_SIGN
    shares = tf.pad(shares, [[0, 0], [0, ABSENT - n_signs]], constant_values=_SMALLEST_SIGN)  # if training had none
    of_sign = tf.math.log(tf.gather(shares, tf.maximum(sign - NEGATIVE, 0), batch_dims=1))
    scale = tf.nn.softplus(scales + _UNIT_SCALE) + _SMALLEST_SCALE
    z = (size[:, None] - means) / scale
    densities = tf.nn.log_softmax(weights) - 0.5 * z**2 - tf.math.log(scale) - 0.5 * math.log(2 * math.pi)
    of_size = tf.where((sign == ZERO) | (sign == ABSENT), 0.0, tf.reduce_logsumexp(densities, axis=1))
    return tf.where(sign < NEGATIVE, 0.0, of_sign + of_size)


def choose(logits: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
    """Choose one of some kinds by their logits, (n, n_kinds), and a number between 0 and 1: (n,) int32."""
    total = tf.cumsum(tf.nn.softmax(logits), axis=1)
    return tf.reduce_sum(tf.cast(total[:, :-1] <= uniform[:, None], tf.int32), axis=1)


def draw(parameters: tf.Tensor, uniforms: tf.Tensor) -> tf.Tensor:
    """Draw numbers.

    Parameters
    ----------
    parameters : (n, n_mixture_parameters) float32 tensor
    uniforms : (n, N_UNIFORMS) float32 tensor
        Between 0 and 1: for the sign, the component and the size.

    Returns
    -------
    numbers : (n, 2) float32 tensor
        Sign and size, as `fields.Number` encodes them.
    """
    of_sign, of_component, of_size = tf.unstack(uniforms, axis=1)
    sign = NEGATIVE + choose(_split(parameters, tf.zeros_like(of_sign, tf.int32))[0], of_sign)
    _, weights, means, scales = _split(parameters, sign)
    component = choose(weights, of_component)
    mean, scale = (tf.gather(part, component, batch_dims=1) for part in (means, scales))
    size = mean + (tf.nn.softplus(scale + _UNIT_SCALE) + _SMALLEST_SCALE) * tf.math.ndtri(of_size)
    sized = (sign == NEGATIVE) | (sign == POSITIVE)
    size = tf.where(sized, tf.clip_by_value(size, -FARTHEST, FARTHEST), 0.0)
    return tf.stack([tf.cast(sign, tf.float32), size], axis=1)


def tails(parameters: NDArray, numbers: NDArray, side: str = "both") -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Say how far out in its distribution each number lies.

    Parameters
    ----------
    parameters : (n, n_mixture_parameters) float32
    numbers : (n, 2) float32
        All of them given.
    side : {"both", "high", "low"}

    Returns
    -------
    tails : (n,) float64, nats
        ``-log p`` of a number as far out or farther, on that side; absence is as far out as it is rare.
    normal_scores : (n,) float64
        ``Phi^-1(F(|x|))`` among the numbers of its sign: standard normal if the distribution is right; NaN for 0
        and where there is no number.
    """
    sign = numbers[:, 0].astype(np.int64)
    shares, weights, means, scale = _components(parameters, sign)
    absent, of_signs = shares[:, N_SIGNS], shares[:, :N_SIGNS] / (1 - shares[:, N_SIGNS:])
    farther = np.logaddexp.reduce(np.log(weights) + log_ndtr((means - numbers[:, 1:2]) / scale), axis=1)
    nearer = np.logaddexp.reduce(np.log(weights) + log_ndtr((numbers[:, 1:2] - means) / scale), axis=1)
    # Seen from 0, a farther number lies higher if it is positive and lower if it is negative.
    column = np.minimum(sign - NEGATIVE, N_SIGNS - 1)
    own = np.where(sign == ZERO, 0.0, farther) + np.log(of_signs[np.arange(len(sign)), column])
    rest = np.log1p(-np.exp(np.minimum(own, -_LEAST)))
    log_low, log_zero, log_high = np.log(of_signs.T)
    above = np.select([sign == POSITIVE, sign == NEGATIVE], [own, rest], np.logaddexp(log_high, log_zero))
    below = np.select([sign == POSITIVE, sign == NEGATIVE], [rest, own], np.logaddexp(log_low, log_zero))
    two_sided = np.minimum(0.0, math.log(2) + np.minimum(above, below))
    beyond = {"both": two_sided, "high": above, "low": below}[side]
    score = ndtri_exp(np.minimum(np.minimum(farther, nearer), -_LEAST))  # of the smaller share, as it is exact
    scores = np.where(farther < nearer, -score, score)
    log_p = np.where(sign == ABSENT, _of_absence(absent), _beside_absence(np.minimum(beyond, 0.0), absent))
    return -log_p, np.where((sign == ZERO) | (sign == ABSENT), np.nan, scores)


class Positive(NamedTuple):
    """How n numbers are distributed above 0, which a number can be or not.

    Attributes
    ----------
    share : (n,) float64
        Probability to be above 0.
    log_weights, means, scales : (n, n_components) float64
        Of the components of the size.
    """

    share: NDArray[np.float64]
    log_weights: NDArray[np.float64]
    means: NDArray[np.float64]
    scales: NDArray[np.float64]

    @classmethod
    def of(cls, parameters: NDArray) -> Positive:
        """Take the parameters of distributions, (n, n_mixture_parameters) float32."""
        shares, weights, means, scale = _components(parameters, np.full(len(parameters), POSITIVE))
        return cls(shares[:, POSITIVE - NEGATIVE], np.log(np.maximum(weights, 1e-300)), means, scale)

    def log_beyond(self, sizes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-probability of numbers above sizes, (n, ...) -> (n, ...), nats; minus infinity is the size of 0."""
        z = (np.moveaxis(sizes[..., None], 0, -2) - self.means) / self.scales
        log_p = np.logaddexp.reduce(self.log_weights + log_ndtr(-z), axis=-1) + np.log(self.share)
        return np.moveaxis(log_p, -1, 0)

    def draw_beyond(self, sizes: NDArray[np.float64], uniforms: NDArray[np.float64]) -> NDArray[np.float64]:
        """Draw sizes of numbers above sizes, (n,), by numbers between 0 and 1, (n, 2): exact however far out."""
        log_p = self.log_weights + log_ndtr((self.means - sizes[:, None]) / self.scales)
        total = np.exp(log_softmax(log_p, axis=1)).cumsum(axis=1)
        own = (np.arange(len(sizes)), (total[:, :-1] <= uniforms[:, :1]).sum(axis=1))
        mean, scale = self.means[own], self.scales[own]
        return mean - scale * ndtri_exp(log_ndtr((mean - sizes) / scale) + np.log(uniforms[:, 1]))


def _of_absence(absent: NDArray) -> NDArray[np.float64]:
    """Log p-value of absence, which has these probabilities: with it count the numbers that are as unlikely or less."""
    absent = np.maximum(absent, _SMALLEST_SIGN)
    return np.log(np.where(absent < 0.5, 2 * absent, 1.0))


def _beside_absence(log_p: NDArray, absent: NDArray) -> NDArray[np.float64]:
    """Log p-values of numbers, given those if none could be absent: absence counts if it is as unlikely or less."""
    log_absent = np.log(absent, where=absent > 0, out=np.full(len(absent), -np.inf))
    log_p = log_p + np.log1p(-absent)
    return np.where(log_p < log_absent, log_p, np.minimum(np.logaddexp(log_p, log_absent), 0.0))


def intervals(parameters: NDArray, levels: tuple[float, float]) -> Expected:
    """Say where a number was expected.

    Parameters
    ----------
    parameters : (n, n_mixture_parameters) float32
    levels : two floats
        Probabilities below the interval's ends.

    Returns
    -------
    Expected
    """
    logits = _split(parameters, tf.zeros(len(parameters), tf.int32))[0].numpy()
    shares = _with_column(softmax(logits.astype(np.float64), axis=1))
    sign = np.where(shares[:, 0] > shares[:, 2], -1, 1)
    column = np.where(sign < 0, NEGATIVE, POSITIVE)
    weights, means, scale = _components(parameters, column)[1:]
    low, high = (np.full((2, len(sign)), end) for end in (-2 * FARTHEST, 2 * FARTHEST))  # (level, n)
    for _ in range(60):  # halvings
        middle = (low + high) / 2
        below = (weights * ndtr((middle[..., None] - means) / scale)).sum(axis=-1) < np.array(levels)[:, None]
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return Expected(shares[:, 1], shares[:, N_SIGNS], sign, low[0], low[1])


def _components(parameters: NDArray, sign: NDArray) -> tuple[NDArray, ...]:
    """Give probabilities of the signs (n, 4), and weights, means and scales of the components for each one's sign."""
    logits, weights, means, scales = (part.numpy() for part in _split(parameters, tf.constant(sign, tf.int32)))
    scale = np.logaddexp(0, scales.astype(np.float64) + _UNIT_SCALE) + _SMALLEST_SCALE
    shares, weights = (softmax(part.astype(np.float64), axis=1) for part in (logits, weights))
    shares = shares * (1 - shares.shape[1] * _SMALLEST_SIGN) + _SMALLEST_SIGN
    return _with_column(shares), weights, means, scale


def _with_column(shares: NDArray) -> NDArray:
    """Give the shares with that of absence, which is 0 where training had none, (n, 4)."""
    return np.pad(shares, ((0, 0), (0, N_SIGNS + 1 - shares.shape[1])))
