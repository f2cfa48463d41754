"""Where there are labels: an LSTM that tells the class of each event, or of each sequence."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from typing import Annotated, Any, ClassVar, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax, softmax
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from seqrec._checks import check_integer
from seqrec.classify import frames
from seqrec.classify.frames import FrameAnswers
from seqrec.classify.labels import Labels, read_labels
from seqrec.classify.summaries import probabilities
from seqrec.data.channels import Channels, holds_frames
from seqrec.data.ends import end_code, with_ends
from seqrec.data.fields import Fields
from seqrec.data.held_out import held_out
from seqrec.data.inputs import as_sequences
from seqrec.data.sequences import Sequences
from seqrec.data.summary import FITTED, HISTORY, TrainingData
from seqrec.data.vocabulary import Vocabulary, vocabulary
from seqrec.exceptions import InputError
from seqrec.network.architectures import FrameArchitecture
from seqrec.network.blueprint import EitherNetwork, Network, architecture_schema
from seqrec.network.estimator import BaseLSTM
from seqrec.network.frames import FrameModel
from seqrec.network.model import SequenceModel
from seqrec.network.reading import Reader
from seqrec.network.tensorflow import tf
from seqrec.network.training import Course, Epochs, History, Trainer
from seqrec.storage.arrays import Array, Ids
from seqrec.storage.schemas import Absent, Choice, Optional, Record, Schema

_FLOATS = ("float32", "float64")
_WEAK = 1e3  # regularisation of the calibration, as its inverse


class _Logistic(NamedTuple):
    """What a `LogisticRegression` of logits has learned."""

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
        return probabilities(logits, *self)


class LSTMSequenceClassifier(ClassifierMixin, BaseLSTM):
    """Learn classes of sequences, or of single events, from labels: fraud or not, which outcome, which user.

    Events: the network of `LSTMAnomalyDetector` reads a sequence with its fields and gaps; a second head tells the
    class of an event from the event itself and all that came before it. The next events are learned beside the classes,
    since labels may be few. For sequences, the class is told from the last event.

    Frames: where events have no items and all of their columns are numbers, as those of sounds, sensors, pictures or
    prices are, each number is a channel; times are not read. A sequence is read in both directions, and its class told
    from the last states, their mean and their maximum over time, and the length; the class of a single frame from what
    came before it. Some networks learn side by side, each without the sequences that it holds out, and with frames as
    they might have been: faster or slower, with noise, with stretches and channels left out, and where neighbouring
    channels are alike, as bands of frequency or pixels are, moved along these. What they say of sequences is mixed with
    a logistic regression of summaries, as that of `SummaryClassifier`, and a ridge regression of random convolutions:
    the factors are those that were best for what was held out.

    Parameters
    ----------
    level : {"auto", "sequence", "event"}
        What the labels are of; "auto": of sequences if y has one for each, else of events.
    class_weight : dict, "balanced" or None
        Weights of the classes in training. Probabilities are calibrated afterwards, without weights.
    validation_fraction : float
        Share of the sequences that is held out, to stop in time and to calibrate probabilities; of frames, by each
        network another part.
    patience : int
        Stop after so many epochs without a better validation loss.
    units : int or "auto"
        Width of the recurrent state. "auto": 512 for a million events, less for fewer; of frames, 32 or 64 in each
        direction.
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
        Most passes over the log. "auto": 20; of frames, as many as 1,500 steps take, from 7 to 40. A small set of
        frames is read several times in an epoch, which has 50 steps at least.
    n_networks : int
        Networks of frames, whose log-probabilities are averaged; of events there is one.
    verbose : bool or "auto"
        Show progress; "auto": in a terminal or notebook.
    random_state : int, RandomState or None
        The same seed on the same machine, on as many threads, gives the same weights; no global seed is touched.

    Attributes
    ----------
    classes_ : (n_classes,) array
    level_ : {"sequence", "event"}
    vocabulary_ : Vocabulary
        Kinds of events in the training data.
    fields_ : Fields
        The fields of an event that are read; of frames there is none.
    channels_ : Channels
        The channels of frames, with the mean and the spread that they had in the training data; of events there is
        none.
    model_ : SequenceModel or FrameModel
        The Keras model.
    history_ : dict of lists
        For each epoch the "loss" (nats an event, of class and next event together; of frames, nats a label) and the
        "validation" score (log-loss of the held-out labels, negated).
    training_data_ : TrainingData
        Size and dates of the training data.

    References
    ----------
    Jurgovsky et al. (2018), "Sequence classification for credit-card fraud detection".
    Platt (1999), "Probabilistic outputs for support vector machines": calibration by a logistic regression. For frames,
    see `seqrec.network.frames.FrameModel`; Dempster et al. (2020), "ROCKET: exceptionally fast and accurate time series
    classification using random convolutional kernels"; Jaitly & Hinton (2013), "Vocal tract length perturbation".

    Examples
    --------
    >>> from seqrec import LSTMSequenceClassifier
    >>> X, y = [["a", "b", "a"], ["b", "a", "b"]] * 40, ["from a", "from b"] * 40
    >>> classifier = LSTMSequenceClassifier(max_epochs=10, random_state=0).fit(X, y)
    >>> classifier.predict([["a", "b", "a"], ["b", "a", "b"]]).tolist()
    ['from a', 'from b']

    A sequence of frames is an array, (time, channels), of any length:

    >>> import numpy as np
    >>> from seqrec import Sequences
    >>> rng = np.random.default_rng(0)
    >>> sounds = [rng.normal(size=(n, 3)).cumsum(axis=0) * [1, 1, n % 2] for n in rng.integers(8, 20, 60)]
    >>> y = ["voiced" if sound[-1, 2] else "silent" for sound in sounds]
    >>> X = Sequences.from_arrays(sounds, names=["low", "middle", "high"])
    >>> classifier = LSTMSequenceClassifier(units=8, n_networks=1, max_epochs=4, random_state=0).fit(X, y)
    >>> classifier.predict_proba(X[:2]).shape
    (2, 2)
    >>> classifier.explain(X[:2], n_stretches=1).columns.tolist()
    ['sequence', 'class', 'start', 'stop', 'channel', 'evidence']
    """

    _parameter_constraints: ClassVar[dict] = {
        name: limits for name, limits in BaseLSTM._parameter_constraints.items() if name != "precision"
    } | {
        "level": [StrOptions({"auto", "sequence", "event"})],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "n_networks": [Interval(Integral, 1, 100, closed="both")],
    }
    _schema: ClassVar[dict[str, Schema]] = FITTED | {
        "classes_": Ids("n_classes"),
        "level_": Choice("sequence", "event"),
        "vocabulary_": vocabulary("n_items"),
        "fields_": Absent(Record(Fields)),  # of events
        "_calibration": Optional(Record(_Logistic)),
        "channels_": Absent(Record(Channels)),  # of frames
        "_frame_answers": Absent(Record(FrameAnswers)),
        "history_": HISTORY,
        "model_": EitherNetwork(
            Network(SequenceModel, architecture_schema("n_items + 3", "n_classes")),
            Network(FrameModel, Record(FrameArchitecture)),
        ),
    }
    vocabulary_: Vocabulary
    fields_: Fields
    channels_: Channels
    model_: Any
    _frame_answers: FrameAnswers
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
        n_networks: int = 3,
        verbose: bool | str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.level, self.class_weight = level, class_weight
        self.validation_fraction, self.patience = validation_fraction, patience
        self.units, self.cell, self.dropout, self.max_length = units, cell, dropout, max_length
        self.batch_size, self.learning_rate, self.max_epochs = batch_size, learning_rate, max_epochs
        self.n_networks, self.verbose, self.random_state = n_networks, verbose, random_state

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Learn the classes y.

        Parameters
        ----------
        X : Sequences, list of sequences or 2-D array with one sequence a row
            Frames come as `Sequences` without items: see ``Sequences.from_arrays``.
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
        labels = read_labels(X, given, y, sample_weight, self.level, self.class_weight, type(self).__name__)
        rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31, size=4))
        trainer, found = (self._fit_frames if holds_frames(X) else self._fit_events)(X, labels, rng)
        # Nothing before has touched the estimator, so a fit that fails changes nothing.
        self.classes_, self.level_, self.vocabulary_ = labels.classes, labels.level, X.vocabulary
        self.training_data_ = TrainingData.of(X)
        for name in {"fields_", "channels_", "_frame_answers"} & vars(self).keys():  # of an earlier fit
            delattr(self, name)
        for name, value in ({"_calibration": None} | found).items():
            setattr(self, name, value)
        trainer.raise_if_stopped()
        return self

    def _fit_events(self, X: Sequences, labels: Labels, rng: np.random.Generator) -> tuple[Epochs, dict[str, Any]]:
        """Train a network on events with items, and give the attributes that it leaves."""
        fields, n_classes = Fields.learn(X), len(labels.classes)
        encoded = _with_labels(fields.encode(X), labels)
        out = held_out(labels.rarity(X), float(self.validation_fraction), rng)[:, 0]
        trainer, history = self._train(with_ends(encoded[~out]), encoded[out], fields, n_classes, rng)
        logits, known, _ = _answers(Reader.of(trainer.network), encoded[out])
        calibration = _Logistic.fit(logits, known) if len(np.unique(known)) == n_classes else None
        found = {"fields_": fields, "_calibration": calibration, "model_": trainer.network, "history_": history}
        return trainer, found

    def _fit_frames(self, X: Sequences, labels: Labels, rng: np.random.Generator) -> tuple[Epochs, dict[str, Any]]:
        """Train networks on frames of numbers, and give the attributes that they leave."""
        channels, n_full = Channels.learn(X), int(np.count_nonzero(X.lengths))
        size = frames.usual_batch_size(n_full)
        if self.batch_size != "auto":
            size = max(1, int(self.batch_size) * n_full // X.n_events)
        architecture = FrameArchitecture(
            n_inputs=channels.n_inputs,
            n_classes=len(labels.classes),
            units=frames.usual_units(X.n_events) if self.units == "auto" else int(self.units),
            n_layers=frames.N_LAYERS,
            cell=self.cell,
            both_ways=labels.level == "sequence",
            dropout=float(self.dropout),
            n_networks=int(self.n_networks),
            seed=int(rng.integers(2**31)),
        )
        n_epochs = frames.usual_epochs(n_full, size) if self.max_epochs == "auto" else int(self.max_epochs)
        rate = frames.usual_rate(size) if self.learning_rate == "auto" else float(self.learning_rate)
        course = Course(self.max_length, size, rate, n_epochs, self.patience, self.verbose, averaged=True)
        share = frames.most_held_out(float(self.validation_fraction), len(X))
        out = held_out(labels.rarity(X), share, rng, architecture.n_networks)
        return frames.learn(X, channels, labels, out, architecture, course, rng)

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Calibrated probability of each class.

        Returns
        -------
        probabilities : (n_sequences, n_classes) or (n_events, n_classes) float64
            As `level_` says; columns as in `classes_`. Of a sequence without frames, the shares of the classes in the
            training data.
        """
        check_is_fitted(self, "model_")
        X = as_sequences(X, estimator=self, reset=False)
        if self._reads_frames:
            return np.exp(self._frame_answers.log_probabilities(self.model_, frames.frame_set(X, self.channels_)))
        X = self.encode(X)
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

    def explain(self, X: Any, n_stretches: int = 3) -> pd.DataFrame:
        """Say which stretches of time, and which channels, speak for the class of each sequence.

        Each is left out in turn, which is to say read as what is not known; nothing is approximated. A sequence is cut
        into eight stretches, or fewer if it is shorter.

        Parameters
        ----------
        X : Sequences
            Of frames.
        n_stretches : int
            Most stretches, and most channels, of a sequence.

        Returns
        -------
        reasons : DataFrame
            The strongest first within a sequence: `sequence` (key), `class` (the likeliest), `start` and `stop` (steps,
            half open), `channel` (None: all of them), and `evidence`: what the logarithm of the probability of that
            class loses, in nats; below 0 where what was left out spoke against it.

        Raises
        ------
        TypeError
            If the classifier has learned from events, or classes of single frames.
        """
        check_is_fitted(self, "model_")
        n_stretches = check_integer(n_stretches, "n_stretches")
        if not self._reads_frames or self.level_ == "event":
            raise InputError(
                "explain tells of classes of whole sequences of frames, and this classifier has learned "
                + ("classes of single frames." if self._reads_frames else "from events.")
            )
        X = as_sequences(X, estimator=self, reset=False)
        tell = partial(self._frame_answers.log_probabilities, self.model_)
        found = frames.evidence(tell, frames.frame_set(X, self.channels_), self.channels_, n_stretches)
        return found.assign(**{"sequence": X.keys[found["sequence"]], "class": self.classes_[found["class"]]})

    @property
    def _reads_frames(self) -> bool:
        return hasattr(self, "channels_")

    def _check_fitted(self) -> None:
        found = isinstance(self.model_.architecture, FrameArchitecture)
        if found != self._reads_frames or found != hasattr(self, "_frame_answers") or found == hasattr(self, "fields_"):
            raise ValueError("the network is of another kind than the estimator.")
        if not found:
            super()._check_fitted()
        elif self.model_.architecture.n_inputs != self.channels_.n_inputs:
            raise ValueError("the network has other channels than the estimator.")
        else:
            self._frame_answers.check_fits(self.model_.architecture)
        if len(set(self.classes_.tolist())) < max(2, len(self.classes_)):
            raise ValueError("it needs two different classes at least, and none twice.")

    def _train(
        self, X: Sequences, judged: Sequences, fields: Fields, n_classes: int, rng: np.random.Generator
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
            logits, labels, weights = _answers(reader, judged)
            log_p = log_softmax(logits, axis=1)
            return float(np.average(log_p[np.arange(len(labels)), labels], weights=weights))

        trainer = Trainer(architecture, "float32")
        course = self._course(X, n_epochs, self.patience)
        return trainer, trainer.fit(X, course, rng, start, merit if judged.columns["weights"].any() else None)


def _with_labels(X: Sequences, labels: Labels) -> Sequences:
    """Add the columns "labels", int32, and "weights", float32: of each event, or of the last one of each sequence."""
    places, numbers, weights = np.arange(X.n_events), labels.numbers, labels.weights
    if labels.level == "sequence":
        full = X.lengths > 0  # what has no event has nothing to learn from
        places, numbers, weights = X.indptr[1:][full] - 1, numbers[full], weights[full]
    columns = {"labels": np.zeros(X.n_events, np.int32), "weights": np.zeros(X.n_events, np.float32)}
    columns["labels"][places], columns["weights"][places] = numbers, weights
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
