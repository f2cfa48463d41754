"""The medium in which a widget shows what a generator made: text, music or the rows of a log."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import Vocabulary
from seqrec.exceptions import InputError
from seqrec.explore.catalogue import Catalogue
from seqrec.explore.event_tables import columns_of
from seqrec.explore.front_end import label, lines, packed
from seqrec.music.notes import END, HIGHEST, ITEMS, ranks_of
from seqrec.music.pianorolls import to_pianorolls

MEDIA = ("auto", "text", "music", "log")
_LEAD = 60  # events before that stand in front of a continuation
_NAMES = {" ": "␣ space", "\n": "⏎ new line", "\t": "⇥ tab", "\r": "⏎ return", "\u00a0": "␣ fixed space"}


class Medium(Protocol):
    """How sequences of one vocabulary are shown."""

    name: str
    titles: list[str]  # what each item is called in lists, safe to show

    def told(self, X: Sequences, start: int) -> dict[str, Any]:
        """Describe the events from `start` on of the one sequence of X for a front end."""

    def front_end(self) -> dict[str, Any]:
        """Say once what the front end must know of the medium."""

    def line(self, X: Sequences) -> str:
        """Write the one sequence of X in one line."""


def medium_of(vocabulary: Vocabulary, items: Any, show: str) -> Medium:
    """Give the medium to show a vocabulary's items in; "auto" looks at them."""
    unit, is_music = _unit_of(vocabulary), "|" in vocabulary and np.isin(vocabulary.items, ITEMS).all()
    if show == "text" and vocabulary.items.dtype != object:
        raise InputError(f"show='text' needs items that are text, but they are like {vocabulary.items[0]!r}.")
    if show == "text" or (show == "auto" and unit and not is_music):
        return Text(vocabulary, unit or "word")
    if show == "music" or (show == "auto" and is_music):
        return Music(vocabulary)
    return Log(vocabulary, items)


class Text:
    """Items that are a text, put one after another.

    Attributes
    ----------
    unit : {"character", "word"}
    pieces : list of n_items str
        What stands in the text: hidden characters are escaped, all but white space.
    """

    name = "text"

    def __init__(self, vocabulary: Vocabulary, unit: str) -> None:
        self.vocabulary, self.unit = vocabulary, unit
        self.titles = [_visible(item) for item in vocabulary.items]
        self.pieces = [item if item.isspace() else label(item, 1024) for item in vocabulary.items]

    def told(self, X: Sequences, start: int) -> dict[str, Any]:
        """Give the text before, of which a little is shown."""
        return {"lead": X.head(start).tail(_LEAD).to_texts()[0]}

    def front_end(self) -> dict[str, Any]:
        """Give the `pieces`."""
        return {"name": self.name, "pieces": self.pieces}

    def line(self, X: Sequences) -> str:
        """Give the text; a table escapes what is hidden in it."""
        return X.to_texts()[0]


class Music:
    """Items that are notes and ends of frames."""

    name = "music"

    def __init__(self, vocabulary: Vocabulary) -> None:
        ranks_of(Sequences.from_lists([vocabulary.items]))  # what is no note is an error here
        self.titles = ["| next frame" if item == ITEMS[END] else item for item in vocabulary.items.tolist()]

    def told(self, X: Sequences, start: int) -> dict[str, Any]:
        """Give the note of each event, -1 for the end of a frame, and its frame; some events before come first.

        `held` are the notes as they sound: first frame, frame after the last, and note.
        """
        X = X.between(max(0, start - _LEAD), X.n_events)
        ranks = ranks_of(X)
        is_end = ranks == END
        return {
            "pitches": packed(np.where(is_end, -1, HIGHEST - ranks), "int32"),
            "frames": packed(np.cumsum(is_end) - is_end, "int32"),
            "held": packed(_held(*to_pianorolls(X)), "int32"),
        }

    def front_end(self) -> dict[str, Any]:
        """Give the name alone."""
        return {"name": self.name}

    def line(self, X: Sequences) -> str:
        """Write the names of the notes."""
        return " ".join(X[0])


class Log:
    """Events as rows: when, what, and the columns of the log."""

    name = "log"

    def __init__(self, vocabulary: Vocabulary, items: Any) -> None:
        self._catalogue = Catalogue(vocabulary, items)
        self.titles = self._catalogue.labels

    def told(self, X: Sequences, start: int) -> dict[str, Any]:
        """Give what stands below each event: its number, time and values."""
        columns = columns_of(X, self._catalogue.called, np.arange(start, X.n_events))
        named = [
            [value if name in ("", "time") else f"{name} {value}" for value in values]
            for name, values in columns.items()
            if name not in ("event", "row")
        ]
        return {"notes": lines(map(" · ".join, zip(*named, strict=True)))}

    def front_end(self) -> dict[str, Any]:
        """Give the name alone."""
        return {"name": self.name}

    def line(self, X: Sequences) -> str:
        """Write events one after another."""
        return " → ".join(self._catalogue.called(X[0]))


def _held(roll: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Give the notes of a roll, (n_notes, 3), by time: what sounds in frames that follow each other is held."""
    changes = np.diff(np.pad(roll.T, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    (notes, starts), (_, stops) = np.nonzero(changes > 0), np.nonzero(changes < 0)
    return np.column_stack([starts, stops, notes])[np.argsort(starts, kind="stable")]


def _unit_of(vocabulary: Vocabulary) -> str:
    """Tell of which units of a text the items are, if they are any."""
    items = vocabulary.items
    if items.dtype != object:
        return ""
    if all(len(item) == 1 for item in items):
        return "character"
    are_words = (Sequences.from_texts(items, unit="word").lengths == 1).all()
    return "word" if are_words and any(item[0].isspace() for item in items) else ""


def _visible(item: str) -> str:
    """Name white space, which a list would not show."""
    if item in _NAMES:
        return _NAMES[item]
    return label("".join(_NAMES.get(one, one)[0] if one.isspace() else one for one in item))
