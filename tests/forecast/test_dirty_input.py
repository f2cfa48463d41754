"""What series hold in practice gives an answer that is right, or an error that says what to do."""

import decimal

import numpy as np
import pandas as pd
import pytest

from seqrec import NaiveForecaster, SeasonalNaiveForecaster, Sequences

RNG = np.random.default_rng(0)
DAYS = pd.date_range("2024-03-01", periods=60, freq="D", tz="Europe/Berlin")
LOG = pd.DataFrame({"series": "tea", "time": DAYS, "y": RNG.normal(50, 5, 60), "price": 1.0})


def series_of(log, columns=("y",)):
    return Sequences.from_frame(log, "series", None, "time", list(columns))


def told(log, forecaster=None):
    X = series_of(log)
    return (forecaster or SeasonalNaiveForecaster(horizon=9)).fit(X).predict_quantiles(X, [0.1, 0.5, 0.9])


def test_unsorted_rows_and_another_zone_give_the_same_answers():
    first = told(LOG)
    pd.testing.assert_frame_equal(told(LOG.sample(frac=1, random_state=0)), first)
    other = told(LOG.assign(time=LOG["time"].dt.tz_convert("UTC")))  # an hour off where clocks change, without the zone
    pd.testing.assert_frame_equal(other.drop(columns="timestamp"), first.drop(columns="timestamp"))
    ahead = pd.date_range("2024-04-30", periods=9, freq="D", tz="Europe/Berlin").tz_convert(None)
    assert first["timestamp"].tolist() == ahead.tolist()


@pytest.mark.parametrize(
    "convert",
    [
        lambda y: y.round().astype("int64"),
        lambda y: y.round().astype("int16"),
        lambda y: y.round().astype("Int64"),
        lambda y: y.round().astype("float32"),
        lambda y: pd.Series([decimal.Decimal(str(value)) for value in y.round()], dtype=object),
        lambda y: pd.Series([int(value) for value in y.round()], dtype=object),
        lambda y: pd.Series([float(value) for value in y.round()], dtype=object),
    ],
)
def test_numbers_of_every_kind_are_the_same_numbers(convert):
    pd.testing.assert_frame_equal(told(LOG.assign(y=convert(LOG["y"]))), told(LOG.assign(y=LOG["y"].round())))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (LOG["y"] > 50, "holds no numbers but truth values"),
        (LOG["y"].astype(str) + "x", "holds no numbers but text"),
        (DAYS, "holds no numbers but times"),
        (LOG["y"].where(LOG["y"] < 55, np.inf), "infinite"),
        (LOG["y"] * np.nan, "holds no value at all"),
    ],
)
def test_what_is_no_number_is_refused_by_name(y, message):
    with pytest.raises((ValueError, TypeError), match=f"column 'y' .*{message}"):
        NaiveForecaster(target="y").fit(series_of(LOG.assign(y=y)))


def test_ties_and_mixed_zones_are_errors_that_name_them():
    with pytest.raises(ValueError, match="series 'tea' has two values at 2024-03-05 23:00"):
        told(pd.concat([LOG, LOG.iloc[[5]]]))
    times = [f"2024-05-0{day}T00:00{'Z' * (day > 2)}" for day in range(1, 6)]
    with pytest.raises(ValueError, match=r"column 'time' mixes times with a zone .* and without one"):
        series_of(LOG[:5].assign(time=times))


def test_not_observed_is_never_0():
    gaps = LOG.assign(y=LOG["y"].where(np.arange(60) % 5 != 3))
    forecaster = NaiveForecaster(horizon=3)
    pd.testing.assert_frame_equal(told(gaps, forecaster), told(gaps.dropna(subset="y"), forecaster))
    assert told(gaps.assign(y=gaps["y"].where(gaps.index < 55)), forecaster)["q10"].min() > 20


def test_levels_a_million_apart_and_negative_ones_are_answered_alike():
    panel = pd.concat([LOG, LOG.assign(series="milk", y=1e6 * LOG["y"]), LOG.assign(series="debt", y=-LOG["y"])])
    found = told(panel).groupby("series")[["q10", "q50", "q90"]].agg(list).map(np.array)
    for name in ("q10", "q50", "q90"):
        np.testing.assert_allclose(found.loc["milk", name], 1e6 * found.loc["tea", name])
    np.testing.assert_allclose(found.loc["debt", "q90"], -found.loc["tea", "q10"])


def test_zeros_counts_and_constants_stay_what_they_are():
    zeros = told(LOG.assign(y=0))
    assert (zeros[["q10", "q50", "q90"]] == 0).all(axis=None)
    counts = told(LOG.assign(y=RNG.poisson(0.3, 60)), SeasonalNaiveForecaster(horizon=9, lower=0))
    assert (counts["q10"] >= 0).all()


def test_series_of_every_length_are_answered_down_to_one_value():
    panel = pd.concat([LOG.tail(n).assign(series=f"s{n:02}") for n in (1, 2, 3, 8, 15, 60)])
    found = told(panel)
    assert found[["q10", "q50", "q90"]].notna().all(axis=None)
    assert (found["q10"] <= found["q50"]).all()
    assert found["series"].value_counts().eq(9).all()
