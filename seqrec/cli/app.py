"""The command line. It answers at once: whatever takes time to import is imported where it is used."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from seqrec import __version__
from seqrec.cli import exits, options
from seqrec.cli.console import Console

_RESUMED = ("score", "recommend")


class _Commands(TyperGroup):
    """Commands whose errors end in a message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that is named."""
        with exits.told(lambda: ctx.invoked_subcommand in _RESUMED):
            return super().invoke(ctx)


app = typer.Typer(
    cls=_Commands,
    name="seqrec",
    help="Next items and anomalies from event logs (CSV, JSON Lines, Parquet), by LSTMs.",
    epilog="Exit codes: 0 well, 1 bug, 2 usage, 3 some rows quarantined, 4 too many bad rows, 65 not whole, "
    "74 input or output failed, 75 folder in use, 130 stopped.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_Logs = Annotated[
    list[str],
    typer.Argument(metavar="LOG...", help="Files .csv, .tsv, .jsonl (also .gz) or .parquet, or patterns in quotes."),
]
_Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A model file, as seqrec fit makes it.")]
_Output = Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder of the results.")]
_User = Annotated[str | None, typer.Option(metavar="COLUMN", help="Column of users; usual names are found.")]
_Item = Annotated[str | None, typer.Option(metavar="COLUMN", help="Column of items or events.")]
_Timestamp = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Column of times; 'none' where the rows are in order.")
]
_TimeUnit = Annotated[
    Literal["auto", "s", "ms", "us", "ns"], typer.Option(help="Of times that are numbers since 1970.")
]
_MaxBad = Annotated[float, typer.Option(min=0, max=1, help="Largest share of rows that cannot be used.")]
_DropDuplicates = Annotated[bool, typer.Option("--drop-duplicates", help="Use rows once that agree in everything.")]
_Json = Annotated[bool, typer.Option("--json", help="Give the result as one JSON object, and no progress.")]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but warnings and errors.")]
_Format = Annotated[Literal["parquet", "csv", "jsonl"], typer.Option("--format", help="Of the results.")]
_Memory = Annotated[str, typer.Option(metavar="SIZE", help="Memory to take, about, such as 2GiB.")]
_Shard = Annotated[str, typer.Option(metavar="I/N", help="Do part I of N: users are shared out, such as 1/4.")]
_ExcludeSeen = Annotated[
    bool, typer.Option("--exclude-seen/--include-seen", help="Whether items of the history may be recommended.")
]
_Dask = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Score on a Dask cluster with this scheduler.")]


def main() -> None:
    """Run the command line."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's greetings
    app()


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"seqrec {__version__}")
        raise typer.Exit


@app.callback()
def _seqrec(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Next items and anomalies from event logs (CSV, JSON Lines, Parquet), by LSTMs."""


@app.command()
def fit(
    logs: _Logs,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Model file, such as m.seqrec.")],
    task: Annotated[Literal["recommend", "detect"], typer.Option(help="Next items, or odd sequences.")],
    user: _User = None,
    item: _Item = None,
    timestamp: _Timestamp = None,
    time_unit: _TimeUnit = "auto",
    fields: Annotated[
        list[str] | None, typer.Option(metavar="A,B", help="Further columns that detect reads, such as amount,channel.")
    ] = None,
    sides: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=SIDE", help="Side on which a number is odd: high or low.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Parameter of the model, such as units=64.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help="The same seed gives the same model.")] = None,
    drop_duplicates: _DropDuplicates = False,
    max_bad: _MaxBad = 0.01,
    quarantine: Annotated[
        Path | None, typer.Option(metavar="FILE", help="For rows that cannot be used; by default beside the model.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a model that is there.")] = False,
    as_json: _Json = False,
    quiet: _Quiet = False,
) -> None:
    """Fit a model to logs, and save it."""
    parameters = {name: options.parameter(text) for name, text in options.pairs(settings or [], "--set").items()}
    if sides:
        parameters["sides"] = options.pairs(options.names(sides), "--sides")
    if seed is not None:
        parameters["random_state"] = seed
    from seqrec.cli import fit as fit_job

    chosen = fit_job.FitOptions(
        task=task,
        parameters=parameters,
        names={"user": user, "item": item, "timestamp": timestamp},
        fields=options.names(fields or []),
        time_unit=time_unit,
        drop_duplicates=drop_duplicates,
        max_bad=max_bad,
        quarantine=quarantine,
        overwrite=overwrite,
    )
    with Console(quiet, as_json).at_work() as console:
        _end(fit_job.fit(console, logs, output, chosen))


@app.command()
def score(
    model: _Model,
    logs: _Logs,
    output: _Output,
    form: _Format = "parquet",
    alerts_per_day: Annotated[float | None, typer.Option(help="Flag so many a day, if all is normal.")] = None,
    sequences_per_day: Annotated[float | None, typer.Option(help="With it, if the log does not tell.")] = None,
    fpr: Annotated[float | None, typer.Option(help="Flag this share of normal sequences.")] = None,
    contamination: Annotated[float | None, typer.Option(help="Flag this share of sequences.")] = None,
    state: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep users here, so that the next log is read on from this.")
    ] = None,
    user: _User = None,
    item: _Item = None,
    timestamp: _Timestamp = None,
    time_unit: _TimeUnit = "auto",
    drop_duplicates: _DropDuplicates = False,
    max_bad: _MaxBad = 0.01,
    shard: _Shard = "1/1",
    memory: _Memory = "2GiB",
    dask: _Dask = None,
    as_json: _Json = False,
    quiet: _Quiet = False,
) -> None:
    """Score logs of any size with a detector. Stopped, the same command goes on."""
    given = {"false_positive_rate": fpr, "contamination": contamination, "alerts_per_day": alerts_per_day}
    if sum(value is not None for value in given.values()) > 1:
        raise typer.BadParameter("give one of --alerts-per-day, --fpr and --contamination.")
    if sequences_per_day is not None and alerts_per_day is None:
        raise typer.BadParameter("--sequences-per-day goes with --alerts-per-day.")
    part, size = options.shard(shard), options.memory(memory)
    output, state = _of_shard(output, part), state and _of_shard(state, part)
    with _batch(model, logs, output, state, quiet, as_json) as console:
        from seqrec.cli import batch_commands
        from seqrec.jobs.job import Settings

        settings = Settings(form, size, max_bad, part, drop_duplicates, time_unit)
        names = {"user": user, "item": item, "timestamp": timestamp}
        batch = batch_commands.Batch(model, logs, output, names, settings, dask)
        chosen = given | {"sequences_per_day": sequences_per_day}
        _end(batch_commands.score(console, batch, chosen, state))


@app.command()
def recommend(
    model: _Model,
    logs: _Logs,
    output: _Output,
    form: _Format = "parquet",
    k: Annotated[int, typer.Option("--k", "-k", min=1, help="Items for each user.")] = 10,
    exclude_seen: _ExcludeSeen = True,
    candidates: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Recommend these items only: a text file, an id a line.")
    ] = None,
    user: _User = None,
    item: _Item = None,
    timestamp: _Timestamp = None,
    time_unit: _TimeUnit = "auto",
    drop_duplicates: _DropDuplicates = False,
    max_bad: _MaxBad = 0.01,
    shard: _Shard = "1/1",
    memory: _Memory = "2GiB",
    dask: _Dask = None,
    as_json: _Json = False,
    quiet: _Quiet = False,
) -> None:
    """Recommend to every user of logs of any size. Stopped, the same command goes on."""
    part, size = options.shard(shard), options.memory(memory)
    output = _of_shard(output, part)
    with _batch(model, logs, output, None, quiet, as_json) as console:
        from seqrec.cli import batch_commands
        from seqrec.jobs.job import Settings

        settings = Settings(form, size, max_bad, part, drop_duplicates, time_unit)
        names = {"user": user, "item": item, "timestamp": timestamp}
        batch = batch_commands.Batch(model, logs, output, names, settings, dask)
        _end(batch_commands.recommend(console, batch, k, exclude_seen, candidates))


@app.command()
def evaluate(
    model: _Model,
    logs: _Logs,
    label: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="1 or true where a sequence is abnormal; for detectors.")
    ] = None,
    k: Annotated[int, typer.Option("--k", "-k", min=1, help="Length of the lists; for recommenders.")] = 10,
    exclude_seen: _ExcludeSeen = True,
    user: _User = None,
    item: _Item = None,
    timestamp: _Timestamp = None,
    time_unit: _TimeUnit = "auto",
    drop_duplicates: _DropDuplicates = False,
    max_bad: _MaxBad = 0.01,
    as_json: _Json = False,
    quiet: _Quiet = False,
) -> None:
    """Judge a model by logs that it was not fitted to."""
    with Console(quiet, as_json).at_work() as console:
        from seqrec.cli import evaluate

        names = {"user": user, "item": item, "timestamp": timestamp}
        reading = {"time_unit": time_unit, "drop_duplicates": drop_duplicates}
        judged = evaluate.Judged(model, logs, names, reading, max_bad)
        _end(evaluate.evaluate(console, judged, label, k, exclude_seen))


@app.command()
def inspect(model: _Model, as_json: _Json = False) -> None:
    """Show what a model file holds, without loading the model."""
    from seqrec.cli import verify

    verify.inspect_model(Console(as_json=as_json), model)


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A model file, or a folder of results.")],
    as_json: _Json = False,
) -> None:
    """Check that a model file, or a folder of results, is whole."""
    with Console(as_json=as_json).at_work() as console:
        from seqrec.cli import verify

        if not verify.verify(console, path):
            raise typer.Exit(exits.NOT_WHOLE)


@contextmanager
def _batch(
    model: Path, logs: list[str], output: Path, state: Path | None, quiet: bool, as_json: bool
) -> Iterator[Console]:
    """Refuse folders that cannot be worked in, before anything that takes time is imported."""
    from seqrec.jobs.folder import Job, locked

    for folder, named in ((Job(output).work, output), (state, state)):
        if folder is not None and (folder / "lock").exists():
            with locked(folder, named):
                pass  # the job takes the lock again
    with Console(quiet, as_json).at_work() as console:
        from seqrec.cli.batch_commands import check_folders

        check_folders(output, state, [*logs, model])
        yield console


def _of_shard(folder: Path, shard: tuple[int, int]) -> Path:
    part, parts = shard
    return folder if parts == 1 else folder / f"shard-{part + 1}-of-{parts}"


def _end(all_used: bool) -> None:
    if not all_used:
        raise typer.Exit(exits.QUARANTINED)
