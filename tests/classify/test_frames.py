"""The classifier on frames of numbers: what it learns, what changes no answer, what it says of its reasons."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from seqrec import LSTMSequenceClassifier, Sequences, load, save, trace_gates
from seqrec.classify.frames import _factors
from seqrec.network.frame_training import FrameTrainer

SMALL = LSTMSequenceClassifier(units=8, n_networks=2, max_epochs=2, dropout=0.0, random_state=0)


def bumps(n=80, seed=0):
    """Curves of several lengths with noise: one channel has a bump, early or late, which is the class."""
    rng = np.random.default_rng(seed)
    late, lengths = np.arange(n) % 2, rng.integers(16, 25, n)
    curves = [rng.normal(0, 0.3, (length, 3)) for length in lengths]
    for curve, is_late in zip(curves, late, strict=True):
        start = 3 * len(curve) // 4 - 1 if is_late else 2
        curve[start : start + 3, 1] += 3
    return Sequences.from_arrays(curves, ["left", "middle", "right"]), np.array(["early", "late"])[late]


X, Y = bumps()
FRESH, ANSWERS = bumps(20, seed=1)


@pytest.fixture(scope="module")
def fitted():
    return clone(SMALL).fit(X, Y)


@pytest.fixture(scope="module")
def of_frames():
    """Whether the bump has come already, told of each frame."""
    come = np.concatenate([np.cumsum(curve > 1.5) > 0 for curve in np.split(X.columns["middle"], X.indptr[1:-1])])
    return clone(SMALL).set_params(n_networks=1).fit(X, come)


def test_when_a_bump_came_is_told_with_probabilities(fitted):
    probabilities = fitted.predict_proba(FRESH)
    assert fitted.score(FRESH, ANSWERS) > 0.9
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert fitted.level_ == "sequence"


def test_company_does_not_change_an_answer(fitted):
    together = fitted.predict_proba(FRESH)
    for rows in ([0], [3, 11], np.arange(12, 20)):
        np.testing.assert_allclose(fitted.predict_proba(FRESH[rows]), together[rows], atol=1e-5)


def test_a_sequence_without_frames_has_the_classes_shares_and_one_frame_an_answer(fitted):
    np.testing.assert_allclose(fitted.predict_proba(X[:1].head(0)), [[0.5, 0.5]])
    assert np.isfinite(fitted.predict_proba(X[:2].head(1))).all()
    assert fitted.predict_proba(X[:0]).shape == (0, 2)


def test_the_stretch_and_the_channel_of_the_bump_speak_for_the_class(fitted):
    told = fitted.explain(FRESH[:2], n_stretches=2)
    assert told.columns.tolist() == ["sequence", "class", "start", "stop", "channel", "evidence"]
    for key in FRESH.keys[:2]:
        of_one = told[told["sequence"] == key]
        assert of_one["evidence"].is_monotonic_decreasing
        assert of_one["channel"].dropna().iloc[0] == "middle"
        assert (of_one["channel"].isna()).sum() == 2


def test_evidence_is_what_the_log_probability_loses(fitted):
    told = fitted.explain(FRESH[[0]], n_stretches=1)
    row = told[told["channel"] == "middle"].iloc[0]
    without = FRESH.columns["middle"][: row["stop"]] * 0 + fitted.channels_.mean[1]
    other = replace(FRESH[[0]], columns=FRESH[[0]].columns | {"middle": without})
    place = fitted.classes_.tolist().index(row["class"])
    expected = np.log(fitted.predict_proba(FRESH[[0]])[0, place] / fitted.predict_proba(other)[0, place])
    np.testing.assert_allclose(row["evidence"], expected, atol=1e-4)


def test_a_copy_in_a_file_answers_to_the_bit(fitted, tmp_path):
    save(fitted, tmp_path / "m.seqrec")
    twin = load(tmp_path / "m.seqrec")
    np.testing.assert_array_equal(twin.predict_proba(FRESH), fitted.predict_proba(FRESH))
    assert twin.channels_.names == ["left", "middle", "right"]


@pytest.mark.slow
def test_later_frames_do_not_change_the_class_of_earlier_ones(of_frames):
    kept = np.concatenate([np.arange(start, start + 10) for start in X.indptr[:-1]])
    np.testing.assert_allclose(of_frames.predict_proba(X.head(10)), of_frames.predict_proba(X)[kept], atol=1e-5)
    assert of_frames.level_ == "event"
    with pytest.raises(TypeError, match="classes of single frames"):
        of_frames.explain(X)


def test_events_and_frames_are_not_taken_for_each_other(fitted):
    with pytest.raises(TypeError, match=r"has learned from frames of numbers \(columns 'left', 'middle', 'right'\)"):
        fitted.predict([["a", "b"]])
    with pytest.raises(TypeError, match="have no gates to follow"):
        trace_gates(fitted, X[:1])


@pytest.mark.slow
def test_it_is_fitted_anew_on_events_and_on_frames():
    classifier = LSTMSequenceClassifier(units=4, n_networks=1, max_epochs=1, random_state=0).fit(X, Y)
    classifier.fit([["a", "b"], ["b"]] * 20, ["x", "y"] * 20)
    with pytest.raises(TypeError, match="from events"):
        classifier.explain([["a"]])
    assert classifier.predict([["a", "b"]]).shape == (1,)
    assert classifier.fit(X, Y).predict(X[:1]).shape == (1,)


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["peephole", "gru", "rnn"])
def test_each_cell_learns(cell):
    classifier = clone(SMALL).set_params(cell=cell, max_epochs=3).fit(X, Y)
    assert classifier.score(FRESH, ANSWERS) > 0.9


@pytest.mark.slow
def test_the_same_seed_gives_the_same_answers(fitted):
    np.testing.assert_array_equal(clone(SMALL).fit(X, Y).predict_proba(FRESH), fitted.predict_proba(FRESH))


@pytest.mark.slow
def test_sequences_of_weight_zero_teach_nothing():
    weights = np.repeat([1.0, 0.0], 40)
    spoilt = np.where(weights > 0, Y, "early")
    first, second = (clone(SMALL).fit(X, y, weights).predict_proba(FRESH) for y in (Y, spoilt))
    # The channels' means are those of all sequences: what has no label is read as context, too.
    np.testing.assert_array_equal(first, second)


@pytest.mark.slow
def test_probabilities_are_those_of_the_log_also_where_a_class_weighs_more():
    rng = np.random.default_rng(0)
    noise = Sequences.from_arrays(rng.normal(size=(400, 6, 2)).round(2), ["a", "b"])
    y = rng.random(400) < 0.2
    for class_weight in (None, "balanced"):
        classifier = clone(SMALL).set_params(class_weight=class_weight).fit(noise, y)
        assert abs(classifier.predict_proba(noise)[:, 1].mean() - 0.2) < 0.1


@pytest.mark.slow
def test_bytes_and_missing_values_are_read():
    byte = np.clip(X.columns["middle"] * 40 + 100, 0, 255).astype("uint8")
    columns = {"byte": byte, "gappy": np.where(np.arange(X.n_events) % 3, X.columns["left"], np.nan)}
    classifier = clone(SMALL).fit(replace(X, columns=columns), Y)
    assert classifier.score(replace(X, columns=columns), Y) > 0.9


@pytest.mark.slow
def test_ctrl_c_keeps_the_best_epoch(monkeypatch):
    run_epoch, done = FrameTrainer._run_epoch, []

    def one_epoch_then_stop(*arguments):
        if done:
            raise KeyboardInterrupt
        done.append(1)
        return run_epoch(*arguments)

    monkeypatch.setattr(FrameTrainer, "_run_epoch", one_epoch_then_stop)
    stopped = clone(SMALL).set_params(max_epochs=5)
    with pytest.raises(KeyboardInterrupt, match="fitted: it has the weights of epoch 1"):
        stopped.fit(X, Y)
    assert stopped.predict(FRESH).shape == (20,)


@pytest.mark.slow
def test_few_sequences_of_a_class_are_learned_without_anything_held_out():
    classifier = clone(SMALL).set_params(n_networks=1).fit(X[:4], Y[:4])
    assert "validation" not in classifier.history_
    np.testing.assert_allclose(classifier.predict_proba(X).sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y to be passed"),
        (Y[:7], r"y must hold a label for each of the 80 sequences or of the .* events, got shape \(7,\)"),
        (["early"] * 80, "at least 2 classes, got 1"),
        (pd.Series(Y).where(Y == "early"), "NaN"),
    ],
)
def test_labels_that_do_not_fit_are_refused_before_training(y, message):
    with pytest.raises(ValueError, match=message):
        clone(SMALL).fit(X, y)


def test_ragged_channels_are_refused_before_training():
    with pytest.raises(ValueError, match="1 array with other events than those of the first"):
        Sequences.from_arrays([np.zeros((4, 2)), np.zeros((4, 3))])


def test_factors_of_log_probabilities_go_to_what_is_right():
    rng = np.random.default_rng(0)
    known = rng.integers(0, 2, 500)
    said = np.where(rng.random(500) < 0.8, known, 1 - known)  # right in 80 % of the cases, and too sure of it
    good = np.log(np.where(np.arange(2) == said[:, None], 0.99, 0.01))
    bad = np.log(rng.dirichlet([1, 1], 500))
    factor, other = _factors([good, bad], known)
    right = (said == known).mean()
    np.testing.assert_allclose(factor, np.log(right / (1 - right)) / np.log(99), atol=0.02)
    assert other < 0.1
