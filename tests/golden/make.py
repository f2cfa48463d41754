"""Make golden files: a model file of each estimator, a log of questions, and the answers.

python tests/golden/make.py tests/golden/format_6 [ESTIMATOR ...]        # only what is missing

A format has files of all estimators, or of those that it changes.

Golden files are never made anew: they are what a release once wrote, and every later release has to read them and to
give their answers. Files of the first format lie here, those of a later one in a folder of its own; one that exists is
not overwritten.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import seqrec
from seqrec import Sequences

SMALL = {"units": 8, "max_epochs": 2, "precision": "float32", "random_state": 0}
BRIEF = {"units": 4, "n_networks": 1, "max_steps": 8, "random_state": 0}
ESTIMATORS = {
    "PopularityRecommender": {},
    "MarkovRecommender": {},
    "SequentialRulesRecommender": {"window": 3},
    "UserProfiles": {"strength": 1.0},
    "NewEventDetector": {},
    "LengthDetector": {},
    "CompositionDetector": {},
    "NGramDetector": {"order": 3},
    "CombinedDetector": {"random_state": 7},
    "NGramGenerator": {"order": 3},
    "LSTMForecaster": BRIEF | {"horizon": 3, "season_lengths": [2], "lower": 0.0},
    "NaiveForecaster": {"horizon": 3, "season_lengths": [2]},
    "SeasonalNaiveForecaster": {"horizon": 3, "season_lengths": (2, 3), "lower": 0.0},
    "ThetaForecaster": {"horizon": 3, "season_lengths": [2]},
    "SummaryClassifier": {},
    "LSTMGenerator": SMALL | {"order": 3},
    "LSTMRecommender": SMALL,
    "LSTMAnomalyDetector": SMALL | {"n_folds": 1, "sides": {"amount": "high"}},
    "LSTMSequenceClassifier": {
        "units": 8,
        "max_epochs": 2,
        "random_state": 0,
        "class_weight": {"odd": 2.0, "even": 1.0},
    },
}
ON_FRAMES = " on frames"  # ends the name of a file of an estimator that has learned from these
OF_FILMS = {"n_past": 2, "horizon": 2}
SMALL_FILMS = {"units": 4, "max_steps": 2, "batch_size": 4, "random_state": 0}
FILMS = {
    "LastFrameForecaster": OF_FILMS,
    "ShiftForecaster": OF_FILMS,
    "ConvLSTMForecaster": OF_FILMS | SMALL_FILMS | {"n_layers": 2, "patch": 2},
    "ConvLSTMClassifier": SMALL_FILMS | {"peephole": "channel"},
}
EVERY = ESTIMATORS | FILMS
COLUMNS = {"user": "user_id", "item": "item_id", "timestamp": "timestamp", "fields": ["channel", "amount"]}


def make_log(n_users: int, seed: int) -> dict[str, list]:
    """Make a log of a shop that sells tea, with ids that are hard to keep."""
    rng = np.random.default_rng(seed)
    items = np.array(["tea", "milk", "sugar", "🫖", "two\nlines", "nul\0", "naïve", "001"], dtype=object)
    lengths = rng.integers(2, 9, n_users)
    position = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    walk = np.repeat(rng.integers(0, len(items), n_users), lengths) + position + (rng.random(len(position)) < 0.2)
    gaps = rng.integers(1, 50_000, len(position))
    return {
        "user_id": np.repeat(np.arange(n_users), lengths).tolist(),
        "item_id": items[walk % len(items)].tolist(),
        "timestamp": (1_700_000_000 + np.cumsum(gaps)).tolist(),
        "channel": np.array(["app", "web"])[rng.integers(0, 2, len(position))].tolist(),
        "amount": np.exp(rng.normal(2, 1, len(position))).round(2).tolist(),
    }


def with_gaps(log: dict[str, list]) -> dict[str, list]:
    """Take out every third amount and every fifth channel."""
    amounts = [None if row % 3 == 0 else amount for row, amount in enumerate(log["amount"])]
    channels = [None if row % 5 == 0 else channel for row, channel in enumerate(log["channel"])]
    return log | {"amount": amounts, "channel": channels}


def read_log(log: Any, fields: bool) -> Sequences:
    return Sequences.from_frame(pd.DataFrame(log), columns=["channel", "amount"] if fields else [])


def read_series(log: Any) -> Sequences:
    """Give the amounts of each user, one an hour, as a series."""
    frame = pd.DataFrame(log).sort_values("timestamp", kind="stable")
    hour = pd.to_timedelta(frame.groupby("user_id").cumcount(), unit="h")
    return Sequences.from_frame(
        frame.assign(timestamp=pd.Timestamp("2024-01-01") + hour), item=None, columns=["amount"]
    )


def read_films(log: Any) -> list[np.ndarray]:
    """Give the amounts of each user as a film of images of 4 by 4 pixels, two at least."""
    frame = pd.DataFrame(log).fillna({"amount": 0})
    pixels = np.rint(frame["amount"].to_numpy())[:, None] * np.arange(1, 17) % 256
    images = pixels.astype(np.uint8).reshape(-1, 4, 4)
    return [images[rows] for rows in frame.groupby("user_id").indices.values()]


def sequences_for(name: str, log: Any) -> Any:
    """Give a log as an estimator of this name reads it: as films, as series, or with fields or without."""
    if name in FILMS:
        return read_films(log)
    if name.endswith(("Forecaster", "SummaryClassifier", ON_FRAMES)):
        return read_series(log)
    return read_log(log, fields=name.startswith("LSTM"))


def target_of(name: str, X: Any) -> np.ndarray | None:
    """Give what is learned beside the sequences: whose each is, or of which class."""
    if name == "UserProfiles":
        return X.keys % 5
    if name == "ConvLSTMClassifier":
        return np.array(["even", "odd"])[[len(film) % 2 for film in X]]
    return np.array(["even", "odd"])[X.lengths % 2] if "Classifier" in name else None


def answers_of(estimator: Any, X: Any) -> dict[str, np.ndarray]:
    """Give all that an estimator says of sequences, a row for each of them."""
    name = type(estimator).__name__
    if name.endswith("Recommender"):
        items, scores = estimator.recommend(X, k=4)
        return {"items": items, "scores": scores}
    if name.endswith("Generator"):
        return {"scores": estimator.log_likelihood(X)}
    if name in FILMS and name.endswith("Forecaster"):
        return {"scores": estimator.predict(X).reshape(len(X), -1), "samples": estimator.score_samples(X)}
    if name.endswith("Forecaster"):
        told = estimator.predict_quantiles(X, [0.5, 0.05, 0.8]).to_numpy()[:, 3:].astype(float)
        return {"scores": told.reshape(len(X), 3 * estimator.horizon)}
    if name == "UserProfiles":
        return {"scores": estimator.score_samples(X, X.keys % 6)}
    if name.endswith("Classifier"):
        return {"classes": estimator.predict(X), "scores": estimator.predict_proba(X)}
    return {"scores": estimator.score_samples(X), "flags": estimator.predict(X)}


def fit(name: str, log: dict[str, list] | None = None) -> Any:
    X, kind = sequences_for(name, log or make_log(60, seed=0)), name.removesuffix(ON_FRAMES)
    return getattr(seqrec, kind)(**EVERY[kind]).fit(X, target_of(name, X))


def ask(estimator: Any, log: dict[str, list]) -> dict[str, list]:
    """Put the questions to an estimator that its kind can answer."""
    X = sequences_for(type(estimator).__name__ + ON_FRAMES * hasattr(estimator, "channels_"), log)
    answers = answers_of(estimator, X)
    if type(estimator).__name__ == "LSTMAnomalyDetector":
        answers["surprisal"] = estimator.surprisal(X)
    return {name: answer.tolist() for name, answer in answers.items()}


def main(folder: Path, names: list[str]) -> None:
    for name in names or (*EVERY, "LSTMSequenceClassifier" + ON_FRAMES):
        if (folder / f"{name}.seqrec").exists():
            print(f"{name}: is there, and stays as it is.")  # noqa: T201
            continue
        estimator, log = fit(name, with_gaps(make_log(60, seed=0))), with_gaps(make_log(12, seed=1))
        seqrec.save(estimator, folder / f"{name}.seqrec", columns=COLUMNS)
        (folder / f"{name}.json").write_text(json.dumps({"log": log, "answers": ask(estimator, log)}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
