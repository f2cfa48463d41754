"""A model meets a log: whether it is a model for this, and which columns hold what it knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seqrec.cli.console import Console, start_tensorflow
from seqrec.exceptions import LogError
from seqrec.jobs.job import digest_of, fitted, id_kind
from seqrec.logs import chunks as logs
from seqrec.logs.chunks import LogFile
from seqrec.logs.source import Source
from seqrec.persistence import inspect

_TASKS = {
    "LSTMAnomalyDetector": "score",
    "LSTMRecommender": "recommend",
    "PopularityRecommender": "recommend",
    "MarkovRecommender": "recommend",
    "SequentialRulesRecommender": "recommend",
}
_VERBS = {"score": "finds odd sequences", "recommend": "recommends"}


def describe(model: Path, task: str | None = None) -> dict[str, Any]:
    """Give what a model file says of itself.

    Raises
    ------
    LogError
        If the model is not for this task, "score" or "recommend"; None: for one of the two.
    ModelFileError
        If the file is no model.
    """
    description = inspect(model)
    kind = description["estimator"]
    own = _TASKS.get(kind)
    if own is None:
        raise LogError(f"{model} holds a {kind}, which the command line cannot use. Load it in Python: seqrec.load.")
    if task not in (None, own):
        raise LogError(f"{model} holds a {kind}, which {_VERBS[own]}. The command for it is: seqrec {own} {model} ...")
    return description


def load_model(model: Path) -> Any:
    """Load the model of a file."""
    if inspect(model)["estimator"].startswith("LSTM"):
        start_tensorflow()
    return fitted(str(model), digest_of(model))


def find_names(patterns: Sequence[str], given: Mapping[str, str | None], description: Mapping[str, Any]) -> dict:
    """Choose names of columns: those given, else those of the model's own log where this log has them.

    Raises
    ------
    LogError
        If there is no such file, or the log lacks a column.
    """
    files = [LogFile.from_path(path) for path in logs.find_files(patterns)]
    own = description["columns"]
    present = logs.read_names(files[0])
    names = dict(given)
    for role in ("user", "item", "timestamp"):
        usual = getattr(own, role, None)
        if names.get(role) is None and usual in present:
            names[role] = usual
    logs.find_columns(files, names.get("user"), names.get("item"), names.get("timestamp"), getattr(own, "fields", ()))
    return names


def find_source(
    patterns: Sequence[str], names: Mapping[str, str | None], model: Any, fields: Sequence[str] = ()
) -> Source:
    """Find the columns that a model needs, and further `fields`.

    Raises
    ------
    LogError
        If a column is missing, or holds other kinds of values than in training.
    """
    own_fields, wanted, timed = needs(model)
    source = Source.find(patterns, names, [*own_fields, *fields], wanted)
    if timed and source.columns.timestamp is None:
        raise LogError(
            "the model reads the time between events, and the log has no column of times with a usual name. "
            "Name it: --timestamp NAME."
        )
    return source


def needs(model: Any) -> tuple[list[str], dict[str, str], bool]:
    """Fields that a log must have, kinds of its columns by role, and whether it must have times."""
    if hasattr(model, "vocabulary_"):
        return [], {"item": id_kind(model.vocabulary_)}, False
    from seqrec.jobs.detection import kinds_wanted

    return kinds_wanted(model)


def tell_columns(console: Console, source: Source) -> None:
    """Say which columns are read."""
    columns = source.columns
    parts = [f"user {columns.user!r}", f"item {columns.item!r}"]
    parts += [f"timestamp {columns.timestamp!r}"] if columns.timestamp is not None else []
    fields = ", ".join(f"{name!r} ({source.kinds[f'field:{name}']})" for name in columns.fields)
    parts += [f"fields {fields}"] if fields else []
    console.note(f"columns: {', '.join(parts)}")
    if columns.timestamp is None:
        console.note("no timestamps: the rows of each user are taken in their order")


def columns_record(source: Source) -> dict[str, Any]:
    """Give the columns for a report."""
    return source.columns._asdict() | {"fields": list(source.columns.fields)}
