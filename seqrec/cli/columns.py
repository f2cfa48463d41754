"""A model meets a log: whether it is a model for this, and which columns hold what it knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqrec import _MODULE_OF
from seqrec._checks import check_known
from seqrec.cli import options
from seqrec.cli.console import Console, start_tensorflow
from seqrec.cli.options import Reading
from seqrec.exceptions import InputError, LogError
from seqrec.jobs.job import kept, kinds_wanted
from seqrec.logs.columns import find_columns
from seqrec.logs.dialect import Dialect
from seqrec.logs.files import LogFile, find_files
from seqrec.logs.formats import read_names
from seqrec.logs.source import Source
from seqrec.logs.values import SHOWN
from seqrec.logs.whole import Log
from seqrec.persistence import ModelFile, opened
from seqrec.storage.columns import Columns

if TYPE_CHECKING:
    from seqrec.data.sequences import Sequences
    from seqrec.forecast.faults import Fault

_TASKS = {
    "LSTMAnomalyDetector": "score",
    "LSTMRecommender": "recommend",
    "PopularityRecommender": "recommend",
    "MarkovRecommender": "recommend",
    "SequentialRulesRecommender": "recommend",
    "LSTMGenerator": "generate",
    "NGramGenerator": "generate",
    "LSTMSequenceClassifier": "classify",
    "SummaryClassifier": "classify",
    **{name: "forecast" for name, module in _MODULE_OF.items() if module.startswith("forecast.")},
}
_ASKED = {("ask", own) for own in ("score", "recommend", "generate")}  # about what they are for
_COUNTS = ("PopularityRecommender", "MarkovRecommender", "SequentialRulesRecommender")  # and nothing else
_VERBS = {
    "score": "finds odd sequences",
    "recommend": "recommends",
    "generate": "generates sequences",
    "forecast": "forecasts series",
    "classify": "tells classes of sequences",
}


def meet(
    console: Console,
    path: Path,
    patterns: Sequence[str],
    reading: Reading,
    task: str | None = None,
    label: str | None = None,
    shown: Sequence[str] = (),
) -> tuple[Any, str, Source]:
    """Load a model, and find what it needs in a log; what is wrong is told as early as it can be known.

    Parameters
    ----------
    console : Console
    path : Path
        Model file.
    patterns : list of str
        Log files.
    reading : Reading
    task : {"score", "recommend", "generate", "ask", "forecast", "classify"}, optional
        What the model must be for; by default one of these.
    label : str, optional
        A further column of the log, for a detector or a classifier.
    shown : sequence of str
        Columns of the log that are told as they are written.

    Returns
    -------
    model : fitted estimator
    digest : str
        Of its file.
    source : Source

    Raises
    ------
    LogError
        If there is no such file, or it lacks a column, or a column holds other kinds of values than in training.
    InputError
        If the model is for another task.
    """
    with opened(path) as file:
        kind = file.description["estimator"]
        _check_task(path, kind, task, label)
        own, is_for = file.description["columns"], _TASKS[kind]
        of_frames = is_for == "classify" and own is not None and own.item is None
        has_items = is_for != "forecast" and not of_frames
        names = _names(patterns, reading, own, is_for, has_items)
        model, digest = _load_noted(console, path, file), file.digest
    more = [] if label is None else [label]
    source = _find_source(console, patterns, names, model, more, shown, reading.dialect(), has_items)
    tell_columns(console, source)
    return model, digest, source


def meet_alone(console: Console, path: Path, task: str) -> tuple[Any, str, Columns | None]:
    """Load a model that needs no log; give it, the digest of its file, and the columns of the log it was made from.

    Raises
    ------
    InputError
        If the model is for another task.
    """
    with opened(path) as file:
        _check_task(path, file.description["estimator"], task, None)
        return _load_noted(console, path, file), file.digest, file.description["columns"]


def _load_noted(console: Console, path: Path, file: ModelFile) -> Any:
    console.note(f"model: {path} ({file.description['estimator']})")
    return load(path, file)


def load(path: Path, file: ModelFile) -> Any:
    """Load the model of an open file."""
    if file.description["estimator"].startswith("LSTM"):
        start_tensorflow()
    return kept(str(path), file)


def _check_task(path: Path, kind: str, task: str | None, label: str | None) -> None:
    own = _TASKS.get(kind)
    if own is None:
        raise InputError(f"{path} holds a {kind}, which the command line cannot use. Load it in Python: seqrec.load.")
    if task == "ask" and kind in _COUNTS:
        raise InputError(f"{path} holds a {kind}, which tells no chances. Networks do, and n-grams: seqrec fit.")
    if task not in (None, own) and (task, own) not in _ASKED:
        raise InputError(f"{path} holds a {kind}, which {_VERBS[own]}. The command for it is: seqrec {own} {path} ...")
    if own not in ("score", "classify") and label is not None:
        raise InputError(f"--label is for detectors and classifiers, and {path} holds a {kind}, which {_VERBS[own]}.")


def _names(patterns: Sequence[str], reading: Reading, own: Any, task: str, has_items: bool) -> dict[str, str | None]:
    """Choose names of columns: those given, else those of the model's own log where this log has them.

    Of a user to recommend to, less may be known; what other models read must be there.
    """
    files = find_files(patterns, reading.dialect())
    present, names = _present(files), {}
    if not has_items and reading.item is not None:
        what = "values of series" if task == "forecast" else "frames"
        raise InputError(f"--item is for logs of events, and {what} have no item: leave it away.")
    for role in ("user", "item", "timestamp"):
        given, usual = getattr(reading, role), getattr(own, role, None)
        names[role] = usual if given is None and usual in present else given
    for field in getattr(own, "fields", ()) if task != "recommend" else ():
        if present and field not in present:
            found = ", ".join(map(repr, present))
            raise LogError(f"{files[0].path}: column {field!r} is missing, and the model needs it; found: {found}.")
    user, item, timestamp = names.values()
    find_columns(files, user, item, timestamp, has_items=has_items)  # raises, before the model is loaded
    return names


def _present(files: Sequence[LogFile]) -> Sequence[str]:
    """Give the columns of a log; a file of JSON Lines without rows has no names."""
    return next(filter(None, map(read_names, files)), [])


def _find_source(
    console: Console,
    patterns: Sequence[str],
    names: Mapping[str, str | None],
    model: Any,
    label: Sequence[str],
    shown: Sequence[str],
    dialect: Dialect,
    has_items: bool,
) -> Source:
    """Find the columns that a model reads, and a `label`; tell of those that a recommender has to do without."""
    fields, wanted, timed = kinds_wanted(model)
    may_lack = hasattr(model, "recommend")
    if hasattr(model, "target_") and not timed:
        names = {**names, "timestamp": names["timestamp"] or "none"}
    present = _present(find_files(patterns, dialect)) if may_lack else fields
    lacking = [repr(name) for name in fields if name not in present]
    more = [*label, *(name for name in shown if name not in fields)]
    wanted |= {f"field:{name}": SHOWN for name in shown if name not in fields}
    found = [*(name for name in fields if name in present), *more]
    source = Source.find(patterns, names, found, wanted, dialect, has_items)
    if timed and source.columns.timestamp is None:
        if not may_lack:
            raise LogError(
                "the model reads the time between events, and the log has no column of times with a usual name. "
                "Name it: --timestamp NAME."
            )
        lacking.append("times")
    if lacking:
        console.warn(f"the model was fitted with {', '.join(lacking)}, which the log lacks: it does without.")
    return source


def tell_columns(console: Console, source: Source, whose: str = "series", label: str | None = None) -> None:
    """Say which columns are read, and which of them is the label; without items, users are called by what they are."""
    *named, fields = source.columns._asdict().items()
    own = {} if source.columns.item is not None else {"user": whose}
    parts = [f"{own.get(role, role)} {name!r}" for role, name in named if name is not None]
    shown = ", ".join(f"{name!r} ({source.kinds[f'field:{name}']})" for name in fields[1] if name != label)
    parts += [f"fields {shown}"] if shown else []
    parts += [] if label is None else [f"label {label!r}"]
    console.note(f"columns: {', '.join(parts)}")
    if source.columns.timestamp is None:
        console.note(f"no timestamps: the rows of each {own.get('user', 'user')} are taken in their order")


def items_of(texts: Sequence[str], option: str, model: Any, more: Sequence[str] = ()) -> list[Any]:
    """Read items that a model knows, or one of `more`: those of a text with commas between them, or one that has some.

    Raises
    ------
    InputError
        If it does not know one.
    """
    known = {name: name for name in more} | {str(item): item for item in model.vocabulary_.items.tolist()}
    given = [one for text in texts for one in ([text] if text in known else options.names([text]))]
    for name in given:
        if name not in known and Path(name).is_file():
            raise InputError(f"{option} takes items. To go on with the users of {name}, name it after the model.")
    check_known(given, known, option)
    return [known[name] for name in given]


def read(console: Console, source: Source, reading: Reading, quarantine: Path | None = None) -> tuple[Log, Sequences]:
    """Read a whole log, whose bad rows go to a file; give its sequences as well."""
    if reading.drop_duplicates and source.columns.timestamp is None:
        raise InputError("--drop-duplicates needs times: without them an item twice is no duplicate.")
    log = Log.read(source, console.show)
    log.keep_bad_rows(quarantine, reading.max_bad)
    return log, log.sequences(source.columns.fields, reading.time_unit, reading.drop_duplicates)


def list_series(log: Log, faults: Sequence[Fault]) -> Log:
    """List series that cannot be used, each by the row that shows what is wrong."""
    from seqrec.forecast.faults import TIMES

    column = log.source.columns.timestamp or ""
    columns = [column if fault.code in TIMES else "" for fault in faults]
    rows, codes, reasons = ([getattr(fault, name) for fault in faults] for name in ("row", "code", "reason"))
    return log.with_bad(rows, columns, codes, reasons)
