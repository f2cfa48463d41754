"""``seqrec fit``: from log files to a model file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from seqrec.cli import exits, options
from seqrec.cli.console import Console, account, facts, told_bad, told_series
from seqrec.cli.models import check_places, make
from seqrec.cli.options import Labels, Logs, Reading, Series
from seqrec.exceptions import InputError

if TYPE_CHECKING:
    from seqrec.data.sequences import Sequences
    from seqrec.logs.source import Source
    from seqrec.logs.whole import Log

_NEXT = {
    "recommend": "recommend {} LOG",
    "detect": "score {} LOG",
    "generate": "generate {}",
    "forecast": "forecast {} LOG{}",
}
_EVENTS = ("recommend", "detect", "generate")


def fit(
    logs: Logs,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help="Model file, such as m.seqrec.", callback=options.place),
    ],
    task: Annotated[
        Literal["recommend", "detect", "generate", "forecast", "classify"],
        typer.Option(help="Next items, odd sequences, new ones, series of numbers, or classes of sequences."),
    ],
    *,
    estimator: Annotated[
        str | None, typer.Option(metavar="NAME", help="In place of an LSTM, such as SeasonalNaiveForecaster.")
    ] = None,
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
    series: Series,
    labels: Labels,
    reading: Reading,
    console: Console,
) -> None:
    """Fit a model to logs, or to sounds with their labels, and save it."""
    _check_options(task, series, labels, fields or sides, reading)
    parameters = {"verbose": False if console.silent else "auto"} | options.settings(settings or [])
    parameters |= {"random_state": seed} if seed is not None else {}
    parameters |= series.parameters()
    if sides:
        parameters["sides"] = options.pairs(options.names(sides), "--sides")
    listed = quarantine or output.with_name(output.name + ".quarantine.csv")
    with console.at_work():
        if task == "classify":
            from seqrec.cli.classifier import Order, fit_classifier

            kinds = options.kinds(fields or [])
            order = Order(logs, reading, labels, kinds, output, listed, overwrite, estimator, parameters)
            fit_classifier(console, order)
            return
        from seqrec.cli.columns import tell_columns
        from seqrec.logs.form import learn_form
        from seqrec.logs.source import Source
        from seqrec.persistence import save

        kinds, has_items = options.kinds(fields or []) if task != "forecast" else series.named(), task != "forecast"
        wanted = {f"field:{name}": kind for name, kind in kinds.items() if kind is not None}
        source = Source.find(logs, reading._asdict(), kinds, wanted, reading.dialect(), has_items)
        check_places(output, listed, (file.path for file in source.files), overwrite)
        _check_sides(parameters.get("sides"), source)
        tell_columns(console, source)
        model = make(task, estimator, parameters)
        log, X, n_apart = _read(console, source, reading, listed, None if has_items else model)
        model.fit(X)
        form = learn_form(source, X.time_unit, X.keys) if task == "generate" else None
        save(model, output, columns=source.columns._asdict() | {"form": form})
        if quarantine is None and overwrite and not log.bad.num_rows:
            listed.unlink(missing_ok=True)  # of the fit whose model was replaced
        record = _record(log, X, model, output, listed, n_apart)
        follows = _NEXT[task].format(output, " --future FILE" * bool(series.known))
        console.result(record, [*_lines(record, console.seconds), f"next: seqrec {follows} -o OUT"])
        if log.bad.num_rows:
            raise typer.Exit(exits.QUARANTINED)


def _check_options(task: str, series: Series, labels: Labels, others: list[str] | None, reading: Reading) -> None:
    """Refuse options of the one task with another."""
    if task != "classify" and (theirs := labels.given()):
        raise typer.BadParameter(f"{theirs[0]} is for --task classify.")
    if task != "forecast":
        if given := next((name for name, value in series._asdict().items() if value), None):
            raise typer.BadParameter(f"--{given} is for --task forecast.")
        return
    if series.target is None:
        raise typer.BadParameter("--task forecast needs --target COLUMN: what is to be forecast.")
    if others or reading.item is not None:
        raise typer.BadParameter(
            "--fields, --sides and --item are for logs of events. Further columns of series are named by what "
            "is known of them: --known, --observed, --static."
        )
    if series.step is not None:
        from seqrec.data.steps import Step

        Step.parse(series.step, "--step")


def _read(
    console: Console, source: Source, reading: Reading, listed: Path, forecaster: Any
) -> tuple[Log, Sequences, int]:
    """Read what a model is fitted to; for a forecaster, without series that cannot be used, whose other rows count."""
    from seqrec.cli.columns import read

    log, X = read(console, source, reading, listed)
    if unused := source.unused():
        how = "--fields" if forecaster is None else "--known, --observed, --static"
        console.note(f"not used: {', '.join(unused)} ({how})")
    n_apart, told = 0, f"sequences, {X.n_events:,} events, {len(X.vocabulary):,} items"
    if forecaster is not None:
        log, X, n_apart = _without_bad_series(log, X, forecaster, listed, reading.max_bad)
        told = f"series, {X.n_events:,} values"
    if not X.n_events:
        raise InputError("the log has no row that can be used, so there is nothing to fit a model to.")
    console.note(f"{len(X):,} {told}; training begins")
    return log, X, n_apart


def _without_bad_series(
    log: Log, X: Sequences, forecaster: Any, listed: Path, max_bad: float
) -> tuple[Log, Sequences, int]:
    """Settle the step, and set series apart that a forecaster cannot be fitted to: list them, and count other rows."""
    from seqrec.cli.columns import list_series
    from seqrec.forecast.faults import usable
    from seqrec.forecast.panel import step_of

    if X.n_events and X.timestamps is not None:
        forecaster.set_params(step=str(step_of(X, forecaster.step)))
    X, faults = usable(forecaster, X)
    n_others = sum(fault.n_events - 1 for fault in faults)
    log = list_series(log, faults)
    log.keep_bad_rows(listed, max_bad, n_others)
    return log, X, n_others


def _check_sides(sides: Any, source: Source) -> None:
    from seqrec._checks import check_choice
    from seqrec.data.fields import SIDES

    numeric = [name for name in source.columns.fields if source.kinds[f"field:{name}"] == "number"]
    numeric += ["gap"] if source.columns.timestamp is not None else []
    for name, side in (sides if isinstance(sides, dict) else {}).items():
        check_choice(name, "a field in --sides", numeric)
        check_choice(side, f"the side of {name!r}", SIDES)


def _record(log: Log, X: Sequences, estimator: Any, output: Path, quarantine: Path, n_apart: int) -> dict[str, Any]:
    filtered = log.n_rows - log.bad.num_rows - X.n_events
    reasons = {"duplicates": filtered - n_apart, "of series set apart": n_apart}
    history: Mapping[str, Any] = getattr(estimator, "history_", {})
    record = {
        "model": str(output),
        "estimator": type(estimator).__name__,
        **log.record(),
        "used": X.n_events,
        "not_used": log.source.unused(),
        "filtered": filtered,
        "filtered_by_reason": {reason: n for reason, n in reasons.items() if n},
        "quarantine": str(quarantine) if log.bad.num_rows else None,
        "time_unit": X.time_unit,
    }
    best = max(history.get("validation", []), default=None)
    if hasattr(estimator, "target_"):
        return record | _of_series(X, estimator) | {"validation_pinball": None if best is None else -best}
    record |= {
        "users": len(X),
        "items": len(X.vocabulary),
        "one_event_users": int((X.lengths == 1).sum()),
        "duplicates": X.n_duplicates if X.timestamps is not None else None,
        "tie_share": round(X.tie_share, 6),
        "epochs": len(history["loss"]) if "loss" in history else None,
    }
    if hasattr(estimator, "held_out_scores_"):
        return record | {"held_out_sequences": len(estimator.held_out_scores_), "threshold": estimator.offset_}
    if hasattr(estimator, "sample"):
        return record | {"validation_nats": None if best is None else -best}
    return record | {"validation_ndcg@10": best}


def _of_series(X: Sequences, forecaster: Any) -> dict[str, Any]:
    import numpy as np

    return {
        "series": len(X),
        "missing": int(np.isnan(X.columns[forecaster.target_]).sum()),
        "step": None if forecaster.step_ is None else str(forecaster.step_),
        "season_lengths": list(forecaster.season_lengths_),
        "horizon": forecaster.horizon,
        "coverage": getattr(forecaster, "coverage_", None),
    }


def _lines(record: Mapping[str, Any], seconds: float) -> list[str]:
    trained = "" if record.get("epochs") is None else f"{record['epochs']:,} epoch{'s' * (record['epochs'] != 1)}, "
    pairs = [
        ("model", f"{record['model']} ({record['estimator']}, {trained}{seconds:,.0f} s)"),
        ("rows", account(record, "used")),
        *told_bad(record, record["quarantine"]),
    ]
    return facts([*pairs, *(told_series(record) if "series" in record else _told_sequences(record))])


def _told_sequences(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    pairs = [
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
    return pairs
