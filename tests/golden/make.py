"""Make golden files: a model file of each estimator, a log of questions, and the answers.

python tests/golden/make.py        # only what is missing

Golden files are never made anew: they are what a release once wrote, and every later release has to read them and to
give their answers. A new format gets new files beside these; one that exists is not overwritten.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import seqrec
from seqrec import Sequences

HERE = Path(__file__).parent
SMALL = {"units": 8, "max_epochs": 2, "precision": "float32", "random_state": 0}
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
    "LSTMRecommender": SMALL,
    "LSTMAnomalyDetector": SMALL | {"n_folds": 1, "sides": {"amount": "high"}},
    "LSTMSequenceClassifier": {
        "units": 8,
        "max_epochs": 2,
        "random_state": 0,
        "class_weight": {"odd": 2.0, "even": 1.0},
    },
}
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


def read_log(log: dict[str, list], fields: bool) -> Sequences:
    return Sequences.from_frame(pd.DataFrame(log), columns=["channel", "amount"] if fields else [])


def fit(name: str) -> Any:
    estimator = getattr(seqrec, name)(**ESTIMATORS[name])
    X = read_log(make_log(60, seed=0), fields=name in ("LSTMAnomalyDetector", "LSTMSequenceClassifier"))
    if name == "UserProfiles":
        return estimator.fit(X, X.keys % 5)
    if name == "LSTMSequenceClassifier":
        return estimator.fit(X, np.array(["even", "odd"])[X.lengths % 2])
    return estimator.fit(X)


def ask(estimator: Any, log: dict[str, list]) -> dict[str, list]:
    """Put the questions to an estimator that its kind can answer."""
    name = type(estimator).__name__
    X = read_log(log, fields=name in ("LSTMAnomalyDetector", "LSTMSequenceClassifier"))
    if name.endswith("Recommender"):
        items, scores = estimator.recommend(X, k=4)
        return {"items": items.tolist(), "scores": scores.tolist()}
    if name == "UserProfiles":
        return {"scores": estimator.score_samples(X, X.keys % 6).tolist()}
    if name == "LSTMSequenceClassifier":
        return {"classes": estimator.predict(X).tolist(), "scores": estimator.predict_proba(X).tolist()}
    answers = {"scores": estimator.score_samples(X).tolist(), "flags": estimator.predict(X).tolist()}
    if name == "LSTMAnomalyDetector":
        answers["surprisal"] = estimator.surprisal(X).tolist()
    return answers


def main(folder: Path) -> None:
    for name in ESTIMATORS:
        if (folder / f"{name}.seqrec").exists():
            print(f"{name}: is there, and stays as it is.")  # noqa: T201
            continue
        estimator, log = fit(name), make_log(12, seed=1)
        seqrec.save(estimator, folder / f"{name}.seqrec", columns=COLUMNS)
        (folder / f"{name}.json").write_text(json.dumps({"log": log, "answers": ask(estimator, log)}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
