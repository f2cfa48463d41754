"""Every user of a log is recommended what the recommender says; an interruption leaves no trace."""

import errno
import json
import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from job_files import assert_conserved, results, write

import seqrec
from seqrec import LSTMRecommender, MarkovRecommender, Sequences, SequentialRulesRecommender
from seqrec.exceptions import BadRowsError, JobError, LogError
from seqrec.jobs import job as bulk
from seqrec.jobs import staging
from seqrec.jobs.job import Settings, id_kind
from seqrec.jobs.recommendation import RecommendationJob
from seqrec.logs.source import Source

CHEAP = {"units": 8, "max_epochs": 1, "max_length": 5, "batch_size": 256, "precision": "float32", "random_state": 0}
SETTINGS = Settings(max_bad=0.2)
ITEMS = "abcdefgh"


def make_log(n, seed, items=ITEMS):
    """Users whose events lie in each other's midst, with ties in time."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 12, n)
    n_events = lengths.sum()
    log = pd.DataFrame(
        {
            "user_id": np.repeat([f"u{i:02d}" for i in range(n)], lengths),
            "item_id": rng.choice(list(items), n_events),
            "timestamp": pd.to_datetime((1.7e9 + rng.integers(0, 500, n_events)) * 1e6, unit="us"),
        }
    )
    return log.sample(frac=1, random_state=seed, ignore_index=True)


LOG = pd.concat([make_log(20, 1, ITEMS + "xyz"), make_log(2, 2, "xyz").replace({"u00": "cold", "u01": "cold2"})])
LOG = LOG.reset_index(drop=True)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Model files by name."""
    X, folder = Sequences.from_frame(make_log(60, 0)), tmp_path_factory.mktemp("models")
    fitted = {
        "network": LSTMRecommender(**CHEAP).fit(X),
        "markov": MarkovRecommender().fit(X),
        "rules": SequentialRulesRecommender(window=3).fit(X),
    }
    numbered = Sequences.from_frame(make_log(60, 0).assign(item_id=lambda log: log["item_id"].map(ord)))
    fitted["numbers"] = MarkovRecommender().fit(numbered)
    for name, estimator in fitted.items():
        seqrec.save(estimator, folder / f"{name}.seqrec")
    return {name: folder / f"{name}.seqrec" for name in fitted}


@pytest.fixture
def small(monkeypatch):
    """Several files of staged rows, buckets and pieces, as a large log has them."""
    monkeypatch.setattr(staging, "_STAGED", 50)
    monkeypatch.setattr(staging, "_BUCKET", 60)
    monkeypatch.setattr(staging, "_BATCH", 16)
    monkeypatch.setattr(bulk, "_LARGEST_PIECE", 4)
    monkeypatch.setattr(bulk, "_SMALLEST_PIECE", 4)


def make_job(model, paths, output, settings=SETTINGS, **options):
    kinds = {"item": id_kind(bulk.fitted(str(model), bulk.digest_of(model)).vocabulary_)}
    source = Source.find([str(path) for path in paths], {}, (), kinds)
    return RecommendationJob(model, source, output, settings, **options)


def run(model, paths, output, settings=SETTINGS, **options):
    return make_job(model, paths, output, settings, **options).run(lambda *_: None)


def read(output, form="parquet", name="recommendations"):
    readers = {
        "parquet": pd.read_parquet,
        "csv": pd.read_csv,
        "jsonl": lambda path: pd.DataFrame(map(json.loads, path.read_text().splitlines())),
    }
    return pd.concat([readers[form](path) for path in sorted(output.glob(f"{name}*.{form}"))], ignore_index=True)


def expected_of(model, log, **options):
    recommender, X = seqrec.load(model), Sequences.from_frame(log)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        items, scores = recommender.recommend(X, **options)
    k = items.shape[1]
    columns = {
        "user_id": np.repeat(X.keys, k),
        "rank": np.tile(np.arange(1, k + 1), len(X)),
        "item_id": items.ravel(),
        "score": scores.ravel(),
        "cold": np.repeat(recommender.is_cold(X), k),
    }
    table = pd.DataFrame(columns)[~np.isneginf(scores).ravel()]
    return table.sort_values(["user_id", "rank"], ignore_index=True)


def assert_recommends(output, expected):
    found = read(output).sort_values(["user_id", "rank"], ignore_index=True)
    pd.testing.assert_frame_equal(found, expected, check_exact=True, check_dtype=False)


# --- one log, one job


CASES = [("network", "csv"), ("markov", "jsonl"), ("rules", "parquet")]


@pytest.mark.parametrize(("name", "ending"), CASES)
def test_users_are_recommended_what_the_recommender_says(models, tmp_path, name, ending):
    report = run(models[name], [write(LOG, tmp_path / f"log.{ending}")], tmp_path / "out", k=3)
    assert_conserved(report)
    expected = expected_of(models[name], LOG, k=3)
    assert (report["rows"], report["scored"], report["users"]) == (len(LOG), len(LOG), 22)
    assert report["cold_users"] == expected[expected["cold"]]["user_id"].nunique() >= 2
    assert report["recommendations"] == len(expected)
    assert_recommends(tmp_path / "out", expected)


@pytest.mark.parametrize("name", ["network", "markov", "rules"])
def test_files_buckets_and_pieces_change_nothing(models, tmp_path, small, name):
    long = make_log(30, 9, ITEMS + "xyz").assign(user_id="u05")  # more rows than a piece
    log = pd.concat([LOG, long], ignore_index=True)
    paths = [write(log[:33], tmp_path / "a.csv"), write(log[33:90], tmp_path / "b.jsonl")]
    paths.append(write(log[90:], tmp_path / "c.parquet"))
    report = run(models[name], paths, tmp_path / "out", k=3, exclude_seen=False)
    assert_conserved(report)
    assert len(list((tmp_path / "out").glob("recommendations-*"))) > 2
    assert_recommends(tmp_path / "out", expected_of(models[name], log, k=3, exclude_seen=False))


@pytest.mark.parametrize("options", [{"k": 2, "candidates": ["b", "g", "h"]}, {"k": 8}], ids=str)
def test_options_are_those_of_recommend(models, tmp_path, small, options):
    report = run(models["network"], [write(LOG, tmp_path / "log.csv")], tmp_path / "out", **options)
    expected = expected_of(models["network"], LOG, **options)
    assert report["recommendations"] == len(expected)
    assert_recommends(tmp_path / "out", expected)


def test_integer_items_stay_integers(models, tmp_path):
    log = make_log(10, 3).assign(item_id=lambda log: log["item_id"].map(ord))
    for path in (write(log, tmp_path / "log.csv"), write(log, tmp_path / "log.parquet")):
        output = tmp_path / f"out{path.suffix}"
        run(models["numbers"], [path], output, k=2)
        assert read(output)["item_id"].dtype.kind == "i"
        assert_recommends(output, expected_of(models["numbers"], log, k=2))


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_every_form_of_results_holds_the_same_values(models, tmp_path, form):
    path = write(LOG, tmp_path / "log.csv")
    for each in ("parquet", form):
        run(models["network"], [path], tmp_path / each, SETTINGS._replace(form=each), k=2)
    found, expected = read(tmp_path / form, form), read(tmp_path / "parquet")
    found["score"] = found["score"].astype(np.float32)
    pd.testing.assert_frame_equal(found, expected, check_exact=True, check_dtype=False)


def test_users_who_have_seen_everything_count_as_users(models, tmp_path):
    everything = pd.DataFrame({"user_id": "all", "item_id": list(ITEMS), "timestamp": LOG["timestamp"][0]})
    log = pd.concat([LOG, everything], ignore_index=True)
    report = run(models["network"], [write(log, tmp_path / "log.csv")], tmp_path / "out", k=3)
    assert report["users"] == 23
    assert "all" not in set(read(tmp_path / "out")["user_id"])


def test_a_log_without_rows_gives_empty_results(models, tmp_path):
    (tmp_path / "log.csv").write_text("user_id,item_id,timestamp\n")
    report = run(models["network"], [tmp_path / "log.csv"], tmp_path / "out", k=3)
    assert (report["rows"], report["users"], report["recommendations"]) == (0, 0, 0)
    assert read(tmp_path / "out").columns.tolist() == ["user_id", "rank", "item_id", "score", "cold"]


# --- rows that are left out


def dirty(path):
    log = LOG.assign(timestamp=LOG["timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%S"))
    log.loc[3, "user_id"] = ""
    log.loc[17, "timestamp"] = "yesterday"
    log.to_csv(path, index=False)
    return path


def test_bad_rows_are_listed_and_the_others_used(models, tmp_path, small):
    report = run(models["network"], [dirty(tmp_path / "log.csv")], tmp_path / "out", k=3)
    assert_conserved(report)
    assert report["quarantined_by_code"] == {"missing_user": 1, "unreadable_time": 1}
    assert read(tmp_path / "out", name="quarantine")["row"].tolist() == [3, 17]
    assert_recommends(tmp_path / "out", expected_of(models["network"], LOG.drop(index=[3, 17]), k=3))


def test_too_many_bad_rows_stop_the_job(models, tmp_path):
    with pytest.raises(BadRowsError, match=f"2 of {len(LOG)} rows cannot be used"):
        run(models["network"], [dirty(tmp_path / "log.csv")], tmp_path / "out", Settings(max_bad=0.001))


def test_duplicates_are_counted_as_filtered(models, tmp_path, small):
    unique = LOG.drop_duplicates(ignore_index=True)
    log = pd.concat([unique, unique[5:9]], ignore_index=True)
    settings = SETTINGS._replace(drop_duplicates=True)
    report = run(models["network"], [write(log, tmp_path / "log.csv")], tmp_path / "out", settings, k=3)
    assert_conserved(report)
    assert report["filtered_by_reason"] == {"duplicates": 4}
    assert_recommends(tmp_path / "out", expected_of(models["network"], unique, k=3))


def test_shards_together_are_the_whole(models, tmp_path, small):
    path = dirty(tmp_path / "log.csv")
    whole = run(models["network"], [path], tmp_path / "whole", k=3)
    outputs = [tmp_path / f"shard{i}" for i in range(3)]
    reports = [
        run(models["network"], [path], output, SETTINGS._replace(shard=(i, 3)), k=3) for i, output in enumerate(outputs)
    ]
    for report in reports:
        assert_conserved(report)
    for name in ("scored", "quarantined", "users", "cold_users", "recommendations"):
        assert sum(report[name] for report in reports) == whole[name]
    parts = pd.concat([read(output) for output in outputs], ignore_index=True)
    one, other = (
        table.sort_values(["user_id", "rank"], ignore_index=True) for table in (parts, read(tmp_path / "whole"))
    )
    pd.testing.assert_frame_equal(one, other, check_exact=True)


@pytest.mark.parametrize("unit", ["s", "us"])
def test_numeric_times_are_read_in_the_unit_they_plainly_have(models, tmp_path, unit):
    ticks = LOG["timestamp"].astype("datetime64[us]").astype(np.int64) // {"s": 10**6, "ms": 10**3, "us": 1}[unit]
    run(models["network"], [write(LOG.assign(timestamp=ticks), tmp_path / "log.csv")], tmp_path / "out", k=3)
    assert_recommends(tmp_path / "out", expected_of(models["network"], LOG, k=3))


# --- what is refused


def test_a_wrong_option_is_known_before_anything_is_scored(models, tmp_path):
    path = write(LOG, tmp_path / "log.csv")
    with pytest.raises(ValueError, match="1 candidates are not in the catalogue"):
        run(models["network"], [path], tmp_path / "out", k=3, candidates=["nothing"])
    assert not (tmp_path / "out" / ".seqrec" / "scored").exists()


def test_more_items_than_there_are_is_said_once(models, tmp_path, small):
    path = write(LOG, tmp_path / "log.csv")
    with pytest.warns(UserWarning, match="k=50 is more than the 8 items") as warned:
        run(models["network"], [path], tmp_path / "out", k=50)
    assert len(warned) == 1
    assert_recommends(tmp_path / "out", expected_of(models["network"], LOG, k=50))


def test_a_job_does_not_go_on_with_other_options(models, tmp_path):
    path = write(LOG, tmp_path / "log.csv")
    report = run(models["markov"], [path], tmp_path / "out", k=3)
    with pytest.raises(JobError, match=r"differs in: exclude_seen, k\."):
        run(models["markov"], [path], tmp_path / "out", k=4, exclude_seen=False)
    with pytest.raises(JobError, match=r"differs in: model\."):
        run(models["rules"], [path], tmp_path / "out", k=3)
    assert run(models["markov"], [path], tmp_path / "out", k=3) == report


def test_mixed_zones_are_refused(models, tmp_path):
    log = LOG.assign(timestamp=LOG["timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%S"))
    log.loc[:4, "timestamp"] += "+02:00"
    log.to_csv(tmp_path / "log.csv", index=False)
    with pytest.raises(LogError, match="5 times with a zone"):
        run(models["markov"], [tmp_path / "log.csv"], tmp_path / "out")


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


FAULTS = ["full", "before", "after"]
EACH = [pytest.param([fault], marks=pytest.mark.slow, id=fault) for fault in FAULTS]


@pytest.mark.parametrize("how", [pytest.param(FAULTS, id="by turns"), *EACH])
def test_an_interruption_at_any_commit_leaves_no_trace(models, tmp_path, monkeypatch, how):
    monkeypatch.setattr(staging, "_BUCKET", 20)
    log = make_log(5, 5, ITEMS + "xyz")[:30]
    paths = [write(log, tmp_path / "a.csv")]
    paths[0].write_text(paths[0].read_text() + "u01,a,never\n")
    run(models["markov"], paths, tmp_path / "whole", k=3)
    expected = results(tmp_path / "whole")
    assert len(expected) == 2 + 2
    for n in range(1, 99):
        with monkeypatch.context() as broken:
            fail_at(broken, n, how[n % len(how)])
            try:
                run(models["markov"], paths, tmp_path / f"out{n}", k=3)
            except (Kill, OSError):
                done = False
            else:
                done = True
        run(models["markov"], paths, tmp_path / f"out{n}", k=3)
        assert results(tmp_path / f"out{n}") == expected, n
        if done:
            break
    assert n > 10
