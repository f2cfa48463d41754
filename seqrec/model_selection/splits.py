"""How to split sequences so that a figure answers a question."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import GroupShuffleSplit

from seqrec._checks import check_choice, check_integer
from seqrec.data.inputs import as_sequences
from seqrec.data.queries import last_out
from seqrec.data.sequences import Sequences
from seqrec.exceptions import InputError

__all__ = ["Holdout", "TimeSplit", "UserSplit", "leave_last_out"]


def leave_last_out(X: Any, min_history: int = 1) -> tuple[Sequences, NDArray]:
    """Split the last item off each sequence.

    This is how most papers judge next items, so use it to compare with them; call it again on the history for
    a validation target. It lets a model learn from events that come after other users' targets: `TimeSplit`
    does not.

    Parameters
    ----------
    X : Sequences, list of sequences or 2-D array
    min_history : int
        Sequences with fewer events before the last are left out.

    Returns
    -------
    history : Sequences, n sequences
    target : (n,) array of item ids

    Examples
    --------
    >>> history, target = leave_last_out([["tea", "milk", "cake"], ["tea"]])
    >>> [items.tolist() for items in history], target.tolist()
    ([['tea', 'milk']], ['cake'])
    """
    return last_out(as_sequences(X), check_integer(min_history, "min_history", minimum=0))


class Holdout(NamedTuple):
    """What `TimeSplit` gives: something to train on, and questions with their answers.

    Attributes
    ----------
    train : Sequences
        All events before the cut-off.
    history : Sequences, n sequences
        What is known at each question; its keys are the users.
    target : (n,) array of item ids, or Sequences of length n
        What came next; Sequences if the targets are "all".
    at : (n,) datetime64[us], UTC
        Time of the question: that of the target, or the cut-off if the targets are "all".
    is_new : (n,) bool
        Whether the user has no event before the cut-off.
    """

    train: Sequences
    history: Sequences
    target: Any
    at: NDArray[np.datetime64]
    is_new: NDArray[np.bool_]


class TimeSplit:
    """Split at one moment for everybody, so that no model learns from what its users do later.

    Parameters
    ----------
    cutoff : datetime, str or float
        Events before this moment are for training (naive times are UTC). A float between 0 and 1 is the share
        of the events that come before.
    target : {"last", "all", "successive"}
        What to predict: the last event of each user who is active from the cut-off on, from all that came
        before it, after the cut-off too; all events from the cut-off on, from the history before it; or each
        of these events in turn, from all that came before it. With "successive" the histories hold one event
        for each pair of a target and an event before it, so mind the memory for long sequences.
    min_history : int
        Questions with fewer events in the history are left out; 0 keeps the first event of new users.

    References
    ----------
    Gusak et al. (2025), Time to Split: Exploring data splitting strategies for offline evaluation of
    sequential recommenders, RecSys, doi:10.1145/3705328.3748164. Its main figures for MovieLens-1M are
    ``TimeSplit(0.9)``, where 0.9 is a quantile of the event times, with the same split of `train` once more
    for validation.

    Examples
    --------
    >>> users, items, days = [1, 1, 1, 2, 2], ["tea", "milk", "cake", "milk", "tea"], [1, 2, 9, 8, 9]
    >>> log = pd.DataFrame({"user_id": users, "item_id": items})
    >>> log["timestamp"] = [f"2026-02-0{day}" for day in days]
    >>> train, history, target, at, is_new = TimeSplit("2026-02-08").split(Sequences.from_frame(log))
    >>> train, target.tolist(), is_new.tolist()
    (Sequences(1 sequences, 2 events, 3 items, 2026-02-01 to 2026-02-02), ['cake', 'tea'], [False, True])
    """

    def __init__(self, cutoff: Any, target: str = "last", min_history: int = 1) -> None:
        self.cutoff = cutoff
        self.target = check_choice(target, "target", ("last", "all", "successive"))
        self.min_history = check_integer(min_history, "min_history", minimum=0)

    def split(self, X: Sequences) -> Holdout:
        """Split sequences that have timestamps.

        Raises
        ------
        ValueError
            If X has no timestamps, or no event on one side of the cut-off.
        """
        X = as_sequences(X)
        if X.timestamps is None:
            raise InputError("TimeSplit needs timestamps. Build X with Sequences.from_frame(log, timestamp=...).")
        cutoff = _moment(self.cutoff, X.timestamps)
        before = X.timestamps < cutoff
        if before.all() or not before.any():
            raise InputError(
                f"all events lie {'before' if before.all() else 'after'} the cut-off {cutoff}: "
                f"they are from {X.timestamps.min()} to {X.timestamps.max()}."
            )
        n_before = np.diff(np.concatenate([[0], np.cumsum(before)])[X.indptr])  # (n_sequences,)
        train = X.between(0, n_before)[n_before > 0]
        rows, starts, stops = self._questions(n_before, X.lengths)
        history = X.between(0, starts, rows)
        first = X.indptr[rows] + starts  # event of the first target
        is_new = n_before[rows] == 0
        if self.target == "all":
            return Holdout(train, history, X.between(starts, stops, rows), np.full(len(rows), cutoff), is_new)
        return Holdout(train, history, X.vocabulary.decode(X.codes[first]), X.timestamps[first], is_new)

    def _questions(self, n_before: NDArray, lengths: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Sequence of each question, and where in it the targets start and stop."""
        starts = np.maximum(n_before, lengths - 1) if self.target == "last" else n_before
        if self.target == "successive":
            starts = np.maximum(starts, self.min_history)
            counts = np.maximum(lengths - starts, 0)
            rows = np.repeat(np.arange(len(lengths)), counts)
            starts = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts - starts, counts)
            return rows, starts, starts + 1
        rows = np.flatnonzero((starts < lengths) & (starts >= self.min_history))
        return rows, starts[rows], lengths[rows]


class UserSplit(GroupShuffleSplit):
    """Draw users to test on, for scikit-learn's `cross_val_score` and `GridSearchCV`.

    X are histories and y their next items, as `leave_last_out` gives them: a model is trained on some users
    with their next items, and judged on the next items of others. All sequences of a user fall on one side.
    One split is the default, since training is what takes the time; `KFold` and others work too.

    Parameters
    ----------
    n_splits : int
        Number of draws.
    test_size : float or int
        Share, or number, of the users to test on.
    random_state : int, RandomState or None
        Seeds the draws.

    Examples
    --------
    >>> from sklearn.model_selection import cross_val_score
    >>> from seqrec.recommend.baselines import MarkovRecommender
    >>> history, target = leave_last_out([["tea", "milk", "cake"], ["tea", "milk", "tea", "milk"]] * 5)
    >>> len(cross_val_score(MarkovRecommender(), history, target, cv=UserSplit(n_splits=3)))
    3
    """

    def __init__(
        self,
        n_splits: int = 1,
        *,
        test_size: float | int = 0.1,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        super().__init__(n_splits, test_size=test_size, random_state=random_state)

    def split(self, X: Any, y: Any = None, groups: ArrayLike | None = None) -> Iterator[tuple[NDArray, NDArray]]:
        """Yield the rows to train on and those to test on; `groups` are the users, by default ``X.keys``."""
        return super().split(X, y, as_sequences(X).keys if groups is None else groups)


def _moment(cutoff: Any, timestamps: NDArray[np.datetime64]) -> np.datetime64:
    """Give the first moment that is not for training."""
    if isinstance(cutoff, float | np.floating):
        if not 0 < cutoff < 1:
            raise InputError(
                f"a cutoff that is a number must be a share of the events, above 0 and below 1; got {cutoff}."
            )
        last = int(cutoff * (len(timestamps) - 1))
        times = np.partition(timestamps, last)[last:]
        later = times[times > times[0]]
        return later.min() if len(later) else times[0] + np.timedelta64(1, "us")
    if isinstance(cutoff, str | datetime | np.datetime64):
        return pd.to_datetime(cutoff, utc=True).tz_localize(None).to_datetime64().astype("datetime64[us]")
    raise InputError(f"cutoff must be a time or the share of events before it, got {cutoff!r}.")
