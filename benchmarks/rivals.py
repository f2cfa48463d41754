"""What statsforecast forecasts, with its time; `forecasts.py --rivals PYTHON` runs this in an environment of its own.

    python rivals.py QUESTIONS.npz ANSWERS.npz

The questions: `values`, the series one after the other; `lengths`; `horizon`; `season`. The answers, for each model:
(n_series, horizon, 3), the lower end of the 95 % interval, the mean and the upper end; and the seconds that it took.
"""

import sys
import time
from typing import Any

import numpy as np
from statsforecast.models import MSTL, AutoETS, Theta


def answers(model: Any, series: list[np.ndarray], horizon: int) -> np.ndarray:
    told = [model.new().forecast(y=y, h=horizon, level=[95]) for y in series]
    return np.stack([np.stack([one["lo-95"], one["mean"], one["hi-95"]], axis=-1) for one in told])


def main(questions: str, found: str) -> None:
    asked = np.load(questions)
    horizon, season = int(asked["horizon"]), int(asked["season"])
    series = np.split(asked["values"], np.cumsum(asked["lengths"])[:-1])
    models = {"AutoETS": AutoETS(season_length=season), "Theta": Theta(season_length=season)}
    if season > 1:
        models["MSTL"] = MSTL(season_length=season)
    told: dict[str, Any] = {}
    for name, model in models.items():
        answers(model, series[:1], horizon)  # compiles
        start = time.perf_counter()
        told[name] = answers(model, series, horizon)
        told[f"{name} seconds"] = time.perf_counter() - start
    np.savez(found, **told)


if __name__ == "__main__":
    main(*sys.argv[1:])
