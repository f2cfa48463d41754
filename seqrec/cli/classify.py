"""``seqrec classify``: the class of every sequence of a log of any size, or of every sound, with probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from seqrec.cli import exits, job
from seqrec.cli.console import Console, account, facts, told_bad
from seqrec.cli.options import Logs, Model, Output, Reading, Work
from seqrec.exceptions import InputError

if TYPE_CHECKING:
    from seqrec.jobs.job import Settings
    from seqrec.sound import LogMel


def classify(
    model: Model,
    logs: Logs,
    output: Output,
    *,
    reading: Reading,
    work: Work,
    console: Console,
) -> None:
    """Tell the class of every sequence of logs, or of every sound. Stopped, the same command goes on."""
    output, _ = job.folders(output, None, work, [model, *(path for path in logs if not Path(path).is_dir())])
    with console.at_work():
        settings = job.settings(work, reading)
        from seqrec.logs.sounds import are_sounds
        from seqrec.persistence import inspect

        columns = inspect(model)["columns"]
        form = None if columns is None else columns.sound
        if are_sounds(logs) != (form is not None):
            made, given = ("sounds", "logs") if form is not None else ("logs", "sounds")
            raise InputError(f"{model} was made from {made}, and these are {given}. Name {made}.")
        if form is not None:
            _classify_sounds(console, model, logs, output, settings, work, form)
            return
        from seqrec.cli.columns import meet
        from seqrec.jobs.classification import ClassificationJob

        classifier, digest, source = meet(console, model, logs, reading, "classify")
        check_level(model, classifier)
        job.run(console, ClassificationJob(model, source, output, settings, digest), work, _told)


def _classify_sounds(
    console: Console, path: Path, patterns: Sequence[str], output: Path, settings: Settings, work: Work, form: LogMel
) -> None:
    """Tell the classes of sounds, and how many could not be used."""
    if work.dask is not None or settings.shard != (0, 1):
        raise typer.BadParameter("--dask and --shard are for logs, and these are files of sound.")
    from seqrec.cli.columns import load
    from seqrec.jobs.sounds import SoundJob
    from seqrec.logs.sounds import list_files
    from seqrec.persistence import opened

    files = list_files(patterns)
    with opened(path) as file:
        console.note(f"model: {path} ({file.description['estimator']})")
        model, digest = load(path, file), file.digest
    check_level(path, model)
    sounds = SoundJob(path, digest, files, form, output, settings.form, settings.max_bad)
    if work.restart:
        sounds.job.remove()
    report = sounds.run(console.show)
    record = report | {"output": str(output)}
    bad = told_bad(record, f"{output}/quarantine.{settings.form}")
    console.result(record, facts([("sounds", account(record, "scored")), *bad, *_told(record)]))
    if report["quarantined"]:
        raise typer.Exit(exits.QUARANTINED)


def check_level(path: Path, model: Any) -> None:
    """Refuse a classifier of single events."""
    if model.level_ != "sequence":
        raise InputError(
            f"{path} tells classes of single events, and the command those of sequences. Use it in Python."
        )


def _told(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    sizes = ", ".join(f"{name} {size:,}" for name, size in record["classes"].items())
    return [
        ("classes", sizes if len(sizes) < 200 else f"{len(record['classes']):,} of them"),
        ("results", f"{record['classified']:,} sequences in {record['output']}/classes-*"),
    ]
