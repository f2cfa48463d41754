"""What a network has to beat: counts of items, of pairs in a row, and of pairs a few steps apart."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval

from seqrec.data.display import ShownAsCard
from seqrec.data.inputs import warn_of_unused
from seqrec.data.sequences import Sequences
from seqrec.data.summary import CATALOGUE, TrainingData
from seqrec.data.vocabulary import N_RESERVED
from seqrec.exceptions import InputError
from seqrec.recommend.base import RecommenderMixin
from seqrec.recommend.next_items import item_counts
from seqrec.storage.arrays import Sparse
from seqrec.storage.estimator import Storable
from seqrec.storage.schemas import Schema

__all__ = ["MarkovRecommender", "PopularityRecommender", "SequentialRulesRecommender"]

_BLOCK = 2**23  # scores held at once: 32 MB


class _CountingRecommender(RecommenderMixin, ShownAsCard, Storable, BaseEstimator):
    """Common ground of the recommenders that count."""

    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Count what occurs in X, and what follows what.

        Parameters
        ----------
        X : Sequences, list of sequences or 2-D array with one sequence a row
        y : (n_sequences,) array-like of item ids, optional
            The next item of each sequence; appended to X.
        sample_weight : (n_sequences,) array-like, optional
            As how many each sequence counts; a Series whose index holds the keys is brought in their order.
        """
        self._validate_params()
        X, weights = self._weighted_sequences(X, y, sample_weight)
        warn_of_unused(X, self)
        self.vocabulary_, self.item_counts_ = X.vocabulary, item_counts(X, weights, self._counted(X))
        self.training_data_ = TrainingData.of(X)
        self._count_pairs(X, weights)
        return self

    def _counted(self, X: Sequences) -> Any:  # noqa: ARG002
        """Give the events that make items popular."""
        return slice(None)

    def _count_pairs(self, X: Sequences, weights: NDArray | None) -> None:
        """Learn what follows what, where that matters."""


class PopularityRecommender(_CountingRecommender):
    """Recommend what occurs most often, the same to everyone.

    Parameters
    ----------
    last_days : float, optional
        Count the events of the last days of the training data only; all of them by default.

    Attributes
    ----------
    vocabulary_ : Vocabulary
        The catalogue, n_items.
    item_counts_ : (n_items,) int64, or float64 with weights
        Events of each item that were counted.
    training_data_ : TrainingData
        Size and dates of the training data.

    Examples
    --------
    >>> recommender = PopularityRecommender().fit([["tea", "milk"], ["tea", "cake", "tea"]])
    >>> items, scores = recommender.recommend([["cake"]], k=2)
    >>> items.tolist(), scores.tolist()
    ([['tea', 'milk']], [[3.0, 1.0]])
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {"last_days": [None, Interval(Real, 0, None, closed="neither")]}
    _schema: ClassVar[dict[str, Schema]] = CATALOGUE

    def __init__(self, last_days: float | None = None) -> None:
        self.last_days = last_days

    @classmethod
    def of(cls, recommender: RecommenderMixin) -> Self:
        """Make the one that goes by the popularity of items in another recommender's training data."""
        popular = cls()
        popular.vocabulary_, popular.item_counts_ = recommender.vocabulary_, recommender.item_counts_
        popular.training_data_ = recommender.training_data_
        return popular

    def _counted(self, X: Sequences) -> Any:
        if self.last_days is None:
            return slice(None)
        if X.timestamps is None:
            raise InputError("last_days needs sequences with timestamps: Sequences.from_frame(log, timestamp=...).")
        return X.timestamps > X.timestamps.max() - np.timedelta64(round(self.last_days * 86_400e6), "us")

    def _next_item_scores(self, X: Sequences, at: Any = None) -> Iterator[tuple[slice, NDArray]]:  # noqa: ARG002
        for rows in _blocks(X):
            yield rows, np.tile(self.item_counts_.astype(np.float32), (rows.stop - rows.start, 1))


class SequentialRulesRecommender(_CountingRecommender):
    r"""Recommend what follows the latest items within a few steps.

    The rule :math:`i \to j` weighs :math:`w_{ij} = \sum 1/d` over all places of the training data where j
    follows i at distance d, at most `window`. A history's score for j is the sum of :math:`w_{ij} / d_i` over
    its last `window` items, where the last is at :math:`d_i = 1`, divided by the popularity of j to the power
    of `popularity_exponent`, so that what follows everything does not come first everywhere.

    Parameters
    ----------
    window : int
        Longest distance.
    popularity_exponent : float
        0 ranks by the sums alone; the larger it is, the rarer the items that are recommended.

    Attributes
    ----------
    vocabulary_ : Vocabulary
        The catalogue, n_items.
    item_counts_ : (n_items,) int64, or float64 with weights
        Events of each item in the training data.
    rules_ : (n_items, n_items) sparse array, float32
        Weight of each rule, already divided by the popularity of what follows.
    training_data_ : TrainingData
        Size and dates of the training data.

    References
    ----------
    Ludewig and Jannach (2018), Evaluation of session-based recommendation algorithms, UMUAI 28, section 3.1.
    Theirs applies the rules of the last item only, and does not divide.

    Examples
    --------
    >>> recommender = SequentialRulesRecommender().fit([["tea", "milk", "cake"], ["tea", "milk"]])
    >>> recommender.predict([["tea"]]).tolist()
    ['milk']
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "window": [Interval(Integral, 1, None, closed="left")],
        "popularity_exponent": [Interval(Real, 0, None, closed="left")],
    }
    _schema: ClassVar[dict[str, Schema]] = CATALOGUE | {"rules_": Sparse("float32", "n_items", "n_items")}

    def __init__(self, window: int = 10, popularity_exponent: float = 0.5) -> None:
        self.window = window
        self.popularity_exponent = popularity_exponent

    def _count_pairs(self, X: Sequences, weights: NDArray | None) -> None:
        further = (_followers(X, distance, weights) for distance in range(2, self.window + 1))
        rules = sum(further, start=_followers(X, 1, weights))
        discount = (self.item_counts_ + 1.0) ** -self.popularity_exponent
        self.rules_ = (rules @ sparse.diags_array(discount)).astype(np.float32).tocsr()

    @property
    def n_latest(self) -> int:
        """How many events at the end of a history matter, but for what was seen."""
        return self.window

    def _next_item_scores(self, X: Sequences, at: Any = None) -> Iterator[tuple[slice, NDArray]]:  # noqa: ARG002
        return _rule_scores(X, _latest_items(X, self.window), self.rules_, self.item_counts_)


class MarkovRecommender(_CountingRecommender):
    """Recommend what most often comes right after the last item: a first-order Markov chain.

    Attributes
    ----------
    vocabulary_ : Vocabulary
        The catalogue, n_items.
    item_counts_ : (n_items,) int64, or float64 with weights
        Events of each item in the training data.
    transitions_ : (n_items, n_items) sparse array, float32
        Probability of each next item (column) after an item (row).
    training_data_ : TrainingData
        Size and dates of the training data.

    Examples
    --------
    >>> recommender = MarkovRecommender().fit([["tea", "milk", "cake"], ["tea", "milk"]])
    >>> recommender.predict([["cake", "tea"]]).tolist()
    ['milk']
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {}
    _schema: ClassVar[dict[str, Schema]] = CATALOGUE | {"transitions_": Sparse("float32", "n_items", "n_items")}

    def _count_pairs(self, X: Sequences, weights: NDArray | None) -> None:
        pairs = _followers(X, 1, weights)
        totals = pairs.sum(axis=1)
        totals[totals == 0] = 1  # of what nothing follows
        self.transitions_ = (sparse.diags_array(1 / totals) @ pairs).astype(np.float32).tocsr()

    def _next_item_scores(self, X: Sequences, at: Any = None) -> Iterator[tuple[slice, NDArray]]:  # noqa: ARG002
        return _rule_scores(X, _latest_items(X, 1), self.transitions_, self.item_counts_)


def _followers(X: Sequences, distance: int, weights: NDArray | None) -> sparse.csr_array:
    """Count how often item j (column) comes `distance` events after item i (row), each time as 1/distance."""
    sequence = np.repeat(np.arange(len(X)), X.lengths)
    first, then = X.codes[:-distance], X.codes[distance:]
    pairs = (sequence[:-distance] == sequence[distance:]) & (np.minimum(first, then) >= N_RESERVED)
    counts = np.ones(np.count_nonzero(pairs)) if weights is None else weights[sequence[:-distance][pairs]]
    return _sum(first[pairs] - N_RESERVED, then[pairs] - N_RESERVED, counts / distance, 2 * (len(X.vocabulary),))


def _latest_items(X: Sequences, window: int) -> sparse.csr_array:
    """Weigh the d-th last known item of each sequence by 1/d, for d up to `window`, (n, n_items)."""
    known = np.flatnonzero(X.codes >= N_RESERVED)
    sequence = np.repeat(np.arange(len(X)), X.lengths)[known]
    ends = np.searchsorted(known, X.indptr[1:])  # how many known events come before the end of each sequence
    distance = ends[sequence] - np.arange(len(known))
    late = distance <= window
    columns = X.codes[known[late]] - N_RESERVED
    return _sum(sequence[late], columns, 1 / distance[late], (len(X), len(X.vocabulary)))


def _sum(rows: NDArray, columns: NDArray, weights: NDArray, shape: tuple[int, int]) -> sparse.csr_array:
    return sparse.coo_array((weights.astype(np.float32), (rows, columns)), shape=shape).tocsr()


def _rule_scores(
    X: Sequences, latest: sparse.csr_array, rules: sparse.csr_array, item_counts: NDArray
) -> Iterator[tuple[slice, NDArray]]:
    """Sum the rules of the latest items; where none applies, popularity."""
    popularity = item_counts / item_counts.sum()
    for rows in _blocks(X):
        scores = (latest[rows] @ rules).toarray()
        scores[~scores.any(axis=1)] = popularity
        yield rows, scores


def _blocks(X: Sequences) -> Iterator[slice]:
    step = max(1, _BLOCK // len(X.vocabulary))
    return (slice(start, min(start + step, len(X))) for start in range(0, len(X), step))
