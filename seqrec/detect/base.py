"""What every anomaly detector can do once it gives the parts of a score: calibrate, score, threshold, explain."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar, NamedTuple, Protocol, Self, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import OutlierMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from seqrec._checks import check_choice
from seqrec.data.fields import Fields
from seqrec.data.inputs import as_sequences
from seqrec.data.sequences import Sequences
from seqrec.data.summary import FITTED, TrainingData
from seqrec.data.vocabulary import Vocabulary
from seqrec.detect import thresholds
from seqrec.detect.calibration import Calibration
from seqrec.detect.drift import (
    MOST,
    FlaggedShare,
    Measured,
    Reference,
    Seen,
    added,
    blocks,
    frequent_codes,
    measure,
    measure_sequences,
)
from seqrec.detect.parts import Parts
from seqrec.exceptions import InputError
from seqrec.storage import schemas
from seqrec.storage.arrays import Array
from seqrec.storage.schemas import Absent, Converted, Integer, Listed, Optional, Record, Schema, Tupled

__all__ = ["AnomalyMixin"]

_FALSE_POSITIVES = 0.01  # rate of the threshold that fit sets by itself
_ENOUGH = 5_000  # held-out sequences, above which one split will do
_COARSE = 2_000  # held-out sequences that a coarser clock is calibrated on
_NO_FIELDS = Fields()


class Normal(Protocol):
    """What a fit has learned to be normal."""

    @property
    def vocabulary(self) -> Vocabulary:
        """Kinds of events that occur."""

    def parts(self, X: Sequences) -> Parts:
        """Give the parts of the score of sequences in the vocabulary's codes; higher is odder."""


def fields_of(normal: Normal) -> Fields:
    """Give the fields that are read; what counts reads none."""
    return getattr(normal, "fields", _NO_FIELDS)


class _Met(NamedTuple):
    """What the model of a fold says of the sequences that were held out from it."""

    parts: Parts
    coarser: dict[int, Parts]  # of some of them, as a coarser clock would have told their times
    frequent: dict[str, NDArray[np.int32]]
    events: dict[str, Measured]
    lengths: NDArray[np.int64]


class AnomalyMixin(OutlierMixin):
    """The verbs of a detector, written once, with the signs of scikit-learn's `IsolationForest`.

    A subclass gives `_learner`, `_part_names_of` and `_part_names`. In all methods X is `Sequences`, a list of
    sequences or a 2-D array with one sequence a row. An event of a kind that training lacked is odd; it is no error.

    Attributes
    ----------
    normal_ : Normal
        What a fit has learned to be normal.
    calibration_ : Calibration
        How each part of the score is distributed among held-out sequences.
    coarser_ : dict of Calibration
        The same if their times came from a coarser clock, by the microseconds between its ticks.
    held_out_scores_ : (n_held_out,) float64
        Scores of training sequences that the model had not seen: what thresholds are made of.
    offset_ : float
        Scores below it are flagged.
    reference_ : drift.Reference
        What `drift` compares a log with; a model file of an earlier release has none.
    training_data_ : TrainingData
        Size and dates of the training data.
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "contamination": [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="right")],
        "part": [str],
        "n_folds": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    contamination: float | str
    part: str
    n_folds: int | str
    random_state: Any
    normal_: Any

    def fit(self, X: Any, y: Any = None, *, folds: str = "auto") -> Self:  # noqa: ARG002
        """Learn what is normal from the sequences X.

        What is held out to calibrate is scored by what did not learn from it, and new sequences are scored just so: by
        the last of the folds' models, not by another one that learned from all. So a threshold keeps its rate for
        sequences that are like those of X, whatever they hold.

        Parameters
        ----------
        X : Sequences, list of sequences or 2-D array with one sequence a row
            Normal, or mostly so.
        y : ignored
            Labels are not used: with them, fit a classifier.
        folds : {"auto", "time", "given", "random"}
            What the held-out parts follow. In the order of "time", by the last event of each sequence, or as "given",
            a fold is a stretch of it, so that what drifts is seen to drift; the model that stays knows the newest
            sequences. With one fold, the newest are held out. "auto": of time where X has timestamps, else random.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            If a parameter or X is not as described; before any training.
        """
        self._validate_params()
        X = as_sequences(X, allow_empty=False, estimator=self)
        if len(X) < 2:
            raise InputError(f"fit needs at least 2 sequences to tell what is normal, got {len(X)} (n_samples = 1).")
        names, line = self._part_names_of(X), _line_up(X, folds)
        if self.part not in ("auto", *names):
            raise InputError(f"part must be one of {', '.join(map(repr, ('auto', *names)))}; got {self.part!r}.")
        learned = self._learn_and_calibrate(X, line, check_random_state(self.random_state))
        self.__dict__.update(learned | {"training_data_": TrainingData.of(X)})
        return self._set_first_threshold(X)

    def _learn_and_calibrate(self, X: Sequences, line: NDArray | None, random: np.random.RandomState) -> dict[str, Any]:
        """Give what is normal, and how sequences that it was not learned from are distributed, by attribute."""
        learn, met = self._learner(X, random), list[_Met]()
        folds = self._folds(random.permutation(len(X)) if line is None else line)
        for rows in folds:
            training = X[~np.isin(np.arange(len(X)), rows)].compact()
            normal = learn(training)
            met.append(self._meet(normal, training, X[rows].recode(normal.vocabulary), len(folds)))
        calibration, lengths = _calibrated([fold.parts for fold in met]), np.concatenate([fold.lengths for fold in met])
        scores = calibration.held_out_score(_joined([fold.parts for fold in met]), self.part)
        events, whole = [fold.events for fold in met], measure_sequences(lengths, scores)
        return {
            "normal_": normal,
            "calibration_": calibration,
            "coarser_": {clock: _calibrated([fold.coarser[clock] for fold in met]) for clock in met[0].coarser},
            "held_out_scores_": scores,
            "reference_": Reference.learn(events, whole, met[-1].frequent, X.clock),
        }

    def _meet(self, normal: Normal, training: Sequences, held_out: Sequences, n_folds: int) -> _Met:
        some = held_out[spread_out(len(held_out), _COARSE // n_folds)]
        fields, clocks = fields_of(normal), self._coarser_clocks(held_out)
        frequent = frequent_codes(training, fields)
        return _Met(
            parts=normal.parts(held_out),
            coarser={clock: normal.parts(some.on_clock(clock)) for clock in clocks},
            frequent=frequent,
            events=measure(held_out[spread_out(len(held_out), MOST // n_folds)], fields, frequent),
            lengths=held_out.lengths,
        )

    def _folds(self, line: NDArray) -> list[NDArray]:
        """Give the rows of each fold, the newest first."""
        n = len(line)
        n_folds = (1 if n >= 5 * _ENOUGH else 5) if self.n_folds == "auto" else int(self.n_folds)
        folds = np.array_split(line, min(5 if n_folds == 1 else n_folds, n))[::-1]
        return folds[:1] if n_folds == 1 else folds

    def _set_first_threshold(self, X: Sequences) -> Self:
        if self.contamination == "auto":
            smallest = 1 / (1 + len(self.held_out_scores_))
            return self.set_threshold(false_positive_rate=max(_FALSE_POSITIVES, smallest))
        self.offset_ = thresholds.contamination_offset(self.score_samples(X), float(self.contamination))
        return self

    def set_threshold(
        self,
        *,
        false_positive_rate: float | None = None,
        contamination: float | None = None,
        alerts_per_day: float | None = None,
        sequences_per_day: float | None = None,
    ) -> Self:
        """Choose anew what `predict` flags, without another fit and without labels.

        Give one of the first three. Each is about whole sequences, by the scores of the sequences that were held out in
        `fit`, which should be normal.

        Parameters
        ----------
        false_positive_rate : float
            A new normal sequence is flagged with at most this probability. Below 1 / (number of held-out sequences + 1)
            the threshold is extrapolated, and a `UserWarning` says so: see `thresholds.false_positive_offset`.
        contamination : float
            This share of sequences like those of the training data is flagged.
        alerts_per_day : float
            So many alerts a day are expected if all of the `sequences_per_day` are normal: a false-positive rate.
        sequences_per_day : float

        Returns
        -------
        self
            With a new `offset_`.
        """
        self.offset_ = self.offset_for(
            false_positive_rate=false_positive_rate,
            contamination=contamination,
            alerts_per_day=alerts_per_day,
            sequences_per_day=sequences_per_day,
        )
        return self

    def offset_for(
        self,
        *,
        false_positive_rate: float | None = None,
        contamination: float | None = None,
        alerts_per_day: float | None = None,
        sequences_per_day: float | None = None,
    ) -> float:
        """Give the `offset_` that `set_threshold` sets for the same parameters, and set nothing."""
        check_is_fitted(self, "held_out_scores_")
        if sum(value is not None for value in (false_positive_rate, contamination, alerts_per_day)) != 1:
            raise InputError("a threshold takes exactly one of false_positive_rate, contamination, alerts_per_day.")
        if (alerts_per_day is None) != (sequences_per_day is None):
            raise InputError("alerts_per_day and sequences_per_day are given together: one is a share of the other.")
        if contamination is not None:
            return thresholds.contamination_offset(self.held_out_scores_, contamination)
        if alerts_per_day is not None and sequences_per_day is not None:
            return thresholds.alerts_per_day_offset(self.held_out_scores_, alerts_per_day, sequences_per_day)
        return thresholds.false_positive_offset(self.held_out_scores_, cast("float", false_positive_rate))

    @property
    def vocabulary_(self) -> Vocabulary:
        """Kinds of events in the training data."""
        return self.normal_.vocabulary

    def parts(self, X: Any) -> Parts:
        """Give the parts of the score as they are measured; `calibration_` makes p-values of them, and one of all.

        Returns
        -------
        parts : dict of (n,) float64
            By name; higher is odder.
        """
        X = self._known_sequences(X)
        return self.normal_.parts(X)

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """How normal each sequence is.

        Returns
        -------
        scores : (n,) float64
            Natural logarithm of the p-value: the share of normal sequences that are as odd or odder, continued beyond
            the oddest held-out one by a generalised Pareto tail. Lower is odder.
        """
        X = self._known_sequences(X)
        return self.calibration_at(X.clock).score(self.normal_.parts(X), self.part)

    def calibration_at(self, clock: int | None) -> Calibration:
        """Give the calibration of sequences whose times come from a clock, in microseconds a tick: see `coarser_`."""
        return self.calibration_ if clock is None else self.coarser_.get(clock, self.calibration_)

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """`score_samples` less `offset_`: negative where a sequence is flagged, (n,)."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Give -1 for a sequence that is flagged as odd and +1 for another, (n,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def p_values(self, X: Any) -> NDArray[np.float64]:
        """P-value of each sequence, (n,): that of which `score_samples` gives the logarithm.

        It is uniform or higher for a sequence that is like the held-out ones; below 1 / (number of these + 1) only as
        far as their tail goes on as it begins.
        """
        X = self._known_sequences(X)
        return self.calibration_at(X.clock).reasons(self.normal_.parts(X), self.part).p_value

    def discoveries(self, X: Any, false_discovery_rate: float = 0.1) -> NDArray[np.bool_]:
        """Flag as many sequences of X as can be, so that at most this share of the flags is expected to be false.

        Unlike `predict` it looks at all of X together, by Benjamini and Hochberg's procedure. The p-values that this
        takes are conformal ones, which owe nothing to a fitted tail: `thresholds.conformal_p_values` of the scores.

        Returns
        -------
        flagged : (n,) bool

        References
        ----------
        Bates et al. (2023), "Testing for outliers with conformal p-values".
        """
        p_values = thresholds.conformal_p_values(self.score_samples(X), self.held_out_scores_)
        return thresholds.benjamini_hochberg(p_values, false_discovery_rate)

    def part_p_values(self, X: Any) -> pd.DataFrame:
        """P-value of each part of the score, so that a score explains itself.

        Returns
        -------
        p_values : DataFrame of (n, n_parts)
            A row a sequence, under its key; a column a part.
        """
        X = self._known_sequences(X)
        log_p = self.calibration_at(X.clock).log_p_values(self.normal_.parts(X))
        return pd.DataFrame(np.exp(log_p), index=pd.Index(X.keys), columns=list(self.calibration_.tails))

    def drift(self, X: Any) -> pd.DataFrame:
        """Compare a log with the training data: a threshold keeps its rate for sequences that are like these.

        Returns
        -------
        drift : DataFrame
            A row for each thing compared: `what`, `training` and `log` (what is told of it: a share, a mean, for a
            field the geometric mean of its sizes, or the clock), `difference` (the largest one of shares of values),
            `test`, `p_value` and whether it is `noticed`. The last takes a clear difference as well: a tenth of the
            values, or a share that has doubled.

        Raises
        ------
        ValueError
            If the model file is of a release that kept nothing to compare with.
        """
        X = self._known_sequences(X)
        if not hasattr(self, "reference_"):
            raise InputError("this model is from a file of a release that kept nothing to compare a log with. Fit it.")
        scores = self.score_samples(X)
        seen = [self.see_sequences(X.lengths, scores), *map(self.see_events, blocks(X))]
        flagged = FlaggedShare.of(self.held_out_scores_, self.offset_, len(X), (scores < self.offset_).sum())
        return self.reference_.compare(added(seen), flagged, X.clock)

    def see_events(self, X: Sequences) -> dict[str, Seen]:
        """Count what `drift` compares of the events of X, a part of a log, where there is something to compare with."""
        check_is_fitted(self, "calibration_")
        if not hasattr(self, "reference_"):
            return {}
        X = X.recode(self.vocabulary_)
        return self.reference_.see(measure(X, fields_of(self.normal_), self.reference_.frequent))

    def see_sequences(self, lengths: NDArray[np.integer], scores: NDArray[np.float64]) -> dict[str, Seen]:
        """Count what `drift` compares of whole sequences, by their lengths and scores, (n,) each."""
        if not hasattr(self, "reference_"):
            return {}
        return self.reference_.see(measure_sequences(lengths, scores))

    def _check_fitted(self) -> None:
        """Compare what a model file says of the parts of the score."""
        unknown = self.calibration_.tails.keys() - set(self._part_names())
        if unknown:
            raise ValueError(f"it has a part of the score that it cannot compute: {sorted(unknown)[0]!r}.")
        if self.part not in ("auto", *self.calibration_.tails):
            raise ValueError(f"it is to score by {self.part!r}, which is no part of its score.")

    def _known_sequences(self, X: Any) -> Sequences:
        """Give X in the codes of the vocabulary."""
        check_is_fitted(self, "calibration_")
        return as_sequences(X, estimator=self, reset=False).recode(self.vocabulary_)

    def _coarser_clocks(self, X: Sequences) -> list[int]:  # noqa: ARG002
        """Give the clocks that make a difference to the score, coarser than that of X."""
        return []

    def _part_names_of(self, X: Sequences) -> list[str]:  # noqa: ARG002
        """Names of the parts that a fit to X will give."""
        return self._part_names()

    def _part_names(self) -> list[str]:
        """Names of the parts that a fit gave."""
        raise NotImplementedError

    def _learner(self, X: Sequences, random: np.random.RandomState) -> Callable[[Sequences], Normal]:
        """Give what learns from some of the sequences of X, which come in the codes of the items that they hold.

        Of X itself it may use sizes alone. Only what was learned last need work.
        """
        raise NotImplementedError


def _line_up(X: Sequences, folds: str) -> NDArray[np.intp] | None:
    """Give the rows of X from the oldest to the newest, None if they have no order."""
    check_choice(folds, "folds", ("auto", "time", "given", "random"))
    if folds == "time" and X.timestamps is None:
        raise InputError("folds='time' needs sequences with timestamps. Say folds='given' if they lie in their order.")
    if folds == "random" or (folds == "auto" and X.timestamps is None):
        return None
    if folds == "given" or X.timestamps is None:
        return np.arange(len(X))
    last = np.full(len(X), X.timestamps.min())  # of a sequence without events, too
    last[X.lengths > 0] = X.timestamps[X.indptr[1:][X.lengths > 0] - 1]
    return np.argsort(last, kind="stable")


def spread_out(n: int, most: int) -> NDArray[np.intp]:
    """Choose at most so many of n rows, evenly spaced."""
    return np.arange(n)[:: max(1, -(-n // max(most, 1)))]


def _calibrated(found: list[Parts]) -> Calibration:
    return Calibration.fit(_joined(found))


def _joined(found: list[Parts]) -> Parts:
    return {name: np.concatenate([parts[name] for parts in found]) for name in found[0]}


def _check_scores(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    if not len(scores):
        raise ValueError("there are no scores of held-out sequences.")
    return scores


# An offset of minus infinity flags nothing; JSON has no infinity.
OFFSET = Converted(
    Optional(schemas.Real()),
    lambda offset: None if offset == -np.inf else offset,
    lambda offset: -np.inf if offset is None else offset,
)
THRESHOLD: dict[str, Schema] = FITTED | {
    "calibration_": Record(Calibration),
    "coarser_": Converted(Listed(Tupled(Integer(1), Record(Calibration))), lambda found: list(found.items()), dict),
    "reference_": Absent(Record(Reference)),
    "held_out_scores_": Converted(Array("float64", None), _check_scores, _check_scores),
    "offset_": OFFSET,
}
