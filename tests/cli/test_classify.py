"""``seqrec fit --task classify`` and ``seqrec classify``: logs of events, of frames, and sounds."""

import json

import numpy as np
import pandas as pd
import pytest
from command_line import SMALL, make_log, read_results, run, write
from sound_files import tone, wav

import seqrec
from seqrec.cli.classifier import sound_form
from seqrec.datasets import make_frames
from seqrec.sound import LogMel

CLASSES = ["falling", "rising"]


def make_birds(n=30, seed=0):
    """Make frames of two channels with a label, and a column of text that is no channel."""
    frames = make_frames(4 * n, random_state=seed)
    frames = frames[frames["label"].isin(CLASSES)]
    kept = frames[frames["sequence"].isin(frames["sequence"].unique()[:n])]
    return kept[["sequence", "band_0", "band_5", "label"]].assign(note="quiet").reset_index(drop=True)


@pytest.fixture(scope="module")
def birds(tmp_path_factory):
    """Give a folder with a log of frames, and a classifier of it."""
    folder = tmp_path_factory.mktemp("birds")
    log = write(make_birds(), folder / "birds.parquet")
    fit = ["fit", log, "-o", folder / "birds.seqrec", "--task", "classify", "--label", "label", *SMALL]
    (folder / "told.json").write_text(run(*fit, "--json").stdout)
    return folder


def test_frames_are_read_with_all_numbers_as_channels(birds):
    told = json.loads((birds / "told.json").read_text())
    assert told["columns"]["fields"] == ["band_0", "band_5"]
    assert told["columns"]["item"] is None
    assert told["not_used"] == ["note"]
    assert told["sequences"] == 30
    assert sum(told["classes"].values()) == 30
    assert told["rows"] == told["used"]
    assert json.loads(run("inspect", birds / "birds.seqrec", "--json").stdout)["columns"]["user"] == "sequence"


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_every_sequence_gets_its_probabilities(birds, tmp_path, suffix):
    frames = make_birds(12, seed=1)
    log = write(frames.drop(columns=["label", "note"]), tmp_path / f"new.{suffix}")
    run("classify", birds / "birds.seqrec", log, "-o", tmp_path / "out")
    told = read_results(tmp_path / "out", "classes").set_index("sequence").sort_index()
    assert list(told) == ["class", "chance", "events", "chance_falling", "chance_rising"]
    X = seqrec.Sequences.from_frame(frames, "sequence", None, None, ["band_0", "band_5"])
    assert told.index.tolist() == X.keys.tolist()
    chances = told[["chance_falling", "chance_rising"]].to_numpy()
    np.testing.assert_allclose(chances, seqrec.load(birds / "birds.seqrec").predict_proba(X), atol=1e-5)
    assert told["class"].tolist() == np.array(CLASSES)[chances.argmax(axis=1)].tolist()
    assert told["events"].tolist() == X.lengths.tolist()
    assert "whole" in run("verify", tmp_path / "out").stdout


def test_evaluate_judges_a_classifier_by_labels(birds, tmp_path):
    frames = make_birds(12, seed=1)
    first, second, *others = frames["sequence"].unique()
    frames.loc[frames["sequence"] == first, "label"] = None
    frames.loc[frames["sequence"] == second, "label"] = "hovering"
    log = write(frames, tmp_path / "new.parquet")
    told = json.loads(run("evaluate", birds / "birds.seqrec", log, "--label", "label", "--json").stdout)
    X = seqrec.Sequences.from_frame(frames, "sequence", None, None, ["band_0", "band_5"])
    truth = frames.groupby("sequence")["label"].first()[X.keys].to_numpy(object)
    known = [key != first for key in X.keys.tolist()]
    found = seqrec.load(birds / "birds.seqrec").predict(X)[known]
    assert told["figures"]["accuracy"] == np.mean(found == truth[known])
    assert told["figures"]["log-loss"] > 0
    assert (told["unlabelled"], told["unknown_classes"]) == (1, 1)
    assert {one["class"]: one["sequences"] for one in told["classes"]}["hovering"] == 1
    table = write(pd.DataFrame({"sequence": others, "label": truth[2:]}), tmp_path / "labels.csv")
    text = run("evaluate", birds / "birds.seqrec", log, "--labels", table).stdout
    assert "most frequent class" in text
    assert "unknown" not in text


@pytest.mark.slow
def test_bad_rows_and_sequences_without_one_label_are_quarantined_and_none_is_lost(tmp_path):
    frames = make_birds()
    first, second, third = frames["sequence"].unique()[:3]
    frames.loc[frames["sequence"] == first, "label"] = None
    frames.loc[frames.index[frames["sequence"] == second][0], "label"] = "rising or falling"
    frames = frames.astype({"band_0": object})
    frames.loc[frames.index[frames["sequence"] == third][4], "band_0"] = "loud"
    log = write(frames, tmp_path / "birds.csv")
    fit = ["fit", log, "-o", tmp_path / "m.seqrec", "--task", "classify", "--label", "label", *SMALL]
    fit += ["--fields", "band_0:number,band_5"]
    refused = run(*fit, code=4).output
    assert "2 no_label" not in refused
    assert "columns: sequence 'sequence', fields 'band_0' (number), 'band_5' (number), label 'label'" in refused
    told = json.loads(run(*fit, "--max-bad", 0.2, "--json", code=3).stdout)
    assert told["quarantined_by_code"] == {"labels_differ": 1, "no_label": 1, "not_a_number": 1}
    assert told["rows"] == told["used"] + told["quarantined"] + told["filtered"]
    assert told["sequences"] == 28
    listed = pd.read_csv(tmp_path / "m.seqrec.quarantine.csv").set_index("code")
    assert first in listed.loc["no_label", "reason"]


@pytest.mark.slow
def test_labels_may_stand_in_a_table(tmp_path):
    log = make_log()
    labels = pd.DataFrame({"user_id": log["user_id"].unique()[:-1], "buyer": np.arange(39) % 2})
    write(log, tmp_path / "log.csv")
    write(pd.concat([labels, labels[:1].assign(user_id="u999")]), tmp_path / "labels.csv")
    fit = ["fit", tmp_path / "log.csv", "-o", tmp_path / "m.seqrec", "--task", "classify", "--item", "item_id"]
    fit += ["--labels", tmp_path / "labels.csv", *SMALL, "--json", "--max-bad", 0.1]
    told = json.loads(run(*fit, code=3).stdout)
    assert told["classes"] == {"0": 20, "1": 19}
    assert told["quarantined_by_code"] == {"no_label": 1}
    assert told["filtered_by_reason"] == {"of sequences without a label": 7}
    assert "1 labels are of sequences that are not there, such as 'u999'." in told["warnings"]
    run("classify", tmp_path / "m.seqrec", tmp_path / "log.csv", "-o", tmp_path / "out", "--format", "csv")
    found = pd.read_csv(tmp_path / "out" / "classes-00000.csv")
    assert found.columns.tolist() == ["user_id", "class", "chance", "events", "chance_0", "chance_1"]
    assert len(found) == 40


# --- sounds


@pytest.fixture
def sounds(tmp_path):
    """Give a folder of tones with a table of labels, and two files that cannot be used."""
    pytest.importorskip("soundfile")
    folder = tmp_path / "tones"
    (folder / "more").mkdir(parents=True)
    names = [f"{'more/' if number % 2 else ''}{number}.wav" for number in range(20)]
    for number, name in enumerate(names):
        (folder / name).write_bytes(wav(tone([440, 1_500][number % 4 // 2], seconds=0.1 + 0.01 * number, seed=number)))
    (folder / "damaged.wav").write_bytes(b"no sound")
    (folder / "strange.wav").write_bytes(wav(tone()))
    labels = pd.DataFrame({"path": names, "label": [["low", "high"][number % 4 // 2] for number in range(20)]})
    labels = pd.concat([labels, pd.DataFrame({"path": ["damaged.wav", "gone.wav"], "label": "low"})])
    write(labels, tmp_path / "labels.csv")
    return folder


FORM = ["--sound", "rate=8000", "--sound", "n_mels=4"]


@pytest.mark.slow
def test_sounds_are_classified_and_those_that_cannot_be_are_quarantined(sounds, tmp_path):
    fit = ["fit", sounds, "-o", tmp_path / "m.seqrec", "--task", "classify", "--labels", tmp_path / "labels.csv"]
    told = json.loads(run(*fit, *FORM, *SMALL, "--max-bad", 0.2, "--json", code=3).stdout)
    assert (told["rows"], told["used"], told["quarantined"]) == (22, 20, 2)
    assert told["quarantined_by_code"] == {"damaged": 1, "no_label": 1}
    assert told["classes"] == {"high": 10, "low": 10}
    assert "1 labels are of files that are not there, such as 'gone.wav'." in told["warnings"]
    inspected = run("inspect", tmp_path / "m.seqrec").stdout
    assert "rate=8,000, window=0.025, step=0.01, n_mels=4" in inspected

    classify = ["classify", tmp_path / "m.seqrec", sounds, "-o", tmp_path / "out", "--max-bad", 0.1]
    assert "22 = scored 21 + quarantined 1" in run(*classify, code=3).stdout
    found = read_results(tmp_path / "out", "classes").set_index("path")
    assert len(found) == 21
    assert str(sounds / "more" / "1.wav") in found.index
    np.testing.assert_allclose(found[["chance_high", "chance_low"]].sum(axis=1), 1, atol=1e-6)
    listed = pd.read_parquet(tmp_path / "out" / "quarantine.parquet")
    assert listed[["file", "code"]].to_numpy().tolist() == [[str(sounds / "damaged.wav"), "damaged"]]
    assert "whole" in run("verify", tmp_path / "out").stdout


@pytest.mark.slow
def test_too_many_bad_sounds_end_the_job_and_free_the_folder(sounds, tmp_path):
    fit = ["fit", sounds, "-o", tmp_path / "m.seqrec", "--task", "classify", "--labels", tmp_path / "labels.csv"]
    assert "2 of 22 recordings cannot be used (1 damaged; 1 no_label)" in run(*fit, *FORM, *SMALL, code=4).stderr
    run(*fit, *FORM, *SMALL, "--max-bad", 0.2, code=3)
    classify = ["classify", tmp_path / "m.seqrec", sounds, "-o", tmp_path / "out"]
    assert "1 of 22 recordings cannot be used (1 damaged)" in run(*classify, code=4).stderr
    run(*classify, "--max-bad", 0.1, code=3)


def test_a_model_of_sounds_takes_sounds_and_one_of_logs_logs(birds, sounds, tmp_path):
    refused = run("classify", birds / "birds.seqrec", sounds, "-o", tmp_path / "out", code=2).stderr
    assert "was made from logs, and these are sounds" in refused


def test_seconds_are_numbers_as_people_write_them():
    assert sound_form(["rate=8000", "step=.02"]) == LogMel(8_000, step=0.02)
    with pytest.raises(ValueError, match=r"step must be from .* got 'short'"):
        sound_form(["step=short"])


@pytest.mark.parametrize("command", ["evaluate", "score", "ask"])
def test_other_commands_say_what_a_classifier_is_for(birds, tmp_path, command):
    more = {"ask": ["--chance", "tea"]}.get(command, [])
    output = [] if command == "evaluate" else ["-o", tmp_path / "out"]
    told = run(command, birds / "birds.seqrec", birds / "birds.parquet", *more, *output, code=2).stderr
    assert ("--label COLUMN" if command == "evaluate" else "The command for it is: seqrec classify") in told


def test_labels_in_the_log_are_no_channel_where_a_table_tells_them(tmp_path, monkeypatch):
    frames = make_birds(6)
    log = write(frames.assign(label=(frames["label"] == "rising").astype(int)), tmp_path / "log.parquet")
    write(frames[["sequence", "label"]].drop_duplicates(), tmp_path / "labels.csv")
    read = []
    monkeypatch.setattr("seqrec.LSTMSequenceClassifier.fit", lambda _, X, y: read.append((list(X.columns), {*y})))
    monkeypatch.setattr("seqrec.persistence.save", lambda *_, **__: None)
    fit = ["fit", log, "-o", tmp_path / "m.seqrec", "--task", "classify", "--labels", tmp_path / "labels.csv"]
    run(*fit)
    assert read == [(["band_0", "band_5"], {*CLASSES})]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("--task classify", "--label COLUMN, or a table of labels: --labels FILE"),
        ("--task detect --label label", "--label is for --task classify"),
        ("--task classify --label lable", "Did you mean 'label'"),
        ("--task classify --label label --fields label", "leave it out of --fields"),
        ("--task classify --label label --sound rate=1", "these are logs"),
        ("--task classify --label label --target band_0", "--target is for --task forecast"),
    ],
)
def test_options_that_do_not_fit_are_refused(birds, tmp_path, options, text):
    told = run("fit", birds / "birds.parquet", "-o", tmp_path / "m.seqrec", *options.split(), code=2)
    assert text in told.stderr


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("--label label", "sounds need a table of labels"),
        ("--labels {labels} --sound rat=1", "Did you mean 'rate'"),
        ("--labels {labels} --sound rate=1", "rate must be from 100"),
        ("--labels {labels} --fields a", "--fields and --item are for logs"),
        ("--labels {labels} --label kind", "column 'kind' is missing"),
    ],
)
def test_options_that_do_not_fit_sounds_are_refused(sounds, tmp_path, options, text):
    line = options.format(labels=tmp_path / "labels.csv").split()
    assert text in run("fit", sounds, "-o", tmp_path / "m.seqrec", "--task", "classify", *line, code=2).stderr
