"""Whether model files keep what RELIABILITY promises: hostile ones are refused, damaged ones seen, saves never torn.

    python benchmarks/model_files.py

Measured are

- hostile files, those of tests/hostile.py: each is loaded in a process of its own, in which an audit hook notes all
  that a load has no business with, such as other files, sockets, processes, code and pickles; how far the peak of
  memory rises over what the process held before, less twice the file's size; and how long it takes;
- mutations, of the golden files in tests/golden: one bit, a byte, two swapped, a piece cut off, or some put in; loaded
  means that it gave an estimator, and wrongly loaded one of other values;
- kills: a process that saves two models in turns is killed (SIGKILL) at a random moment, and the file is loaded;
- writers: two processes save to one path while a third reads it.

All modules are imported beforehand, so that the audit sees the load alone. Linux only.
"""

import argparse
import collections
import json
import os
import resource
import select
import signal
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before anything imports TensorFlow
TESTS = Path(__file__).parent.parent / "tests"
sys.path.insert(0, str(TESTS))

import hostile  # noqa: E402
import numpy as np  # noqa: E402
from harness import write_result  # noqa: E402
from rich.progress import track  # noqa: E402

from seqrec import CombinedDetector, MarkovRecommender, PopularityRecommender  # noqa: E402
from seqrec.exceptions import ModelFileError  # noqa: E402
from seqrec.persistence import _ESTIMATORS, _find, inspect, load, save  # noqa: E402
from seqrec.storage.estimator import to_bytes  # noqa: E402

LONGEST = 10.0  # seconds, after which a load is given up
MIB = 2**20
WATCHED = ("open", "socket.", "subprocess.", "os.", "exec", "compile", "pickle.", "marshal.", "ctypes.", "shutil.")
HARMLESS = ("os.putenv", "os.unsetenv", "os.listdir", "os.scandir")


def watch(path, noted):
    """Note every event of this process that a load of `path` has no business with."""

    def hook(event, arguments):
        own_file = event == "open" and str(arguments[0]) == str(path)
        if event.startswith(WATCHED) and event not in HARMLESS and not own_file:
            noted.append(f"{event} {str(arguments)[:200]}")

    sys.addaudithook(hook)


def load_under_watch(path, pipe):
    """Load a file in this process and send what happened."""
    noted = []
    watch(path, noted)
    before, start = peak(), time.perf_counter()
    try:
        load(path)
        outcome = "loaded"
    except ModelFileError:
        outcome = "refused"
    except BaseException as error:
        outcome = f"{type(error).__name__}: {error}"
    figures = {"outcome": outcome, "seconds": time.perf_counter() - start, "bytes": peak() - before, "noted": noted}
    os.write(pipe, json.dumps(figures).encode()[:60_000])


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def in_a_process(path):
    """Load a file in a child process."""
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        load_under_watch(path, theirs)
        os._exit(0)
    ready, _, _ = select.select([ours], [], [], LONGEST)
    found = os.read(ours, 65_536) if ready else b""
    if not ready:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(ours)
    os.close(theirs)
    return json.loads(found) if found else {"outcome": "hung", "seconds": LONGEST, "bytes": 0, "noted": []}


def measure_hostile(good, folder):
    path, wrong, noted = folder / "hostile.seqrec", [], []
    most, slowest, n = 0, 0.0, 0
    for name, file in track(list(hostile.hostile_files(good)), "hostile files"):
        path.write_bytes(file)
        found = in_a_process(path)
        n += 1
        wrong += [f"{name}: {found['outcome']}"] if found["outcome"] != "refused" else []
        noted += [f"{name}: {event}" for event in found["noted"]]
        most, slowest = max(most, found["bytes"] - 2 * len(file)), max(slowest, found["seconds"])
    return {
        "files": n,
        "refused": n - len(wrong),
        "not_refused": wrong,
        "foreign_events": noted,
        "most_mib_over_twice_the_file": most / MIB,
        "slowest_seconds": slowest,
    }


def mutate(file, kind, rng):
    at, other = rng.integers(0, len(file), 2).tolist()
    if kind == "bit":
        return file[:at] + bytes([file[at] ^ (1 << int(rng.integers(8)))]) + file[at + 1 :]
    if kind == "byte":
        return file[:at] + rng.bytes(1) + file[at + 1 :]
    if kind == "swap":
        first, last = at, other
        return (
            file[:first] + file[last : last + 1] + file[first + 1 : last] + file[first : first + 1] + file[last + 1 :]
        )
    if kind == "cut":
        return file[:at]
    return file[:at] + rng.bytes(int(rng.integers(1, 9))) + file[at:]


def measure_mutations(good, folder, n, seed):
    """Mutate and load; a mutation that changed nothing, such as a swap of equal bytes, is no mutation."""
    rng = np.random.default_rng(seed)
    path, names = folder / "mutated.seqrec", sorted(good)
    counts = {kind: collections.Counter() for kind in ("bit", "byte", "swap", "cut", "insertion")}
    for i in track(range(n), "mutations"):
        kind = [*counts][i % len(counts)]
        original = good[names[int(rng.integers(len(names)))]]
        mutated = mutate(original, kind, rng)
        while mutated == original:
            mutated = mutate(original, kind, rng)
        path.write_bytes(mutated)
        try:
            counts[kind]["wrongly loaded" if to_bytes(load(path)) != original else "loaded"] += 1
        except ModelFileError:
            counts[kind]["refused"] += 1
    outcomes = ("refused", "loaded", "wrongly loaded")
    return {kind: {outcome: count[outcome] for outcome in outcomes} for kind, count in counts.items()}


def save_for_ever(models, path):
    while True:
        for model in models:
            save(model, path)


def measure_kills(folder, n, seed):
    rng = np.random.default_rng(seed)
    sequences = [[f"item {i}" for i in rng.integers(0, 5_000, 20)] for _ in range(2_000)]
    models = [MarkovRecommender().fit(sequences), PopularityRecommender().fit(sequences)]
    path, found, unfinished = folder / "killed.seqrec", collections.Counter(), 0
    save(models[0], path)
    for _ in track(range(n), "kills"):
        child = os.fork()
        if not child:
            save_for_ever(models, path)
        time.sleep(float(rng.uniform(0, 0.1)))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        unfinished += any(other != path for other in folder.glob(".killed*"))
        try:
            found[type(load(path)).__name__] += 1
        except ModelFileError as error:
            found[str(error)] += 1
    whole = sum(found[type(model).__name__] for model in models)
    return {"kills": n, "whole": whole, "while_writing": unfinished, "found": dict(found)}


def save_often(model, path, n):
    """Save in a child process, which tells by its exit code how often that failed."""
    child = os.fork()
    if not child:
        n_failed = 0
        for _ in range(n):
            try:
                save(model, path)
            except OSError:
                n_failed += 1
        os._exit(min(n_failed, 255))
    return child


def measure_writers(folder, n_saves, n_reads):
    """Let two processes save half of `n_saves` each; read until they are done, and so often at least."""
    path, found, n = folder / "shared.seqrec", collections.Counter(), 0
    lists = [["tea", "milk"], ["tea", "cake", "tea"], ["milk"]] * 20
    models = [MarkovRecommender().fit(lists), CombinedDetector().fit(lists)]
    save(models[0], path)
    writers = {save_often(model, path, n_saves // 2) for model in models}
    failed = 0
    while writers or n < n_reads:
        try:
            found[type(load(path)).__name__] += 1
        except ModelFileError as error:
            found[str(error)] += 1
        n += 1
        child, status = os.waitpid(-1, os.WNOHANG) if writers else (0, 0)
        if child:
            writers.discard(child)
            failed += os.waitstatus_to_exitcode(status)
    whole = sum(found[type(model).__name__] for model in models)
    return {"saves": n_saves, "failed": failed, "reads": n, "damaged": n - whole, "found": dict(found)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutations", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--saves", type=int, default=300)
    parser.add_argument("--reads", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    good = {path.stem: path.read_bytes() for path in sorted((TESTS / "golden").glob("*.seqrec"))}
    for name in _ESTIMATORS:
        _find(name)
        inspect(TESTS / "golden" / f"{name}.seqrec")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        figures = {
            # In this order: a process that has run TensorFlow must not be forked.
            "hostile": measure_hostile(good, folder),
            "kills": measure_kills(folder, arguments.kills, arguments.seed),
            "writers": measure_writers(folder, arguments.saves, arguments.reads),
            "mutations": measure_mutations(good, folder, arguments.mutations, arguments.seed),
        }
    write_result("model-files", arguments, figures)


if __name__ == "__main__":
    main()
