"""A history that is chosen and edited in a widget: events are added, removed and moved, and all of it can be undone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import traitlets
from numpy.typing import NDArray

from seqrec._checks import check_integer, show
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED, UNKNOWN, Vocabulary
from seqrec.exceptions import InputError
from seqrec.explore.front_end import Widget, check_position, label, lines, packed
from seqrec.explore.histories import inserted, moved, removed
from seqrec.explore.units import times_of


class HistoryEditor(Widget):
    """A widget in which a history is chosen and edited.

    A subclass calls `_take_up` in its `__init__`, names a history that starts empty (`_nobody`), and in `_follow` does
    what is due when the history has changed.
    """

    sequence = traitlets.Int(-1).tag(sync=True)
    _users, _lengths, _titles = (traitlets.Bytes().tag(sync=True) for _ in range(3))
    _nobody = "a new user"

    def _take_up(self, X: Sequences, vocabulary: Vocabulary, titles: list[str]) -> None:
        """Offer the sequences of X, and the items of a vocabulary under these titles."""
        self._vocabulary, self._version = vocabulary, 0
        # Ids of the wrong kind are an error here, not at the first edit.
        self._sequences = replace(X, vocabulary=X.vocabulary.extend(vocabulary.items))
        with self.hold_sync():
            self._users, self._lengths, self._titles = lines(X.keys), packed(X.lengths, "int32"), lines(titles)
            self.sequence = 0 if len(X) else -1
        self._open()
        self.observe(lambda _: self._open(), "sequence")
        self.on_msg(lambda _, content, __: self._receive(content))

    @traitlets.validate("sequence")
    def _check_sequence(self, proposal: Any) -> int:
        return check_position(proposal["value"], "sequence", len(self._sequences))

    @property
    def history(self) -> list[Any]:
        """The ids of the history's items, as edited."""
        return self._history[0].tolist()

    def add(self, item: Any, position: int | None = None) -> None:
        """Insert an item of the catalogue before the event at `position`; by default, at the end.

        Raises
        ------
        ValueError
            If the item is not in the catalogue.
        IndexError
            If the history has no such position.
        """
        if self._vocabulary.encode([item])[0] == UNKNOWN:
            raise InputError(f"item {show(item)} is not in the catalogue of {len(self._vocabulary):,} items.")
        n = self._history.n_events
        place = n if position is None else self._position(position, n)
        self._edit(inserted(self._history, place, self._history.vocabulary.encode([item])[0]))

    def remove(self, position: int) -> None:
        """Remove the event at `position`, from 0, and its time."""
        self._edit(removed(self._history, self._position(position)))

    def move(self, position: int, to: int) -> None:
        """Move the item at `position` so that it is at `to`; the times stay where they are."""
        self._edit(moved(self._history, self._position(position), self._position(to)))

    def cut(self, position: int) -> None:
        """Remove all events after that at `position`: what could have been known at the time."""
        self._edit(self._history.head(self._position(position) + 1))

    def undo(self) -> None:
        """Take the latest edit back; nothing happens if there is none."""
        self._go(max(self._place - 1, 0))

    def redo(self) -> None:
        """Make the edit again that `undo` took back; nothing happens if there is none."""
        self._go(min(self._place + 1, len(self._states) - 1))

    def reset(self) -> None:
        """Go back to the history before all edits; this can be undone."""
        if self._history is not self._states[0]:
            self._edit(self._states[0])

    def random_user(self) -> int:
        """Turn to another user with at least one event, by chance, and give the position; -1 if there is none."""
        full = np.flatnonzero(self._sequences.lengths)
        others = full[full != self.sequence] if len(full) > 1 else full
        self.sequence = int(np.random.default_rng().choice(others)) if len(others) else -1
        return self.sequence

    @property
    def _history(self) -> Sequences:
        return self._states[self._place]

    def _position(self, position: Any, last: int | None = None) -> int:
        """Check a position: of an event, or up to `last`."""
        n = self._history.n_events
        if not 0 <= check_integer(position, "position", minimum=-1) <= (n - 1 if last is None else last):
            raise IndexError(f"position {position} is not in the history of {n} events.")
        return int(position)

    def _open(self) -> None:
        """Start with the history `sequence`: no edits."""
        new = replace(Sequences.from_lists([[]], keys=[self._nobody]), vocabulary=self._sequences.vocabulary)
        self._states, self._place = [new if self.sequence < 0 else self._sequences[[self.sequence]]], 0
        self._start = self._version
        self._follow(is_first=True)

    def _edit(self, history: Sequences) -> None:
        self._states[self._place + 1 :] = [history]
        self._go(self._place + 1)

    def _go(self, place: int) -> None:
        if place != self._place:
            self._place = place
            self._follow()

    def _follow(self, is_first: bool = False) -> None:
        """Do what is due when the history has changed; `is_first`: it is one without edits."""
        raise NotImplementedError

    def _describe_history(self) -> dict[str, Any]:
        history = self._history
        codes = history.compact().recode(self._vocabulary).codes - N_RESERVED
        return {
            "user": label(history.keys[0]),
            "start": self._start,
            "events": packed(codes, "int32"),
            "unknown": lines(history[0][codes < 0]),
            "notes": lines(_notes(history, codes >= 0)),
            "undo": self._place > 0,
            "redo": self._place < len(self._states) - 1,
            "reset": history is not self._states[0],
        }

    def _receive(self, content: Any) -> None:
        """Do what the page asks for; a position that an earlier edit made meaningless is passed over."""
        with suppress(IndexError):
            match content:
                case {"do": "add", "item": int(column), "position": position}:
                    self.add(self._vocabulary.items[column], position)
                case {"do": "remove", "position": int(position)}:  # at the end, quick orders remove one after another
                    self.remove(min(position, self._history.n_events - 1))
                case {"do": "cut", "position": int(position)}:
                    self.cut(position)
                case {"do": "move", "position": position, "to": to}:
                    self.move(position, to)
                case {"do": "undo" | "redo" | "reset" | "random_user" as name}:
                    getattr(self, name)()


def _notes(history: Sequences, is_known: NDArray[np.bool_]) -> Iterator[str]:
    """Write below each event its number, its time, and what is peculiar about it."""
    times = [""] * history.n_events if history.timestamps is None else times_of(history.timestamps)
    for number, (time, row, known) in enumerate(zip(times, history.rows, is_known, strict=True), start=1):
        notes = [f"{number:,}", time, "added" if row < 0 else "", "" if known else "not in the catalogue"]
        yield " · ".join(filter(None, notes))
