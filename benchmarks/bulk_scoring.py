"""How fast does `seqrec score` work, in how much memory, and does it matter how the log comes?

The real command line scores logs of `make_fraud_log` in child processes:

--throughput  5 million events from CSV to results, against the network alone on the same batches, in the same minute.
--memory      logs of the size of the memory budget and of ten times that, with the budget enforced by the operating
              system: by a cgroup where one can be made (root on Linux), page cache included, else by RLIMIT_DATA.
--equality    the same log whole and in one piece, against chunks, split files, shuffled rows, JSONL, Parquet, shards,
              a Dask cluster and states carried over three days.

    python benchmarks/bulk_scoring.py --throughput --memory --equality --folder /tmp/scratch
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from harness import RESULTS, write_result

from seqrec import datasets

N_EVENTS = 5e6
BUDGET = 1.5  # GiB
_REPORTED = ("rows", "scored", "quarantined", "filtered", "unknown_events", "sequences", "flagged")
_CGROUP = Path("/sys/fs/cgroup/memory")


def seqrec(*arguments: Any, prepare: Callable[[], None] | None = None) -> dict[str, Any]:
    """Run the command line; give its report, with the peak of its memory."""
    command = [sys.executable, "-m", "seqrec", *map(str, arguments), "--json"]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, stdout=out, stderr=errors, preexec_fn=prepare)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), errors.seek(0)
        if process.returncode not in (0, 3):
            sys.exit(f"{' '.join(command)}\nended with {process.returncode}\n{errors.read().decode()[-3000:]}")
        report = {name: value for name, value in json.load(out).items() if name in _REPORTED}
        return report | {"peak_mib": usage.ru_maxrss / 1024}


def base_log(n_sessions: int, seed: int) -> pd.DataFrame:
    log = datasets.make_fraud_log(n_sessions=n_sessions, random_state=seed)
    return log.sort_values("timestamp", kind="stable")[["session_id", "event", "timestamp", "amount", "channel"]]


def write_copies(path: Path, log: pd.DataFrame, n_bytes: float, further: int = 0) -> int:
    """Write a CSV of so many bytes: copies of a log, each with sessions of its own; give the rows.

    Each row has a further cell of so many characters, as real logs have columns that nobody asks for.
    """
    log = log.assign(session_id=log.session_id + "-@@@@@@", message="x" * further)
    header, body = log.to_csv(index=False).encode().split(b"\n", 1)
    n_rows = 0
    with path.open("wb") as file:
        file.write(header + b"\n")
        while file.tell() < n_bytes:
            file.write(body.replace(b"@@@@@@", b"%06d" % (n_rows // len(log))))
            n_rows += len(log)
    return n_rows


def measure_throughput(folder: Path) -> dict[str, Any]:
    """Score 5 million events by the command line, and by the network alone, with networks of two sizes."""
    training, log = folder / "training.csv", folder / "log.csv"
    events = base_log(12_000, seed=0)[["session_id", "event", "timestamp"]]
    events.to_csv(training, index=False)
    n_rows = write_copies(log, events, N_EVENTS * len(events.to_csv(index=False)) / len(events) * 1.12)
    figures = {}
    for name, units in (("units as by default", "auto"), ("128 units", 128)):
        model, out = folder / f"{units}.seqrec", folder / f"out-{units}"
        options = [option for pair in ("n_folds=1", "max_epochs=2", f"units={units}") for option in ("--set", pair)]
        seqrec("fit", training, "-o", model, "--task", "detect", *options, "--seed", 0)
        start = time.perf_counter()
        report = seqrec("score", model, log, "-o", out)
        seconds = time.perf_counter() - start
        shutil.rmtree(out)
        alone = json.loads(subprocess.check_output([sys.executable, __file__, "--alone", model, log], text=True))
        speed = {"seconds": seconds, "ratio": alone["seconds"] / seconds, "events_a_second": n_rows / seconds}
        figures[name] = {"rows": n_rows, "report": report, "alone": alone, **speed}
    return figures


def network_alone(model: Path, log: Path) -> dict[str, Any]:
    """Time the network's reading of the pieces that the command line makes of a log, and nothing else."""
    import tensorflow as tf

    import seqrec as package
    from seqrec.network.reading import Reader

    detector = package.load(model)
    frame = pd.read_csv(log)
    X = package.Sequences.from_frame(frame, user="session_id", item="event")
    X, reader = detector.encode(X), Reader.of(detector.model_)
    more, found = (reader.table, tf.constant(0.01)), []

    def put(_: Any, surprisal: Any, *__: Any) -> None:
        found.append(surprisal.numpy())

    begun = time.perf_counter()
    for start in range(0, len(X), 15_000):
        reader.read(X[start : start + 15_000], step="score", put=put, more=more)
    seconds = time.perf_counter() - begun
    return {"seconds": seconds, "batches": len(found), "units": detector.model_.architecture.units}


@contextmanager
def limited(n_bytes: int) -> Iterator[tuple[str, Callable[[], None]]]:
    """Tell how the memory of a child is limited, and give what does it in the child."""
    group = _CGROUP / f"seqrec-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        limit = (n_bytes, n_bytes)
        yield "RLIMIT_DATA", lambda: resource.setrlimit(resource.RLIMIT_DATA, limit)
        return
    try:
        (group / "memory.limit_in_bytes").write_text(str(n_bytes))
        yield "cgroup", lambda: (group / "cgroup.procs").write_text(str(os.getpid())) and None
    finally:
        group.rmdir()


def measure_memory(folder: Path) -> dict[str, Any]:
    """Score logs of the size of the budget and of ten times that, within the budget."""
    training, log, model, out = (folder / name for name in ("training.csv", "long.csv", "tiny.seqrec", "out-long"))
    base = base_log(3_000, seed=0)
    base.to_csv(training, index=False)
    settings = [option for pair in ("n_folds=1", "max_epochs=2", "units=16") for option in ("--set", pair)]
    seqrec("fit", training, "-o", model, "--task", "detect", "--overwrite", *settings, "--seed", 0)
    figures = {}
    for times in (1, 10):
        n_rows = write_copies(log, base, times * BUDGET * 2**30, further=400)
        with limited(int(BUDGET * 2**30)) as (how, enter):
            start = time.perf_counter()
            report = seqrec("score", model, log, "-o", out, "--memory", f"{BUDGET}GiB", prepare=enter)
            seconds = time.perf_counter() - start
        size = log.stat().st_size / 2**30
        figures[f"{times}"] = {"rows": n_rows, "gib": size, "seconds": seconds, "report": report}
        figures[f"{times}"] |= {"enforced_by": how, "budget_gib": BUDGET}
        log.unlink()
        shutil.rmtree(out)
    return figures


def measure_equality(folder: Path) -> dict[str, Any]:
    """Compare the scores of one log that comes in different ways."""
    base, names = base_log(4_000, seed=1), ["csv", "jsonl", "parquet"]
    model = folder / "equal.seqrec"
    base_log(3_000, seed=0).to_csv(folder / "training.csv", index=False)
    seqrec(
        "fit",
        folder / "training.csv",
        "-o",
        model,
        "--task",
        "detect",
        "--overwrite",
        "--set",
        "max_epochs=4",
        "--set",
        "n_folds=1",
    )
    write = {
        "csv": lambda log, path: log.to_csv(path, index=False),
        "jsonl": lambda log, path: log.to_json(path, orient="records", lines=True),
        "parquet": lambda log, path: log.to_parquet(path, index=False),
    }
    for name in names:
        write[name](base, folder / f"whole.{name}")
    shuffled = base.sample(frac=1, random_state=0)
    write["csv"](shuffled, folder / "shuffled.csv")
    days = np.array_split(np.arange(len(base)), 3)
    for number, rows in enumerate(days):
        write["csv"](base.iloc[rows], folder / f"part-{number}.csv")

    def score(name: str, *logs: str, options: tuple[Any, ...] = ()) -> tuple[pd.DataFrame, pd.DataFrame]:
        out = folder / f"equal-{name}"
        seqrec("score", model, *(folder / log for log in logs), "-o", out, *options)
        return read_results(out)

    whole = score("whole", "whole.csv")
    ways = {
        "JSONL": score("jsonl", "whole.jsonl"),
        "Parquet": score("parquet", "whole.parquet"),
        "three files": score("files", "part-0.csv", "part-1.csv", "part-2.csv"),
        "least memory, so other pieces": score("pieces", "whole.csv", options=("--memory", "1GiB")),
        "rows shuffled": score("shuffled", "shuffled.csv"),
        "three shards": join([score(f"shard{i}", "whole.csv", options=("--shard", f"{i}/3")) for i in (1, 2, 3)]),
        "Dask, two workers": on_dask(lambda address: score("dask", "whole.csv", options=("--dask", address))),
    }
    carried = [score(f"day{i}", f"part-{i}.csv", options=("--state", folder / "state")) for i in range(3)]
    ways["states over three days"] = join(carried)
    return {"rows": len(base), "ways": {name: compare(whole, way) for name, way in ways.items()}}


def read_results(out: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    events = pd.concat([pd.read_parquet(path) for path in sorted(out.rglob("events-*.parquet"))])
    return events, pd.concat([pd.read_parquet(path) for path in sorted(out.rglob("sequences-*.parquet"))])


def join(results: list[tuple[pd.DataFrame, pd.DataFrame]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    events, sequences = (pd.concat(frames) for frames in zip(*results, strict=True))
    return events, sequences.drop_duplicates("session_id", keep="last")  # as it is after the last day


def compare(whole: tuple[pd.DataFrame, pd.DataFrame], way: tuple[pd.DataFrame, pd.DataFrame]) -> dict[str, Any]:
    """Largest differences, and sequences that are flagged in one and not in the other."""
    keys = ["session_id", "timestamp", "event", "amount"]
    keys = [key for key in keys if key in whole[0]]
    events = [frame.sort_values([*keys, "surprisal"])["surprisal"].to_numpy() for frame, _ in (whole, way)]
    first, second = (frame.set_index("session_id").sort_index() for _, frame in (whole, way))
    if len(events[0]) != len(events[1]) or not first.index.equals(second.index):
        return {"rows_lost_or_doubled": abs(len(events[0]) - len(events[1])) or abs(len(first) - len(second))}
    return {
        "surprisal": float(np.abs(events[0] - events[1]).max()),
        "score": float(np.abs(first.score - second.score).max()),
        "flags_that_differ": int((first.flagged != second.flagged).sum()),
        "rows_lost_or_doubled": 0,
    }


def on_dask(score: Callable[[str], Any]) -> Any:
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        return score(cluster.scheduler_address)


MEASURES = {"throughput": measure_throughput, "equality": measure_equality, "memory": measure_memory}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in MEASURES:
        parser.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--folder", type=Path, help="where the logs are made; the memory part takes 45 GB")
    parser.add_argument("--alone", nargs=2, type=Path, metavar=("MODEL", "LOG"), help="time the network alone")
    arguments = parser.parse_args()
    if arguments.alone:
        print(json.dumps(network_alone(*arguments.alone)))
        return
    path = RESULTS / "bulk-scoring.json"
    figures = json.loads(path.read_text())["figures"] if path.exists() else {}
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        for name, measure in MEASURES.items():
            if getattr(arguments, name):
                figures[name] = measure(folder)
                write_result("bulk-scoring", arguments, {"figures": figures})


if __name__ == "__main__":
    main()
