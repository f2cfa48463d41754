"""Which classes are taken for which: a table of counts, cut to the classes that matter most where there are many."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from seqrec.explore.front_end import packed

_MOST = 24  # classes that are shown


class Confusion(NamedTuple):
    """Counts of truths, in rows, and predictions, in columns.

    Attributes
    ----------
    counts : (n_truths, n_classes) int64
        Of sequences whose truth is known.
    of_prediction : (n_classes,) int64
        Of all sequences.
    """

    counts: NDArray[np.int64]
    of_prediction: NDArray[np.int64]

    @classmethod
    def of(cls, truth: NDArray, prediction: NDArray, n_truths: int, n_classes: int) -> Self:
        """Count; a truth of -1 is not known."""
        counts = np.zeros((n_truths, n_classes), np.int64)
        np.add.at(counts, (truth[truth >= 0], prediction[truth >= 0]), 1)
        return cls(counts, np.bincount(prediction, minlength=n_classes))

    def told(self) -> dict[str, Any]:
        """Give the table for the page: the classes that are there, and if they are many, those most often mixed up."""
        n, m = self.counts.shape
        square = np.pad(self.counts, ((0, 0), (0, n - m)))
        wrong = square.sum(axis=0) + square.sum(axis=1) - 2 * square.diagonal()
        there = square.sum(axis=1) + np.pad(self.of_prediction, (0, n - m))
        most = np.lexsort([-there, -wrong])[: min(_MOST, int((there > 0).sum()))]
        shown = np.sort(most)
        columns = shown[shown < m]
        is_known = bool(self.counts.sum())
        counts = self.counts[np.ix_(shown, columns)] if is_known else self.of_prediction[None, columns]
        left_out = int((there > 0).sum()) - len(shown)
        return {
            "rows": shown.tolist() if is_known else [],
            "columns": columns.tolist(),
            "counts": packed(counts, "int32"),
            "note": f"{left_out:,} more classes are mixed up less often." if left_out else "",
        }
