"""``seqrec inspect``: what a model file holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqrec.cli.console import Console, facts
from seqrec.cli.options import Json, Model

if TYPE_CHECKING:
    from seqrec.data.summary import TrainingData


def inspect(model: Model, as_json: Json = False) -> None:
    """Show what a model file holds, without loading the model."""
    from seqrec import persistence

    found = persistence.inspect(model)
    training, columns = found["training_data"], found["columns"]
    record = {"model": str(model), "bytes": model.stat().st_size, **found}
    pairs = [("model", f"{model} ({record['bytes'] / 2**20:,.1f} MiB)"), ("estimator", found["estimator"])]
    if training is not None:
        record["training_data"] = training._asdict()
        pairs.append(("fitted to", _size(training)))
    if columns is not None:
        *own, (_, form) = columns._asdict().items()
        record["columns"] = dict(own)
        named = {role: [name] for role, name in own if isinstance(name, str)}
        named |= {"fields": columns.fields} if columns.fields else {}
        pairs.append(("columns", ", ".join(f"{role} {', '.join(map(repr, names))}" for role, names in named.items())))
        if form is not None:
            record["form"] = form._asdict() | {"user": form.user._asdict(), "time": form.time._asdict()}
            pairs.append(("new logs", f"{form.format}, with users such as {form.user.ids([0], 0).tolist()[0]!r}"))
    if found["validation"] is not None:
        pairs.append(("validation", _validation(found["estimator"], found["validation"])))
    if found["loss"] is not None:
        pairs.append(("loss", f"{found['loss']:.4f} nats an event, in the last epoch"))
    if found["offset"] is not None:
        pairs.append(("threshold", f"{found['offset']:.4f}, by {found['n_held_out']:,} held-out sequences"))
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


def _validation(estimator: str, best: float) -> str:
    is_generator = estimator.endswith("Generator")
    return f"{-best:.4f} nats an event, of what was held out" if is_generator else f"NDCG@10 {best:.4f}"


def _size(training: TrainingData) -> str:
    days = "" if training.first is None else f", {str(training.first)[:10]} to {str(training.last)[:10]}"
    return f"{training.n_sequences:,} sequences, {training.n_events:,} events, {training.n_items:,} items{days}"
