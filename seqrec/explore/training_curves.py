"""Loss and validation of each epoch, drawn while a network learns and afterwards."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import traitlets
from sklearn.utils.validation import check_is_fitted

from seqrec._checks import show
from seqrec._html import card, details, sparkline, table
from seqrec.data.display import by_epoch
from seqrec.exceptions import InputError
from seqrec.explore.front_end import Widget, label, packed

_SECONDS_BETWEEN_MESSAGES = 0.1
_MOST_EARLIER = 50  # curves; more could not be told apart
_SHOWN: list[TrainingCurves] = []  # those of the cell that runs: emptied when it ends, so that folds share a widget


class TrainingCurves(Widget, script="training_curves"):
    """Loss and validation score of each epoch of a training.

    In a notebook, `fit` shows it by itself. Several trainings in one cell, such as the folds of
    `LSTMAnomalyDetector` or a grid search, share one widget: earlier curves stay, in grey.

    Parameters
    ----------
    history : fitted estimator, or mapping of str to list of float
        An estimator gives its `history_`. "loss" has a figure an epoch (nats an event); "validation", which may be
        missing, is a score where higher is better: NDCG@10 for `LSTMRecommender`, the mean log-probability of the
        labels for `LSTMSequenceClassifier`. Epochs that were not validated, as `fit` on few sequences followed by
        `partial_fit` on many leaves them, have none.

    Attributes
    ----------
    history : dict of lists
        Of the latest training.
    earlier : list of such dicts
        The trainings before it that the widget shows, at most 50.
    epoch, max_epochs : int
        The epoch that runs or ran last, from 1, and how many were planned.
    best_epoch : int
        The first with the best validation score, from 1; 0 if there is none.
    status : str
        What goes on, or how it ended, in words.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError, ValueError
        If it keeps no history, or the mapping is none.

    Examples
    --------
    >>> from seqrec.explore import TrainingCurves
    >>> curves = TrainingCurves({"loss": [3.2, 2.9, 2.8], "validation": [0.1, 0.3, 0.2]})
    >>> curves.status
    '3 epochs: the best was epoch 2.'
    >>> curves.frame["loss"].tolist()
    [3.2, 2.9, 2.8]
    """

    history = traitlets.Dict(read_only=True)
    earlier: traitlets.List[dict[str, list[float]]] = traitlets.List(read_only=True)
    epoch, max_epochs, best_epoch = (traitlets.Int(read_only=True).tag(sync=True) for _ in range(3))
    status = traitlets.Unicode(read_only=True).tag(sync=True)
    _share = traitlets.Float(-1.0).tag(sync=True)  # of the training that is done; -1 while none runs
    _loss, _validation = (traitlets.Bytes().tag(sync=True) for _ in range(2))
    _earlier = traitlets.List(traitlets.List(traitlets.Bytes())).tag(sync=True)

    def __init__(self, history: Any) -> None:
        history = _checked(_history_of(history))
        super().__init__()
        n, best = len(history["loss"]), by_epoch(history)[2]
        told = f"{n:,} epoch{'s' * (n != 1)}" if n else "No epoch yet"
        self.set_trait("max_epochs", n)
        self.tell(n, -1.0, f"{told}: the best was epoch {best}." if best else f"{told}.", history)

    @property
    def frame(self) -> pd.DataFrame:
        """The latest training: `epoch`, from 1, `loss` and `validation`, NaN where there is none."""
        loss, validation, _ = by_epoch(self.history)
        return pd.DataFrame({"epoch": np.arange(1, len(loss) + 1), "loss": loss, "validation": validation})

    @property
    def running(self) -> bool:
        """Whether a training goes on."""
        return self._share >= 0

    def begin(self, max_epochs: int) -> None:
        """Show a training that starts; what was shown until now becomes an earlier one."""
        with self.hold_sync():
            if self.history["loss"]:
                self.set_trait("earlier", [*self.earlier, self.history][-_MOST_EARLIER:])
                self._earlier = [[packed(column) for column in by_epoch(history)[:2]] for history in self.earlier]
            self.set_trait("max_epochs", max_epochs)
            self.tell(0, 0.0, "Starting.", {"loss": []})

    def tell(self, epoch: int, share: float, status: str, history: Mapping[str, list[float]] | None = None) -> None:
        """Show how far it is: the epoch from 1, the share of the training that is done, words, new figures."""
        with self.hold_sync():
            self.set_trait("epoch", epoch)
            self.set_trait("status", f"Training {len(self.earlier) + 1}. {status}" if self.earlier else status)
            self._share = share
            if history is not None:
                self.set_trait("history", {name: list(values) for name, values in history.items()})
                loss, validation, best = by_epoch(history)
                self._loss, self._validation = packed(loss), packed(validation)
                self.set_trait("best_epoch", best)

    def end(self, status: str) -> None:
        """Show how a training ended."""
        self.tell(self.epoch, -1.0, status)

    def _fallback(self) -> str:
        frame = self.frame
        lines = {"loss, nats an event": frame["loss"], "validation score": frame["validation"].dropna()}
        facts = {name: sparkline(values.tolist(), name) for name, values in lines.items() if len(values)}
        figures = details("Figures of each epoch", table(frame.itertuples(index=False), list(frame.columns)))
        return card("Training", facts, *([figures] if len(frame) else []), lead=self.status)


class LiveCurves:
    """Shows a training below the notebook's cell that runs it.

    The kernel is busy meanwhile, so messages go to the page only, at most ten a second.

    Parameters
    ----------
    max_epochs, n_events : int
        Epochs that are planned, and events in each.
    """

    def __init__(self, max_epochs: int, n_events: int) -> None:
        self._max_epochs, self._n_events = max_epochs, n_events
        self._epoch, self._n_seen, self._n_done, self._is_judged = 0, 0, 0, False
        self._started, self._share_at_start, self._told = 0.0, 0.0, 0.0

    def start(self) -> None:
        """Show the widget."""
        self._begun = time.monotonic()
        self._curves = _curves_of_this_cell()
        self._curves.begin(self._max_epochs)

    def batch_done(self, epoch: int, n_events: int) -> None:
        """Advance by a batch's events."""
        now = time.monotonic()
        self._n_seen = n_events + (self._n_seen if epoch == self._epoch else 0)
        self._epoch = epoch
        if not self._started:  # from here on: the first batch builds the graph, which is slow
            self._started, self._share_at_start = now, self._share()
        if now - self._told >= _SECONDS_BETWEEN_MESSAGES:
            self._told = now
            words = f"Epoch {epoch + 1} of {self._max_epochs}{self._time_left(now)}"
            self._curves.tell(epoch + 1, self._share(), words)

    def epoch_done(self, history: Mapping[str, list[float]]) -> None:
        """Show the figures of the epochs so far."""
        self._n_done, self._is_judged = len(history["loss"]), bool(history.get("validation"))
        self._n_events = self._n_seen or self._n_events  # events that are targets: a few less than all
        words = f"Epoch {self._n_done} of {self._max_epochs}{self._time_left(time.monotonic())}"
        self._curves.tell(self._n_done, self._n_done / self._max_epochs, words, history)

    def stop(self, error: BaseException | None) -> None:
        """Tell how it ended."""
        self._curves.end(self._ending(error))

    def _ending(self, error: BaseException | None) -> str:
        n, best = self._n_done, self._curves.best_epoch
        if error is not None and not isinstance(error, KeyboardInterrupt):
            return f"Failed: {label(error, 300) or type(error).__name__}"
        if error is not None:
            kept = f" The best was epoch {best}." if best else ""
            return f"Interrupted in epoch {min(max(n + 1, self._epoch + 1), self._max_epochs)}.{kept}"
        if n < self._max_epochs:
            return f"Stopped early at epoch {n}: the best was epoch {best}."
        took = f"{n} epoch{'s' * (n != 1)} in {_duration(time.monotonic() - self._begun)}"
        return f"Done: {took}; the best was epoch {best}." if best else f"Done: {took}."

    def _share(self) -> float:
        within = min(1.0, self._n_seen / max(1, self._n_events))
        return (self._epoch + within) / self._max_epochs

    def _time_left(self, now: float) -> str:
        share = self._share()
        if now - self._started < 1 or share <= self._share_at_start:
            return ""
        seconds = (now - self._started) * (1 - share) / (share - self._share_at_start)
        return f" · {'at most ' * self._is_judged}{_duration(seconds)} left"


def _curves_of_this_cell() -> TrainingCurves:
    """Give a widget that the running cell shows and no training uses, or show one."""
    from IPython import get_ipython
    from IPython.display import display

    free = [curves for curves in _SHOWN if not curves.running]
    if free:
        return free[0]
    curves, shell = TrainingCurves({"loss": []}), get_ipython()
    display(curves)
    _SHOWN.append(curves)

    def cell_done() -> None:
        shell.events.unregister("post_execute", cell_done)
        _SHOWN.remove(curves)
        curves._update_still()  # what a saved notebook shows without a kernel is how it ended, not how it began

    shell.events.register("post_execute", cell_done)
    return curves


def _history_of(source: Any) -> Mapping[str, Any]:
    if isinstance(source, Mapping):
        return source
    if not hasattr(source, "fit"):
        raise InputError(f"TrainingCurves expects a fitted estimator or its history_, got {type(source).__name__}.")
    if not hasattr(source, "history_"):
        check_is_fitted(source)
        raise InputError(f"{type(source).__name__} keeps no history: it does not learn in epochs.")
    return source.history_


def _checked(history: Mapping[str, Any]) -> dict[str, list[float]]:
    if "loss" not in history:
        raise InputError(f'a history holds a list "loss", with a figure an epoch; got {show(list(history))}.')
    lists = {}
    for name in ("loss", "validation"):
        values = np.asarray(history.get(name, []))
        if values.ndim != 1 or (values.size and values.dtype.kind not in "iuf"):
            raise InputError(f"history[{name!r}] must be a list of numbers, got {show(history[name])}.")
        lists[name] = values.astype(float).tolist()
    if len(lists["validation"]) > len(lists["loss"]):
        raise InputError(f"{len(lists['validation'])} epochs were validated, but there were {len(lists['loss'])}.")
    return lists


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 0):.1f} s" if seconds < 3 else f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
