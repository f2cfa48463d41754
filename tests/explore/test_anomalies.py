import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import traitlets
from golden.make import make_log, read_log
from sklearn.exceptions import NotFittedError

from seqrec import NGramDetector, PopularityRecommender, Sequences
from seqrec.explore import AnomalyExplorer
from seqrec.explore.front_end import label
from seqrec.explore.timelines import in_runs, in_words, timeline
from seqrec.explore.units import expectation_of

HOSTILE = '<img src=x onerror="window.__hostile=1">\u202e\x00'


@pytest.fixture(scope="module")
def normal():
    return read_log(make_log(60, seed=0), fields=True)


@pytest.fixture(scope="module")
def asked():
    X = read_log(make_log(120, seed=1), fields=True)
    return X, X.lengths > 6


@pytest.fixture(scope="module")
def counting(normal):
    return NGramDetector().fit(normal)


@pytest.fixture
def explorer(counting, asked):
    X, labels = asked
    return AnomalyExplorer(counting, X, labels=labels)


def test_what_is_flagged_is_what_the_detector_flags(explorer, counting, asked):
    flags = counting.predict(asked[0]) < 0
    assert explorer.frame.set_index("position")["flagged"].sort_index().tolist() == flags.tolist()
    assert set(explorer.flagged["sequence"]) == set(asked[0].keys[flags])


def test_sequences_come_the_oddest_first(explorer, counting, asked):
    frame = explorer.frame
    assert frame["score"].is_monotonic_increasing
    assert np.allclose(frame["score"], counting.score_samples(asked[0])[frame["position"]])
    assert explorer.sequence == frame["position"][0]


def test_threshold_moves_what_is_flagged_and_the_detector_only_when_applied(explorer, counting, asked):
    before = counting.offset_
    explorer.threshold = float(explorer.frame["score"][10])
    assert len(explorer.flagged) == (explorer.frame["score"] < explorer.threshold).sum()
    assert counting.offset_ == before
    explorer.apply_threshold()
    assert np.count_nonzero(counting.predict(asked[0]) < 0) == len(explorer.flagged)
    counting.offset_ = before


def test_no_threshold_flags_nothing(explorer, counting):
    before = counting.offset_
    explorer.threshold = -np.inf
    assert explorer.threshold is None
    assert len(explorer.flagged) == 0
    assert explorer.apply_threshold().detector.offset_ == -np.inf
    counting.offset_ = before


def test_front_end_gets_scores_in_rising_order_with_keys_and_labels(explorer, asked):
    scores, order = np.frombuffer(explorer._scores), np.frombuffer(explorer._order, np.int32)
    assert np.array_equal(scores, explorer.frame["score"])
    assert explorer._keys.decode().split("\n") == [str(key) for key in asked[0].keys]
    assert np.array_equal(np.frombuffer(explorer._labels, np.uint8), asked[1][order])


@pytest.mark.parametrize(
    ("way", "value", "setting"),
    [
        ("alerts a day", 6, {"alerts_per_day": 6, "sequences_per_day": 60}),
        ("false alarms, %", 20, {"false_positive_rate": 0.2}),
        ("false alarms, %", 0.001, {"false_positive_rate": 1e-5}),
        ("contamination, %", 30, {"contamination": 0.3}),
    ],
)
@pytest.mark.filterwarnings("ignore:a false-positive rate")
def test_the_page_sets_the_thresholds_of_set_threshold(explorer, way, value, setting):
    explorer.sequences_per_day = 60.0
    explorer._handle_custom_msg({"by": way, "value": value}, [])
    assert explorer.threshold == explorer.detector.offset_for(**setting)
    assert ("extrapolated" in explorer._told["note"]) == (value == 0.001)
    assert float(explorer._told["figures"][way]) == pytest.approx(value, rel=0.2)


@pytest.mark.parametrize(
    "message", [None, {}, {"sequence": "x", "mark": 3}, {"sequence": 999, "mark": "normal"}, {"by": "x", "value": 1}]
)
def test_messages_of_the_page_that_make_no_sense_change_nothing(explorer, message):
    explorer._handle_custom_msg(message, [])
    assert len(explorer.marks) == 0


@pytest.mark.parametrize(
    "marks",
    [{"x": "y"}, {"999999": "normal"}, {"3": "y"}, {"03": "normal"}, {"-1": "normal"}, {"²": "normal"}, {"3": ["a"]}],
)
def test_marks_that_the_page_makes_up_are_refused(explorer, marks):
    with pytest.raises(traitlets.TraitError, match="a mark is normal or confirmed"):
        explorer.set_state({"_marks": marks})
    assert len(explorer.marks) == 0


def test_alarms_are_counted_among_these_where_the_log_has_no_times(counting):
    X = [["log in"]] * 1_000
    explorer = AnomalyExplorer(counting, X)
    explorer.threshold = float(np.sort(counting.held_out_scores_)[6])
    assert "false alarms of these 1,000." in explorer._told["text"]
    explorer.sequences_per_day = 500.0
    assert "false alarms a day." in explorer._told["text"]
    explorer.sequences_per_day = 0.5
    assert "Expect one false alarm in 17 days." in explorer._told["text"]


def test_the_list_is_searched_by_key_reason_and_name_of_event(counting, asked):
    X = asked[0]
    explorer = AnomalyExplorer(counting, X, items={"tea": "Darjeeling"})

    def found():
        return set(explorer._by_score[np.frombuffer(explorer._found, np.uint8) > 0])

    explorer.find = "darj"
    assert found() == {row for row, items in enumerate(X) if "tea" in items}
    explorer.find = str(X.keys[3])
    assert 3 in found()
    reason = explorer._parts[0]
    explorer.find = reason.upper()
    assert found() == {row for row, part in enumerate(explorer._fired_part) if in_words(part) == reason}
    explorer.find = ""
    assert explorer._found == b""


def test_timeline_agrees_with_the_detector(detector, asked, normal):
    X = asked[0]
    explorer = AnomalyExplorer(detector, X, normal=normal)
    row = explorer.sequence
    told, reasons = explorer._timeline, detector.explain(X[[row]], n_events=99, only_flagged=False)
    events, in_order = told["events"], reasons.sort_values("position")["expected"]
    assert [event["event"] for event in events[:-1]] == [label(item) for item in X[row]]
    assert events[-1]["event"] == "(end)"
    assert np.allclose([event["surprisal"] for event in events[:-1]], detector.surprisal(X[[row]]), atol=1e-5)
    assert np.allclose([e["p"] for e in events], reasons.sort_values("position")["p_value"], atol=1e-5)
    assert told["score"] == pytest.approx(detector.score_samples(X[[row]])[0], abs=1e-5)
    assert told["nearest"]["events"] == in_runs(label(item) for item in normal[int(reasons["nearest"][0])])
    for event, field, expected in zip(events, reasons.sort_values("position")["field"], in_order, strict=True):
        assert event["detail"].endswith(expectation_of(field, expected))


def test_events_are_told_with_the_columns_of_the_log_and_units(detector, asked):
    X = asked[0]
    explorer = AnomalyExplorer(detector, X, items={"tea": "Darjeeling"})
    row = explorer.sequence = next(row for row, items in enumerate(X) if "tea" in items)
    columns, events = explorer._timeline["columns"], explorer._timeline["events"]
    assert [name for name, _ in columns] == ["", "time", "event", "gap", "channel", "amount", "row", "surprisal"]
    first = dict(zip([name for name, _ in columns], events[0]["cells"], strict=True))
    at = X.indptr[row]
    assert first["time"] == str(X.timestamps[at].astype("datetime64[s]")).replace("T", " ")
    assert (first["gap"], first["row"]) == ("–", f"{X.rows[at]:,}")
    assert first["amount"] == f"{X.columns['amount'][at]:,.6g}"
    assert events[1]["cells"][3].split()[1] in {"s", "min", "h", "days"}
    assert "Darjeeling" in [event["event"] for event in events]
    assert events[-1]["cells"][2] == "(end)"


def test_odd_cells_say_what_was_usual(detector, asked):
    X = asked[0][[3]]
    amounts = np.where(np.arange(X.n_events) == 1, 1e9, X.columns["amount"])
    told = timeline(detector, replace(X, columns=X.columns | {"amount": amounts}), -3.0)
    amount = [name for name, _ in told["columns"]].index("amount")
    assert told["oddest"] == 1
    assert told["events"][1]["cells"][amount] == "1e+09"
    assert re.fullmatch(r"usually \S+ to \S+", told["events"][1]["usual"][amount])
    assert not told["events"][0]["usual"][amount]


def timeline_of(explorer, row):
    explorer.sequence = int(row)
    return explorer._timeline


def test_parts_that_are_not_odd_are_no_reasons(counting, asked):
    explorer = AnomalyExplorer(counting, asked[0])
    usual = timeline_of(explorer, explorer._by_score[-1])
    assert usual["reasons"] == []
    assert usual["rarity"].endswith("No part of it is odd by itself.")


def test_detector_that_cannot_tell_events_shows_them_plainly(explorer, asked):
    assert [event["event"] for event in explorer._timeline["events"]] == list(map(label, asked[0][explorer.sequence]))
    assert "p" not in explorer._timeline["events"][0]


def test_opening_another_sequence_tells_about_it(explorer, asked):
    explorer.sequence = 3
    assert explorer._timeline["key"] == str(asked[0].keys[3])
    explorer.sequence = -1
    assert explorer._timeline == {}


def test_marks_come_back_as_a_frame(explorer):
    explorer.mark("confirmed", 3).mark("normal", 5).mark("normal", 3).mark(None, 5)
    explorer._handle_custom_msg({"sequence": 7, "mark": "confirmed"}, [])
    assert explorer.marks[["position", "mark"]].to_numpy().tolist() == [[3, "normal"], [7, "confirmed"]]


@pytest.mark.parametrize(("mark", "sequence", "error"), [("odd", 0, ValueError), ("normal", 999, traitlets.TraitError)])
def test_marks_of_another_kind_or_place_are_refused(explorer, mark, sequence, error):
    with pytest.raises(error, match=r"mark must be|no sequence 999"):
        explorer.mark(mark, sequence)


def test_selection_is_a_frame_in_its_order(explorer, asked):
    explorer.selection = [5, 2]
    assert explorer.selected["sequence"].tolist() == asked[0].keys[[5, 2]].tolist()
    assert explorer.selected["label"].tolist() == asked[1][[5, 2]].tolist()


@pytest.mark.parametrize(
    ("trait", "value"),
    [
        ("sequence", 500),
        ("sequence", -2),
        ("selection", [500]),
        ("selection", [-1]),
        ("threshold", np.nan),
        ("sequences_per_day", 0.0),
    ],
)
def test_impossible_values_are_refused(explorer, trait, value):
    with pytest.raises(traitlets.TraitError, match=r"no sequence|threshold must|sequences_per_day must"):
        setattr(explorer, trait, value)


def test_sequences_a_day_follow_the_timestamps(counting):
    times = pd.date_range("2026-01-01", periods=40, freq="6h")  # 9.75 days
    log = pd.DataFrame({"user_id": range(40), "item_id": "log in", "timestamp": times})
    explorer = AnomalyExplorer(counting, Sequences.from_frame(log))
    assert explorer.sequences_per_day == pytest.approx(40 / 9.75)


def test_no_sequences_are_a_state_not_an_error(counting, asked):
    explorer = AnomalyExplorer(counting, asked[0][:0])
    assert explorer.sequence == -1
    assert len(explorer.frame) == len(explorer.flagged) == len(explorer.marks) == 0
    assert list(explorer.frame.columns[:3]) == ["sequence", "position", "score"]


@pytest.mark.parametrize("X", [[["log in"]], [[]], [["never seen"]]])
def test_one_event_none_and_unknown_ones_are_shown(counting, X):
    explorer = AnomalyExplorer(counting, X)
    assert explorer._timeline["n_events"] == len(X[0])


def test_hostile_ids_are_escaped_text(counting):
    explorer = AnomalyExplorer(counting, Sequences.from_lists([[HOSTILE, "x" * 4_000]], keys=[HOSTILE]))
    shown = explorer._repr_mimebundle_()[0]["text/html"]
    assert "<img" not in shown
    assert "&lt;img" in shown
    assert "\u202e" not in explorer._timeline["key"] + explorer._keys.decode()
    assert max(len(event["event"]) for event in explorer._timeline["events"]) <= 120


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((PopularityRecommender(), [["a"]]), TypeError, "shows a detector"),
        ((NGramDetector(), [["a"]]), NotFittedError, "not fitted"),
    ],
)
def test_what_is_no_fitted_detector_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        AnomalyExplorer(*arguments)


def test_wrong_data_and_labels_are_refused(counting, asked):
    with pytest.raises(TypeError, match=r"Sequences\.from_frame"):
        AnomalyExplorer(counting, pd.DataFrame({"a": [1]}))
    with pytest.raises(ValueError, match="120 sequences, but 2 labels"):
        AnomalyExplorer(counting, asked[0], labels=[True, False])
    with pytest.raises(ValueError, match="labels must be"):
        AnomalyExplorer(counting, asked[0], labels=np.full(120, -1))


def test_every_part_of_a_score_has_words(detector):
    assert not [part for part in detector.calibration_.tails if in_words(part) == part]
