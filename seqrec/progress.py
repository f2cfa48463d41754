"""Progress of a training, shown by rich on a terminal or in a notebook, and silent elsewhere."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


class TrainingProgress:
    """A bar for all epochs, with the figures of the last one.

    Parameters
    ----------
    max_epochs : int
    n_events : int
        Events of an epoch.
    verbose : bool or "auto"
        "auto" shows the bar where a person looks: in a terminal or a notebook.
    """

    def __init__(self, max_epochs: int, n_events: int, verbose: bool | str = "auto") -> None:
        console = Console(stderr=True)
        shown = console.is_terminal or console.is_jupyter if verbose == "auto" else bool(verbose)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        self._progress = Progress(*columns, console=console, disable=not shown)
        self._task = self._progress.add_task("Training", total=max_epochs * n_events, note="")
        self._max_epochs = max_epochs

    def __enter__(self) -> TrainingProgress:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def batch_done(self, epoch: int, n_events: int) -> None:
        """Advance by a batch's events."""
        self._progress.update(self._task, advance=n_events, description=f"Epoch {epoch + 1}/{self._max_epochs}")

    def epoch_done(self, history: dict[str, list[float]]) -> None:
        """Show the last figures of each of the history's lists."""
        note = "  ".join(f"{name} {values[-1]:.4f}" for name, values in history.items() if values)
        self._progress.update(self._task, note=note)
