"""``seqrec score``: events, sequences, alerts, and users who go on tomorrow."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
from command_line import HOSTILE, assert_refused, command, make_log, read_results, run, write

import seqrec
from seqrec.cli import exits
from seqrec.jobs.job import digest_of
from seqrec.storage import container


def test_score_gives_events_sequences_and_a_report(home, tmp_path):
    result = run("score", home / "score.seqrec", home / "log.csv", "-o", tmp_path / "out", "--fpr", "0.2")
    assert "320 = scored 320" in result.stdout
    assert (read_results(tmp_path / "out", "events")["row"] == np.arange(320)).all()
    sequences = read_results(tmp_path / "out", "sequences")
    assert len(sequences) == 40
    assert sequences["flagged"].sum() == len(read_results(tmp_path / "out", "alerts"))


def test_score_in_python_gives_the_same_scores(home, tmp_path):
    run("score", home / "score.seqrec", home / "log.csv", "-o", tmp_path / "out")
    X = seqrec.Sequences.from_frame(make_log(), columns=["amount"])
    expected = seqrec.load(home / "score.seqrec").score_samples(X)
    found = read_results(tmp_path / "out", "sequences").set_index("user_id").loc[X.keys, "score"]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_duplicates_are_kept_unless_they_are_to_go(home, tmp_path):
    log = pd.concat([make_log(), make_log()[:10]])
    path = write(log, tmp_path / "log.csv")
    report = json.loads(run(*command(home, "score", path, output=tmp_path / "a"), "--json").stdout)
    assert report["scored"] == 330
    text = run(*command(home, "score", path, output=tmp_path / "b"), "--drop-duplicates").stdout
    assert "330 = scored 320 + filtered 10 (10 duplicates)" in text
    assert "whole" in run("verify", tmp_path / "b").stdout


def test_the_order_of_rows_does_not_matter(home, tmp_path):
    mixed = make_log().sample(frac=1, random_state=0)
    run(*command(home, "score", home / "log.csv", output=tmp_path / "a"))
    run(*command(home, "score", write(mixed, tmp_path / "log.csv"), output=tmp_path / "b"))
    a, b = (read_results(tmp_path / name, "sequences") for name in "ab")
    pd.testing.assert_frame_equal(a, b)


@pytest.mark.parametrize(("unit", "ticks"), [("s", 1), ("ms", 10**3), ("ns", 10**9)])
def test_the_unit_of_times_makes_no_difference(home, tmp_path, unit, ticks):
    seconds = pd.to_datetime(make_log()["timestamp"]).astype("datetime64[s]").astype(np.int64)
    path = write(make_log().assign(timestamp=seconds * ticks), tmp_path / "log.csv")
    run(*command(home, "score", path, output=tmp_path / "a"), "--time-unit", "auto" if unit == "ms" else unit)
    run(*command(home, "score", home / "log.csv", output=tmp_path / "b"))
    a, b = (read_results(tmp_path / name, "sequences") for name in "ab")
    pd.testing.assert_frame_equal(a, b)


def test_csv_results_hold_no_formula_and_messages_no_escape_code(home, tmp_path):
    log = make_log()
    log["user_id"] = log["user_id"].replace("u003", HOSTILE)
    path = write(log, tmp_path / "log.jsonl")
    run("score", home / "score.seqrec", path, "-o", tmp_path / "out", "--format", "csv")
    with next((tmp_path / "out").glob("sequences*.csv")).open(newline="") as file:
        users = [row["user_id"] for row in csv.DictReader(file)]
    assert "'" + HOSTILE in users
    assert "whole" in run("verify", tmp_path / "out").stdout


def test_two_days_with_a_state_are_as_one(home, tmp_path):
    log = make_log().assign(number=np.tile(np.arange(8), 40)).sort_values(["number", "user_id"])
    log["timestamp"] = [f"2024-05-01T{row // 60:02d}:{row % 60:02d}:00" for row in range(320)]
    whole = write(log, tmp_path / "log.csv")
    days = [write(log[:150], tmp_path / "a.csv"), write(log[150:], tmp_path / "b.csv")]
    run(*command(home, "score", whole, output=tmp_path / "one"))
    for day, file in enumerate(days):
        run(*command(home, "score", file, output=tmp_path / f"day{day}"), "--state", tmp_path / "state")
    one = read_results(tmp_path / "one", "sequences")
    last = read_results(tmp_path / "day1", "sequences")
    pd.testing.assert_frame_equal(one, last)
    again = [*command(home, "score", days[0], output=tmp_path / "new"), "--state", tmp_path / "state"]
    assert "scored before" in run(*again, code=exits.USAGE).stderr


def test_alerts_are_limited_to_so_many_a_day(home, tmp_path):
    few, many = ("1", "20")
    for alerts in (few, many):
        limits = ["--alerts-per-day", alerts, "--sequences-per-day", "40"]
        run(*command(home, "score", home / "log.csv", output=tmp_path / alerts), *limits)
    few, many = (set(read_results(tmp_path / name, "alerts")["user_id"]) for name in (few, many))
    assert few <= many
    assert many


def test_alerts_have_the_columns_that_are_to_be_shown(home, tmp_path):
    log = make_log().assign(branch=[f"b{row % 9}" for row in range(320)], note="")
    path = write(log, tmp_path / "log.csv")
    options = ["--show", "branch,amount", "--show", "note", "--contamination", "0.3"]
    run(*command(home, "score", path, output=tmp_path / "out"), *options)
    alerts = read_results(tmp_path / "out", "alerts")
    oddest = log.iloc[alerts["oddest_row"]]
    assert alerts["branch"].tolist() == oddest["branch"].tolist()
    np.testing.assert_allclose(alerts["amount"], oddest["amount"])
    assert alerts["note"].isna().all()
    assert "whole" in run("verify", tmp_path / "out").stdout


def test_the_model_file_is_opened_once_and_compared_with_its_digest_once(home, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr("seqrec.jobs.job._MODELS", {})
    for name in ("opened", "_digest"):
        kept = getattr(container, name)
        monkeypatch.setattr(container, name, lambda *given, kept=kept, name=name: calls.append(name) or kept(*given))
    run(*command(home, "score", home / "log.csv", output=tmp_path / "out"))
    assert calls == ["opened", "_digest"]


SCORE = "score {home}/score.seqrec {home}/log.csv -o {new} "


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("score", "MODEL"),
        ("score {home}/recommend.seqrec {home}/log.csv -o {new}", "seqrec recommend"),
        ("score {home}/log.csv {home}/log.csv -o {new}", "log.csv"),
        ("score {home}/none.seqrec {home}/log.csv -o {new}", "none.seqrec"),
        ("score {home}/score.seqrec {home}/none.csv -o {new}", "no such file"),
        ("score {home}/score.seqrec {home}/log.csv -o {home}", "folder of the results"),
        ("score {home}/score.seqrec {home}/log.csv -o {home}/log.csv", "is a file"),
        (SCORE + "--state {home}/log.csv", "is a file"),
        (SCORE + "--user usr_id", "Did you mean 'user_id'"),
        (SCORE + "--show amuont", "Did you mean 'amount'"),
        (SCORE + "--show user_id", "both user and field"),
        (SCORE + "--memory lots", "2GiB"),
        (SCORE + "--memory 1MiB", "too little"),
        (SCORE + "--shard 0/4", "1/4"),
        (SCORE + "--fpr 2", "2"),
        (SCORE + "--fpr 0.1 --contamination 0.1", "one of"),
        (SCORE + "--sequences-per-day 9", "--alerts-per-day"),
        (SCORE + "--shard 1/2 --alerts-per-day 1", "--sequences-per-day"),
        (SCORE + "--format xls", "parquet"),
        (SCORE + "--timestamp none", "time between events"),
    ],
)
def test_wrong_use_of_score_is_refused_in_one_line(home, tmp_path, line, text):
    assert_refused(home, tmp_path, line, text)


@pytest.mark.parametrize("told", [[], ["-q"], ["--json"]])
def test_a_log_that_does_not_look_like_the_training_data_ends_with_a_code_of_its_own(home, tmp_path, told):
    path = write(make_log().assign(amount=1e6), tmp_path / "log.csv")
    result = run(*command(home, "score", path, output=tmp_path / "out"), *told, code=exits.DRIFTED)
    assert "does not look like the training data" in result.stderr
    assert "flagged 1 (training 0." in result.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert "flagged" in [thing["what"] for thing in report["drift"] if thing["noticed"]]


def test_the_report_tells_what_results_were_made_of_and_when(home, tmp_path):
    run(*command(home, "score", home / "log.csv", output=tmp_path / "out"), "--fpr", "0.05")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["model"]["digest"] == digest_of(home / "score.seqrec")
    size = (home / "log.csv").stat().st_size
    assert report["inputs"] == [{"path": str(home / "log.csv"), "bytes": size, "rows": report["rows"]}]
    assert report["threshold"]["asked"] == {"false_positive_rate": 0.05}
    assert report["first_time"] <= report["last_time"]
    assert report["run"]["began"] <= report["run"]["finished"]
    assert report["run"]["seqrec"] == seqrec.__version__
