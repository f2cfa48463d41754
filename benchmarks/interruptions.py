"""Is anything lost or doubled when the command line is killed, or a disk fails under it?

Jobs are killed by SIGKILL at moments drawn at random over their usual time, a quarter of them before there is a plan,
started again, killed again, and at last let finish; then results and states are compared, byte by byte, with those of
a run that nothing interrupted. Every call that changes a file (write, open for writing, truncate, fsync, rename, mkdir,
removal) is made to fail, once, with one error after another in turn; then the same command runs without failure. And a
second run on an output or on states that are in use must be refused. Runs on Linux, with a C compiler, in half an hour.

    python benchmarks/interruptions.py
    python benchmarks/interruptions.py --kills 2 --every 10 --sample 5 --refusals 3     # a trial
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from harness import write_result
from interrupted_jobs import (
    FIRST_DAY,
    JOBS,
    SAMPLED,
    SWEPT,
    WATCHED,
    Difference,
    Ended,
    Forked,
    Job,
    compare,
    make_material,
    run,
    run_job,
    stage_of,
    work_of,
)

import seqrec
from seqrec._files import write_bytes

CLEAN = (0, 3, 5)  # exit codes of a job that has finished
INPUT_OUTPUT, LOCKED = 74, 75
AT_START = 0.25  # share of kills before there is a plan
LONGEST_CHAIN = 6  # kills of one run, at most
# Errors, by turns: disk full from here on, or for once; a disk error; no permission; half a write; no more process.
KINDS = ("FULL", "EIO", "EACCES", "SHORT", "ENOSPC", "KILL")
SAVE = """
import sys, seqrec
model = seqrec.load(sys.argv[1])
try:
    seqrec.save(model, sys.argv[2])
except OSError as error:
    sys.exit(print(error) or 74)
"""


class Reference(NamedTuple):
    """A run that nothing interrupted."""

    folder: Path
    ended: Ended
    start: float  # seconds until there was a plan


def run_reference(job: Job, folder: Path) -> Reference:
    """Run a job that nothing interrupts."""
    job.begin(folder)
    began = time.time()
    ended = run_job(job, folder)
    if ended.code not in CLEAN:
        sys.exit(f"{' '.join(job.in_folder(folder))}\nended with {ended.code}:\n{ended.words}")
    return Reference(folder, ended, (work_of(folder) / "plan.json").stat().st_mtime - began)


# -- kills


def kill_job(job: Job, n_kills: int, seed: int) -> dict[str, Any]:
    """Kill a job so many times, in runs of some kills each that are let finish at last."""
    rng = np.random.default_rng(seed)
    reference = run_reference(job, Path("runs") / "reference")
    stages: Counter[str] = Counter()
    differences: list[Difference] = []
    codes: Counter[int | None] = Counter()
    while stages.total() < n_kills:
        folder = Path("runs") / "killed"
        job.begin(folder)
        for _ in range(min(rng.integers(1, LONGEST_CHAIN + 1), n_kills - stages.total())):
            ended = run_job(job, folder, _moment(reference, rng))
            if ended.code is not None:
                break
            stages[stage_of(folder)] += 1
        if ended.code is None:
            ended = run_job(job, folder)
        codes[ended.code] += 1
        differences.append(compare(folder, reference.folder))
        _tell_difference(job.name, ended, differences[-1])
    return {
        "job": job.name,
        "seconds": reference.ended.seconds,
        "kills": stages.total(),
        "stages": dict(stages),
        "runs": len(differences),
        "wrong_exit_codes": codes.total() - codes[reference.ended.code],
        **_sum(differences),
    }


def _moment(reference: Reference, rng: np.random.Generator) -> float:
    start, end = reference.start, reference.ended.seconds
    return float(rng.uniform(0, start) if rng.random() < AT_START else rng.uniform(start, end))


def _sum(differences: list[Difference]) -> dict[str, int]:
    return {
        "runs_that_differ": sum(bool(difference.files) for difference in differences),
        "rows_lost": sum(difference.lost for difference in differences),
        "rows_doubled": sum(difference.doubled for difference in differences),
        "rows_different": sum(difference.other for difference in differences),
        "runs_that_left_files": sum(bool(difference.left_over) for difference in differences),
    }


def _tell_difference(name: str, ended: Ended, difference: Difference) -> None:
    if difference.files or difference.left_over or ended.code not in CLEAN:
        print(f"  ! {name}: ended with {ended.code}, {ended.last_words!r}; {difference}", flush=True)


# -- faults


class Faults:
    """Makes calls on the files of a folder fail; see faults.c."""

    def __init__(self, folder: Path) -> None:
        self._library, self._log = folder / "faults.so", folder / "faults.log"
        source = Path(__file__).with_name("faults.c")
        command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(self._library), str(source), "-ldl"]
        subprocess.run(command, check=True)

    @property
    def loaded(self) -> dict[str, str]:
        """Environment of a process whose calls can fail."""
        return {"LD_PRELOAD": str(self._library.resolve())}

    def environment(self, root: Path, at: int = 0, kind: str = "EIO") -> dict[str, str]:
        """Let call number `at`, from 1, fail; 0: the calls are only listed."""
        self._log.unlink(missing_ok=True)
        names = {"ROOT": root.resolve(), "AT": at, "KIND": kind, "LOG": self._log.resolve()}
        return self.loaded | {f"FAULTS_{name}": str(value) for name, value in names.items()}

    def calls(self) -> list[str]:
        """List the calls of the process before that were counted, or that failed."""
        return [line.split("\t")[1] for line in self._log.read_text().splitlines()] if self._log.exists() else []


class Fault(NamedTuple):
    """What came of a call that failed."""

    call: str
    kind: str
    ended: Ended
    ending: str  # "refused" as documented, "unharmed", "killed", or what is wrong
    after: Difference  # results after the same command without failure


def sweep(job: Job, faults: Faults, numbers: Any, do: Callable[..., Ended] = run_job) -> dict[str, Any]:
    """Fail calls of a job by their numbers, which `numbers` chooses from all of them; `do` runs the job."""
    reference = run_reference(job, Path("runs") / "reference")
    folder = Path("runs") / "failing"
    job.begin(folder)
    do(job, folder, environment=faults.environment(folder))
    calls = faults.calls()
    results = []
    for turn, number in enumerate(numbers(calls)):
        call, kind = calls[number - 1], KINDS[turn % len(KINDS)]
        kind = "EIO" if kind == "SHORT" and call != "write" else kind
        job.begin(folder)
        ended = do(job, folder, environment=faults.environment(folder, number, kind))
        ending = _judge(ended, kind, compare(folder, reference.folder)) if faults.calls() else "did not happen"
        again = do(job, folder)
        after = compare(folder, reference.folder)
        _tell_difference(f"{job.name}, call {number} ({call}), {kind}, second run", again, after)
        if ending not in ("refused", "unharmed", "killed"):
            print(f"  ! {job.name}, call {number} ({call}), {kind}: {ending}\n{ended.words}", flush=True)
        results.append(Fault(call, kind, ended, ending, after))
    return {"job": job.name, "calls": len(calls), "calls_by_kind": dict(Counter(calls)), **_summary(results)}


def sweep_forked(job: Job, faults: Faults, numbers: Any) -> dict[str, Any]:
    """Fail calls of a job whose processes are forked off one that has imported everything."""
    forked = Forked(os.environ | faults.loaded)
    try:
        return sweep(job, faults, numbers, forked)
    finally:
        forked.close()


def one_in(n: int, calls: list[str]) -> list[int]:
    """Choose every n-th call."""
    return list(range(1, len(calls) + 1, n))


def sample(n: int, calls: list[str]) -> list[int]:
    """Choose n calls, evenly spaced: half of them writes, which are most of the calls, and half others."""
    is_write = np.array([call == "write" for call in calls])
    kinds = [np.flatnonzero(is_write), np.flatnonzero(~is_write)]
    chosen = [rows[np.linspace(0, len(rows) - 1, n // 2).astype(int)] for rows in kinds]
    return sorted((np.concatenate(chosen) + 1).tolist())


def _judge(ended: Ended, kind: str, difference: Difference) -> str:
    """Say what came of a failure, by exit code and last words; clean means that nothing is missing."""
    if kind == "KILL":
        return "killed" if ended.code == -9 else f"exit code {ended.code}"
    if ended.code is None:
        return "hung"
    if "Traceback (most recent call last)" in ended.words:
        return "traceback"
    if ended.code in CLEAN:
        return "clean, but results differ" if difference.files else "unharmed"
    return "refused" if ended.code == INPUT_OUTPUT else f"exit code {ended.code}"


def _summary(results: list[Fault]) -> dict[str, Any]:
    return {
        "failed": len(results),
        "failed_by_error": dict(Counter(fault.kind for fault in results)),
        "failed_by_call": dict(Counter(fault.call for fault in results)),
        "endings": dict(Counter(fault.ending for fault in results)),
        "last_words": sorted({fault.ended.last_words for fault in results if fault.ending == "refused"})[:5],
        **_sum([fault.after for fault in results]),
    }


def sweep_save(faults: Faults) -> dict[str, Any]:
    """Fail every call of `seqrec.save`, with every error; the file must be the old one or the new one."""
    folder = Path("saved")
    folder.mkdir()
    old, new = (Path("models") / f"{name}.seqrec" for name in ("popular", "markov"))
    path = folder / "model.seqrec"
    command = [sys.executable, "-c", SAVE, str(new), str(path)]

    def save(at: int = 0, kind: str = "EIO") -> Ended:
        for left_over in folder.iterdir():
            left_over.unlink()
        path.write_bytes(old.read_bytes())
        return run(command, environment=os.environ | faults.environment(folder, at, kind))

    save()
    calls = faults.calls()
    endings: Counter[str] = Counter()
    files: Counter[str] = Counter()
    for number, call in enumerate(calls, 1):
        for kind in KINDS:
            if kind == "SHORT" and call != "write":
                continue
            ended = save(number, kind)
            endings[_judge(ended, kind, Difference((), 0, 0, 0, ()))] += 1
            content = path.read_bytes()
            kept = "old" if content == old.read_bytes() else "new" if content == new.read_bytes() else "damaged"
            files[kept] += 1
            seqrec.load(path)
            files["left over"] += kind != "KILL" and len(list(folder.iterdir())) > 1
    return {"calls": len(calls), "failed": endings.total(), "endings": dict(endings), "files": dict(files)}


# -- a second run


def time_refusals(n: int) -> dict[str, Any]:
    """Start a second run on the output, and on the states, of one that works; tell how long it takes to be refused."""
    seconds: dict[str, list[float]] = {"output": [], "states": []}
    processor: list[float] = []
    codes: Counter[int | None] = Counter()
    job, folder = WATCHED, Path("runs") / "first"
    same = {"output": job.in_folder(folder), "states": [*job.in_folder(folder)]}
    same["states"][same["states"].index("-o") + 1] = str(Path("runs") / "second")
    while min(map(len, seconds.values())) < n:
        job.begin(folder)
        first = subprocess.Popen(
            [sys.executable, "-m", "seqrec", *job.in_folder(folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not (work_of(folder) / "plan.json").exists() and first.poll() is None:
            time.sleep(0.01)
        while min(map(len, seconds.values())) < n:
            before = _processor_seconds()
            ended = {what: run([sys.executable, "-m", "seqrec", *arguments]) for what, arguments in same.items()}
            processor.append((_processor_seconds() - before) / len(ended))
            if first.poll() is not None:  # so it may have ended before the second began
                break
            for what, end in ended.items():
                seconds[what].append(end.seconds)
                codes[end.code] += 1
        first.kill()
        first.wait()
    return {
        "runs": codes.total(),
        "refused": codes[LOCKED],
        "seconds": {what: {"median": np.median(all_), "most": max(all_)} for what, all_ in seconds.items()},
        "processor_seconds": np.median(processor),
    }


def _processor_seconds() -> float:
    """Time that the processes that have ended took of a processor."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Progress:
    """What has been measured: the script goes on from there if it is stopped, with the same options."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        options = "-".join(map(str, vars(arguments).values()))
        self._path = Path(tempfile.gettempdir()) / f"interruptions-{options}.json"
        self._known = json.loads(self._path.read_text()) if self._path.exists() else {}

    def measure(self, name: str, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Give figures; measure them unless they are known."""
        if name not in self._known:
            began = time.perf_counter()
            figures = call() | {"minutes": (time.perf_counter() - began) / 60}
            self._known[name] = json.loads(json.dumps(figures, default=float))
            write_bytes(self._path, json.dumps(self._known).encode())
            print(f"{time.strftime('%X')}  {name}: {figures}", flush=True)
        return self._known[name]

    def end(self) -> None:
        """Forget it."""
        self._path.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10, help="of each job")
    parser.add_argument("--every", type=int, default=1, help="of the calls of a short job, fail every so many")
    parser.add_argument("--sample", type=int, default=36, help="calls of a long job that fail")
    parser.add_argument("--refusals", type=int, default=20, help="second runs on an output, and on states")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    arguments = parser.parse_args()
    progress = Progress(arguments)
    with tempfile.TemporaryDirectory(prefix="interruptions-") as folder:
        os.chdir(folder)
        make_material(Path())
        run_reference(FIRST_DAY, Path("runs") / "first-day")
        os.rename("runs/first-day/state", "states")
        kills = [
            progress.measure(job.name, partial(kill_job, job, arguments.kills, arguments.seed + number))
            for number, job in enumerate(JOBS)
        ]
        faults = Faults(Path())
        every, some = partial(one_in, arguments.every), partial(sample, arguments.sample)
        sweeps = [
            progress.measure(SWEPT.name, partial(sweep_forked, SWEPT, faults, every)),
            progress.measure(f"sample of {SAMPLED.name}", partial(sweep, SAMPLED, faults, some)),
        ]
        saved = progress.measure("save", partial(sweep_save, faults))
        refusals = progress.measure("refusals", partial(time_refusals, arguments.refusals))
        os.chdir("/")
    figures = {"kills": kills, "faults": sweeps, "save": saved, "refusals": refusals}
    write_result("interruptions", arguments, figures)
    progress.end()


if __name__ == "__main__":
    main()
