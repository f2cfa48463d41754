"""Sequences of frames, what they were taken for, and which stretches of time and channels spoke for that."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import traitlets as t
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from seqrec._html import card, table
from seqrec.data.inputs import as_sequences
from seqrec.exceptions import InputError, SoundError
from seqrec.explore.confusion import Confusion
from seqrec.explore.frame_pictures import curves, heat_map, percent, read_out, sound, time_marks, time_of, told_reasons
from seqrec.explore.front_end import Widget, check_position, label, lines, packed
from seqrec.sound.files import read_sound, require_soundfile

_SORTS = ("truth, least likely first", "prediction, least sure first", "as given")
_VIEWS = ("curves", "heat map")
_MOST_CURVES = 12  # channels that are shown as curves at first
_MOST_CHANCES, _FALLBACK_ROWS, _WIDEST = 5, 12, 20
_HIGHEST_RATE, _LONGEST_SOUND = 96_000, 3_600  # samples a second, and seconds of a file
_BARS = " Bars above and on the right: what speaks for the class, or against it (orange, down). The most is numbered."
_ABOUT = "Each is left out in turn: what the logarithm of the chance then loses; below 0, what it wins."


class FrameExplorer(Widget, script="frames"):
    """See which sequences a classifier takes for what, and what in them speaks for it: voices, signals, movements.

    A notebook shows it as a widget: the table of truth and prediction is clicked to list the sequences that are mixed
    up, the least likely truth first. The one that is open is drawn over time, as curves or as a heat map, which is a
    spectrogram where channels are bands of pitch; the stretches and the channels without which the classifier would be
    less sure are marked and listed, and where there is sound, it is played.

    Parameters
    ----------
    classifier : fitted LSTMSequenceClassifier or SummaryClassifier
        Of frames, that tells a class for each sequence. Only the first says what spoke for it.
    X : Sequences
        Frames: events without items, whose columns are numbers, n sequences.
    y : (n,) array-like, optional
        The true classes, None or NaN where one is not known. A Series whose index holds the keys of X is brought in
        their order.
    audio : list of n paths, or of n arrays, optional
        The sound of each sequence, None where there is none; its frames lie evenly over it. Files are read when they
        are asked for, which needs soundfile. Or samples, (n_samples,) or (n_samples, n_channels), integers as WAV files
        hold them, or floats from -1 to 1.
    rate : int, optional
        Samples a second of arrays, up to 96,000.

    Attributes
    ----------
    sequence : int
        Trait: position in X of the sequence that is open; -1: none.
    truth, predicted : int or None
        Traits: the list shows sequences of this class, taken for that one: positions in `classes`; None: any.
    sort : {"truth, least likely first", "prediction, least sure first", "as given"}
        Trait: the order of the list.
    view : {"curves", "heat map"}
        Trait: how the sequence is drawn.
    step : int
        Trait: the frame that is read out; -1: none.
    classes : list
        Those of the classifier, and after them those that y has on top.
    frame : DataFrame
        All sequences: `sequence` (key), `position`, `steps`, `truth` (missing where it is not known), `prediction`, the
        `chance` of the prediction and the `chance_of_truth`. Truth that the classifier does not know has a chance of 0.
    selected : DataFrame
        Those that are listed, in that order; columns as in `frame`.
    confusion : DataFrame
        How many sequences of a class, in rows, were taken for which, in columns.
    reasons : DataFrame
        Of the sequence that is open: all stretches and channels as `classifier.explain` has them; no rows where the
        classifier does not explain.

    Raises
    ------
    NotFittedError
        If the classifier is not fitted.
    TypeError, ValueError
        If an argument is of the wrong kind or length, or X has other columns than those of training.

    Examples
    --------
    >>> import numpy as np
    >>> from seqrec import Sequences, SummaryClassifier
    >>> from seqrec.explore import FrameExplorer
    >>> rng = np.random.default_rng(0)
    >>> X = Sequences.from_arrays([rng.normal(n % 2, 1, (n, 2)) for n in range(10, 40)], names=["left", "right"])
    >>> y = np.array(["even", "odd"])[X.lengths % 2]
    >>> y[4] = "odd"
    >>> explorer = FrameExplorer(SummaryClassifier().fit(X[5:], y[5:]), X, y)
    >>> explorer.truth, explorer.predicted = 1, 0
    >>> explorer.selected[["position", "steps", "truth", "prediction"]].values.tolist()
    [[4, 14, 'odd', 'even']]
    """

    sequence, step = t.Int(-1).tag(sync=True), t.Int(-1).tag(sync=True)
    truth, predicted = (t.Int(None, allow_none=True).tag(sync=True) for _ in range(2))
    sort, view = t.Enum(_SORTS, _SORTS[1]).tag(sync=True), t.Enum(_VIEWS, _VIEWS[0]).tag(sync=True)
    _sorts = t.List(t.Unicode(), list(_SORTS)).tag(sync=True)
    _views = t.List(t.Unicode(), list(_VIEWS)).tag(sync=True)
    _keys, _classes, _truths, _predictions, _chances, _notes, _order = (t.Bytes().tag(sync=True) for _ in range(7))
    _n_known = t.Int().tag(sync=True)
    _matrix, _shown, _read, _told, _sound = (t.Dict().tag(sync=True) for _ in range(5))
    _reasons: pd.DataFrame | None = None

    def __init__(
        self, classifier: Any, X: Any, y: ArrayLike | None = None, audio: Any = None, rate: int | None = None
    ) -> None:
        _check_classifier(classifier)
        self.classifier, self.sequences = classifier, as_sequences(X)
        X, n = self.sequences, len(self.sequences)
        self._channels = classifier.channels_
        self._channels.values(X[:0])  # what does not fit is an error here
        known = classifier.classes_.tolist()
        truth = np.full(n, None, object) if y is None else _truth_of(y, X.keys)
        more = [value for value in dict.fromkeys(truth.tolist()) if value is not None and value not in known]
        self.classes, place = known + more, {value: at for at, value in enumerate(known + more)}
        self._truth = np.array([-1 if value is None else place[value] for value in truth.tolist()], np.int64)
        self._audio, self._rate = _check_audio(audio, rate, n), rate
        self._file: tuple[Path | None, tuple[NDArray, int]] = None, (np.empty(0), 1)  # what was read last
        self._probabilities = classifier.predict_proba(X) if n else np.zeros((0, len(known)))
        self._prediction = self._probabilities.argmax(axis=1)
        self._chance = self._probabilities.max(axis=1, initial=0)
        wide = np.pad(self._probabilities, ((0, 0), (0, len(more))))
        self._chance_of_truth = np.where(self._truth < 0, np.nan, wide[np.arange(n), self._truth])
        self._counts = Confusion.of(self._truth, self._prediction, len(self.classes), len(known))
        sort = _SORTS[0] if (self._truth >= 0).any() else _SORTS[1]
        order = self._ordered(sort)
        super().__init__(
            sequence=int(order[0]) if n else -1,
            sort=sort,
            view=_VIEWS[len(self._channels.names) > _MOST_CURVES],
            _keys=lines(X.keys),
            _classes=lines(self.classes),
            _truths=packed(self._truth, "int32"),
            _predictions=packed(self._prediction, "int32"),
            _chances=lines(map(percent, self._chance.tolist())),
            _notes=lines(map(self._note, self._truth.tolist(), self._prediction.tolist())),
            _n_known=len(known),
            _order=packed(order, "int32"),
            _matrix=self._counts.told(),
        )
        self._open()
        self.observe(lambda _: self._open(), "sequence")
        self.observe(lambda _: self._show(), "view")
        self.observe(lambda _: self._read_step(), "step")
        self.observe(lambda _: self._list(), "sort")
        self.on_msg(lambda _, content, __: self._receive(content))

    @t.validate("sequence")
    def _check_sequence(self, proposal: Any) -> int:
        return check_position(proposal["value"], "sequence", len(self.sequences))

    @t.validate("truth", "predicted")
    def _check_class(self, proposal: Any) -> int | None:
        if proposal["value"] is None:
            return None
        name = proposal["trait"].name
        n = len(self.classes if name == "truth" else self.classifier.classes_)
        return check_position(proposal["value"], name, n, lowest=0)

    @t.validate("step")
    def _check_step(self, proposal: Any) -> int:
        return check_position(proposal["value"], "step", self._n_steps)

    @property
    def frame(self) -> pd.DataFrame:
        """All sequences, what they are, what they were taken for, and how sure that is."""
        return self._rows(np.arange(len(self.sequences)))

    @property
    def selected(self) -> pd.DataFrame:
        """Those that are listed, in that order."""
        chosen = np.ones(len(self.sequences), bool)
        for value, found in ((self.truth, self._truth), (self.predicted, self._prediction)):
            chosen &= True if value is None else found == value
        order = self._ordered(self.sort)
        return self._rows(order[chosen[order]])

    @property
    def confusion(self) -> pd.DataFrame:
        """How many sequences of a class, in rows, were taken for which, in columns."""
        columns = pd.Index(self.classes[: self._counts.counts.shape[1]], name="prediction")
        return pd.DataFrame(self._counts.counts, index=pd.Index(self.classes, name="truth"), columns=columns)

    @property
    def reasons(self) -> pd.DataFrame:
        """What speaks for the class of the sequence that is open, and how much, the strongest first."""
        if self._reasons is None:
            columns = ["sequence", "class", "start", "stop", "channel", "evidence"]
            can = hasattr(self.classifier, "explain") and self.sequence >= 0 and self._n_steps > 0
            most = max(100, len(self._channels.names))  # all of them
            one = self.sequences[[self.sequence]] if can else None
            self._reasons = self.classifier.explain(one, most) if can else pd.DataFrame(columns=columns)
        return self._reasons

    @property
    def _n_steps(self) -> int:
        return int(self.sequences.lengths[self.sequence]) if self.sequence >= 0 else 0

    def _rows(self, positions: NDArray) -> pd.DataFrame:
        truth = self._truth[positions].tolist()
        columns = {
            "sequence": self.sequences.keys[positions],
            "position": positions,
            "steps": self.sequences.lengths[positions],
            "truth": np.array([None if at < 0 else self.classes[at] for at in truth], object),
            "prediction": self.classifier.classes_[self._prediction[positions]],
            "chance": self._chance[positions],
            "chance_of_truth": self._chance_of_truth[positions],
        }
        return pd.DataFrame(columns)

    def _ordered(self, sort: str) -> NDArray[np.intp]:
        keys = {_SORTS[0]: self._chance_of_truth, _SORTS[1]: self._chance}
        given = np.arange(len(self._truth))
        return np.argsort(keys[sort], kind="stable") if sort in keys else given  # NaN at the end

    def _list(self) -> None:
        self._order = packed(self._ordered(self.sort), "int32")

    def _open(self) -> None:
        self._reasons = None
        with self.hold_sync():
            self.step = -1
            self._read_step()
            self._show()

    def _show(self) -> None:
        """Send a picture of the sequence that is open; the page asks for reasons."""
        row, channels = self.sequence, self._channels
        if row < 0:
            text = "Choose a sequence to see it." if len(self.sequences) else "There are no sequences."
            self._shown = {"version": -1, "text": text}
            return
        values, seconds = channels.values(self.sequences[[row]]), self._seconds()
        draw = curves if self.view == _VIEWS[0] else heat_map
        drawn = draw(values, channels) if len(values) else {"legend": "It has no frames."}
        drawn["legend"] += _BARS if len(values) and hasattr(self.classifier, "explain") else ""
        self._shown = {
            "version": row,
            "key": label(self.sequences.keys[row]),
            "n": len(values),
            "seconds": seconds,
            "channels": lines(label(name, _WIDEST) for name in channels.names),
            "said": self._said(row),
            "prediction": label(self.classes[self._prediction[row]], 60),
            "chances": self._told_chances(row),
            "aria": f"{len(channels.names):,} channels over {len(values):,} frames",
            "marks": time_marks(len(values), seconds),
            **drawn,
        }

    def _seconds(self) -> float:
        """Give how long the sound of the sequence lasts; 0 where there is none."""
        samples, rate = self._heard()
        return len(samples) / rate

    def _heard(self) -> tuple[NDArray, int]:
        """Give the sound of the sequence, and its samples a second; no samples where there are none."""
        found = None if self._audio is None else self._audio[self.sequence]
        if not isinstance(found, Path):
            return (np.empty(0), 1) if found is None else (found, int(self._rate or 0))
        if self._file[0] != found:
            try:
                self._file = found, read_sound(found, _LONGEST_SOUND)
            except (OSError, SoundError):  # the page goes on without it
                self._file = found, (np.empty(0), 1)
        return self._file[1]

    def _note(self, truth: int, prediction: int) -> str:
        """Say what a sequence is, if that is known, and what it was taken for."""
        taken = f"taken for {self.classes[prediction]}"
        if truth < 0:
            return taken
        return f"✓ {taken}" if truth == prediction else f"✗ {self.classes[truth]}, {taken}"

    def _said(self, row: int) -> str:
        known = "" if self._truth[row] >= 0 else "; the truth is not known"
        return label(self._note(self._truth[row], self._prediction[row])) + known

    def _told_chances(self, row: int) -> list[list[Any]]:
        """Give the likeliest classes, and the true one: name, chance, and chance as text."""
        chances, truth = self._probabilities[row], self._truth[row]
        best = np.argsort(-chances, kind="stable")[:_MOST_CHANCES].tolist()
        best += [] if truth < 0 or truth in best else [int(truth)]
        shares = [float(chances[at]) if at < len(chances) else 0.0 for at in best]
        names = [label(self.classes[at], 60) + (" (truth)" if at == truth else "") for at in best]
        return [[name, share, percent(share)] for name, share in zip(names, shares, strict=True)]

    def _read_step(self) -> None:
        if self.step < 0:
            self._read = {"step": -1, "text": "Click on the picture, or slide, to read a frame."}
            return
        X, n = self.sequences, self._n_steps
        at = X.indptr[self.sequence] + self.step
        values = self._channels.values(X[[self.sequence]].between(self.step, self.step + 1))[0]
        when = time_of(self.step, n, self._seconds(), None if X.timestamps is None else X.timestamps[at])
        self._read = {"step": self.step, "text": f"{when}: {read_out(values, self._channels)}"}

    def _receive(self, content: Any) -> None:
        match content:
            case {"do": "run", "version": int(version)} if version == self.sequence >= 0:
                self._explain()
            case {"do": "sound", "version": int(version)} if version == self.sequence >= 0:
                samples, rate = self._heard()
                self._sound = {"version": version} | (sound(samples, rate) if len(samples) else {})

    def _explain(self) -> None:
        """Send what speaks for the class, or why nobody knows."""
        kind = type(self.classifier).__name__
        text = f"{kind} does not say which stretches and channels speak for a class." if self.reasons.empty else _ABOUT
        self._told = {"version": self.sequence, "text": text} | told_reasons(self.reasons, self._channels.names)

    def _fallback(self) -> str:
        rows, header = self.selected, ["sequence", "steps", "truth", "prediction", "chance"]
        known = self._truth >= 0
        right = int((self._truth == self._prediction)[known].sum())
        lead = f"{len(rows):,} of {len(self.sequences):,} sequences are listed"
        lead += f"; {right:,} of {int(known.sum()):,} are taken for what they are" if known.any() else ""
        some = rows[header].head(_FALLBACK_ROWS).assign(chance=rows["chance"].round(3))
        parts = [table(some.itertuples(index=False), header, self.sort.capitalize())] if len(rows) else []
        return card("Frames", {}, *parts, lead=lead)


def _check_classifier(classifier: Any) -> None:
    if not all(hasattr(classifier, name) for name in ("fit", "predict_proba")):
        raise InputError(f"FrameExplorer shows a classifier of frames of seqrec, got {type(classifier).__name__}.")
    check_is_fitted(classifier, "classes_")
    if not hasattr(classifier, "channels_") or classifier.level_ != "sequence":
        learned = "classes of single frames" if hasattr(classifier, "channels_") else "from events"
        raise InputError(
            f"FrameExplorer shows classes of whole sequences of frames, and this {type(classifier).__name__} has "
            f"learned {learned}."
        )


def _truth_of(y: Any, keys: NDArray) -> NDArray[np.object_]:
    """Give classes in the order of the keys, None where one is missing."""
    if isinstance(y, pd.Series) and len(y) == len(keys) and y.index.is_unique and pd.Index(keys).isin(y.index).all():
        y = y.loc[keys]
    values = np.asarray(y)
    if values.ndim != 1 or len(values) != len(keys):
        raise InputError(
            f"there are {len(keys):,} sequences, but y is of shape {values.shape}: give it a class for each."
        )
    found = np.empty(len(values), object)
    found[:] = [None if missing else one for one, missing in zip(values.tolist(), pd.isna(values), strict=True)]
    return found


def _check_audio(audio: Any, rate: Any, n: int) -> list[Path | NDArray | None] | None:
    if audio is None:
        return None
    found = [
        None if one is None else Path(one) if isinstance(one, str | os.PathLike) else np.asarray(one) for one in audio
    ]
    are_files = any(isinstance(one, Path) for one in found)
    if are_files:
        require_soundfile()
    elif not isinstance(rate, int | np.integer) or not 1 <= rate <= _HIGHEST_RATE:
        raise InputError(f"audio needs its rate, in samples a second, from 1 to {_HIGHEST_RATE:,}; got {rate!r}.")
    if len(found) != n:
        raise InputError(f"there are {n:,} sequences, but {len(found):,} sounds.")
    for at, one in enumerate(found):
        if isinstance(one, np.ndarray) and (one.ndim not in (1, 2) or one.dtype.kind not in "iuf"):
            raise InputError(
                f"sound {at} is a {one.dtype} array of shape {one.shape}; give numbers, (n_samples,) or "
                "(n_samples, n_channels)."
            )
    return found
