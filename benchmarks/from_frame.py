"""Time and memory of Sequences.from_frame on a log with text ids, beside polars sorting the same log.

    python benchmarks/from_frame.py

Each measurement runs in a process of its own. Times are taken in turns with polars' sort by user and time, so that
both meet the same load, and the least of the turns counts. Memory is the growth of the process's peak over what it
held before the call, frame included, divided by the size that the frame itself reports. Linux only.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from harness import write_result
from rich.console import Console
from rich.table import Table

from seqrec.data.sequences import Sequences

N_ITEMS, EVENTS_PER_USER, DAYS = 100_000, 20, 365
CASES = [(frame, rows) for frame in ("polars", "pandas") for rows in ("shuffled", "ordered")]


def make_log(n_events, rows, seed):
    """Make an Arrow table of events whose rows are in order of time, or shuffled."""
    rng = np.random.default_rng(seed)
    n_users = n_events // EVENTS_PER_USER
    users = pa.array([f"user_{user}" for user in range(n_users)], pa.large_string())
    items = pa.array([f"item_{item}" for item in range(N_ITEMS)], pa.large_string())
    start = np.datetime64("2024-01-01", "us").astype(int)
    times = start + rng.integers(0, DAYS * 86_400_000_000, n_events)
    if rows == "ordered":
        times.sort()
    return pa.table(
        {
            "user_id": users.take(pa.array(rng.integers(0, n_users, n_events))),
            "item_id": items.take(pa.array(rng.zipf(1.2, n_events) % N_ITEMS)),
            "timestamp": pa.array(times, pa.timestamp("us")),
        }
    )


def as_frame(log, kind):
    return pl.from_arrow(log, rechunk=True) if kind == "polars" else log.to_pandas()


def own_size(frame):
    return frame.estimated_size() if isinstance(frame, pl.DataFrame) else int(frame.memory_usage().sum())


def measure_time(log, kind, repeats):
    frame, sortable = as_frame(log, kind), as_frame(log, "polars")
    turns = [
        (
            seconds(lambda: Sequences.from_frame(frame)),
            seconds(lambda: sortable.sort("user_id", "timestamp")),
        )
        for _ in range(repeats)
    ]
    ours, theirs = np.min(turns, axis=0)
    return {"from_frame_s": ours, "polars_sort_s": theirs, "time_ratio": ours / theirs}


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def measure_memory(log, kind):
    Sequences.from_frame(as_frame(log.slice(0, 1000), kind))  # load what the libraries load late
    frame = as_frame(log, kind)
    del log
    pa.default_memory_pool().release_unused()
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = process_bytes("VmRSS")
    Sequences.from_frame(frame)
    growth = process_bytes("VmHWM") - before
    size = own_size(frame)
    return {"frame_MB": size / 1e6, "growth_MB": growth / 1e6, "memory_ratio": growth / size}


def process_bytes(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def run_child(arguments, case, what):
    command = [sys.executable, __file__, "--child", *case, what, "--events", str(arguments.events)]
    command += ["--repeats", str(arguments.repeats), "--seed", str(arguments.seed)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def child(arguments):
    kind, rows, what = arguments.child
    log = make_log(arguments.events, rows, arguments.seed)
    return measure_time(log, kind, arguments.repeats) if what == "time" else measure_memory(log, kind)


def report(arguments):
    return [
        {"frame": case[0], "rows": case[1]} | run_child(arguments, case, "time") | run_child(arguments, case, "memory")
        for case in CASES
    ]


def show(results):
    table = Table(*results[0])
    for row in results:
        table.add_row(*(value if isinstance(value, str) else f"{value:.2f}" for value in row.values()))
    Console(width=110).print(table)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(child(arguments)))
        return
    results = report(arguments)
    show(results)
    write_result("from_frame", arguments, {"results": results})


if __name__ == "__main__":
    main()
