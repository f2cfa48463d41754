"""How near the machine's own matrix-multiply rate does LSTMAnomalyDetector score, and in how much memory?

Long sequences of many kinds of events show the share of the rate, which is measured in the same run as in `speed.py`:
before, between and after. FLOPs are counted from real events, not from padding, two for each multiply-add of the matrix
products. Short sessions (hdfs) show the events a second. Memory is what scoring one sequence adds at the peak, in a
fresh process for each length (on Linux): what of it grows with the sequence are the flat arrays.

    python benchmarks/detection_speed.py --data FOLDER
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from harness import write_result
from sessions import load_hdfs
from speed import MatrixRate

from seqrec import LSTMAnomalyDetector, Sequences

LENGTHS = (100_000, 1_000_000)  # events of the one sequence
MEMORY_KINDS = 100


def draw(n_sequences: int, length: int, n_kinds: int, seed: int = 0) -> Sequences:
    """Sequences in which each event follows from the one before, but for some that come at random."""
    rng = np.random.default_rng(seed)
    steps = np.where(rng.random((n_sequences, length)) < 0.9, 1, rng.integers(n_kinds, size=(n_sequences, length)))
    rows = steps.cumsum(axis=1) % n_kinds
    rows[0, :n_kinds] = np.arange(min(length, n_kinds))  # each kind occurs, in however small a part of the log
    return Sequences.from_lists(list(rows))


def fit(X: Sequences, **settings: Any) -> LSTMAnomalyDetector:
    return LSTMAnomalyDetector(max_epochs=1, n_folds=1, verbose=False, random_state=0, **settings).fit(X)


def flops_of_an_event(detector: LSTMAnomalyDetector) -> int:
    """Forward FLOPs of a step of the recurrence, its projection and the softmax."""
    network = detector.model_.architecture
    units, n_codes, dim = network.units, network.n_codes, network.embedding_dim
    return 2 * ((dim + units) * 4 * units + units * dim + dim * n_codes)


def time_passes(call: Callable[[Sequences], Any], X: Sequences, repeats: int) -> tuple[float, float]:
    """Seconds of a call, and the float32 matrix rate around and between the calls, in GFLOP/s."""
    rate, seconds = MatrixRate("float32"), list[float]()
    call(X[:2])  # not timed: builds what is built once
    for _ in range(repeats):
        rate.measure(4)
        start = time.perf_counter()
        call(X)
        seconds.append(time.perf_counter() - start)
    rate.measure(4)
    return float(np.mean(seconds)), float(rate.gflops)


def read(detector: LSTMAnomalyDetector) -> Callable[[Sequences], Any]:
    """Give the pass of the network alone, without parts and calibration."""
    return detector.surprisal


def time_long(n_sequences: int, length: int, n_kinds: int, units: int, repeats: int) -> dict[str, Any]:
    X = draw(n_sequences, length, n_kinds)
    detector = fit(X[:4], units=units)
    seconds, matrix = time_passes(read(detector), X, repeats)
    gflops = flops_of_an_event(detector) * (X.n_events + len(X)) / seconds / 1e9  # ends are events
    return {
        "log": repr(X),
        "units": units,
        "matrix_gflops": matrix,
        "gflops": gflops,
        "share_of_matrix_rate": gflops / matrix,
        "events_a_second": X.n_events / seconds,
    }


def time_hdfs(folder: str | None, repeats: int) -> dict[str, Any]:
    log = load_hdfs(folder)
    detector = fit(log.train)
    result: dict[str, Any] = {"log": repr(log.test), "events_a_second": {}, "matrix_gflops": {}}
    for name, call in {"score_samples": detector.score_samples, "reading": read(detector)}.items():
        seconds, result["matrix_gflops"][name] = time_passes(call, log.test, repeats)
        result["events_a_second"][name] = log.test.n_events / seconds
    return result


def memory_added(file: str, length: int) -> float:
    """MiB that scoring one sequence adds to a fresh process, at the peak, with the detector from a file."""
    detector = joblib.load(file)
    X = draw(1, length, MEMORY_KINDS)
    detector.score_samples(X.head(1_000))  # builds what is built once
    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # lets the peak start anew from here
    detector.score_samples(X)
    return status("VmHWM") - before


def status(name: str) -> float:
    """Memory of this process, MiB, as Linux gives it: "VmRSS" now, "VmHWM" at the peak."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 2**10


def measure_memory() -> dict[str, Any]:
    """Measure what scoring adds for each length, and for an event more; training's memory must not hide it."""
    with tempfile.NamedTemporaryFile() as file:
        joblib.dump(fit(draw(50, 200, MEMORY_KINDS)), file.name)
        added = {}
        for length in LENGTHS:
            command = [sys.executable, __file__, "--memory-of", file.name, str(length)]
            added[length] = float(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    few, many = LENGTHS
    return {
        "added_mib": {f"{length:,} events": mib for length, mib in added.items()},
        "bytes_an_event": (added[many] - added[few]) * 2**20 / (many - few),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of the data sets; default: $SEQREC_DATA")
    parser.add_argument("--sequences", type=int, default=256)
    parser.add_argument("--length", type=int, default=2_000)
    parser.add_argument("--kinds", type=int, default=2_000)
    parser.add_argument("--units", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--memory-of", nargs=2, help=argparse.SUPPRESS)  # the file of a detector, and a length
    arguments = parser.parse_args()
    if arguments.memory_of:
        file, length = arguments.memory_of
        print(memory_added(file, int(length)))
        return
    del arguments.memory_of

    long = time_long(arguments.sequences, arguments.length, arguments.kinds, arguments.units, arguments.repeats)
    print(long)
    hdfs = time_hdfs(arguments.data, arguments.repeats)
    print(hdfs)
    memory = measure_memory()
    print(memory)
    write_result("detection-speed", arguments, {"long": long, "hdfs": hdfs, "memory": memory})


if __name__ == "__main__":
    main()
