from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from traitlets import TraitError

pytest.importorskip("anywidget")

from seqrec import MarkovRecommender, NaiveForecaster, SeasonalNaiveForecaster, Sequences
from seqrec.exceptions import InputError
from seqrec.explore.forecasts import ForecastExplorer, framed

DAYS, HORIZON = 60, 5


def read(log):
    columns = [name for name in log.columns if name not in ("series", "time")]
    return Sequences.from_frame(log, user="series", item=None, timestamp="time", columns=columns)


def frame_of(y, start="2024-01-01", **columns):
    """Give series of days as a log; y is (n_series, n_days)."""
    y = np.atleast_2d(np.asarray(y, dtype=float))
    keys = np.repeat([f"s{row}" for row in range(len(y))], y.shape[1])
    time = np.tile(pd.date_range(start, periods=y.shape[1], freq="D"), len(y))
    return pd.DataFrame({"series": keys, "time": time, "y": y.ravel()} | columns)


@pytest.fixture(scope="module")
def panel():
    y = np.tile([3.0, 1, 4, 1, 5, 9, 2], 9)[:DAYS] + np.random.default_rng(0).normal(size=(4, DAYS))
    y[2, -3:] += 50
    return read(frame_of(y))


@pytest.fixture(scope="module")
def forecaster(panel):
    return NaiveForecaster(horizon=HORIZON).fit(panel)


@pytest.fixture
def explorer(forecaster, panel):
    return ForecastExplorer(forecaster, panel)


class ReadsPrice(NaiveForecaster):
    """Forecasts the price that is known ahead."""

    known = ("price",)

    def _quantiles(self, panel, horizon, future, alpha):  # noqa: ARG002
        return np.repeat(future["price"][..., None].astype(float), len(alpha), axis=2)


@pytest.fixture(scope="module")
def priced():
    log = frame_of(np.zeros((2, DAYS + HORIZON)) + np.arange(DAYS + HORIZON))
    log["price"], log["day"] = log["y"] * 10, log["time"].dt.day_name()
    return read(log)


@pytest.fixture(scope="module")
def reader(priced):
    return ReadsPrice(horizon=HORIZON, target="y").fit(replace(priced, columns=dict(list(priced.columns.items())[:2])))


def numbers(packed, dtype="<f8"):
    return np.frombuffer(packed, dtype)


def run(explorer):
    explorer._receive({"do": "run", "version": explorer._version})
    return explorer._told


def judge(explorer):
    while explorer._judged["n"] < len(explorer._whole_panel):
        explorer._receive({"do": "judge", "n": explorer._judged["n"]})
    return explorer._judged


def test_the_forecast_is_that_of_the_forecaster_beside_a_season_before(explorer, forecaster, panel):
    explorer.series = 1
    shown, asked = explorer.forecast, panel[[1]]
    expected = forecaster.predict_interval(asked)
    pd.testing.assert_frame_equal(shown[list(expected.columns)], expected)
    assert shown["median"].tolist() == forecaster.predict(asked)["y"].tolist()
    assert shown["naive"].tolist() == asked.columns["y"][-7:-2].tolist()
    assert shown["actual"].isna().all()


def test_going_back_tells_what_would_have_been_said_and_what_came(explorer, forecaster, panel):
    explorer.back = 8
    past, shown = panel[[0]].head(DAYS - 8), explorer.forecast
    assert explorer.origin == past.timestamps[-1]
    pd.testing.assert_frame_equal(shown.iloc[:, :4], forecaster.predict_interval(past).iloc[:, :4])
    assert shown["actual"].tolist() == panel[[0]].columns["y"][DAYS - 8 : DAYS - 3].tolist()
    explorer.back = 2
    assert explorer.forecast["actual"].isna().tolist() == [False, False, True, True, True]


def test_the_worst_series_come_first_as_backtest_judges_them(explorer, forecaster, panel):
    errors = explorer.errors
    assert errors["series"][0] == "s2"
    assert errors["mase"].is_monotonic_decreasing
    judged = forecaster.backtest(panel, windows=1).groupby(["model", "series"])[["mase", "coverage"]].mean()
    own = judged.loc["NaiveForecaster"].loc[errors["series"]]
    np.testing.assert_allclose(errors[["mase", "coverage"]], own)
    naive = judged.loc["SeasonalNaiveForecaster", "mase"].loc[errors["series"]]
    np.testing.assert_allclose(errors["naive_mase"], naive)


def test_coverage_widens_the_interval_and_moves_the_share_of_what_came_inside(explorer):
    wide, covered = explorer.forecast, explorer.errors["coverage"].mean()
    explorer.coverage = 0.5
    narrow = explorer.forecast
    assert (narrow["upper"] - narrow["lower"] < wide["upper"] - wide["lower"]).all()
    assert explorer.errors["coverage"].mean() < covered
    explorer.coverage = 0.85  # none that the slider has
    assert explorer.forecast["upper"].between(narrow["upper"], wide["upper"]).all()
    assert explorer._shown["shares"][8] == "85 %"
    assert len(explorer.errors) == 4


def test_a_longer_horizon_is_asked_and_judged_anew(explorer, forecaster, panel):
    before = explorer.errors
    explorer.horizon = 9
    assert len(explorer.forecast) == 9
    assert judge(explorer)["n"] == 4
    assert not explorer.errors.equals(before)
    expected = forecaster.backtest(panel, windows=1, horizon=9)
    own = expected[expected["model"] == "NaiveForecaster"].groupby("series")["mase"].mean()
    np.testing.assert_allclose(explorer.errors.set_index("series")["mase"].sort_index(), own)


def test_the_page_is_told_the_quantiles_and_how_good_they_were(explorer):
    explorer.back = HORIZON
    told, shown = run(explorer), explorer.forecast
    rows = numbers(told["rows"]).reshape(-1, HORIZON)
    place = explorer._coverages.index(0.9)
    np.testing.assert_array_equal(rows[12 + 1 + place], shown["upper"])
    np.testing.assert_array_equal(rows[12], shown["median"])
    np.testing.assert_array_equal(rows[-2:], shown[["naive", "actual"]].T)
    inside = int(shown["actual"].between(shown["lower"], shown["upper"]).sum())
    assert told["verdicts"][place].startswith(f"{inside} of 5 values came inside the 90 % interval. MASE ")
    assert "seasonal naive: " in told["verdicts"][place]
    assert told["times"].decode().split("\n")[0] == "2024-02-25"


def test_an_answer_is_of_the_version_that_asked_for_it_and_late_orders_are_passed_over(explorer):
    late = explorer._version
    explorer.back = 3
    late_orders = (
        {"do": "run", "version": late},
        {"do": "judge", "n": 2},
        {"do": "look", "size": 99},
        {"do": "sort"},
        7,
    )
    for content in late_orders:
        explorer._receive(content)
    assert explorer._told == {}
    assert explorer._judged["n"] == 0
    assert run(explorer)["version"] == explorer._shown["version"] > late


def test_series_are_judged_in_portions_and_sorted_when_all_are(forecaster):
    y = np.random.default_rng(0).normal(size=(400, 30))
    explorer = ForecastExplorer(forecaster, read(frame_of(y)))
    explorer._receive({"do": "judge", "n": 0})
    assert explorer._judged["n"] == 384
    assert numbers(explorer._judged["order"], "<i4").tolist() == list(range(400))
    order = numbers(judge(explorer)["order"], "<i4")
    assert order.tolist() == explorer.errors["position"].tolist()
    explorer._receive({"do": "sort", "by": 2})
    covered = numbers(explorer._judged["errors"][2], "<f4")[numbers(explorer._judged["order"], "<i4")]
    assert (np.diff(covered) >= 0).all()
    explorer._receive({"do": "sort", "by": 3})
    assert numbers(explorer._judged["order"], "<i4").tolist() == list(range(400))


def test_long_series_are_thinned_to_what_a_screen_can_show():
    y = np.random.default_rng(0).normal(size=100_000)
    naive = NaiveForecaster(horizon=500).fit(Sequences.from_arrays([y], "y"))
    explorer = ForecastExplorer(naive, Sequences.from_arrays([y], "y"))
    explorer.n_shown = None
    sent = run(explorer) | explorer._shown | explorer._series
    assert sum(len(value) for value in sent.values() if isinstance(value, bytes)) < 150_000
    assert len(explorer._shown["marks"]) <= 8
    assert len(explorer.forecast) == 500


def test_known_columns_are_read_ahead_and_go_on_below(priced, reader):
    past = priced.head(DAYS)
    explorer = ForecastExplorer(reader, past, future=priced)
    assert explorer.back == 0
    assert explorer.forecast["median"].tolist() == [600, 610, 620, 630, 640]
    explorer.back = 2  # some of what is known came, some is still ahead
    assert explorer.forecast["median"].tolist() == [580, 590, 600, 610, 620]
    price, day = explorer._shown["columns"]
    assert (price["name"], price["ends"]) == ("price", ["170", "640"])
    assert numbers(price["y"])[-1] == 640
    assert day["texts"][0] == "Thursday"


def test_without_future_values_the_origin_is_a_horizon_back_and_the_page_says_why(priced, reader):
    past = priced.head(DAYS)
    explorer = ForecastExplorer(reader, past)
    assert explorer.back == HORIZON
    assert explorer.forecast["median"].tolist() == [550, 560, 570, 580, 590]
    explorer.back = 0
    assert "column 'price' is known ahead" in run(explorer)["problem"]
    assert "is known ahead" in explorer._fallback()
    with pytest.raises(InputError, match="Pass future="):
        explorer.forecast  # noqa: B018
    with pytest.raises(ValueError, match="price"):
        ForecastExplorer(reader, past, future=read(frame_of(np.zeros((1, 3)))))


def test_series_that_hold_little_or_nothing_have_words(forecaster):
    log = pd.DataFrame({"series": ["a", "b"], "time": pd.to_datetime(["2024-01-01", "2024-01-02"]), "y": [1.0, np.nan]})
    explorer = ForecastExplorer(forecaster, read(log).head(1))
    assert explorer.forecast["median"].tolist() == [1.0] * HORIZON
    explorer.series = 1
    assert "series 'b' holds no value" in run(explorer)["problem"]
    assert explorer.errors["mase"].isna().all()
    empty = ForecastExplorer(forecaster, read(log).head(0))
    assert empty._shown["origin"] == "no value"
    assert "holds no value up to its end" in run(empty)["problem"]
    assert "no value" in empty._fallback()


def test_another_series_is_as_far_back_as_it_can_be(forecaster):
    log = pd.concat([frame_of(np.arange(30.0)), frame_of(np.arange(4.0)).assign(series="short")])
    explorer = ForecastExplorer(forecaster, read(log))
    explorer.back = 20
    explorer.series = 1
    assert explorer.back == 3
    assert explorer._shown["version"] == explorer._version


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("series", 4, "there is no series 4: series must be from 0 to 3"),
        ("back", DAYS, "back must be at most 59, got 60"),
        ("back", -1, "back must be at least 0"),
        ("horizon", 0, "horizon must be at least 1"),
        ("horizon", 10**6, "horizon must be at most 10,000"),
        ("coverage", 1.0, "coverage must lie between 0 and 1"),
        ("n_shown", 0, "n_shown must be at least 1"),
    ],
)
def test_what_cannot_be_shown_is_said(explorer, name, value, said):
    with pytest.raises(TraitError, match=said):
        setattr(explorer, name, value)


def test_what_is_no_forecaster_or_no_series_is_refused(forecaster, panel):
    with pytest.raises(TypeError, match="shows a forecaster of seqrec, got MarkovRecommender"):
        ForecastExplorer(MarkovRecommender(), panel)
    with pytest.raises(ValueError, match="X holds no series"):
        ForecastExplorer(forecaster, panel[[]])
    with pytest.raises(TypeError, match="X must be Sequences of series"):
        ForecastExplorer(forecaster, [[1.0]])


def test_the_view_stays_while_the_forecast_lies_in_it():
    frame = framed((0, 0), size=40, n=100, at=100, horizon=5)
    assert frame == (65, 105)
    assert framed(frame, 40, 100, 90, 5) == frame
    moved = framed(frame, 40, 100, 60, 5)
    assert moved[0] + 8 <= 60
    assert moved[1] >= 65
    assert framed(moved, 40, 100, 2, 5) == (0, 40)
    assert framed((0, 0), 40, 3, 3, 50) == (0, 53)


def test_a_view_is_as_long_as_the_page_likes(explorer):
    sizes = explorer._shown["sizes"]
    assert sizes == ["10 steps", "20 steps", "40 steps", "48 steps", "all steps"]
    explorer._receive({"do": "look", "size": 4})
    assert explorer.n_shown is None
    assert (explorer._shown["start"], explorer._shown["stop"]) == (0, DAYS + HORIZON)
    explorer._receive({"do": "look", "size": 0})
    assert explorer._shown["stop"] - explorer._shown["start"] == 10


def test_a_table_of_the_forecast_stands_in_for_the_widget(explorer):
    told = explorer._fallback()
    assert "Intervals hold 0.9 of the values" in told
    assert "2024-03-01" in told
    assert "s0" in told


def test_seasonal_naive_is_shown_beside_the_last_value(panel):
    explorer = ForecastExplorer(SeasonalNaiveForecaster(horizon=HORIZON).fit(panel), panel)
    assert explorer._series["line"] == "the last value"
    assert explorer.forecast["naive"].tolist() == [panel[[0]].columns["y"][-1]] * HORIZON
