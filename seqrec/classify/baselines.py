"""Classes of frames told from a summary of each sequence: what a network has to beat."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.validation import check_is_fitted

from seqrec.classify.labels import read_labels
from seqrec.classify.summaries import Regression, Usual, summaries
from seqrec.data.channels import Channels, holds_frames
from seqrec.data.display import ShownAsCard
from seqrec.data.inputs import as_sequences
from seqrec.data.sequences import Sequences
from seqrec.data.summary import FITTED, TrainingData
from seqrec.exceptions import InputError
from seqrec.storage.arrays import Ids
from seqrec.storage.estimator import Storable
from seqrec.storage.schemas import Choice, Optional, Record, Schema


class SummaryClassifier(ClassifierMixin, ShownAsCard, Storable, BaseEstimator):
    """Tell the class of a sequence of frames from a few numbers of each channel: the baseline of every table.

    These are mean, standard deviation, least and largest value, of the whole sequence and of each third of it, and the
    logarithm of its length. Use it first: where little depends on the order of frames, or there are few sequences, it
    is hard to beat.

    Parameters
    ----------
    classifier : classifier of scikit-learn, optional
        Learns from the summaries, in units of their spread in the training data. By default a logistic regression; a
        model file keeps no other.

    Attributes
    ----------
    classes_ : (n_classes,) array
    level_ : "sequence"
    channels_ : Channels
        The channels of frames.
    training_data_ : TrainingData
        Size and dates of the training data.

    Examples
    --------
    >>> import numpy as np
    >>> from seqrec import Sequences, SummaryClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = Sequences.from_arrays([rng.normal(n % 2, 1, (n, 2)) for n in range(10, 40)], names=["left", "right"])
    >>> y = np.array(["even", "odd"])[X.lengths % 2]
    >>> SummaryClassifier().fit(X, y).predict(X[:2]).tolist()
    ['even', 'odd']
    """

    _parameter_constraints: ClassVar[dict] = {"classifier": [HasMethods(["fit", "predict_proba"]), None]}
    _schema: ClassVar[dict[str, Schema]] = FITTED | {
        "classes_": Ids("n_classes"),
        "level_": Choice("sequence"),
        "channels_": Record(Channels),
        "_regression": Optional(Record(Regression)),
    }
    channels_: Channels
    _regression: Regression | None = None
    _other: Any = None  # what is usual of summaries, and a classifier that a user has given

    def __init__(self, classifier: Any = None) -> None:
        self.classifier = classifier

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Learn the classes y.

        Parameters
        ----------
        X : Sequences
            Without items, whose columns are numbers; NaN is missing.
        y : (n_sequences,) array-like
            In the order of X.keys. A Series whose index holds the keys is brought in their order.
        sample_weight : (n_sequences,) array-like, optional

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If the parameter, X or y is not as described.
        """
        self._validate_params()
        given, X = X, _frames(X)
        labels = read_labels(X, given, y, sample_weight)
        channels, known = Channels.learn(X), labels.weights > 0
        features, numbers = summaries(channels.values(X), X.indptr)[known], labels.numbers[known]
        regression, other = None, None
        if self.classifier is None:
            regression = Regression.fit(features, numbers, labels.weights[known])
        else:
            usual = Usual.of(features)
            weights = {} if sample_weight is None else {"sample_weight": labels.weights[known]}
            other = usual, clone(self.classifier).fit(usual.in_spreads(features), numbers, **weights)
        self.classes_, self.level_, self.channels_ = labels.classes, labels.level, channels
        self._regression, self._other, self.training_data_ = regression, other, TrainingData.of(X)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Give the probability of each class.

        Returns
        -------
        probabilities : (n_sequences, n_classes) float64
            Columns as in `classes_`. A sequence without frames is like the mean of all, but for its length.
        """
        check_is_fitted(self, "channels_")
        X = as_sequences(X)
        features = summaries(self.channels_.values(X), X.indptr)
        if self._regression is not None:
            return self._regression.predict_proba(features)
        usual, classifier = self._other
        return classifier.predict_proba(usual.in_spreads(features)) if len(X) else np.zeros((0, len(self.classes_)))

    def predict(self, X: Any) -> NDArray:
        """Give the most likely class of each sequence."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def __getstate__(self) -> dict[str, Any]:
        """Give what pickles; a classifier of a user's own has no model file."""
        return super().__getstate__() if self.classifier is None else BaseEstimator.__getstate__(self)

    def _check_fitted(self) -> None:
        if len(set(self.classes_.tolist())) < max(2, len(self.classes_)):
            raise ValueError("it needs two different classes at least, and none twice.")
        if self._regression is None:
            raise ValueError("it has a classifier that is not its own, which only a pickle can keep.")
        self._regression.check_fits(len(self.classes_), len(self.channels_.mean))


def _frames(X: Any) -> Sequences:
    """Take Sequences of frames."""
    X = as_sequences(X, allow_empty=False)
    if not holds_frames(X):
        raise InputError(
            "SummaryClassifier takes events without items, whose columns are numbers: see Sequences.from_arrays, and "
            "item=None of from_frame."
        )
    return X
