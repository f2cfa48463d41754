"""Which card transactions are frauds, with labels and without, beside what a detector of single events finds?

    python benchmarks/card_fraud.py --part validation --seeds 0 --data FOLDER
    python benchmarks/card_fraud.py --part test --seeds 0 1 2 --data FOLDER

The protocol of the Fraud Detection Handbook (Le Borgne et al.): a week of transactions to learn from, a week in which
labels arrive, a week to judge. Settings are chosen with --part validation, whose judged week
is the training week of the test.
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from harness import make_parser, read_table, write_result
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from seqrec import LSTMAnomalyDetector, LSTMSequenceClassifier, Sequences
from seqrec.metrics import card_precision

FIRST_DAY = pd.Timestamp("2018-04-01")
STARTS = {"validation": "2018-07-11", "test": "2018-07-25"}  # first day of the training week
WEEK = 7  # days to learn from, days until labels are known, days to judge
DAY = 86_400  # seconds
WINDOWS = (1, 7, 30)  # days
TIME = ["is_weekend", "is_night"]
CUSTOMER = [f"customer_{what}_{days}d" for days in WINDOWS for what in ("count", "mean_amount")]
TERMINAL = [f"terminal_{what}_{days}d" for days in WINDOWS for what in ("count", "risk")]
FEATURES = ["amount", *TIME, *CUSTOMER, *TERMINAL]


def load(folder: str | None = None) -> pd.DataFrame:
    """Transactions in the order of time, with the day of each, counted from 2018-04-01."""
    log = read_table(folder, "card-fraud", "transactions").sort_values("seconds", kind="stable", ignore_index=True)
    return log.assign(day=log["seconds"] // DAY)


def add_features(log: pd.DataFrame) -> pd.DataFrame:
    """Add the handbook's features to transactions in the order of time.

    A customer's number and mean amount of transactions go up to the current one. A terminal's number and share of
    frauds, its risk, end a week ago, when labels have become known.
    """
    weekday = (FIRST_DAY.weekday() + log["day"]) % 7
    features = {"is_weekend": weekday >= 5, "is_night": log["seconds"] % DAY // 3600 <= 6}
    ones = np.ones(len(log))
    for days in WINDOWS:
        count = window_sums(log, "customer", ones, days)
        features[f"customer_count_{days}d"] = count
        features[f"customer_mean_amount_{days}d"] = window_sums(log, "customer", log["amount"], days) / count
        count = window_sums(log, "terminal", ones, days, until=WEEK)
        features[f"terminal_count_{days}d"] = count
        frauds = window_sums(log, "terminal", log["fraud"], days, until=WEEK)
        features[f"terminal_risk_{days}d"] = frauds / np.maximum(count, 1)
    return log.assign(**{name: np.asarray(values, dtype=np.float32) for name, values in features.items()})


def window_sums(log: pd.DataFrame, by: str, values: Any, days: int, until: int = 0) -> NDArray[np.float64]:
    """Sum the values of the same customer or terminal over the days that end `until` days before each transaction."""
    order = np.argsort(log[by].to_numpy(), kind="stable")  # by group, then time
    # Groups lie farther apart than any window reaches, so one sorted array holds them all.
    apart = int(log["seconds"].max()) + 100 * DAY
    at = log[by].to_numpy()[order].astype(np.int64) * apart + log["seconds"].to_numpy()[order]
    total = np.concatenate([[0.0], np.cumsum(np.asarray(values, dtype=np.float64)[order])])
    # Of transactions in the same second, the later one knows the earlier, and not the reverse.
    end = np.searchsorted(at, at - until * DAY, side="right") if until else np.arange(1, len(at) + 1)
    begin = np.searchsorted(at, at - (until + days) * DAY, side="right")
    sums = np.empty(len(at))
    sums[order] = total[end] - total[begin]
    return sums


def split(log: pd.DataFrame, start: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Say which transactions are to learn from and which to judge, (n,) each.

    A card that is known as compromised is blocked, so it leaves the judged week: one with a fraud in the training week,
    or later, once a week has passed after the end of the day of that fraud. So the test has 58,264 transactions and 385
    frauds.
    """
    day = log["day"].to_numpy() - (pd.Timestamp(start) - FIRST_DAY).days
    train = (day >= 0) & (day < WEEK)
    frauds = (log["fraud"] == 1).to_numpy()
    never = np.iinfo(np.int32).max
    known = np.full(int(log["customer"].max()) + 1, never)  # day from which a card is known as compromised
    seen = frauds & (day >= 0)
    np.minimum.at(known, log["customer"].to_numpy()[seen], np.maximum(day[seen] + 1, WEEK) + WEEK)
    return train, (day >= 2 * WEEK) & (day < 3 * WEEK) & (day < known[log["customer"].to_numpy()])


def judge(asked: pd.DataFrame, oddness: NDArray) -> dict[str, float]:
    """Figures of a score of the judged transactions; higher is odder."""
    return {
        "AUROC": roc_auc_score(asked["fraud"], oddness),
        "AP": average_precision_score(asked["fraud"], oddness),
        "CP@100": card_precision(asked["day"], asked["customer"], oddness, asked["fraud"], k=100),
    }


# A model takes all transactions with their features, those to learn from, those to judge, and a seed; it gives the
# oddness of each judged transaction. A model that reads histories may read all that happened before a transaction.
Model = Callable[[pd.DataFrame, NDArray[np.bool_], NDArray[np.bool_], int], NDArray]


def of_column(name: str) -> Model:
    return lambda log, _train, test, _seed: log.loc[test, name].to_numpy()


def amount_to_mean(log: pd.DataFrame, _train: NDArray, test: NDArray, _seed: int) -> NDArray:
    return (log["amount"] / (log["customer_mean_amount_30d"] + 1e-3))[test].to_numpy()


def supervised(make_estimator: Callable[[int], Any]) -> Model:
    """Classify single transactions by their features and the labels of the training week."""

    def model(log: pd.DataFrame, train: NDArray, test: NDArray, seed: int) -> NDArray:
        estimator = make_estimator(seed).fit(log.loc[train, FEATURES], log.loc[train, "fraud"])
        return estimator.predict_proba(log.loc[test, FEATURES])[:, 1]

    return model


def isolation_forest(log: pd.DataFrame, train: NDArray, test: NDArray, seed: int) -> NDArray:
    forest = IsolationForest(random_state=seed, n_jobs=2).fit(log.loc[train, FEATURES])
    return -forest.score_samples(log.loc[test, FEATURES])


def autoencoder(log: pd.DataFrame, train: NDArray, test: NDArray, seed: int) -> NDArray:
    scaler = StandardScaler().fit(log.loc[train, FEATURES])
    known, asked = (scaler.transform(log.loc[rows, FEATURES]) for rows in (train, test))
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):  # 20 epochs are what we ask for
        network = MLPRegressor(hidden_layer_sizes=(3,), max_iter=20, random_state=seed).fit(known, known)
    return ((network.predict(asked) - asked) ** 2).mean(axis=1)


ONE_LINERS: dict[str, Model] = {
    "amount": of_column("amount"),
    "amount / customer's mean": amount_to_mean,
    "terminal's risk": of_column("terminal_risk_7d"),
}
WITHOUT_LABELS: dict[str, Model] = {"isolation forest": isolation_forest, "autoencoder": autoencoder}
WITH_LABELS: dict[str, Model] = {
    "logistic regression": supervised(lambda _seed: make_pipeline(StandardScaler(), LogisticRegression())),
    "random forest": supervised(lambda seed: RandomForestClassifier(random_state=seed, n_jobs=2)),
    "gradient boosting": supervised(
        lambda seed: HistGradientBoostingClassifier(
            max_depth=3, max_iter=200, learning_rate=0.05, early_stopping=False, random_state=seed
        )
    ),
}


def customer_sequences(log: pd.DataFrame, rows: NDArray[np.bool_], columns: list[str], timed: bool) -> Sequences:
    """Give the transactions of each customer in order; `X.rows` are rows of the log."""
    kept = log[rows].assign(event="transaction", time=FIRST_DAY + pd.to_timedelta(log.loc[rows, "seconds"], unit="s"))
    X = Sequences.from_frame(kept, user="customer", item="event", timestamp="time" if timed else None, columns=columns)
    return replace(X, rows=np.flatnonzero(rows)[X.rows])


def recent(log: pd.DataFrame, train: NDArray, test: NDArray, days: int) -> tuple[NDArray, NDArray]:
    """Say which transactions a model learns from, and which it reads: the last `days` before the training week ends."""
    day = log["day"].to_numpy()
    end = day[train].max()
    seen = day > end - days
    return seen & (day <= end), seen & (day <= day[test].max())


def detector(log: pd.DataFrame, train: NDArray, test: NDArray, seed: int) -> NDArray:
    """Call a transaction odd by its amount and its terminal's risks, given the customer's month before."""
    columns = ["amount", *(name for name in TERMINAL if "risk" in name)]
    known, read = (customer_sequences(log, rows, columns, timed=False) for rows in recent(log, train, test, 30))
    sides = dict.fromkeys(columns, "high")
    model = LSTMAnomalyDetector(**(DETECTOR | {"sides": sides}), random_state=seed).fit(known)
    oddness = np.zeros(len(log))
    oddness[read.rows] = -np.log(model.event_scores(read))
    return oddness[test]


def classifier(log: pd.DataFrame, train: NDArray, test: NDArray, seed: int) -> NDArray:
    """Classify transactions by all features, given the customer's month before; the training week has labels."""
    log = log.assign(hour=log["seconds"] % DAY / 3600)
    columns = [*FEATURES, "hour"]
    known, read = (customer_sequences(log, rows, columns, timed=True) for rows in recent(log, train, test, 30))
    model = LSTMSequenceClassifier(**CLASSIFIER, random_state=seed)
    model.fit(known, log["fraud"].to_numpy()[known.rows], train[known.rows].astype(float))
    probability = np.zeros(len(log))
    probability[read.rows] = model.predict_proba(read)[:, 1]
    return probability[test]


# Chosen on --part validation.
DETECTOR = {"n_folds": 1, "units": 64, "max_epochs": 3}
CLASSIFIER = {"level": "event", "units": 64, "batch_size": 1024, "validation_fraction": 0.1}
LSTMS: dict[str, Model] = {"LSTMAnomalyDetector": detector, "LSTMSequenceClassifier": classifier}

GROUPS = {"one-liners": ONE_LINERS, "without labels": WITHOUT_LABELS, "with labels": WITH_LABELS, "lstm": LSTMS}


def run(model: Model, log: pd.DataFrame, rows: tuple[NDArray, NDArray], seeds: list[int]) -> dict[str, Any]:
    """Figures of a model: of each seed, and their mean."""
    train, test = rows
    records = []
    for seed in seeds:
        start = time.perf_counter()
        figures = judge(log[test], model(log, train, test, seed))
        records.append({"seed": seed, **figures, "seconds": round(time.perf_counter() - start, 1)})
    return {"mean": {name: float(np.mean([record[name] for record in records])) for name in figures}, "seeds": records}


def describe(log: pd.DataFrame, rows: tuple[NDArray, NDArray], start: str) -> dict[str, Any]:
    train, test = rows
    frauds = (log["fraud"] == 1).to_numpy()
    return {
        "description": "a week to learn from, a week in which labels arrive, a week to judge; known cards leave it",
        "start": start,
        "trained_on": int(train.sum()),
        "frauds_trained_on": int((train & frauds).sum()),
        "judged": int(test.sum()),
        "frauds_judged": int((test & frauds).sum()),
        "prevalence": float(frauds[test].mean()),
        "all_frauds_first": judge(log[test], log.loc[test, "fraud"].to_numpy()),
    }


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--part", choices=STARTS, default="test")
    arguments = parser.parse_args()

    log = add_features(load(arguments.data))
    rows = split(log, STARTS[arguments.part])
    result = {"protocol": describe(log, rows, STARTS[arguments.part])}
    print(result["protocol"])
    for group, models in GROUPS.items():
        seeds = arguments.seeds[:1] or [0] if group == "one-liners" else arguments.seeds
        result[group] = {}
        for name, model in models.items() if seeds else ():
            result[group][name] = run(model, log, rows, seeds)
            print(f"{name:26}", *(f"{metric} {value:.3f}" for metric, value in result[group][name]["mean"].items()))
    write_result("card-fraud" + "-validation" * (arguments.part == "validation"), arguments, result)


if __name__ == "__main__":
    main()
