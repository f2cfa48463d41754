"""Find odd sequences with an LSTM: the surprisal of every event, given the past."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from seqrec._checks import check_integer
from seqrec.data.ends import END, end_code, with_ends
from seqrec.data.fields import EVENT, GAP, Fields, field_columns, is_category
from seqrec.data.inputs import as_sequences
from seqrec.data.queries import query_times
from seqrec.data.sequences import Sequences
from seqrec.data.times import CLOCKS
from seqrec.detect.attribution import explain_events, smallest_of
from seqrec.detect.base import THRESHOLD, AnomalyMixin
from seqrec.detect.counts import BagOfEvents
from seqrec.detect.normal import Normal
from seqrec.detect.stream import DetectorStream
from seqrec.exceptions import InputError
from seqrec.network.estimator import BaseLSTM
from seqrec.network.model import SequenceModel
from seqrec.network.stream import StreamState
from seqrec.network.training import Trainer
from seqrec.network.unseen import Unseen
from seqrec.storage.schemas import Record, Schema

_SURPRISAL_PARTS = ("max", "top", "window", "mean")
_NUMBER_PARTS = ("max", "drift", "regular", "constant")
_OF_SEQUENCE = ("score", "p_value", "fired", "part_p_value", "reason")  # columns of `explain`
_COUNTED = ("new events", "long", "short", "composition")


class LSTMAnomalyDetector(AnomalyMixin, BaseLSTM):
    """Learn what usually comes next, and call odd what does not.

    An LSTM reads a sequence event by event and gives the probability of the next one, of its end, and of each further
    field of an event: categories, numbers, and the gap in time where X has timestamps. The surprisal of an event is
    ``-log p`` of what did come; it adds up over fields and events, so it says what was odd, and where. That a field is
    missing is a value of its own, with a probability.

    The score of a sequence has several parts, since the right one differs from log to log: of each field's surprisals
    the highest, the mean of the three highest, the highest sum of ten in a row, and the mean; of numbers the one
    farthest out, the steadiest leaning one way, and too much regularity; and, by counting, events never seen before,
    the length, and how far the counts of events are from the nearest training sequence. Each becomes a p-value on
    normal sequences that were held out, and these become one without labels (their harmonic mean, calibrated in turn).

    Parameters
    ----------
    contamination : float or "auto"
        Share of the training sequences that `predict` flags; "auto": what flags 1 % of held-out ones. `set_threshold`
        changes it afterwards.
    part : "auto" or str
        Name of the part that scores alone, such as "events max"; "auto": all parts together.
    n_folds : int or "auto"
        Parts that the training data are held out in, one after another, to calibrate; the last of the networks stays,
        which learned from all but a fifth. 1 holds out a fifth, once. "auto": 5, or 1 from 25,000 sequences on.
    sides : dict or None
        For numeric fields that are odd on one side only, "high" or "low", such as ``{"amount": "high"}``; others are
        odd on both.
    units : int or "auto"
        Width of the recurrent state. "auto": 512 for a million events, less for fewer.
    cell : {"lstm", "peephole", "gru", "rnn"}
        As in `LSTMRecommender`.
    dropout : float
        Share of the outputs that is dropped in training; of the recurrence's inputs, half of it.
    max_length : int
        Longest part of a sequence in training. In scoring, sequences are read whole.
    batch_size : int or "auto"
        Events (not sequences) in a batch.
    learning_rate : float or "auto"
        Height of the schedule: one epoch of warm-up, then a cosine.
    max_epochs : int or "auto"
        Passes over the log. "auto": for two million events in all, at least 6 and at most 30.
    precision : {"auto", "float32", "bfloat16"}
        Of the matrix products in training. Scores are always computed in float32.
    verbose : bool or "auto"
        Show progress; "auto": in a terminal or notebook.
    random_state : int, RandomState or None
        The same seed on the same machine gives the same scores; no global seed is touched.

    Attributes
    ----------
    normal_ : Normal
        What was learned to be normal.
    model_ : SequenceModel
        The Keras model, in float32.
    vocabulary_ : Vocabulary
        Kinds of events in the training data.
    fields_ : Fields
        The fields of an event that are read.
    offset_ : float
        Scores below it are flagged.
    held_out_scores_ : (n_held_out,) float64
        Scores of training sequences from networks that had not seen them: what thresholds are made of.
    calibration_ : Calibration
        Distribution of each part of the score among these.
    history_ : dict of lists
        For each epoch of the last network the "loss" (nats an event with its fields, dropout on).
    training_data_ : TrainingData
        Size and dates of the training data.

    References
    ----------
    Du et al. (2017), "DeepLog: anomaly detection and diagnosis from system logs through deep learning". We score by
    surprisal and not by rank, and take starts and ends as events.

    Examples
    --------
    >>> from seqrec import LSTMAnomalyDetector
    >>> normal = [["open", "read", "close"], ["open", "read", "read", "close"]] * 50
    >>> detector = LSTMAnomalyDetector(n_folds=1, max_epochs=10, random_state=0).fit(normal)
    >>> detector.predict([["open", "read", "close"], ["open", "erase", "close"]]).tolist()
    [1, -1]
    """

    _parameter_constraints: ClassVar[dict] = (
        BaseLSTM._parameter_constraints | AnomalyMixin._parameter_constraints | {"sides": [dict, None]}
    )
    _schema: ClassVar[dict[str, Schema]] = THRESHOLD | {"normal_": Record(Normal)}
    _share_asked = 0.2

    def __init__(
        self,
        contamination: float | str = "auto",
        part: str = "auto",
        n_folds: int | str = "auto",
        sides: dict[str, str] | None = None,
        units: int | str = "auto",
        cell: str = "lstm",
        dropout: float = 0.1,
        max_length: int = 200,
        batch_size: int | str = "auto",
        learning_rate: float | str = "auto",
        max_epochs: int | str = "auto",
        precision: str = "auto",
        verbose: bool | str = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.contamination, self.part, self.n_folds, self.sides = contamination, part, n_folds, sides
        self.units, self.cell, self.dropout, self.max_length = units, cell, dropout, max_length
        self.batch_size, self.learning_rate, self.max_epochs = batch_size, learning_rate, max_epochs
        self.precision, self.verbose, self.random_state = precision, verbose, random_state

    @property
    def model_(self) -> SequenceModel:
        """The Keras model."""
        return self._fitted("model_").network

    @property
    def history_(self) -> dict[str, list[float]]:
        """The loss of each epoch of the last network."""
        return self._fitted("history_").history

    @property
    def fields_(self) -> Fields:
        """The fields of an event that are read."""
        return self._fitted("fields_").fields

    def _fitted(self, name: str) -> Normal:
        if "normal_" not in vars(self):
            raise AttributeError(f"{name} is there after fit.")
        return self.normal_

    def _learner(self, X: Sequences, random: np.random.RandomState) -> Callable[[Sequences], Normal]:
        whole, seed, trainers = with_ends(X), int(random.randint(2**31)), dict[Any, Trainer]()
        n_epochs = self._n_epochs(whole)
        course = self._course(whole, n_epochs, n_epochs)

        def learn(X: Sequences) -> Normal:
            rng = np.random.default_rng(random.randint(2**31, size=4))
            fields, n_codes = Fields.learn(X, self.sides), end_code(len(X.vocabulary)) + 1
            architecture = self._architecture(whole, fields, seed, n_codes=n_codes, predicts_fields=True)
            if architecture not in trainers:
                trainers.clear()
                trainers[architecture] = Trainer(architecture, self._policy())
            trainer = trainers[architecture]
            closed = with_ends(fields.encode(X))
            known = (closed.codes, closed.columns["categories"], closed.columns["numbers"])
            history = trainer.fit(closed, course, rng, lambda network: network.start_from_shares(*known))
            trainer.raise_if_stopped(keeps=False)  # half trained, it would spoil the calibration
            counted = Unseen.estimate(X), BagOfEvents.fit(X, rng)
            return Normal(X.vocabulary, fields, trainer.network, *counted, history)

        return learn

    def _coarser_clocks(self, X: Sequences) -> list[int]:
        return [] if X.clock is None else [tick for tick in CLOCKS.values() if tick > X.clock and tick >= CLOCKS["s"]]

    def _n_epochs(self, closed: Sequences) -> int:
        """About two million events in all, so that a small log is read often enough to be learned."""
        usual = np.clip(round(2_000_000 / closed.n_events), 6, 30)
        return int(usual if self.max_epochs == "auto" else self.max_epochs)

    def _part_names_of(self, X: Sequences) -> list[str]:
        names = [f"events {part}" for part in _SURPRISAL_PARTS]
        for name, values in field_columns(X).items():
            names += [f"{name} {part}" for part in (_SURPRISAL_PARTS if is_category(values) else _NUMBER_PARTS)]
        return [*names, *_COUNTED]

    def _part_names(self) -> list[str]:
        fields = self.fields_
        channels = [("events", _SURPRISAL_PARTS)]
        channels += [(field.name, _SURPRISAL_PARTS) for field in fields.categories]
        channels += [(field.name, _NUMBER_PARTS) for field in fields.numbers]
        return [*(f"{name} {part}" for name, parts in channels for part in parts), *_COUNTED]

    def _check_fitted(self) -> None:
        AnomalyMixin._check_fitted(self)
        BaseLSTM._check_fitted(self)

    def _build(self) -> None:
        self.normal_ = self.normal_._replace(network=self.normal_.network.build())

    def surprisal(self, X: Any, by_field: bool = False, ends: bool = False, at_time: bool = False) -> Any:
        """Surprisal of every event: ``-log p`` given all that came before it, in nats.

        Parameters
        ----------
        X : Sequences, list of sequences or 2-D array
        by_field : bool
            Apart for the event and each of its fields, which add up to the whole.
        ends : bool
            Give that of each sequence's end too, after its events: they all add up to ``-log p`` of the sequence.
        at_time : bool
            Of the event given its own time, too: "what comes at time t". The gap then has no surprisal of its own.

        Returns
        -------
        surprisal : (n_events,) float32, or DataFrame of (n_events, 1 + n_fields)
            In the order of X's events; n_sequences more with their ends. For a number it is that of a density, in units
            of the spread of its logarithm, and can be below 0.
        """
        X = self._known_sequences(X)
        if at_time and not self.model_.architecture.asked:
            raise InputError("at_time needs a detector that was fitted on sequences with timestamps.")
        state, found = self.normal_.read(X, timed=at_time)
        surprisal = found.surprisal
        if ends:
            surprisal = np.insert(surprisal, X.indptr[1:], self.normal_.ends(state).surprisal, axis=0)
        if at_time:
            surprisal[:, self._field_names().index(GAP)] = 0
        return pd.DataFrame(surprisal, columns=self._field_names()) if by_field else surprisal.sum(axis=1)

    def event_scores(self, X: Any, by_field: bool = False) -> Any:
        """P-value of every event: how likely something as unlikely was there, so that open questions are not alarms.

        Parameters
        ----------
        X, by_field
            As in `surprisal`.

        Returns
        -------
        p_values : (n_events,) float64, or DataFrame of (n_events, 1 + n_fields)
            Of an event, or a category, the probability of all that is as likely or less; of a number, that of all
            that is as far out, on its `sides`; of a missing one, that of all that is as unlikely. Those of the fields
            are independent if the model is right, as each is given the others before it: the smallest of m, p, becomes
            ``1 - (1 - p) ** m`` (Sidak 1967).
        """
        X = self._known_sequences(X)
        p_values = self.normal_.read(X, compare=True)[1].p_values()
        return pd.DataFrame(p_values, columns=self._field_names()) if by_field else smallest_of(p_values)

    def rank(self, X: Any) -> NDArray[np.float32]:
        """Rank of every event among all that could have come, 1 for the likeliest, (n_events,); ties share theirs.

        References
        ----------
        Du et al. (2017), "DeepLog": an event is odd if it ranks below the g likeliest.
        """
        X = self._known_sequences(X)
        return self.normal_.read(X, compare=True)[1].ranks

    def expected(self, X: Any, k: int = 3, at: ArrayLike | None = None) -> pd.DataFrame:
        """Say what is expected to come next in each sequence, or what at a given time.

        Parameters
        ----------
        X : Sequences, list of sequences or 2-D array
        k : int
            How many events of each sequence, the likeliest first.
        at : datetime or (n_sequences,) array-like of datetimes, optional
            What comes, given that it comes at this time. The end of a sequence comes at none, so it is left out then.

        Returns
        -------
        expected : DataFrame
            A row a sequence and event: `sequence` (key), `rank` from 1, `event` ("(end)" for the end) and
            `probability`, given that it is none that training lacked.

        Raises
        ------
        ValueError
            If times are asked about that training or X lacks, or one lies before the last event.
        """
        X = self._known_sequences(X)
        probabilities = self.normal_.next_events(X, query_times(at, X))
        names = np.append(self.vocabulary_.items.astype(object), END)
        best = np.argsort(-probabilities, axis=1, kind="stable")[:, : check_integer(k, "k")]
        n, k = best.shape
        told = {
            "sequence": np.repeat(X.keys, k),
            "rank": np.tile(np.arange(1, k + 1), n),
            "event": names[best.ravel()],
            "probability": np.take_along_axis(probabilities, best, axis=1).ravel(),
        }
        return pd.DataFrame(told)

    def explain(self, X: Any, n_events: int = 3, n_expected: int = 3, only_flagged: bool = True) -> pd.DataFrame:
        """Say why sequences are odd: the events that fired, and what was expected in their place.

        Parameters
        ----------
        X : Sequences, list of sequences or 2-D array
        n_events : int
            Most events of a sequence, the least likely first.
        n_expected : int
            Likeliest outcomes that are named.
        only_flagged : bool
            Leave out the sequences that `predict` finds normal; of one that is normal, nothing is left then.

        Returns
        -------
        reasons : DataFrame
            A row an event, the oddest sequence first. Of the sequence: `sequence` (key), `score`, `p_value` (that of
            `p_values`), `fired` (the part of the score that is oddest; "combination" where none is odd alone),
            `part_p_value`, `reason` (what is odd, in words, of up to three fields). Of the event: `position` (from 0),
            `row` (of the log; -1 for the end of the sequence), `event`, `field` (the oddest), `value` ("missing" where
            the log lacks it), `surprisal` (nats), `event_p_value`, `expected` (with probabilities). And `nearest`, the
            key of another training sequence, not flagged here, whose counts of events are most like this one's; None if
            there is none, or the model file was saved without keys.
        """
        check_is_fitted(self, "calibration_")
        named = as_sequences(X, estimator=self, reset=False)  # the model's codes would hide which events are unknown
        X = self._known_sequences(named)
        n_events, n_expected = check_integer(n_events, "n_events"), check_integer(n_expected, "n_expected")
        reasons = self.calibration_at(X.clock).reasons(self.normal_.parts(X), self.part)
        order = np.argsort(reasons.scores, kind="stable")
        rows = order[reasons.scores[order] < self.offset_] if only_flagged else order
        frame = explain_events(self.normal_, named[rows], n_events, n_expected)
        which = frame.pop("which").to_numpy()
        told = reasons.of(rows)
        sentences = np.array(["; ".join(odd) for odd in told.sentences()], dtype=object)
        of_sequence = [told.scores, told.p_value, told.fired, told.part_p_value, sentences]
        for place, (name, values) in enumerate(zip(_OF_SEQUENCE, of_sequence, strict=True), start=1):
            frame.insert(place, name, values[which])
        frame["nearest"] = self.normal_.compositions.nearest(X, rows, reasons.scores < self.offset_)[which]
        return frame

    def stream(self, state: StreamState | None = None, clock: int | None = None) -> DetectorStream:
        """Score users as their events come, one more event at the cost of one step.

        Parameters
        ----------
        state : StreamState, optional
            The `state` of an earlier stream of this detector, to go on from.
        clock : int, optional
            Microseconds between the ticks of the clock that tells the events' times, if it is coarser than that of the
            training data, such as 1,000,000 for whole seconds.

        Returns
        -------
        stream : DetectorStream
            With `push`, `push_many`, `score_samples` and `state`.
        """
        check_is_fitted(self, "calibration_")
        return DetectorStream(self.normal_, self.calibration_at(clock), self.part, state, clock)

    def _field_names(self) -> list[str]:
        return [EVENT, *self.fields_.names]
