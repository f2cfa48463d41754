"""Scoring past one machine gives what one process gives."""

import os
import shutil
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from job_files import results

import seqrec
from seqrec import LSTMAnomalyDetector, Sequences, datasets
from seqrec.jobs import staging
from seqrec.jobs.detection import DetectionJob
from seqrec.jobs.engines import ArrowScorer, score_on
from seqrec.jobs.forecasts import ForecastJob
from seqrec.jobs.job import Settings, kinds_wanted
from seqrec.logs.source import Source

LOG = datasets.make_fraud_log(n_sessions=60, random_state=0)[["session_id", "event", "timestamp", "amount"]]
LOG = LOG.sort_values("session_id", kind="stable")
X = Sequences.from_frame(LOG, user="session_id", item="event", columns=["amount"])


@pytest.fixture(scope="module")
def detector():
    return LSTMAnomalyDetector(n_folds=1, max_epochs=2, units=8, random_state=0).fit(X)


@pytest.fixture(scope="module")
def model(detector, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.seqrec"
    seqrec.save(detector, path)
    return path


def score(scorer, rows, log=LOG):
    batches = pa.Table.from_pandas(log, preserve_index=False).to_batches(max_chunksize=rows)
    return pa.Table.from_batches(scorer(iter(batches)), schema=scorer.schema).to_pandas()


@pytest.mark.parametrize("rows", [7, 10_000])
def test_arrow_batches_cut_anywhere_give_the_scores_of_whole_sequences(detector, model, rows):
    some = X[:12]
    log = LOG[LOG["session_id"].isin(some.keys)]
    found = score(ArrowScorer(model, "session_id", "event", "timestamp"), rows, log).set_index("session_id")
    np.testing.assert_array_equal(found.loc[some.keys, "score"], detector.score_samples(some))
    np.testing.assert_array_equal(found.loc[some.keys, "flagged"], detector.predict(some) < 0)


def test_arrow_batches_give_events_in_their_order(detector, model):
    found = score(ArrowScorer(model, "session_id", "event", "timestamp", result="events"), 50)
    assert found["event"].tolist() == LOG["event"].tolist()
    expected = np.empty(len(LOG), np.float32)
    expected[X.rows] = detector.surprisal(X)
    np.testing.assert_array_equal(found["surprisal"], expected)


def test_the_schema_is_written_for_spark_too(model):
    scorer = ArrowScorer(model, "session_id", "event", "timestamp")
    assert scorer.spark_schema.startswith("`session_id` string, `events` bigint, ")
    with pytest.raises(ValueError, match="result must be one of 'sequences', 'events'"):
        ArrowScorer(model, "session_id", "event", result="event")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")
def test_spark_gives_the_scores_of_one_process(detector, model, monkeypatch):
    sql = pytest.importorskip("pyspark.sql", reason="PySpark is not installed")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    monkeypatch.setitem(os.environ, "PYSPARK_PYTHON", sys.executable)
    spark = sql.SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        log = spark.createDataFrame(pa.Table.from_pandas(LOG, preserve_index=False))
        scorer = ArrowScorer(model, "session_id", "event", "timestamp")
        by_user = log.repartition(3, "session_id").sortWithinPartitions("session_id", "timestamp")
        rows = by_user.mapInArrow(scorer, scorer.spark_schema).collect()
    finally:
        spark.stop()
    found = pd.DataFrame([row.asDict() for row in rows]).set_index("session_id")
    np.testing.assert_array_equal(found.loc[X.keys, "score"], detector.score_samples(X))


@pytest.mark.slow
def test_two_dask_workers_give_the_files_of_one_process(detector, model, tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(staging, "_BUCKET", 150)
    LOG.to_csv(tmp_path / "log.csv", index=False)
    names, kinds, _ = kinds_wanted(detector)
    source = Source.find([str(tmp_path / "log.csv")], {}, names, kinds)

    def run(name, score_all=None):
        DetectionJob(model, source, tmp_path / name, Settings()).run(lambda *_: None, score_all)
        return results(tmp_path / name)

    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        found = run("dask", score_on(cluster.scheduler_address))
    expected = run("here")
    assert sum(name.startswith("sequences") for name in expected) > 4
    assert found == expected


@pytest.mark.slow
def test_dask_workers_forecast_as_one_process_does(tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(ForecastJob, "bucket_rows", 1_000)
    panel = datasets.make_series(n_series=30, n_steps=72, random_state=0)[["series", "timestamp", "y"]]
    panel.drop(5).assign(timestamp=lambda log: log["timestamp"].astype(str)).to_csv(tmp_path / "log.csv", index=False)
    X = Sequences.from_frame(panel, "series", None, columns=["y"])
    seqrec.save(seqrec.NaiveForecaster(horizon=4).fit(X), tmp_path / "model.seqrec")
    source = Source.find([str(tmp_path / "log.csv")], {}, ["y"], {"field:y": "number"}, has_items=False)

    def run(name, score_all=None):
        job = ForecastJob(tmp_path / "model.seqrec", source, tmp_path / name, Settings(), horizon=4)
        job.run(lambda *_: None, score_all)
        return results(tmp_path / name)

    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        found = run("dask", score_on(cluster.scheduler_address))
    assert found == run("here")
    assert sum(name.startswith("forecasts") for name in found) == 3
