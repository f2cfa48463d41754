"""A distribution for any number: its sign, and the logarithm of its size as a mixture of normal distributions.

So an amount is log-normal, in as many bumps as it needs, and 0 has a probability of its own.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr, ndtri_exp, softmax

from seqrec.data.fields import FARTHEST, NEGATIVE, POSITIVE, ZERO
from seqrec.network.blueprint import N_COMPONENTS, N_SIGNS
from seqrec.network.tensorflow import tf

_UNIT_SCALE = math.log(math.e - 1)  # softplus of it is 1
_SMALLEST_SCALE = 0.02  # standard deviations of the field: a bump is never a spike
_LEAST = 1e-12  # of a logarithm, so that it is never that of 1
_SMALLEST_SIGN = 1e-6  # probability of a sign that training lacked


def initial_bias(log_shares: NDArray) -> NDArray[np.float32]:
    """Parameters to start from: signs with these shares, (3,), and components over the usual range of a field."""
    bias = np.zeros((N_SIGNS, 1 + 3 * N_COMPONENTS), dtype=np.float32)
    bias[:, 0] = log_shares
    bias[:, 1 + N_COMPONENTS : 1 + 2 * N_COMPONENTS] = np.linspace(-1.5, 1.5, N_COMPONENTS)
    return bias.ravel()


def _split(parameters: Any, sign: Any) -> tuple[Any, ...]:
    """Give logits of the signs (n, 3), and for one's own `sign` weights, means, log-scales of the components (n, k)."""
    parts = tf.reshape(parameters, (-1, N_SIGNS, 1 + 3 * N_COMPONENTS))
    column = tf.clip_by_value(sign - NEGATIVE, 0, N_SIGNS - 1)
    own = tf.gather(parts[:, :, 1:], column, batch_dims=1)
    return parts[:, :, 0], column, *tf.split(own, 3, axis=1)


def log_prob(parameters: tf.Tensor, numbers: tf.Tensor) -> tf.Tensor:
    """Log-density of numbers.

    Parameters
    ----------
    parameters : (n, N_MIXTURE_PARAMETERS) float32 tensor
    numbers : (n, 2) float32 tensor
        Sign and size, as `fields.Number` encodes them.

    Returns
    -------
    log_prob : (n,) float32 tensor, nats
        Of a sign, and of a size in units of the field's spread; 0 where the number is missing.

    References
    ----------
    Bishop (1994), "Mixture density networks", equations 22-24, on the logarithm; the atom at 0 and the signs are ours.
    """
    sign, size = tf.cast(numbers[:, 0], tf.int32), numbers[:, 1]
    logits, column, weights, means, scales = _split(parameters, sign)
    shares = (1 - N_SIGNS * _SMALLEST_SIGN) * tf.exp(tf.nn.log_softmax(logits)) + _SMALLEST_SIGN
    of_sign = tf.math.log(tf.gather(shares, column, batch_dims=1))
    scale = tf.nn.softplus(scales + _UNIT_SCALE) + _SMALLEST_SCALE
    z = (size[:, None] - means) / scale
    densities = tf.nn.log_softmax(weights) - 0.5 * z**2 - tf.math.log(scale) - 0.5 * math.log(2 * math.pi)
    of_size = tf.where(sign == ZERO, 0.0, tf.reduce_logsumexp(densities, axis=1))
    return tf.where(sign < NEGATIVE, 0.0, of_sign + of_size)


def tails(parameters: NDArray, numbers: NDArray, side: str = "both") -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Say how far out in its distribution each number lies.

    Parameters
    ----------
    parameters : (n, N_MIXTURE_PARAMETERS) float32
    numbers : (n, 2) float32
        None of them missing.
    side : {"both", "high", "low"}

    Returns
    -------
    tails : (n,) float64, nats
        ``-log p`` of a number as far out or farther, on that side.
    normal_scores : (n,) float64
        ``Phi^-1(F(|x|))`` among the numbers of its sign: standard normal if the distribution is right; NaN for 0.
    """
    sign = numbers[:, 0].astype(np.int64)
    shares, weights, means, scale = _components(parameters, sign)
    farther = np.logaddexp.reduce(np.log(weights) + log_ndtr((means - numbers[:, 1:2]) / scale), axis=1)
    nearer = np.logaddexp.reduce(np.log(weights) + log_ndtr((numbers[:, 1:2] - means) / scale), axis=1)
    # Seen from 0, a farther number lies higher if it is positive and lower if it is negative.
    own = np.where(sign == ZERO, 0.0, farther) + np.log(shares[np.arange(len(sign)), sign - NEGATIVE])
    rest = np.log1p(-np.exp(np.minimum(own, -_LEAST)))
    log_low, log_zero, log_high = np.log(shares.T)
    above = np.select([sign == POSITIVE, sign == NEGATIVE], [own, rest], np.logaddexp(log_high, log_zero))
    below = np.select([sign == POSITIVE, sign == NEGATIVE], [rest, own], np.logaddexp(log_low, log_zero))
    two_sided = np.minimum(0.0, math.log(2) + np.minimum(above, below))
    beyond = {"both": two_sided, "high": above, "low": below}[side]
    score = ndtri_exp(np.minimum(np.minimum(farther, nearer), -_LEAST))  # of the smaller share, as it is exact
    scores = np.where(farther < nearer, -score, score)
    return -np.minimum(beyond, 0.0), np.where(sign == ZERO, np.nan, scores)


def intervals(parameters: NDArray, levels: tuple[float, float]) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Say where a number was expected.

    Parameters
    ----------
    parameters : (n, N_MIXTURE_PARAMETERS) float32
    levels : two floats
        Probabilities below the interval's ends.

    Returns
    -------
    zero : (n,) float64
        Probability of 0.
    sign : (n,) int64
        Likelier of -1 and 1.
    low, high : (n,) float64
        Sizes between which a number of that sign was expected.
    """
    logits = _split(parameters, tf.zeros(len(parameters), tf.int32))[0].numpy()
    shares = softmax(logits.astype(np.float64), axis=1)
    sign = np.where(shares[:, 0] > shares[:, 2], -1, 1)
    column = np.where(sign < 0, NEGATIVE, POSITIVE)
    weights, means, scale = _components(parameters, column)[1:]
    low, high = (np.full((2, len(sign)), end) for end in (-2 * FARTHEST, 2 * FARTHEST))  # (level, n)
    for _ in range(60):  # halvings
        middle = (low + high) / 2
        below = (weights * ndtr((middle[..., None] - means) / scale)).sum(axis=-1) < np.array(levels)[:, None]
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return shares[:, 1], sign, low[0], low[1]


def _components(parameters: NDArray, sign: NDArray) -> tuple[NDArray, ...]:
    """Give probabilities of the signs (n, 3), and weights, means and scales of the components for each one's sign."""
    logits, _, weights, means, scales = (part.numpy() for part in _split(parameters, tf.constant(sign, tf.int32)))
    scale = np.logaddexp(0, scales.astype(np.float64) + _UNIT_SCALE) + _SMALLEST_SCALE
    shares, weights = (softmax(part.astype(np.float64), axis=1) for part in (logits, weights))
    return shares * (1 - N_SIGNS * _SMALLEST_SIGN) + _SMALLEST_SIGN, weights, means, scale
