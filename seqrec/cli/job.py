"""What ``seqrec score`` and ``seqrec recommend`` share: where a job works, how it is done, and what is said of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from seqrec.cli import exits, options
from seqrec.cli.console import Console, account, facts, told_bad
from seqrec.exceptions import InputError
from seqrec.jobs.folder import REPORT, Job, check_outside, locked

if TYPE_CHECKING:
    from seqrec.jobs.job import LogJob, Settings


def folders(
    output: Path, state: Path | None, work: options.Work, inputs: Sequence[str | Path]
) -> tuple[Path, Path | None]:
    """Give the folders of a part of the users, for results and for states.

    Those that cannot be worked in are refused here, before anything is imported that takes time.

    Raises
    ------
    LockedError
        If another process works in one.
    InputError
        If one is a file, or that of the results holds log or model.
    """
    part, parts = options.shard(work.shard)
    if parts > 1:
        own = f"shard-{part + 1}-of-{parts}"
        output, state = output / own, state and state / own
    for folder, named in [(Job(output).work, output), *([(state, state)] if state is not None else [])]:
        if named.exists() and not named.is_dir():
            raise InputError(f"{named} is a file, and should be a folder. Choose another name.")
        if (folder / "lock").exists():
            with locked(folder, named):
                pass  # the job takes the lock again
    check_outside(output, inputs)
    return output, state


def settings(work: options.Work, reading: options.Reading) -> Settings:
    """Give what a job is told."""
    part, size = options.shard(work.shard), options.memory(work.memory)
    from seqrec.jobs.job import Settings

    return Settings(work.form or "parquet", size, reading.max_bad, part, reading.drop_duplicates, reading.time_unit)


def run(console: Console, job: LogJob, work: options.Work, told: Callable[[Any], list[tuple[str, str]]]) -> None:
    """Do a job, and say what came of it; `told` gives what a command says of its own results."""
    score_all = None
    if work.dask is not None:
        from seqrec.jobs.engines import score_on

        score_all = score_on(work.dask)
    if work.restart:
        job.job.remove()
    report = job.run(console.show, score_all)
    _warn_of_times(console, job)
    _warn_of_drift(console, report)
    record = report | {"output": str(job.job.output), "columns": job.source.columns._asdict()}
    console.result(record, facts([*_rows(record, job.settings.form, console.seconds), *told(record)]))
    if report["quarantined"] and console.quiet:
        (text,) = [said for _, said in told_bad(record, _listed(record, job.settings.form))]
        console.warn(f"{report['quarantined']:,} of {report['rows']:,} rows cannot be used: {text}")
    if any(thing["noticed"] for thing in report.get("drift") or ()):
        raise typer.Exit(exits.DRIFTED)
    if report["quarantined"]:
        raise typer.Exit(exits.QUARANTINED)


def _warn_of_drift(console: Console, report: Mapping[str, Any]) -> None:
    noticed = [thing for thing in report.get("drift") or () if thing["noticed"]]
    told = [f"{each['what']} {_figure(each['log'])} (training {_figure(each['training'])})" for each in noticed]
    if told:
        console.warn(f"the log does not look like the training data: {'; '.join(told)}. See drift in {REPORT}.")


def _figure(value: Any) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


def _warn_of_times(console: Console, job: LogJob) -> None:
    import numpy as np

    from seqrec.data.times import TICKS, doubt_unit
    from seqrec.logs.chunks import TimeFacts

    census = job.job.read("census")
    times = TimeFacts() if census is None else TimeFacts(*census["times"])
    if times.high is None:
        return
    unit = job.source.time_unit(times, job.settings.time_unit)
    if unit is not None and (doubt := doubt_unit(np.array([times.low, times.high]), unit)):
        console.warn(f"column {job.source.columns.timestamp!r} {doubt}")
    latest = times.high / TICKS[unit or "us"]
    if latest > time.time() + 86_400:
        day = time.strftime("%Y-%m-%d", time.gmtime(min(latest, 253_402_300_799)))
        console.warn(f"column {job.source.columns.timestamp!r} has times in the future, up to {day}.")


def _rows(record: Mapping[str, Any], form: str, seconds: float) -> list[tuple[str, str]]:
    rate = f"{seconds:,.0f} s, {record['scored'] / max(seconds, 1e-3):,.0f} rows a second with the start"
    return [("rows", account(record, "scored")), ("time", rate), *told_bad(record, _listed(record, form))]


def _listed(record: Mapping[str, Any], form: str) -> str:
    return f"{record['output']}/quarantine.{form}"
