"""What a command says while it works: bars for a person at a terminal, a line now and then for a log file.

Names and ids are of strangers: whatever is shown is escaped, and never read as markup.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import typer

from seqrec._text import plain
from seqrec.cli.options import Json, Quiet

_SECONDS = 5.0  # between two lines in a log file
_WIDTH = 2000


class Console:
    """The voice of a command.

    Parameters
    ----------
    as_json : bool
        Say nothing but the result, as one JSON object.
    quiet : bool
        Say nothing but warnings.

    Attributes
    ----------
    silent : bool
        Whether there is neither progress nor notes.
    notes, warnings : list of str
        What was said.
    """

    def __init__(self, as_json: Json = False, quiet: Quiet = False) -> None:
        self.as_json, self.quiet, self.silent = as_json, quiet, quiet or as_json
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self._began = time.monotonic()
        self._progress = _Bars() if sys.stderr.isatty() else _Lines()

    @contextmanager
    def at_work(self) -> Iterator[Console]:
        """Show progress and Python's warnings while a block runs."""
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            for module in ("tensorflow", "keras", "numpy", "pandas", "sklearn", "distributed"):
                warnings.filterwarnings("ignore", module=module)
            warnings.showwarning = lambda message, *_, **__: self.warn(str(message))
            try:
                yield self
            finally:
                self._progress.close()

    @property
    def seconds(self) -> float:
        """Time since the command began."""
        return time.monotonic() - self._began

    def note(self, text: str) -> None:
        """Say something that is good to know."""
        self.notes.append(text)
        if not self.silent:
            self._err(text)

    def warn(self, text: str) -> None:
        """Say something that the user should look into, once."""
        if text not in self.warnings:
            self.warnings.append(text)
            self._err(f"warning: {text}")

    def show(self, step: str, done: int, total: int | None) -> None:
        """Tell how far a step is."""
        if not self.silent:
            self._progress.show(step, done, total)

    def result(self, record: Mapping[str, Any], lines: Iterable[str]) -> None:
        """Give the result: as JSON or, unless all is to be quiet, in lines."""
        self._progress.close()
        if self.as_json:
            said = {"notes": self.notes, "warnings": self.warnings, "seconds": round(self.seconds, 3)}
            typer.echo(json.dumps({**record, **said}, default=_plain_value, indent=2))
        elif not self.quiet:
            for line in lines:
                typer.echo(escaped(line))

    def _err(self, text: str) -> None:
        self._progress.close()
        typer.echo(f"seqrec: {escaped(text)}", err=True)


def escaped(text: str) -> str:
    """Give text that is safe to show in one line."""
    return plain(text, _WIDTH)


def account(record: Mapping[str, Any], used: str) -> str:
    """Say what became of every row; `used` is the name of those that were."""
    text = f"{record['rows']:,} = {used} {record[used]:,}"
    if record["quarantined"]:
        text += f" + quarantined {record['quarantined']:,}"
    if record["filtered"]:
        text += f" + filtered {record['filtered']:,} ({counts(record['filtered_by_reason'])})"
    return text


def told_bad(record: Mapping[str, Any], listed: str) -> list[tuple[str, str]]:
    """Say what was wrong with rows that cannot be used, if there are any, and where they are listed."""
    return [("quarantined", f"{counts(record['quarantined_by_code'])}; see {listed}")] if record["quarantined"] else []


def told_series(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Say which series a forecaster was fitted to, how they go, and what its intervals have held."""
    seasons = ", ".join(map(str, record["season_lengths"]))
    step = "by position" if record["step"] is None else f"of {record['step']}"
    pairs = [
        ("forecasts", f"{record['horizon']:,} steps {step}, " + (f"seasons of {seasons}" if seasons else "no seasons")),
    ]
    if "missing" in record:
        missing = f" ({record['missing']:,} values missing)" if record["missing"] else ""
        pairs.insert(0, ("series", f"{record['series']:,}{missing}"))
    if coverage := record["coverage"]:
        held = ", ".join(f"{name} held {sum(shares) / len(shares):.1%}" for name, shares in coverage.items())
        pairs.append(("intervals", f"of what was held out, {held} on average of the steps"))
    return pairs


def counts(numbers: Mapping[str, int]) -> str:
    """Say how many of each there are."""
    return ", ".join(f"{count:,} {name}" for name, count in numbers.items() if count)


def columns_of(rows: Sequence[Sequence[Any]]) -> list[str]:
    """Lay out rows of cells, the first of them a name, in lines whose columns stand one below the other."""
    cells = [[escaped(str(cell)) for cell in row] for row in rows]
    first, *widths = (max(map(len, column)) for column in zip(*cells, strict=True))
    numbers = ([cell.rjust(width) for cell, width in zip(row[1:], widths, strict=True)] for row in cells)
    return ["  ".join([row[0].ljust(first), *own]).rstrip() for row, own in zip(cells, numbers, strict=True)]


def facts(pairs: Iterable[tuple[str, Any]]) -> list[str]:
    """Lay out names and what they are, the latter one below the other."""
    shown = [(name, escaped(str(value))) for name, value in pairs]
    width = max(len(name) for name, _ in shown)
    return [f"{name.ljust(width)}  {value}" for name, value in shown]


def start_tensorflow() -> None:
    """Import TensorFlow, which takes seconds, where the user is told."""
    import seqrec.network.tensorflow  # noqa: F401


def _plain_value(value: Any) -> Any:
    return value.item() if hasattr(value, "item") and not hasattr(value, "year") else str(value)


class _Lines:
    """A line at most every five seconds."""

    def __init__(self) -> None:
        self._step, self._began, self._first, self._last = "", 0.0, 0, -_SECONDS

    def show(self, step: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if step != self._step:
            self._step, self._began, self._first = step, now, done
        if now - self._last < _SECONDS:
            return
        self._last = now
        of = f" of {total:,}" if total is not None else ""
        typer.echo(f"seqrec: {escaped(step)}: {done:,}{of}{self._rate(done, total, now)}", err=True)

    def _rate(self, done: int, total: int | None, now: float) -> str:
        if done <= self._first or now <= self._began:
            return ""
        rate = (done - self._first) / (now - self._began)
        left = f", {(total - done) / rate:,.0f} s left" if total is not None else ""
        return f", {rate:,.0f} a second{left}"

    def close(self) -> None:
        """Lines need no end."""


class _Bars:
    """A bar for each step."""

    def __init__(self) -> None:
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}

    def show(self, step: str, done: int, total: int | None) -> None:
        if self._bars is None:
            self._bars = _start_bars()
        if step not in self._tasks:
            for task in self._tasks.values():  # what came before is done
                self._bars.update(task, total=self._bars.tasks[task].completed)
            self._tasks[step] = self._bars.add_task(escaped(step)[:60], total=total)
        self._bars.update(self._tasks[step], completed=done, total=total)

    def close(self) -> None:
        if self._bars is not None:
            self._bars.stop()
        self._bars, self._tasks = None, {}


def _start_bars() -> Any:
    from rich.console import Console as Terminal
    from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Any) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:,.0f}/s")

    step, done = (TextColumn(text, markup=False) for text in ("{task.description}", "{task.completed:,}"))
    bars = Progress(step, BarColumn(), done, Rate(), TimeRemainingColumn(), console=Terminal(stderr=True))
    bars.start()
    return bars
