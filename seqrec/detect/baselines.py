"""What an LSTM detector has to beat: new events, length, counts of events, n-grams, and all of these together."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval

from seqrec.data.display import ShownAsCard
from seqrec.data.ends import close
from seqrec.data.inputs import warn_of_unused
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import Vocabulary, vocabulary
from seqrec.detect.base import THRESHOLD, AnomalyMixin, Normal
from seqrec.detect.counts import BagOfEvents, length, new_events
from seqrec.detect.ngrams import NGrams
from seqrec.detect.parts import Parts
from seqrec.storage.estimator import Storable
from seqrec.storage.schemas import Record, Schema, Tupled

__all__ = ["CombinedDetector", "CompositionDetector", "LengthDetector", "NGramDetector", "NewEventDetector"]


class _Plain(NamedTuple):
    """A measure that nothing has to be learned for."""

    parts: Callable[[Sequences], Parts]


class _Measure(NamedTuple):
    """What is measured of a sequence: the names of its parts, its schema, and how it is learned from sequences."""

    names: list[str]
    schema: Schema
    learn: Callable[[Sequences, int, np.random.RandomState], Any]


def _plain(measure: _Plain, *names: str) -> _Measure:
    return _Measure(list(names), Record(lambda: measure, {}), lambda *_: measure)


def _learn_bag(X: Sequences, order: int, random: np.random.RandomState) -> BagOfEvents:  # noqa: ARG001
    return BagOfEvents.fit(X, np.random.default_rng(random.randint(2**31)))


_NEW_EVENTS = _plain(_Plain(new_events), "new events")
_LENGTH = _plain(_Plain(length), "long", "short")
_COMPOSITION = _Measure(["composition"], Record(BagOfEvents), _learn_bag)
_NGRAM_PARTS = [f"events {name}" for name in ("max", "top", "window", "mean")]
_NGRAMS = _Measure(_NGRAM_PARTS, Record(NGrams), lambda X, order, _: NGrams.fit(X, order))


class Counts(NamedTuple):
    """What counting has learned to be normal."""

    vocabulary: Vocabulary
    measures: tuple[Any, ...]

    def parts(self, X: Sequences) -> Parts:
        """Give the parts of all measures."""
        return {name: values for measure in self.measures for name, values in measure.parts(X).items()}


def _counting(*measures: _Measure) -> tuple[tuple[_Measure, ...], dict[str, Schema]]:
    """Give the measures of a detector, and its schema."""
    schemas = Tupled(*(measure.schema for measure in measures))
    return measures, THRESHOLD | {"normal_": Record(Counts, {"vocabulary": vocabulary("n_items"), "measures": schemas})}


class _CountingDetector(AnomalyMixin, ShownAsCard, Storable, BaseEstimator):
    """Common ground of the detectors that count; a subclass names what it measures."""

    _parameter_constraints: ClassVar[dict[str, list]] = AnomalyMixin._parameter_constraints
    _measures: ClassVar[tuple[_Measure, ...]]
    order = 2  # events in an n-gram

    def __init__(
        self,
        contamination: float | str = "auto",
        part: str = "auto",
        n_folds: int | str = "auto",
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.contamination, self.part, self.n_folds, self.random_state = contamination, part, n_folds, random_state

    def _part_names(self) -> list[str]:
        return [name for measure in self._measures for name in measure.names]

    def _learner(self, X: Sequences, random: np.random.RandomState) -> Callable[[Sequences], Normal]:
        warn_of_unused(X, self)

        def learn(X: Sequences) -> Counts:
            return Counts(X.vocabulary, tuple(measure.learn(X, self.order, random) for measure in self._measures))

        return learn


class NewEventDetector(_CountingDetector):
    """Call a sequence odd for its events of a kind that training lacked.

    Parameters
    ----------
    contamination : float or "auto"
        Share of the training sequences that `predict` flags; "auto": what flags 1 % of held-out ones.
    part : "auto" or str
        Name of the part that scores alone; "auto": all parts together.
    n_folds : int or "auto"
        Parts that the training data are held out in, one after another, to calibrate; 1 holds out a fifth, once.
    random_state : int, RandomState or None
        Seeds the folds.

    Examples
    --------
    >>> detector = NewEventDetector().fit([["open", "read", "close"]] * 100)
    >>> detector.predict([["open", "read", "close"], ["open", "erase", "close"]]).tolist()
    [1, -1]
    """

    _measures, _schema = _counting(_NEW_EVENTS)


class LengthDetector(_CountingDetector):
    """Call a sequence odd for being long or short.

    Parameters
    ----------
    contamination, part, n_folds, random_state
        As in `NewEventDetector`.

    Examples
    --------
    >>> detector = LengthDetector().fit([["open", "read", "close"]] * 100)
    >>> detector.predict([["read", "open", "close"], ["open"]]).tolist()
    [1, -1]
    """

    _measures, _schema = _counting(_LENGTH)


class CompositionDetector(_CountingDetector):
    """Call a sequence odd for its counts of events, by the distance to the nearest normal sequence.

    Parameters
    ----------
    contamination, part, n_folds, random_state
        As in `NewEventDetector`.

    Examples
    --------
    >>> detector = CompositionDetector().fit([["open", "read", "close"]] * 100)
    >>> detector.predict([["read", "open", "close"], ["open", "open", "open"]]).tolist()
    [1, -1]
    """

    _measures, _schema = _counting(_COMPOSITION)


class NGramDetector(_CountingDetector):
    """Call a sequence odd for events that are unlikely after the few before them.

    Parameters
    ----------
    order : int
        Events in an n-gram; 2 looks one event back.
    contamination, part, n_folds, random_state
        As in `NewEventDetector`.

    Examples
    --------
    >>> detector = NGramDetector(order=3).fit([["open", "read", "close"]] * 100)
    >>> detector.predict([["open", "read", "close"], ["read", "open", "close"]]).tolist()
    [1, -1]
    """

    _parameter_constraints: ClassVar[dict[str, list]] = AnomalyMixin._parameter_constraints | {
        "order": [Interval(Integral, 1, None, closed="left")]
    }
    _measures, _schema = _counting(_NGRAMS)

    def __init__(
        self,
        order: int = 2,
        contamination: float | str = "auto",
        part: str = "auto",
        n_folds: int | str = "auto",
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        super().__init__(contamination, part, n_folds, random_state)
        self.order = order

    def surprisal(self, X: Any, ends: bool = False) -> NDArray[np.float64]:
        """``-log p`` of each event after the ``order - 1`` before it, in nats.

        Parameters
        ----------
        X : Sequences, list of sequences or 2-D array
        ends : bool
            Give that of each sequence's end too, after its events.

        Returns
        -------
        surprisal : (n_events,) float64, or (n_events + n_sequences,) with the ends
        """
        X = self._known_sequences(X)
        (ngrams,) = self.normal_.measures
        surprisal = ngrams.surprisal(X)
        return surprisal if ends else surprisal[close(X).events]


class CombinedDetector(_CountingDetector):
    """Call a sequence odd for anything that counting shows: new events, length, counts of events, n-grams.

    Parameters
    ----------
    contamination, part, n_folds, random_state
        As in `NewEventDetector`.

    Examples
    --------
    >>> detector = CombinedDetector().fit([["open", "read", "close"]] * 100)
    >>> detector.predict([["open", "read", "close"], ["open", "close", "read"], ["open"]]).tolist()
    [1, -1, -1]
    """

    _measures, _schema = _counting(_NEW_EVENTS, _LENGTH, _COMPOSITION, _NGRAMS)
