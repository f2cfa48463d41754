"""``seqrec evaluate``: figures of a model on a log, beside what simple models reach."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqrec.cli import exits
from seqrec.cli.classify import check_level
from seqrec.cli.console import Console, columns_of, facts
from seqrec.cli.options import ExcludeSeen, Logs, Model, Reading
from seqrec.exceptions import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from seqrec.data.sequences import Sequences
    from seqrec.logs.source import Source
    from seqrec.logs.whole import Log

_QUANTILES = (0.001, 0.01, 0.05, 0.25, 0.5, 0.75)
_BASELINES = ("new events", "long", "short")  # parts of a detector's score that count alone
_COVERAGE = 0.9
_SHOWN = 12  # classes
_TRUE, _FALSE = {"1", "1.0", "true"}, {"0", "0.0", "false"}
_CAUTION = "These figures count only if the model was not fitted to what it is judged by."

Figures = tuple[dict[str, Any], list[str]]  # as a record, and in lines


def evaluate(
    model: Model,
    logs: Logs,
    *,
    label: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="For detectors: 1 or true where a sequence is abnormal; for classifiers: the class of a sequence.",
        ),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Table of labels, one row a sequence; for classifiers.")
    ] = None,
    k: Annotated[int, typer.Option("--k", "-k", min=1, help="Length of the lists; for recommenders.")] = 10,
    exclude_seen: ExcludeSeen = True,
    windows: Annotated[int, typer.Option(min=1, help="Stretches at the end to forecast; for forecasters.")] = 3,
    horizon: Annotated[int | None, typer.Option(min=1, help="Steps of each; for forecasters.")] = None,
    reading: Reading,
    console: Console,
) -> None:
    """Judge a model by logs that it was not fitted to."""
    with console.at_work():
        from seqrec.cli.columns import meet, read
        from seqrec.logs.sounds import are_sounds

        if are_sounds(logs):
            raise InputError("these are sounds, and evaluate reads logs. A classifier of sounds is judged in Python.")
        fitted, _, source = meet(console, model, logs, reading, label=label if labels is None else None)
        _check_labels(model, fitted, label, labels)
        log, X = read(console, source, reading)
        if not len(X):
            raise InputError("the log has no row that can be used, so there is nothing to judge by.")
        if hasattr(fitted, "target_"):
            errors, log = _backtest(console, fitted, log, X, windows, horizon, reading.max_bad)
        if log.bad.num_rows:
            console.warn(f"{log.bad.num_rows:,} of {log.n_rows:,} rows cannot be used and are left out.")
        record = {"model": str(model), "estimator": type(fitted).__name__, **log.record(), "users": len(X)}
        if hasattr(fitted, "level_"):
            figures, lines = _of_classifier(console, fitted, source, X, label, labels)
        elif hasattr(fitted, "recommend"):
            figures, lines = _of_recommender(fitted, X, k, exclude_seen)
        elif hasattr(fitted, "target_"):
            figures, lines = _of_forecaster(errors, windows, horizon or fitted.horizon)
        elif hasattr(fitted, "sample"):
            figures, lines = _of_generator(fitted, X)
        else:
            figures, lines = _of_detector(fitted, X, label)
        console.result(record | figures, [*lines, _CAUTION])
        if log.bad.num_rows:
            raise typer.Exit(exits.QUARANTINED)


def _check_labels(path: Path, model: Any, label: str | None, labels: Path | None) -> None:
    """Refuse labels that the model cannot be judged by."""
    if hasattr(model, "level_"):
        check_level(path, model)
        if label is None and labels is None:
            raise typer.BadParameter("a classifier is judged by --label COLUMN, or a table of labels: --labels FILE.")
    elif labels is not None:
        raise typer.BadParameter(f"--labels is for classifiers, and {path} holds a {type(model).__name__}.")


def _of_recommender(model: Any, X: Sequences, k: int, exclude_seen: bool) -> Figures:
    import numpy as np

    from seqrec.model_selection import evaluate, leave_last_out
    from seqrec.recommend.baselines import PopularityRecommender

    history, target = leave_last_out(X)
    if not len(history):
        raise InputError("no user has two events, so there is no last event to leave out.")
    k = min(k, len(model.vocabulary_))
    models = {"model": model, "popularity": PopularityRecommender.of(model)}
    figures = {name: evaluate(one, history, target, k, exclude_seen) for name, one in models.items()}
    names = [name for name in figures["model"] if name != "n"]
    rows = [("", *names)] + [(one, *(f"{figures[one][name]:.4f}" for name in names)) for one in figures]
    seen = "without the items of the history" if exclude_seen else "with the items of the history"
    head = f"last event of each of {len(history):,} users with two or more, in the whole catalogue, {seen}"
    unknown = float(np.mean(model.vocabulary_.encode(target) < 2)) if len(target) else 0.0
    tail = [f"{unknown:.1%} of these events are items that the model does not know."] if unknown else []
    record = {"k": k, "exclude_seen": exclude_seen, "unknown_targets": unknown, **figures}
    return record, [head, "", *columns_of(rows), "", *tail]


def _backtest(
    console: Console, model: Any, log: Log, X: Sequences, windows: int, horizon: int | None, max_bad: float
) -> tuple[pd.DataFrame, Log]:
    """Judge forecasts of the series that can be forecast; tell and list the others."""
    from seqrec.cli.columns import list_series
    from seqrec.forecast.faults import set_apart

    errors, faults = set_apart(X, lambda X: model.backtest(X, windows, horizon, _COVERAGE))
    log = list_series(log, faults)
    log.keep_bad_rows(None, max_bad, sum(fault.n_events - 1 for fault in faults))
    if faults:
        console.warn(f"{len(faults):,} series are left out, such as: {faults[0].reason}")
    if not len(errors):
        raise InputError(
            f"no series has values both among its last {horizon or model.horizon} steps and before them, so there is "
            "nothing to judge by. Give longer series, or a shorter --horizon."
        )
    return errors, log


def _of_forecaster(errors: pd.DataFrame, windows: int, horizon: int) -> Figures:
    means = errors.groupby("model", sort=False)[["mase", "smape", "pinball", "coverage"]].mean()
    rows: list[tuple[str, ...]] = [("", "MASE", "sMAPE", "pinball", f"in the {_COVERAGE:.0%} interval")]
    rows += [
        (str(name), *(f"{value:.4f}" for value in one[:-1]), f"{one[-1]:.1%}") for name, *one in means.itertuples()
    ]
    n, plural = errors["series"].nunique(), "s" * (windows != 1)
    head = f"the last {windows} window{plural} of {horizon} steps of {n:,} series, each forecast from all before it"
    scale = "MASE and pinball: in mean absolute differences to a season before; the fewer, the better."
    figures = {str(name): dict(zip(means, map(float, one), strict=True)) for name, *one in means.itertuples()}
    record = {"windows": windows, "horizon": horizon, "series": n, "figures": figures}
    return record, [head, "", *columns_of(rows), "", scale]


def _of_generator(model: Any, X: Sequences) -> Figures:
    import numpy as np

    nats, unknown = -model.score(X), float(np.mean(X.recode(model.vocabulary_).codes < 2))
    record = {"nats_per_event": nats, "bits_per_event": nats / np.log(2), "unknown_events": unknown}
    told = f"{nats:.4f} nats, {nats / np.log(2):.4f} bits, ends of sequences among them: the fewer, the better"
    pairs = [("sequences", f"{len(X):,}"), ("an event", told)]
    return record, facts([*pairs, *([("unknown", f"{unknown:.1%} of the events")] if unknown else [])])


def _of_detector(model: Any, X: Sequences, label: str | None) -> Figures:
    import numpy as np

    truth = None if label is None else _labels(X, label)
    X = replace(X, columns={name: values for name, values in X.columns.items() if name != label})
    scores = model.score_samples(X)
    flagged = scores < model.offset_
    quantiles = {f"{share:g}": float(np.quantile(scores, share)) for share in _QUANTILES}
    record = {"flagged": int(flagged.sum()), "flagged_share": float(flagged.mean()), "threshold": model.offset_}
    pairs = [
        ("sequences", f"{len(X):,}"),
        ("flagged", f"{flagged.sum():,} ({flagged.mean():.2%}), with scores below {model.offset_:.3f}"),
        ("scores", ", ".join(f"{float(share):.1%}: {score:.2f}" for share, score in quantiles.items())),
    ]
    record |= {"score_quantiles": quantiles}
    if truth is None:
        return record, facts(pairs)
    labelled, lines = _by_labels(model, X, truth, scores, flagged)
    return record | {"label": label} | labelled, [*facts(pairs), "", *lines]


def _by_labels(
    model: Any, X: Sequences, truth: NDArray[np.bool_], scores: NDArray[np.float64], flagged: NDArray[np.bool_]
) -> Figures:
    from seqrec.metrics import detection_report

    p_values = model.part_p_values(X)
    reports = {"model": detection_report(truth, -scores, flagged)}
    reports |= {part: detection_report(truth, -p_values[part].to_numpy()) for part in _BASELINES if part in p_values}
    rows = [("", *reports)]
    rows += [
        (name, *(f"{one[name]:.4f}" if name in one else "" for one in reports.values())) for name in reports["model"]
    ]
    end = "The columns beside the model are parts of its score that count alone."
    return {"abnormal": int(truth.sum()), "figures": reports}, [*columns_of(rows), "", end]


def _of_classifier(
    console: Console, model: Any, source: Source, X: Sequences, label: str | None, labels: Path | None
) -> Figures:
    import numpy as np
    from sklearn.metrics import accuracy_score, f1_score, log_loss, matthews_corrcoef, recall_score

    from seqrec.cli.classifier import labelled_of, with_labels

    X, truth, unlabelled = with_labels(console, source, X, label, labels)
    labelled = labelled_of(len(X), unlabelled)
    if not len(labelled):
        raise InputError("no sequence of the log has a label, so there is nothing to judge by.")
    if unlabelled:
        console.warn(f"{len(unlabelled):,} sequences have no label, or several, and are left out.")
    X, truth = X[labelled], truth[labelled]
    classes = np.array([str(name) for name in model.classes_.tolist()])
    truth = np.array([str(name) for name in truth.tolist()])
    told = model.predict_proba(X)
    found, is_known = classes[told.argmax(axis=1)], np.isin(truth, classes)
    figures = {
        "accuracy": accuracy_score(truth, found),
        "macro F1": f1_score(truth, found, average="macro", zero_division=0.0),
        "MCC": matthews_corrcoef(truth, found),
    }
    if is_known.any():
        order = np.argsort(classes)
        figures["log-loss"] = log_loss(truth[is_known], told[is_known][:, order], labels=classes[order])
    names, sizes = np.unique(truth, return_counts=True)
    figures["most frequent class"] = sizes.max() / len(truth)
    recalls = recall_score(truth, found, labels=names, average=None, zero_division=0.0)
    each = [
        {"class": name, "sequences": size, "found": float(recall)}
        for name, size, recall in zip(names.tolist(), sizes.tolist(), recalls, strict=True)
    ]
    told_of = [f"{one['class']} {one['found']:.1%} of {one['sequences']:,}" for one in each]
    pairs = [("sequences", f"{len(X):,}"), *((name, f"{value:.4f}") for name, value in figures.items())]
    pairs.append(("found", ", ".join(told_of[:_SHOWN]) + ", ..." * (len(each) > _SHOWN)))
    if not is_known.all():
        pairs.append(("unknown", f"{np.mean(~is_known):.1%} have a class that the model does not know"))
    record = {"unlabelled": len(unlabelled), "unknown_classes": int(np.count_nonzero(~is_known))}
    figures = {name: float(value) for name, value in figures.items()}
    return record | {"figures": figures, "classes": each}, facts(pairs)


def _labels(X: Sequences, label: str) -> NDArray[np.bool_]:
    """Tell which sequences have a row that is labelled as abnormal."""
    import numpy as np

    from seqrec._checks import CLEAN, show
    from seqrec.data.missing import is_missing

    if n_missing := np.count_nonzero(is_missing(X.columns[label])):
        raise InputError(f"column {label!r} has no label in {n_missing:,} of {X.n_events:,} rows. {CLEAN}")
    values, rows = np.unique(X.columns[label], return_inverse=True)
    texts = [str(value).strip().lower() for value in values.tolist()]
    strange = sorted(set(texts) - _TRUE - _FALSE)
    if strange:
        raise InputError(f"column {label!r} is to hold 0, 1, true or false, and holds {show(strange[0])}.")
    abnormal = np.array([text in _TRUE for text in texts])[rows]
    found = np.logical_or.reduceat(abnormal, X.indptr[:-1])
    if found.all() or not found.any():
        which = "all" if found.all() else "none"
        raise InputError(
            f"{which} of the {len(X):,} sequences are abnormal by column {label!r}. Both kinds are needed."
        )
    return found
