"""Series that cannot be used are set apart, each with what is wrong with it, and the others are asked about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pandas as pd
from sklearn.base import clone

from seqrec.data.sequences import Sequences
from seqrec.exceptions import SeriesError

TIMES = ("repeated_time", "broken_step", "distant_time")  # codes of what is wrong with times


class Fault(NamedTuple):
    """What is wrong with a series.

    Attributes
    ----------
    key : the user's own id
    code : str
        A stable name, as `SeriesError` has it.
    reason : str
        In a sentence.
    row : int
        Where it shows, among `X.rows`.
    n_events : int
        Of the series.
    """

    key: Any
    code: str
    reason: str
    row: int
    n_events: int

    @classmethod
    def of(cls, X: Sequences, error: SeriesError) -> Fault:
        """Give the fault of the only series of X."""
        return cls(X.keys[0], error.code, error.found, int(X.rows[error.event]), X.n_events)


def set_apart(X: Sequences, ask: Callable[[Sequences], Any]) -> tuple[Any, list[Fault]]:
    """Ask about the series that can be used; give the answer, and the faults of the others.

    Parameters
    ----------
    X : Sequences
    ask : callable
        Answers, or raises a `SeriesError` before any work; so it must do alike for one of the series alone.
    """
    faults: list[Fault] = []
    while True:
        try:
            return ask(X), faults
        except SeriesError as error:
            bad = pd.Index(X.keys).isin(error.series)
            faults += [Fault.of(one, _own(one, ask, error)) for one in map(X.at, X.keys[bad])]
            X = X[~bad]


def usable(forecaster: Any, X: Sequences) -> tuple[Sequences, list[Fault]]:
    """Give the series that a forecaster, whose `step` is no longer "auto", can be fitted to; and the others' faults."""
    trial = clone(forecaster)

    def ask(X: Sequences) -> Sequences:
        if X.n_events:
            trial._training_panel(X)
        return X

    return set_apart(X, ask)


def _own(one: Sequences, ask: Callable[[Sequences], Any], error: SeriesError) -> SeriesError:
    """Give the error of one series alone, in which events count from its first."""
    try:
        ask(one)
    except SeriesError as own:
        return own
    raise error
