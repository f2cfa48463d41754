"""A detector on sequences that go on: how odd what just happened is, and how odd the user is by now.

What is kept of a user stands in for all events so far, so a user with a million events takes no more memory than
another, and one more event costs one step. Scores are those of `LSTMAnomalyDetector` on the whole.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrec.data.ends import END
from seqrec.data.fields import EVENT, GAP
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED, UNKNOWN
from seqrec.detect.attribution import smallest_of
from seqrec.detect.calibration import Calibration
from seqrec.detect.normal import DetectorState, Normal
from seqrec.detect.parts import Parts
from seqrec.network.stream import Stream, StreamState


class EventScores(NamedTuple):
    """What a detector says of n events.

    Attributes
    ----------
    surprisal : (n,) float32, nats
    p_value : (n,) float64
    field : (n,) intp
        Which field was oddest: 0 is the event itself, the others follow in the order of the detector's fields.
    expected : (n,) int32
        Code of the event that was expected most.
    unknown : (n,) bool
        Whether training lacked this kind of event.
    """

    surprisal: NDArray[np.float32]
    p_value: NDArray[np.float64]
    field: NDArray[np.intp]
    expected: NDArray[np.int32]
    unknown: NDArray[np.bool_]


class DetectorStream(Stream[pd.DataFrame]):
    """Scores users as their events come; `LSTMAnomalyDetector.stream` makes it.

    Parameters
    ----------
    normal : Normal
    calibration : Calibration
    part : str
    state : StreamState, optional
    clock : int, optional
        Microseconds between the ticks of the clock that tells the times.

    Attributes
    ----------
    fields : list of str
        "event", and the names of the fields.
    expected : (n_items + 1,) object
        The events that can be expected: the items, and the end.

    Examples
    --------
    >>> from seqrec import LSTMAnomalyDetector, Sequences
    >>> detector = LSTMAnomalyDetector(n_folds=1, max_epochs=2, random_state=0).fit([["open", "read", "close"]] * 50)
    >>> stream = detector.stream()
    >>> told = stream.push_many(Sequences.from_lists([["open", "read"]], keys=["u1"]))
    >>> told = stream.push("u1", "close")
    >>> bool(stream.score_samples()[0] == detector.score_samples([["open", "read", "close"]])[0])
    True
    """

    def __init__(
        self,
        normal: Normal,
        calibration: Calibration,
        part: str,
        state: StreamState | None = None,
        clock: int | None = None,
    ) -> None:
        self._normal, self.calibration, self._part, self._clock = normal, calibration, part, clock
        self.fields = [EVENT, *normal.fields.names]
        self._always_read = [name for name in normal.fields.names if name != GAP]
        self.expected = np.append(normal.vocabulary.items.astype(object), END)
        super().__init__(state)

    def score_samples(self, keys: Any = None) -> NDArray[np.float64]:
        """`LSTMAnomalyDetector.score_samples` of users, by default of all, as if their sequences ended here, (n,)."""
        states = self._states_of(self.keys.tolist() if keys is None else list(keys))
        return self.calibration.score(self.parts(states), self._part)

    # -- on states, without users: what the jobs stand on

    def start(self, n: int) -> DetectorState:
        """Know nothing yet of n sequences."""
        return self._normal.start(n)

    def read(self, state: DetectorState | None, X: Sequences, keep: bool = True) -> tuple[DetectorState, EventScores]:
        """Read the next events X of n sequences, of which `state` is what is kept; None: they start.

        Returns
        -------
        state : DetectorState
            What is kept after these events; if that is not to be read on from, it need not `keep` all.
        scores : EventScores
            Of the events of X, in its order.
        """
        X = replace(X.recode(self._normal.vocabulary), clock=self._clock)
        state, found = self._normal.read(X, state, keep=keep, compare=True)
        surprisal, p_values, unknown = found.surprisal.sum(axis=1), found.p_values(), X.codes == UNKNOWN
        field = p_values.argmin(axis=1)
        return state, EventScores(surprisal, smallest_of(p_values), field, found.likeliest, unknown)

    def parts(self, state: DetectorState) -> Parts:
        """Give the parts of the score, as if the sequences ended here."""
        return self._normal.parts_so_far(state)

    # -- what `Stream` asks for

    _start = start

    def _read(self, states: DetectorState, X: Sequences) -> tuple[DetectorState, pd.DataFrame]:
        after, scores = self.read(states, X)
        told = {
            "sequence": np.repeat(X.keys, X.lengths),
            "event": X.vocabulary.decode(X.codes),
            "surprisal": scores.surprisal,
            "event_p_value": scores.p_value,
            "expected": self.expected[scores.expected - N_RESERVED],
            "field": np.array(self.fields, dtype=object)[scores.field],
            "unknown": scores.unknown,
        }
        return after, pd.DataFrame(told)
