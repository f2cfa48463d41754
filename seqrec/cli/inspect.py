"""``seqrec inspect``: what a model file holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqrec.cli.console import Console, facts, told_series
from seqrec.cli.options import Json, Model

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seqrec.data.summary import TrainingData
    from seqrec.storage.columns import Columns


def inspect(model: Model, as_json: Json = False) -> None:
    """Show what a model file holds, without loading the model."""
    from seqrec import persistence

    found = persistence.inspect(model)
    training, columns = found["training_data"], found["columns"]
    record = {"model": str(model), "bytes": model.stat().st_size, **found}
    pairs = [("model", f"{model} ({record['bytes'] / 2**20:,.1f} MiB)"), ("estimator", found["estimator"])]
    if training is not None:
        record["training_data"] = training._asdict()
        pairs.append(("fitted to", _size(training, found["series"] is not None)))
    if columns is not None:
        form, sound = columns.form, columns.sound
        record["columns"] = {name: own for name, own in columns._asdict().items() if name not in ("form", "sound")}
        named = _roles(columns, found)
        pairs.append(("columns", ", ".join(f"{role} {', '.join(map(repr, names))}" for role, names in named.items())))
        if form is not None:
            record["form"] = form._asdict() | {"user": form.user._asdict(), "time": form.time._asdict()}
            pairs.append(("new logs", f"{form.format}, with users such as {form.user.ids([0], 0).tolist()[0]!r}"))
        if sound is not None:
            record["sound"] = sound._asdict()
            pairs.append(("sounds", ", ".join(f"{name}={value:,}" for name, value in record["sound"].items())))
    pairs += _learned(found)
    if found["n_compositions"]:
        pairs.append(("compositions", f"counts of events of {found['n_compositions']:,} training sequences"))
    if found["field_values"]:
        held = ", ".join(f"{n:,} of {name!r}" for name, n in found["field_values"].items())
        pairs.append(("field values", held))
    if found["n_ids"]:
        pairs.append(("holds ids", f"{found['n_ids']:,} of users or training sequences"))
    pairs.append(("parameters", ", ".join(f"{name}={value}" for name, value in found["parameters"].items())))
    pairs.append(("versions", ", ".join(f"{name} {version}" for name, version in found["versions"].items())))
    Console(as_json).result(record, facts(pairs))


def _roles(columns: Columns, found: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """Give the names of columns by what they are."""
    series, parameters = found["series"], found["parameters"]
    roles = {"user" if series is None else "series": columns.user, "item": columns.item, "timestamp": columns.timestamp}
    named: dict[str, Sequence[str]] = {role: [name] for role, name in roles.items() if name is not None}
    if series is None:
        return named | ({"fields": columns.fields} if columns.fields else {})
    others = {role: parameters[role] for role in ("known", "observed", "static") if parameters.get(role)}
    return named | {"target": [series["target"]], **others}


def _learned(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Tell what a fit has left."""
    pairs = [] if found["series"] is None else told_series(found["series"])
    if found["validation"] is not None:
        pairs.append(("validation", _validation(found["estimator"], found["validation"])))
    if found["loss"] is not None:
        pairs.append(("loss", f"{found['loss']:.4f} {_unit(found['estimator'])}, in the last epoch"))
    if found["offset"] is not None:
        pairs.append(("threshold", f"{found['offset']:.4f}, by {found['n_held_out']:,} held-out sequences"))
    return pairs


def _validation(estimator: str, best: float) -> str:
    is_loss = estimator.endswith(("Generator", "Forecaster"))
    return f"{-best:.4f} {_unit(estimator)}, of what was held out" if is_loss else f"NDCG@10 {best:.4f}"


def _unit(estimator: str) -> str:
    """Name what a loss is counted in."""
    if estimator == "ConvLSTMForecaster":
        return "nats a value, or its squared error"
    return "pinball loss, scaled" if estimator.endswith("Forecaster") else "nats an event"


def _size(training: TrainingData, of_series: bool) -> str:
    days = "" if training.first is None else f", {str(training.first)[:10]} to {str(training.last)[:10]}"
    if of_series:
        return f"{training.n_sequences:,} series, {training.n_events:,} values{days}"
    return f"{training.n_sequences:,} sequences, {training.n_events:,} events, {training.n_items:,} items{days}"
