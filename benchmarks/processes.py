"""How often is the next activity of a business process the one that LSTMRecommender expects?

    python benchmarks/processes.py --log helpdesk --seeds 0 1 2 --data FOLDER

Cases in the order of the file: the first two thirds are learned from, the last third is asked about. The end of a case
is an event, so a model may expect it. "accuracy" is that of Tax et al. (2017), section 4: prefixes of two events or
more, while the case goes on; an end is then never right, so a model that knows when cases end loses by it. "accuracy
with ends" asks after every event, at the end of the case too. "accuracy, told it goes on" asks the questions of
"accuracy" with the end left out of the answers.
"""

import time
from typing import Any

import numpy as np
import pandas as pd
from harness import every_position, make_parser, read_settings, read_table, write_result
from next_item import BASELINES, compare, means

from seqrec import LSTMRecommender, Sequences

# No early stopping, since the last event of every case is its end. Epochs chosen on --part validation of both logs, by
# the accuracy with ends: .8331, .8342, .8349 after 15, 25, 40 on helpdesk, .6884, .6902, .6911 on bpi_12_w.
SETTINGS: dict[str, Any] = {
    "units": 64,
    "batch_size": 256,
    "dropout": 0.2,
    "learning_rate": 3e-3,
    "max_epochs": 40,
    "validation_fraction": 0,
}
END = 0  # activities are numbered from 1


def load_cases(log: str, folder: str | None) -> Sequences:
    """Cases in the order of the file, each closed by END at the time of its last event."""
    events = read_table(folder, "process-logs", log)
    events["CompleteTimestamp"] = pd.to_datetime(events["CompleteTimestamp"])
    events["case"] = pd.factorize(events["CaseID"])[0]  # so that sorting by case keeps the order of the file
    ends = events.groupby("case", as_index=False)["CompleteTimestamp"].last().assign(ActivityID=END)
    return Sequences.from_frame(
        pd.concat([events, ends]), user="case", item="ActivityID", timestamp="CompleteTimestamp"
    )


def judge(recommender: Any, test: Sequences) -> dict[str, np.ndarray]:
    """1 where the likeliest is what came next, else 0: {figure: (n,)}; the docstring at the top says what each asks."""
    history, target = every_position(test, 1)
    right = (recommender.predict(history) == target).astype(float)
    goes_on = (history.lengths >= 2) & (target != END)
    items = recommender.vocabulary_.items
    told, _ = recommender.recommend(history[goes_on], k=1, exclude_seen=False, candidates=items[items != END])
    return {
        "accuracy": right[goes_on],
        "accuracy with ends": right,
        "accuracy, told it goes on": (told[:, 0] == target[goes_on]).astype(float),
    }


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--log", choices=("helpdesk", "bpi_12_w"), required=True)
    parser.add_argument("--part", choices=("test", "validation"), default="test")
    arguments = parser.parse_args()

    settings = SETTINGS | read_settings(arguments.set)
    X = load_cases(arguments.log, arguments.data)
    third = round(len(X) / 3)
    if arguments.part == "validation":  # the last fifth of what is learned from
        X = X[: 2 * third]
        third = len(X) // 5
    n_train = 2 * third if arguments.part == "test" else len(X) - third
    train, test = X[:n_train], X[n_train:]
    baselines = {name: judge(baseline().fit(train), test) for name, baseline in BASELINES.items()}
    records, runs = [], []
    for seed in arguments.seeds:
        start = time.perf_counter()
        recommender = LSTMRecommender(**settings, random_state=seed).fit(train)
        runs.append(judge(recommender, test))
        records.append({"seed": seed, **means(runs[-1]), "seconds": round(time.perf_counter() - start, 1)})
        print(records[-1])

    write_result(
        arguments.log + "-validation" * (arguments.part == "validation"),
        arguments,
        {
            "protocol": {
                "train": repr(train),
                "questions": len(baselines["Markov"]["accuracy"]),
                "description": "Cases: first two thirds to learn from, last third to ask about (Tax et al. 2017).",
            },
            "settings": settings,
            "baselines": {name: means(figures) for name, figures in baselines.items()},
            "seeds": records,
            "lstm": compare(baselines, runs) if runs else None,
        },
    )


if __name__ == "__main__":
    main()
