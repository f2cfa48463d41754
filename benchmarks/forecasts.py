"""How far off are forecasts of series that everybody forecasts, and do their intervals hold?

    python benchmarks/forecasts.py --task m4-hourly --seeds 0 1 2 --data FOLDER

The naive lines and the Theta method stand beside the network, and with `--rivals PYTHON`, on M4, what statsforecast
tells: PYTHON is that of an environment with statsforecast, which needs an older pandas. Where the official figures of a
competition are in the data, so do they.

- m4-hourly, m4-weekly: the last 48 hours or 13 weeks of each series. sMAPE, MASE (season 24, and 1 for weeks), OWA by
  `naive2.py`, which gives the official figures; MSIS and coverage of the 95 % interval. Validation: the steps before
  these, from what came before them.
- etth1, exchange_rate: 96 steps from every origin of the test part, all windows counted, none dropped; values are
  z-scored by the training part. MSE and MAE of the median, coverage of the 90 % interval. Learned from all that comes
  before the test part, of which the forecaster holds out what it needs. Validation: judged on the validation part,
  learned from the training part.
- generated: the last 48 hours of 500 series of `datasets.make_series`, whose price is known ahead: read or not. Pinball
  loss of the deciles over that of the distribution that drew the values; coverage of three intervals; and the share of
  the steps at which it lies within its binomial interval of 95 %. Validation: another seed.

Settings are the defaults of `LSTMForecaster`, one set for all, chosen on the validation parts.
"""

import itertools
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from harness import make_parser, read_settings, read_table, write_result
from naive2 import naive2
from numpy.typing import NDArray
from scipy.stats import binom, norm

from seqrec import LSTMForecaster, NaiveForecaster, SeasonalNaiveForecaster, Sequences, ThetaForecaster, metrics
from seqrec.datasets import make_series

M4 = {"m4-hourly": ("hourly", "h", 48, 24), "m4-weekly": ("weekly", "W", 13, 1)}  # step, horizon, season
WINDOWS = {  # step, and where the training and the validation part end
    "etth1": ("h", 8_640, 8_640 + 2_880, 8_640 + 2 * 2_880),
    "exchange_rate": (None, 5_311, 6_071, 7_588),
}
HORIZON = 96
LOOK_BACK = 1_400  # steps that are passed to a forecaster, more than it reads
ORIGINS_AT_ONCE = 200
GENERATED_HORIZON = 48
COVERAGES = np.array([0.5, 0.8, 0.95])
Judge = Callable[[Any], dict[str, float]]


class Task(NamedTuple):
    """What is learned from, how many steps are forecast, and what judges a forecaster that has learned."""

    learned: Sequences
    horizon: int
    judge: Judge
    official: dict[str, dict[str, float]]  # figures of others, on the test part
    rivals: Callable[[str], dict[str, dict[str, float]]] | None = None  # of an interpreter that has statsforecast
    variants: Mapping[str, dict[str, Any]] = {"LSTMForecaster": {}}  # parameters


def competition(name: str, folder: str | None, part: str) -> Task:
    file, step, horizon, season = M4[name]
    table = read_table(folder, "m4", file).sort_values(["series", "t"])
    table["series"] = table["series"].astype(str)
    if part == "validation":
        table = table[table["part"] == "train"]
    first = {"h": "1970-01-01", "W": "1970-01-04"}[step]  # Sundays of weeks; the data has no dates
    table["time"] = pd.Timestamp(first) + pd.to_timedelta(table["t"], unit=step)
    ahead = table.groupby("series")["t"].transform("max") - table["t"] < horizon
    past = Sequences.from_frame(table[~ahead], "series", None, "time", columns=["y"])
    histories = np.split(past.columns["y"], past.indptr[1:-1])
    y = table[ahead].set_index("series")["y"]
    truth = np.stack([y[key].to_numpy() for key in past.keys])
    naive = np.stack([naive2(history, season, horizon) for history in histories])
    reference = metrics.smape(truth, naive), metrics.mase(truth, naive, histories, season)

    def judge(forecaster: Any) -> dict[str, float]:
        return figures_of(forecaster.predict_quantiles(past, [0.025, 0.5, 0.975]).iloc[:, 3:].to_numpy())

    def figures_of(told: NDArray[np.float64]) -> dict[str, float]:
        lower, median, upper = np.moveaxis(told.reshape(*truth.shape, 3), -1, 0)
        by_series = {
            "sMAPE": metrics.smape(truth, median),
            "MASE": metrics.mase(truth, median, histories, season),
            "MSIS": metrics.msis(truth, lower, upper, histories, season),
            "coverage of 95 %": metrics.interval_coverage(truth, lower, upper),
        }
        owa = metrics.owa(by_series["sMAPE"], by_series["MASE"], *reference)
        return {"OWA": owa} | {measure: float(np.nanmean(values)) for measure, values in by_series.items()}

    def rivals(python: str) -> dict[str, dict[str, float]]:
        told = ask_rivals(python, histories, horizon, season)
        names = [name for name in told if not name.endswith(" seconds")]
        return {name: figures_of(told[name]) | {"seconds": float(told[f"{name} seconds"])} for name in names}

    official = read_table(folder, "m4", "official_results")
    official = official[official["frequency"] == file.capitalize()].dropna(subset="value")
    named: dict[str, dict[str, float]] = {}
    for method, metric, value in official[["method", "metric", "value"]].itertuples(index=False):
        named.setdefault(str(method), {})[metric] = value
    return Task(past, horizon, judge, named, rivals)


def ask_rivals(python: str, series: list[NDArray[np.float64]], horizon: int, season: int) -> dict[str, NDArray]:
    with tempfile.TemporaryDirectory() as folder:
        asked, answers = Path(folder, "asked.npz"), Path(folder, "answers.npz")
        lengths = list(map(len, series))
        np.savez(asked, values=np.concatenate(series), lengths=lengths, horizon=horizon, season=season)
        subprocess.run([python, str(Path(__file__).with_name("rivals.py")), str(asked), str(answers)], check=True)
        return dict(np.load(answers))


def windows(name: str, folder: str | None, part: str) -> Task:
    step, *ends = WINDOWS[name]
    table = read_table(folder, "forecast", name)
    values = table.drop(columns="date", errors="ignore").to_numpy(np.float64)
    train = values[: ends[0]]
    values = (values - train.mean(axis=0)) / train.std(axis=0)
    start, stop = ends[:2] if part == "validation" else ends[1:]

    def series(first: int, end: int, origin: str = "") -> list[tuple[str, NDArray[np.float64]]]:
        return [(f"{column}{origin}", values[first:end, column]) for column in range(values.shape[1])]

    def judge(forecaster: Any) -> dict[str, float]:
        total, n = np.zeros(3), 0
        origins = np.arange(start, stop - HORIZON + 1)
        for part_of in np.array_split(origins, -(-len(origins) // ORIGINS_AT_ONCE)):
            pasts = [each for at in part_of for each in series(max(at - LOOK_BACK, 0), at, f" at {at}")]
            truth = np.stack([values[at : at + HORIZON, c] for at in part_of for c in range(values.shape[1])])
            told = forecaster.predict_quantiles(as_sequences(pasts, step), [0.05, 0.5, 0.95]).iloc[:, 3:].to_numpy()
            lower, median, upper = np.moveaxis(told.reshape(*truth.shape, 3), -1, 0)
            error = truth - median
            total += [(error**2).sum(), np.abs(error).sum(), ((lower <= truth) & (truth <= upper)).sum()]
            n += truth.size
        return dict(zip(("MSE", "MAE", "coverage of 90 %"), (total / n).tolist(), strict=True))

    return Task(as_sequences(series(0, start), step), HORIZON, judge, {})


def generated(name: str, folder: str | None, part: str) -> Task:  # noqa: ARG001
    panel = make_series(500, random_state=int(part == "validation"))
    X = Sequences.from_frame(panel, "series", None, columns=["y", "price", "promotion"])
    past, horizon = X.head(int(X.lengths[0]) - GENERATED_HORIZON), GENERATED_HORIZON
    told_by = {name: panel[name].to_numpy().reshape(len(X), -1)[:, -horizon:] for name in ("y", "median", "spread")}
    truth, deciles = told_by["y"], np.arange(1, 10) / 10
    ends = np.sort(np.concatenate([(1 - COVERAGES) / 2, (1 + COVERAGES) / 2]))
    best = told_by["median"][..., None] * np.exp(told_by["spread"][..., None] * norm.ppf(deciles))
    scale = metrics.seasonal_scale(np.split(past.columns["y"], past.indptr[1:-1]), 24)

    def loss(told: NDArray[np.float64]) -> float:
        return float((metrics.pinball_loss(truth, told, deciles).mean(axis=1) / scale).mean())

    def judge(forecaster: Any) -> dict[str, float]:
        future = {"future": X} if forecaster.known else {}
        alpha, place = np.unique(np.round(np.concatenate([deciles, ends]), 6), return_inverse=True)
        told = forecaster.predict_quantiles(past, alpha, **future).iloc[:, 3:].to_numpy()
        told = told.reshape(*truth.shape, -1)[..., place]
        figures = {"pinball over the truth's": loss(told[..., : len(deciles)]) / loss(best)}
        held = []
        for at, coverage in enumerate(COVERAGES):
            lower, upper = told[..., -1 - len(COVERAGES) - at], told[..., at - len(COVERAGES)]
            inside = ((lower <= truth) & (truth <= upper)).sum(axis=0)
            figures[f"coverage of {coverage:.0%}"] = float(inside.mean() / len(truth))
            low, high = binom.interval(0.95, len(truth), coverage)
            held.append((low <= inside) & (inside <= high))
        return figures | {"steps that hold": float(np.mean(held))}

    variants = {"LSTMForecaster, without the price": {}, "LSTMForecaster": {"known": ["price", "promotion"]}}
    return Task(past, horizon, judge, {}, variants=variants)


def as_sequences(series: list[tuple[str, NDArray[np.float64]]], step: str | None) -> Sequences:
    """Give series as they are, without times or from one time on: no forecaster looks at the date."""
    keys, arrays = [key for key, _ in series], [values for _, values in series]
    if step is None:
        return Sequences.from_arrays(arrays, "y", keys=keys)
    lengths = list(map(len, arrays))
    ranges = {n: pd.date_range("2000-01-01", periods=n, freq=step) for n in set(lengths)}
    times = np.concatenate([ranges[n] for n in lengths])
    return Sequences.from_arrays(arrays, "y", keys=keys, timestamps=np.split(times, np.cumsum(lengths)[:-1]))


TASKS: dict[str, Callable[[str, str | None, str], Task]] = {
    **dict.fromkeys(M4, competition),
    **dict.fromkeys(WINDOWS, windows),
    "generated": generated,
}


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument("--part", choices=("test", "validation"), default="test")
    parser.add_argument("--rivals", metavar="PYTHON", help="an interpreter that has statsforecast")
    arguments = parser.parse_args()

    warnings.simplefilter("ignore", UserWarning)  # of arrays of one length, and of columns that not all models read
    task = TASKS[arguments.task](arguments.task, arguments.data, arguments.part)
    lines = {}
    for kind in (NaiveForecaster, SeasonalNaiveForecaster, ThetaForecaster):
        start = time.perf_counter()
        lines[kind.__name__] = task.judge(kind(horizon=task.horizon, target="y").fit(task.learned))
        lines[kind.__name__]["seconds"] = time.perf_counter() - start
        print(kind.__name__, show(lines[kind.__name__]), flush=True)
    if arguments.rivals and task.rivals:
        for name, figures in task.rivals(arguments.rivals).items():
            lines[f"{name} of statsforecast"] = figures
            print(name, show(figures), flush=True)
    runs = []
    for seed, (name, extra) in itertools.product(arguments.seeds, task.variants.items()):
        start = time.perf_counter()
        forecaster = LSTMForecaster(horizon=task.horizon, target="y", random_state=seed, **extra)
        forecaster.set_params(**read_settings(arguments.set)).fit(task.learned)
        fitted = time.perf_counter()
        figures = task.judge(forecaster)
        seconds = {"seconds of fit": fitted - start, "seconds of forecasts": time.perf_counter() - fitted}
        told = {"share": forecaster.share_, "history": forecaster.history_}
        runs.append({"model": name, "seed": seed, **figures, **seconds, **told})
        print(f"{name}, seed {seed}", show(figures | seconds), flush=True)
    name = f"forecasts-{arguments.task}" + ("-validation" if arguments.part == "validation" else "")
    write_result(name, arguments, {"lines": lines, "runs": runs, "official": task.official})


def show(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items())


if __name__ == "__main__":
    main()
