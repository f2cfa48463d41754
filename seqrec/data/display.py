"""What sequences and fitted estimators tell of themselves in a notebook, by the attributes that they have."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrec._checks import show
from seqrec._html import Html, card, details, listed, number, sparkline, table
from seqrec.data.missing import is_missing, kind_of
from seqrec.data.vocabulary import NO_ITEMS

_CELLS = {"lstm": "LSTM", "peephole": "peephole LSTM", "gru": "GRU", "rnn": "simple recurrence"}
_N_ROWS = 5  # sequences that are shown
_N_EVENTS = 6  # and events of each

Facts = Iterator[tuple[str, Any]]


def card_of_sequences(X: Any) -> str:
    """Describe `Sequences`: size, dates, columns and the first few."""
    size = sizes(len(X), X.n_events, len(X.vocabulary) if X.has_items else None)
    return str(card("Sequences", dict(_facts(X)), *_first_sequences(X), lead=size))


def card_of_estimator(estimator: Any) -> str:
    """Describe an estimator: what it has learned, or what to call next, and its parameters, for any notebook."""
    name, (changed, rest) = type(estimator).__name__, _parameters(estimator)
    if not hasattr(estimator, "training_data_"):
        call = f"call {_call_of_fit(estimator)} with Sequences"
        return str(card(name, changed | {"next": call}, *rest, lead="not fitted"))
    learned = {name: value for facts_of in _LEARNED for name, value in facts_of(estimator)}
    return str(card(name, learned | changed, *rest, lead="fitted"))


class ShownAsCard:
    """Lets notebooks show an estimator as a card; scikit-learn asks here, unless its diagram shows a composition."""

    _html_repr = card_of_estimator


def sizes(n_sequences: int, n_events: int, n_items: int | None) -> str:
    """Count sequences, events and, unless they have none, items."""
    items = "" if n_items is None else f", {n_items:,} items"
    return f"{n_sequences:,} sequences, {n_events:,} events{items}"


def by_epoch(history: Mapping[str, Sequence[float]]) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Give loss and validation score of each epoch, NaN where there is none, and the best epoch, from 1; 0 for none.

    Where one score is missing, Ctrl-C came while the last epoch was validated; where more are, the first epochs were
    not validated.
    """
    loss, validation = (np.asarray(history.get(name, []), dtype=np.float64) for name in ("loss", "validation"))
    n_missing = max(len(loss) - len(validation), 0)
    ends = (0, 1) if n_missing == 1 else (n_missing, 0)
    validation = np.pad(validation, ends, constant_values=np.nan)
    return loss, validation, 0 if np.isnan(validation).all() else 1 + int(np.nanargmax(validation))


def _facts(X: Any) -> Facts:
    lengths = X.lengths
    if len(X):
        yield "events a sequence", f"median {number(float(np.median(lengths)))}, longest {number(lengths.max())}"
    if n_empty := np.count_nonzero(lengths == 0):
        yield "empty sequences", number(n_empty)
    if X.timestamps is None or not X.n_events:
        yield "times", "none" if X.timestamps is None else "no events"
    else:
        yield "times", f"{_minute(X.timestamps.min())} to {_minute(X.timestamps.max())} UTC"
    if X.tie_share:
        yield "ties", f"{X.tie_share:.1%} of the events come at the time of the event before"
    if X.columns:
        kinds = [f"{name} ({_kind(values)})" for name, values in X.columns.items()]
        yield "columns", listed(kinds, most=20, width=40)


def _kind(values: Any) -> str:
    if values.dtype.kind == "M":
        return "times"
    shape = "".join(f"{size} × " for size in values.shape[1:])
    if shape:
        values = values.reshape(-1)[:1]
    kind, n_missing = kind_of(values), np.count_nonzero(is_missing(values))
    missing = f", {number(n_missing)} missing" if n_missing else ""
    return shape + {"truth values": "true or false", "": "no values"}.get(kind, kind) + missing


def _first_sequences(X: Any) -> Iterator[Html]:
    if not len(X):
        return
    first = X[:_N_ROWS]
    columns: dict[str, Any] = {"sequence": first.keys.tolist(), "events": first.lengths}
    if X.timestamps is not None:
        times = np.split(first.timestamps, first.indptr[1:-1])
        columns["first event, UTC"] = [_minute(own[0]) if len(own) else None for own in times]
    if X.has_items:
        named = (["(unknown)" if item is None else item for item in items] for items in first)
        columns["items"] = [listed(items, _N_EVENTS, " → ") for items in named]
    caption = f"The first {len(first)} of {len(X):,} sequences" if len(X) > _N_ROWS else ""
    yield table(zip(*columns.values(), strict=True), list(columns), caption)


def _parameters(estimator: Any) -> tuple[dict[str, Html], list[Html]]:
    """Give what was set, as code, and the table of what is at its default."""
    signature = inspect.signature(type(estimator).__init__).parameters
    values = {name: show(value) for name, value in estimator.get_params(deep=False).items()}
    unchanged = {name: value for name, value in values.items() if value == show(signature[name].default)}
    changed = [f"{name}={value}" for name, value in values.items() if name not in unchanged]
    facts = {"parameters set": listed(changed, most=30, width=60)} if changed else {}
    summary = f"{len(unchanged)} parameter{'s' * (len(unchanged) > 1)} at default"
    rest = table(unchanged.items(), ["parameter", "value"], width=80)
    return facts, [details(summary, rest)] if unchanged else []


def _call_of_fit(estimator: Any) -> str:
    """Give the call with the arguments that it needs: fit(X), fit(X, y) or fit(X, users)."""
    arguments = inspect.signature(estimator.fit).parameters.values()
    return f"fit({', '.join(argument.name for argument in arguments if argument.default is argument.empty)})"


def _training(estimator: Any) -> Facts:
    data, has_items = estimator.training_data_, getattr(estimator, "vocabulary_", NO_ITEMS) != NO_ITEMS
    yield "training data", sizes(data.n_sequences, data.n_events, data.n_items if has_items else None)
    if data.first is not None:
        yield "training times", f"{_minute(data.first)} to {_minute(data.last)} UTC"


def _vocabularies(estimator: Any) -> Facts:
    if hasattr(estimator, "item_counts_"):
        items, counts = estimator.vocabulary_.items, estimator.item_counts_
        yield "catalogue", f"{len(items):,} items"
        top = np.argsort(-counts, kind="stable")[:3]
        named = [Html(f"{listed([item])} ({number(n)})") for item, n in zip(items[top], counts[top], strict=True)]
        yield "most frequent", listed(named)
    elif getattr(estimator, "vocabulary_", NO_ITEMS) != NO_ITEMS:
        yield "kinds of events", number(len(estimator.vocabulary_))
    if hasattr(estimator, "users_"):
        yield "user profiles", number(len(estimator.users_))
    if hasattr(estimator, "classes_"):
        yield f"classes of {estimator.level_}s", listed(estimator.classes_.tolist())
    if hasattr(estimator, "fields_") and (fields := estimator.fields_.names):
        yield "fields of an event", listed(fields, most=20)
    if hasattr(estimator, "channels_"):
        yield "channels of a frame", listed(estimator.channels_.names, most=20)


def _forecast(estimator: Any) -> Facts:
    if not hasattr(estimator, "season_lengths_"):
        return
    yield "forecast", listed([estimator.target_])
    yield "step", "positions, as there are no times" if estimator.step_ is None else str(estimator.step_)
    yield "seasons", f"of {listed(estimator.season_lengths_)} steps" if estimator.season_lengths_ else "none"


def _network(estimator: Any) -> Facts:
    if not hasattr(estimator, "model_"):
        return
    network, n_weights = estimator.model_.architecture, f"{estimator.model_.count_params():,} weights"
    if hasattr(network, "n_networks"):
        cell = _CELLS[getattr(network, "cell", "lstm")]
        yield "network", f"{network.n_networks} × {cell}, 2 layers of {network.units} units, {n_weights}"
        return
    layers = f"{network.n_layers} layers of " if network.n_layers > 1 else ""
    size = f"{layers}{network.units} units, embeddings of {network.embedding_dim}"
    yield "network", f"{_CELLS[network.cell]}, {size}, {n_weights}"


def _history(estimator: Any) -> Facts:
    history = getattr(estimator, "history_", {})
    _, validation, best = by_epoch(history)
    if losses := history.get("loss"):
        span = f"{number(losses[0])} to {number(losses[-1])}" if len(losses) > 1 else number(losses[0])
        epochs = f"{len(losses):,} epoch{'s' * (len(losses) > 1)}"
        unit = "mean differences to a season before" if hasattr(estimator, "season_lengths_") else "nats an event"
        yield "training loss", Html(f"{sparkline(losses, 'training loss')}{span} {unit} in {epochs}")
    if best:
        measure = "NDCG@10" if hasattr(estimator, "item_counts_") else "of the loss, negated"
        best_one = f"best {number(validation[best - 1])} {measure}, in epoch {best:,}"
        yield "validation", Html(f"{sparkline(history['validation'], 'validation')}{best_one}")


def _threshold(estimator: Any) -> Facts:
    if not hasattr(estimator, "offset_"):
        return
    scores, offset = estimator.held_out_scores_, estimator.offset_
    parts = list(estimator.calibration_.tails) if estimator.part == "auto" else [estimator.part]
    yield "parts of the score", Html(f"{len(parts)}: {listed(parts)}")
    yield "threshold", f"scores below {number(offset)}" if np.isfinite(offset) else "nothing is flagged"
    n_flagged = np.count_nonzero(scores < offset)
    yield "held-out sequences", f"{len(scores):,}, of which {n_flagged:,} ({n_flagged / len(scores):.1%}) are flagged"


_LEARNED = (_training, _vocabularies, _forecast, _threshold, _network, _history)


def _minute(time: np.datetime64) -> str:
    return str(time.astype("datetime64[m]")).replace("T", " ")
