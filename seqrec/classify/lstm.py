"""Where there are labels: an LSTM that tells the class of each event, or of each sequence."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral, Real
from typing import Annotated, Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax, softmax
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils import check_array, check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from seqrec.data.alignment import beside_events, beside_sequences, check_weights, index_of
from seqrec.data.ends import end_code, with_ends
from seqrec.data.fields import Fields
from seqrec.data.inputs import as_sequences
from seqrec.data.sequences import Sequences
from seqrec.data.summary import FITTED, HISTORY, TrainingData
from seqrec.data.vocabulary import Vocabulary, vocabulary
from seqrec.exceptions import InputError
from seqrec.network.blueprint import Network, architecture_schema
from seqrec.network.estimator import BaseLSTM
from seqrec.network.model import SequenceModel
from seqrec.network.reading import Reader
from seqrec.network.tensorflow import tf
from seqrec.network.training import History, Trainer
from seqrec.storage.arrays import Array, Ids
from seqrec.storage.schemas import Choice, Optional, Record, Schema

_FLOATS = ("float32", "float64")
_WEAK = 1e3  # regularisation of the calibration, as its inverse


class _Logistic(NamedTuple):
    """What a `LogisticRegression` of logits has learned.

    Its own `predict_proba` takes a matrix product, whose last digits depend on how many rows there are.
    """

    coef_: Annotated[NDArray, Array(_FLOATS, "n_outputs", "n_classes")]
    intercept_: Annotated[NDArray, Array(_FLOATS, "n_outputs")]

    def check_sound(self) -> None:
        """Raise ValueError where there are too few decisions, or too many."""
        n_classes = self.coef_.shape[1]
        if len(self.coef_) != (1 if n_classes == 2 else n_classes):
            raise ValueError("the calibration is not one of so many classes.")

    @classmethod
    def fit(cls, logits: NDArray, labels: NDArray) -> _Logistic:
        fitted = LogisticRegression(C=_WEAK).fit(logits, labels)
        return cls(fitted.coef_, fitted.intercept_)

    def predict_proba(self, logits: NDArray) -> NDArray[np.float64]:
        decisions = (logits.astype(np.float64)[:, None] * self.coef_).sum(axis=2) + self.intercept_
        if decisions.shape[1] == 1:  # two classes: the first is the one that the decision is against
            decisions = np.concatenate([np.zeros_like(decisions), decisions], axis=1)
        return softmax(decisions, axis=1)


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
    model_ : SequenceModel
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
        "fields_": Record(Fields),
        "_calibration": Optional(Record(_Logistic)),
        "history_": HISTORY,
        "model_": Network(SequenceModel, architecture_schema("n_items + 3", "n_classes")),
    }
    vocabulary_: Vocabulary
    fields_: Fields
    model_: SequenceModel
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
        self.level, self.class_weight = level, class_weight
        self.validation_fraction, self.patience = validation_fraction, patience
        self.units, self.cell, self.dropout, self.max_length = units, cell, dropout, max_length
        self.batch_size, self.learning_rate, self.max_epochs = batch_size, learning_rate, max_epochs
        self.verbose, self.random_state = verbose, random_state

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Learn the classes y.

        Parameters
        ----------
        X : Sequences, list of sequences or 2-D array with one sequence a row
        y : (n_sequences,) or (n_events,) array-like
            A label of each sequence, in the order of X.keys; or of each event, in the order of X's events (``y =
            log_labels.to_numpy()[X.rows]`` brings the labels of a log in that order). A Series of labels whose index
            holds the keys is brought in their order; another index is refused.
        sample_weight : array-like in the shape of y, optional
            0 for what has no label, such as events whose outcome is not known yet: it is read as context only.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If a parameter, X or y is not as described; before any training.
        KeyboardInterrupt
            At Ctrl-C. If an epoch was over, the estimator is fitted first, with the weights of the best so far; if none
            was, an earlier fit is kept.
        """
        self._validate_params()
        given, X = X, as_sequences(X, allow_empty=False, estimator=self).compact()
        y, sample_weight = (
            self._in_order(values, given, X, name) for values, name in ((y, "y"), (sample_weight, "sample_weight"))
        )
        classes, level, labels, weights = self._labels(X, y, sample_weight)
        rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31, size=4))
        fields = Fields.learn(X)
        encoded = _with_labels(fields.encode(X), level, labels, weights)
        kept, held_out = (encoded[rows] for rows in self._split(encoded, rng))
        trainer, history = self._train(with_ends(kept), held_out, fields, len(classes), rng)
        logits, known, _ = _answers(Reader.of(trainer.network), held_out)
        calibration = _Logistic.fit(logits, known) if len(np.unique(known)) == len(classes) else None
        # Nothing before has touched the estimator, so a fit that fails changes nothing.
        self.classes_, self.level_, self.vocabulary_, self.fields_ = classes, level, X.vocabulary, fields
        self.model_, self.history_ = trainer.network, history
        self._calibration, self.training_data_ = calibration, TrainingData.of(X)
        trainer.raise_if_stopped()
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Calibrated probability of each class.

        Returns
        -------
        probabilities : (n_sequences, n_classes) or (n_events, n_classes) float64
            As `level_` says; columns as in `classes_`.
        """
        check_is_fitted(self, "model_")
        X = self.encode(as_sequences(X, estimator=self, reset=False))
        logits = _class_logits(Reader.of(self.model_), X)
        if self.level_ == "sequence":
            logits = _of_sequences(logits, X, self.model_)
        if self._calibration is None:
            return softmax(logits.astype(np.float64), axis=1)
        return self._calibration.predict_proba(logits)

    def predict(self, X: Any) -> NDArray:
        """Give the most likely class of each sequence or event, as `level_` says."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def _check_fitted(self) -> None:
        super()._check_fitted()
        if len(set(self.classes_.tolist())) < max(2, len(self.classes_)):
            raise ValueError("it needs two different classes at least, and none twice.")

    def _in_order(self, values: Any, given: Any, X: Sequences, name: str) -> Any:
        """Give values beside X as they are, or in its order where they have an index."""
        if index_of(values) is None:
            return values
        events_alone = len(values) == X.n_events != len(X)
        if self.level == "event" or (self.level == "auto" and events_alone):
            return beside_events(values, given, name)
        return beside_sequences(values, given, name)

    def _labels(
        self, X: Sequences, y: ArrayLike, sample_weight: ArrayLike | None
    ) -> tuple[NDArray, str, NDArray, NDArray]:
        """Give the classes, what the labels are of, and the class numbers and weights of these."""
        if y is None:
            raise InputError("LSTMSequenceClassifier requires y to be passed, but the target y is None.")
        labelled: Any = np.asarray(y)
        if labelled.ndim:
            labelled = check_array(labelled, ensure_2d=False, dtype=None, input_name="y")
        labelled = column_or_1d(labelled, warn=True)
        check_classification_targets(labelled)
        sizes = {"sequence": len(X), "event": X.n_events}
        level = self.level
        if level == "auto":
            level = "sequence" if labelled.shape == (len(X),) else "event"
        if labelled.shape != (sizes[level],):
            raise InputError(
                f"y must hold a label for each of the {len(X):,} sequences or of the {X.n_events:,} events, "
                f"got shape {labelled.shape}."
            )
        weights = check_weights(np.ones(len(labelled)) if sample_weight is None else sample_weight, len(labelled))
        classes, labels = np.unique(labelled[weights > 0], return_inverse=True)
        if len(classes) < 2:
            raise InputError(f"y must hold at least 2 classes, got {len(classes)} class.")
        if self.class_weight is not None:
            weights[weights > 0] *= compute_sample_weight(self.class_weight, labelled[weights > 0])
        numbers = np.zeros(len(labelled), dtype=np.int32)
        numbers[weights > 0] = labels
        return classes, level, numbers, weights

    def _split(self, X: Sequences, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
        """Give the sequences to learn from and to hold out, with a like share of those that hold the rarer classes."""
        labels, known = X.columns["labels"], X.columns["weights"] > 0
        row = np.repeat(np.arange(len(X)), X.lengths)
        rarity = np.zeros(len(X), dtype=np.int64)  # 1 + place of the sequence's rarest class, the most frequent first
        order = np.argsort(np.argsort(-np.bincount(labels[known]), kind="stable"))
        np.maximum.at(rarity, row[known], 1 + order[labels[known]])
        held_out = []
        for group in np.unique(rarity):
            rows = rng.permutation(np.flatnonzero(rarity == group))
            held_out.append(rows[: round(self.validation_fraction * len(rows))])
        chosen = np.sort(np.concatenate(held_out))
        return np.setdiff1d(np.arange(len(X)), chosen), chosen

    def _train(
        self, X: Sequences, held_out: Sequences, fields: Fields, n_classes: int, rng: np.random.Generator
    ) -> tuple[Trainer, History]:
        """Train a network on X, with ends, and stop in time by the labels of what was held out."""
        n_codes, n_epochs = end_code(len(X.vocabulary)) + 1, 20 if self.max_epochs == "auto" else int(self.max_epochs)
        architecture = self._architecture(X, fields, int(rng.integers(2**31)), n_codes=n_codes, n_classes=n_classes)
        columns = X.columns
        shares = np.bincount(columns["labels"], columns["weights"], n_classes) / max(columns["weights"].sum(), 1e-6)

        def start(network: SequenceModel) -> None:
            network.start_from_shares(X.codes, columns["categories"], columns["numbers"])
            network.classes.start_from_shares(shares)

        def merit(reader: Reader) -> float:
            """Mean log-probability of the labels, weighted, nats."""
            logits, labels, weights = _answers(reader, held_out)
            log_p = log_softmax(logits, axis=1)
            return float(np.average(log_p[np.arange(len(labels)), labels], weights=weights))

        trainer = Trainer(architecture, "float32")
        course = self._course(X, n_epochs, self.patience)
        return trainer, trainer.fit(X, course, rng, start, merit if held_out.columns["weights"].any() else None)


def _with_labels(X: Sequences, level: str, labels: NDArray, weights: NDArray) -> Sequences:
    """Add the columns "labels", int32, and "weights", float32: of each event, or of the last one of each sequence."""
    places = np.arange(X.n_events)
    if level == "sequence":
        full = X.lengths > 0  # what has no event has nothing to learn from
        places, labels, weights = X.indptr[1:][full] - 1, labels[full], weights[full]
    columns = {"labels": np.zeros(X.n_events, np.int32), "weights": np.zeros(X.n_events, np.float32)}
    columns["labels"][places], columns["weights"][places] = labels, weights
    return replace(X, columns={**X.columns, **columns})


def _class_logits(reader: Reader, X: Sequences) -> NDArray[np.float32]:
    """Give the logits of the class of each event, (n_events, n_classes)."""
    logits = np.zeros((X.n_events, reader.network.architecture.n_classes), dtype=np.float32)

    def put(events: NDArray, found: Any) -> None:
        logits[events] = found

    reader.read(X, step="classify", put=put)
    return logits


def _of_sequences(logits: NDArray, X: Sequences, network: SequenceModel) -> NDArray[np.float32]:
    """Give the logits of the last event of each sequence; of an empty one, those of the start."""
    nothing = [np.zeros((1, *spec.shape[2:]), spec.dtype.name) for spec in network.event_signature]
    of_start = network.class_logits(tf.constant(Reader.of(network).started.output), *nothing).numpy()
    return np.concatenate([logits, of_start])[np.where(X.lengths > 0, X.indptr[1:] - 1, len(logits))]


def _answers(reader: Reader, X: Sequences) -> tuple[NDArray[np.float32], NDArray, NDArray]:
    """Give the logits of the events that have a label, with labels and weights."""
    known = X.columns["weights"] > 0
    return _class_logits(reader, X)[known], X.columns["labels"][known], X.columns["weights"][known]
