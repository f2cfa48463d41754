"""``seqrec fit``: what it says, what it saves, and what it refuses."""

import json

import pandas as pd
import pytest
from command_line import SMALL, assert_refused, command, make_log, read_results, run, write

import seqrec
from seqrec.cli import exits


def test_fit_says_what_it_found_and_saves_the_columns(home, tmp_path):
    (tmp_path / "m.seqrec").touch()
    (tmp_path / "m.seqrec.quarantine.csv").touch()  # of the model that is replaced
    log = write(make_log().assign(channel="web", branch=7), tmp_path / "log.csv")
    result = run(*command(home, "fit", log, output=tmp_path / "m"), "--json", "--overwrite")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.csv", "m.seqrec"]
    report = json.loads(result.stdout)
    assert report["rows"] == report["used"] == 320
    assert report["columns"]["fields"] == ["amount"]
    assert report["not_used"] == ["channel", "branch"]
    assert "not used: channel, branch (--fields)" in report["notes"]
    assert report["held_out_sequences"] > 0
    columns = json.loads(run("inspect", tmp_path / "m.seqrec", "--json").stdout)["columns"]
    assert columns == {"user": "user_id", "item": "item_id", "timestamp": "timestamp", "fields": ["amount"]}


def test_fit_speaks_of_sequences_and_of_one_epoch(home, tmp_path, monkeypatch):
    detector = seqrec.load(home / "score.seqrec")
    monkeypatch.setattr("seqrec.LSTMAnomalyDetector.history_", {"loss": [1.0]})
    monkeypatch.setattr("seqrec.cli.fit.make", lambda *_: detector)
    monkeypatch.setattr("seqrec.LSTMAnomalyDetector.fit", lambda *_: None)
    result = run("fit", home / "log.csv", "-o", tmp_path / "m.seqrec", "--task", "detect")
    assert "(LSTMAnomalyDetector, 1 epoch, " in result.stdout
    assert "sequences  40 (0 with one event)" in result.stdout
    assert "users" not in result.output
    assert "seqrec: not used: amount (--fields)" in result.stderr


@pytest.mark.slow
def test_two_fits_with_one_seed_give_the_same_recommendations(home, tmp_path):
    log = home / "log.csv"
    run("fit", log, "-o", tmp_path / "again.seqrec", "--task", "recommend", "--fields", "amount", *SMALL)
    run("recommend", tmp_path / "again.seqrec", log, "-o", tmp_path / "a")
    run("recommend", home / "recommend.seqrec", log, "-o", tmp_path / "b")
    a, b = (read_results(tmp_path / name, "recommendations") for name in "ab")
    pd.testing.assert_frame_equal(a, b)


def test_fit_refuses_logs_that_hold_nothing_to_learn(home, tmp_path):
    empty = write(make_log()[:0], tmp_path / "empty.csv")
    one = write(make_log().assign(item_id="tea"), tmp_path / "one.csv")
    told = run(*command(home, "fit", empty, output=tmp_path / "m"), code=2).stderr
    assert "the log has no row that can be used" in told
    assert "X" not in told
    recommend = ["-o", tmp_path / "m.seqrec", "--task", "recommend"]
    assert "2 different items" in run("fit", one, *recommend, code=2).stderr
    assert "2 events" in run("fit", write(make_log(5, 1), tmp_path / "short.csv"), *recommend, code=2).stderr


def test_ctrl_c_in_a_fit_leaves_no_file(home, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("seqrec.LSTMAnomalyDetector.fit", stop)
    result = run(*command(home, "fit", home / "log.csv", output=tmp_path / "m"), code=exits.STOPPED)
    assert "Nothing was written" in result.stderr
    assert not list(tmp_path.iterdir())


FIT = "fit {home}/log.csv -o {new}.seqrec --task "


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (FIT + "detect --set unitz=3", "Did you mean 'units'"),
        (FIT + "detect --set units=many", "units"),
        (FIT + "detect --set units", "name=value"),
        (FIT + "detect --set units=8 --set units=9", "twice"),
        (FIT + "detect --set units=8,max_epochs=2", "once for each parameter: --set units=8 --set max_epochs=2"),
        (FIT + "detect --fields amonut", "Did you mean 'amount'"),
        (FIT + "detect --fields amount --sides amount=up", "'high'"),
        (FIT + "detect --sides amonut=high", "--sides"),
        (FIT + "guess", "recommend"),
        (FIT + "detect --quarantine {new}.xls", ".csv"),
        (FIT + "recommend --timestamp none --drop-duplicates", "--drop-duplicates needs times"),
        ("fit {home}/log.csv -o {home}/log.csv --task detect --overwrite", "file of the log"),
        ("fit {home}/log.csv -o {home}/score.seqrec --task detect", "--overwrite"),
        ("fit {home}/log.csv -o {home}/none/m.seqrec --task detect", "no folder"),
        ("fit {home}/log.csv -o {home} --task detect --overwrite", "is a folder"),
    ],
)
def test_wrong_use_of_fit_is_refused_in_one_line(home, tmp_path, line, text):
    assert_refused(home, tmp_path, line, text)
