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
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import Vocabulary, vocabulary
from seqrec.detect.base import THRESHOLD, AnomalyMixin, Normal
from seqrec.detect.counts import BAG_OF_EVENTS, BagOfEvents, length, new_events
from seqrec.detect.ngrams import NGRAMS, NGrams
from seqrec.detect.parts import Parts
from seqrec.storage.estimator import Storable
from seqrec.storage.schemas import Record, Schema, Tupled

__all__ = ["CombinedDetector", "CompositionDetector", "LengthDetector", "NGramDetector", "NewEventDetector"]

_NGRAM_PARTS = ["max", "top", "window", "mean"]


class _NewEvents(NamedTuple):
    def parts(self, X: Sequences) -> Parts:
        return new_events(X)


class _Length(NamedTuple):
    def parts(self, X: Sequences) -> Parts:
        return length(X)


_Measures = tuple[_NewEvents | _Length | BagOfEvents | NGrams, ...]


class Counts(NamedTuple):
    """What counting has learned to be normal."""

    vocabulary: Vocabulary
    measures: _Measures

    def parts(self, X: Sequences) -> Parts:
        """Give the parts of all measures."""
        return {name: values for measure in self.measures for name, values in measure.parts(X).items()}


def _counted(*measures: Schema) -> dict[str, Schema]:
    """Give the schema of a detector with these measures."""
    counts = Record(Counts, {"vocabulary": vocabulary("n_items"), "measures": Tupled(*measures)})
    return THRESHOLD | {"normal_": counts}


_NEW_EVENTS, _LENGTH = Record(_NewEvents, {}), Record(_Length, {})


class _CountingDetector(AnomalyMixin, ShownAsCard, Storable, BaseEstimator):
    """Common ground of the detectors that count; a subclass names its parts and gives what measures them."""

    _parameter_constraints: ClassVar[dict[str, list]] = AnomalyMixin._parameter_constraints
    _names: ClassVar[list[str]]

    def __init__(
        self,
        contamination: float | str = "auto",
        part: str = "auto",
        n_folds: int | str = "auto",
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.contamination = contamination
        self.part = part
        self.n_folds = n_folds
        self.random_state = random_state

    def _part_names_of(self, X: Sequences) -> list[str]:  # noqa: ARG002
        return self._names

    def _part_names(self) -> list[str]:
        return self._names

    def _learner(self, X: Sequences, random: np.random.RandomState) -> Callable[[Sequences], Normal]:  # noqa: ARG002
        return lambda X: Counts(X.vocabulary, self._measures(X, random))

    def _measures(self, X: Sequences, random: np.random.RandomState) -> _Measures:
        raise NotImplementedError


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

    _schema: ClassVar[dict[str, Schema]] = _counted(_NEW_EVENTS)
    _names: ClassVar[list[str]] = ["new events"]

    def _measures(self, X: Sequences, random: Any) -> _Measures:  # noqa: ARG002
        return (_NewEvents(),)


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

    _schema: ClassVar[dict[str, Schema]] = _counted(_LENGTH)
    _names: ClassVar[list[str]] = ["long", "short"]

    def _measures(self, X: Sequences, random: Any) -> _Measures:  # noqa: ARG002
        return (_Length(),)


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

    _schema: ClassVar[dict[str, Schema]] = _counted(BAG_OF_EVENTS)
    _names: ClassVar[list[str]] = ["composition"]

    def _measures(self, X: Sequences, random: np.random.RandomState) -> _Measures:
        return (BagOfEvents.fit(X, np.random.default_rng(random.randint(2**31))),)


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
    _schema: ClassVar[dict[str, Schema]] = _counted(NGRAMS)
    _names: ClassVar[list[str]] = [f"events {part}" for part in _NGRAM_PARTS]

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

    def _measures(self, X: Sequences, random: Any) -> _Measures:  # noqa: ARG002
        return (NGrams.fit(X, self.order),)


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

    _schema: ClassVar[dict[str, Schema]] = _counted(_NEW_EVENTS, _LENGTH, BAG_OF_EVENTS, NGRAMS)
    _names: ClassVar[list[str]] = [
        *NewEventDetector._names,
        *LengthDetector._names,
        *CompositionDetector._names,
        *NGramDetector._names,
    ]

    def _measures(self, X: Sequences, random: np.random.RandomState) -> _Measures:
        compositions = BagOfEvents.fit(X, np.random.default_rng(random.randint(2**31)))
        return _NewEvents(), _Length(), compositions, NGrams.fit(X, 2)
