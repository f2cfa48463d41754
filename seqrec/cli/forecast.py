"""``seqrec forecast``: what comes next in every series of a log of any size, with quantiles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqrec.cli import job, options
from seqrec.cli.console import Console
from seqrec.cli.options import Logs, Model, Output, Reading, Work
from seqrec.exceptions import InputError

if TYPE_CHECKING:
    from seqrec.logs.source import Source

_LEVELS = (0.1, 0.5, 0.9)


def forecast(
    model: Model,
    logs: Logs,
    output: Output,
    *,
    horizon: Annotated[
        int | None, typer.Option(min=1, help="Steps to forecast; by default as many as the model was fitted for.")
    ] = None,
    future: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A log of the steps to come, with the columns that are known ahead."),
    ] = None,
    alpha: Annotated[
        list[str] | None, typer.Option(metavar="LEVELS", help="Levels of the quantiles: .1,.5,.9, if not said.")
    ] = None,
    coverage: Annotated[
        float | None, typer.Option(help="Or an interval that holds this share, such as .9, about the median.")
    ] = None,
    reading: Reading,
    work: Work,
    console: Console,
) -> None:
    """Forecast every series of logs of any size. Stopped, the same command goes on."""
    levels = options.shares(alpha or [], "--alpha")
    names: tuple[str, ...] = ()
    if coverage is not None:
        if levels:
            raise typer.BadParameter("give one of --alpha and --coverage.")
        (share,) = options.shares([str(coverage)], "--coverage")
        levels, names = ((1 - share) / 2, 0.5, (1 + share) / 2), ("lower", "median", "upper")
    output, _ = job.folders(output, None, work, [*logs, model, *([] if future is None else [future])])
    with console.at_work():
        settings = job.settings(work, reading)
        from seqrec.cli.columns import meet
        from seqrec.jobs.forecasts import ForecastJob

        forecaster, digest, source = meet(console, model, logs, reading, "forecast")
        asked = horizon or forecaster.horizon, levels or _LEVELS, names
        ahead = _ahead(forecaster, source, future, reading)
        forecasts = ForecastJob(model, source, output, settings, digest, *asked, ahead)
        job.run(console, forecasts, work, _told)


def _ahead(forecaster: Any, source: Source, future: Path | None, reading: Reading) -> Source | None:
    """Find the columns that are known ahead in the file that holds them.

    Raises
    ------
    InputError
        If there is none and the model reads some, or the other way round.
    """
    known = list(forecaster.known)
    if not known:
        if future is not None:
            raise InputError("--future holds columns that are known ahead, and the model reads none: leave it away.")
        return None
    user, _, timestamp, _ = source.columns
    if future is None:
        needed = ", ".join(map(repr, filter(None, (user, timestamp, *known))))
        steps = "at the steps to come, in a file with the columns"
        raise InputError(f"the model reads {known[0]!r}, known ahead. Give it {steps} {needed}: --future FILE.")
    from seqrec.jobs.job import kinds_wanted
    from seqrec.logs.source import Source

    wanted = kinds_wanted(forecaster)[1] | {"user": source.kinds["user"]}
    own = {"user": user, "timestamp": timestamp or "none"}
    return Source.find([str(future)], own, known, wanted, reading.dialect(), has_items=False)


def _told(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    apart = f" ({record['set_apart']:,} set apart)" if record["set_apart"] else ""
    results = f"{record['forecasts']:,} rows in {record['output']}/forecasts-*"
    return [("series", f"{record['series']:,}{apart}"), ("results", results)]
