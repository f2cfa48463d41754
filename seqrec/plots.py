"""Figures for scripts and papers: how odd events are, where the threshold lies, how training went, what gates do.

Each function draws on one Axes and returns it; nothing is shown, and Matplotlib's settings stay as they are. Colours
suit colour-blind readers (Okabe & Ito 2008), and beside them hatches, markers or lines tell groups apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from seqrec._checks import check_choice, check_integer
from seqrec._text import plain
from seqrec.data.alignment import beside_sequences
from seqrec.data.display import by_epoch
from seqrec.data.ends import END
from seqrec.data.inputs import as_sequences
from seqrec.data.sequences import Sequences
from seqrec.exceptions import InputError, MissingExtraError

_BLUE, _ORANGE, _GREEN, _BLACK = "#0072B2", "#E69F00", "#009E73", "#000000"
_COLOURS = (_BLUE, _ORANGE, _GREEN, "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
_HATCHES = ("", "////", "....", "xxxx", "\\\\\\\\", "++++", "oooo", "----")
_CHARACTER = 5  # points, of small type
_MOST_UNITS = 24  # that are numbered along the axis
_N_BINS = 40
_N_ODDEST = 3


def plot_surprisal(detector: Any, sequence: Any, ax: Any = None) -> Any:
    """Draw how surprising each event of a sequence was, field by field, and what was expected of the oddest three.

    Parameters
    ----------
    detector : LSTMAnomalyDetector or NGramDetector
        Fitted. The latter knows no fields, and not what was expected.
    sequence : Sequences of length 1, or list of one list of ids
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    ax : matplotlib.axes.Axes
        A stack of bars an event, in nats, and one for the end of the sequence: all together they are ``-log p`` of it.
        The density of a number can be above 1, and its bar is below 0 then.

    Raises
    ------
    TypeError
        If the detector does not know the surprisal of an event.
    ValueError
        If there are several sequences, or none.
    """
    if not hasattr(detector, "surprisal"):
        kind = type(detector).__name__
        raise InputError(f"plot_surprisal needs an LSTMAnomalyDetector or an NGramDetector, got {kind}.")
    check_is_fitted(detector, "calibration_")
    X = _one(sequence)
    surprisal = _surprisal_with_end(detector, X)
    ax = _axes(ax, len(surprisal))
    _stack(ax, surprisal)
    if hasattr(detector, "explain"):
        _mark_oddest(ax, surprisal, detector.explain(X, n_events=_N_ODDEST, only_flagged=False))
    _name_events(ax, [*X[0].tolist(), END], "position in the sequence")
    ax.set_ylabel("surprisal (nats)")
    return ax


def plot_threshold(detector: Any, X: Any = None, labels: ArrayLike | None = None, ax: Any = None) -> Any:
    """Draw how scores are distributed, and what the threshold flags.

    Parameters
    ----------
    detector : LSTMAnomalyDetector or another detector
        Fitted.
    X : Sequences, list of sequences or 2-D array, optional
        Sequences to compare with those that were held out in training.
    labels : (n_sequences,) array-like of bool, optional
        Which sequences of X are anomalous: both kinds are drawn apart.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    ax : matplotlib.axes.Axes
        A histogram for each group of sequences, as shares of the group, on a logarithmic axis.

    Raises
    ------
    ValueError
        If `labels` are not one truth value for each sequence of X.
    """
    check_is_fitted(detector, "held_out_scores_")
    groups = {"held out in training": detector.held_out_scores_} | _score_groups(detector, X, labels)
    scores = np.concatenate(list(groups.values()))
    edges = np.histogram_bin_edges(scores[np.isfinite(scores)], _N_BINS)
    ax = _axes(ax)
    for style, (name, values) in zip(_GROUPS, groups.items(), strict=False):
        label = f"{name}: {np.mean(values < detector.offset_):.1%} of {len(values):,} flagged"
        weights = np.full(len(values), 1 / len(values))
        ax.hist(np.maximum(values, edges[0]), edges, weights=weights, histtype="stepfilled", label=label, **style)
    if np.isfinite(detector.offset_):
        ax.axvline(detector.offset_, color=_BLACK, linestyle="--", label=f"threshold: {detector.offset_:.2f}")
    else:
        ax.plot([], [], " ", label="no threshold: nothing is flagged")
    ax.set(xlabel="score (log p-value)", ylabel="share of sequences", yscale="log")
    ax.legend(loc="upper left", fontsize="small")
    return ax


def plot_training(estimator: Any, ax: Any = None) -> Any:
    """Draw the loss of each epoch and, where the estimator validated, the validation score.

    Parameters
    ----------
    estimator : LSTMRecommender, LSTMAnomalyDetector or LSTMSequenceClassifier
        Fitted.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    ax : matplotlib.axes.Axes
        Of the loss; that of the validation score is its twin on the right. A star marks the best epoch, whose weights
        `fit` keeps; without validation it keeps the last epoch's.

    Raises
    ------
    TypeError
        If the estimator keeps no history of its training.
    """
    check_is_fitted(estimator)
    history = getattr(estimator, "history_", None)
    if history is None:
        raise InputError(f"plot_training needs an LSTM estimator, got {type(estimator).__name__}, which has no epochs.")
    loss, validation, best = by_epoch(history)
    epochs, ax = np.arange(1, len(loss) + 1), _axes(ax)
    handles = ax.plot(epochs, loss, label="loss", color=_BLUE, marker="o", markersize=4)
    ax.locator_params(axis="x", integer=True)
    ax.set_xlabel("epoch")
    ax.set_ylabel("loss (nats an event)", color=_BLUE)
    if best:
        twin, style = ax.twinx(), {"color": _ORANGE, "marker": "s", "markersize": 4, "linestyle": "--"}
        handles += twin.plot(epochs, validation, label="validation", **style)
        handles += twin.plot(best, validation[best - 1], "*", color=_BLACK, ms=14, label=f"best epoch: {best}")
        merit = "NDCG@10" if hasattr(estimator, "recommend") else "log-likelihood of the labels, nats"
        twin.set_ylabel(f"validation ({merit})", color="#8A5F00")  # the orange, dark enough for text
        twin.legend(handles=handles, loc="center right", fontsize="small")
    return ax


def plot_gates(
    estimator: Any, sequence: Any, part: str = "forget", layer: int = 0, n_units: int | None = None, ax: Any = None
) -> Any:
    """Draw a gate, or a state, of every unit of a recurrent layer at every step of a sequence.

    Parameters
    ----------
    estimator : LSTMRecommender, LSTMAnomalyDetector or LSTMSequenceClassifier
        Fitted.
    sequence : Sequences of length 1, or list of one list of ids
    part : {"input", "forget", "output", "update", "reset", "cell", "hidden"}
        Gates of an LSTM (the first three) or of a GRU (the next two), state of the cell, or hidden state.
    layer : int
        Which of a recommender's recurrent layers, from 0.
    n_units : int, optional
        Draw so many units: those whose values vary most over the sequence. By default all.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    ax : matplotlib.axes.Axes
        A row a unit, that which remembers longest on top: by its mean forget gate, or update gate of a GRU. Those of a
        plain RNN, which has no gates, keep their order.

    Raises
    ------
    TypeError, ValueError
        As in `gates.trace_gates`; or if the cell has no such part.
    """
    from seqrec.network.gates import trace_gates  # brings TensorFlow, which the other figures do without

    trace = trace_gates(estimator, sequence, layer)
    parts = trace.gates | ({} if trace.cell is None else {"cell": trace.cell}) | {"hidden": trace.hidden}
    values = parts[check_choice(part, "part", parts)]
    kept = trace.gates.get("forget", trace.gates.get("update"))
    units = _choose_units(values, kept, n_units)
    ax = _axes(ax, len(values))
    limit = max(float(np.abs(values).max()), 1e-6)
    colours, low, high = ("cividis", 0, 1) if part in trace.gates else ("RdBu_r", -limit, limit)
    image = ax.imshow(values[:, units].T, colours, aspect="auto", interpolation="nearest", vmin=low, vmax=high)
    ax.figure.colorbar(image, ax=ax, label=_LEGENDS[part], pad=0.02)
    _name_events(ax, trace.events.tolist(), "step")
    _name_units(ax, units, ordered=kept is not None)
    return ax


_GROUPS: tuple[dict[str, Any], ...] = (  # held-out sequences, normal ones, anomalous ones
    {"edgecolor": _BLACK, "facecolor": "#DDDDDD"},
    {"edgecolor": _BLUE, "facecolor": "none", "hatch": "\\\\\\\\", "linewidth": 1.3},
    {"edgecolor": "#D55E00", "facecolor": "none", "hatch": "////", "linewidth": 1.3},
)
_LEGENDS = {
    "input": "input gate (1: takes the event in)",
    "forget": "forget gate (1: keeps, 0: forgets)",
    "output": "output gate (1: shows its state)",
    "update": "update gate (1: keeps, 0: renews)",
    "reset": "reset gate (0: ignores the past)",
    "cell": "cell state",
    "hidden": "hidden state",
}


def _axes(ax: Any, n_steps: int = 0) -> Any:
    """Give the axes, or those of a new figure, which is the wider the more steps it shows."""
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise MissingExtraError('figures need Matplotlib: pip install "seqrec[plot]"') from error
    return plt.subplots(figsize=(float(np.clip(n_steps / 4, 7, 14)), 4.2), layout="constrained")[1]


def _one(sequence: Any) -> Sequences:
    X = as_sequences(sequence)
    if len(X) != 1:
        raise InputError(f"the figure is of one sequence, got {len(X):,}. Choose one: X[:1], or [ids].")
    return X


def _shown(text: Any, width: int) -> str:
    """Escape what a log holds, and the dollars that Matplotlib would take for formulae."""
    return plain(str(text), width).replace("$", r"\$")


def _surprisal_with_end(detector: Any, X: Sequences) -> pd.DataFrame:
    """Give the surprisal of each event and of the end, by field if the detector knows fields."""
    if hasattr(detector, "fields_"):
        return detector.surprisal(X, by_field=True, ends=True)
    return pd.DataFrame({"event": detector.surprisal(X, ends=True)})


def _stack(ax: Any, surprisal: pd.DataFrame) -> None:
    """Stack the fields of each event; what is below 0 hangs from the axis."""
    values = surprisal.to_numpy()
    ends = np.where(values < 0, np.minimum(values, 0).cumsum(axis=1), np.maximum(values, 0).cumsum(axis=1))
    looks = zip(values.T, ends.T, cycle(_COLOURS), cycle(_HATCHES), strict=False)
    bars = [
        ax.bar(range(len(field)), field, 0.8, end - field, color=colour, hatch=hatch, edgecolor="white", lw=0.3)
        for field, end, colour, hatch in looks
    ]
    ax.axhline(0, color=_BLACK, linewidth=0.8)
    # Room for the legend and the numbers of the oddest.
    ax.set_ylim(min(1.1 * float(ends.min()), 0), 1.3 * max(float(ends.max()), 0.1))
    ax.set_xlim(-0.6, len(surprisal) - 0.4)
    if len(bars) > 1:
        # A legend leaves out what begins with "_".
        names = [_shown(f" {name}" if name.startswith("_") else name, 24) for name in map(str, surprisal)]
        ax.legend(bars, names, fontsize="small", ncols=len(bars), loc="upper right")


def _mark_oddest(ax: Any, surprisal: pd.DataFrame, reasons: pd.DataFrame) -> None:
    """Write numbers above the oddest events' bars, and say in the title what was expected there."""
    tops = surprisal.clip(lower=0).sum(axis=1).to_numpy()
    lines = []
    for number, reason in enumerate(reasons.to_dict("records"), start=1):
        at = (reason["position"], tops[reason["position"]])
        box = {"boxstyle": "circle", "facecolor": "white", "linewidth": 0.8}
        ax.annotate(str(number), at, (0, 10), textcoords="offset points", ha="center", va="center", size=8, bbox=box)
        lines.append(_shown(f"{number}  {_reason(reason)}", int(_points(ax) / 4)))
    ax.set_title("\n".join(lines), loc="left", fontsize="small")


def _reason(reason: dict[Any, Any]) -> str:
    what, value = plain(str(reason["event"]), 24), reason["value"]
    if reason["field"] != "event":
        what += f", {plain(str(reason['field']), 16)} "
        what += f"{value:.4g}" if isinstance(value, float) else plain(str(value), 16)
    return f"{what} (p = {reason['event_p_value']:.2g}); expected {reason['expected']}"


def _name_events(ax: Any, events: Sequence[Any], numbered: str) -> None:
    """Write the ids along the axis, or number the events from 0 where their ids would run into each other."""
    room = _points(ax) / len(events)
    if room < 2 * _CHARACTER:
        ax.set_xlabel(numbered)
        return
    labels = [_shown(event, 20) for event in events]
    upright = _CHARACTER * max(map(len, labels)) < room
    style = {} if upright else {"rotation": 60, "ha": "right", "rotation_mode": "anchor"}
    ax.set_xticks(range(len(labels)), labels, fontsize="small", **style)


def _points(ax: Any) -> float:
    """Width of the axes, in points of type."""
    return 72 * ax.bbox.width / ax.figure.dpi


def _name_units(ax: Any, units: NDArray, ordered: bool) -> None:
    few = len(units) <= _MOST_UNITS
    ax.set_yticks(range(len(units)) if few else [], units.tolist() if few else [], fontsize="small")
    ax.set_ylabel(("unit" if few else f"{len(units)} units") + (", longest memory on top" if ordered else ""))


def _choose_units(values: NDArray, kept: NDArray | None, n_units: int | None) -> NDArray[np.intp]:
    """Choose the units that vary most, and order them by how much they keep."""
    n = values.shape[1] if n_units is None else check_integer(n_units, "n_units")
    units = np.sort(np.argsort(-values.std(axis=0), kind="stable")[:n])
    return units if kept is None else units[np.argsort(-kept[:, units].mean(axis=0), kind="stable")]


def _score_groups(detector: Any, X: Any, labels: ArrayLike | None) -> dict[str, NDArray]:
    """Score the sequences of X, in one group or, by their labels, in two; an empty group is left out."""
    if X is None:
        if labels is not None:
            raise InputError("labels are of sequences: give these as X.")
        return {}
    scores = detector.score_samples(X)
    if labels is None:
        return {"new sequences": scores} if len(scores) else {}
    anomalous = np.asarray(beside_sequences(labels, X, "labels"))
    if anomalous.shape != scores.shape or not np.isin(anomalous, (0, 1)).all():
        raise InputError(f"labels must hold True (anomalous) or False for each of the {len(scores):,} sequences of X.")
    groups = {"normal": scores[anomalous == 0], "anomalous": scores[anomalous == 1]}
    return {name: values for name, values in groups.items() if len(values)}
