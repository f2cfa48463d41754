"""A log is scored as the detector scores it; every row is accounted for, and an interruption leaves no trace."""

import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from job_files import assert_conserved, results, write
from numpy.testing import assert_array_equal

import seqrec
from seqrec import LSTMAnomalyDetector, Sequences
from seqrec.exceptions import BadRowsError, JobError, LogError
from seqrec.jobs import detection as detection_job
from seqrec.jobs import job as bulk
from seqrec.jobs import staging
from seqrec.jobs.detection import DetectionJob
from seqrec.jobs.folder import locked
from seqrec.jobs.job import Settings, kinds_wanted
from seqrec.jobs.states import Generations
from seqrec.logs.source import Source

CHEAP = {"units": 8, "n_folds": 1, "max_epochs": 1, "batch_size": 256, "precision": "float32", "random_state": 0}
COLUMNS = ["amount", "channel"]


def make_log(n, seed, items="abcd"):
    """Users whose events lie in each other's midst, with ties in time."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 9, n)
    n_events = lengths.sum()
    log = pd.DataFrame(
        {
            "user_id": np.repeat([f"u{i:02d}" for i in range(n)], lengths),
            "item_id": rng.choice(list(items), n_events),
            "timestamp": pd.to_datetime((1.7e9 + rng.integers(0, 4 * 86_400, n_events)) * 1e6, unit="us"),
            "amount": rng.lognormal(4, 1, n_events).round(2),
            "channel": rng.choice(["web", "app"], n_events),
        }
    )
    tied = rng.random(n_events) < 0.2
    log.loc[tied, "timestamp"] = log["timestamp"].shift().bfill()[tied]
    return log.sample(frac=1, random_state=seed, ignore_index=True)


LOG = make_log(24, 1, items="abcde")
SETTINGS = Settings(max_bad=0.2)


def saved(X, path):
    seqrec.save(LSTMAnomalyDetector(**CHEAP).fit(X), path)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    X = Sequences.from_frame(make_log(40, 0), columns=COLUMNS)
    return saved(X, tmp_path_factory.mktemp("models") / "fields.seqrec")


@pytest.fixture(scope="module")
def plain_model(tmp_path_factory):
    X = Sequences.from_frame(make_log(40, 0), timestamp=None)
    return saved(X, tmp_path_factory.mktemp("models") / "plain.seqrec")


@pytest.fixture(scope="module")
def detector(model):
    return seqrec.load(model)


@pytest.fixture(scope="module")
def plain(plain_model):
    return seqrec.load(plain_model)


@pytest.fixture
def small(monkeypatch):
    """Several files of staged rows, buckets, pieces and parts, as a large log has them."""
    monkeypatch.setattr(staging, "_STAGED", 50)
    monkeypatch.setattr(staging, "_BUCKET", 60)
    monkeypatch.setattr(staging, "_BATCH", 16)
    monkeypatch.setattr(staging, "_ROW_GROUP", 8)
    monkeypatch.setattr(bulk, "_LARGEST_PIECE", 6)
    monkeypatch.setattr(bulk, "_SMALLEST_PIECE", 6)
    monkeypatch.setattr(detection_job, "_PART", 64)


def make_job(model, paths, output, settings=SETTINGS, names=None, **options):
    fields, kinds, timed = kinds_wanted(bulk.fitted(str(model), bulk.digest_of(model)))
    names = {} if timed else {"timestamp": "none"} if names is None else names
    more = [name for name in options.get("show", ()) if name not in fields]
    fields, kinds = [*fields, *more], kinds | {f"field:{name}": "shown" for name in more}
    source = Source.find([str(path) for path in paths], names, fields, kinds)
    return DetectionJob(model, source, output, settings, **options)


def run(model, paths, output, settings=SETTINGS, names=None, **options):
    return make_job(model, paths, output, settings, names, **options).run(lambda *_: None)


def read(output, name, form="parquet"):
    paths = sorted(output.glob(f"{name}*.{form}"))
    assert paths
    readers = {
        "parquet": pd.read_parquet,
        "csv": lambda path: pd.read_csv(path, keep_default_na=False, na_values=[""]),
        "jsonl": lambda path: pd.DataFrame(map(json.loads, path.read_text().splitlines())),
    }
    return pd.concat([readers[form](path) for path in paths], ignore_index=True)


def assert_scored_as(detector, X, output, log):
    """Compare events and sequences with what the detector says of the same log."""
    events, sequences = read(output, "events"), read(output, "sequences").set_index("user_id").loc[X.keys]
    surprisal, p_value = np.zeros(len(log), np.float32), np.zeros(len(log))
    surprisal[X.rows], p_value[X.rows] = detector.surprisal(X), detector.event_scores(X)
    assert_array_equal(events["surprisal"], surprisal)
    assert_array_equal(events["event_p_value"], p_value)
    assert events["user_id"].tolist() == log["user_id"].tolist()
    assert events["item_id"].tolist() == log["item_id"].tolist()
    assert_array_equal(sequences["score"], detector.score_samples(X))
    assert_array_equal(sequences["p_value"], detector.p_values(X))
    assert_array_equal(sequences["flagged"], detector.predict(X) == -1)
    assert_array_equal(sequences["events"], X.lengths)


# --- one log, one job


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_log_is_scored_as_the_detector_scores_it(detector, model, tmp_path, ending):
    path = write(LOG, tmp_path / f"log.{ending}")
    report = run(model, [path], tmp_path / "out")
    assert_conserved(report)
    assert (report["rows"], report["scored"], report["sequences"]) == (len(LOG), len(LOG), 24)
    assert_scored_as(detector, Sequences.from_frame(LOG, columns=COLUMNS), tmp_path / "out", LOG)
    events = read(tmp_path / "out", "events")
    assert events["file"].unique().tolist() == [str(path)]
    assert_array_equal(events["row"], np.arange(len(LOG)))
    assert events["timestamp"].tolist() == LOG["timestamp"].tolist()


@pytest.mark.slow
def test_a_log_without_times_and_fields_is_scored_as_its_rows_come(plain, plain_model, tmp_path, small):
    report = run(plain_model, [write(LOG, tmp_path / "log.csv")], tmp_path / "out")
    assert report["scored"] == len(LOG)
    assert_scored_as(plain, Sequences.from_frame(LOG, timestamp=None), tmp_path / "out", LOG)


def test_files_buckets_pieces_and_parts_change_nothing(detector, model, tmp_path, small):
    first, second, third = LOG[:40], LOG[40:41], LOG[41:]
    paths = [
        write(first, tmp_path / "a.csv"),
        write(second, tmp_path / "b.jsonl"),
        write(third, tmp_path / "c.parquet"),
    ]
    report = run(model, paths, tmp_path / "out")
    assert_conserved(report)
    assert len(list((tmp_path / "out").glob("events-*"))) == -(-len(LOG) // 64) > 1
    assert len(list((tmp_path / "out").glob("sequences-*"))) == -(-len(LOG) // 60) > 1
    assert_scored_as(detector, Sequences.from_frame(LOG, columns=COLUMNS), tmp_path / "out", LOG)
    events = read(tmp_path / "out", "events")
    assert events["file"].tolist() == [str(paths[0])] * 40 + [str(paths[1])] + [str(paths[2])] * len(third)
    assert events["row"].tolist() == [*range(40), 0, *range(len(third))]


def test_alerts_are_the_flagged_sequences_the_oddest_first(detector, model, tmp_path):
    report = run(model, [write(LOG, tmp_path / "log.csv")], tmp_path / "out", threshold={"contamination": 0.4})
    sequences, alerts = read(tmp_path / "out", "sequences"), read(tmp_path / "out", "alerts")
    assert 0 < report["flagged"] == len(alerts) == sequences["flagged"].sum() < len(sequences)
    assert alerts["score"].is_monotonic_increasing
    assert alerts["rank"].tolist() == list(range(1, len(alerts) + 1))
    flagged = sequences[sequences["flagged"]].set_index("user_id").loc[alerts["user_id"]].reset_index()
    pd.testing.assert_frame_equal(alerts[flagged.columns], flagged)


def with_account(log):
    """A column that no model reads, with empty cells."""
    return log.assign(account=["" if row % 7 == 3 else f"A{row}" for row in range(len(log))])


SHOW = {"threshold": {"contamination": 0.4}, "show": ["account", "amount"]}


@pytest.mark.parametrize(("ending", "form"), [("csv", "parquet"), ("jsonl", "csv"), ("parquet", "jsonl")])
def test_alerts_can_be_worked_with_alone(detector, model, tmp_path, small, ending, form):
    log = with_account(LOG)
    paths = [write(log[:50], tmp_path / f"a.{ending}"), write(log[50:], tmp_path / f"b.{ending}")]
    run(model, paths, tmp_path / "out", SETTINGS._replace(form=form), **SHOW)
    alerts = read(tmp_path / "out", "alerts", form)
    start = {str(paths[0]): 0, str(paths[1]): 50}
    X = Sequences.from_frame(LOG, columns=COLUMNS)
    reasons = detector.explain(X, n_events=1, only_flagged=False).set_index("sequence")
    for alert in alerts.to_dict("records"):
        own = log[log["user_id"] == alert["user_id"]].sort_values("timestamp", kind="stable")
        first, oddest = (start[alert[f"{which}_file"]] + int(alert[f"{which}_row"]) for which in ("first", "oddest"))
        assert first == own.index[0]
        assert oddest in own.index
        times = pd.to_datetime([alert["first_time"], alert["last_time"]]).tz_localize(None)
        assert times.tolist() == own["timestamp"].iloc[[0, -1]].dt.floor("s").tolist()
        assert (alert["account"] if isinstance(alert["account"], str) else "") == log["account"][oddest]
        assert alert["amount"] == log["amount"][oddest]
        assert (alert["reason"], alert["events"]) == (reasons.loc[alert["user_id"], "reason"], len(own))
        assert alert["severity"] in ("low", "medium", "high", "critical")
        assert alert["odds"] == "usual" or "1 in " in alert["odds"]


def test_what_is_shown_makes_no_row_bad_and_changes_no_score(model, tmp_path, small):
    log = with_account(LOG).assign(note=[["x", "-5", "7", None][row % 4] for row in range(len(LOG))])
    path = write(log, tmp_path / "log.csv")
    shown = run(model, [path], tmp_path / "shown", show=["account", "note"])
    plain = run(model, [path], tmp_path / "plain")
    assert (shown["quarantined"], shown["rows"]) == (0, len(log))
    for name in shown["files"]:
        same = (tmp_path / "shown" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()
        assert same == (not name.startswith("alerts"))
    assert plain["flagged"] == shown["flagged"]


def test_what_is_shown_does_not_tell_duplicates_apart(model, tmp_path):
    twice = pd.concat([LOG, LOG[:5]], ignore_index=True)
    path = write(twice.assign(note=[f"n{row}" for row in range(len(twice))]), tmp_path / "log.csv")
    report = run(model, [path], tmp_path / "out", SETTINGS._replace(drop_duplicates=True), show=["note"])
    assert report["filtered_by_reason"] == {"duplicates": 5}


def test_the_rows_of_an_alert_are_those_of_the_last_log(model, tmp_path):
    days = days_of(LOG, 2)
    for i, day in enumerate(days):
        path = write(day, tmp_path / f"{i}.csv")
        run(model, [path], tmp_path / f"out{i}", state=tmp_path / "states", threshold={"contamination": 0.5})
    alerts = read(tmp_path / "out1", "alerts")
    assert (alerts["first_file"] == str(path)).all()
    assert alerts["oddest_file"].isin([str(path), None]).all()
    assert 0 < alerts["oddest_row"].isna().sum() < len(alerts)
    for alert in alerts.itertuples():
        assert days[1]["user_id"].iloc[alert.first_row] == alert.user_id


@pytest.mark.parametrize("name", ["severity", "events", "rank", "first_row"])
def test_a_column_to_show_that_has_a_name_of_the_results_is_refused(model, tmp_path, name):
    path = write(LOG.assign(**{name: 1}), tmp_path / "log.csv")
    with pytest.raises(ValueError, match=f"column '{name}' has the name of a column of the results"):
        run(model, [path], tmp_path / "out", show=[name])


def test_a_report_is_kept_with_the_results(model, tmp_path):
    report = run(model, [write(LOG, tmp_path / "log.csv")], tmp_path / "out")
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == report
    results(tmp_path / "out")


def test_a_log_without_rows_gives_empty_results(model, tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("user_id,item_id,timestamp,amount,channel\n")
    report = run(model, [path], tmp_path / "out")
    assert (report["rows"], report["scored"], report["sequences"], report["flagged"]) == (0, 0, 0, 0)
    assert read(tmp_path / "out", "events").columns[:5].tolist() == ["file", "row", "user_id", "item_id", "timestamp"]


def test_users_with_integer_ids_stay_integers(detector, model, tmp_path, small):
    log = LOG.assign(user_id=LOG["user_id"].str[1:].astype(int))
    run(model, [write(log, tmp_path / "log.parquet")], tmp_path / "out")
    assert_scored_as(detector, Sequences.from_frame(log, columns=COLUMNS), tmp_path / "out", log)
    assert read(tmp_path / "out", "alerts")["user_id"].dtype.kind == "i"


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_every_form_of_results_holds_the_same_values(model, tmp_path, form):
    path = dirty(tmp_path / "log.csv")
    for each in ("parquet", form):
        run(model, [path], tmp_path / each, SETTINGS._replace(form=each))
    for name in ("events", "sequences", "alerts", "quarantine"):
        expected, found = read(tmp_path / "parquet", name), read(tmp_path / form, name, form)
        for time in expected.select_dtypes("datetime"):
            expected[time] = expected[time].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
            found[time] = found[time].str.replace(".000000", "")
        if "surprisal" in expected:
            found["surprisal"] = found["surprisal"].astype(np.float32)
        if name == "quarantine":
            expected, found = expected.fillna(""), found.fillna("")
        if len(expected):
            pd.testing.assert_frame_equal(found, expected, check_dtype=False, check_exact=True)


# --- bad rows


BAD = {3: "no user", 17: "no time", 40: "no amount"}


def dirty(path, extra=""):
    """Write LOG with three rows that cannot be used."""
    log = LOG.assign(timestamp=LOG["timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%S"), amount=LOG["amount"].astype(object))
    log.loc[3, "user_id"] = ""
    log.loc[17, "timestamp"] = "yesterday"
    log.loc[40, "amount"] = "much"
    log.to_csv(path, index=False)
    return path


def test_bad_rows_are_listed_and_the_others_scored(detector, model, tmp_path, small):
    path = dirty(tmp_path / "log.csv")
    report = run(model, [path], tmp_path / "out")
    assert_conserved(report)
    assert report["quarantined_by_code"] == {"missing_user": 1, "not_a_number": 1, "unreadable_time": 1}
    good = LOG.drop(index=list(BAD)).reset_index(drop=True)
    assert_scored_as(detector, Sequences.from_frame(good, columns=COLUMNS), tmp_path / "out", good)
    assert read(tmp_path / "out", "events")["row"].tolist() == [row for row in range(len(LOG)) if row not in BAD]
    listed = read(tmp_path / "out", "quarantine")
    assert listed["file"].tolist() == [str(path)] * 3
    assert listed["row"].tolist() == list(BAD)
    assert listed["column"].tolist() == ["user_id", "timestamp", "amount"]
    assert listed["raw"].tolist()[1:] == ["yesterday", "much"]
    assert listed["reason"].str.len().min() > 5


def test_too_many_bad_rows_stop_the_job_and_are_listed(model, tmp_path):
    path = dirty(tmp_path / "log.csv")
    for _ in range(2):  # and again
        with pytest.raises(BadRowsError, match=rf"3 of {len(LOG)} rows cannot be used.*0\.01.*quarantine\.parquet"):
            run(model, [path], tmp_path / "out", Settings())
    assert read(tmp_path / "out", "quarantine")["row"].tolist() == list(BAD)
    assert not (tmp_path / "out" / "report.json").exists()


def test_mixed_zones_are_refused(model, tmp_path):
    log = LOG.assign(timestamp=LOG["timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%S"))
    log.loc[:9, "timestamp"] += "Z"
    log.to_csv(tmp_path / "log.csv", index=False)
    with pytest.raises(LogError, match=rf"'timestamp' has 10 times with a zone and {len(LOG) - 10} without"):
        run(model, [tmp_path / "log.csv"], tmp_path / "out")


def test_duplicates_are_scored_or_counted_as_filtered(detector, model, tmp_path, small):
    log = pd.concat([LOG, LOG.iloc[[3, 8, 8]]], ignore_index=True)
    path = write(log, tmp_path / "log.csv")
    report = run(model, [path], tmp_path / "kept")
    assert (report["scored"], report["filtered"]) == (len(log), 0)
    report = run(model, [path], tmp_path / "dropped", SETTINGS._replace(drop_duplicates=True))
    assert_conserved(report)
    assert report["filtered_by_reason"] == {"duplicates": 3}
    assert_scored_as(detector, Sequences.from_frame(LOG, columns=COLUMNS), tmp_path / "dropped", LOG)


# --- times


@pytest.mark.parametrize(("unit", "ending"), [("s", "csv"), ("ms", "jsonl"), ("us", "parquet")])
def test_numeric_times_are_read_in_the_unit_they_plainly_have(detector, model, tmp_path, unit, ending):
    ticks = LOG["timestamp"].astype("datetime64[us]").astype(np.int64) // {"s": 10**6, "ms": 10**3, "us": 1}[unit]
    log = LOG.assign(timestamp=ticks)
    run(model, [write(log, tmp_path / f"log.{ending}")], tmp_path / "out")
    assert_scored_as(detector, Sequences.from_frame(LOG, columns=COLUMNS), tmp_path / "out", LOG)
    assert read(tmp_path / "out", "events")["timestamp"].tolist() == ticks.tolist()


def test_times_whose_unit_is_not_plain_need_one(detector, model, tmp_path):
    log = LOG.assign(timestamp=(LOG["timestamp"] - LOG["timestamp"].min()) // pd.Timedelta(seconds=1))
    path = write(log, tmp_path / "log.csv")
    with pytest.raises(ValueError, match=r"'timestamp' holds numbers from 0 to .* not plainly seconds"):
        run(model, [path], tmp_path / "unnamed")
    run(model, [path], tmp_path / "out", SETTINGS._replace(time_unit="s"))
    assert_scored_as(detector, Sequences.from_frame(LOG, columns=COLUMNS), tmp_path / "out", LOG)


# --- thresholds


EXTRAPOLATED = pytest.mark.filterwarnings("ignore:.*the threshold is extrapolated:UserWarning")
THRESHOLDS = [
    {"false_positive_rate": 0.2},
    {"contamination": 0.3},
    {"alerts_per_day": 2.0, "sequences_per_day": 10.0},
    pytest.param({"alerts_per_day": 1.0, "sequences_per_day": 1e6}, marks=EXTRAPOLATED),
]


@pytest.mark.parametrize("chosen", THRESHOLDS, ids=str)
def test_a_threshold_is_that_of_the_detector(detector, model, tmp_path, chosen):
    path = write(LOG, tmp_path / "log.csv")
    run(model, [path], tmp_path / "out", threshold=chosen)
    found, X = read(tmp_path / "out", "sequences").set_index("user_id"), Sequences.from_frame(LOG, columns=COLUMNS)
    offset = detector.offset_for(**chosen)
    assert json.loads((tmp_path / "out" / ".seqrec/threshold.json").read_text()) == {"offset": offset}
    assert_array_equal(found.loc[X.keys, "flagged"], detector.score_samples(X) < offset)


def test_a_threshold_is_for_one_job_alone(detector, model, tmp_path):
    path, X = write(LOG, tmp_path / "log.csv"), Sequences.from_frame(LOG, columns=COLUMNS)
    first = make_job(model, [path], tmp_path / "first", threshold={"contamination": 0.4})
    first.run(lambda *_: None)
    run(model, [path], tmp_path / "second")
    found = read(tmp_path / "second", "sequences").set_index("user_id")
    assert_array_equal(found.loc[X.keys, "flagged"], detector.predict(X) == -1)


def test_sequences_a_day_are_counted_from_the_log(model, tmp_path):
    path = write(LOG, tmp_path / "log.csv")
    days = (LOG["timestamp"].max() - LOG["timestamp"].min()) / pd.Timedelta(days=1)
    run(model, [path], tmp_path / "counted", threshold={"alerts_per_day": 1})
    given = {"alerts_per_day": 1, "sequences_per_day": 24 / days}
    run(model, [path], tmp_path / "given", threshold=given)
    offsets = [json.loads((tmp_path / name / ".seqrec/threshold.json").read_text()) for name in ("counted", "given")]
    assert offsets[0] == offsets[1]


def test_without_times_sequences_a_day_must_be_given(plain_model, tmp_path):
    path = write(LOG, tmp_path / "log.csv")
    with pytest.raises(LogError, match="Give sequences_per_day"):
        run(plain_model, [path], tmp_path / "out", threshold={"alerts_per_day": 1})


# --- shards


def test_shards_together_are_the_whole(model, tmp_path, small):
    path = dirty(tmp_path / "log.csv")
    whole = run(model, [path], tmp_path / "whole")
    shards = [tmp_path / f"shard{i}" for i in range(3)]
    reports = [run(model, [path], out, SETTINGS._replace(shard=(i, 3))) for i, out in enumerate(shards)]
    for report in reports:
        assert_conserved(report)
        assert report["rows"] == len(LOG)
    for name in ("scored", "quarantined", "sequences", "flagged"):
        assert sum(report[name] for report in reports) == whole[name]
    for name, key in (("events", "row"), ("sequences", "user_id")):
        parts = pd.concat([read(out, name) for out in shards])
        one, other = (table.sort_values(key, ignore_index=True) for table in (parts, read(tmp_path / "whole", name)))
        pd.testing.assert_frame_equal(one, other, check_exact=True)


# --- interruptions


class Kill(BaseException):
    """Ends a process at once."""


def fail_at(monkeypatch, n, how):
    """Let the n-th commit fail: no space is left, or the process ends just before or just after it."""
    calls, replace = [], os.replace

    def broken(*arguments):
        calls.append(arguments)
        if len(calls) != n:
            return replace(*arguments)
        if how == "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if how == "after":
            replace(*arguments)
        raise Kill

    monkeypatch.setattr("seqrec._files.os.replace", broken)
    if how != "full":  # nobody tidies up after a kill
        monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)


def is_done_in_spite(monkeypatch, n, how, go):
    """Tell whether a job is done before the n-th commit fails."""
    with monkeypatch.context() as broken:
        fail_at(broken, n, how)
        try:
            go()
        except (Kill, OSError):
            return False
    return True


@pytest.fixture
def days(tmp_path, monkeypatch):
    """Two small days, whose second has two files, buckets and parts, a user who is cut, and a bad row."""
    monkeypatch.setattr(staging, "_BUCKET", 14)
    monkeypatch.setattr(detection_job, "_PART", 18)
    monkeypatch.setattr(bulk, "_LARGEST_PIECE", 5)
    monkeypatch.setattr(bulk, "_SMALLEST_PIECE", 5)
    log = make_log(8, 5, items="abcde")[:32]
    first = log[:10].assign(timestamp=log["timestamp"][:10] - pd.Timedelta(days=9))
    second = [write(log[10:20], tmp_path / "b.csv"), write(log[20:], tmp_path / "c.csv")]
    second[1].write_text(second[1].read_text() + "u01,a,never,1,web\n")
    return [write(first, tmp_path / "a.csv")], second


FAULTS = ["full", "before", "after"]
EACH = [pytest.param([fault], 1, marks=pytest.mark.slow, id=fault) for fault in FAULTS]


@pytest.mark.parametrize(("how", "step"), [pytest.param(FAULTS, 8, id="by turns at every eighth"), *EACH])
def test_an_interruption_at_any_commit_leaves_no_trace(model, tmp_path, days, monkeypatch, how, step):
    first, second = days
    run(model, first, tmp_path / "first", state=tmp_path / "states")

    def states(folder):
        current = json.loads((folder / "current.json").read_text())
        names = [one["name"] for one in current["generations"]]
        assert {path.name for path in folder.iterdir()} == {"lock", "current.json", *names}
        files = {path.name: path.read_bytes() for path in (folder / names[-1]).iterdir()}
        return [one["logs"] for one in current["generations"]], files

    def go(n):
        return run(model, second, tmp_path / f"out{n}", state=tmp_path / f"states{n}")

    shutil.copytree(tmp_path / "states", tmp_path / "states0")
    go(0)
    expected, moved_on = results(tmp_path / "out0"), states(tmp_path / "states0")
    assert len(expected) == 2 + 2 + 3
    for n in range(1, 99, step):
        shutil.copytree(tmp_path / "states", tmp_path / f"states{n}")
        done = is_done_in_spite(monkeypatch, n, how[n % len(how)], lambda n=n: go(n))
        go(n)
        assert results(tmp_path / f"out{n}") == expected, n
        assert states(tmp_path / f"states{n}") == moved_on, n
        if done:
            break
    assert n > 20


def test_a_full_disk_leaves_no_file_open(model, tmp_path, days, monkeypatch):
    first, second = days
    run(model, first, tmp_path / "first", state=tmp_path / "states")
    opened = []

    class Writer(pq.ParquetWriter):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            opened.append(self)

        def write_table(self, *arguments, **options):
            if len(opened) > 3:  # that of the states, too
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            super().write_table(*arguments, **options)

    monkeypatch.setattr(pq, "ParquetWriter", Writer)
    with pytest.raises(OSError, match="No space"):
        run(model, second, tmp_path / "out", state=tmp_path / "states")
    assert len(opened) > 3
    assert not any(writer.is_open for writer in opened)


# --- states


def days_of(log, n):
    cuts = [log["timestamp"].quantile(i / n) for i in range(1, n)]
    day = np.searchsorted(np.array(cuts, "datetime64[us]"), log["timestamp"].to_numpy(), side="left")
    return [log[day == i] for i in range(n)]


@pytest.mark.parametrize("n_days", [2, 3])
def test_days_are_scored_as_one_log(detector, model, tmp_path, small, n_days):
    parts = []
    for i, day in enumerate(days_of(LOG, n_days)):
        report = run(model, [write(day, tmp_path / f"{i}.csv")], tmp_path / f"out{i}", state=tmp_path / "states")
        assert_conserved(report)
        assert report["scored"] == len(day)
        parts.append(read(tmp_path / f"out{i}", "events").assign(place=day.index))
    X = Sequences.from_frame(LOG, columns=COLUMNS)
    events = pd.concat(parts).sort_values("place")
    assert_array_equal(events["surprisal"].to_numpy()[X.rows], detector.surprisal(X))
    assert_array_equal(events["event_p_value"].to_numpy()[X.rows], detector.event_scores(X))
    last = read(tmp_path / f"out{n_days - 1}", "sequences").set_index("user_id")
    run(model, [write(LOG, tmp_path / "whole.csv")], tmp_path / "whole")
    whole = read(tmp_path / "whole", "sequences").set_index("user_id").loc[last.index]
    assert 0 < len(last) < len(X) or n_days == 2
    pd.testing.assert_frame_equal(last, whole, check_exact=True)


def test_days_without_times_are_scored_as_one_log(plain, plain_model, tmp_path, small):
    days = [LOG[:70], LOG[70:]]
    parts = []
    for i, day in enumerate(days):
        path = write(day, tmp_path / f"{i}.csv")
        run(plain_model, [path], tmp_path / f"out{i}", state=tmp_path / "states")
        parts.append(read(tmp_path / f"out{i}", "events"))
    X = Sequences.from_frame(LOG, timestamp=None)
    assert_array_equal(pd.concat(parts)["surprisal"].to_numpy()[X.rows], plain.surprisal(X))


def test_users_who_stay_away_for_a_day_are_not_forgotten(detector, model, tmp_path):
    first, rest = days_of(LOG, 2)
    away = rest["user_id"] < "u12"
    for i, day in enumerate((first, rest[~away], rest[away])):
        run(model, [write(day, tmp_path / f"{i}.csv")], tmp_path / f"out{i}", state=tmp_path / "states")
    X = Sequences.from_frame(LOG, columns=COLUMNS)
    scores = dict(zip(X.keys, detector.score_samples(X), strict=True))
    for name in ("out1", "out2"):
        found = read(tmp_path / name, "sequences")
        assert found["score"].tolist() == [scores[user] for user in found["user_id"]]


def test_a_command_that_is_repeated_does_not_move_the_states_on(model, tmp_path):
    first, second = days_of(LOG, 2)
    state, path = tmp_path / "states", write(first, tmp_path / "0.csv")
    report = run(model, [path], tmp_path / "out0", state=state)
    before = (state / "current.json").read_bytes()
    assert run(model, [path], tmp_path / "out0", state=state) == report
    assert (state / "current.json").read_bytes() == before
    run(model, [write(second, tmp_path / "1.csv")], tmp_path / "out1", state=state)
    before = (state / "current.json").read_bytes()
    assert run(model, [path], tmp_path / "out0", state=state) == report  # even after the next day
    assert (state / "current.json").read_bytes() == before


def test_a_log_counts_once_with_the_same_states(model, tmp_path):
    path = write(LOG, tmp_path / "log.csv")
    run(model, [path], tmp_path / "out", state=tmp_path / "states")
    before = (tmp_path / "states" / "current.json").read_bytes()
    with pytest.raises(LogError, match=r"log\.csv was scored before with these states"):
        run(model, [path], tmp_path / "again", state=tmp_path / "states")
    assert (tmp_path / "states" / "current.json").read_bytes() == before


def test_a_log_is_known_by_what_it_holds(model, tmp_path):
    run(model, [write(LOG, tmp_path / "log.csv")], tmp_path / "out", state=tmp_path / "states")
    (tmp_path / "elsewhere").mkdir()
    copy = tmp_path / "elsewhere" / "other.csv"
    shutil.copyfile(tmp_path / "log.csv", copy)
    for path in (tmp_path / "log.csv", copy):
        os.utime(path, (0, 0))
        with pytest.raises(LogError, match=r"scored before with these states, as .*log\.csv.*: seqrec state rollback"):
            run(model, [path], tmp_path / "again", state=tmp_path / "states")
    assert not (tmp_path / "again" / ".seqrec" / "plan.json").exists()


def test_logs_without_events_are_no_second_ones(model, tmp_path):
    for day in range(2):
        (tmp_path / f"{day}.csv").write_text("user_id,item_id,timestamp,amount,channel\n")
        run(model, [tmp_path / f"{day}.csv"], tmp_path / f"out{day}", state=tmp_path / "states")


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix == ".parquet"}


def newest(states):
    return files_of(states / json.loads((states / "current.json").read_text())["generations"][-1]["name"])


@pytest.mark.parametrize("n_rows", [20, None])
def test_a_night_that_was_taken_back_is_done_again_as_if_it_were_the_first_time(model, tmp_path, n_rows):
    first, second = days_of(LOG, 2)
    wrong = second[:n_rows].assign(channel="web")
    for name, nights in {"right": [first, second], "again": [first, wrong]}.items():
        for i, night in enumerate(nights):
            path = write(night, tmp_path / f"{name}{i}.csv")
            run(model, [path], tmp_path / f"{name}-out{i}", state=tmp_path / name)
    Generations(tmp_path / "again").roll_back()
    path = tmp_path / "right1.csv"
    run(model, [path], tmp_path / "again-out2", state=tmp_path / "again")
    assert results(tmp_path / "again-out2") == results(tmp_path / "right-out1")
    assert newest(tmp_path / "again") == newest(tmp_path / "right")


@pytest.mark.parametrize("copy", ["cut", "shuffled", "whole, one row more"])
def test_a_night_in_another_form_comes_too_late_and_leaves_the_states_as_they_were(model, tmp_path, copy):
    first, second = days_of(LOG, 2)
    paths = [write(first, tmp_path / "0.csv"), write(second, tmp_path / "1.csv")]
    for i, path in enumerate(paths):
        run(model, [path], tmp_path / f"out{i}", state=tmp_path / "states")
    before = (tmp_path / "states" / "current.json").read_bytes()
    other = {
        "cut": second[: len(second) // 2],
        "shuffled": second.sample(frac=1, random_state=0),
        "whole, one row more": pd.concat([second, second.tail(1)]),
    }[copy]
    again = write(other, tmp_path / "again.csv")
    with pytest.raises(BadRowsError, match=r"rows cannot be used \([\d,]+ of them come too late\)"):
        run(model, [again], tmp_path / "out2", state=tmp_path / "states")
    listed = read(tmp_path / "out2", "quarantine")
    assert set(listed["code"]) == {"late_event"}
    assert (tmp_path / "states" / "current.json").read_bytes() == before
    assert len(list((tmp_path / "states").iterdir())) == 4  # the record, the lock, and two nights
    later = write(first.assign(timestamp=first["timestamp"] + pd.Timedelta(days=99)), tmp_path / "later.csv")
    run(model, [later], tmp_path / "out2", state=tmp_path / "states")  # the folder is free again


def test_the_last_event_of_a_user_is_not_scored_twice(model, tmp_path):
    first, second = days_of(LOG, 2)
    run(model, [write(first, tmp_path / "0.csv")], tmp_path / "out0", state=tmp_path / "states")
    seam = first.sort_values("timestamp", kind="stable").groupby("user_id").tail(1)
    path = write(pd.concat([seam, second]), tmp_path / "1.csv")
    settings = SETTINGS._replace(max_bad=0.9)
    report = run(model, [path], tmp_path / "out1", settings, state=tmp_path / "states")
    assert report["quarantined_by_code"] == {"late_event": len(seam)}
    run(model, [write(first, tmp_path / "0.csv")], tmp_path / "out2", state=tmp_path / "other")
    run(model, [write(second, tmp_path / "2.csv")], tmp_path / "out3", state=tmp_path / "other")
    pd.testing.assert_frame_equal(read(tmp_path / "out1", "sequences"), read(tmp_path / "out3", "sequences"))


def test_events_that_come_too_late_are_quarantined(detector, model, tmp_path, small):
    first, second = days_of(LOG, 2)
    user = first["user_id"][first["user_id"].isin(second["user_id"])].iloc[0]
    late = first[first["user_id"] == user].head(1).assign(timestamp=pd.Timestamp("2020-01-01"))
    run(model, [write(first, tmp_path / "0.csv")], tmp_path / "out0", state=tmp_path / "states")
    path = write(pd.concat([second, late]), tmp_path / "1.csv")
    report = run(model, [path], tmp_path / "out1", SETTINGS._replace(drop_duplicates=True), state=tmp_path / "states")
    assert_conserved(report)
    assert report["quarantined_by_code"] == {"late_event": 1}
    listed = read(tmp_path / "out1", "quarantine").iloc[0]
    assert (listed["file"], listed["row"], listed["column"]) == (str(path), len(second), "timestamp")
    assert listed["raw"].startswith("2020-01-01")
    X = Sequences.from_frame(LOG, columns=COLUMNS)
    scores = dict(zip(X.keys, detector.score_samples(X), strict=True))
    found = read(tmp_path / "out1", "sequences")
    assert found["score"].tolist() == [scores[user] for user in found["user_id"]]


def test_a_job_whose_states_were_moved_on_meanwhile_is_refused(model, tmp_path, monkeypatch):
    days = [write(day, tmp_path / f"{i}.csv") for i, day in enumerate(days_of(LOG, 3))]
    state = tmp_path / "states"
    run(model, days[:1], tmp_path / "out0", state=state)
    with monkeypatch.context() as broken:
        fail_at(broken, 9, "full")
        with pytest.raises(OSError, match="No space"):
            run(model, days[1:2], tmp_path / "out1", state=state)
    run(model, days[2:], tmp_path / "out2", state=state)
    before = (state / "current.json").read_bytes()
    with pytest.raises(JobError, match="another job has used the states"):
        run(model, days[1:2], tmp_path / "out1", state=state)
    assert (state / "current.json").read_bytes() == before


def test_states_are_for_one_job_at_a_time(model, tmp_path):
    path = write(LOG, tmp_path / "log.csv")
    with (
        locked(tmp_path / "states", tmp_path / "states"),
        pytest.raises(JobError, match=r"another process is at work in .*states"),
    ):
        run(model, [path], tmp_path / "out", state=tmp_path / "states")
    assert run(model, [path], tmp_path / "out", state=tmp_path / "states")["scored"] == len(LOG)


def test_states_of_another_model_are_refused(model, tmp_path):
    first, second = days_of(LOG, 2)
    run(model, [write(first, tmp_path / "0.csv")], tmp_path / "out0", state=tmp_path / "states")
    other = tmp_path / "other.seqrec"
    seqrec.save(seqrec.load(model).set_threshold(contamination=0.25), other)
    with pytest.raises(JobError, match="states of another model"):
        run(other, [write(second, tmp_path / "1.csv")], tmp_path / "out1", state=tmp_path / "states")


# --- what is refused


def interrupt(model, paths, output, monkeypatch, n=6):
    with monkeypatch.context() as broken:
        fail_at(broken, n, "full")
        with pytest.raises(OSError, match="No space"):
            run(model, paths, output)


def test_a_job_does_not_go_on_with_another_log(model, tmp_path, monkeypatch):
    path = write(LOG, tmp_path / "log.csv")
    interrupt(model, [path], tmp_path / "out", monkeypatch)
    was = path.stat()
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns + 10**9))
    with pytest.raises(JobError, match=r"differs in: log\."):
        run(model, [path], tmp_path / "out")
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    path.write_text(path.read_text() + "u00,a,2024-01-01,3,web\n")
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    with pytest.raises(JobError, match=r"differs in: log\."):
        run(model, [path], tmp_path / "out")


def test_a_log_that_grows_while_it_is_read_is_refused(model, tmp_path):
    path = write(LOG, tmp_path / "log.csv")
    job = make_job(model, [path], tmp_path / "out")

    def grow(*_):
        with path.open("a") as file:
            file.write("u00,a,2024-01-01,3,web\n")

    with pytest.raises(LogError, match=r"log\.csv has changed while it was read"):
        job.run(grow)
    assert not (tmp_path / "out" / "report.json").exists()


def test_a_job_does_not_go_on_with_other_settings(model, tmp_path, monkeypatch):
    path = write(LOG, tmp_path / "log.csv")
    interrupt(model, [path], tmp_path / "out", monkeypatch)
    with pytest.raises(JobError, match=r"differs in: settings\."):
        run(model, [path], tmp_path / "out", SETTINGS._replace(form="csv"))
    with pytest.raises(JobError, match=r"differs in: threshold\."):
        run(model, [path], tmp_path / "out", threshold={"contamination": 0.1})
    assert run(model, [path], tmp_path / "out", SETTINGS._replace(memory=2**30))["scored"] == len(LOG)


def test_a_job_does_not_go_on_with_another_model(model, plain_model, tmp_path, monkeypatch):
    path, own = write(LOG, tmp_path / "log.csv"), tmp_path / "own.seqrec"
    own.write_bytes(model.read_bytes())
    job = make_job(own, [path], tmp_path / "out")
    interrupt(own, [path], tmp_path / "out", monkeypatch)
    own.write_bytes(plain_model.read_bytes())
    monkeypatch.setattr(bulk, "_MODELS", {})
    with pytest.raises(LogError, match="has changed since the job was begun"):
        job.run(lambda *_: None)
    own.write_bytes(model.read_bytes())
    assert run(own, [path], tmp_path / "out")["scored"] == len(LOG)


def test_results_never_go_where_the_log_or_the_model_lies(model, tmp_path):
    path = write(LOG, tmp_path / "log.csv")
    with pytest.raises(LogError, match="lies in the folder of the results"):
        run(model, [path], tmp_path)
    with pytest.raises(LogError, match="lies in the folder of the results"):
        run(model, [path], model.parent)
    assert path.exists()


def test_a_folder_in_use_is_refused(model, tmp_path):
    path = write(LOG, tmp_path / "log.csv")
    (tmp_path / "out").mkdir()
    with locked(tmp_path / "out" / ".seqrec", tmp_path / "out"), pytest.raises(JobError, match="another process"):
        run(model, [path], tmp_path / "out")


def test_a_log_lacking_a_field_is_refused_before_any_work(model, tmp_path):
    path = write(LOG.drop(columns="amount"), tmp_path / "log.csv")
    with pytest.raises(LogError, match="amount"):
        run(model, [path], tmp_path / "out")
    assert not (tmp_path / "out").exists()


# --- a large user


def test_a_user_with_more_rows_than_a_piece_is_read_on(detector, model, tmp_path, monkeypatch):
    monkeypatch.setattr(bulk, "_LARGEST_PIECE", 20)
    monkeypatch.setattr(bulk, "_SMALLEST_PIECE", 20)
    large = make_log(30, 9).assign(user_id="u05")
    log = pd.concat([LOG, large], ignore_index=True)
    run(model, [write(log, tmp_path / "log.parquet")], tmp_path / "out")
    assert_scored_as(detector, Sequences.from_frame(log, columns=COLUMNS), tmp_path / "out", log)


# --- other places to score


def test_buckets_may_be_scored_elsewhere_and_in_any_order(model, tmp_path, small):
    path = write(LOG, tmp_path / "log.csv")
    run(model, [path], tmp_path / "here")

    def backwards(job, buckets, census, show):
        for bucket in reversed(buckets):
            job.score_bucket(bucket, census)

    make_job(model, [path], tmp_path / "there").run(lambda *_: None, backwards)
    assert results(tmp_path / "there") == results(tmp_path / "here")


def test_a_model_knows_which_columns_it_needs(detector, plain):
    fields, kinds, timed = kinds_wanted(detector)
    assert sorted(fields) == ["amount", "channel"]
    assert kinds == {"item": "text", "field:channel": "text", "field:amount": "number"}
    assert timed
    assert kinds_wanted(plain) == ([], {"item": "text"}, False)
