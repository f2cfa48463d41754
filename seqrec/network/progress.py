"""Progress of a training: curves in a notebook, a bar on a terminal, and silence elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TimeRemainingColumn


@contextmanager
def training_progress(max_epochs: int, n_events: int, verbose: bool | str = "auto") -> Iterator[Any]:
    """Show how far a training is, with its figures.

    Parameters
    ----------
    max_epochs : int
    n_events : int
        Events of an epoch.
    verbose : bool or "auto"
        "auto" shows it where a person looks: in a terminal or a notebook. A notebook gets `TrainingCurves` if anywidget
        is installed, and else a bar.

    Yields
    ------
    display : `LiveCurves` or a bar
        To be told of each batch (``batch_done(epoch, n_events)``) and of each epoch (``epoch_done(history)``).
    """
    console = Console(stderr=True)
    # Not rich's `is_terminal`: where FORCE_COLOR is set, as in notebooks, it takes a pipe for a terminal.
    shown = sys.stderr.isatty() or console.is_jupyter if verbose == "auto" else bool(verbose)
    curves = _curves(max_epochs, n_events) if shown and console.is_jupyter else None
    display = curves or _Bar(max_epochs, n_events, console, shown)
    display.start()
    try:
        yield display
    except BaseException as error:
        display.stop(error)
        raise
    display.stop(None)


class _Bar:
    """A bar for all epochs, with the figures of the last one."""

    def __init__(self, max_epochs: int, n_events: int, console: Console, shown: bool) -> None:
        what, note = "{task.description}", "{task.fields[note]}"
        columns = (what, BarColumn(), TimeRemainingColumn(), note)
        self._progress = Progress(*columns, console=console, disable=not shown)
        self._task = self._progress.add_task("Training", total=max_epochs * n_events, note="")
        self._max_epochs = max_epochs

    def start(self) -> None:
        self._progress.start()

    def stop(self, error: BaseException | None) -> None:  # noqa: ARG002
        self._progress.stop()

    def batch_done(self, epoch: int, n_events: int) -> None:
        self._progress.update(self._task, advance=n_events, description=f"Epoch {epoch + 1}/{self._max_epochs}")

    def epoch_done(self, history: dict[str, list[float]]) -> None:
        note = "  ".join(f"{name} {values[-1]:.4f}" for name, values in history.items() if values)
        self._progress.update(self._task, note=note)


def _curves(max_epochs: int, n_events: int) -> Any:
    """Give the display of a notebook, or None without anywidget."""
    try:
        # By its name, for the network stands below the widgets, and does without them.
        return import_module("seqrec.explore.training_curves").LiveCurves(max_epochs, n_events)
    except ImportError:
        return None
