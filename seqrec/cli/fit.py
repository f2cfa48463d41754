"""``seqrec fit``: from log files to a model file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from seqrec._checks import check_choice
from seqrec.cli.columns import columns_record, tell_columns
from seqrec.cli.console import Console, facts, start_tensorflow
from seqrec.data.fields import SIDES
from seqrec.data.sequences import Sequences
from seqrec.exceptions import InputError, JobError, LogError
from seqrec.logs.source import Source
from seqrec.logs.tables import check_output
from seqrec.logs.whole import Log
from seqrec.persistence import save

_ESTIMATORS = {"recommend": "LSTMRecommender", "detect": "LSTMAnomalyDetector"}


class FitOptions(NamedTuple):
    """What a fit is to do.

    Attributes
    ----------
    task : {"recommend", "detect"}
    parameters : dict
        Of the estimator.
    names : dict
        Columns: "user", "item", "timestamp".
    fields : list of str
        Further columns.
    time_unit, drop_duplicates
        As `Sequences.from_frame` takes them.
    max_bad : float
        Largest share of rows that cannot be used.
    quarantine : Path or None
        File for these rows; by default beside the model.
    overwrite : bool
        Whether a file may be replaced.
    """

    task: str
    parameters: Mapping[str, Any]
    names: Mapping[str, str | None]
    fields: Sequence[str]
    time_unit: str
    drop_duplicates: bool
    max_bad: float
    quarantine: Path | None
    overwrite: bool


def fit(console: Console, patterns: Sequence[str], output: Path, options: FitOptions) -> bool:
    """Fit a model to a log and save it; tell whether all rows could be used."""
    if options.task == "recommend" and options.fields:
        raise LogError("a recommender reads users, items and times only. Leave --fields out, or fit --task detect.")
    source = Source.find(patterns, options.names, options.fields, {})
    quarantine = options.quarantine or output.with_name(output.name + ".quarantine.csv")
    _check_places(output, quarantine, source, options.overwrite)
    _check_sides(options.parameters.get("sides"), source)
    tell_columns(console, source)
    start_tensorflow()
    estimator = _make(options, silent=console.quiet or console.as_json)
    log = Log.read(source, console.show)
    console.pause()
    log.keep_bad_rows(quarantine, options.max_bad)
    X = log.sequences(options.fields, options.time_unit, options.drop_duplicates)
    console.note(f"{len(X):,} users, {X.n_events:,} events, {len(X.vocabulary):,} items; training begins")
    estimator.fit(X)
    columns = source.columns
    save(estimator, output, columns={**columns_record(source), "fields": columns.fields})
    if options.quarantine is None and options.overwrite and not log.bad.num_rows:
        quarantine.unlink(missing_ok=True)  # of the fit whose model was replaced
    record = _record(log, X, estimator, output, quarantine)
    console.result(record, _lines(record, console.seconds))
    return not log.bad.num_rows


def _check_places(output: Path, quarantine: Path, source: Source, overwrite: bool) -> None:
    inputs = {file.path.resolve() for file in source.files}
    check_output(quarantine)
    for path in (output, quarantine):
        if path.resolve() in inputs:
            raise LogError(f"{path} is a file of the log. Choose another name for what is written.")
        if path.is_dir():
            raise JobError(f"{path} is a folder. Give the name of a file, such as {path / 'model.seqrec'}.")
        if not path.parent.is_dir():
            raise JobError(f"there is no folder {path.parent} to write into. Make it first.")
    if output.resolve() == quarantine.resolve():
        raise JobError(f"{output} is to hold both the model and the rows that cannot be used. Name two files.")
    if output.exists() and not overwrite:
        raise JobError(f"{output} is there already. Choose another name, or replace it: --overwrite.")


def _check_sides(sides: Any, source: Source) -> None:
    kinds = {role.removeprefix("field:"): kind for role, kind in source.kinds.items() if role.startswith("field:")}
    numeric = [name for name, kind in kinds.items() if kind == "number"]
    numeric += ["gap"] if source.columns.timestamp is not None else []
    for name, side in (sides if isinstance(sides, dict) else {}).items():
        check_choice(name, "a field in --sides", numeric)
        check_choice(side, f"the side of {name!r}", SIDES)


def _make(options: FitOptions, silent: bool) -> Any:
    """Make the estimator, and check its parameters before any work starts."""
    import seqrec

    kind = getattr(seqrec, _ESTIMATORS[options.task])
    known = kind().get_params()
    for name in options.parameters:
        check_choice(name, f"a parameter of {kind.__name__} (--set)", known)
    estimator = kind(**{"verbose": False if silent else "auto", **options.parameters})
    try:
        estimator._validate_params()
    except ValueError as error:  # scikit-learn's, of a value that a parameter cannot take
        raise InputError(str(error)) from None
    return estimator


def _record(log: Log, X: Sequences, estimator: Any, output: Path, quarantine: Path) -> dict[str, Any]:
    used, good = X.n_events, log.good.num_rows
    record = {
        "model": str(output),
        "estimator": type(estimator).__name__,
        "rows": log.n_rows,
        "used": used,
        "quarantined": log.bad.num_rows,
        "filtered": good - used,
        "quarantined_by_code": log.bad_by_code(),
        "filtered_by_reason": {"duplicates": good - used} if good > used else {},
        "quarantine": str(quarantine) if log.bad.num_rows else None,
        "users": len(X),
        "items": len(X.vocabulary),
        "one_event_users": int((X.lengths == 1).sum()),
        "duplicates": X.n_duplicates if X.timestamps is not None else None,
        "tie_share": round(X.tie_share, 6),
        "columns": columns_record(log.source),
        "time_unit": X.time_unit,
        "epochs": len(estimator.history_["loss"]),
    }
    if hasattr(estimator, "held_out_scores_"):
        return record | {"held_out_sequences": len(estimator.held_out_scores_), "threshold": estimator.offset_}
    return record | {"validation_ndcg@10": max(estimator.history_.get("validation", []), default=None)}


def _lines(record: Mapping[str, Any], seconds: float) -> list[str]:
    pairs = [("model", f"{record['model']} ({record['estimator']}, {record['epochs']} epochs, {seconds:,.0f} s)")]
    filtered = f" + filtered {record['filtered']:,} (duplicates)" if record["filtered"] else ""
    quarantined = f" + quarantined {record['quarantined']:,}" if record["quarantined"] else ""
    pairs.append(("rows", f"{record['rows']:,} = used {record['used']:,}{quarantined}{filtered}"))
    if record["quarantined"]:
        codes = ", ".join(f"{count:,} {code}" for code, count in record["quarantined_by_code"].items())
        pairs.append(("quarantined", f"{codes}; see {record['quarantine']}"))
    pairs.append(("users", f"{record['users']:,} ({record['one_event_users']:,} with one event)"))
    pairs.append(("items", f"{record['items']:,}"))
    if record["tie_share"] or record["duplicates"]:
        text = f"{record['tie_share']:.1%} of events at the time of the one before, in the order of the rows"
        pairs.append(("ties", f"{text}; {record['duplicates']:,} duplicates"))
    if "threshold" in record:
        held_out = f"by {record['held_out_sequences']:,} held-out sequences"
        pairs.append(("threshold", f"scores below {record['threshold']:.3f} are flagged, {held_out}"))
    elif record["validation_ndcg@10"] is not None:
        pairs.append(("validation", f"NDCG@10 {record['validation_ndcg@10']:.4f} on held-out last events"))
    else:
        pairs.append(("validation", "none: too few users to hold any out"))
    task = "score" if "threshold" in record else "recommend"
    return [*facts(pairs), f"next: seqrec {task} {record['model']} LOG -o OUT"]
