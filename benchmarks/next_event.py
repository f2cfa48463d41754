"""What is the next badge of a user, and when does it come?

    python benchmarks/next_event.py --seeds 0 --data FOLDER

Users of the first fold of `stackoverflow-badges` are asked about, and those of the others learned from. 5,000 events
of the first fold are drawn, none of them the first of its user: the kind is the likeliest after what came before, and
the time the median of paths of one event (`futures.simulate`). "accuracy" is the share of kinds that are right; "days"
the mean absolute error of the time, for which the median is the best answer, and "rmse" the root of the mean squared
one, for which the mean of the paths is taken. "popularity" and "Markov" tell the commonest badge, and the commonest
after the last; "median" tells the median gap of training for the time, "median after" that after the last badge.
"""

import time
from typing import Any

import numpy as np
import pandas as pd
from harness import make_parser, read_settings, read_table, write_result

from seqrec import LSTMGenerator, Sequences, futures

N_QUESTIONS, N_PATHS, DAY = 5_000, 50, 86_400.0


def read(folder: str | None) -> tuple[Sequences, Sequences]:
    events = read_table(folder, "stackoverflow-badges", "events")
    asked = events["fold"] == events["fold"].min()
    parts = (events[~asked], events[asked])
    return tuple(Sequences.from_frame(part, "user", "badge", "time", time_unit="s") for part in parts)


def gaps_of(X: Sequences) -> tuple[np.ndarray, np.ndarray]:
    """Seconds before each event but the first of each user, and which events these are."""
    inner = np.ones(X.n_events, bool)
    inner[X.indptr[:-1]] = False
    return (np.diff(X.timestamps.astype(np.int64), prepend=0) / 1e6)[inner], np.flatnonzero(inner)


def judge(kinds: Any, days: Any, means: Any, target: np.ndarray, waited: np.ndarray) -> dict[str, float]:
    """Compare answers with what came."""
    error = float(np.sqrt(np.mean((means - waited / DAY) ** 2)))
    return {
        "accuracy": float(np.mean(kinds == target)),
        "days": float(np.mean(abs(days - waited / DAY))),
        "rmse": error,
    }


def baselines(X: Sequences, last: np.ndarray, target: np.ndarray, waited: np.ndarray) -> dict[str, dict[str, float]]:
    gaps, events = gaps_of(X)
    before, after = X.codes[events - 1], X.codes[events]
    table = pd.DataFrame({"before": before, "after": after, "gap": gaps / DAY})
    commonest = table["after"].mode()[0]
    follows = table.groupby("before")["after"].agg(lambda kinds: kinds.mode()[0]).reindex(range(64)).fillna(commonest)
    waits = table.groupby("before")["gap"].agg(["median", "mean"]).reindex(range(64)).fillna(table["gap"].median())
    plain = table["gap"].median(), table["gap"].mean()
    markov = judge(follows[last], waits["median"][last], waits["mean"][last], target, waited)
    return {"popularity, median": judge(commonest, *plain, target, waited), "Markov, median after": markov}


def main() -> None:
    arguments = make_parser(__doc__).parse_args()
    learned, asked = read(arguments.data)
    asked = asked.recode(learned.vocabulary)
    gaps, events = gaps_of(asked)
    chosen = np.sort(np.random.default_rng(0).choice(len(events), N_QUESTIONS, replace=False))
    events, waited = events[chosen], gaps[chosen]
    rows = np.searchsorted(asked.indptr, events, side="right") - 1
    history, target = asked.between(0, events - asked.indptr[rows], rows), asked.codes[events]
    found = {"baselines": baselines(learned, asked.codes[events - 1], target, waited), "runs": []}
    print(found, flush=True)
    for seed in arguments.seeds:
        start = time.perf_counter()
        generator = LSTMGenerator(**read_settings(arguments.set), random_state=seed).fit(learned)
        seconds = time.perf_counter() - start
        own = history.recode(generator.vocabulary_)
        kinds = generator.next_probabilities(own)[:, :-1].argmax(axis=1)
        expected = generator.vocabulary_.encode(learned.vocabulary.decode(target)) - 2
        questions = Sequences(own.codes, own.indptr, np.arange(len(own)), own.vocabulary, own.timestamps, own.rows)
        paths = futures.simulate(generator, questions, n_events=1, n_paths=N_PATHS, random_state=seed)
        asked_at = own.timestamps[own.indptr[1:] - 1][paths["sequence"]]
        days = ((paths["timestamp"] - asked_at) / pd.Timedelta("1D")).groupby(paths["sequence"]).agg(["median", "mean"])
        days = days.reindex(range(len(own))).fillna(0.0)
        run = judge(kinds, days["median"].to_numpy(), days["mean"].to_numpy(), expected, waited)
        found["runs"].append({"seed": seed, **run, "seconds": seconds})
        print(found["runs"][-1], flush=True)
    write_result("next-event", arguments, found)


if __name__ == "__main__":
    main()
