from pathlib import Path

import numpy as np
import pytest
import traitlets
from golden.make import make_log, read_log

import seqrec
from seqrec import MarkovRecommender, Sequences
from seqrec.explore import GateInspector
from seqrec.network.gates import trace_gates

HOSTILE = "<img src=x onerror=window.__hostile=1>\u202e"


@pytest.fixture(scope="module")
def recommender():
    return seqrec.load(Path(__file__).parents[1] / "golden" / "LSTMRecommender.seqrec")


@pytest.fixture(scope="module")
def sequences():
    return read_log(make_log(6, seed=3), fields=False)


@pytest.fixture
def inspector(recommender, sequences):
    return GateInspector(recommender, sequences)


def shown(inspector):
    """Give what the page draws, (n_parts, n_units, n_steps)."""
    trace = inspector._trace
    order, events = np.frombuffer(trace["order"], np.int32), trace["events"].decode().split("\n")
    values = np.frombuffer(trace["values"], np.float32)
    return (
        values.reshape(len(trace["parts"]), len(order), len(events)),
        order,
        [part["name"] for part in trace["parts"]],
    )


def test_page_shows_the_networks_own_gates_and_states(inspector, recommender, sequences):
    inspector.sequence = 2
    gates = trace_gates(recommender, sequences[[2]])
    values, order, names = shown(inspector)
    assert names == ["input", "forget", "output", "cell", "hidden"]
    expected = [*gates.gates.values(), gates.cell, gates.hidden]
    for drawn, part in zip(values, expected, strict=True):
        assert np.array_equal(drawn, part[:, order].T)


def test_events_have_the_names_that_are_given(recommender, sequences):
    inspector = GateInspector(recommender, sequences, items={"tea": "Darjeeling"})
    inspector.sequence = next(row for row, items in enumerate(sequences) if "tea" in items)
    assert "Darjeeling" in inspector._trace["events"].decode().split("\n")
    assert "tea" in inspector.gates.events  # Python has the ids
    assert "Darjeeling" in inspector._fallback()


def test_units_that_remember_longest_come_first(inspector):
    values, order, names = shown(inspector)
    kept = values[names.index("forget")].mean(axis=1)
    assert np.all(np.diff(kept) <= 1e-6)
    assert inspector.unit == order[0]
    assert inspector.step == values.shape[2] - 1


def test_frame_holds_a_row_a_step_and_unit(inspector):
    frame, gates = inspector.frame, inspector.gates
    assert len(frame) == gates.hidden.size
    row = frame[(frame["step"] == 1) & (frame["unit"] == 3)].iloc[0]
    assert row["event"] == gates.events[1]
    assert row["forget"] == gates.gates["forget"][1, 3]
    assert row["hidden"] == gates.hidden[1, 3]


def test_no_sequence_is_a_state(recommender, sequences):
    inspector = GateInspector(recommender, sequences[:0])
    assert inspector.sequence == -1
    assert inspector.gates is None
    assert len(inspector.frame) == 0
    assert "No sequence" in inspector._repr_mimebundle_()[0]["text/html"]


@pytest.mark.parametrize("history", [[], ["tea"], ["never seen"]])
def test_short_and_unknown_histories_are_shown(recommender, history):
    inspector = GateInspector(recommender, [history])
    assert inspector.gates.events.tolist() == ["(start)", *history]


def test_long_sequence_is_cut_to_its_latest_steps():
    detector = seqrec.load(Path(__file__).parents[1] / "golden" / "LSTMSequenceClassifier.seqrec")
    log = {
        "user_id": [1] * 500,
        "item_id": ["tea", "milk"] * 250,
        "timestamp": list(range(1_700_000_000, 1_700_000_500)),
    }
    inspector = GateInspector(detector, read_log(log | {"channel": ["app"] * 500, "amount": [2.0] * 500}, fields=True))
    assert shown(inspector)[0].shape[2] == 400
    assert inspector._trace["first"] == len(inspector.gates.events) - 400


@pytest.mark.parametrize(
    ("trait", "value"), [("sequence", 6), ("sequence", -2), ("step", -1), ("step", 99), ("unit", 8)]
)
def test_impossible_places_are_refused(inspector, trait, value):
    with pytest.raises(traitlets.TraitError, match=r"no sequence|must be between"):
        setattr(inspector, trait, value)


def test_what_has_no_gates_is_refused():
    with pytest.raises(TypeError, match="has gates to follow, got MarkovRecommender"):
        GateInspector(MarkovRecommender(), [["tea"]])


def test_hostile_ids_are_text(recommender):
    inspector = GateInspector(recommender, Sequences.from_lists([[HOSTILE]], keys=[HOSTILE]))
    html = inspector._repr_mimebundle_()[0]["text/html"]
    assert "<img" not in html
    assert "&lt;img" in html
    assert "\u202e" not in inspector._keys.decode() + inspector._trace["events"].decode()
