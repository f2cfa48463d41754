"""Sequences on their way through a network: what could come next in each, what that would be like, and on with it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from seqrec.network.batches import in_whole_tiles
from seqrec.network.model import SequenceModel
from seqrec.network.reading import Reader
from seqrec.network.state import State
from seqrec.network.tensorflow import tf


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

    def __len__(self) -> int:
        return self._n

    def logits(self) -> NDArray[np.float32]:
        """Log-probabilities of all codes that are not reserved, but for a constant of each row, (n, n_kinds)."""
        return self._reader.logits(self._output).numpy()[: self._n]

    def draw(
        self, codes: NDArray[np.int32], given: NDArray[np.bool_], uniforms: NDArray[np.float32]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Draw the fields that an event of these codes would have: see `FieldHeads.draw`."""
        return self._reader.draw(self._output, codes, given, uniforms)

    def take(self, codes: NDArray[np.int32], categories: NDArray[np.int32], numbers: NDArray[np.float32]) -> None:
        """Go on with an event of each: (n,), (n, n_categories) and (n, n_numbers, 2), as `Encoder.read` takes them."""
        self._memory, self._output = self._reader.step(self._memory, self._output, [codes, categories, numbers])

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Go on with some of the sequences alone."""
        chosen = in_whole_tiles(np.flatnonzero(rows))
        self._n = int(np.count_nonzero(rows))
        *self._memory, self._output = (tf.gather(part, chosen) for part in (*self._memory, self._output))
