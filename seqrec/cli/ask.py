"""``seqrec ask``: the chance that something happens, for every user of a log of any size."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from seqrec.cli import job, options
from seqrec.cli.console import Console
from seqrec.cli.options import Logs, Model, Output, Reading, Work


def ask(
    model: Model,
    logs: Logs,
    output: Output,
    chance: Annotated[
        list[str], typer.Option(metavar="A,B", help="Items of which one is to come; '(end)': nothing comes any more.")
    ],
    *,
    within: Annotated[
        list[str] | None,
        typer.Option(metavar="SPANS", help="So long after the last event: 30d, or 7d,30d. Also w, h, min, s."),
    ] = None,
    events: Annotated[
        list[str] | None, typer.Option(metavar="NUMBERS", help="Or among so many next events: 1, or 1,5,20.")
    ] = None,
    before: Annotated[list[str] | None, typer.Option(metavar="A,B", help="Before any of these items.")] = None,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="Nothing came until then, such as 2024-06-30; spans begin there.")
    ] = None,
    paths: Annotated[int, typer.Option(min=1, help="Futures to draw for each user.")] = 200,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="The same seed gives the same chances.")] = 0,
    reading: Reading,
    work: Work,
    console: Console,
) -> None:
    """Tell the chance of an event for every user of logs of any size. Stopped, the same command goes on."""
    spans, numbers = options.spans(within or []), options.counts(events or [], "--events")
    if spans and numbers:
        raise typer.BadParameter("give one of --within and --events.")
    moment = None if at is None else _moment(at)
    output, _ = job.folders(output, None, work, [*logs, model])
    with console.at_work():
        settings = job.settings(work, reading)
        from seqrec.cli.columns import items_of, meet
        from seqrec.data.ends import END
        from seqrec.jobs.chances import ChanceJob

        estimator, digest, source = meet(console, model, logs, reading, "ask")
        event = items_of(chance, "--chance", estimator, [END])
        rivals = items_of(before or [], "--before", estimator, [END])
        asked = (event, rivals, spans, numbers, moment, paths, seed)
        chances = ChanceJob(model, source, output, settings, digest, *asked)
        chances.try_out()  # so that a wrong question is known before the log is read
        job.run(console, chances, work, _told)


def _moment(text: str) -> str:
    """Read a time in ISO 8601, and give it in UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"--at {text!r} is no time. Write it as 2024-06-30 or 2024-06-30T12:00:00.") from None
    return (moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)).isoformat()


def _told(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    users = max(record["users"], 1)
    spans = [
        f"{span}: {n / users:.4f} on average, so {n:,.1f} of the users" if span else f"{n / users:.4f} on average"
        for span, n in record["expected_users"].items()
    ]
    results = f"{record['chances']:,} rows in {record['output']}/chances-*"
    return [("users", f"{record['users']:,}"), ("chance", "; ".join(spans) or "-"), ("results", results)]
