"""The start and the end of a sequence are events: without them a cut or a short sequence would surprise nobody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrec.data.sequences import Sequences
from seqrec.data.vocabulary import N_RESERVED, PADDING

END = "(end)"  # what the end of a sequence is called where events are named


class Chain(NamedTuple):
    """Events of sequences, each closed by an end: ``codes[indptr[i]:indptr[i + 1]]`` is sequence i.

    Attributes
    ----------
    codes : (n_events + n_sequences,) int32
        The end has the code that follows the catalogue's last.
    indptr : (n_sequences + 1,) int64
    events : (n_events,) int64
        Where each event of the sequences stands in `codes`.
    """

    codes: NDArray[np.int32]
    indptr: NDArray[np.int64]
    events: NDArray[np.int64]

    def only(self, kept: NDArray[np.bool_]) -> Chain:
        """Give some of the events and ends, (n_events + n_sequences,) bool, as if there were no others."""
        before = np.concatenate([[0], np.cumsum(kept)])
        return Chain(self.codes[kept], before[self.indptr], before[self.events][kept[self.events]])

    def previous(self, distance: int) -> NDArray[np.int32]:
        """Code `distance` events before each event, ``PADDING`` before the start."""
        position = np.arange(len(self.codes)) - np.repeat(self.indptr[:-1], np.diff(self.indptr))
        shifted = np.roll(self.codes, distance)
        shifted[position < distance] = PADDING
        return shifted


_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, so that no code is lost; 2**64 / golden ratio mixes well


def hashed_grams(chain: Chain, order: int) -> list[tuple[NDArray[np.uint64], NDArray[np.uint64]]]:
    """Hash each event's context, and both together, for contexts of 0 to ``order - 1`` events before it."""
    context, result = np.zeros(len(chain.codes), dtype=np.uint64), []
    for distance in range(order):
        if distance:
            context = mix(context, chain.previous(distance))
        result.append((context, mix(context, chain.codes)))
    return result


def mix(hashes: NDArray[np.uint64], codes: NDArray[np.int32]) -> NDArray[np.uint64]:
    """Hash one code more, (n,)."""
    mixed = (hashes ^ (codes.astype(np.uint64) + np.uint64(1))) * _MULTIPLIER
    return mixed ^ (mixed >> np.uint64(29))


def end_code(n_items: int) -> int:
    """Code of the end of a sequence, after those of the items."""
    return N_RESERVED + n_items


def close(X: Sequences) -> Chain:
    """Put an end after each sequence of X."""
    codes = np.insert(X.codes, X.indptr[1:], end_code(len(X.vocabulary)))
    row = np.repeat(np.arange(len(X)), X.lengths)
    return Chain(codes, X.indptr + np.arange(len(X) + 1), np.arange(X.n_events) + row)


def with_ends(X: Sequences) -> Sequences:
    """Put an end after each sequence of X: an event of the code that follows the catalogue's last.

    Its columns hold 0; it comes from no row of the log, and has no time.
    """
    chain = close(X)
    columns, rows = {name: _at(chain, values) for name, values in X.columns.items()}, _at(chain, X.rows, -1)
    return replace(X, codes=chain.codes, indptr=chain.indptr, timestamps=None, rows=rows, columns=columns)


def _at(chain: Chain, values: NDArray, end: Any = 0) -> NDArray:
    """Give the values of the chain's events, of which an end has its own."""
    result = np.full((len(chain.codes), *values.shape[1:]), end, values.dtype)
    result[chain.events] = values
    return result


def distinct(X: Sequences) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Find sequences of equal events: one row of each kind, and for each sequence which of these it equals."""
    rows, same_as = [], np.empty(len(X), dtype=np.intp)
    n_found = 0
    for length in np.unique(X.lengths):
        of_length = np.flatnonzero(X.lengths == length)
        first, kind = np.zeros(1, np.intp), np.zeros(len(of_length), np.intp)  # all alike, if one or empty
        if length and len(of_length) > 1:
            block = X.codes[X.indptr[of_length][:, None] + np.arange(length)]
            as_bytes = block.view(np.dtype((np.void, block.itemsize * length)))[:, 0]
            _, first, kind = np.unique(as_bytes, return_index=True, return_inverse=True)
        rows.append(of_length[first])
        same_as[of_length] = n_found + kind
        n_found += len(first)
    return np.concatenate([np.empty(0, np.intp), *rows]), same_as
