"""``seqrec generate``: a new log, or how each user of a log goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqrec.cli import job
from seqrec.cli.console import Console, facts
from seqrec.cli.options import Model, Output, Reading, Work

if TYPE_CHECKING:
    from seqrec.storage.columns import Columns, LogForm


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
    shape = {"seed": seed, "length": length, "temperature": temperature, "top_k": top_k, "top_p": top_p}
    with console.at_work():
        if logs:
            _go_on(console, model, logs, output, reading, work, stop, shape)
        else:
            _draw(console, model, output, work, n, prefix, stop, shape)


def _go_on(
    console: Console,
    model: Path,
    logs: Sequence[str],
    output: Path,
    reading: Reading,
    work: Work,
    stop: list[str] | None,
    shape: Mapping[str, Any],
) -> None:
    settings = job.settings(work, reading)
    from seqrec.cli.columns import items_of, meet
    from seqrec.jobs.generation import ContinuationJob, Drawing
    from seqrec.persistence import inspect

    generator, digest, source = meet(console, model, logs, reading, "generate")
    form = _form(inspect(model)["columns"], work)
    drawing = Drawing(**shape, stop=items_of(stop or [], "--stop", generator) or None)
    told = settings._replace(form=form.format)
    continuation = ContinuationJob(model, source, output, told, digest, drawing, form)
    continuation.prepare()  # so that a wrong option is known before the log is read
    job.run(console, continuation, work, _told_of_users)


def _draw(
    console: Console,
    model: Path,
    output: Path,
    work: Work,
    n: int | None,
    prefix: list[str] | None,
    stop: list[str] | None,
    shape: Mapping[str, Any],
) -> None:
    from seqrec.cli.columns import items_of, meet_alone
    from seqrec.jobs.generation import Drawing, GenerationJob
    from seqrec.storage.columns import Columns

    generator, digest, own = meet_alone(console, model, "generate")
    columns = (own or Columns("user_id", "item_id", "timestamp"))._replace(form=_form(own, work))
    drawing = Drawing(**shape, stop=items_of(stop or [], "--stop", generator) or None)
    begun = items_of(prefix or [], "--prefix", generator) or None
    n = generator.training_data_.n_sequences if n is None else n
    generation = GenerationJob(model, digest, output, columns, n, drawing, begun)
    if work.restart:
        generation.job.remove()
    record = generation.run(console.show) | {"output": str(output)}
    console.result(record, facts(_told(record)))


def _form(columns: Columns | None, work: Work) -> LogForm:
    """Give the form of the training log, in the format that is asked for."""
    from seqrec.storage.columns import USUAL

    form = (columns and columns.form) or USUAL
    return form._replace(format=work.form or form.format)


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
