"""How well does LSTMRecommender find the next item, beside what counting finds?

    python benchmarks/next_item.py --dataset ml-1m --seeds 0 1 2 --data FOLDER

The defaults serve all data sets. Choose settings with --part validation; report --part test. The whole catalogue is
ranked; ties get their mean rank. Where the time of a question is known, the model is asked twice: without it, as
everybody else, and with it.
"""

import time
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from harness import (
    AT_TIME,
    Task,
    leave_last_out,
    make_parser,
    read_settings,
    session_prefixes,
    shop,
    time_split,
    with_rating,
    write_result,
)

from seqrec import LSTMRecommender, MarkovRecommender, PopularityRecommender, SequentialRulesRecommender
from seqrec.metrics import bootstrap_difference, bootstrap_interval, mrr, ndcg, recall


class Protocol(NamedTuple):
    """How one data set is asked and judged."""

    make_task: Any  # (folder, part) -> Task
    metrics: dict[str, Any]  # name: ranks -> one figure a question
    exclude_seen: bool


AT_10 = {"HR@10": partial(recall, k=10), "NDCG@10": partial(ndcg, k=10)}
AT_20 = {"P@20": partial(recall, k=20), "MRR@20": partial(mrr, k=20)}
PROTOCOLS = {
    **{
        name: Protocol(partial(leave_last_out, name), AT_10, True)
        for name in ("ml-1m", "beauty", "beauty-5core", "sports-5core")
    },
    "ml-1m-rating": Protocol(partial(with_rating, "ml-1m"), AT_10, True),
    "shop": Protocol(partial(shop, ("event_type", "price")), AT_10, False),
    "shop-items-alone": Protocol(partial(shop, ()), AT_10, False),
    "ml-1m-time": Protocol(partial(time_split, "ml-1m"), AT_10, True),
    "ml-1m-time-refit": Protocol(partial(time_split, "ml-1m", refit=True), AT_10, True),
    **{name: Protocol(partial(session_prefixes, name), AT_20, False) for name in ("diginetica", "yoochoose-1-64")},
}
BASELINES = {
    "popularity": PopularityRecommender,
    "Markov": MarkovRecommender,
    "sequential rules": SequentialRulesRecommender,
}


def judge(recommender: Any, task: Task, protocol: Protocol, at: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Figures of each question: {metric: (n,)}."""
    ranks = recommender.rank(task.history, task.target, exclude_seen=protocol.exclude_seen, at=at)
    return {name: metric(ranks) for name, metric in protocol.metrics.items()}


def means(figures: dict[str, np.ndarray]) -> dict[str, float]:
    return {name: float(values.mean()) for name, values in figures.items()}


def run_seed(seed: int, task: Task, protocol: Protocol, settings: dict) -> tuple[dict, dict]:
    """Fit and judge once: the record, and the figures of each question."""
    start = time.perf_counter()
    recommender = LSTMRecommender(**settings, random_state=seed).fit(task.train)
    fitted = time.perf_counter()
    figures = judge(recommender, task, protocol)
    if task.at is not None:
        figures |= {name + AT_TIME: values for name, values in judge(recommender, task, protocol, task.at).items()}
    history = recommender.history_
    record = {
        "seed": seed,
        **means(figures),
        "fit_seconds": round(fitted - start, 1),
        "judge_seconds": round(time.perf_counter() - fitted, 1),
        "epochs": len(history["loss"]),
        "history": {name: [round(float(value), 5) for value in values] for name, values in history.items()},
    }
    return record, figures


def compare(baselines: dict[str, dict], runs: list[dict]) -> dict[str, Any]:
    """Mean of the seeds, its interval over the questions, and the difference to the best baseline."""
    result = {}
    for metric in runs[0]:
        values = np.mean([run[metric] for run in runs], axis=0)  # (n,)
        same = metric.removesuffix(AT_TIME)
        best = max(baselines, key=lambda name: baselines[name][same].mean())
        result[metric] = {
            "mean": float(values.mean()),
            "interval": list(bootstrap_interval(values, random_state=0)[1:]),
            "best_baseline": best,
            "difference": list(bootstrap_difference(values, baselines[best][same], random_state=0)),
        }
    return result


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--dataset", choices=PROTOCOLS, required=True)
    parser.add_argument("--part", choices=("test", "validation"), default="test")
    arguments = parser.parse_args()

    protocol = PROTOCOLS[arguments.dataset]
    settings = read_settings(arguments.set)
    task = protocol.make_task(arguments.data, arguments.part)
    print(f"train {task.train!r}\nasked {len(task.target):,} questions")

    baselines = {}
    for name, baseline in BASELINES.items():
        baselines[name] = judge(baseline().fit(task.train), task, protocol)
        print(name, means(baselines[name]))
    result = {
        "protocol": {
            "exclude_seen": protocol.exclude_seen,
            "train": repr(task.train),
            "questions": len(task.target),
            "description": protocol.make_task.func.__doc__.split("\n")[0],
        },
        "settings": settings,
        "baselines": {name: means(figures) for name, figures in baselines.items()},
        "seeds": [],
        "lstm": None,
    }
    name = arguments.dataset + "-validation" * (arguments.part == "validation")
    runs: list[dict] = []
    for seed in arguments.seeds:
        record, figures = run_seed(seed, task, protocol, settings)
        print({key: value for key, value in record.items() if key != "history"}, flush=True)
        runs.append(figures)
        # Written after each seed: a run of hours that is cut off keeps what it has.
        result |= {"seeds": [*result["seeds"], record], "lstm": compare(baselines, runs)}
        write_result(name, arguments, result)
    if not runs:
        write_result(name, arguments, result)


if __name__ == "__main__":
    main()
