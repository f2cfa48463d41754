"""``seqrec forecast``: series forecast from files, and wrong use told in one line."""

import json

import numpy as np
import pandas as pd
import pytest
from command_line import assert_refused, read_results, run, write

import seqrec
from seqrec import NaiveForecaster, Sequences
from seqrec.cli import exits

NAIVE = ["--task", "forecast", "--target", "y", "--horizon", 4, "--estimator", "SeasonalNaiveForecaster"]


def make_panel(n=6, n_steps=72):
    random = np.random.default_rng(0)
    hours = np.arange(n_steps)
    return pd.DataFrame(
        {
            "shop": np.repeat([f"s{i}" for i in range(n)], n_steps),
            "timestamp": np.tile(np.datetime64("2024-05-01T00", "s") + hours.astype("m8[h]"), n),
            "y": (100 + 50 * np.sin(2 * np.pi * np.tile(hours, n) / 24) + random.normal(0, 5, n * n_steps)).round(2),
            "open": np.tile(hours % 24 > 7, n),
            "kind": np.repeat(["big", "small"] * (n // 2), n_steps),
        }
    )


PANEL = make_panel()
PAST = PANEL[PANEL.groupby("shop").cumcount() < 60]
FUTURE = PANEL.drop(PAST.index)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Give a folder with a log, a naive model, and a model that reads more columns."""
    folder = tmp_path_factory.mktemp("series")
    log = write(PAST, folder / "log.csv")
    run("fit", log, "-o", folder / "naive.seqrec", "--series", "shop", *NAIVE)
    columns = [
        "--known",
        "open",
        "--static",
        "kind",
        "--set",
        "units=4",
        "--set",
        "max_steps=20",
        "--set",
        "n_networks=1",
    ]
    lstm = ["--task", "forecast", "--target", "y", "--horizon", 4, "--seed", 0, *columns]
    run("fit", log, "-o", folder / "lstm.seqrec", "--series", "shop", *lstm)
    write(FUTURE.drop(columns="y"), folder / "future.csv")
    return folder


def test_a_log_is_forecast_and_told(home, tmp_path):
    arguments = ["forecast", home / "naive.seqrec", home / "log.csv", "-o", tmp_path / "out"]
    result = run(*arguments, "--horizon", 3, "--alpha", ".9,.5")
    assert "360 = scored 360" in result.stdout
    assert "18 rows in" in result.stdout
    assert "columns: series 'shop', timestamp 'timestamp', fields 'y' (number)" in result.stderr
    found = read_results(tmp_path / "out", "forecasts")
    assert found.columns.tolist() == ["shop", "timestamp", "step", "q50", "q90"]
    assert found["timestamp"].min() == pd.Timestamp("2024-05-03 12:00")
    assert "whole" in run("verify", tmp_path / "out").stdout
    assert json.loads(run(*arguments, "--horizon", 3, "--alpha", ".5,.9", "--json").stdout)["forecasts"] == 18


def test_an_interval_stands_about_the_median(home, tmp_path):
    run(
        "forecast",
        home / "naive.seqrec",
        home / "log.csv",
        "-o",
        tmp_path / "out",
        "--coverage",
        ".8",
        "--format",
        "csv",
    )
    found = pd.read_csv(tmp_path / "out/forecasts-00000.csv")
    assert found.columns.tolist() == ["shop", "timestamp", "step", "lower", "median", "upper"]
    assert (found["lower"] < found["median"]).all()
    assert (found["median"] < found["upper"]).all()
    assert found["timestamp"].min() == "2024-05-03 12:00:00"  # as in the log


def test_what_is_known_ahead_comes_from_a_file_of_its_own(home, tmp_path):
    run("forecast", home / "lstm.seqrec", home / "log.csv", "-o", tmp_path / "out", "--future", home / "future.csv")
    found = read_results(tmp_path / "out", "forecasts").sort_values(["shop", "step"], ignore_index=True)
    X, ahead = (
        Sequences.from_frame(log, "shop", None, columns=["y", "open", "kind"][first:])
        for log, first in ((PAST, 0), (FUTURE, 1))
    )
    expected = seqrec.load(home / "lstm.seqrec").predict_quantiles(X, future=ahead)
    np.testing.assert_allclose(found[["q10", "q50", "q90"]], expected[["q10", "q50", "q90"]], atol=1e-5)


def test_dirty_series_are_set_apart_and_the_others_forecast(home, tmp_path):
    log = pd.concat([PAST, PAST[10:11]], ignore_index=True).astype({"y": object})
    log.loc[70, "y"], log.loc[75, "y"] = "n/a", None  # a bad row, and a value that was not observed
    arguments = ["forecast", home / "naive.seqrec", write(log, tmp_path / "log.csv"), "-o", tmp_path / "out"]
    stopped = run(*arguments, code=exits.TOO_MANY_BAD)
    assert "62 of 361 rows cannot be used (1 series cannot be forecast: 1 repeated_time; such as: series 's0' has" in (
        stopped.stderr
    )
    result = run(*arguments, "--max-bad", 0.2, code=exits.QUARANTINED)
    assert "361 = scored 299 + quarantined 2 + filtered 60 (60 of series set apart)" in result.stdout
    assert "6 (1 set apart)" in result.stdout
    assert len(read_results(tmp_path / "out", "forecasts")) == 5 * 4


def test_a_model_that_was_saved_in_python_finds_its_columns(tmp_path):
    log = PAST.rename(columns={"shop": "unique_id"})
    X = Sequences.from_frame(log, "unique_id", None, columns=["y"])
    seqrec.save(NaiveForecaster(horizon=2).fit(X), tmp_path / "m.seqrec")
    run("forecast", tmp_path / "m.seqrec", write(log, tmp_path / "log.parquet"), "-o", tmp_path / "out")
    assert read_results(tmp_path / "out", "forecasts").columns[0] == "unique_id"


FORECAST = "forecast {home}/naive.seqrec {home}/log.csv -o {new} "
FIT = "fit {home}/log.csv -o {new} --task forecast --series shop "


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (FORECAST + "--alpha 5", "--alpha '5' is no number between 0 and 1"),
        (FORECAST + "--coverage 90", "--coverage '90.0' is no number between 0 and 1"),
        (FORECAST + "--alpha .5 --coverage .9", "give one of --alpha and --coverage"),
        (FORECAST + "--horizon 0", "greater than or equal to 1"),
        (FORECAST + "--item kind", "values of series have no item"),
        (FORECAST + "--future {home}/future.csv", "the model reads none: leave it away"),
        (FORECAST + "--timestamp none", "the log has no column of times"),
        ("forecast {home}/lstm.seqrec {home}/log.csv -o {new}", "reads 'open', known ahead"),
        ("forecast {home}/lstm.seqrec {home}/log.csv -o {new} --future {home}/no.csv", "no.csv"),
        ("forecast {home}/lstm.seqrec {home}/future.csv -o {new}", "column 'y' is missing, and the model needs it"),
        (
            "score {home}/naive.seqrec {home}/log.csv -o {new}",
            "which forecasts series. The command for it is: seqrec for",
        ),
        ("recommend {home}/naive.seqrec {home}/log.csv -o {new}", "The command for it is: seqrec forecast"),
        ("generate {home}/naive.seqrec -o {new}", "The command for it is: seqrec forecast"),
        ("ask {home}/naive.seqrec {home}/log.csv -o {new} --chance tea", "The command for it is: seqrec forecast"),
        ("evaluate {home}/naive.seqrec {home}/log.csv --label open", "--label is for detectors"),
        ("evaluate {home}/naive.seqrec {home}/log.csv -q --horizon 60", "no series has values both among its last 60"),
        (FIT, "--task forecast needs --target COLUMN"),
        (FIT + "--target yy", "column 'yy' is missing"),
        (FIT + "--target y --fields open", "--fields, --sides and --item are for logs of events"),
        (FIT + "--target y --step 1x", "--step must be a step of time"),
        (FIT + "--target y --estimator Naive", "--estimator for --task forecast must be one of 'LSTMForecaster'"),
        (FIT + "--target y --estimator NaiveForecaster --known open", "'known'"),
        ("fit {home}/log.csv -o {new} --task detect --target y", "--target is for --task forecast"),
        ("fit {home}/log.csv -o {new} --task forecast --target y", "--series NAME"),
    ],
)
def test_wrong_use_is_refused_in_one_line(home, tmp_path, line, text):
    assert_refused(home, tmp_path, line, text)


# --- the other commands


def test_fit_tells_series_step_and_seasons(home, tmp_path):
    log = pd.concat([PAST, PAST[10:11]], ignore_index=True)
    arguments = ["fit", write(log, tmp_path / "log.csv"), "-o", tmp_path / "m.seqrec", "--series", "shop", *NAIVE]
    result = run(*arguments, "--max-bad", 0.2, code=exits.QUARANTINED)
    assert "361 = used 300 + quarantined 1 + filtered 60 (60 of series set apart)" in result.stdout
    assert "4 steps of 1h, seasons of 24" in result.stdout
    listed = pd.read_csv(tmp_path / "m.seqrec.quarantine.csv")
    assert listed[["row", "column", "code"]].to_numpy().tolist() == [[360, "timestamp", "repeated_time"]]
    assert run(*arguments, "--overwrite", code=exits.TOO_MANY_BAD)


def test_inspect_tells_what_is_forecast(home):
    text = run("inspect", home / "lstm.seqrec").stdout
    assert "series 'shop', timestamp 'timestamp', target 'y', known 'open', static 'kind'" in text
    assert "6 series, 360 values, 2024-05-01 to 2024-05-03" in text
    assert "4 steps of 1h, seasons of 24" in text
    assert "95% held" in text
    assert "nats" not in text
    record = json.loads(run("inspect", home / "naive.seqrec", "--json").stdout)["series"]
    assert record == {"target": "y", "step": "1h", "season_lengths": [24], "horizon": 4, "coverage": None}


def test_evaluate_judges_a_forecaster_beside_the_naive_lines(home, tmp_path):
    log = write(pd.concat([PANEL, PANEL[:1]]), tmp_path / "log.csv")
    result = run("evaluate", home / "lstm.seqrec", log, "--windows", 2, "--max-bad", 0.3, code=exits.QUARANTINED)
    assert "the last 2 windows of 4 steps of 5 series" in result.stdout
    assert "1 series are left out, such as: series 's0' has two values at 2024-05-01 00:00." in result.stderr
    report = json.loads(
        run("evaluate", home / "naive.seqrec", write(PANEL, tmp_path / "all.csv"), "--windows", 2, "--json").stdout
    )
    assert [*report["figures"]] == ["SeasonalNaiveForecaster", "NaiveForecaster"]
    expected = seqrec.load(home / "naive.seqrec").backtest(
        Sequences.from_frame(PANEL, "shop", None, columns=["y"]), windows=2
    )
    assert report["figures"]["NaiveForecaster"]["mase"] == pytest.approx(
        expected.loc[expected["model"] == "NaiveForecaster", "mase"].mean()
    )


def test_other_estimators_can_be_fitted_by_name(tmp_path):
    log = write({"user": ["a", "a", "b", "b"], "item": ["x", "y", "x", "y"]}, tmp_path / "log.csv")
    result = run(
        "fit", log, "-o", tmp_path / "m.seqrec", "--task", "recommend", "--estimator", "MarkovRecommender", "--seed", 1
    )
    assert "(MarkovRecommender, 0 s)" in result.stdout
    run("recommend", tmp_path / "m.seqrec", log, "-o", tmp_path / "out")
    run("fit", log, "-o", tmp_path / "n.seqrec", "--task", "generate", "--estimator", "NGramGenerator")
