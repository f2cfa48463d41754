"""How often is the class of a voice, a song, a picture or a price right, told from frames of numbers?

    python benchmarks/frames.py --task japanese_vowels --seeds 0 1 2 --rivals PYTHON --data FOLDER

Beside the network stand the most frequent class, `SummaryClassifier`, and with `--rivals PYTHON` MiniRocket with ridge
regression, of sequences that are padded to one length, or stretched to it: PYTHON is that of an environment with aeon.

- japanese_vowels: which of nine speakers says two vowels; the training and test part of the archive. Validation: five
  folds of the training part.
- spoken_digits: which digit is said by a speaker who was not learned from; six folds, one for each speaker. The mean of
  each recording is taken off its log-mel energies. Validation: of the five others, the next is judged and four learned.
- gtzan5: which of five genres a song is of, by ten segments' features; five folds of whole songs. Validation: of the
  four others, the next is judged and three learned.
- mnist: which digit is written, read as 28 rows of 28 pixels. Validation: the last 10,000 of the training part.
- acl18: whether a share will rise, by eleven features of the five days before, as in Feng et al. (2019); Matthews'
  correlation beside accuracy. Validation: its validation part, learned from the training part.

Settings are the defaults of `LSTMSequenceClassifier`, one set for all, chosen on the validation parts.
"""

import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from harness import OWNERS, make_parser, read_settings, read_table, write_result
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, log_loss, matthews_corrcoef
from sklearn.model_selection import StratifiedKFold

from seqrec import LSTMSequenceClassifier, Sequences, SummaryClassifier

N_FOLDS = 5
LAG = 5  # days
VALID, TEST = "2015-08-03", "2015-10-01"
FIRST_DAY = "2014-01-02"
LACKING = -1e5  # what a feature that is missing is below


class Fold(NamedTuple):
    """Sequences to learn from, and others to ask of."""

    train: Sequences
    labels: NDArray
    asked: Sequences
    truth: NDArray


def japanese_vowels(folder: str | None, part: str) -> Iterator[Fold]:
    table = read_table(folder, "voice", "JapaneseVowels").sort_values(["part", "seq", "t"])
    channels = [f"c{channel}" for channel in range(12)]

    def read(name: str) -> tuple[Sequences, NDArray]:
        own = table[table["part"] == name]
        X = Sequences.from_frame(own, "seq", None, None, columns=channels)
        return X, own.groupby("seq")["label"].first()[X.keys].to_numpy()

    X, y = read("train")
    if part == "test":
        yield Fold(X, y, *read("test"))
        return
    for train, asked in StratifiedKFold(N_FOLDS, shuffle=True, random_state=0).split(y, y):
        yield Fold(X[train], y[train], X[asked], y[asked])


def spoken_digits(folder: str | None, part: str) -> Iterator[Fold]:
    recordings = read_table(folder, "voice", "fsdd_meta")
    frames = read_arrays(folder, "voice", "fsdd_logmel26")["frames"].astype(np.float32)
    pieces = (frames[start : start + n] for start, n in recordings[["start", "frames"]].itertuples(index=False))
    X = Sequences.from_arrays([piece - piece.mean(axis=0) for piece in pieces], "log_mel")
    y, speaker = recordings["digit"].to_numpy(), recordings["speaker"].to_numpy()
    yield from by_groups(X, y, speaker, part)


def gtzan5(folder: str | None, part: str) -> Iterator[Fold]:
    table = read_table(folder, "songs", "gtzan5").sort_values(["genre", "song", "row"])
    table["key"] = table["genre"] + " " + table["song"].astype(str)
    features = [name for name in table.columns if name.endswith(("_mean", "_var")) or name == "tempo"]
    X = Sequences.from_frame(table, "key", None, None, columns=features)
    of_song = table.groupby("key")[["genre", "fold"]].first().loc[X.keys]
    yield from by_groups(X, of_song["genre"].to_numpy(), of_song["fold"].to_numpy(), part)


def by_groups(X: Sequences, y: NDArray, groups: NDArray, part: str) -> Iterator[Fold]:
    """Leave out each group in turn; for validation it is not even read, and the next one is judged."""
    names = np.unique(groups)
    for place, left_out in enumerate(names):
        judged = left_out if part == "test" else names[(place + 1) % len(names)]
        train = (groups != left_out) & (groups != judged)
        yield Fold(X[train], y[train], X[groups == judged], y[groups == judged])


def mnist(folder: str | None, part: str) -> Iterator[Fold]:
    found = read_arrays(folder, "mnist", "mnist")
    X, y = Sequences.from_arrays(found["x_train"], "row"), found["y_train"].astype(int)
    if part == "test":
        yield Fold(X, y, Sequences.from_arrays(found["x_test"], "row"), found["y_test"].astype(int))
    else:
        yield Fold(X[:-10_000], y[:-10_000], X[-10_000:], y[-10_000:])


def acl18(folder: str | None, part: str) -> Iterator[Fold]:
    table = read_table(folder, "stocks", "acl18").sort_values(["ticker", "date"])
    features = [f"f{feature}" for feature in range(11)]
    windows, labels, days = [], [], []
    for _, share in table.groupby("ticker"):
        values, up = share[features].to_numpy(), share["up"].to_numpy()
        dates = pd.to_datetime(share["date"])
        told = np.abs(np.nan_to_num(up)) > 0
        for day in np.flatnonzero(told & (dates >= FIRST_DAY).to_numpy()):
            before = values[max(day - LAG, 0) : day]
            if len(before) == LAG and not np.isnan(before).any() and before.min() > LACKING:
                windows.append(before)
                labels.append(up[day] > 0)
                days.append(dates.iloc[day])
    X, y, when = Sequences.from_arrays(np.stack(windows), features), np.array(labels), np.array(days, "datetime64[s]")
    is_train = when < np.datetime64(VALID)
    is_valid = ~is_train & (when < np.datetime64(TEST))
    asked = ~(is_train | is_valid) if part == "test" else is_valid
    yield Fold(X[is_train], y[is_train], X[asked], y[asked])


def read_arrays(folder: str | None, name: str, file: str) -> Any:
    path = Path(folder or os.environ.get("SEQREC_DATA", "")) / name / f"{file}.npz"
    if not path.exists():
        sys.exit(f"Missing: {path}\nWho publishes it: {OWNERS[name]}\nWhat it must hold: see benchmarks/README.md")
    return np.load(path)


TASKS: dict[str, Callable[[str | None, str], Iterator[Fold]]] = {
    each.__name__: each for each in (japanese_vowels, spoken_digits, gtzan5, mnist, acl18)
}


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument("--part", choices=("test", "validation"), default="test")
    parser.add_argument("--folds", type=int, help="only so many of the first folds")
    parser.add_argument("--rivals", metavar="PYTHON", help="an interpreter that has aeon")
    arguments = parser.parse_args()

    warnings.simplefilter("ignore", UserWarning)  # of arrays that end in the same values
    folds = list(TASKS[arguments.task](arguments.data, arguments.part))[: arguments.folds]
    sizes = [{"learned": len(fold.train), "asked": len(fold.asked)} for fold in folds]
    print(sizes)
    lines: dict[str, dict[str, Any]] = {"most frequent class": judged(folds, [most_frequent(fold) for fold in folds])}
    start = time.perf_counter()
    told = [SummaryClassifier().fit(fold.train, fold.labels).predict_proba(fold.asked) for fold in folds]
    lines["SummaryClassifier"] = judged(folds, told) | {"seconds": time.perf_counter() - start}
    if arguments.rivals:
        for how in ("padded", "stretched"):
            lines[f"MiniRocket and ridge, {how}"] = rivals(arguments.rivals, folds, how)
    for name, figures in lines.items():
        print(name, show(figures), flush=True)
    runs = []
    for seed in arguments.seeds:
        start, told = time.perf_counter(), []
        for fold in folds:
            classifier = LSTMSequenceClassifier(level="sequence", random_state=seed)
            classifier.set_params(**read_settings(arguments.set)).fit(fold.train, fold.labels)
            told.append(classifier.predict_proba(fold.asked))
            by_fold = accuracy_score(fold.truth, classifier.classes_[told[-1].argmax(axis=1)])
            print(f"  fold {len(told)}: {by_fold:.4f}, {time.perf_counter() - start:.0f} s", flush=True)
        figures = judged(folds, told) | {"seconds": time.perf_counter() - start}
        runs.append({"seed": seed, **figures})
        print(f"LSTMSequenceClassifier, seed {seed}", show(figures), flush=True)
    name = f"frames-{arguments.task}" + ("-validation" if arguments.part == "validation" else "")
    write_result(name, arguments, {"folds": sizes, "lines": lines, "runs": runs})


def most_frequent(fold: Fold) -> NDArray[np.float64]:
    shares = np.unique(fold.labels, return_counts=True)[1] / len(fold.labels)
    return np.tile(shares, (len(fold.asked), 1))


def judged(folds: list[Fold], told: list[NDArray[np.float64]]) -> dict[str, float]:
    """Judge probabilities of the classes of each fold: the mean over folds."""
    figures = []
    for fold, probabilities in zip(folds, told, strict=True):
        classes = np.unique(fold.labels)
        loss = log_loss(fold.truth, probabilities, labels=classes)
        figures.append(of_labels(fold.truth, classes[probabilities.argmax(axis=1)]) | {"log-loss": loss})
    return pd.DataFrame(figures).mean().to_dict()


def of_labels(truth: NDArray, found: NDArray) -> dict[str, float]:
    return {"accuracy": accuracy_score(truth, found), "MCC": matthews_corrcoef(truth, found)}


def rivals(python: str, folds: list[Fold], how: str) -> dict[str, float]:
    figures = []
    for fold in folds:
        both = [fold.train, fold.asked]
        columns = [[column.reshape(X.n_events, -1) for column in X.columns.values()] for X in both]
        values = np.concatenate([np.concatenate(each, axis=1) for each in columns])
        classes, labels = np.unique(fold.labels, return_inverse=True)
        with tempfile.TemporaryDirectory() as folder:
            asked, answers = Path(folder, "asked.npz"), Path(folder, "answers.npz")
            lengths = np.concatenate([X.lengths for X in both])
            np.savez(asked, values=values, lengths=lengths, labels=labels, n_train=len(labels))
            script = Path(__file__).with_name("frame_rivals.py")
            subprocess.run([python, str(script), str(asked), str(answers), how], check=True)
            told = np.load(answers)
            seconds = float(told["seconds"])
            figures.append(of_labels(fold.truth, classes[told["found"]]) | {"seconds": seconds})
    table = pd.DataFrame(figures)
    return table.mean().to_dict() | {"seconds": float(table["seconds"].sum())}


def show(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items())


if __name__ == "__main__":
    main()
