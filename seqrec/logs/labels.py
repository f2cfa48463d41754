"""Labels of sequences: a column of their log, or a table beside it with one row a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrec._checks import check_column, show
from seqrec.data.sequences import Sequences
from seqrec.exceptions import LogError
from seqrec.logs.files import find_files
from seqrec.logs.formats import read_names
from seqrec.logs.source import Source
from seqrec.logs.whole import Log

_USUAL = ("label", "class", "y", "target", "category")


class Unlabelled(NamedTuple):
    """A sequence whose label is not known: which one, a stable code, and a reason."""

    sequence: int
    code: str
    reason: str


def labels_within(X: Sequences, column: str) -> tuple[NDArray, list[Unlabelled]]:
    """Give the label of each sequence, (n_sequences,), which its events repeat in a column; and who has none.

    An event may lack it. Sequences without a label have any.
    """
    codes, classes = pd.factorize(X.columns[column])
    known, whose = codes >= 0, np.repeat(np.arange(len(X)), X.lengths)
    low, high = np.full(len(X), len(classes)), np.full(len(X), -1)
    np.minimum.at(low, whose[known], codes[known])
    np.maximum.at(high, whose[known], codes[known])
    faults = []
    for sequence in np.flatnonzero(low != high):
        if high[sequence] < 0:
            faults.append(_lacking(X.keys[sequence], int(sequence)))
        else:
            both = f"{show(classes[low[sequence]])} and {show(classes[high[sequence]])}"
            reason = f"sequence {show(X.keys[sequence])} has several labels in column {column!r}, such as {both}."
            faults.append(Unlabelled(int(sequence), "labels_differ", reason))
    labels = plain_labels(classes)[np.maximum(high, 0)] if len(classes) else np.zeros(len(X))
    return labels, faults


def labels_beside(keys: NDArray, labels: pd.Series) -> tuple[NDArray, list[Unlabelled]]:
    """Give the label of each key, by a table of labels; and who has none."""
    found = labels.astype(object).reindex(pd.Index(keys, dtype=keys.dtype))
    there = found.notna().to_numpy()
    faults = [_lacking(keys[row], int(row)) for row in np.flatnonzero(~there)]
    filled = found.where(there, next(iter(found[there]), "")).to_numpy(object)
    return plain_labels(filled), faults


def read_labels(path: Path, label: str | None, usual_keys: Sequence[str], key_kind: str | None = None) -> pd.Series:
    """Read a table of labels: the label of each key that has one.

    Parameters
    ----------
    path : Path
    label : str, optional
        Column of the labels; by default one with a usual name, or the only one beside the keys.
    usual_keys : sequence of str
        Names that the column of keys may have, the first of them that is there.
    key_kind : {"text", "integer"}, optional
        Of the keys.

    Raises
    ------
    LogError
        If a column is missing, a row cannot be used, or a key has two labels.
    """
    names = read_names(find_files([str(path)])[0])
    key = next((name for name in usual_keys if name in names), None)
    if key is None:
        raise LogError(
            f"{path} has none of the columns {', '.join(map(repr, usual_keys))}, which tell whose labels it "
            f"holds; columns found: {', '.join(map(repr, names))}."
        )
    label = _label_column(path, label, [name for name in names if name != key])
    wanted = {} if key_kind is None else {"user": key_kind}
    log = Log.read(
        Source.find([str(path)], {"user": key, "timestamp": "none"}, [label], wanted, has_items=False), _quiet
    )
    if log.bad.num_rows:
        first = log.bad.slice(0, 1).to_pylist()[0]
        raise LogError(
            f"{path}: {log.bad.num_rows:,} rows cannot be used, the first of them {first['row']}: "
            f"{first['reason']}. Repair or remove them."
        )
    labels = log.good[label].to_pandas()
    labels.index = pd.Index(log.good[key].to_pandas())
    labels = labels.dropna()
    rows = pd.DataFrame({"key": labels.index, "label": labels.to_numpy()}).drop_duplicates()
    again = rows["key"].duplicated()
    if again.any():
        raise LogError(f"{path} has several labels for {show(rows['key'][again].iloc[0])}. Keep one of them.")
    return rows.set_index("key")["label"]


def plain_labels(labels: NDArray) -> NDArray:
    """Give labels as whole numbers where all of them are such, which logs hold as floats; else as they are."""
    kind = pd.api.types.infer_dtype(labels)
    if kind in ("floating", "mixed-integer-float") and all(float(one).is_integer() for one in labels):
        return labels.astype(np.int64)
    return labels.astype(bool) if kind == "boolean" else labels


def _label_column(path: Path, label: str | None, names: Sequence[str]) -> str:
    if label is None:
        usual = [name for name in names if name.lower() in _USUAL] or list(names)
        if len(usual) != 1:
            raise LogError(
                f"{path}: which column holds the labels? Say it: --label NAME. Columns found: "
                f"{', '.join(map(repr, names))}."
            )
        return usual[0]
    try:
        check_column(label, names)
    except ValueError as error:
        raise LogError(f"{path}: {error}") from None
    return label


def _lacking(key: object, sequence: int) -> Unlabelled:
    return Unlabelled(sequence, "no_label", f"sequence {show(key)} has no label.")


def _quiet(*_: object) -> None:
    """Say nothing of progress."""
