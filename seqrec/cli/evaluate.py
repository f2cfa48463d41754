"""``seqrec evaluate``: figures of a model on a log, beside what simple models reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrec._checks import show
from seqrec.cli.columns import columns_record, describe, find_names, find_source, load_model, tell_columns
from seqrec.cli.console import Console, columns_of, facts
from seqrec.data.sequences import Sequences
from seqrec.exceptions import LogError
from seqrec.logs.whole import Log
from seqrec.metrics import detection_report
from seqrec.model_selection import evaluate as judge
from seqrec.model_selection import leave_last_out
from seqrec.recommend.baselines import PopularityRecommender

_QUANTILES = (0.001, 0.01, 0.05, 0.25, 0.5, 0.75)
_BASELINES = ("new events", "long", "short")  # parts of a detector's score that count alone
_TRUE, _FALSE = {"1", "1.0", "true"}, {"0", "0.0", "false"}


class Judged(NamedTuple):
    """A model and the log that it is judged by.

    Attributes
    ----------
    model : Path
    patterns : list of str
        Log files.
    names : dict
        Columns: "user", "item", "timestamp".
    reading : dict
        `time_unit` and `drop_duplicates`, as `Sequences.from_frame` takes them.
    max_bad : float
        Largest share of rows that cannot be used.
    """

    model: Path
    patterns: list[str]
    names: Mapping[str, str | None]
    reading: Mapping[str, Any]
    max_bad: float


def evaluate(console: Console, judged: Judged, label: str | None, k: int, exclude_seen: bool) -> bool:
    """Judge a model; tell whether all rows could be used."""
    description = describe(judged.model)
    names = find_names(judged.patterns, judged.names, description)
    recommends = description["estimator"].endswith("Recommender")
    if recommends and label is not None:
        raise LogError("--label is for detectors: a recommender is judged by the last event of each user.")
    model = load_model(judged.model)
    source = find_source(judged.patterns, names, model, [] if label is None else [label])
    tell_columns(console, source)
    log = Log.read(source, console.show)
    console.pause()
    log.keep_bad_rows(None, judged.max_bad)
    X = log.sequences(source.columns.fields, **judged.reading)
    if not len(X):
        raise LogError("the log has no row that can be used, so there is nothing to judge by.")
    record = {
        "model": str(judged.model),
        "estimator": description["estimator"],
        "rows": log.n_rows,
        "quarantined": log.bad.num_rows,
        "quarantined_by_code": log.bad_by_code(),
        "columns": columns_record(source),
        "users": len(X),
    }
    if log.bad.num_rows:
        console.warn(f"{log.bad.num_rows:,} of {log.n_rows:,} rows cannot be used and are left out.")
    if recommends:
        _evaluate_recommender(console, record, model, X, k, exclude_seen)
    else:
        _evaluate_detector(console, record, model, X, label)
    return not log.bad.num_rows


def _evaluate_recommender(
    console: Console, record: dict[str, Any], model: Any, X: Sequences, k: int, exclude_seen: bool
) -> None:
    history, target = leave_last_out(X)
    if not len(history):
        raise LogError("no user has two events, so there is no last event to leave out.")
    popular = PopularityRecommender()
    popular.vocabulary_, popular.item_counts_ = model.vocabulary_, model.item_counts_
    k = min(k, len(model.vocabulary_))
    models = {"model": model, "popularity": popular}
    figures = {name: judge(one, history, target, k, exclude_seen) for name, one in models.items()}
    names = [name for name in figures["model"] if name != "n"]
    rows = [("", *names)] + [(one, *(f"{figures[one][name]:.4f}" for name in names)) for one in figures]
    seen = "without the items of the history" if exclude_seen else "with the items of the history"
    head = f"last event of each of {len(history):,} users with two or more, in the whole catalogue, {seen}"
    unknown = float(np.mean(model.vocabulary_.encode(np.asarray(target)) < 2)) if len(target) else 0.0
    tail = [f"{unknown:.1%} of these events are items that the model does not know."] if unknown else []
    record = record | {"k": k, "exclude_seen": exclude_seen, "unknown_targets": unknown, **figures}
    console.result(record, [head, "", *columns_of(rows), "", *tail, _CAUTION])


_CAUTION = "These figures count only if the model was not fitted to this log."


def _evaluate_detector(console: Console, record: dict[str, Any], model: Any, X: Sequences, label: str | None) -> None:
    truth = None if label is None else _labels(X, label)
    X = replace(X, columns={name: values for name, values in X.columns.items() if name != label})
    pools = model._pools(X)
    scores = model.calibration_.score(pools, model.pool)
    flagged = scores < model.offset_
    quantiles = {f"{share:g}": float(np.quantile(scores, share)) for share in _QUANTILES}
    record = record | {
        "flagged": int(flagged.sum()),
        "flagged_share": float(flagged.mean()),
        "threshold": model.offset_,
        "score_quantiles": quantiles,
    }
    lines = facts(
        [
            ("sequences", f"{len(X):,}"),
            ("flagged", f"{flagged.sum():,} ({flagged.mean():.2%}), with scores below {model.offset_:.3f}"),
            ("scores", ", ".join(f"{float(share):.1%}: {score:.2f}" for share, score in quantiles.items())),
        ]
    )
    if truth is not None:
        reports = {"model": detection_report(truth, -scores, flagged)}
        for part in _BASELINES:
            if part in model.calibration_.tails:
                reports[part] = detection_report(truth, -model.calibration_.score(pools, part))
        record |= {"label": label, "abnormal": int(truth.sum()), "figures": reports}
        names = list(reports["model"])
        rows = [("", *reports)]
        rows += [(name, *(f"{one[name]:.4f}" if name in one else "" for one in reports.values())) for name in names]
        lines += ["", *columns_of(rows), "", "The columns beside the model are parts of its score that count alone."]
    console.result(record, [*lines, _CAUTION])


def _labels(X: Sequences, label: str) -> NDArray[np.bool_]:
    """Tell which sequences have a row that is labelled as abnormal."""
    values = X.columns[label]
    texts = np.unique(np.array([str(value).strip().lower() for value in np.unique(values).tolist()]))
    strange = [text for text in texts.tolist() if text not in _TRUE | _FALSE]
    if strange:
        raise LogError(f"column {label!r} is to hold 0, 1, true or false, and holds {show(strange[0])}.")
    abnormal = values.astype(bool) if values.dtype.kind != "O" else np.isin(_lower(values), list(_TRUE))
    found = np.logical_or.reduceat(abnormal, X.indptr[:-1])
    if found.all() or not found.any():
        which = "all" if found.all() else "none"
        raise LogError(f"{which} of the {len(X):,} sequences are abnormal by column {label!r}. Both kinds are needed.")
    return found


def _lower(values: NDArray) -> NDArray:
    return np.array([value.strip().lower() for value in values.tolist()], dtype=object)
