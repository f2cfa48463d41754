"""How many normal sequences are flagged where some share was asked for, on logs whose truth is known?

Sequences of independent events whose kinds follow Zipf's law, so that many hold kinds which training lacked: each log is
drawn anew, learned from, and asked about other sequences of the same source. A rate is kept if its mean over the logs
lies no more than two standard errors above it. "discoveries" is the share of logs in whose normal sequences alone
`discoveries(0.1)` finds anything. Where behaviour drifts, folds that follow time are compared with random ones.

    python benchmarks/false_alarms.py --detectors NGram Combined Composition NewEvent Length
    python benchmarks/false_alarms.py --detectors LSTM --logs 20
"""

import argparse
import warnings
from typing import Any

import numpy as np
from harness import write_result
from numpy.typing import NDArray

import seqrec
from seqrec import Sequences
from seqrec.detect.thresholds import false_positive_offset

REQUESTED = (0.01, 0.05, 0.1)
N_ASKED = 200
SOURCES = [("zipf", kinds) for kinds in (400, 2_000, 5_000)]


def draw(rng: np.random.Generator, n: int, kinds: int, exponent: float = 1.2) -> Sequences:
    """Draw sequences of independent events, of geometric lengths of up to 60."""
    share = 1 / np.arange(1, kinds + 1) ** exponent
    lengths = np.minimum(rng.geometric(0.12, n), 60)
    events = rng.choice(kinds, lengths.sum(), p=share / share.sum())
    return Sequences.from_lists([part.tolist() for part in np.split(events, np.cumsum(lengths)[:-1])])


def draw_drifting(rng: np.random.Generator, n: int, n_asked: int, kinds: int = 60) -> tuple[Sequences, Sequences]:
    """Draw sequences, the oldest first, whose habits wander: each takes the events of a window that moves."""
    total = n + n_asked
    rows = []
    for at in range(total):
        first = int(kinds * at / total)
        length = int(rng.integers(5, 20))
        rows.append(((first + rng.geometric(0.2, length)) % (2 * kinds)).tolist())
    X = Sequences.from_lists(rows)
    return X[:n], X[n:]


def make(name: str, n_folds: int, seed: int) -> Any:
    """Make a detector, the LSTM small."""
    if name == "LSTM":
        return seqrec.LSTMAnomalyDetector(
            n_folds=n_folds, units=16, max_epochs=6, precision="float32", verbose=False, random_state=seed
        )
    return getattr(seqrec, f"{name}Detector")(n_folds=n_folds, random_state=seed)


def judge(detector: Any, normal: Sequences) -> NDArray[np.float64]:
    """Give the share that each threshold flags, and whether anything is discovered."""
    scores = detector.score_samples(normal)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # low rates are extrapolated from few sequences, and that is what is measured
        offsets = [false_positive_offset(detector.held_out_scores_, rate) for rate in REQUESTED]
    return np.array([*((scores < offset).mean() for offset in offsets), detector.discoveries(normal, 0.1).any()])


def show(found: NDArray[np.float64]) -> dict[str, list[float]]:
    """Give means over the logs with their standard errors."""
    errors = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    names = [*map(str, REQUESTED), "discoveries"]
    return {name: [round(float(m), 4), round(float(e), 4)] for name, m, e in zip(names, found.mean(axis=0), errors)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detectors", nargs="+", default=["NGram", "Combined", "Composition", "NewEvent", "Length"])
    parser.add_argument("--logs", type=int, default=100)
    parser.add_argument("--kinds", type=int, nargs="+", default=[400, 2_000, 5_000])
    parser.add_argument("--sequences", type=int, nargs="+", default=[100, 300, 1_000])
    parser.add_argument("--folds", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    figures = {}
    for kinds in arguments.kinds:
        for n in arguments.sequences:
            for folds in arguments.folds:
                for name in arguments.detectors:
                    found = []
                    for seed in range(arguments.logs):
                        rng = np.random.default_rng([seed, kinds, n])
                        detector = make(name, folds, seed).fit(draw(rng, n, kinds))
                        found.append(judge(detector, draw(rng, N_ASKED, kinds)))
                    figures[f"{name}, {kinds} kinds, {n} sequences, {folds} folds"] = show(np.array(found))
                    over = [
                        rate
                        for rate in map(str, REQUESTED)
                        if (f := figures[f"{name}, {kinds} kinds, {n} sequences, {folds} folds"][rate])[0]
                        > float(rate) + 2 * f[1]
                    ]
                    print(name, kinds, n, folds, show(np.array(found)), "OVER" if over else "", flush=True)


if __name__ == "__main__":
    main()
