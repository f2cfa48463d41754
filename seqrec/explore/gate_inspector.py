"""What an LSTM keeps and what it forgets: its gates and states at each step of a sequence, as heat maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import traitlets as t
from numpy.typing import NDArray

from seqrec._html import card, table
from seqrec.data.inputs import as_sequences
from seqrec.explore.catalogue import Catalogue
from seqrec.explore.front_end import Widget, check_position, lines, packed
from seqrec.network.gates import Gates, check_estimator, trace_gates

_MOST_STEPS = 400  # drawn: the latest
_KEEPS = ("forget", "update")  # the gate that keeps what a unit holds, where it is 1
_MEANINGS = {
    "input": "input gate: how much is written",
    "forget": "forget gate: how much is kept",
    "output": "output gate: how much is shown",
    "update": "update gate: how much is kept",
    "reset": "reset gate: how much of the past is read",
    "cell": "cell state: what is remembered",
    "hidden": "hidden state: what comes out",
}
_FALLBACK_STEPS = 20


class GateInspector(Widget, script="gate_inspector"):
    """See gate by gate what a fitted network keeps and forgets while it reads a sequence.

    Units are sorted by how long they remember: those whose forget gate (of a GRU, the update gate) is highest on
    average come first. The numbers are the network's own (`seqrec.network.gates.trace_gates`).

    Parameters
    ----------
    estimator : LSTMRecommender, LSTMAnomalyDetector or LSTMSequenceClassifier
        Fitted.
    sequences : Sequences, list of sequences or 2-D array
        One sequence, or several to choose from; of each, the latest 400 steps are shown.
    layer : int
        Which of a recommender's recurrent layers, from 0.
    items : DataFrame, Series or mapping, optional
        What events are called: a frame with a column "item_id" (or ids as its index) and one "title" or "name", or
        names by id.

    Attributes
    ----------
    sequence : int
        Position of the sequence that is shown; -1: none. Link it to `AnomalyExplorer.sequence`.
    step : int
        Step under the cursor, from 0.
    unit : int
        Unit under the cursor, as the network numbers them.
    gates : Gates or None
        Gates and states at all steps of the sequence that is shown; None if there is none.

    Examples
    --------
    >>> from seqrec import LSTMRecommender
    >>> recommender = LSTMRecommender(units=8, max_epochs=1, random_state=0).fit([["tea", "milk", "sugar"]] * 9)
    >>> GateInspector(recommender, [["tea", "milk"]]).gates.gates["forget"].shape
    (3, 8)
    """

    sequence = t.Int(-1).tag(sync=True)
    step, unit = (t.Int(0).tag(sync=True) for _ in range(2))
    _keys = t.Bytes().tag(sync=True)
    _trace = t.Dict().tag(sync=True)  # all of a sequence together, so that the page never sees a part

    def __init__(self, estimator: Any, sequences: Any, layer: int = 0, items: Any = None) -> None:
        check_estimator(estimator)
        self.estimator, self.sequences, self.layer = estimator, as_sequences(sequences), layer
        self._catalogue = Catalogue(self.sequences.vocabulary.extend(estimator.vocabulary_.items), items)
        self.gates: Gates | None = None
        super().__init__(_keys=lines(self.sequences.keys), sequence=0 if len(self.sequences) else -1)

    @property
    def frame(self) -> pd.DataFrame:
        """The gates with a row a step and unit: `step`, `event`, `unit`, and a column a gate or state."""
        if self.gates is None:
            return pd.DataFrame(columns=["step", "event", "unit"])
        n_steps, n_units = self.gates.hidden.shape
        columns = {
            "step": np.repeat(np.arange(n_steps), n_units),
            "event": np.repeat(self.gates.events, n_units),
            "unit": np.tile(np.arange(n_units), n_steps),
        }
        return pd.DataFrame(columns | {name: values.ravel() for name, values in parts_of(self.gates).items()})

    @t.validate("sequence")
    def _check_sequence(self, proposal: Any) -> int:
        return check_position(proposal["value"], "sequence", len(self.sequences))

    @t.validate("step", "unit")
    def _check_place(self, proposal: Any) -> int:
        axis = ("step", "unit").index(proposal["trait"].name)
        size = 1 if self.gates is None else self.gates.hidden.shape[axis]
        if not 0 <= proposal["value"] < size:
            raise t.TraitError(f"{proposal['trait'].name} must be between 0 and {size - 1}, got {proposal['value']}.")
        return proposal["value"]

    @t.observe("sequence")
    def _follow(self, change: Any) -> None:
        if change["new"] < 0:
            self.gates, self._trace = None, {}
            return
        self.gates = trace_gates(self.estimator, self.sequences[[change["new"]]], self.layer)
        n_steps, order = len(self.gates.events), by_memory(self.gates)
        first = max(0, n_steps - _MOST_STEPS)
        self._trace = _described(self.gates, self._catalogue.called(self.gates.events[first:]), order, first)
        self.step, self.unit = n_steps - 1, int(order[0])

    def _fallback(self) -> str:
        if self.gates is None:
            return card("Gates", {}, lead="No sequence is chosen.")
        latest = self._catalogue.called(self.gates.events[-_FALLBACK_STEPS:])
        means = {name: values[-_FALLBACK_STEPS:].mean(axis=1) for name, values in self.gates.gates.items()}
        title = f"Mean gates over {self.gates.hidden.shape[1]} units; the latest {len(latest)} steps"
        return card("Gates", {}, table(zip(latest, *means.values(), strict=True), ["event", *means], title))


def parts_of(gates: Gates) -> dict[str, NDArray[np.float32]]:
    """Give gates, cell and hidden state by name, (n_steps, units) each."""
    cell = {} if gates.cell is None else {"cell": gates.cell}
    return gates.gates | cell | {"hidden": gates.hidden}


def by_memory(gates: Gates) -> NDArray[np.intp]:
    """Give the units, those first that keep most on average; a plain RNN's as they are."""
    kept = next((gates.gates[name] for name in _KEEPS if name in gates.gates), np.zeros_like(gates.hidden))
    return np.argsort(-kept.mean(axis=0), kind="stable")


def _described(gates: Gates, names: list[str], order: NDArray[np.intp], first: int) -> dict[str, Any]:
    parts = parts_of(gates)
    return {
        "parts": [{"name": name, "meaning": _MEANINGS[name], "isGate": name in gates.gates} for name in parts],
        "keeps": next((name for name in _KEEPS if name in parts), None),
        "values": packed(np.stack([values[first:, order].T for values in parts.values()])),  # (part, unit, step)
        "order": packed(order, "int32"),
        "events": lines(names),
        "first": first,
    }
