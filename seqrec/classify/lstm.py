"""Where there are labels: an LSTM that tells the class of each event, or of each sequence."""

from __future__ import annotations

from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils import check_array, check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from seqrec.data.fields import FIELDS, Fields
from seqrec.data.sequences import Sequences, as_sequences
from seqrec.data.summary import FITTED, HISTORY, TrainingData
from seqrec.data.vocabulary import N_RESERVED, vocabulary
from seqrec.network.batches import training_batches
from seqrec.network.blueprint import CLASS_MODEL, Network, class_shapes
from seqrec.network.class_model import ClassModel
from seqrec.network.estimator import BaseLSTM, check_field_sizes
from seqrec.network.gates import embedded_events
from seqrec.network.progress import TrainingProgress
from seqrec.network.reading import Closed, read_in_batches
from seqrec.network.training import train, warm_up_and_cosine
from seqrec.storage.arrays import Array, Ids
from seqrec.storage.schemas import Choice, Optional, Record, Schema

_WEAK = 1e3  # regularisation of the calibration, as its inverse


class _Logistic(NamedTuple):
    """What a `LogisticRegression` of logits has learned.

    Its own `predict_proba` takes a matrix product, whose last digits depend on how many rows there are.
    """

    coef_: NDArray
    intercept_: NDArray

    @classmethod
    def fit(cls, logits: NDArray, labels: NDArray) -> _Logistic:
        fitted = LogisticRegression(C=_WEAK).fit(logits, labels)
        return cls(fitted.coef_, fitted.intercept_)

    def predict_proba(self, logits: NDArray) -> NDArray[np.float64]:
        decisions = (logits.astype(np.float64)[:, None] * self.coef_).sum(axis=2) + self.intercept_
        if decisions.shape[1] == 1:  # two classes: the first is the one that the decision is against
            decisions = np.concatenate([np.zeros_like(decisions), decisions], axis=1)
        return softmax(decisions, axis=1)


def _check_logistic(logistic: _Logistic) -> None:
    n_classes = logistic.coef_.shape[1]
    if len(logistic.coef_) != (1 if n_classes == 2 else n_classes):
        raise ValueError("the calibration is not one of so many classes.")


_FLOATS = ("float32", "float64")
_LOGISTIC = Record(
    _Logistic,
    {"coef_": Array(_FLOATS, "n_outputs", "n_classes"), "intercept_": Array(_FLOATS, "n_outputs")},
    _check_logistic,
)


class LSTMSequenceClassifier(ClassifierMixin, BaseLSTM):
    """Learn classes of sequences, or of single events, from labels: fraud or not, which outcome, which user.

    The network of `LSTMAnomalyDetector` reads a sequence with its fields and gaps; a second head tells the class of an
    event from the event itself and all that came before it. The next events are learned beside the classes, since
    labels may be few. For sequences, the class is told from the last event.

    Parameters
    ----------
    level : {"auto", "sequence", "event"}
        What the labels are of; "auto": of sequences if y has one for each, else of events.
    class_weight : dict, "balanced" or None
        Weights of the classes in training. Probabilities are calibrated afterwards, without weights.
    validation_fraction : float
        Share of the sequences that is held out, to stop in time and to calibrate probabilities.
    patience : int
        Stop after so many epochs without a better validation loss.
    units : int or "auto"
        Width of the recurrent state. "auto": 512 for a million events, less for fewer.
    cell : {"lstm", "peephole", "gru", "rnn"}
        As in `LSTMRecommender`.
    dropout : float
        Share of the outputs that is dropped in training; of the recurrence's inputs, half of it.
    max_length : int
        Longest part of a sequence in training. In prediction, sequences are read whole.
    batch_size : int or "auto"
        Events (not sequences) in a batch.
    learning_rate : float or "auto"
        Height of the schedule: one epoch of warm-up, then a cosine.
    max_epochs : int or "auto"
        Most passes over the log. "auto": 20.
    verbose : bool or "auto"
        Show progress; "auto": in a terminal or notebook.
    random_state : int, RandomState or None
        The same seed on the same machine gives the same weights; no global seed is touched.

    Attributes
    ----------
    classes_ : (n_classes,) array
    level_ : {"sequence", "event"}
    vocabulary_ : Vocabulary
        Kinds of events in the training data.
    fields_ : Fields
        The fields of an event that are read.
    model_ : ClassModel
        The Keras model.
    history_ : dict of lists
        For each epoch the "loss" (nats an event, of class and next event together) and the "validation" score (log-loss
        of the held-out labels, negated).
    training_data_ : TrainingData
        Size and dates of the training data.

    References
    ----------
    Jurgovsky et al. (2018), "Sequence classification for credit-card fraud detection".
    Platt (1999), "Probabilistic outputs for support vector machines": calibration by a logistic regression.

    Examples
    --------
    >>> from seqrec import LSTMSequenceClassifier
    >>> X, y = [["a", "b", "a"], ["b", "a", "b"]] * 40, ["from a", "from b"] * 40
    >>> classifier = LSTMSequenceClassifier(max_epochs=10, random_state=0).fit(X, y)
    >>> classifier.predict([["a", "b", "a"], ["b", "a", "b"]]).tolist()
    ['from a', 'from b']
    """

    _parameter_constraints: ClassVar[dict] = {
        name: limits for name, limits in BaseLSTM._parameter_constraints.items() if name != "precision"
    } | {
        "level": [StrOptions({"auto", "sequence", "event"})],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "patience": [Interval(Integral, 1, None, closed="left")],
    }
    _schema: ClassVar[dict[str, Schema]] = FITTED | {
        "classes_": Ids("n_classes"),
        "level_": Choice("sequence", "event"),
        "vocabulary_": vocabulary("n_items"),
        "fields_": FIELDS,
        "_calibration": Optional(_LOGISTIC),
        "history_": HISTORY,
        "model_": Network(ClassModel, CLASS_MODEL, class_shapes),
    }
    _calibration: _Logistic | None = None

    def __init__(
        self,
        level: str = "auto",
        class_weight: dict | str | None = None,
        validation_fraction: float = 0.2,
        patience: int = 10,
        units: int | str = "auto",
        cell: str = "lstm",
        dropout: float = 0.2,
        max_length: int = 200,
        batch_size: int | str = "auto",
        learning_rate: float | str = "auto",
        max_epochs: int | str = "auto",
        verbose: bool | str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.level = level
        self.class_weight = class_weight
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.units = units
        self.cell = cell
        self.dropout = dropout
        self.max_length = max_length
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.max_epochs = max_epochs
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> LSTMSequenceClassifier:
        """Learn the classes y.

        Parameters
        ----------
        X : Sequences, list of sequences or 2-D array with one sequence a row
        y : (n_sequences,) or (n_events,) array-like
            A label of each sequence, or of each event in the order of X's events (``y = log_labels[X.rows]`` brings the
            labels of a log in that order).
        sample_weight : array-like in the shape of y, optional
            0 for what has no label, such as events whose outcome is not known yet: it is read as context only.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If a parameter, X or y is not as described; before any training.
        """
        self._validate_params()
        X = as_sequences(X, allow_empty=False, estimator=self).compact()
        classes, level, labels, weights = self._labels(X, y, sample_weight)
        rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31, size=4))
        fields = Fields.learn(X)
        row = np.arange(len(X)) if level == "sequence" else np.repeat(np.arange(len(X)), X.lengths)
        kept, held_out = (
            _Labelled.of(X[rows], fields, level, labels[np.isin(row, rows)], weights[np.isin(row, rows)])
            for rows in self._split(row, labels, weights, rng)
        )
        network = self._network(kept, fields, len(classes), rng)
        history = self._run(network, kept, held_out, rng)
        calibration = held_out.calibrate(network)
        # Nothing before has touched the estimator, so a fit that fails changes nothing.
        self.classes_, self.level_, self.vocabulary_, self.fields_ = classes, level, X.vocabulary, fields
        self.model_, self.history_ = network, history
        self._calibration, self.training_data_ = calibration, TrainingData.of(X)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Calibrated probability of each class.

        Returns
        -------
        probabilities : (n_sequences, n_classes) or (n_events, n_classes) float64
            As `level_` says; columns as in `classes_`.
        """
        check_is_fitted(self, "model_")
        X = as_sequences(X, estimator=self, reset=False).recode(self.vocabulary_)
        closed = Closed.of(X, self.fields_)
        return self._probabilities(class_logits(self.model_, closed)[_answers(closed, self.level_)])

    def predict(self, X: Any) -> NDArray:
        """Give the most likely class of each sequence or event, as `level_` says."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def recurrent_inputs(self, X: Sequences) -> tuple[Any, Any]:
        """Give the network, and what its recurrence takes in of one sequence."""
        return self.model_.sequence, embedded_events(self.model_, X.recode(self.vocabulary_), self.fields_)

    def _check_fitted(self) -> None:
        check_field_sizes(self.model_, self.fields_)
        if len(set(self.classes_.tolist())) < max(2, len(self.classes_)):
            raise ValueError("it needs two different classes at least, and none twice.")

    def _build(self) -> None:
        self.model_ = self.model_.build()

    def _labels(
        self, X: Sequences, y: ArrayLike, sample_weight: ArrayLike | None
    ) -> tuple[NDArray, str, NDArray, NDArray]:
        """Give the classes, what the labels are of, and the class numbers and weights of these."""
        if y is None:
            raise ValueError("LSTMSequenceClassifier requires y to be passed, but the target y is None.")
        y = np.asarray(y)
        if y.ndim:
            y = check_array(y, ensure_2d=False, dtype=None, input_name="y")
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        sizes = {"sequence": len(X), "event": X.n_events}
        level = self.level
        if level == "auto":
            level = "sequence" if y.shape == (len(X),) else "event"
        if y.shape != (sizes[level],):
            raise ValueError(
                f"y must hold a label for each of the {len(X):,} sequences or of the {X.n_events:,} events, "
                f"got shape {y.shape}."
            )
        weights = np.ones(len(y)) if sample_weight is None else np.array(sample_weight, dtype=np.float64)
        if weights.shape != y.shape or not (np.isfinite(weights) & (weights >= 0)).all():
            raise ValueError(f"sample_weight must hold {len(y):,} numbers of at least 0, as y does.")
        if not weights.any():
            raise ValueError(
                "sample_weight must not be zero everywhere: the data with non-zero weights are what is learned."
            )
        classes, labels = np.unique(y[weights > 0], return_inverse=True)
        if len(classes) < 2:
            raise ValueError(f"y must hold at least 2 classes, got {len(classes)} class.")
        if self.class_weight is not None:
            weights[weights > 0] *= compute_sample_weight(self.class_weight, y[weights > 0])
        numbers = np.zeros(len(y), dtype=np.int32)
        numbers[weights > 0] = labels
        return classes, level, numbers, weights

    def _split(
        self, row: NDArray, labels: NDArray, weights: NDArray, rng: np.random.Generator
    ) -> tuple[NDArray, NDArray]:
        """Give the sequences to learn from and to hold out, with a like share of those that hold the rarer classes."""
        n = row[-1] + 1
        rarity = np.zeros(n, dtype=np.int64)  # 1 + place of the sequence's rarest class, the most frequent first
        order = np.argsort(np.argsort(-np.bincount(labels[weights > 0]), kind="stable"))
        np.maximum.at(rarity, row[weights > 0], 1 + order[labels[weights > 0]])
        held_out = []
        for group in np.unique(rarity):
            rows = rng.permutation(np.flatnonzero(rarity == group))
            held_out.append(rows[: round(self.validation_fraction * len(rows))])
        chosen = np.sort(np.concatenate(held_out))
        return np.setdiff1d(np.arange(n), chosen), chosen

    def _network(self, kept: _Labelled, fields: Fields, n_classes: int, rng: np.random.Generator) -> ClassModel:
        closed, labels, weights = kept.closed, kept.labels, kept.weights
        arguments = self._event_network(closed.sequences, fields, int(rng.integers(2**31)))
        network = ClassModel(**arguments, n_classes=n_classes)
        head = network.sequence.head
        head.start_from_popularity(np.bincount(closed.chain.codes, minlength=head.bias.shape[0])[N_RESERVED:])
        network.start_from_shares(np.bincount(labels, weights, n_classes) / max(weights.sum(), 1e-6))
        return network

    def _run(
        self, network: ClassModel, kept: _Labelled, held_out: _Labelled, rng: np.random.Generator
    ) -> dict[str, list[float]]:
        closed = kept.closed
        n_epochs = 20 if self.max_epochs == "auto" else self.max_epochs
        batch_size = self._batch_size(closed.sequences)
        batches = partial(training_batches, closed.sequences, self.max_length, batch_size, rng, kept.values())
        n_batches = sum(len(list(batch.segments())) for batch in batches())
        schedule = warm_up_and_cosine(self._learning_rate(closed.sequences), n_batches, n_epochs)
        validate = partial(held_out.merit, network) if held_out.weights.any() else None
        with TrainingProgress(n_epochs, closed.sequences.n_events, self.verbose) as progress:
            return train(network, batches, validate, schedule, n_epochs, self.patience, progress)

    def _probabilities(self, logits: NDArray) -> NDArray[np.float64]:
        if self._calibration is None:
            return softmax(logits.astype(np.float64), axis=1)
        return self._calibration.predict_proba(logits)


class _Labelled(NamedTuple):
    """Closed sequences with the labels of some of their events.

    Attributes
    ----------
    closed : Closed
    places : (n_labels,) int64
        Where in the chain the network has just read what a label is of.
    labels, weights : (n_labels,) arrays
    """

    closed: Closed
    places: NDArray
    labels: NDArray
    weights: NDArray

    @classmethod
    def of(cls, X: Sequences, fields: Fields, level: str, labels: NDArray, weights: NDArray) -> _Labelled:
        closed = Closed.of(X, fields)
        return cls(closed, _answers(closed, level), labels, weights)

    def values(self) -> tuple[NDArray, ...]:
        """Give what `ClassModel` learns from beside the events, (n, ...) each."""
        n = len(self.closed.chain.codes)
        labels, weights = np.zeros(n, np.int32), np.zeros(n, np.float32)
        labels[self.places], weights[self.places] = self.labels, self.weights
        return self.closed.categories, self.closed.numbers, labels, weights

    def calibrate(self, network: ClassModel) -> _Logistic | None:
        """Fit probabilities to the logits of the labels, if these hold every class."""
        known = self.weights > 0
        if len(np.unique(self.labels[known])) < network.n_classes:
            return None
        logits = class_logits(network, self.closed)[self.places]
        return _Logistic.fit(logits[known], self.labels[known])

    def merit(self, network: ClassModel) -> float:
        """Mean log-probability of the labels, weighted, nats."""
        log_p = tf.nn.log_softmax(class_logits(network, self.closed)[self.places]).numpy()
        return float(np.average(log_p[np.arange(len(self.labels)), self.labels], weights=self.weights))


def class_logits(network: ClassModel, closed: Closed) -> NDArray[np.float32]:
    """Give the logits of the classes before each event of the chain, ends included, (n, n_classes)."""
    logits = np.zeros((len(closed.chain.codes), network.n_classes), dtype=np.float32)
    for events, part in read_in_batches(network, closed, network.classify, n_arrays=4):
        logits[events] = part
    return logits


def _answers(closed: Closed, level: str) -> NDArray[np.int64]:
    """Find the event of the chain that follows each event, or each whole sequence."""
    chain = closed.chain
    return chain.indptr[1:] - 1 if level == "sequence" else chain.events + 1
