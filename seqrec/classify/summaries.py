"""A few numbers of each channel in place of a sequence of frames, and a logistic regression of them."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from seqrec.storage.arrays import Array

_N_PARTS = 3
_N_OF_CHANNEL = 4 * (1 + _N_PARTS)
_MOST_STEPS = 1_000  # of a regression
_TINY = 1e-12


def summaries(values: NDArray, indptr: NDArray) -> NDArray[np.float64]:
    """Summarise each sequence.

    Parameters
    ----------
    values : (n_events, n_channels), NaN where one is missing
    indptr : (n_sequences + 1,) int

    Returns
    -------
    summaries : (n_sequences, 1 + 16 n_channels) float64
        The logarithm of the length; then mean, standard deviation, least and largest value of each channel, of the
        whole sequence and of each third. A third without a value is as the whole; NaN where that has none.
    """
    lengths = np.diff(indptr)
    n, row = len(lengths), np.repeat(np.arange(len(lengths)), lengths)
    part = _N_PARTS * (np.arange(len(values)) - indptr[row]) // lengths[row]
    whole = _summary(values, row, n)
    thirds = _summary(values, _N_PARTS * row + part, _N_PARTS * n).reshape(n, _N_PARTS, whole.shape[1])
    thirds = np.where(np.isnan(thirds), whole[:, None], thirds)
    return np.concatenate([np.log1p(lengths)[:, None], whole, thirds.reshape(n, _N_PARTS * whole.shape[1])], axis=1)


def n_summaries(n_channels: int) -> int:
    """Count the summaries of so many channels."""
    return 1 + _N_OF_CHANNEL * n_channels


def _summary(values: NDArray, group: NDArray, n: int) -> NDArray[np.float64]:
    grouped = pd.DataFrame(values.astype(np.float64)).groupby(group)
    found = pd.concat([grouped.mean(), grouped.std(ddof=0), grouped.min(), grouped.max()], axis=1)
    return found.reindex(np.arange(n)).to_numpy(np.float64)


class Usual(NamedTuple):
    """Mean and standard deviation of each summary in the training data."""

    mean: Annotated[NDArray[np.float64], Array("float64", "n_summaries")]
    spread: Annotated[NDArray[np.float64], Array("float64", "n_summaries", low=0)]

    @classmethod
    def of(cls, features: NDArray[np.float64]) -> Self:
        """Look at the summaries of the training data, (n_sequences, n_summaries)."""
        there = ~np.isnan(features)
        n = np.maximum(there.sum(axis=0), 1)
        mean = np.where(there, features, 0).sum(axis=0) / n
        spread = np.sqrt((np.where(there, features - mean, 0) ** 2).sum(axis=0) / n)
        return cls(mean, np.where(spread > 1e-9 * np.abs(mean), spread, 0.0))

    def in_spreads(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give summaries in these units; one that is missing, or was the same for all, is as usual: 0."""
        scaled = (features - self.mean) / np.where(self.spread > 0, self.spread, np.inf)
        return np.where(np.isnan(scaled), 0.0, scaled)


class Regression(NamedTuple):
    """What a logistic regression of summaries has learned."""

    usual: Usual
    coef: Annotated[NDArray[np.float64], Array("float64", "n_outputs", "n_summaries")]
    intercept: Annotated[NDArray[np.float64], Array("float64", "n_outputs")]

    @classmethod
    def fit(cls, features: NDArray[np.float64], labels: NDArray, weights: NDArray) -> Self:
        """Learn from summaries, (n, n_summaries), and class numbers, of which none may be lacking."""
        usual = Usual.of(features)
        fitted = LogisticRegression(max_iter=_MOST_STEPS).fit(usual.in_spreads(features), labels, weights)
        return cls(usual, fitted.coef_, fitted.intercept_)

    def predict_proba(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give probabilities, (n, n_classes), of summaries."""
        return probabilities(self.usual.in_spreads(features), self.coef, self.intercept)

    def log_probabilities(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give their logarithms, (n, n_classes)."""
        return np.log(self.predict_proba(features) + _TINY)

    def check_fits(self, n_classes: int, n_channels: int) -> None:
        """Raise ValueError unless it is one of so many classes and channels."""
        if len(self.coef) != (1 if n_classes == 2 else n_classes) or self.coef.shape[1] != n_summaries(n_channels):
            raise ValueError("the regression of summaries is not one of so many classes and channels.")


def probabilities(features: NDArray, coef: NDArray, intercept: NDArray) -> NDArray[np.float64]:
    """Give the probabilities of a logistic regression, (n, n_classes).

    `LogisticRegression.predict_proba` takes a matrix product, whose last digits depend on how many rows there are.

    Parameters
    ----------
    features : (n, n_features)
    coef : (n_outputs, n_features)
        Two classes have one output.
    intercept : (n_outputs,)
    """
    features = features.astype(np.float64)
    decisions: Any = np.stack([(features * weights).sum(axis=1) for weights in coef], axis=1) + intercept
    if decisions.shape[1] == 1:  # two classes: the first is the one that the decision is against
        decisions = np.concatenate([np.zeros_like(decisions), decisions], axis=1)
    return softmax(decisions, axis=1)
