"""Which sessions of a log are odd? LSTMAnomalyDetector beside what has to be beaten: detectors that count.

    python benchmarks/sessions.py --log hdfs --seeds 0 1 2 --data FOLDER
    python benchmarks/sessions.py --log fraud --seeds 0 1 2

Learned from normal sessions alone. Thresholds are set before any label is looked at, by a false-positive rate that is
fixed here; "oracle F1" is that of the best threshold, which only the labels tell. "fraud" is `make_fraud_log`, drawn
anew for each seed.
"""

import time
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np
from harness import make_parser, read_settings, read_table, write_result
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from seqrec import LSTMAnomalyDetector, Sequences
from seqrec.datasets import make_fraud_log
from seqrec.datasets.bank import KINDS
from seqrec.detect.baselines import (
    CombinedDetector,
    CompositionDetector,
    LengthDetector,
    NewEventDetector,
    NGramDetector,
)
from seqrec.metrics import detection_report, tpr_at_fpr

BASELINES = {
    "NewEventDetector": NewEventDetector(),
    "LengthDetector": LengthDetector(),
    "CompositionDetector": CompositionDetector(),
    "NGramDetector(order=2)": NGramDetector(order=2),
    "NGramDetector(order=3)": NGramDetector(order=3),
    "CombinedDetector": CombinedDetector(),
}
HDFS_NORMALS = 553_366  # of the whole test set, which a sample stands for
RATES = {"hdfs": 0.001, "fraud": 0.01}  # false-positive rate of the threshold
REQUESTED = (0.001, 0.01, 0.05)


class Log(NamedTuple):
    """Sessions to learn from, and sessions to judge."""

    train: Sequences
    test: Sequences
    kind: NDArray  # (n_test,) what is wrong with each, "" for a normal one
    weight: NDArray  # (n_test,) how many sessions each stands for

    @property
    def is_anomaly(self) -> NDArray[np.bool_]:
        """Whether anything is wrong with each, (n_test,)."""
        return self.kind != ""


def load_hdfs(folder: str | None) -> Log:
    train, test = (read_table(folder, "hdfs", part) for part in ("train", "test"))
    train, test = (table.rename(columns={"event_id": "item_id"}) for table in (train, test))
    is_anomaly = test.groupby("session_id")["is_anomaly"].max().astype(bool)
    X = Sequences.from_frame(test[["session_id", "item_id"]], user="session_id", timestamp=None)
    kind = np.where(is_anomaly[X.keys], "anomaly", "")
    weight = np.where(kind == "", HDFS_NORMALS / np.sum(kind == ""), 1.0)
    return Log(Sequences.from_frame(train, user="session_id", timestamp=None), X, kind, weight)


def draw_fraud(seed: int, n_train: int = 4_000, n_test: int = 8_000) -> Log:
    names: dict[str, Any] = {"user": "session_id", "item": "event", "columns": ["amount", "channel"]}
    clean = make_fraud_log(n_train, 0.0, random_state=1000 + seed)
    log = make_fraud_log(n_test, 0.1, random_state=2000 + seed)
    X = Sequences.from_frame(log, **names)
    kind = log.groupby("session_id")["kind"].first()[X.keys].to_numpy(dtype=object)
    return Log(Sequences.from_frame(clean, **names), X, kind, np.ones(len(X)))


def judge(detector: Any, log: Log, rate: float) -> dict[str, Any]:
    """Fit on normal sessions, score the others, and give all figures."""
    start = time.perf_counter()
    detector.fit(log.train)
    fitted = time.perf_counter()
    scores = detector.score_samples(log.test)
    scored = time.perf_counter()
    flagged = scores < detector.set_threshold(false_positive_rate=rate).offset_
    return {
        **detection_report(log.is_anomaly, -scores, flagged, log.weight),
        "realised FPR": {str(asked): realise(detector, scores[~log.is_anomaly], asked) for asked in REQUESTED},
        "kinds": by_kind(log, -scores),
        "seconds to fit": fitted - start,
        "events scored a second": log.test.n_events / (scored - fitted),
    }


def realise(detector: Any, normal_scores: NDArray, rate: float) -> dict[str, Any]:
    """Share of normal test sessions that are flagged at a requested rate, and where 95 % of such shares would lie.

    Both the held-out sessions, which set the threshold, and the test sessions are samples.
    """
    offset = detector.set_threshold(false_positive_rate=rate).offset_
    width = norm.ppf(0.975) * np.sqrt(rate * (1 - rate) * (1 / len(detector.held_out_scores_) + 1 / len(normal_scores)))
    return {"FPR": np.mean(normal_scores < offset), "expected": [max(0.0, rate - width), rate + width]}


def by_kind(log: Log, oddness: NDArray) -> dict[str, dict[str, float]]:
    """Figures of each planted kind of anomaly against the normal sessions."""
    figures = {}
    for kind in KINDS if np.isin(log.kind, KINDS).any() else ():
        rows = np.isin(log.kind, ("", kind))
        asked = log.is_anomaly[rows], oddness[rows]
        figures[kind] = {"AUROC": roc_auc_score(*asked), "TPR at 1 % FPR": tpr_at_fpr(*asked, 0.01)}
    return figures


def mean(records: list[Any]) -> Any:
    """Mean over seeds of figures that may lie in dictionaries and lists."""
    first = records[0]
    if isinstance(first, dict):
        return {name: mean([record[name] for record in records]) for name in first}
    if isinstance(first, list):
        return [mean(list(values)) for values in zip(*records, strict=True)]
    return float(np.mean(records))


def show(name: str, figures: dict[str, Any]) -> None:
    shown = ("AUROC", "average precision", "F1", "precision", "recall", "FPR", "oracle F1")
    print(f"{name:24}", *(f"{metric} {figures[metric]:.4f}" for metric in shown), flush=True)


def describe(log: Log, rate: float) -> dict[str, Any]:
    return {
        "description": "Learned from normal sessions; thresholds by a false-positive rate on held-out ones of these.",
        "train": repr(log.train),
        "test": repr(log.test),
        "normal": int(np.sum(~log.is_anomaly)),
        "abnormal": int(np.sum(log.is_anomaly)),
        "weight_of_a_normal": float(log.weight[~log.is_anomaly][0]),
        "requested_FPR": rate,
    }


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--log", choices=RATES, required=True)
    arguments = parser.parse_args()

    settings, rate = read_settings(arguments.set), RATES[arguments.log]
    seeds = arguments.seeds or [0]  # of the logs: the baselines need one
    logs = [load_hdfs(arguments.data)] if arguments.log == "hdfs" else [draw_fraud(seed) for seed in seeds]
    baselines = {}
    for name, detector in BASELINES.items():
        baselines[name] = mean([judge(detector, log, rate) for log in logs])
        show(name, baselines[name])
    runs = []
    for seed, log in zip(arguments.seeds, cycle(logs), strict=False):
        runs.append(judge(LSTMAnomalyDetector(**settings, random_state=seed), log, rate))
        show(f"LSTM, seed {seed}", runs[-1])
    write_result(
        {"hdfs": "hdfs", "fraud": "fraud-log"}[arguments.log],
        arguments,
        {
            "protocol": describe(logs[0], rate),
            "settings": settings,
            "baselines": baselines,
            "seeds": [{"seed": seed, **figures} for seed, figures in zip(arguments.seeds, runs, strict=True)],
            "lstm": mean(runs) if runs else None,
        },
    )


if __name__ == "__main__":
    main()
