"""How many normal sequences are flagged where some share was asked for, on logs whose truth is known?

Sequences of independent events whose kinds follow Zipf's law, so that many hold kinds which training lacked: each log
is drawn anew, learned from, and asked about other sequences of the same source. A rate is kept if its mean over the
logs lies no more than two standard errors above it. "discoveries" is the share of logs in whose normal sequences alone
`discoveries(0.1)` finds anything. Where habits drift, folds that follow time are compared with random ones: on logs
that are drawn and, where the data lie (--data or $SEQREC_DATA), on the commands of each user of Schonlau et al. (2001)
that are the user's own, by tens: of 500, the first 350 are learned from.

    python benchmarks/false_alarms.py --data FOLDER
    python benchmarks/false_alarms.py --detectors LSTM --logs 20 --kinds 5000 --sequences 300 --name false-alarms-lstm
"""

import argparse
import os
import warnings
from collections.abc import Iterable
from itertools import product
from typing import Any

import numpy as np
from harness import read_table, write_result

import seqrec
from seqrec import Sequences
from seqrec.detect.thresholds import false_positive_offset

REQUESTED = (0.01, 0.05, 0.1)
COUNTING = ("NGram", "Combined", "Composition", "NewEvent", "Length")
N_ASKED = 200
SMALL = {"units": 16, "max_epochs": 6, "precision": "float32", "verbose": False}  # of the LSTM


def draw(rng: np.random.Generator, n: int, kinds: int) -> Sequences:
    """Draw sequences of independent events of Zipf's law 1.2, of geometric lengths of up to 60."""
    share = 1 / np.arange(1, kinds + 1) ** 1.2
    lengths = np.minimum(rng.geometric(0.12, n), 60)
    events = rng.choice(kinds, lengths.sum(), p=share / share.sum())
    return Sequences.from_lists([part.tolist() for part in np.split(events, np.cumsum(lengths)[:-1])])


def draw_drifting(rng: np.random.Generator, n: int, n_kinds: int = 60) -> Sequences:
    """Draw sequences, the oldest first, whose habits wander: of kinds near a place that moves."""
    lengths = rng.integers(5, 20, n)
    places = np.repeat(n_kinds * np.arange(n) // n, lengths)
    events = places + rng.geometric(0.2, len(places))
    return Sequences.from_lists([part.tolist() for part in np.split(events, np.cumsum(lengths)[:-1])])


def make(name: str, n_folds: int, seed: int) -> Any:
    if name == "LSTM":
        return seqrec.LSTMAnomalyDetector(n_folds=n_folds, random_state=seed, **SMALL)
    return getattr(seqrec, f"{name}Detector")(n_folds=n_folds, random_state=seed)


def judge(detector: Any, normal: Sequences) -> list[float]:
    """Give the share that each threshold flags, and whether anything is discovered."""
    scores = detector.score_samples(normal)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # low rates are extrapolated from few sequences, and that is measured
        offsets = [false_positive_offset(detector.held_out_scores_, rate) for rate in REQUESTED]
    return [*((scores < offset).mean() for offset in offsets), detector.discoveries(normal, 0.1).any()]


def summary(found: list[list[float]]) -> dict[str, Any]:
    """Give means over the logs and their standard errors, and which rates were not kept."""
    array = np.array(found, dtype=float)
    means, errors = array.mean(axis=0), array.std(axis=0, ddof=1) / np.sqrt(len(array))
    names = [*map(str, REQUESTED), "discoveries"]
    return {
        "mean": dict(zip(names, means, strict=True)),
        "standard error": dict(zip(names, errors, strict=True)),
        "not kept": [rate for at, rate in enumerate(REQUESTED) if means[at] > rate + 2 * errors[at]],
    }


def zipf(name: str, kinds: int, n: int, n_folds: int, n_logs: int) -> dict[str, Any]:
    found = []
    for seed in range(n_logs):
        rng = np.random.default_rng([seed, kinds, n])
        detector = make(name, n_folds, seed).fit(draw(rng, n, kinds))
        found.append(judge(detector, draw(rng, N_ASKED, kinds)))
    return {"detector": name, "kinds": kinds, "sequences": n, "folds": n_folds} | summary(found)


def drift(name: str, n_folds: int, folds: str, logs: Iterable[Sequences], n: int) -> dict[str, Any]:
    """Learn from the n older sequences of each log, and ask about the newest."""
    found = [judge(make(name, n_folds, seed).fit(X[:n], folds=folds), X[n:]) for seed, X in enumerate(logs)]
    return {"detector": name, "folds": n_folds, "follow": folds} | summary(found)


def typed(folder: str) -> list[Sequences]:
    """Give the commands that each user typed without doubt, by tens, the oldest first."""
    log = read_table(folder, "schonlau", "events").sort_values(["user_id", "position"])
    return [
        Sequences.from_lists(own.to_numpy()[:5_000].reshape(-1, 10).tolist())
        for _, own in log.groupby("user_id")["command"]
    ]


def show(row: dict[str, Any]) -> None:
    print({key: value for key, value in row.items() if key != "standard error"}, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detectors", nargs="+", default=COUNTING)
    parser.add_argument("--logs", type=int, default=100)
    parser.add_argument("--kinds", type=int, nargs="+", default=[400, 2_000, 5_000])
    parser.add_argument("--sequences", type=int, nargs="+", default=[100, 300, 1_000])
    parser.add_argument("--folds", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--data", default=os.environ.get("SEQREC_DATA"), metavar="FOLDER")
    parser.add_argument("--name", default="false-alarms", help="of the file of results")
    chosen = parser.parse_args()
    figures: dict[str, list[dict[str, Any]]] = {"zipf": [], "drift": [], "schonlau": []}
    wandering = [draw_drifting(np.random.default_rng(seed), 600 + N_ASKED) for seed in range(min(chosen.logs, 30))]
    users = typed(chosen.data) if chosen.data else []
    for name, n_folds in product(chosen.detectors, chosen.folds):
        for kinds, n in product(chosen.kinds, chosen.sequences):
            figures["zipf"].append(zipf(name, kinds, n, n_folds, chosen.logs))
            show(figures["zipf"][-1])
        for folds in ("given", "random"):
            figures["drift"].append(drift(name, n_folds, folds, wandering, 600))
            show(figures["drift"][-1])
            if users:
                figures["schonlau"].append(drift(name, n_folds, folds, users[: chosen.logs], 350))
                show(figures["schonlau"][-1])
    write_result(chosen.name, chosen, {"seeds": list(range(chosen.logs)), "figures": figures})


if __name__ == "__main__":
    main()
