"""Can a gradient boosting tell a drawn log from the real one?

    python benchmarks/synthetic.py --log bank helpdesk stackoverflow --seeds 0 1 2 --data FOLDER

Half of the sequences are learned, and as many are drawn as the other half has. Each sequence becomes a row: its length,
how often it holds each of the commonest events and transitions, the gaps (mean, spread, least and greatest logarithm),
and of each field the mean, spread, least and greatest value, or the share of each category. A gradient boosting learns
to tell drawn rows from real ones of the other half, on five folds; the AUC is that of the folds that it did not see.
.5 is what the learned half itself has against the other half (shown as "real").

"n-grams" draws events by `NGramGenerator`, with gaps and values of the learned half at random.
"""

import time
from typing import Any

import numpy as np
import pandas as pd
from harness import make_parser, read_settings, read_table, write_result
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from seqrec import LSTMGenerator, NGramGenerator, Sequences
from seqrec.datasets import make_fraud_log

_COMMON = 60  # transitions that are counted


def bank(folder: str | None) -> Sequences:  # noqa: ARG001
    log = make_fraud_log(3_000, 0.0, random_state=0)
    return Sequences.from_frame(log, "session_id", "event", columns=["amount", "channel"])


def helpdesk(folder: str | None) -> Sequences:
    events = read_table(folder, "process-logs", "helpdesk")
    events["CompleteTimestamp"] = pd.to_datetime(events["CompleteTimestamp"])
    return Sequences.from_frame(events, user="CaseID", item="ActivityID", timestamp="CompleteTimestamp")


def stackoverflow(folder: str | None) -> Sequences:
    events = read_table(folder, "stackoverflow-badges", "events")
    events = events[events["fold"] == events["fold"].min()]
    return Sequences.from_frame(events, user="user", item="badge", timestamp="time", time_unit="s")


LOGS = {"bank": bank, "helpdesk": helpdesk, "stackoverflow": stackoverflow}


def rows_of(X: Sequences, real: Sequences, items: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Describe each sequence by its counts, gaps and fields, those that are real: (n_sequences, n_features)."""
    owner, n = np.repeat(np.arange(len(X)), X.lengths), len(X)
    codes, inner = X.codes.astype(np.int64), np.ones(X.n_events, bool)
    inner[X.indptr[:-1][X.lengths > 0]] = False
    pair = np.where(inner, np.roll(codes, 1) * 10_000 + codes, -1)
    features = [X.lengths]
    features += [np.bincount(owner[codes == item], minlength=n) for item in items]
    features += [np.bincount(owner[pair == one], minlength=n) for one in pairs]
    numbers = {}
    if X.timestamps is not None:
        gaps = np.diff(X.timestamps.astype(np.int64), prepend=0) / 1e6
        numbers["gap"] = np.where(inner, np.log1p(np.maximum(gaps, 0)), np.nan)
    for name, values in ((name, X.columns[name]) for name in real.columns):
        if values.dtype.kind in "OUTb":
            kinds = pd.Series(real.columns[name]).value_counts().index[:10]
            features += [_by(owner, (values == one).astype(float), n).iloc[:, 0] for one in kinds]
        else:
            numbers[name] = values.astype(float)
    features += [column for values in numbers.values() for _, column in _by(owner, values, n).items()]
    return np.column_stack(features)


def _by(owner: np.ndarray, values: np.ndarray, n: int) -> pd.DataFrame:
    grouped = pd.Series(values).groupby(owner)
    return grouped.agg(["mean", "std", "min", "max", "median"]).reindex(range(n))


def told_apart(real: Sequences, other: Sequences, seed: int) -> float:
    """AUC of a gradient boosting on folds that it did not see."""
    other = other.recode(real.vocabulary)
    counts = np.bincount(real.codes)
    items = np.argsort(-counts)[:_COMMON]
    inner = np.ones(real.n_events, bool)
    inner[real.indptr[:-1][real.lengths > 0]] = False
    kinds, n = np.unique((np.roll(real.codes.astype(np.int64), 1) * 10_000 + real.codes)[inner], return_counts=True)
    pairs = kinds[np.argsort(-n)[:_COMMON]]
    X = np.concatenate([rows_of(each, real, items, pairs) for each in (real, other)])
    y = np.repeat([0, 1], [len(real), len(other)])
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    boosting = HistGradientBoostingClassifier(random_state=seed)
    return float(roc_auc_score(y, cross_val_predict(boosting, X, y, cv=folds, method="predict_proba")[:, 1]))


def by_chance(X: Sequences, drawn: Sequences, rng: np.random.Generator) -> Sequences:
    """Give drawn events gaps and values of X at random."""
    log = drawn.to_frame()
    if X.timestamps is not None:
        inner = np.ones(X.n_events, bool)
        inner[X.indptr[:-1][X.lengths > 0]] = False
        gaps = np.diff(X.timestamps.astype(np.int64), prepend=0)[inner]
        starts = X.timestamps[X.indptr[:-1][X.lengths > 0]].astype(np.int64)
        waits = rng.choice(gaps, len(log))
        waits[~log["user_id"].duplicated().to_numpy()] = 0
        since = pd.Series(waits).groupby(log["user_id"].to_numpy()).cumsum().to_numpy()
        first = rng.choice(starts, len(drawn))[np.repeat(np.arange(len(drawn)), drawn.lengths)]
        log["timestamp"] = (first + since).astype("datetime64[us]")
    for name, values in X.columns.items():
        log[name] = rng.choice(values, len(log))
    return Sequences.from_frame(log, timestamp=None if X.timestamps is None else "timestamp", columns=list(X.columns))


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--log", nargs="*", choices=LOGS, default=list(LOGS))
    arguments = parser.parse_args()
    for log in arguments.log:
        X = LOGS[log](arguments.data)
        order = np.random.default_rng(0).permutation(len(X))
        learned, other = X[np.sort(order[: len(X) // 2])].compact(), X[np.sort(order[len(X) // 2 :])]
        other = other.recode(learned.vocabulary)
        ngrams = NGramGenerator().fit(Sequences.from_lists(list(learned))).sample(len(other), random_state=0)
        chance = by_chance(learned, ngrams, np.random.default_rng(0))
        figures: dict[str, Any] = {"log": log, "real": told_apart(other, learned, 0), "runs": []}
        figures["n-grams"] = told_apart(other, chance, 0)
        print(figures, flush=True)
        for seed in arguments.seeds:
            start = time.perf_counter()
            generator = LSTMGenerator(**read_settings(arguments.set), random_state=seed).fit(learned)
            seconds = time.perf_counter() - start
            drawn = generator.sample(len(other), random_state=seed)
            run = {"seed": seed, "AUC": told_apart(other, drawn, seed), "seconds": seconds}
            ours, real = (generator.copied(each, learned) for each in (drawn, other))
            run |= {"copied whole": np.mean(ours >= drawn.lengths), "of real": np.mean(real >= other.lengths)}
            run["longer copies than real"] = float(np.mean(ours > np.quantile(real, 0.99)))
            figures["runs"].append(run)
            print(run, flush=True)
        write_result(f"synthetic-{log}", arguments, figures)


if __name__ == "__main__":
    main()
