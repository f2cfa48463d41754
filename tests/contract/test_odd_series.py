"""A value is odd for a forecaster and for a detector of sequences without items, and both say what was expected."""

import numpy as np
import pandas as pd
import pytest

from seqrec import LSTMAnomalyDetector, LSTMForecaster, Sequences

N, HOURS, SPIKE = 24, 72, 5 * 72 + 60


@pytest.mark.slow
def test_a_spike_is_odd_for_forecaster_and_detector_and_both_tell_the_range_expected():
    rng, t = np.random.default_rng(0), np.arange(HOURS)
    y = 30_000 + 5_000 * np.sin(2 * np.pi * t / 24) + 500 * rng.normal(size=(N, HOURS))
    times = pd.date_range("2024-05-01", periods=HOURS, freq="h")
    log = pd.DataFrame({"series": np.repeat(np.arange(N), HOURS), "timestamp": np.tile(times, N), "y": y.ravel()})
    names = {"user": "series", "item": None, "columns": ["y"]}
    X, odd = Sequences.from_frame(log, **names), log.copy()
    odd.loc[SPIKE, "y"] = 90_000.0
    odd = Sequences.from_frame(odd, **names)
    brief = {"verbose": False, "random_state": 0}
    forecaster = LSTMForecaster(horizon=6, units=4, n_networks=1, max_steps=3, **brief).fit(X)
    detector = LSTMAnomalyDetector(units=4, n_folds=1, max_epochs=1, learning_rate=0.05, **brief).fit(X)
    assert np.nanargmax(forecaster.surprisal(odd)) == np.argmax(detector.surprisal(odd)) == SPIKE
    told = forecaster.explain(odd, n_values=1).iloc[0], detector.explain(odd, n_events=1, only_flagged=False).iloc[0]
    for reason in told:
        assert (reason["row"], reason["value"]) == (SPIKE, 90_000)
        low, high = (float(end) for end in reason["expected"].split(" (90 %)")[0].split(" to "))
        assert low < high < 90_000
