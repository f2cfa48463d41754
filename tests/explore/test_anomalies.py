from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import traitlets
from golden.make import make_log, read_log
from sklearn.exceptions import NotFittedError

import seqrec
from seqrec import NGramDetector, PopularityRecommender, Sequences, thresholds
from seqrec.detect.words import in_words
from seqrec.explore import AnomalyExplorer
from seqrec.explore.front_end import label

HOSTILE = '<img src=x onerror="window.__hostile=1">\u202e\x00'


@pytest.fixture(scope="module")
def normal():
    return read_log(make_log(60, seed=0), fields=True)


@pytest.fixture(scope="module")
def asked():
    X = read_log(make_log(120, seed=1), fields=True)
    return X, X.lengths > 6


@pytest.fixture(scope="module")
def detector():
    return seqrec.load(Path(__file__).parents[1] / "golden" / "LSTMAnomalyDetector.seqrec")


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
    assert np.array_equal(np.frombuffer(explorer._held_out), np.sort(explorer.detector.held_out_scores_))


def test_the_page_can_set_thresholds_beyond_what_was_held_out(explorer):
    threshold, share, shape, scale = explorer._peaks
    held_out = explorer.detector.held_out_scores_
    expected = thresholds.peaks_over_threshold_offset(held_out, 1e-5)
    assert -threshold - scale * ((share / 1e-5) ** shape - 1) / shape == pytest.approx(expected)


def test_timeline_agrees_with_the_detector(detector, asked, normal):
    X = asked[0]
    explorer = AnomalyExplorer(detector, X, normal=normal)
    row = explorer.sequence
    told, reasons = explorer._timeline, detector.explain(X[[row]], n_events=99, only_flagged=False)
    events, in_order = told["events"], reasons.sort_values("position")["expected"]
    assert [event["event"] for event in events[:-1]] == [label(item) for item in X[row]]
    assert events[-1]["event"] == "(end)"
    assert np.allclose([event["surprisal"] for event in events[:-1]], detector.surprisal(X[[row]]), atol=1e-5)
    assert np.allclose([e["p"] for e in events], reasons.sort_values("position")["event_p_value"], atol=1e-5)
    assert told["score"] == pytest.approx(detector.score_samples(X[[row]])[0], abs=1e-5)
    assert told["nearest"]["events"] == [label(item) for item in normal[int(reasons["nearest"][0])]]
    assert all(event["detail"].endswith(label(expected)) for event, expected in zip(events, in_order, strict=True))


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
