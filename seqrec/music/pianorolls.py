"""Piano rolls, which say what sounds in each frame of time, become sequences of notes, and sequences piano rolls."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrec._checks import show
from seqrec.data.lists import check_keys
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import number_items
from seqrec.exceptions import InputError
from seqrec.music.notes import END, HIGHEST, ITEMS, N_NOTES, ranks_of

_WRAP = " For one piece alone, wrap it in a list."


def from_pianorolls(rolls: Iterable[Any], keys: Any = None) -> Sequences:
    """Take each piece as a sequence: the notes of its first frame from high to low, the frame's end, and so on.

    An item is a note, such as "C4" (middle C, MIDI note 60), "F#5" or "C-1" (the lowest), with sharps alone; or "|",
    the end of a frame. A rest is a frame without notes, and so an end alone. A roll does not tell a note that is struck
    again from one that is held, and neither does the sequence.

    Parameters
    ----------
    rolls : iterable of n_sequences pieces
        Each an array (n_frames, 128) of booleans or numbers, where what is above 0 sounds; or a list of n_frames
        collections of MIDI notes, 0 to 127, in any order. A note that is twice in a frame sounds once.
    keys : array-like of shape (n_sequences,), optional
        As in `Sequences.from_lists`.

    Returns
    -------
    X : Sequences

    Raises
    ------
    TypeError
        Where a piece is neither, or a frame holds what is no integer.
    ValueError
        Where an array has another shape, or a note is out of range.

    Examples
    --------
    >>> from seqrec import music
    >>> X = music.from_pianorolls([[[60, 64, 67], [], [62]]])
    >>> X[0].tolist()
    ['G4', 'E4', 'C4', '|', '|', 'D4', '|']
    >>> music.to_pianorolls(X)[0].shape
    (3, 128)
    """
    pieces = [_frames(roll, f"rolls[{row}]") for row, roll in enumerate(rolls)]
    n_frames = np.array([n for n, _, _ in pieces], np.int64)
    first = np.cumsum(n_frames) - n_frames
    frames = np.concatenate([first[:0], *(start + owner for start, (_, owner, _) in zip(first, pieces, strict=True))])
    notes = np.concatenate([first[:0], *(notes for _, _, notes in pieces)])
    ends = np.arange(n_frames.sum()) * len(ITEMS) + END
    events = np.sort(np.concatenate([frames * len(ITEMS) + HIGHEST - notes, ends]))
    events = events[np.diff(events, prepend=-1) > 0]  # a note sounds once
    codes, vocabulary = number_items(events % len(ITEMS), ITEMS)
    indptr = np.searchsorted(events, np.append(0, np.cumsum(n_frames)) * len(ITEMS))
    return Sequences(codes, indptr, check_keys(keys, len(pieces)), vocabulary, None, np.arange(len(codes)))


def to_pianorolls(X: Sequences) -> list[NDArray[np.bool_]]:
    """Give each sequence as a piano roll: which of the notes sound in each frame.

    What a generator draws may be no piece as a musician would write it, and is taken as it can be: notes of a frame may
    come in any order and more than once, and the last frame lasts as long as the others where its end is lacking.

    Parameters
    ----------
    X : Sequences
        Of items as `from_pianorolls` gives them.

    Returns
    -------
    rolls : list of n_sequences (n_frames, 128) bool

    Raises
    ------
    ValueError
        Where an item is neither a note nor the end of a frame.
    """
    ranks = ranks_of(X)
    is_end = ranks == END
    closes = is_end.copy()
    closes[X.indptr[1:][X.lengths > 0] - 1] = True  # a last end that lacks
    n_closed = np.append(0, np.cumsum(closes))
    rolls = np.zeros((n_closed[-1], N_NOTES), np.bool_)
    rolls[n_closed[:-1][~is_end], HIGHEST - ranks[~is_end]] = True
    return np.split(rolls, n_closed[X.indptr[1:-1]]) if len(X) else []


def _frames(roll: Any, name: str) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
    """Give the number of frames, and the frame and the note of all that sounds."""
    if isinstance(roll, np.ndarray) and roll.dtype != object:
        owner, notes = np.nonzero(_check_array(roll, name) > 0)
        return len(roll), owner, notes
    if not isinstance(roll, Iterable) or isinstance(roll, str | bytes):
        what = f"{show(roll)} ({type(roll).__name__})"
        raise InputError(f"{name} must be a list of frames or an array (n_frames, 128), got {what}.")
    frames = list(roll)
    for position, frame in enumerate(frames):
        if not isinstance(frame, Collection) or isinstance(frame, str | bytes) or len(frame) >= N_NOTES:
            what = f"{show(frame)} ({type(frame).__name__})"
            raise InputError(f"{name}[{position}] must be a list of the MIDI notes of a frame, got {what}.{_WRAP}")
    owner = np.repeat(np.arange(len(frames)), [len(frame) for frame in frames])
    notes = np.fromiter(chain.from_iterable(frames), object, len(owner))
    return len(frames), owner, _check_notes(notes, owner, name)


def _check_array(roll: NDArray, name: str) -> NDArray:
    if roll.ndim != 2 or roll.shape[1] != N_NOTES or roll.dtype.kind not in "biuf":
        lists = "Or give lists of the notes of each frame, [[60, 64], [62]]."
        got = f"{roll.dtype} {roll.shape}"
        raise InputError(f"{name} must be numbers of shape (n_frames, 128), got {got}. {lists}{_WRAP}")
    if not (roll >= 0).all():
        raise InputError(f"{name} holds values that are missing or below 0: 0 is silence, what is above it sounds.")
    return roll


def _check_notes(notes: NDArray[Any], owner: NDArray[np.int64], name: str) -> NDArray[np.int64]:
    is_integer = np.array([isinstance(note, int | np.integer) and not isinstance(note, bool) for note in notes], bool)
    good = is_integer.copy()
    good[is_integer] = (notes[is_integer] >= 0) & (notes[is_integer] <= HIGHEST)
    if not good.all():
        bad = int(np.argmin(good))
        what = f"{show(notes[bad])} ({type(notes[bad]).__name__})"
        raise InputError(f"{name}[{owner[bad]}] must hold MIDI notes, integers of 0 to 127, got {what}. A rest is [].")
    return notes.astype(np.int64)
