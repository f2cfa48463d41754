"""All sequences by how odd they are, a threshold to drag, and each of them as a timeline that says why."""

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
import traitlets as t
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from seqrec._html import card, table
from seqrec.data.inputs import as_sequences
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED
from seqrec.detect.base import AnomalyMixin
from seqrec.detect.words import in_words
from seqrec.exceptions import InputError
from seqrec.explore.alarms import Alarms
from seqrec.explore.catalogue import Catalogue
from seqrec.explore.front_end import Widget, check_position, label, lines, packed
from seqrec.explore.timelines import timeline
from seqrec.metrics.detection import check_flags

_MARKS = ("normal", "confirmed")
_DAY = np.timedelta64(1, "D")
_FALLBACK_ROWS = 10


class AnomalyExplorer(Widget, script="anomalies"):
    """See which sequences are odd, where to draw the line, and why each of them is.

    The threshold is dragged, or set by alerts a day, by the false-positive rate or by contamination, all from the
    sequences that the detector held out; the list and the counts follow. The one that is open shows its events with the
    columns of the log, tells what was expected where one is odd, and draws the part of the score that fired. Nothing
    changes the detector before `apply_threshold`.

    Parameters
    ----------
    detector : fitted detector
        `LSTMAnomalyDetector`, or a baseline, which cannot tell single events.
    sequences : Sequences, list of sequences or 2-D array, n sequences
    labels : (n,) array-like of bool, optional
        Which are known to be odd: precision and recall then follow the threshold.
    normal : Sequences, optional
        The training data: the normal sequence nearest to the one that is open is then shown beside it.
    sequences_per_day : float, optional
        Sequences that come in a day; by default what the timestamps say. Without either, alarms are counted among these
        n.
    items : DataFrame, Series or mapping, optional
        What events are called: a frame with a column "item_id" (or ids as its index) and one "title" or "name", or
        names by id.

    Attributes
    ----------
    threshold : float or None
        Sequences with a lower score are flagged; None flags nothing.
    sequence : int
        Position of the sequence that is open; -1: none. Other widgets can link to it.
    selection : list of int
        Positions of the sequences that are ticked.
    sequences_per_day : float
    find : str
        The list shows the sequences whose key, events or reason hold this text.

    Examples
    --------
    >>> from seqrec import NGramDetector
    >>> X = [["open", "read", "close"]] * 50 + [["open", "erase", "erase"]]
    >>> explorer = AnomalyExplorer(NGramDetector().fit(X[:50]), X)
    >>> explorer.sequence = 50
    >>> explorer.mark("confirmed").marks[["sequence", "mark"]].values.tolist()
    [[50, 'confirmed']]
    """

    threshold = t.Float(None, allow_none=True).tag(sync=True)
    sequence = t.Int(-1).tag(sync=True)
    selection = t.List(t.Int()).tag(sync=True)
    sequences_per_day = t.Float(1.0).tag(sync=True)
    find = t.Unicode().tag(sync=True)
    _marks, _timeline = (t.Dict().tag(sync=True) for _ in range(2))  # a mark has the position, as text, as its key
    _told = t.Dict().tag(sync=True)  # what the threshold means
    _keys, _order, _scores, _labels, _fired, _rare, _bars = (t.Bytes().tag(sync=True) for _ in range(7))
    _found = t.Bytes().tag(sync=True)  # a byte a sequence, the oddest first; none where nothing is looked for
    _parts = t.List(t.Unicode()).tag(sync=True)
    _axis: t.List[Any] = t.List().tag(sync=True)
    _lowest, _beyond = t.Float(-1.0).tag(sync=True), t.Int(0).tag(sync=True)  # where the axis ends, and what lies there

    def __init__(
        self,
        detector: AnomalyMixin,
        sequences: Any,
        labels: ArrayLike | None = None,
        normal: Sequences | None = None,
        sequences_per_day: float | None = None,
        items: Any = None,
    ) -> None:
        if not isinstance(detector, AnomalyMixin):
            raise InputError(f"AnomalyExplorer shows a detector of seqrec, got {type(detector).__name__}.")
        check_is_fitted(detector, "calibration_")
        self.detector, self.sequences = detector, as_sequences(sequences)
        self._normal = None if normal is None else as_sequences(normal)
        self.labels = None if labels is None else _check_labels(labels, len(self.sequences))
        X = self.sequences
        self._catalogue = Catalogue(X.vocabulary.extend(detector.vocabulary_.items), items)
        reasons = detector.calibration_at(X.clock).reasons(detector.parts(X), detector.part)
        self.scores, self._p_values, self._fired_part = reasons.scores, reasons.p_value, reasons.fired
        names, fired = np.unique(self._fired_part, return_inverse=True)
        self._by_score = np.argsort(self.scores, kind="stable")  # the oddest first
        scores, odd = self.scores[self._by_score], None if self.labels is None else self.labels[self._by_score]
        self._alarms = Alarms(scores, detector.held_out_scores_, odd, detector.offset_)
        self._is_daily, self._note = X.timestamps is not None or sequences_per_day is not None, ""
        super().__init__(
            threshold=None if detector.offset_ == -np.inf else float(detector.offset_),
            sequences_per_day=_per_day(X, sequences_per_day),
            sequence=int(self._by_score[0]) if len(scores) else -1,
            _keys=lines(X.keys),
            _order=packed(self._by_score, "int32"),
            _scores=packed(scores, "float64"),
            _labels=b"" if odd is None else packed(odd, "uint8"),
            _fired=packed(fired[self._by_score], "uint8"),
            _parts=[in_words(part) for part in names],
            _rare=lines(map(reasons.one_in, reasons.p_value[self._by_score])),
            _bars=packed(self._alarms.bars()),
            _axis=self._alarms.marks(),
            _lowest=self._alarms.lowest,
            _beyond=self._alarms.beyond,
        )
        self._tell()
        self.observe(self._tell_of_days, "sequences_per_day")
        self.observe(lambda _: self._tell(), "threshold")
        self.on_msg(lambda _, content, __: self._receive(content))

    @property
    def frame(self) -> pd.DataFrame:
        """All sequences, the oddest first: `sequence`, `position`, `score`, `p_value`, `flagged`, `fired`, `mark`.

        `p_value` is that of the score, `fired` the part of it that is oddest; `label` comes on top if labels are given.
        """
        return self._rows(self._by_score)

    @property
    def flagged(self) -> pd.DataFrame:
        """The sequences below the threshold, the oddest first; columns as in `frame`."""
        return self._rows(self._by_score[self._is_flagged()[self._by_score]])

    @property
    def selected(self) -> pd.DataFrame:
        """The sequences that are ticked, in that order; columns as in `frame`."""
        return self._rows(self.selection)

    @property
    def marks(self) -> pd.DataFrame:
        """The sequences that were marked, in that order; columns as in `frame`."""
        return self._rows(list(map(int, self._marks)))

    def mark(self, mark: str | None, sequence: int | None = None) -> AnomalyExplorer:
        """Mark a sequence, by default the one that is open, as "normal" or "confirmed"; None takes a mark back."""
        if mark not in (*_MARKS, None):
            raise InputError(f"mark must be 'normal', 'confirmed' or None, got {mark!r}.")
        position = self.sequence if sequence is None else sequence
        check_position(position, "sequence", len(self.scores), lowest=0)
        others = {key: value for key, value in self._marks.items() if key != str(position)}
        self._marks = others if mark is None else others | {str(position): mark}
        return self

    def apply_threshold(self) -> AnomalyExplorer:
        """Let the detector's `predict` flag what is flagged here."""
        self.detector.offset_ = -np.inf if self.threshold is None else self.threshold
        return self

    def _rows(self, positions: ArrayLike) -> pd.DataFrame:
        positions = np.asarray(positions, dtype=np.intp)
        columns = {
            "sequence": self.sequences.keys[positions],
            "position": positions,
            "score": self.scores[positions],
            "p_value": self._p_values[positions],
            "flagged": self._is_flagged()[positions],
            "fired": self._fired_part[positions],
            "mark": np.array([self._marks.get(str(position)) for position in positions], dtype=object),
        }
        return pd.DataFrame(columns if self.labels is None else columns | {"label": self.labels[positions]})

    def _is_flagged(self) -> NDArray[np.bool_]:
        return self.scores < (-np.inf if self.threshold is None else self.threshold)

    @t.validate("threshold")
    def _check_threshold(self, proposal: Any) -> float | None:
        if proposal["value"] is not None and np.isnan(proposal["value"]):
            raise t.TraitError("threshold must be a score, or None; got NaN.")
        return None if proposal["value"] == -np.inf else proposal["value"]

    @t.validate("sequences_per_day")
    def _check_per_day(self, proposal: Any) -> float:
        if not 0 < proposal["value"] < np.inf:
            raise t.TraitError(f"sequences_per_day must be above 0, got {proposal['value']:g}.")
        return proposal["value"]

    @t.validate("sequence", "selection")
    def _check_positions(self, proposal: Any) -> Any:
        lowest = 0 if proposal["trait"].name == "selection" else -1
        for position in np.atleast_1d(proposal["value"]).astype(int).tolist():
            check_position(position, "sequence", len(self.scores), lowest)
        return proposal["value"]

    @t.validate("_marks")
    def _check_marks(self, proposal: Any) -> dict[str, str]:
        known = set(map(str, range(len(self.scores))))
        for key, mark in proposal["value"].items():
            if key not in known or mark not in _MARKS:
                raise t.TraitError(f"a mark is {' or '.join(_MARKS)}, of a sequence's position; got {key!r}: {mark!r}.")
        return proposal["value"]

    @t.observe("sequence")
    def _open(self, change: Any) -> None:
        row, X, called = change["new"], self.sequences, self._catalogue.called
        if row < 0:
            self._timeline = {}
            return
        fired = self._fired_part[row] if self.detector.part == "auto" else self.detector.part
        self._timeline = timeline(self.detector, X[[row]], self.scores[row], self._normal, fired, called)

    @t.observe("find")
    def _look_for(self, _: Any) -> None:
        self._found = packed(self._has(self.find.lower())[self._by_score], "uint8") if self.find else b""

    def _has(self, text: str) -> NDArray[np.bool_]:
        """Tell which sequences have a text in their key, their reason or the name of one of their events."""
        X = self.sequences
        reasons = {part: text in in_words(part).lower() for part in set(self._fired_part)}
        names = self._catalogue.called(X.vocabulary.items)
        codes = [code for code, name in enumerate(names, N_RESERVED) if text in name.lower()]
        holders = np.repeat(np.arange(len(X)), X.lengths)[np.isin(X.codes, codes)]
        told = zip(X.keys, self._fired_part, strict=True)
        found = np.fromiter((text in label(key).lower() or reasons[part] for key, part in told), bool, len(X))
        found[holders] = True
        return found

    def _tell_of_days(self, _: Any) -> None:
        self._is_daily = True  # whoever says how many come in a day counts in days
        self._tell()

    def _tell(self) -> None:
        self._told = self._alarms.describe(self.threshold, self.sequences_per_day, self._is_daily, self._note)

    def _receive(self, content: Any) -> None:
        """Do what the page asks for; what makes no sense is passed over."""
        with suppress(InputError, t.TraitError):
            match content:
                case {"mark": str() | None as mark, "sequence": int(position)}:
                    self.mark(mark, position)
                case {"by": str(way), "value": int() | float() as value} if way in self._told["figures"]:
                    self._set_by(way, float(value))

    def _set_by(self, way: str, value: float) -> None:
        """Set the threshold as `set_threshold` would."""
        settings = {
            "alerts a day": {"alerts_per_day": value, "sequences_per_day": self.sequences_per_day},
            "false alarms, %": {"false_positive_rate": value / 100},
            "contamination, %": {"contamination": value / 100},
        }
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            threshold = self.detector.offset_for(**settings[way]) if value > 0 else None
        n = len(self.detector.held_out_scores_)
        self._note = f"{n:,} held-out sequences are too few for that: extrapolated from the oddest." if caught else ""
        self.threshold = threshold
        self._tell()
        self._note = ""

    def _fallback(self) -> str:
        header = ["sequence", "score", "why", "flagged"]
        frame = self._rows(self._by_score[:_FALLBACK_ROWS])
        frame = frame.assign(why=frame["fired"].map(in_words), flagged=np.where(frame["flagged"], "yes", "no"))
        lead = f"{np.count_nonzero(self._is_flagged()):,} of {len(self.scores):,} sequences are flagged"
        return card("Anomalies", {}, table(frame[header].itertuples(index=False), header, "The oddest"), lead=lead)


def _per_day(X: Sequences, sequences_per_day: float | None) -> float:
    if sequences_per_day is not None:
        return float(sequences_per_day)
    if X.timestamps is None or not X.n_events:
        return float(max(len(X), 1))
    return float(len(X) / max((X.timestamps.max() - X.timestamps.min()) / _DAY, 1.0))


def _check_labels(labels: ArrayLike, n: int) -> NDArray[np.bool_]:
    flags = check_flags(labels, "labels", n_kinds=0)
    if len(flags) != n:
        raise InputError(f"there are {n:,} sequences, but {len(flags):,} labels.")
    return flags
