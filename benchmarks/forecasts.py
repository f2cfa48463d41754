"""How far off are forecasts of series that everybody forecasts, and do their intervals hold?

    python benchmarks/forecasts.py --task m4-hourly --seeds 0 1 2 --data FOLDER

The naive lines stand beside the network. Where the official figures of a competition are in the data, so do they.

- m4-hourly, m4-weekly: the last 48 hours or 13 weeks of each series. sMAPE, MASE (season 24, and 1 for weeks), OWA by
  `naive2.py`, which gives the official figures; MSIS and coverage of the 95 % interval. Validation: the steps before
  these, from what came before them.
- etth1, exchange_rate: 96 steps from every origin of the test part, all windows counted, none dropped; values are
  z-scored by the training part. MSE and MAE of the median, coverage of the 90 % interval. Learned from all that comes
  before the test part, of which the forecaster holds out what it needs. Validation: judged on the validation part,
  learned from the training part.

Settings are the defaults of `LSTMForecaster`, one set for all, chosen on the validation parts.
"""

import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from harness import make_parser, read_settings, read_table, write_result
from naive2 import naive2
from numpy.typing import NDArray

from seqrec import LSTMForecaster, NaiveForecaster, SeasonalNaiveForecaster, Sequences, metrics

M4 = {"m4-hourly": ("hourly", "h", 48, 24), "m4-weekly": ("weekly", "W", 13, 1)}  # step, horizon, season
WINDOWS = {  # step, and where the training and the validation part end
    "etth1": ("h", 8_640, 8_640 + 2_880, 8_640 + 2 * 2_880),
    "exchange_rate": (None, 5_311, 6_071, 7_588),
}
HORIZON = 96
LOOK_BACK = 1_400  # steps that are passed to a forecaster, more than it reads
ORIGINS_AT_ONCE = 200
Judge = Callable[[Any], dict[str, float]]


class Task(NamedTuple):
    """What is learned from, how many steps are forecast, and what judges a forecaster that has learned."""

    learned: Sequences
    horizon: int
    judge: Judge
    official: dict[str, dict[str, float]]  # figures of others, on the test part


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
        told = forecaster.predict_quantiles(past, [0.025, 0.5, 0.975]).iloc[:, 3:].to_numpy()
        lower, median, upper = np.moveaxis(told.reshape(*truth.shape, 3), -1, 0)
        by_series = {
            "sMAPE": metrics.smape(truth, median),
            "MASE": metrics.mase(truth, median, histories, season),
            "MSIS": metrics.msis(truth, lower, upper, histories, season),
            "coverage of 95 %": metrics.interval_coverage(truth, lower, upper),
        }
        owa = metrics.owa(by_series["sMAPE"], by_series["MASE"], *reference)
        return {"OWA": owa} | {measure: float(np.nanmean(values)) for measure, values in by_series.items()}

    official = read_table(folder, "m4", "official_results")
    official = official[official["frequency"] == file.capitalize()].dropna(subset="value")
    named: dict[str, dict[str, float]] = {}
    for method, metric, value in official[["method", "metric", "value"]].itertuples(index=False):
        named.setdefault(str(method), {})[metric] = value
    return Task(past, horizon, judge, named)


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


def as_sequences(series: list[tuple[str, NDArray[np.float64]]], step: str | None) -> Sequences:
    """Give series as they are, without times or from one time on: no forecaster looks at the date."""
    keys, arrays = [key for key, _ in series], [values for _, values in series]
    warnings.simplefilter("ignore", UserWarning)  # that arrays of one length could be padded
    if step is None:
        return Sequences.from_arrays(arrays, "y", keys=keys)
    lengths = list(map(len, arrays))
    ranges = {n: pd.date_range("2000-01-01", periods=n, freq=step) for n in set(lengths)}
    times = np.concatenate([ranges[n] for n in lengths])
    return Sequences.from_arrays(arrays, "y", keys=keys, timestamps=np.split(times, np.cumsum(lengths)[:-1]))


TASKS: dict[str, Callable[[str, str | None, str], Task]] = {
    **dict.fromkeys(M4, competition),
    **dict.fromkeys(WINDOWS, windows),
}


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument("--part", choices=("test", "validation"), default="test")
    arguments = parser.parse_args()

    task = TASKS[arguments.task](arguments.task, arguments.data, arguments.part)
    lines = {}
    for kind in (NaiveForecaster, SeasonalNaiveForecaster):
        start = time.perf_counter()
        lines[kind.__name__] = task.judge(kind(horizon=task.horizon).fit(task.learned))
        lines[kind.__name__]["seconds"] = time.perf_counter() - start
        print(kind.__name__, show(lines[kind.__name__]), flush=True)
    runs = []
    for seed in arguments.seeds:
        start = time.perf_counter()
        forecaster = LSTMForecaster(horizon=task.horizon, random_state=seed).set_params(**read_settings(arguments.set))
        forecaster.fit(task.learned)
        fitted = time.perf_counter()
        figures = task.judge(forecaster)
        seconds = {"seconds of fit": fitted - start, "seconds of forecasts": time.perf_counter() - fitted}
        runs.append({"seed": seed, **figures, **seconds, "history": forecaster.history_})
        print(f"seed {seed}", show(figures | seconds), flush=True)
    name = f"forecasts-{arguments.task}" + ("-validation" if arguments.part == "validation" else "")
    write_result(name, arguments, {"lines": lines, "runs": runs, "official": task.official})


def show(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in figures.items())


if __name__ == "__main__":
    main()
