"""README's Python as a typed script: mypy reads it, and nobody runs it."""

from typing import Any, assert_type

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrec import (
    LSTMAnomalyDetector,
    LSTMForecaster,
    LSTMGenerator,
    LSTMRecommender,
    Sequences,
    datasets,
    futures,
    leave_last_out,
)

log = datasets.make_interactions(1_000, 100, 50_000, random_state=0)
sequences = Sequences.from_frame(log)
history, target = leave_last_out(sequences)
recommender = LSTMRecommender(random_state=0).fit(history)
score = recommender.score(history, target)
items, scores = recommender.recommend(sequences, k=10)

assert_type(log, pd.DataFrame)
assert_type(sequences, Sequences)
assert_type(history, Sequences)
assert_type(target, NDArray[Any])
assert_type(recommender, LSTMRecommender)
assert_type(score, float)
assert_type(items, NDArray[Any])
assert_type(scores, NDArray[np.float32])

names: dict[str, Any] = {"user": "session_id", "item": "event", "columns": ["amount", "channel"]}
normal = Sequences.from_frame(datasets.make_fraud_log(1_000, fraud_rate=0, random_state=1), **names)
today = Sequences.from_frame(datasets.make_fraud_log(500, random_state=2), **names)
detector = LSTMAnomalyDetector(n_folds=1, random_state=0).fit(normal)
flagged = detector.set_threshold(alerts_per_day=10, sequences_per_day=500).predict(today)
reasons = detector.explain(today)

generator = LSTMGenerator(max_epochs=10, random_state=0).fit(normal)
synthetic = generator.sample(1_000).to_frame("session_id", "event")
chances = futures.chance(generator, today.head(5)[:20], "pay", before="log out", random_state=0)

demand = datasets.make_series(50, random_state=0)
series = Sequences.from_frame(demand, user="series", item=None, columns=["y", "price"])
past = series.head(1_320)
forecaster = LSTMForecaster(horizon=24, target="y", known=["price"], max_steps=200, random_state=0).fit(past)
intervals = forecaster.predict_interval(past, coverage=0.9, future=series)

assert_type(normal, Sequences)
assert_type(detector, LSTMAnomalyDetector)
assert_type(flagged, NDArray[np.int64])
assert_type(reasons, pd.DataFrame)
assert_type(generator, LSTMGenerator)
assert_type(synthetic, pd.DataFrame)
assert_type(chances, pd.DataFrame)
assert_type(demand, pd.DataFrame)
assert_type(forecaster, LSTMForecaster)
assert_type(intervals, pd.DataFrame)

LSTMRecommender(n_units=64)  # type: ignore[call-arg]  # a parameter that does not exist is found
Sequences.from_csv("log.csv")  # type: ignore[attr-defined]  # and so is a method
