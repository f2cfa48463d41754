"""``seqrec fit --task classify``: what a classifier of sequences is fitted to, which are logs or sounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from seqrec._checks import show
from seqrec.cli import exits, options
from seqrec.cli.console import Console, account, facts, told_bad
from seqrec.cli.models import check_places, make
from seqrec.cli.options import Labels, Reading
from seqrec.exceptions import InputError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from seqrec.data.sequences import Sequences
    from seqrec.logs.labels import Unlabelled
    from seqrec.logs.source import Source
    from seqrec.sound import LogMel

_NUMBERS = ("number", "boolean")  # kinds of the channels of frames
_SHOWN = 12  # classes
_USUAL_RATE = 16_000  # samples a second


class Order(NamedTuple):
    """What a classifier is to be fitted to, and where it goes.

    Attributes
    ----------
    logs : list of str
        Logs, or sounds: files, folders, patterns.
    reading : Reading
    labels : Labels
    fields : dict of str to str or None
        Columns to read, and their kinds where these are given.
    output, listed : Path
        The model file, and the list of what cannot be used.
    overwrite : bool
    estimator : str or None
        In place of an LSTM.
    parameters : dict
        Of the estimator.
    """

    logs: Sequence[str]
    reading: Reading
    labels: Labels
    fields: Mapping[str, str | None]
    output: Path
    listed: Path
    overwrite: bool
    estimator: str | None
    parameters: Mapping[str, Any]

    def check_places(self, inputs: Iterable[Path]) -> None:
        """Refuse places that cannot be written to, or that are among what is read."""
        check_places(self.output, self.listed, inputs, self.overwrite)

    def made(self) -> Any:
        """Make the estimator."""
        return make("classify", self.estimator, self.parameters)


class Material(NamedTuple):
    """What a classifier is fitted to.

    Attributes
    ----------
    X : Sequences
        Those that have a label.
    y : (n_sequences,) array
    columns : dict
        Of the log, as a model file keeps them.
    record : dict
        What became of every row.
    bad : pa.Table
        Rows that cannot be used.
    model : estimator
        That is to be fitted.
    """

    X: Sequences
    y: NDArray
    columns: dict[str, Any]
    record: dict[str, Any]
    bad: pa.Table
    model: Any


def fit_classifier(console: Console, order: Order) -> None:
    """Fit a classifier to logs or sounds, and save it."""
    from seqrec.logs.sounds import are_sounds
    from seqrec.persistence import save

    if order.labels.label is None and order.labels.labels is None:
        raise typer.BadParameter("--task classify needs --label COLUMN, or a table of labels: --labels FILE.")
    material = (_sounds if are_sounds(order.logs) else _log)(console, order)
    if not len(material.X):
        raise InputError("no sequence has a label and rows that can be used, so there is nothing to fit a model to.")
    model = material.model
    console.note(f"{len(material.X):,} sequences, {material.X.n_events:,} events; training begins")
    model.fit(material.X, material.y)
    save(model, order.output, columns=material.columns)
    record = _record(material, order)
    if not material.bad.num_rows and order.overwrite and order.listed.name == order.output.name + ".quarantine.csv":
        order.listed.unlink(missing_ok=True)  # of the fit whose model was replaced
    what = "SOUNDS" if material.columns.get("sound") else "LOG"
    console.result(record, [*_lines(record, console.seconds), f"next: seqrec classify {order.output} {what} -o OUT"])
    if material.bad.num_rows:
        raise typer.Exit(exits.QUARANTINED)


def _log(console: Console, order: Order) -> Material:
    """Read logs, of events where the column of their items is named, and of frames of numbers where none is."""
    from seqrec.cli.columns import read, tell_columns
    from seqrec.forecast.faults import Fault

    labels, reading = order.labels, order.reading
    if labels.sound:
        raise typer.BadParameter("--sound is for files of sound, and these are logs.")
    own = labels.label if labels.labels is None else None
    source = _source(order.logs, reading, order.fields, own, labels.label or "label")
    order.check_places(file.path for file in source.files)
    tell_columns(console, source, "sequence", own)
    model = order.made()
    log, X = read(console, source, reading, order.listed)
    X, y, unlabelled = with_labels(console, source, X, labels.label, labels.labels)
    faults = [
        Fault(X.keys[row], code, reason, int(X.rows[X.indptr[row]]), int(X.lengths[row]))
        for row, code, reason in unlabelled
    ]
    n_apart = sum(fault.n_events - 1 for fault in faults)
    if faults:
        log = log.with_bad(*zip(*((one.row, own or "", one.code, one.reason) for one in faults), strict=True))
    log.keep_bad_rows(order.listed, reading.max_bad, n_apart)
    kept = labelled_of(len(X), unlabelled)
    used = X[kept]
    filtered = {"duplicates": log.n_rows - log.bad.num_rows - used.n_events - n_apart}
    record = log.record() | _account(used.n_events, filtered | {"of sequences without a label": n_apart})
    record |= {"not_used": source.unused(), "time_unit": X.time_unit}
    if record["not_used"]:
        console.note(f"not used: {', '.join(record['not_used'])} (--fields{'' if X.has_items else ', --item'})")
    columns = source.columns._asdict()
    columns["fields"] = tuple(name for name in columns["fields"] if name != own)
    return Material(used, y[kept], columns, record | {"columns": columns}, log.bad, model)


def with_labels(
    console: Console, source: Source, X: Sequences, label: str | None, table: Path | None
) -> tuple[Sequences, NDArray, list[Unlabelled]]:
    """Give sequences without the column of their labels, these, (n_sequences,), and which sequences have none.

    Labels are those of a column, or of a table, whose labels of other sequences are told.
    """
    from seqrec.logs.labels import labels_beside, labels_within, read_labels

    if table is None:
        y, unlabelled = labels_within(X, str(label))
        return replace(X, columns={name: column for name, column in X.columns.items() if name != label}), y, unlabelled
    labels = read_labels(table, label, (source.columns.user,), source.kinds["user"])
    _tell_others(console, [str(key) for key in labels.index[~labels.index.isin(X.keys)]], "sequences")
    return X, *labels_beside(X.keys, labels)


def _source(
    logs: Sequence[str], reading: Reading, fields: Mapping[str, str | None], label: str | None, apart: str
) -> Source:
    """Find the columns to read: the fields that are named or, of frames, all numbers but those `apart`; and the label.

    Where labels stand in a table, the log may hold them, too: they are no channel.
    """
    from seqrec.logs.source import Source

    has_items, more = reading.item is not None, [] if label is None else [label]
    wanted = {f"field:{name}": kind for name, kind in fields.items() if kind is not None}
    if label is not None and label in fields:
        raise typer.BadParameter(f"{label!r} is the label: leave it out of --fields.")

    def find(names: Sequence[str]) -> Source:
        return Source.find(logs, reading._asdict(), [*names, *more], wanted, reading.dialect(), has_items)

    if fields or has_items:
        return find(list(fields))
    unused = [name for name in find([]).unused() if name not in (label, apart)]
    source = find(unused)
    channels = [name for name in unused if source.kinds[f"field:{name}"] in _NUMBERS]
    if not channels:
        raise InputError(
            "the log has no column of numbers that could be a channel of frames. If its rows are events, name the "
            "column of these: --item COLUMN."
        )
    return find(channels)


def _sounds(console: Console, order: Order) -> Material:
    """Read files of sound, and their labels from a table."""
    import numpy as np

    from seqrec.data.audio import tell_lower
    from seqrec.data.sequences import Sequences
    from seqrec.logs.labels import labels_beside, read_labels
    from seqrec.logs.sounds import KEYS, by_file, keep_bad, list_files
    from seqrec.sound import Fault, read_recordings

    labels, patterns = order.labels, order.logs
    if order.fields or order.reading.item is not None:
        raise typer.BadParameter("--fields and --item are for logs, and these are files of sound.")
    if labels.labels is None:
        raise typer.BadParameter("sounds need a table of labels, with columns such as path and label: --labels FILE.")
    form, files = sound_form(labels.sound or []), list_files(patterns)
    order.check_places([*files, labels.labels])
    table = read_labels(labels.labels, labels.label, KEYS)
    folders = [Path(), labels.labels.parent, *(Path(pattern) for pattern in patterns if Path(pattern).is_dir())]
    model = order.made()
    told, others = by_file(table, files, folders)
    _tell_others(console, others, "files")
    names = [str(path) for path in files]
    y, unlabelled = labels_beside(np.array(names, dtype=object), told)
    faults = [Fault(row, names[row], code, f"sound {names[row]!r} has no label.") for row, code, _ in unlabelled]
    labelled = labelled_of(len(files), unlabelled)
    console.note(
        f"sounds: {len(files):,} files, {', '.join(f'{name}={one:,}' for name, one in form._asdict().items())}"
    )
    recordings = read_recordings(_shown(console, [files[row] for row in labelled]), form)
    faults += [fault._replace(row=int(labelled[fault.row])) for fault in recordings.faults]
    bad = keep_bad(sorted(faults), len(files), order.listed, order.reading.max_bad)
    if recordings.lower:
        console.warn(tell_lower(recordings, form, "--sound "))
    rows = labelled[recordings.rows]
    codes = dict(sorted(Counter(fault.code for fault in faults).items()))
    columns = {"user": "path", "item": None, "timestamp": None, "fields": ("log_mel",), "sound": form}
    record = {"rows": len(files), "quarantined": len(faults), "quarantined_by_code": codes}
    record |= _account(len(rows), {}) | {"sound": form._asdict()}
    frames = recordings.frames or np.empty((0, 0, form.n_mels), np.float32)
    X = Sequences.from_arrays(frames, "log_mel", [names[row] for row in rows], channels_first=False)
    return Material(X, y[rows], columns, record, bad, model)


def _shown(console: Console, files: Sequence[Path]) -> Iterator[Path]:
    """Give files one by one, and tell how many are read."""
    for n_read, path in enumerate(files):
        console.show("listening", n_read, len(files))
        yield path


def sound_form(settings: Sequence[str]) -> LogMel:
    """Read --sound: how sounds become frames."""
    from seqrec._checks import check_choice
    from seqrec.sound import LogMel

    given = {"rate": _USUAL_RATE} | options.settings(settings, "--sound")
    for name, value in given.items():
        check_choice(name, "--sound", LogMel._fields)
        with suppress(ValueError):  # what is no number is refused by its name
            given[name] = float(value) if isinstance(value, str) else value  # .01 is no JSON
    form = LogMel(**given)
    form.check_sound()
    return form


def labelled_of(n: int, unlabelled: Sequence[Unlabelled]) -> NDArray[np.intp]:
    """Give the sequences of n that have a label."""
    import numpy as np

    return np.setdiff1d(np.arange(n), [one.sequence for one in unlabelled])


def _tell_others(console: Console, others: Sequence[str], what: str) -> None:
    if others:
        console.warn(f"{len(others):,} labels are of {what} that are not there, such as {show(others[0])}.")


def _account(used: int, filtered: Mapping[str, int]) -> dict[str, Any]:
    """Tell how many rows were used, and how many were not though nothing is wrong with them."""
    reasons = {reason: n for reason, n in filtered.items() if n}
    return {"used": used, "filtered": sum(reasons.values()), "filtered_by_reason": reasons}


def _record(material: Material, order: Order) -> dict[str, Any]:
    import numpy as np

    model = material.model
    history: Mapping[str, Any] = getattr(model, "history_", {})
    best = max(history.get("validation", []), default=None)
    classes, sizes = np.unique(material.y, return_counts=True)
    return {
        "model": str(order.output),
        "estimator": type(model).__name__,
        **material.record,
        "quarantine": str(order.listed) if material.bad.num_rows else None,
        "sequences": len(material.X),
        "events": material.X.n_events,
        "classes": {str(name): int(size) for name, size in zip(classes.tolist(), sizes, strict=True)},
        "epochs": len(history["loss"]) if "loss" in history else None,
        "validation_log_loss": None if best is None else -best,
    }


def _lines(record: Mapping[str, Any], seconds: float) -> list[str]:
    trained = "" if record["epochs"] is None else f"{record['epochs']:,} epoch{'s' * (record['epochs'] != 1)}, "
    sizes = [f"{name} {size:,}" for name, size in record["classes"].items()]
    pairs = [
        ("model", f"{record['model']} ({record['estimator']}, {trained}{seconds:,.0f} s)"),
        ("sounds" if "sound" in record else "rows", account(record, "used")),
        *told_bad(record, record["quarantine"]),
        ("sequences", f"{record['sequences']:,}, {record['events']:,} events"),
        ("classes", ", ".join(sizes[:_SHOWN]) + ", ..." * (len(sizes) > _SHOWN)),
    ]
    if record["validation_log_loss"] is not None:
        pairs.append(("validation", f"{record['validation_log_loss']:.4f} nats a label, of held-out sequences"))
    return facts(pairs)
