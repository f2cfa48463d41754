"""What `interruptions.py` interrupts: logs with dirt in them, models, jobs of the command line, and their results."""

import gzip
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

import seqrec
from seqrec import LSTMAnomalyDetector, MarkovRecommender, PopularityRecommender, Sequences
from seqrec.datasets import make_fraud_log, make_interactions

STEPS = str(Path(__file__).with_name("small_steps.py"))
N_SESSIONS, N_ACCOUNTS, N_VIEWS = 3_600, 2_000, 90_000
DIRTY, DOUBLE = 0.004, 0.01  # shares of the rows
FIELDS = ["amount", "channel"]
TIMEOUT = 300  # seconds; a job that takes longer hangs

FRAUD = ["score", "models/detector.seqrec"]
ACCOUNTS = ["--user", "account_id"]
MARKOV, POPULAR = ["recommend", "models/markov.seqrec"], ["recommend", "models/popular.seqrec"]


class Job(NamedTuple):
    """A command, without its output and its state."""

    name: str
    command: list[str]
    state: str | None = None  # "new", or the folder that the states come from

    def in_folder(self, run: Path) -> list[str]:
        """Give the arguments for a run whose files lie in a folder."""
        state = ["--state", str(run / "state")] if self.state else []
        return [*self.command, "-o", str(run / "out"), *state]

    def begin(self, run: Path) -> None:
        """Make the folder of a run, and lay the states there that it reads."""
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir(parents=True)
        if self.state not in (None, "new"):
            shutil.copytree(self.state, run / "state")


FIRST_DAY = Job("first day", [*FRAUD, "logs/day-1.parquet", *ACCOUNTS], "new")
JOBS = [
    Job("score CSV", [*FRAUD, "logs/sessions.csv"]),
    Job("score JSON Lines to CSV", [*FRAUD, "logs/sessions.jsonl", "--format", "csv"]),
    Job(
        "score three CSV files, gzip, one broken off, without duplicates, one false alarm in 50",
        [*FRAUD, "logs/sessions-*.csv.gz", "--drop-duplicates", "--fpr", "0.02"],
    ),
    Job("score part 2 of 3", [*FRAUD, "logs/sessions.parquet", "--shard", "2/3", "--format", "jsonl"]),
    Job("score the first day with states", [*FRAUD, "logs/day-1.parquet", *ACCOUNTS], "new"),
    Job("score the second day with states", [*FRAUD, "logs/day-2.csv.gz", *ACCOUNTS, "--format", "csv"], "states"),
    Job("recommend, CSV", [*MARKOV, "logs/views.csv"]),
    Job("recommend, three JSON Lines files, gzip, to CSV", [*POPULAR, "logs/views-*.jsonl.gz", "--format", "csv"]),
    Job(
        "recommend without duplicates, Parquet to JSON Lines",
        [*MARKOV, "logs/views.parquet", "--drop-duplicates", "--format", "jsonl"],
    ),
    Job("recommend, part 1 of 2", [*POPULAR, "logs/views.parquet", "--shard", "1/2", "-k", "20"]),
]
SWEPT = Job("recommend, one file", [*MARKOV, "logs/views-few.csv"])
SAMPLED = next(job for job in JOBS if job.state == "states")
WATCHED = FIRST_DAY


# -- logs and models


def make_material(folder: Path) -> None:
    """Write logs and models, and score the first day, whose states the second needs."""
    for name in ("logs", "models"):
        (folder / name).mkdir()
    rng = np.random.default_rng(0)
    clean = make_fraud_log(600, 0, random_state=1)
    X = Sequences.from_frame(clean, user="session_id", item="event", columns=FIELDS)
    detector = LSTMAnomalyDetector(max_epochs=2, n_folds=1, units=16, verbose=False, random_state=0).fit(X)
    columns = {"user": "session_id", "item": "event", "timestamp": "timestamp", "fields": FIELDS}
    seqrec.save(detector, folder / "models" / "detector.seqrec", columns)
    log = make_fraud_log(N_SESSIONS, 0.05, n_accounts=N_ACCOUNTS, random_state=2)
    log = log.drop(columns=["is_fraud", "kind"])
    for name, part in _in_formats(log, "sessions", "csv.gz").items():
        _write(_with_dirt(part, rng), folder / "logs" / name)
    _break_off(folder / "logs" / "sessions-2.csv.gz")
    half = len(log) // 2
    _write(_with_dirt(log[:half], rng), folder / "logs" / "day-1.parquet")
    late = log[:half].sample(50, random_state=0)
    _write(_with_dirt(pd.concat([log[half:], late]), rng), folder / "logs" / "day-2.csv.gz")

    views = make_interactions(4_000, 300, N_VIEWS, random_state=3)
    X = Sequences.from_frame(views[: N_VIEWS // 2])
    seqrec.save(MarkovRecommender().fit(X), folder / "models" / "markov.seqrec")
    seqrec.save(PopularityRecommender().fit(X), folder / "models" / "popular.seqrec")
    for name, part in (_in_formats(views, "views", "jsonl.gz") | {"views-few.csv": views[:20_000]}).items():
        _write(_with_dirt(part, rng), folder / "logs" / name)


def _in_formats(log: pd.DataFrame, name: str, parts: str) -> dict[str, pd.DataFrame]:
    files = {f"{name}.{ending}": log for ending in ("csv", "jsonl", "parquet")}
    thirds = np.array_split(np.arange(len(log)), 3)
    return files | {f"{name}-{number}.{parts}": log.iloc[rows] for number, rows in enumerate(thirds)}


def _with_dirt(log: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Double some rows, and take cells out of others."""
    doubles = log.iloc[rng.choice(len(log), int(DOUBLE * len(log)), replace=False)]
    dirty = pd.concat([log, doubles]).sort_values("timestamp", kind="stable", ignore_index=True)
    rows = rng.choice(len(dirty), int(DIRTY * len(dirty)), replace=False)
    for column, some in zip(dirty.columns, np.array_split(rows, len(dirty.columns)), strict=True):
        dirty.loc[some, column] = np.inf if column == "amount" else None
    return dirty


def _write(log: pd.DataFrame, path: Path) -> None:
    if path.suffix == ".parquet":
        log.to_parquet(path, row_group_size=2**14)
    elif ".jsonl" in path.suffixes:
        log.to_json(path, orient="records", lines=True, date_format="iso")
    else:
        log.to_csv(path, index=False)


def _break_off(path: Path) -> None:
    packed = path.read_bytes()
    path.write_bytes(packed[: len(packed) - 200])
    try:
        gzip.decompress(path.read_bytes())
    except EOFError:
        return
    raise AssertionError(f"{path} is whole")


# -- runs


class Ended(NamedTuple):
    """How a process came to its end."""

    code: int | None  # None: killed, because its time was up
    seconds: float
    words: str  # what it wrote

    @property
    def last_words(self) -> str:
        """Last line that it wrote."""
        lines = [line.strip() for line in self.words.splitlines() if line.strip()]
        return lines[-1] if lines else ""


def run(command: list[str], seconds: float = TIMEOUT, environment: dict[str, str] | None = None) -> Ended:
    """Run a process, and kill it (SIGKILL) when its time is up."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
    )
    try:
        words = process.communicate(timeout=seconds)[0]
        code = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        words, code = process.communicate()[0], None
    return Ended(code, time.perf_counter() - began, words.decode(errors="replace"))


def run_job(job: Job, folder: Path, seconds: float = TIMEOUT, environment: dict[str, str] | None = None) -> Ended:
    """Run a job's command in small steps."""
    return run([sys.executable, STEPS, *job.in_folder(folder)], seconds, os.environ | (environment or {}))


def work_of(folder: Path) -> Path:
    """Folder of what is not a result of a run; a part of a log has a folder of its own."""
    return next((folder / "out").glob("**/.seqrec"), folder / "out" / ".seqrec")


class Forked:
    """Runs commands in processes that are forked off one that has imported everything; much faster, without TensorFlow.

    Parameters
    ----------
    environment : dict
        Of all the processes.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self._words = Path("words")
        self._server = subprocess.Popen(
            [sys.executable, STEPS, "--forked"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )

    def __call__(self, job: Job, folder: Path, environment: dict[str, str] | None = None) -> Ended:
        """Run a job's command."""
        began = time.perf_counter()
        command = {"arguments": job.in_folder(folder), "environment": environment or {}, "seconds": TIMEOUT}
        self._server.stdin.write(json.dumps(command | {"words": str(self._words)}) + "\n")
        self._server.stdin.flush()
        code = json.loads(self._server.stdout.readline())
        return Ended(code, time.perf_counter() - began, self._words.read_text(errors="replace"))

    def close(self) -> None:
        """End the process that they are forked off."""
        self._server.stdin.close()
        self._server.wait()


def stage_of(folder: Path) -> str:
    """Tell how far a run has come."""
    work = work_of(folder)
    output = work.parent
    if not (work / "plan.json").exists():
        return "start"
    if (output / "report.json").exists():
        return "end"
    if not (work / "census.json").exists():
        return "checking"
    return "writing" if any(path != work for path in output.iterdir()) else "scoring"


# -- results


class Difference(NamedTuple):
    """How the results of two runs differ."""

    files: tuple[str, ...]  # that differ in any byte, are missing or too many
    lost: int  # rows
    doubled: int
    other: int  # rows that are in neither place of the other run
    left_over: tuple[str, ...]  # files that are no results, and should have been removed


def compare(folder: Path, reference: Path) -> Difference:
    """Compare the results of a run, and its states, with those of a run that nothing interrupted."""
    found, wanted = _files_of(folder), _files_of(reference)
    left_over = tuple(sorted(name for name in found if name not in wanted and _is_left_over(name)))
    names = sorted(
        name for name in {*found, *wanted} - set(left_over) if _content(found, name) != _content(wanted, name)
    )
    lost = doubled = other = 0
    for name in names:
        got, due = _rows(found.get(name)), _rows(wanted.get(name))
        extra = got - due
        lost += (due - got).total()
        doubled += sum(n for row, n in extra.items() if row in due)
        other += sum(n for row, n in extra.items() if row not in due)
    return Difference(tuple(names), lost, doubled, other, left_over)


def _files_of(folder: Path) -> dict[str, Path]:
    """Give the files of results, steps and states by name; what a job knows of itself is not compared."""
    records, states = work_of(folder), folder / "state"
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    files = {name: path for name, path in files.items() if path.parent != records}
    if not (states / "current.json").exists():
        return files
    for night, name in enumerate(_nights(states / "current.json")):
        files = {file.replace(name, f"night {night}"): path for file, path in files.items()}
    return files


def _nights(path: Path) -> list[str]:
    """Name the generations of states, whose names are drawn at random."""
    return [night["name"] for night in json.loads(path.read_text())["generations"]]


def _is_left_over(name: str) -> bool:
    parts = Path(name).parts
    old_states = parts[0] == "state" and parts[1] != "current.json" and not parts[1].startswith("night ")
    return ".seqrec" in parts or name.endswith(".unfinished") or old_states


def _content(files: dict[str, Path], name: str) -> Any:
    if name not in files:
        return None
    if name == "state/current.json":
        text = files[name].read_text()
        for night, drawn in enumerate(_nights(files[name])):
            text = text.replace(drawn, f"night {night}")
        return text
    if files[name].name == "report.json":  # it tells when the job ran
        return {key: part for key, part in json.loads(files[name].read_text()).items() if key not in ("run", "sha256")}
    return files[name].read_bytes()


def _rows(path: Path | None) -> Counter[str]:
    if path is None:
        return Counter()
    if path.suffix == ".parquet" and path.stat().st_size:
        return Counter(map(repr, pq.read_table(path).to_pylist()))
    return Counter(path.read_text(errors="replace").splitlines())
