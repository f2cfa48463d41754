"""Sequences on their way through a network: what could come next in each, what that would be like, and on with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrec.network.batches import TILE, in_whole_tiles
from seqrec.network.model import SequenceModel
from seqrec.network.reading import Reader
from seqrec.network.state import State
from seqrec.network.tensorflow import tf

_LOGITS_AT_ONCE = 2**24  # 64 MiB


class Walk:
    """Goes on from the states of sequences, event by event.

    Parameters
    ----------
    network : SequenceModel
    state : State
        With memory.
    rows : (n,) int
        Whose states these are: one may be gone on from more than once.
    """

    def __init__(self, network: SequenceModel, state: State, rows: NDArray[np.integer]) -> None:
        self._reader, self._n = Reader.of(network), len(rows)
        self._memory, self._output = self._reader.tensors(state, rows)

    def logits(self, at_once: int, rows: NDArray[np.intp] | None = None) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Log-probabilities of all codes that are not reserved, but for a constant of each row: (rows, n_kinds).

        Give about so many numbers at once, in arrays that are not to be changed, of all or some rows.
        """
        n_codes = self._reader.network.architecture.n_codes
        step = max(1, at_once // n_codes)
        together = TILE * max(1, _LOGITS_AT_ONCE // n_codes // TILE)
        encoder = self._reader.network.encoder
        n, states = self._n if rows is None else len(rows), self._states(rows)
        states = encoder.ask(states) if encoder.asked == "category" else states
        for first in range(0, n, together):
            logits = np.asarray(memoryview(self._reader.logits(states[first : first + together])))
            for start in range(first, min(first + together, n), step):
                part = slice(start, min(start + step, first + together, n))
                yield part, logits[part.start - first : part.stop - first]

    def draw(
        self,
        codes: NDArray[np.int32],
        given: NDArray[np.bool_],
        uniforms: NDArray[np.float32],
        known: tuple[NDArray[np.int32], NDArray[np.float32]] | None = None,
        rows: NDArray[np.intp] | None = None,
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Draw the fields that an event of these codes would have, of all or some rows: see `FieldHeads.draw`."""
        architecture, n = self._reader.network.architecture, len(codes)
        if known is None:
            categories = np.zeros((n, len(architecture.category_sizes)), np.int32)
            known = categories, np.zeros((n, architecture.n_numbers, 2), np.float32)
        return self._reader.draw(self._states(rows), codes, given, uniforms, *known)

    def gap(
        self, codes: NDArray[np.int32], categories: NDArray[np.int32], rows: NDArray[np.intp] | None = None
    ) -> NDArray[np.float32]:
        """Give the parameters of the gaps before events of these codes, of all or some rows: see `FieldHeads.gap`."""
        return self._reader.gap(self._states(rows), codes, categories)

    def take(self, codes: NDArray[np.int32], categories: NDArray[np.int32], numbers: NDArray[np.float32]) -> None:
        """Go on with an event of each: (n,), (n, n_categories) and (n, n_numbers, 2), as `Encoder.read` takes them."""
        self._memory, self._output = self._reader.step(self._memory, self._output, [codes, categories, numbers])

    def keep(self, rows: NDArray) -> None:
        """Go on with some of the sequences: a mask, or numbers of which some may repeat."""
        chosen = np.arange(self._n)[rows]
        self._n = len(chosen)
        *self._memory, self._output = (
            tf.gather(part, in_whole_tiles(chosen)) for part in (*self._memory, self._output)
        )

    def _states(self, rows: NDArray[np.intp] | None) -> Any:
        return self._output if rows is None else tf.gather(self._output, in_whole_tiles(rows))
