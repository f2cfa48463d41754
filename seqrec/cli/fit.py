"""``seqrec fit``: from log files to a model file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from seqrec.cli import exits, options
from seqrec.cli.console import Console, account, facts, start_tensorflow, told_bad
from seqrec.cli.options import Logs, Reading
from seqrec.exceptions import InputError

if TYPE_CHECKING:
    from seqrec.data.sequences import Sequences
    from seqrec.logs.source import Source
    from seqrec.logs.whole import Log

_ESTIMATORS = {"recommend": "LSTMRecommender", "detect": "LSTMAnomalyDetector", "generate": "LSTMGenerator"}
_NEXT = {"recommend": "recommend {} LOG", "detect": "score {} LOG", "generate": "generate {}"}


def fit(
    logs: Logs,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="Model file, such as m.seqrec.", callback=options.place),
    ],
    task: Annotated[
        Literal["recommend", "detect", "generate"], typer.Option(help="Next items, odd sequences, or new ones.")
    ],
    *,
    fields: Annotated[
        list[str] | None,
        typer.Option(metavar="A,B", help="Further columns to read: amount,channel, or code:text, amount:number."),
    ] = None,
    sides: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=SIDE", help="Side on which a number is odd: high or low.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Parameter of the model, such as units=64.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help="The same seed gives the same model.")] = None,
    quarantine: Annotated[
        Path | None, typer.Option(metavar="FILE", help="For rows that cannot be used; by default beside the model.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a model that is there.")] = False,
    reading: Reading,
    console: Console,
) -> None:
    """Fit a model to logs, and save it."""
    parameters = {"verbose": False if console.silent else "auto"} | options.settings(settings or [])
    parameters |= {"random_state": seed} if seed is not None else {}
    if sides:
        parameters["sides"] = options.pairs(options.names(sides), "--sides")
    listed = quarantine or output.with_name(output.name + ".quarantine.csv")
    with console.at_work():
        from seqrec.cli.columns import read, tell_columns
        from seqrec.logs.form import learn_form
        from seqrec.logs.source import Source
        from seqrec.persistence import save

        kinds = options.kinds(fields or [])
        wanted = {f"field:{name}": kind for name, kind in kinds.items() if kind is not None}
        source = Source.find(logs, reading._asdict(), kinds, wanted, reading.dialect())
        _check_places(output, listed, source, overwrite)
        _check_sides(parameters.get("sides"), source)
        tell_columns(console, source)
        start_tensorflow()
        estimator = _make(_ESTIMATORS[task], parameters)
        log, X = read(console, source, reading, listed)
        if unused := source.unused():
            console.note(f"not used: {', '.join(unused)} (--fields)")
        if not X.n_events:
            raise InputError("the log has no row that can be used, so there is nothing to fit a model to.")
        console.note(f"{len(X):,} sequences, {X.n_events:,} events, {len(X.vocabulary):,} items; training begins")
        estimator.fit(X)
        form = learn_form(source, X.time_unit, X.keys) if task == "generate" else None
        save(estimator, output, columns=source.columns._asdict() | {"form": form})
        if quarantine is None and overwrite and not log.bad.num_rows:
            listed.unlink(missing_ok=True)  # of the fit whose model was replaced
        record = _record(log, X, estimator, output, listed)
        console.result(record, [*_lines(record, console.seconds), f"next: seqrec {_NEXT[task].format(output)} -o OUT"])
        if log.bad.num_rows:
            raise typer.Exit(exits.QUARANTINED)


def _check_places(output: Path, quarantine: Path, source: Source, overwrite: bool) -> None:
    from seqrec.logs.tables import check_output

    inputs = {os.path.realpath(file.path) for file in source.files}
    check_output(quarantine)
    for path in (output, quarantine):
        if os.path.realpath(path) in inputs:
            raise InputError(f"{path} is a file of the log. Choose another name for what is written.")
        if path.is_dir():
            raise InputError(f"{path} is a folder. Give the name of a file, such as {path / 'model.seqrec'}.")
        if not path.parent.is_dir():
            raise InputError(f"there is no folder {path.parent} to write into. Make it first.")
    if os.path.realpath(output) == os.path.realpath(quarantine):
        raise InputError(f"{output} is to hold both the model and the rows that cannot be used. Name two files.")
    if output.exists() and not overwrite:
        raise InputError(f"{output} is there already. Choose another name, or replace it: --overwrite.")


def _check_sides(sides: Any, source: Source) -> None:
    from seqrec._checks import check_choice
    from seqrec.data.fields import SIDES

    numeric = [name for name in source.columns.fields if source.kinds[f"field:{name}"] == "number"]
    numeric += ["gap"] if source.columns.timestamp is not None else []
    for name, side in (sides if isinstance(sides, dict) else {}).items():
        check_choice(name, "a field in --sides", numeric)
        check_choice(side, f"the side of {name!r}", SIDES)


def _make(name: str, parameters: Mapping[str, Any]) -> Any:
    """Make an estimator, and check its parameters before any work starts."""
    import seqrec
    from seqrec._checks import check_choice

    kind = getattr(seqrec, name)
    known = kind().get_params()
    for parameter in parameters:
        check_choice(parameter, f"a parameter of {name} (--set)", known)
    estimator = kind(**parameters)
    try:
        estimator._validate_params()
    except ValueError as error:  # scikit-learn's, of a value that a parameter cannot take
        raise InputError(str(error)) from None
    return estimator


def _record(log: Log, X: Sequences, estimator: Any, output: Path, quarantine: Path) -> dict[str, Any]:
    filtered = log.good.num_rows - X.n_events
    record = {
        "model": str(output),
        "estimator": type(estimator).__name__,
        **log.record(),
        "used": X.n_events,
        "not_used": log.source.unused(),
        "filtered": filtered,
        "filtered_by_reason": {"duplicates": filtered} if filtered else {},
        "quarantine": str(quarantine) if log.bad.num_rows else None,
        "users": len(X),
        "items": len(X.vocabulary),
        "one_event_users": int((X.lengths == 1).sum()),
        "duplicates": X.n_duplicates if X.timestamps is not None else None,
        "tie_share": round(X.tie_share, 6),
        "time_unit": X.time_unit,
        "epochs": len(estimator.history_["loss"]),
    }
    if hasattr(estimator, "held_out_scores_"):
        return record | {"held_out_sequences": len(estimator.held_out_scores_), "threshold": estimator.offset_}
    best = max(estimator.history_.get("validation", []), default=None)
    if hasattr(estimator, "sample"):
        return record | {"validation_nats": None if best is None else -best}
    return record | {"validation_ndcg@10": best}


def _lines(record: Mapping[str, Any], seconds: float) -> list[str]:
    epochs = "1 epoch" if record["epochs"] == 1 else f"{record['epochs']:,} epochs"
    pairs = [
        ("model", f"{record['model']} ({record['estimator']}, {epochs}, {seconds:,.0f} s)"),
        ("rows", account(record, "used")),
        *told_bad(record, record["quarantine"]),
        ("sequences", f"{record['users']:,} ({record['one_event_users']:,} with one event)"),
        ("items", f"{record['items']:,}"),
    ]
    if record["tie_share"] or record["duplicates"]:
        text = f"{record['tie_share']:.1%} of events at the time of the one before, in the order of the rows"
        pairs.append(("ties", f"{text}; {record['duplicates']:,} duplicates"))
    if "threshold" in record:
        held_out = f"by {record['held_out_sequences']:,} held-out sequences"
        pairs.append(("threshold", f"scores below {record['threshold']:.3f} are flagged, {held_out}"))
    elif record.get("validation_nats") is not None:
        pairs.append(
            ("validation", f"{record['validation_nats']:.4f} nats an event with its fields, of held-out users")
        )
    elif record.get("validation_ndcg@10") is not None:
        pairs.append(("validation", f"NDCG@10 {record['validation_ndcg@10']:.4f} on held-out last events"))
    else:
        pairs.append(("validation", "none: too little to hold any out"))
    return facts(pairs)
