"""The same piece in several keys: what a model hears in one, it then knows in all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from seqrec._checks import check_integer
from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import number_items
from seqrec.music.notes import END, HIGHEST, ITEMS, ranks_of


def transposed(X: Sequences, semitones: Iterable[int] = range(-6, 6)) -> tuple[Sequences, NDArray[np.int64]]:
    """Give all pieces in several transpositions, and which of these are of one piece.

    ``LSTMGenerator().fit(X, groups=groups)`` then reads one of each group in an epoch, and holds out whole groups.

    Parameters
    ----------
    X : Sequences
        Of items as `from_pianorolls` gives them.
    semitones : iterable of int
        How much higher; 0 is the piece as it is. By default, each key once.

    Returns
    -------
    X : Sequences
        The transpositions of the first piece, of the second, and so on, each with the key of its piece. Those of which
        a note would be none of MIDI's, 0 to 127, are left out.
    groups : (n_sequences,) int64
        The row of each one's piece.

    Raises
    ------
    ValueError
        Where an item is neither a note nor the end of a frame.

    Examples
    --------
    >>> from seqrec import music
    >>> X, groups = music.transposed(music.from_pianorolls([[[60, 64]], [[127]]]), semitones=[-1, 0, 1])
    >>> [piece.tolist() for piece in X], groups
    ([['D#4', 'B3', '|'], ['E4', 'C4', '|'], ['F4', 'C#4', '|'], ['F#9', '|'], ['G9', '|']], array([0, 0, 0, 1, 1]))
    """
    shifts = np.array([check_integer(one, "semitones", minimum=-HIGHEST) for one in semitones], np.int64)
    ranks, owner = ranks_of(X), np.repeat(np.arange(len(X)), X.lengths)
    first, last = np.full(len(X), HIGHEST), np.zeros(len(X), np.int64)
    np.minimum.at(first, owner[ranks < END], ranks[ranks < END])
    np.maximum.at(last, owner[ranks < END], ranks[ranks < END])
    groups, of_shift = np.nonzero((first[:, None] >= shifts) & (last[:, None] - shifts <= HIGHEST))
    variants = X[groups]
    ranks = ranks_of(variants)
    higher = np.where(ranks < END, ranks - np.repeat(shifts[of_shift], variants.lengths), END)
    codes, vocabulary = number_items(higher, ITEMS)
    return replace(variants, codes=codes, vocabulary=vocabulary), groups
