"""How notes are spelled as items: scientific pitch names, with a sharp for each black key, and a bar for a frame's end.

Middle C, MIDI note 60, is "C4"; the lowest note is "C-1" and the highest "G9".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqrec._checks import show
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED, UNKNOWN, Vocabulary
from seqrec.exceptions import InputError

N_NOTES = 128
HIGHEST = N_NOTES - 1
END = N_NOTES  # ranks after the notes, which rank from high to low
NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
ITEMS = np.array([*(f"{NAMES[note % 12]}{note // 12 - 1}" for note in range(HIGHEST, -1, -1)), "|"], dtype=object)


def ranks_of(X: Sequences) -> NDArray[np.int64]:
    """Give the place of each event in `ITEMS`, (n_events,): ``HIGHEST - note``, or ``END``."""
    items, is_text = X.vocabulary.items, X.vocabulary.items.dtype == object
    ranks = Vocabulary(ITEMS).encode(items) if is_text else np.full(len(items), UNKNOWN)
    of_events = np.concatenate([[UNKNOWN] * N_RESERVED, ranks])[X.codes]
    if len(strange := X.codes[of_events == UNKNOWN]):
        item = show(X.vocabulary.decode(strange[:1])[0])
        expected = "Notes are items such as 'C4' or 'F#5', and '|' ends a frame: see from_pianorolls."
        raise InputError(f"X holds {item}, which is no note. {expected}")
    return of_events.astype(np.int64) - N_RESERVED
