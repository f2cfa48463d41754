import numpy as np
import pandas as pd
import pytest
from traitlets import TraitError

pytest.importorskip("anywidget")

from sound_files import wav

from seqrec import Sequences, SummaryClassifier
from seqrec.exceptions import InputError
from seqrec.explore.frames import FrameExplorer

LENGTHS = [*range(10, 40), 1]


class Tells(SummaryClassifier):
    """Says that the second half, and the channel "right", speak for every class."""

    def explain(self, X, n_stretches=3):  # noqa: ARG002
        key, n = X.keys[0], int(X.lengths[0])
        rows = [(n // 2, n, None, 0.5), (0, n, "right", 0.25), (0, n // 2, None, -1.0), (0, n, "left", -0.125)]
        names = ["start", "stop", "channel", "evidence"]
        return pd.DataFrame(rows, columns=names).assign(sequence=key, **{"class": "odd"})


@pytest.fixture(scope="module")
def X():  # noqa: N802
    rng = np.random.default_rng(0)
    arrays = [rng.normal(3 * (n % 2), 1, (n, 2)) for n in LENGTHS]
    arrays[2][3, 1] = np.nan
    return Sequences.from_arrays(arrays, names=["left", "right"], keys=[f"s{n}" for n in LENGTHS])


@pytest.fixture(scope="module")
def y(X):
    y = np.array(["even", "odd"], object)[X.lengths % 2]
    y[:3] = "odd", "martian", None
    return y


@pytest.fixture(scope="module")
def classifier(X):
    return Tells().fit(X, np.array(["even", "odd"])[X.lengths % 2])


@pytest.fixture
def explorer(classifier, X, y):
    return FrameExplorer(classifier, X, y)


def numbers(packed, dtype="<f4"):
    return np.frombuffer(packed, dtype)


def run(explorer):
    explorer._receive({"do": "run", "version": explorer.sequence})
    return explorer._told


def test_all_sequences_have_their_truth_prediction_and_chances(explorer, classifier, X, y):
    frame, chances = explorer.frame, classifier.predict_proba(X)
    assert frame["truth"].dropna().tolist() == [one for one in y if one]
    assert frame["prediction"].tolist() == classifier.predict(X).tolist()
    np.testing.assert_allclose(frame["chance"], chances.max(axis=1))
    assert frame["chance_of_truth"][1] == 0  # the classifier knows no Martians
    assert np.isnan(frame["chance_of_truth"][2])
    assert frame["chance_of_truth"][3] == pytest.approx(chances[3, 1])
    assert frame["steps"].tolist() == LENGTHS


def test_the_least_likely_truth_comes_first_and_unknown_truth_last(explorer):
    found = explorer.selected
    assert found["truth"][0] == "martian"
    assert found["chance_of_truth"].dropna().is_monotonic_increasing
    assert found["truth"].isna().tolist() == [False] * 30 + [True]
    assert explorer.sequence == found["position"][0]
    explorer.sort = "as given"
    assert explorer.selected["position"].tolist() == list(range(len(LENGTHS)))


def test_a_cell_of_the_confusion_lists_its_sequences(explorer):
    assert explorer.classes == ["even", "odd", "martian"]
    assert explorer.confusion.loc["odd", "even"] == 1
    assert explorer.confusion.loc["martian"].tolist() == [0, 1]
    explorer.truth, explorer.predicted = 1, 0
    assert explorer.selected["sequence"].tolist() == ["s10"]
    explorer.predicted = None
    assert set(explorer.selected["truth"]) == {"odd"}
    explorer.truth = None
    assert len(explorer.selected) == len(LENGTHS)


def test_of_many_classes_those_most_often_mixed_up_are_shown():
    from seqrec.explore.confusion import Confusion

    truth = np.arange(40).repeat(2)
    prediction = truth.copy()
    prediction[-1] = 0
    told = Confusion.of(truth, prediction, 40, 40).told()
    assert {0, 39} < set(told["rows"])
    assert len(told["rows"]) == 24
    assert told["note"] == "16 more classes are mixed up less often."


def test_without_truth_there_is_one_row_of_predictions(classifier, X):
    explorer = FrameExplorer(classifier, X)
    assert explorer._matrix["rows"] == []
    assert numbers(explorer._matrix["counts"], "<i4").sum() == len(LENGTHS)
    assert explorer.selected["chance"].is_monotonic_increasing
    assert explorer._shown["said"].endswith("the truth is not known")


def test_few_channels_are_curves_between_what_is_usual_and_what_is_there(explorer, classifier, X):
    explorer.sequence = 2
    shown, values = explorer._shown, np.stack(list(X[[2]].columns.values()), axis=1)
    lanes = numbers(shown["curves"]).reshape(2, 12)
    assert np.isnan(lanes[1, 3])
    assert np.isnan(lanes).sum() == 1
    np.testing.assert_allclose(np.corrcoef(lanes[0], values[:, 0])[0, 1], 1)
    assert 0 <= np.nanmin(lanes) < np.nanmax(lanes) <= 1
    assert ((numbers(shown["usual"]) > 0) & (numbers(shown["usual"]) < 1)).all()


def test_a_heat_map_is_bytes_from_far_below_to_far_above_the_mean(explorer, classifier, X):
    explorer.view, explorer.sequence = "heat map", 2
    shades = numbers(explorer._shown["shades"], "u1").reshape(2, 12)
    assert shades[1, 3] == 0  # missing
    values = X[[2]].columns["left"]
    mean, spread = classifier.channels_.mean[0], classifier.channels_.spread[0]
    expected = 1 + np.rint((np.clip((values - mean) / spread, -2.5, 2.5) / 2.5 + 1) * 127)
    np.testing.assert_array_equal(shades[0], expected)


def test_long_sequences_of_many_channels_are_thinned():
    rng = np.random.default_rng(0)
    X = Sequences.from_arrays([rng.normal(k, 1, (2_500, 200)) for k in (0, 1)], names="mel")
    explorer = FrameExplorer(SummaryClassifier().fit(X, [0, 1]), X)
    assert explorer.view == "heat map"
    assert len(explorer._shown["shades"]) <= 800 * 160
    explorer.view = "curves"
    assert len(explorer._shown["curves"]) <= 4 * 600 * 64
    assert explorer._shown["legend"].startswith("The first 64 of 200 channels.")


def test_a_frame_is_read_out_with_its_time(classifier, X, y):
    sounds = [np.zeros(80 * n) for n in LENGTHS]
    explorer = FrameExplorer(classifier, X, y, audio=sounds, rate=8_000)
    explorer.sequence, explorer.step = 2, 3
    assert explorer._read["text"].startswith("frame 3 of 12, at 0.03 s: left ")
    assert explorer._read["text"].endswith("right –")
    explorer.sequence = 4
    assert explorer.step == -1


def test_what_speaks_for_a_class_is_told_when_the_page_asks(explorer):
    explorer.sequence = 4  # 14 frames
    told = run(explorer)
    assert told["stretches"] == [[7, 14, 0.5, 1], [0, 7, -1.0, 0]]
    assert told["channels"] == [[1, 1.0, 1], [0, -0.5, 0]]
    assert told["rows"].decode().split("\n") == ["frames 7 to 13", "channel right", "frames 0 to 6", "channel left"]
    assert told["nats"].decode().split("\n") == ["+0.5 nats", "+0.25 nats", "−1 nats", "−0.12 nats"]
    assert told["places"] == [[7, 14], None, [0, 7], None]
    assert len(explorer.reasons) == 4
    explorer._receive({"do": "run", "version": 3})  # no longer open
    assert explorer._told["version"] == 4


def test_a_classifier_that_does_not_explain_says_so(X, y):
    plain = SummaryClassifier().fit(X, np.array(["even", "odd"])[X.lengths % 2])
    explorer = FrameExplorer(plain, X, y)
    assert run(explorer)["text"].startswith("SummaryClassifier does not say")
    assert explorer.reasons.empty


def test_sound_is_read_from_files_when_it_is_asked_for(classifier, X, tmp_path):
    pytest.importorskip("soundfile")
    (tmp_path / "one.wav").write_bytes(wav(np.zeros(16_000), rate=16_000))
    explorer = FrameExplorer(classifier, X, audio=[str(tmp_path / "one.wav"), tmp_path / "none.wav"] + [None] * 29)
    for row, rate in ((0, 16_000), (1, None), (2, None)):
        explorer.sequence = row
        explorer._receive({"do": "sound", "version": row})
        assert explorer._sound.get("rate") == rate
    explorer.sequence, explorer.step = 0, 1
    assert " s: " in explorer._read["text"]


def test_sound_is_sent_when_it_is_asked_for_at_a_rate_that_browsers_play(classifier, X):
    stereo = np.stack([np.full(1_000, 16_384), np.zeros(1_000)], axis=1).astype("int16")
    sounds = [None, stereo, np.full(200 * 4_000, -0.5)] + [None] * 28
    explorer = FrameExplorer(classifier, X, audio=sounds, rate=4_000)
    explorer.sequence = 1
    assert explorer._sound == {}
    explorer._receive({"do": "sound", "version": 1})
    assert explorer._sound["rate"] == 8_000
    samples = numbers(explorer._sound["samples"], "<i2")
    assert len(samples) == 2_000
    np.testing.assert_allclose(samples, 8_192, atol=1)
    explorer.sequence = 2
    explorer._receive({"do": "sound", "version": 2})
    assert explorer._sound["note"] == "The first 120 seconds."
    assert len(explorer._sound["samples"]) == 2 * 120 * 8_000
    explorer.sequence = 0
    assert explorer._shown["seconds"] == 0


def test_one_frame_no_frame_and_no_sequence_have_words(classifier, X):
    explorer = FrameExplorer(classifier, X)
    explorer.sequence = len(LENGTHS) - 1
    assert explorer._shown["n"] == 1
    assert run(explorer)["rows"].decode().startswith("frame 0")
    none = FrameExplorer(classifier, Sequences.from_arrays([np.zeros((0, 2))], names=["left", "right"]))
    assert none._shown["legend"] == "It has no frames."
    assert none.reasons.empty
    empty = FrameExplorer(classifier, X[:0])
    assert empty._shown == {"version": -1, "text": "There are no sequences."}
    assert empty.selected.empty
    assert "0 of 0 sequences" in empty._fallback()


def test_a_table_stands_where_there_are_no_widgets(explorer):
    shown = explorer._fallback()
    assert "28 of 30 are taken for what they are" in shown
    assert "martian" in shown


def test_a_series_of_labels_is_brought_in_the_order_of_the_keys(classifier, X, y):
    series = pd.Series(y, index=X.keys)[::-1]
    assert FrameExplorer(classifier, X, series).frame.equals(FrameExplorer(classifier, X, y).frame)


def test_traits_that_do_not_fit_are_refused(explorer):
    for name, value in (("sequence", 99), ("truth", 3), ("predicted", 2), ("step", 99), ("sort", "?"), ("view", "3d")):
        with pytest.raises(TraitError):
            setattr(explorer, name, value)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"y": ["odd"]}, "there are 31 sequences, but y is of shape"),
        ({"audio": [None] * 31}, "audio needs its rate"),
        ({"audio": [None], "rate": 8_000}, "31 sequences, but 1 sounds"),
        ({"audio": [np.zeros((2, 2, 2))] * 31, "rate": 8_000}, "sound 0 is a float64 array of shape"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(classifier, X, more, words):
    with pytest.raises(InputError, match=words):
        FrameExplorer(classifier, X, **more)


def test_only_classifiers_of_whole_sequences_of_frames_are_shown(classifier, X):
    with pytest.raises(InputError, match="shows a classifier of frames"):
        FrameExplorer("classifier", X)
    with pytest.raises(InputError, match="lacks the column 'right'"):
        FrameExplorer(classifier, Sequences.from_arrays([np.zeros((3, 1))], names=["left"]))
