"""What forecasters share: answers with ids and times, and errors before work starts."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator

import seqrec
from seqrec import NaiveForecaster, SeasonalNaiveForecaster, Sequences
from seqrec.exceptions import ColdStartWarning, UnusedColumnsWarning
from seqrec.forecast.base import CONSTRAINTS, ForecasterMixin

RNG = np.random.default_rng(0)
LOG = pd.DataFrame(
    {
        "series": ["tea"] * 30 + ["milk"] * 5,
        "time": [*pd.date_range("2024-05-01", periods=30, freq="h"), *pd.date_range("2024-05-02", periods=5, freq="h")],
        "y": [*RNG.normal(50, 5, 30), 1.0, 2.0, np.nan, 4.0, 3.0],
        "price": 1.0,
        "kind": ["hot"] * 30 + ["cold"] * 5,
    }
)


def series_of(log=LOG, columns=("y",), **names):
    return Sequences.from_frame(log, "series", None, names.get("time", "time"), list(columns))


X = series_of()


@pytest.fixture
def naive():
    return NaiveForecaster(horizon=3).fit(X)


class Echo(ForecasterMixin, BaseEstimator):
    """Forecast a known column, whatever the history, as a uniform distribution of width 2 about it."""

    _parameter_constraints = CONSTRAINTS

    def __init__(self, horizon=3, known=("price",), static=(), lower=None):
        self.horizon, self.known, self.static, self.lower = horizon, known, static, lower
        self.target, self.step, self.season_lengths = "y", "auto", "auto"

    def fit(self, X, y=None):  # noqa: ARG002
        self.panel = self._training_panel(X)
        return self

    def _quantiles(self, panel, _, future, alpha):
        assert (panel.n_observed > 0).all()
        assert (np.diff(alpha) > 0).all()
        return future["price"][..., None] + 2 * alpha - 1

    def _normal_scores(self, panel, horizon, n, draws):
        return np.repeat(draws.standard_normal((len(panel), n, 1)), horizon, axis=2)


# --- answers


def test_answers_are_long_frames_with_ids_and_times(naive):
    answer = naive.predict(X)
    assert list(answer) == ["series", "timestamp", "step", "y"]
    assert answer["series"].tolist() == ["milk"] * 3 + ["tea"] * 3
    assert answer["step"].tolist() == [1, 2, 3] * 2
    assert answer["timestamp"].tolist()[:2] == [pd.Timestamp("2024-05-02 05:00"), pd.Timestamp("2024-05-02 06:00")]
    assert answer["y"].tolist() == [3.0] * 3 + [LOG["y"][29]] * 3
    assert naive.predict(X, horizon=7)["step"].max() == 7


def test_series_without_times_are_answered_by_position():
    X = Sequences.from_arrays([[1.0, 2.0], [5.0]], "y", keys=[7, 8])
    answer = NaiveForecaster(horizon=1).fit(X).predict(X)
    assert answer.to_dict("list") == {"series": [7, 8], "timestamp": [2, 1], "step": [1, 1], "y": [2.0, 5.0]}


def test_quantiles_are_named_by_their_percentage_and_come_in_the_order_asked(naive):
    answer = naive.predict_quantiles(X, [0.5, 0.025, 0.29, 0.975])
    assert list(answer) == ["series", "timestamp", "step", "q50", "q2.5", "q29", "q97.5"]
    assert (answer["q2.5"] < answer["q29"]).all()
    pd.testing.assert_series_equal(answer["q50"], naive.predict(X)["y"], check_names=False)
    assert list(naive.predict_quantiles(X, 0.9)) == ["series", "timestamp", "step", "q90"]


def test_an_interval_lies_between_its_quantiles(naive):
    interval, told = naive.predict_interval(X, 0.8), naive.predict_quantiles(X, [0.1, 0.9])
    assert list(interval) == ["series", "timestamp", "step", "lower", "upper"]
    assert_array_equal(interval[["lower", "upper"]], told[["q10", "q90"]])


def test_paths_have_numbers_and_sums_of_them_are_wider_than_of_independent_steps(naive):
    paths = naive.sample(X, n=400, horizon=8, random_state=0)
    assert list(paths) == ["series", "path", "timestamp", "step", "y"]
    assert len(paths) == 2 * 400 * 8
    tea = paths[paths["series"] == "tea"]
    assert (tea.groupby("path")["step"].apply(list) == pd.Series([list(range(1, 9))] * 400)).all()
    assert tea.groupby("path")["y"].sum().var() > 2 * tea.groupby("step")["y"].var().sum()
    assert tea.groupby("step")["y"].quantile(0.9).to_numpy() == pytest.approx(
        naive.predict_quantiles(X, [0.9], horizon=8)["q90"].to_numpy()[8:], rel=0.1
    )
    pd.testing.assert_frame_equal(paths, naive.sample(X, n=400, horizon=8, random_state=0))
    assert not paths.equals(naive.sample(X, n=400, horizon=8, random_state=1))


def test_nothing_lies_below_lower():
    forecaster = NaiveForecaster(horizon=9, lower=0.0).fit(X)
    assert forecaster.predict_quantiles(X, [0.001])["q0.1"].min() == 0
    assert forecaster.sample(X, random_state=0)["y"].min() == 0
    assert NaiveForecaster(horizon=9).fit(X).sample(X, random_state=0)["y"].min() < 0


def test_new_series_need_no_other_fit_and_one_value_is_enough(naive):
    one = series_of(LOG.iloc[[3]].assign(series="new", y=7.0))
    answer = naive.predict_quantiles(one, [0.1, 0.5, 0.9])
    assert answer.loc[0, ["series", "q50"]].tolist() == ["new", 7.0]
    assert answer["timestamp"][0] == pd.Timestamp("2024-05-01 04:00")
    assert (answer["q10"] < 7).all()
    assert (answer["q90"] > 7).all()


def test_a_series_without_a_value_has_missing_answers_and_a_warning(naive):
    log = pd.concat([LOG, LOG[:2].assign(series="sugar", y=np.nan)])
    for ask in (naive.predict, naive.sample):
        with pytest.warns(ColdStartWarning, match=r"1 series hold no value \(first 'sugar'\)"):
            answer = ask(series_of(log))
        assert answer[answer["series"] == "sugar"]["y"].isna().all()
        assert answer[answer["series"] != "sugar"]["y"].notna().all()
    with pytest.warns(ColdStartWarning, match="2 series"):
        assert naive.predict(X.head(0))["timestamp"].isna().all()


def test_no_series_give_empty_answers_with_the_same_columns(naive):
    for verb in ("predict", "predict_quantiles", "predict_interval", "sample"):
        empty, full = getattr(naive, verb)(X[:0]), getattr(naive, verb)(X)
        assert len(empty) == 0
        assert list(empty) == list(full)
    assert naive.backtest(X[:0]).empty


def test_the_order_and_the_company_of_series_change_nothing(naive):
    told = naive.predict_quantiles(X)
    for row in range(2):
        alone = naive.predict_quantiles(X[[row]])
        pd.testing.assert_frame_equal(alone, told[3 * row : 3 * row + 3].reset_index(drop=True))


def test_paths_of_a_series_are_its_own_whatever_company_it_has(naive):
    paths = naive.sample(X, n=5, random_state=0)
    for row in range(2):
        alone = naive.sample(X[[row]], n=5, random_state=0)
        pd.testing.assert_frame_equal(alone, paths[15 * row : 15 * row + 15].reset_index(drop=True))
    pd.testing.assert_frame_equal(naive.sample(X, n=3, random_state=0), paths[paths["path"] < 3].reset_index(drop=True))
    renamed = naive.sample(series_of(LOG.assign(series=LOG["series"] + "!")), n=5, random_state=0)
    assert (renamed["y"] != paths["y"]).mean() > 0.9


def test_a_constant_series_goes_on_and_its_intervals_are_closed():
    X = Sequences.from_arrays([np.full(40, 5.0)], "y")
    told = NaiveForecaster(horizon=2).fit(X).predict_interval(X)
    assert told[["lower", "upper"]].to_numpy().tolist() == [[5.0, 5.0]] * 2


# --- what is known ahead


def ahead(**columns):
    rows = pd.DataFrame(
        {
            "series": np.repeat(["milk", "tea"], 3),
            "time": [
                *pd.date_range("2024-05-02 05:00", periods=3, freq="h"),
                *pd.date_range("2024-05-02 06:00", periods=3, freq="h"),
            ],
            "price": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        }
    )
    return series_of(rows.assign(**columns), ["price"])


def test_what_is_known_ahead_reaches_the_forecaster_in_its_place():
    X = series_of(columns=["y", "price"])
    echo = Echo().fit(X)
    assert echo.predict(X, future=ahead())["y"].tolist() == [1, 2, 3, 4, 5, 6]
    assert echo.predict(X[[1]], future=ahead())["y"].tolist() == [4, 5, 6]
    assert echo.predict_quantiles(X, [0.9, 0.1], future=ahead())["q90"].tolist() == pytest.approx(np.arange(1, 7) + 0.8)
    paths = echo.sample(X, n=300, future=ahead(), random_state=0).set_index(["series", "path", "step"])["y"]
    assert np.allclose(paths.xs(2, level="step") - paths.xs(1, level="step"), 1)
    assert paths.xs(("milk", 1), level=("series", "step")).std() == pytest.approx(2 / np.sqrt(12), rel=0.1)


@pytest.mark.parametrize("verb", ["predict", "predict_quantiles", "predict_interval", "sample"])
def test_every_verb_asks_for_what_is_known_ahead(verb):
    X = series_of(columns=["y", "price"])
    echo = Echo().fit(X)
    with pytest.raises(ValueError, match="column 'price' is known ahead"):
        getattr(echo, verb)(X)
    with pytest.raises(ValueError, match="'price' of future= has no value for series 'tea' at 2024-05-02 08:00"):
        getattr(echo, verb)(X, future=ahead(price=[1, 2, 3, 4, 5, np.nan]))


def test_judging_takes_the_future_from_the_series_themselves():
    X = series_of(LOG.assign(price=LOG["y"].fillna(0)), ["y", "price"])
    echo = Echo().fit(X)
    errors = echo.backtest(X, windows=2).query("model == 'Echo'")
    assert errors["mase"].max() < 1e-9
    assert errors["coverage"].eq(1).all()
    assert echo.score(X) > NaiveForecaster(horizon=3, target="y").fit(series_of()).score(series_of())


# --- judging


def test_a_score_is_minus_the_scaled_pinball_loss_of_the_last_steps():
    naive = NaiveForecaster(horizon=3).fit(X)
    before, levels = X.between(0, X.lengths - 3), np.arange(1, 10) / 10
    told = naive.predict_quantiles(before, levels).iloc[:, 3:].to_numpy().reshape(2, 3, 9)
    truth = np.stack([LOG["y"][32:35], LOG["y"][27:30]])
    scale = seqrec.metrics.seasonal_scale([LOG["y"][30:32], LOG["y"][:27]])
    loss = seqrec.metrics.pinball_loss(truth, told, levels).mean(axis=1) / scale
    assert naive.score(X) == pytest.approx(-loss.mean())


def test_a_score_needs_a_series_to_judge(naive):
    for some in (X.head(3), X[:0], series_of(LOG.assign(y=5.0))):
        with pytest.raises(ValueError, match="no series can be judged: one needs more than 3 steps"):
            naive.score(some)


def test_a_backtest_is_tidy_and_stands_beside_the_naive_lines():
    y = np.resize([1.0, 5.0, 9.0, 4.0], 60) + RNG.normal(size=60)
    X = Sequences.from_arrays([y, 1e5 * y, y[:8]], "y", keys=["a", "b", "c"])
    forecaster = SeasonalNaiveForecaster(horizon=4, season_lengths=[4]).fit(X)
    errors = forecaster.backtest(X, windows=3)
    columns = ["model", "series", "step", "mase", "smape", "pinball", "coverage", "n_windows"]
    assert list(errors) == columns
    assert list(errors["model"].unique()) == ["SeasonalNaiveForecaster", "NaiveForecaster"]
    means = errors.groupby("model").mean(numeric_only=True)
    assert means.loc["SeasonalNaiveForecaster", "mase"] < means.loc["NaiveForecaster", "mase"]
    assert errors.query("series != 'c'")["n_windows"].eq(3).all()
    assert errors.query("series == 'c'")["n_windows"].eq(1).all()
    small, large = (errors.loc[errors["series"] == key, "mase"] for key in "ab")
    np.testing.assert_allclose(small, large)
    assert len(forecaster.backtest(X, windows=1, horizon=2)) == 2 * 2 * 3


# --- fits


def test_a_fit_tells_what_it_found(naive):
    assert (naive.target_, str(naive.step_), naive.season_lengths_) == ("y", "1h", ())
    assert naive.training_data_.n_sequences == 2


def test_seasons_and_step_can_be_named():
    one = series_of(LOG.drop_duplicates("series"))
    with pytest.raises(ValueError, match="no series has two values"):
        NaiveForecaster().fit(one)
    forecaster = NaiveForecaster(step="D", season_lengths=[28, 7, 7]).fit(one)
    assert (str(forecaster.step_), forecaster.season_lengths_) == ("1D", (7, 28))


def test_columns_that_are_not_read_are_named_once():
    more = series_of(columns=["y", "price", "kind"])
    with pytest.warns(UnusedColumnsWarning, match="columns 'price', 'kind' are not used by NaiveForecaster") as caught:
        NaiveForecaster(target="y").fit(more)
    assert [one.filename for one in caught] == [__file__]
    with pytest.warns(UnusedColumnsWarning, match="column 'kind' is not used by Echo: it is named in none of known"):
        Echo().fit(more)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: LOG,
            r"must be Sequences of series, got DataFrame. .* Sequences.from_frame\(log, .*item=N",
        ),
        (lambda: [[1.0, 2.0]], r"got list. .* Sequences.from_arrays\(arrays"),
        (
            lambda: Sequences.from_frame(LOG, "series", "kind", "time"),
            r"have items, .* X.counts\(every='1h', by='item'\)",
        ),
        (lambda: X[:0], "X holds no events, and so no values, in its 0 series"),
        (lambda: series_of(columns=[]), "columns of numbers found: none. Name the one to forecast"),
        (lambda: series_of(columns=["kind"]), "columns of numbers found: none"),
        (lambda: series_of(columns=["y", "price"]), "columns of numbers found: 'y', 'price'. Name the one to forecast"),
        (lambda: series_of(LOG.assign(y=np.nan)), "column 'y' is to be forecast, and holds no value at all"),
        (lambda: series_of(pd.concat([LOG, LOG[4:5]])), "series 'tea' has two values at 2024-05-01 04:00. Keep one"),
        (
            lambda: series_of(LOG.rename(columns={"y": "step"}), ["step"]),
            "column 'step' has the name of a column of",
        ),
    ],
)
def test_what_cannot_be_fitted_is_refused_with_what_to_do(make, message):
    with pytest.raises(ValueError, match=message):
        NaiveForecaster().fit(make())


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"horizon": 0}, "horizon"),
        ({"target": "Y"}, "column 'Y' is missing; columns found: 'y'. Did you mean 'y'"),
        ({"step": "often"}, "step must be a step of time, such as '15min'"),
        ({"step": "2h"}, "series 'milk' breaks the step of 2h: after 2024-05-02 00:00 comes 2024-05-02 01:00"),
        ({"season_lengths": [1]}, "each of season_lengths must be at least 2, got 1"),
        ({"lower": 2}, r"column 'y' has values below lower=2: 1.0 in series 'milk' at 2024-05-02 00:00"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        NaiveForecaster(**parameters).fit(X)


def test_a_column_has_one_use():
    both = series_of(columns=["y", "price"])
    with pytest.raises(ValueError, match="column 'price' is named more than once among target, known"):
        Echo(static=["price"]).fit(both)
    with pytest.raises(ValueError, match="columns must be a list of names, got 'price'"):
        Echo(known="price").fit(both)


@pytest.mark.parametrize(
    ("value", "wrong"), [(np.inf, "is infinite"), (-1e200, "holds values too large to square: -1e")]
)
def test_what_no_arithmetic_stands_is_refused_by_series_and_time(naive, value, wrong):
    values = X.columns["y"].copy()
    values[6] = value
    series = seqrec.data.sequences.replace(X, columns={"y": values})
    for ask in (naive.fit, naive.predict):
        with pytest.raises(ValueError, match=rf"column 'y' {wrong}.*in series 'tea' at 2024-05-01 01:00"):
            ask(series)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda f: f.predict(X, horizon=0), "horizon must be at least 1"),
        (lambda f: f.predict_quantiles(X, [0.1, 1]), "alpha must hold levels between 0 and 1"),
        (lambda f: f.predict_quantiles(X, [0.1, 0.1]), "alpha holds a level twice"),
        (lambda f: f.predict_interval(X, 90), "coverage must lie between 0 and 1, such as 0.9, got 90"),
        (lambda f: f.sample(X, n=0), "n must be at least 1"),
        (lambda f: f.backtest(X, windows=0), "windows must be at least 1"),
        (lambda f: f.predict(series_of(time=None)), "these series have no times, and those of training had times"),
        (lambda f: f.predict(series_of(LOG.rename(columns={"y": "z"}), ["z"])), "column 'y' is missing"),
        (lambda f: f.predict(series_of(LOG[::2])), "breaks the step"),
    ],
)
def test_questions_that_make_no_sense_are_refused(naive, ask, message):
    if message == "breaks the step":  # a coarser grid is a grid with values missing
        assert len(ask(naive)) == 6
        return
    with pytest.raises(ValueError, match=message):
        ask(naive)
