"""What is said of a score, the same in frames, files and widgets: how rare, how severe, and what is odd about it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrec._text import plain

ODD = 0.05  # p-value of a part of a score, up to which it is a reason
COMBINATION, NOTHING = "combination", "nothing"  # what fired where no part is odd alone
_MOST_SURE = 1_000_000  # what a model says of events is told up to odds of so many
_N_REASONS = 3
_SEVERITIES = {1e-4: "critical", 1e-3: "high", 1e-2: "medium"}  # up to this p-value
_IN_WORDS = {
    "max": "one event is very unlikely",
    "top": "three events are unlikely",
    "window": "a stretch of ten events is unlikely",
    "mean": "it is unlikely on the whole",
    "drift": "values lean one way",
    "regular": "values are too regular",
    "constant": "values hardly change",
    "new events": "events never seen in training",
    "long": "it is long",
    "short": "it is short",
    "composition": "an unusual mix of events",
    COMBINATION: "no part of it is odd alone, their combination is",
    NOTHING: "nothing stands out",
}


class Reasons(NamedTuple):
    """Why n sequences are odd, or not.

    Attributes
    ----------
    scores : (n,) float64
        Logarithms of their p-values.
    parts : list of str
        Names of the parts that the scores are made of.
    log_p_values : (n, n_parts) float64
        Logarithms of the p-values of the parts.
    n_held_out : int
        Normal sequences that they were compared with.
    """

    scores: NDArray[np.float64]
    parts: list[str]
    log_p_values: NDArray[np.float64]
    n_held_out: int

    @property
    def p_value(self) -> NDArray[np.float64]:
        """P-values of the sequences, (n,), above 0."""
        return np.maximum(np.exp(self.scores), np.finfo(np.float64).tiny)

    @property
    def part_p_value(self) -> NDArray[np.float64]:
        """P-value of the oddest part, (n,)."""
        return np.exp(self.log_p_values.min(axis=1))

    @property
    def fired(self) -> NDArray[np.object_]:
        """Name of the oddest part, (n,); where none is odd alone, "combination" if the score is, else "nothing"."""
        oddest = np.array(self.parts, dtype=object)[self.log_p_values.argmin(axis=1)]
        alone = self.part_p_value if len(self.parts) > 1 else self.p_value
        return np.where(alone <= ODD, oddest, np.where(self.p_value <= ODD, COMBINATION, NOTHING))

    def of(self, rows: NDArray) -> Reasons:
        """Give those of some of the sequences."""
        return self._replace(scores=self.scores[rows], log_p_values=self.log_p_values[rows])

    def sentences(self) -> list[list[str]]:
        """Say what is odd about each sequence: up to three parts that are odd alone, the oddest first, one a field."""
        order = np.argsort(self.log_p_values, axis=1, kind="stable")
        p_values = np.exp(np.take_along_axis(self.log_p_values, order, axis=1))
        told = map(self._tell, order.tolist(), p_values.tolist())
        return [odd or [in_words(name)] for odd, name in zip(told, self.fired, strict=True)]

    def _tell(self, parts: list[int], p_values: list[float]) -> list[str]:
        """Say which parts of one sequence are odd, given by rising p-values."""
        found: dict[str, str] = {}
        for part, p_value in zip(parts, p_values, strict=True):
            if p_value <= ODD:
                found.setdefault(_field(self.parts[part]), f"{in_words(self.parts[part])} ({self.one_in(p_value)})")
        return list(found.values())[:_N_REASONS]

    def one_in(self, p_value: float) -> str:
        """Say how rare a p-value is among the held-out sequences."""
        return one_in(p_value, self.n_held_out)


def one_in(p_value: float, n: int = _MOST_SURE) -> str:
    """Say how rare something is, and claim no more than n cases can tell: those that it was compared with.

    Examples
    --------
    >>> one_in(0.9), one_in(0.0123), one_in(3e-5), one_in(3e-9), one_in(3e-9, n=300)
    ('usual', '1 in 81', '1 in 33,000', 'rarer than 1 in 1,000,000', 'rarer than 1 in 300')
    """
    if p_value > 2 / 3:
        return "usual"
    if p_value * n < 1:
        return f"rarer than 1 in {n:,}"
    return f"1 in {float(f'{1 / p_value:.2g}'):,.7g}"


def severity(p_value: float) -> str:
    """Give the severity of an alert: "critical" up to .0001, "high" up to .001, "medium" up to .01, else "low"."""
    return next((word for highest, word in _SEVERITIES.items() if p_value <= highest), "low")


def value_in_words(value: Any) -> str:
    """Give the value of a field: numbers with four digits, and "missing" where there is none."""
    if value is None or value != value:  # NaN
        return "missing"
    return f"{value:.4g}" if isinstance(value, float) else plain(str(value), 60)


def _field(part: str) -> str:
    """Give the field of a part, such as "amount" of "amount max"; what counts is a field of its own."""
    return part if part in _IN_WORDS else part.rpartition(" ")[0]


def in_words(part: str) -> str:
    """Say what it means that a part of the score is odd.

    Examples
    --------
    >>> in_words("events max"), in_words("amount max")
    ('one event is very unlikely', 'amount: one value is very unlikely')
    """
    if part in _IN_WORDS:
        return _IN_WORDS[part]
    channel, _, figure = part.rpartition(" ")
    meaning = _IN_WORDS.get(figure, figure)
    return meaning if channel == "events" else f"{plain(channel, 40)}: {meaning.replace('event', 'value')}"
