"""The network as a forecaster: what it reads, what it answers, and what it refuses."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from seqrec import LSTMForecaster, Sequences, ThetaForecaster
from seqrec.datasets import make_series
from seqrec.exceptions import ColdStartWarning, UnusedColumnsWarning
from seqrec.forecast import lstm
from seqrec.forecast.calendar import find_step
from seqrec.forecast.panel import Panel

BRIEF = {"units": 4, "n_networks": 1, "max_steps": 3, "verbose": False, "random_state": 0}
LOG = make_series(n_series=6, n_steps=24 * 9, random_state=0)
LOG["kind"] = np.where(LOG["series"] < "s00003", "tea", "milk")
LOG["hot"] = np.random.default_rng(0).normal(size=len(LOG))
COLUMNS = {"known": ["price", "promotion"], "observed": ["hot"], "static": ["kind"]}


def series_of(log=LOG, columns=("y", "price", "promotion", "hot", "kind")):
    return Sequences.from_frame(log, "series", None, columns=list(columns))


X = series_of()
PAST = X.head(24 * 8)
ALONE = series_of(columns=["y"])
ALONE_STEP = find_step(ALONE)


@pytest.fixture(scope="module")
def fitted():
    return LSTMForecaster(horizon=6, target="y", **COLUMNS, **BRIEF).fit(PAST)


@pytest.fixture(scope="module")
def alone():
    return LSTMForecaster(horizon=6, **BRIEF).fit(ALONE.head(24 * 8))


def test_what_is_known_ahead_is_asked_for_and_read(fitted):
    with pytest.raises(ValueError, match="column 'price' is known ahead, and its future values are missing"):
        fitted.predict(PAST)
    dear = series_of(LOG.assign(price=100.0))
    assert not fitted.predict(PAST, future=X)["y"].equals(fitted.predict(PAST, future=dear)["y"])


def test_quantiles_do_not_cross_at_any_level(fitted):
    told = fitted.predict_quantiles(PAST, [0.001, 0.02, 0.1, 0.5, 0.51, 0.9, 0.999], future=X).iloc[:, 3:]
    assert (np.diff(told, axis=1) >= 0).all()
    assert np.isfinite(told).all(axis=None)


def test_beyond_the_horizon_forecasts_go_on_and_become_wider(alone):
    near, far = (alone.predict_quantiles(ALONE, [0.05, 0.5, 0.95], horizon=h) for h in (6, 20))
    pd.testing.assert_frame_equal(far[far["step"] <= 6].reset_index(drop=True), near)
    width = (far["q95"] - far["q5"]).to_numpy().reshape(6, 20)
    np.testing.assert_allclose(width[:, 17] / width[:, 5], np.sqrt(18 / 6))
    short = alone.predict(ALONE, horizon=2)
    assert_array_equal(short["y"], near.loc[near["step"] <= 2, "q50"])


def test_series_in_another_unit_have_forecasts_in_it(alone):
    large = series_of(LOG.assign(y=LOG["y"] * 1e6), ["y"])
    told = alone.predict(large)["y"] / 1e6
    np.testing.assert_allclose(told, alone.predict(ALONE)["y"], rtol=1e-3)


@pytest.mark.parametrize("values", [[5.0], [5.0, 6.0], [0.0] * 50, [-3.0, np.nan, 4.0], [7.0] * 60, [1e12] * 3])
def test_series_of_any_kind_have_answers(alone, values):
    times = pd.date_range("2024-03-01", periods=len(values), freq="h")
    one = series_of(pd.DataFrame({"series": "new", "timestamp": times, "y": values}), ["y"])
    told = alone.predict_quantiles(one, [0.01, 0.5, 0.99], horizon=8)
    assert np.isfinite(told.iloc[:, 3:]).all(axis=None)
    if len(values) >= 50:  # a constant stays one
        np.testing.assert_allclose(told["q50"], values[0], rtol=0.05, atol=1e-6)


def test_without_a_value_there_is_no_forecast(alone):
    nothing = series_of(LOG.assign(y=LOG["y"].where(LOG["series"] != "s00002")), ["y"])
    with pytest.warns(ColdStartWarning, match="1 series hold no value"):
        told = alone.predict(nothing).set_index("series")["y"]
    assert told["s00002"].isna().all()
    assert told.drop("s00002").notna().all()


def test_values_that_were_not_observed_are_not_read_as_zero(alone):
    gaps, whole = LOG["y"].where(np.arange(len(LOG)) % 9 > 0), alone.predict(ALONE)["y"]
    told, zeros = (alone.predict(series_of(LOG.assign(y=y), ["y"]))["y"] for y in (gaps, gaps.fillna(0)))
    assert np.abs(told / whole - 1).mean() < np.abs(zeros / whole - 1).mean()


# --- surprisal


def test_surprisal_is_that_of_the_networks_quantiles_a_step_ahead(alone, monkeypatch):
    monkeypatch.setattr(alone, "share_", 1.0)
    factors = np.tile(alone._widths_alone, (6, 1))
    monkeypatch.setattr(alone, "_calibration", alone._calibration._replace(factors=factors))
    surprisal = alone.surprisal(ALONE)
    assert surprisal.shape == (ALONE.n_events,)
    before = ALONE.head(24 * 9 - 1)
    alpha = np.linspace(0.001, 0.999, 999)
    told = alone.predict_quantiles(before, alpha, horizon=1).to_numpy()[:, 3:].astype(float)
    y = LOG["y"].to_numpy().reshape(6, -1)[:, -1]
    for row in range(6):
        place = np.clip(np.searchsorted(told[row], y[row]), 1, 998)
        if 5 < place < 993:
            density = 0.001 / (told[row, place] - told[row, place - 1])
            assert surprisal[24 * 9 * (row + 1) - 1] == pytest.approx(-np.log(density), abs=0.05)


def test_surprisal_is_causal_and_missing_where_nothing_can_be_said(alone):
    log = LOG.assign(y=LOG["y"].where(np.arange(len(LOG)) % 50 != 7))
    surprisal = alone.surprisal(series_of(log, ["y"])).reshape(6, -1)
    missing = log["y"].isna().to_numpy().reshape(6, -1).copy()
    missing[:, 0] = True
    assert_array_equal(np.isnan(surprisal), missing)
    past = alone.surprisal(series_of(log, ["y"]).head(100)).reshape(6, -1)
    np.testing.assert_allclose(past, surprisal[:, :100], atol=1e-5)


@pytest.mark.slow
def test_an_odd_value_is_surprising():
    alone = LSTMForecaster(horizon=6, **BRIEF | {"max_steps": 50}).fit(ALONE.head(24 * 8))
    odd = LOG["y"].to_numpy().copy()
    odd[24 * 9 - 5] *= 30
    surprisal = alone.surprisal(series_of(LOG.assign(y=odd), ["y"]))
    assert np.argmax(surprisal[100 : 24 * 9]) == 24 * 9 - 5 - 100
    told = alone.explain(series_of(LOG.assign(y=odd), ["y"]), n_values=300)
    assert list(told) == ["series", "timestamp", "row", "value", "surprisal", "p_value", "expected"]
    assert told["p_value"].is_monotonic_increasing
    assert len(told) == np.count_nonzero(~np.isnan(surprisal))
    assert alone.explain(ALONE, n_values=2)["series"].value_counts().eq(2).all()
    first = told[told["row"] == 24 * 9 - 5].iloc[0]
    assert first[["value", "surprisal"]].tolist() == [odd[24 * 9 - 5], surprisal[24 * 9 - 5]]
    low, high = (float(end) for end in first["expected"].removesuffix(" (90 %)").split(" to "))
    assert low < high < first["value"]
    assert alone.explain(ALONE[:0]).empty


def test_long_series_are_read_on_with_what_came_before(alone, monkeypatch):
    whole = alone.surprisal(ALONE)
    monkeypatch.setattr(lstm.Strides, "longest", 4)
    parts = alone.surprisal(ALONE)
    assert_array_equal(np.isnan(parts), np.isnan(whole))
    early = np.tile(np.arange(24 * 9) < 24 * 8, 6)
    np.testing.assert_allclose(parts[early], whole[early], atol=1e-5)


# --- fit


def test_the_season_is_the_last_value_where_that_is_nearer():
    rng = np.random.default_rng(0)
    walk = Sequences.from_arrays([np.cumsum(rng.normal(size=60)) for _ in range(3)], "y")
    forecaster = LSTMForecaster(horizon=4, season_lengths=[7], **BRIEF).fit(walk)
    assert forecaster.season_length_ == 1
    assert forecaster.season_lengths_ == (7,)
    repeating = Sequences.from_arrays([np.tile([1.0, 5, 3, 9, 4, 4, 8], 9) for _ in range(3)], "y")
    assert lstm._season(forecaster._panel(repeating), (7,), 4) == 7


def test_the_attributes_tell_of_training_and_coverage(fitted):
    assert fitted.season_length_ == 24
    assert fitted.coverage_.keys() == {"50%", "80%", "95%"}
    assert {len(shares) for shares in fitted.coverage_.values()} == {6}
    assert fitted.history_.keys() == {"loss", "validation"}
    assert [c.name for c in fitted._covariates] == ["price", "promotion", "hot", "kind"]


def test_a_fit_that_fails_leaves_the_estimator_as_it_was(alone, monkeypatch):
    before = dict(vars(alone))

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("seqrec.network.drawn.DrawTrainer._run_epoch", stop)
    with pytest.raises(KeyboardInterrupt), pytest.warns(UnusedColumnsWarning):
        alone.set_params(target="y").fit(X)
    assert vars(alone) == before | {"target": "y"}
    alone.set_params(target=None)


def test_ctrl_c_after_an_epoch_keeps_what_was_learned(monkeypatch):
    run_epoch, losses = lstm.DrawTrainer._run_epoch, []

    def one_epoch_then_stop(*arguments):
        if losses:
            raise KeyboardInterrupt
        losses.append(run_epoch(*arguments))
        return losses[0]

    monkeypatch.setattr(lstm.DrawTrainer, "_run_epoch", one_epoch_then_stop)
    monkeypatch.setattr("seqrec.network.drawn.STEPS_OF_EPOCH", 2)
    forecaster = LSTMForecaster(horizon=3, **BRIEF).set_params(max_steps=4)
    with pytest.raises(KeyboardInterrupt, match="weights of epoch 1"):
        forecaster.fit(ALONE)
    assert forecaster.history_["loss"] == losses
    assert forecaster.predict(ALONE)["y"].notna().all()


def test_ctrl_c_while_the_latest_steps_are_learned_takes_this_back(monkeypatch):
    fit, weights = lstm.DrawTrainer.fit, []

    def stop(self, *arguments):
        weights.append(self._trained.get_weights())
        history = fit(self, *arguments)
        if len(weights) > 1:
            raise KeyboardInterrupt
        return history

    monkeypatch.setattr(lstm.DrawTrainer, "fit", stop)
    forecaster = LSTMForecaster(horizon=3, **BRIEF)
    with pytest.raises(KeyboardInterrupt, match="in its last part, which was taken back"):
        forecaster.fit(ALONE)
    for learned, kept in zip(weights[1], forecaster.model_.get_weights(), strict=True):
        assert_array_equal(learned, kept)
    assert forecaster.predict(ALONE)["y"].notna().all()


def test_short_series_alone_are_learned_without_anything_held_out():
    X = Sequences.from_arrays([[1.0, 2.0], [4.0, 3.0]], "y")
    forecaster = LSTMForecaster(horizon=2, **BRIEF).fit(X)
    assert forecaster.coverage_ == {}
    assert "validation" not in forecaster.history_
    assert len(forecaster.sample(X, n=3, random_state=0)) == 12


def test_without_a_share_the_network_says_nothing_in_forecasts(alone, monkeypatch):
    monkeypatch.setattr(alone, "share_", 0.0)
    simple = ThetaForecaster(horizon=6).fit(ALONE).predict(ALONE)
    pd.testing.assert_frame_equal(alone.predict(ALONE), simple)


def test_a_network_that_learns_nothing_leaves_forecasts_to_what_each_series_tells():
    rng = np.random.default_rng(0)
    lines = Sequences.from_arrays([rng.normal(0, 20) + rng.normal() * np.arange(30.0) for _ in range(40)], "y")
    forecaster = LSTMForecaster(horizon=5, season_lengths=[], **BRIEF).fit(lines)
    assert forecaster.share_ < 0.5


def test_paths_have_the_spread_of_the_quantiles(alone):
    paths = alone.sample(ALONE, n=500, horizon=8, random_state=0)
    told = alone.predict_quantiles(ALONE, [0.1, 0.9], horizon=8)
    for name, level in (("q10", 0.1), ("q90", 0.9)):
        drawn = paths.groupby(["series", "step"])["y"].quantile(level).to_numpy()
        assert (np.abs(drawn - told[name]) < 0.05 * (told["q90"] - told["q10"])).all()
    own = alone.sample(ALONE[[2]], n=500, horizon=8, random_state=0)["y"]
    np.testing.assert_allclose(own, paths["y"][2 * 4_000 : 3 * 4_000], atol=1e-5 * own.std(), rtol=0)


@pytest.mark.parametrize(("n", "steps"), [(6, 400), (1_000, 1_440), (9_000, 1_500)])
def test_the_more_there_is_to_learn_the_longer_is_the_training(n, steps):
    assert LSTMForecaster()._n_steps(Panel.read(ALONE[[0] * n], "y", ALONE_STEP)) == steps


@pytest.mark.slow
def test_one_step_is_enough():
    forecaster = LSTMForecaster(horizon=2, **BRIEF).set_params(max_steps=1).fit(ALONE)
    assert len(forecaster.history_["loss"]) == 1


def test_column_names_are_checked_before_any_work():
    with pytest.raises(ValueError, match="'prise'"):
        LSTMForecaster(target="y", known=["prise"], **BRIEF).fit(X)
    with pytest.raises(ValueError, match="column 'y' is named more than once"):
        LSTMForecaster(target="y", observed=["y"], **BRIEF).fit(X)
