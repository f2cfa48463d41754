"""Forecasts of every series of a log, whatever way its rows come, and however often the job is stopped."""

import json
from functools import partial

import numpy as np
import pandas as pd
import pytest
from job_files import assert_conserved, results, write

import seqrec
from seqrec import NaiveForecaster, SeasonalNaiveForecaster, Sequences
from seqrec.exceptions import BadRowsError, LogError
from seqrec.jobs import forecasts, staging
from seqrec.jobs import job as bulk
from seqrec.jobs.forecasts import ForecastJob
from seqrec.jobs.job import Settings
from seqrec.jobs.recount import recount
from seqrec.logs.dialect import AS_USUAL
from seqrec.logs.source import Source


def make_panel(n=20, n_steps=60):
    random = np.random.default_rng(0)
    lengths = random.integers(n_steps // 2, n_steps, n)
    return pd.concat(
        pd.DataFrame(
            {
                "series": f"s{i:02d}",
                "timestamp": pd.date_range("2024-05-01", periods=length, freq="h"),
                "y": random.normal(10 ** (i % 4), 1, length).round(3),
            }
        )
        for i, length in enumerate(lengths)
    ).reset_index(drop=True)


PANEL = make_panel()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "m.seqrec"
    seqrec.save(SeasonalNaiveForecaster(horizon=4, step="1h", season_lengths=[3]).fit(series_of(PANEL)), path)
    return path


@pytest.fixture
def small(monkeypatch):
    """Several buckets, and several lots of each, as a large log has them."""
    monkeypatch.setattr(forecasts, "_SERIES", 4)
    monkeypatch.setattr(staging, "_STAGED", 50)
    monkeypatch.setattr(staging, "_BUCKET", 200)
    monkeypatch.setattr(bulk, "_LARGEST_PIECE", 10)
    monkeypatch.setattr(bulk, "_SMALLEST_PIECE", 10)


def series_of(log, columns=("y",)):
    return Sequences.from_frame(log, "series", None, columns=columns)


find = partial(Source.find, has_items=False)


def make_job(model, paths, output, settings=None, **asked):
    source = find([str(path) for path in paths], {}, ["y"], {"field:y": "number"})
    return ForecastJob(model, source, output, settings or Settings(max_bad=0.5), **{"horizon": 4} | asked)


def forecast(*arguments, **asked):
    return make_job(*arguments, **asked).run(lambda *_: None)


def read(output):
    return pd.concat(map(pd.read_parquet, sorted(output.glob("forecasts-*.parquet")))).sort_values(
        ["series", "step"], ignore_index=True
    )


def refused(output):
    return pd.read_parquet(output / "quarantine.parquet").sort_values("row", ignore_index=True)


def test_forecasts_are_those_of_the_model(model, tmp_path):
    report = forecast(model, [write(PANEL, tmp_path / "log.csv")], tmp_path / "out", alpha=(0.05, 0.5))
    assert_conserved(report)
    expected = seqrec.load(model).predict_quantiles(series_of(PANEL), [0.05, 0.5], 4)
    found = read(tmp_path / "out")
    assert found.columns.tolist() == ["series", "timestamp", "step", "q5", "q50"]
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    assert (report["series"], report["forecasts"], report["set_apart"]) == (20, 80, 0)
    assert recount(tmp_path / "out", lambda *_: None)[0] == []


def test_files_buckets_and_lots_change_nothing(model, tmp_path, request):
    forecast(model, [write(PANEL, tmp_path / "log.csv")], tmp_path / "whole")
    request.getfixturevalue("small")
    rows = PANEL.sample(frac=1, random_state=0)
    paths = [write(rows[:333], tmp_path / "a.csv"), write(rows[333:], tmp_path / "b.parquet")]
    forecast(model, paths, tmp_path / "out")
    assert len(list((tmp_path / "out").glob("forecasts-*"))) > 2
    pd.testing.assert_frame_equal(read(tmp_path / "out"), read(tmp_path / "whole"))


def test_shards_forecast_each_series_once(model, tmp_path):
    log = write(PANEL, tmp_path / "log.csv")
    for part in range(2):
        settings = Settings(shard=(part, 2))
        assert_conserved(forecast(model, [log], tmp_path / str(part), settings))
    halves = [read(tmp_path / str(part))["series"].unique().tolist() for part in range(2)]
    assert all(halves)
    assert sorted([*halves[0], *halves[1]]) == PANEL["series"].unique().tolist()


@pytest.mark.parametrize("step", ["score_bucket", "write_result", "prepare"])
def test_a_job_that_was_stopped_ends_as_if_it_had_not_been(model, tmp_path, small, monkeypatch, step):
    dirty = pd.concat([PANEL.drop(5), PANEL[100:101]]).assign(y=lambda f: f["y"].where(f["series"] != "s04"))
    log = write(dirty, tmp_path / "log.csv")
    forecast(model, [log], tmp_path / "whole")
    done, own = [], getattr(ForecastJob, step)

    def stops(*arguments):
        done.append(1)
        if len(done) == (1 if step == "prepare" else 2):
            raise KeyboardInterrupt
        return own(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(ForecastJob, step, stops)
        with pytest.raises(KeyboardInterrupt):
            forecast(model, [log], tmp_path / "out")
    forecast(model, [log], tmp_path / "out")
    assert results(tmp_path / "out") == results(tmp_path / "whole")


# --- what cannot be forecast


@pytest.fixture
def dirty():
    """A series that repeats a time, one that breaks the step, one without a value, and one that lacks some."""
    log = PANEL.assign(y=PANEL["y"].mask(PANEL["series"] == "s04"))
    first = log.groupby("series").head(1).set_index("series")
    log.loc[log.index[log["series"] == "s01"][:5], "y"] = np.nan
    twice = first.loc[["s02"]].reset_index()
    between = first.loc[["s03"]].reset_index().assign(timestamp=lambda f: f["timestamp"] + pd.Timedelta("90min"))
    return pd.concat([log, twice, between], ignore_index=True)


def test_series_that_cannot_be_forecast_are_set_apart_with_their_reason(model, tmp_path, dirty):
    report = forecast(model, [write(dirty, tmp_path / "log.csv")], tmp_path / "out")
    assert_conserved(report)
    assert (report["series"], report["set_apart"], report["forecasts"]) == (20, 3, 17 * 4)
    assert report["quarantined_by_code"] == {"broken_step": 1, "no_value": 1, "repeated_time": 1}
    apart = dirty["series"].isin(["s02", "s03", "s04"])
    assert report["filtered_by_reason"] == {"of series set apart": apart.sum() - 3}
    found = refused(tmp_path / "out")
    assert found["code"].tolist() == ["no_value", "repeated_time", "broken_step"]
    assert found["column"].tolist() == ["", "timestamp", "timestamp"]
    assert dirty["series"][found["row"]].tolist() == ["s04", "s02", "s03"]
    assert found["raw"].str[:19].tolist() == dirty["timestamp"][found["row"]].astype(str).tolist()
    assert found["reason"][1] == "series 's02' has two values at 2024-05-01 00:00."
    expected = seqrec.load(model).predict_quantiles(series_of(dirty[~apart]), horizon=4)
    pd.testing.assert_frame_equal(read(tmp_path / "out"), expected, check_dtype=False)
    assert recount(tmp_path / "out", lambda *_: None)[0] == []


def test_more_of_them_than_may_be_left_out_stop_the_job(model, tmp_path, dirty):
    log = write(dirty, tmp_path / "log.csv")
    told = r"3 series cannot be forecast: 1 broken_step, 1 no_value, 1 repeated_time; such as: series 's0\d' "
    with pytest.raises(BadRowsError, match=told):
        forecast(model, [log], tmp_path / "out", Settings(max_bad=0.1))
    assert len(refused(tmp_path / "out")) == 3
    forecast(model, [log], tmp_path / "out", Settings("csv", max_bad=0.5))  # the folder is free
    assert recount(tmp_path / "out", lambda *_: None)[0] == []


def test_a_log_of_which_no_series_can_be_forecast_has_no_forecasts(model, tmp_path):
    log = write(PANEL.assign(timestamp=PANEL["timestamp"].iloc[0]), tmp_path / "log.csv")
    report = forecast(model, [log], tmp_path / "out", Settings(max_bad=1))
    assert (report["scored"], report["forecasts"], report["set_apart"]) == (0, 0, 20)


def test_integer_ids_stay_integers(model, tmp_path):
    log = PANEL.assign(series=PANEL["series"].str[1:].astype(int))
    log["y"] = log["y"].mask(log["series"] == 7)
    paths = [write(log, tmp_path / "log.parquet")]
    forecast(model, paths, tmp_path / "out")
    assert read(tmp_path / "out")["series"].unique().tolist() == [i for i in range(20) if i != 7]
    assert refused(tmp_path / "out")["reason"].tolist() == ["series 7 has no value in column 'y'."]


def test_a_log_without_rows_has_no_forecasts(model, tmp_path):
    (tmp_path / "log.csv").write_text("series,timestamp,y\n")
    report = forecast(model, [tmp_path / "log.csv"], tmp_path / "out")
    assert (report["rows"], report["series"], report["forecasts"]) == (0, 0, 0)
    assert len(read(tmp_path / "out")) == 0


# --- times


@pytest.mark.parametrize(
    ("written", "first"),
    [
        (lambda times: times.dt.strftime("%d.%m.%Y %H:%M"), "01.05.2024 02:00"),
        (lambda times: times.dt.strftime("%Y-%m-%d %H:%M:%S+02:00"), "2024-05-01 02:00:00+02:00"),
        (lambda times: times.astype("datetime64[s]").astype(np.int64), 1714528800),
    ],
)
def test_times_are_written_as_in_the_log(model, tmp_path, written, first):
    log = PANEL[PANEL["series"] == "s00"][:2]
    log.assign(timestamp=written(log["timestamp"])).to_csv(tmp_path / "log.csv", index=False)
    dialect = AS_USUAL._replace(time_format="%d.%m.%Y %H:%M" if "." in str(first) else None)
    source = find([str(tmp_path / "log.csv")], {}, ["y"], {"field:y": "number"}, dialect)
    ForecastJob(model, source, tmp_path / "out", Settings("csv"), horizon=1).run(lambda *_: None)
    assert pd.read_csv(tmp_path / "out/forecasts-00000.csv")["timestamp"].tolist() == [first]


def test_series_without_times_are_forecast_in_the_order_of_their_rows(tmp_path):
    X = Sequences.from_frame(PANEL, "series", None, None, columns=["y"])
    seqrec.save(NaiveForecaster(horizon=3).fit(X), tmp_path / "m.seqrec")
    log = write(PANEL.drop(columns="timestamp").assign(timestamp=""), tmp_path / "log.csv")
    source = find([str(log)], {"timestamp": "none"}, ["y"], {"field:y": "number"})
    ForecastJob(tmp_path / "m.seqrec", source, tmp_path / "out", Settings(), horizon=3).run(lambda *_: None)
    found = read(tmp_path / "out")
    assert found.columns.tolist() == ["series", "step", "q10", "q50", "q90"]
    assert found["q50"][::3].tolist() == PANEL.groupby("series")["y"].last().tolist()


def test_of_long_series_the_latest_values_are_read(model, tmp_path, monkeypatch):
    monkeypatch.setattr(forecasts, "_LATEST", 30)
    forecast(model, [write(PANEL, tmp_path / "log.csv")], tmp_path / "out")
    expected = seqrec.load(model).predict_quantiles(series_of(PANEL).tail(30), horizon=4)
    pd.testing.assert_frame_equal(read(tmp_path / "out"), expected, check_dtype=False)


# --- what is known ahead


class Known(NaiveForecaster):
    """Adds what is known ahead to the last value."""

    known = ("extra",)

    def _quantiles(self, panel, horizon, future, alpha):
        return super()._quantiles(panel, horizon, future, alpha) + future["extra"][..., None]


EXTRA = pd.concat(
    of_one.tail(1)[["series"]].merge(
        pd.DataFrame({"timestamp": of_one["timestamp"].max() + np.arange(1, 5) * pd.Timedelta("1h")}), how="cross"
    )
    for _, of_one in PANEL.groupby("series")
).assign(extra=lambda f: np.arange(float(len(f))))


@pytest.fixture
def known(monkeypatch):
    log = PANEL.assign(extra=0.0)
    forecaster = Known(horizon=4, target="y", step="1h").fit(series_of(log, ("y", "extra")))
    monkeypatch.setattr(forecasts, "fitted", lambda *_: forecaster)
    return forecaster


def with_future(model, tmp_path, extra, name="future.csv", settings=None):
    path = write(extra, tmp_path / name)
    future = find([str(path)], {}, ["extra"], {"field:extra": "measure"})
    log = write(PANEL.assign(extra=0.0), tmp_path / "log.csv")
    source = find([str(log)], {}, ["y", "extra"], {"field:y": "number", "field:extra": "number"})
    job = ForecastJob(model, source, tmp_path / "out", settings or Settings(max_bad=0.5), horizon=4, future=future)
    return job.run(lambda *_: None)


def test_what_is_known_ahead_is_read_by_series_and_time(model, tmp_path, known, small):
    more = pd.concat([EXTRA, EXTRA.assign(series="other")]).sample(frac=1, random_state=0)
    with_future(model, tmp_path, more)
    X = series_of(PANEL.assign(extra=0.0), ("y", "extra"))
    expected = known.predict_quantiles(X, horizon=4, future=series_of(EXTRA, ("extra",)))
    pd.testing.assert_frame_equal(read(tmp_path / "out"), expected, check_dtype=False)
    assert not (tmp_path / "out/.seqrec/future").exists()


def test_a_series_of_which_a_value_ahead_is_missing_is_set_apart(model, tmp_path, known):
    report = with_future(model, tmp_path, EXTRA.reset_index(drop=True).drop([5, 11]))
    assert report["quarantined_by_code"] == {"missing_future": 2}
    found = refused(tmp_path / "out")
    time = EXTRA["timestamp"].iloc[5]
    assert f"column 'extra' of --future has no value for series 's01' at {time:%Y-%m-%d %H:%M}" in found["reason"][0]
    assert found["raw"][0][:19] == str(PANEL["timestamp"][PANEL["series"] == "s01"].iloc[-1])


def test_truth_values_ahead_count_as_numbers(model, tmp_path, known):
    with_future(model, tmp_path, EXTRA.assign(extra=EXTRA["extra"] % 2 == 0))
    middle = read(tmp_path / "out")["q50"].to_numpy().reshape(-1, 4)
    last = PANEL.groupby("series")["y"].last().to_numpy()
    np.testing.assert_allclose(middle - last[:, None], [[1, 0, 1, 0]] * 20, atol=1e-9)


def test_bad_rows_of_the_values_ahead_count_too(model, tmp_path, known):
    extra = EXTRA.assign(extra=EXTRA["extra"].astype(str).where(EXTRA["extra"] != 7, "n/a"))
    with pytest.raises(BadRowsError, match=r"1 of 80 rows .*future.csv: 1 not_a_number, such as 'n/a'"):
        with_future(model, tmp_path, extra, settings=Settings(max_bad=0.001))
    report = with_future(model, tmp_path, extra)
    assert report["quarantined_by_code"] == {"missing_future": 1}


def test_zones_of_log_and_values_ahead_must_agree(model, tmp_path, known):
    extra = EXTRA.assign(timestamp=EXTRA["timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    with pytest.raises(LogError, match="80 times with a zone and"):
        with_future(model, tmp_path, extra)


def test_the_values_ahead_are_part_of_the_plan(model, tmp_path, known):
    with_future(model, tmp_path, EXTRA)
    assert json.loads((tmp_path / "out/.seqrec/plan.json").read_text())["future"][0][0][0].endswith("future.csv")
