"""``seqrec score``: how odd the events and sequences of a log of any size are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from seqrec.cli import job, options
from seqrec.cli.console import Console
from seqrec.cli.options import Logs, Model, Output, Reading, Work
from seqrec.exceptions import InputError

_TELL = "tell how many sequences come in a day. Give --sequences-per-day."


def score(
    model: Model,
    logs: Logs,
    output: Output,
    *,
    alerts_per_day: Annotated[float | None, typer.Option(help="Flag so many a day, if all is normal.")] = None,
    sequences_per_day: Annotated[float | None, typer.Option(help="With it, if the log does not tell.")] = None,
    fpr: Annotated[float | None, typer.Option(help="Flag this share of normal sequences.")] = None,
    contamination: Annotated[float | None, typer.Option(help="Flag this share of sequences.")] = None,
    state: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep users here, so that the next log is read on from this.")
    ] = None,
    keep_states: Annotated[
        int, typer.Option(min=1, help="How many nights' states stay there, for seqrec state rollback.")
    ] = 7,
    show: Annotated[
        list[str] | None,
        typer.Option(metavar="NAMES", help="Columns of the log that alerts have as well, such as amount,branch."),
    ] = None,
    reading: Reading,
    work: Work,
    console: Console,
) -> None:
    """Score logs of any size with a detector. Stopped, the same command goes on."""
    if sum(value is not None for value in (alerts_per_day, fpr, contamination)) > 1:
        raise typer.BadParameter("give one of --alerts-per-day, --fpr and --contamination.")
    if sequences_per_day is not None and alerts_per_day is None:
        raise typer.BadParameter("--sequences-per-day goes with --alerts-per-day.")
    output, state = job.folders(output, state, work, [*logs, model])
    with console.at_work():
        settings = job.settings(work, reading)
        to_be_told = alerts_per_day is not None and sequences_per_day is None
        if to_be_told and settings.shard[1] > 1:
            raise InputError(f"a part of a log does not {_TELL}")
        from seqrec.cli.columns import meet

        shown = options.names(show or [])
        detector, digest, source = meet(console, model, logs, reading, "score", shown=shown)
        if to_be_told and source.columns.timestamp is None:
            raise InputError(f"a log without times does not {_TELL}")
        from seqrec.jobs.detection import DetectionJob

        threshold = {
            "false_positive_rate": fpr,
            "contamination": contamination,
            "alerts_per_day": alerts_per_day,
            "sequences_per_day": sequences_per_day,
        }
        detection = DetectionJob(model, source, output, settings, digest, threshold, state, keep_states, shown)
        detection.offset(detector, lambda: 100 * max(1.0, alerts_per_day or 0.0))  # raises, before the log is read
        job.run(console, detection, work, lambda record: _told(record, settings.form))


def _told(record: Mapping[str, Any], form: str) -> list[tuple[str, str]]:
    output, share = record["output"], record["flagged"] / max(record["sequences"], 1)
    return [
        ("sequences", f"{record['sequences']:,}, of which {record['flagged']:,} flagged ({share:.2%})"),
        ("alerts", f"{output}/alerts.{form}, the oddest first"),
        ("results", f"{output}/sequences-*.{form} and events-*.{form}"),
    ]
