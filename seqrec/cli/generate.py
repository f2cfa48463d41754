"""``seqrec generate``: a new log, or how each user of a log goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from seqrec.cli import job
from seqrec.cli.console import Console, facts
from seqrec.cli.options import Model, Output, Reading, Work


def generate(
    model: Model,
    logs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[LOG...]", help="Go on with each user of these logs, in place of new users."),
    ] = None,
    *,
    output: Output,
    n: Annotated[
        int | None, typer.Option("-n", min=1, help="New sequences; by default as many as were learned from.")
    ] = None,
    prefix: Annotated[
        list[str] | None, typer.Option(metavar="A,B", help="Items that each new sequence begins with.")
    ] = None,
    length: Annotated[int | None, typer.Option(min=1, help="Draw just so many events of each, and no end.")] = None,
    stop: Annotated[
        list[str] | None, typer.Option(metavar="A,B", help="Items after which a sequence ends, too.")
    ] = None,
    temperature: Annotated[float, typer.Option(help="Below 1 the likely is likelier; above, less so.")] = 1.0,
    top_k: Annotated[int | None, typer.Option(help="Choose among so many next items, the likeliest.")] = None,
    top_p: Annotated[
        float | None, typer.Option(help="Choose among the likeliest next items, of this probability together.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="The same seed gives the same log.")] = 0,
    reading: Reading,
    work: Work,
    console: Console,
) -> None:
    """Draw a log from a generator: new users, or how those of a log go on. Stopped, the same command goes on."""
    logs = logs or []
    _check_options(logs, n, prefix, reading, work)
    output, _ = job.folders(output, None, work, [*logs, model])
    with console.at_work():
        settings = job.settings(work, reading)
        from seqrec.cli.columns import items_of, meet, meet_alone
        from seqrec.jobs.generation import ContinuationJob, Drawing, GenerationJob
        from seqrec.persistence import inspect
        from seqrec.storage.columns import USUAL, Columns

        if logs:
            generator, digest, source = meet(console, model, logs, reading, "generate")
            columns = inspect(model)["columns"]
        else:
            generator, digest, columns = meet_alone(console, model, "generate")
        columns = columns or Columns("user_id", "item_id", "timestamp")
        form = columns.form or USUAL
        form = form._replace(format=work.form or form.format)
        stops = items_of(stop or [], "--stop", generator) or None
        drawing = Drawing(seed, length, temperature, top_k, top_p, stops)
        if logs:
            settings = settings._replace(form=form.format)
            continuation = ContinuationJob(model, source, output, settings, digest, drawing, form)
            continuation.prepare()  # so that a wrong option is known before the log is read
            job.run(console, continuation, work, _told_of_users)
            return
        begun = items_of(prefix or [], "--prefix", generator) or None
        n = generator.training_data_.n_sequences if n is None else n
        generation = GenerationJob(model, digest, output, columns._replace(form=form), n, drawing, begun)
        if work.restart:
            generation.job.remove()
        record = generation.run(console.show) | {"output": str(output)}
        console.result(record, facts(_told(record)))


def _check_options(logs: Sequence[str], n: int | None, prefix: list[str] | None, reading: Reading, work: Work) -> None:
    """Refuse options of the one task with the other."""
    if logs and (n is not None or prefix):
        raise typer.BadParameter("-n and --prefix are for new sequences. A log says who goes on, and from where.")
    if not logs and (reading != Reading() or work.dask is not None or work.shard != Work().shard):
        raise typer.BadParameter("how a log is read and shared out is said where one is to go on: name it after MODEL.")


def _told(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    told = f"{record['drawn_sequences']:,} sequences, {record['drawn']:,} events"
    return [("drawn", told), ("results", f"{record['output']}/log-*.{record['asked']['format']}")]


def _told_of_users(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    unknown = record["unknown_events"]
    pairs = [
        ("users", f"{record['users']:,} ({record['users_ended']:,} go on no further)"),
        ("drawn", f"{record['drawn']:,} events, in {record['output']}/log-*"),
    ]
    return [*pairs, ("unknown", f"{unknown:,} events are of kinds that training lacked")] if unknown else pairs
