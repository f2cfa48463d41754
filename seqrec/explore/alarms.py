"""What a threshold would mean: what it flags of some sequences, and how many false alarms it would raise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrec.detect import thresholds
from seqrec.explore.units import rounded

_N_BINS = 120
_DECADE = np.log(10)
_FAR = 3 * _DECADE  # from the oddest sequence to the next, which then ends the axis


class Alarms:
    """What thresholds mean for sequences with these scores.

    Parameters
    ----------
    scores : (n,) float64, rising
    held_out : (n_held_out,) float64
        Scores of normal sequences.
    odd : (n,) bool, or None
        Which of the sequences are known to be odd.
    offset : float
        A threshold that the axis has to hold.
    """

    def __init__(self, scores: NDArray, held_out: NDArray, odd: NDArray | None, offset: float) -> None:
        self.scores, self.held_out, self._odd = scores, np.sort(held_out), odd
        self._peaks = thresholds.peaks(held_out)
        edge = 1 if len(scores) > 1 and scores[0] < scores[1] - _FAR else 0
        ends = [-1.0, *scores[edge : edge + 1], offset if np.isfinite(offset) else 0.0]
        self.lowest = float(min(ends) - _DECADE)

    @property
    def beyond(self) -> int:
        """How many scores, held-out ones too, lie beyond the axis, which the oddest sequences shown have for an end."""
        return int(np.count_nonzero(self.scores < self.lowest) + np.count_nonzero(self.held_out < self.lowest))

    def bars(self) -> NDArray[np.float64]:
        """Heights of a histogram, logarithmic, (3, n_bins): all, those known to be odd, and held-out ones as a line."""
        odd = self.scores[:0] if self._odd is None else self.scores[self._odd]
        edges = np.linspace(self.lowest, 0, _N_BINS + 1)
        counts = [np.histogram(np.minimum(some, 0), edges)[0] for some in (self.scores, odd, self.held_out)]
        counts[2] = counts[2] * (len(self.scores) / len(self.held_out))
        return np.log1p(counts) / np.log1p(max(1, counts[0].max()))

    def marks(self) -> list[list[Any]]:
        """Places on the axis, from 0 to 1, and what they say, from the usual to the odd."""
        decades = np.arange(0, -self.lowest / _DECADE)
        return [[1 + decade * _DECADE / self.lowest, _one_in_ten_to(int(decade))] for decade in decades]

    def n_flagged(self, threshold: float | None) -> int:
        """Count the sequences below a threshold."""
        return 0 if threshold is None else int(np.searchsorted(self.scores, threshold))

    def false_rate(self, threshold: float | None) -> float:
        """Probability that a normal sequence is flagged, at most; beyond the held-out ones as their tail goes on."""
        if threshold is None:
            return 0.0
        rate = (1 + np.searchsorted(self.held_out, threshold)) / (1 + len(self.held_out))
        limit, share, shape, scale = self._peaks
        if threshold >= self.held_out[0]:
            return float(rate)
        return float(min(rate, share * max(0.0, 1 + shape * (-threshold - limit) / scale) ** (-1 / shape)))

    def describe(self, threshold: float | None, per_day: float, is_daily: bool, note: str) -> dict[str, Any]:
        """Say in words and figures what a threshold means; `per_day` sequences come in a day, or are there."""
        rate = self.false_rate(threshold)
        share = 0.0 if threshold is None else np.mean(self.held_out < threshold)
        figures = {"alerts a day": rate * per_day, "false alarms, %": 100 * rate, "contamination, %": 100 * share}
        return {
            "text": self._text(threshold, _false_alarms(rate * per_day, per_day, is_daily) if rate else ""),
            "figures": {name: f"{float(f'{value:.3g}'):.12g}" for name, value in figures.items()},
            "rare": "nothing is flagged" if threshold is None else f"p-value {np.exp(threshold):.2g}",
            "note": note,
        }

    def _text(self, threshold: float | None, expected: str) -> str:
        n, flagged = len(self.scores), self.n_flagged(threshold)
        if not n:
            return "There are no sequences here."
        alarms = f"Expect {expected}." if expected else "There is no threshold."
        text = f"{flagged:,} of {n:,} sequences flagged ({rounded(100 * flagged / n, 3)} %). {alarms}"
        if self._odd is None:
            return text
        found, known = np.count_nonzero(self._odd[:flagged]), np.count_nonzero(self._odd)
        precision, recall = (f"{rounded(100 * found / part, 3)} %" if part else "–" for part in (flagged, known))
        return f"{text} Precision {precision}, recall {recall} of {known:,} labelled odd."


def _false_alarms(n: float, per_day: float, is_daily: bool) -> str:
    """Say how many to expect: a day where sequences come day by day, else among those that are here."""
    if not is_daily:
        return f"{rounded(n)} false alarms of these {rounded(per_day, 6)}"
    return f"{rounded(n)} false alarms a day" if n >= 1 else f"one false alarm in {rounded(1 / n)} days"


def _one_in_ten_to(decade: int) -> str:
    powers = str(decade).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return "usual" if not decade else f"1 in {10**decade:,}" if decade < 6 else f"1 in 10{powers}"
