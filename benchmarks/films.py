"""How well are the next images of films forecast?

    python benchmarks/films.py --task moving_mnist --seeds 0 --data FOLDER
    python benchmarks/films.py --task radar --seeds 0 1 2 --data FOLDER

- moving_mnist: 10 images from the 10 before; squared and absolute error of an image, added up over its pixels. The test
  films are made of MNIST's test digits, from seed 20150615; films to learn from, of its training digits by the same
  motion. Validation: other films of the last sixth of the training digits, and films to learn from of the rest.
- radar: rain in 5, 15 and 30 minutes; the critical success index at 1 mm/h, the mean over the images that are forecast
  from. Learned from the Australian images (every 10 minutes) and the first three quarters of the Dutch ones (every 5),
  judged on the last quarter, of which 4 images at least have been read. Validation: judged on the third quarter,
  learned from what comes before.

Beside the network stand lines that need no training. `--variants` are settings of `ConvLSTMForecaster`: its defaults;
networks that tell no motions, with peepholes or without; and an LSTM without convolutions, which is such a network with
a whole image for one patch, of as many weights, or of 512 units. Defaults of the estimator are chosen on validation
parts; here is what each task sets.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from harness import make_parser, read_archive, read_settings, write_result
from moving_digits import TEST_SEED, moving_digits
from numpy.typing import NDArray

from seqrec import ConvLSTMForecaster, LastFrameForecaster, ShiftForecaster

HORIZON = 10
_ANEW = {"n_motions": 0}  # each image is drawn anew, as published
_WHOLE = _ANEW | {"kernel_size": 1, "recurrent_kernel_size": 1}  # without convolutions
VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "place": _ANEW | {"peephole": "place"},
    "channel": _ANEW | {"peephole": "channel"},
    "none": _ANEW | {"peephole": None},
    "fully connected": _WHOLE | {"units": "as many weights"},
    "fully connected, 512 units": _WHOLE | {"units": 512},
}
RAIN = 1 + 4 * 10  # 1 mm/h as the images are coded: 1 + 4 (10 log10(mm/h) + 10)
MINUTES = {"5 minutes": 1, "15 minutes": 3, "30 minutes": 6}  # images ahead
FIRST_READ = 4


class Task(NamedTuple):
    """Films to learn from, and what judges forecasts: it takes `predict` and gives figures."""

    films: Any
    judge: Callable[[Callable[..., NDArray]], dict[str, float]]
    settings: dict[str, Any]


def moving_mnist(folder: str | None, part: str, n_films: int) -> Task:
    digits = read_archive(folder, "mnist", "mnist")
    learned, asked, seed = digits["x_train"], digits["x_test"], TEST_SEED
    if part == "validation":
        n = len(learned) * 5 // 6
        learned, asked, seed = learned[:n], learned[n:], 2
    judged = moving_digits(asked, 1_000, 2 * HORIZON, seed)
    films = moving_digits(learned, n_films, 4 * HORIZON, 1)
    past, truth = judged[:, :HORIZON], judged[:, HORIZON:] / np.float32(255)

    def judge(predict: Callable[..., NDArray]) -> dict[str, float]:
        error = predict(past, HORIZON) - truth
        squared = (error**2).sum(axis=(2, 3))
        figures = {"squared": squared.mean(), "absolute": np.abs(error).sum(axis=(2, 3)).mean()}
        return figures | {f"squared, image {at}": squared[:, at - 1].mean() for at in (1, 5, 10)}

    return Task(films, judge, {})


def radar(folder: str | None, part: str, n_films: int) -> Task:  # noqa: ARG001
    images = read_archive(folder, "video", "radar")
    bom, knmi = images["bom"], images["knmi"]
    start, stop = (len(knmi) // 2, len(knmi) * 3 // 4) if part == "validation" else (len(knmi) * 3 // 4, len(knmi))
    judged = knmi[start:stop]

    def judge(predict: Callable[..., NDArray]) -> dict[str, float]:
        ends = range(FIRST_READ, len(judged))
        told = predict([judged[:end] for end in ends], max(MINUTES.values())) >= (RAIN - 0.5) / 255
        indices = {name: [] for name in MINUTES}
        for end, images_ahead in zip(ends, told, strict=True):
            for name, ahead in MINUTES.items():
                if end + ahead <= len(judged):
                    rain, said = judged[end + ahead - 1] >= RAIN, images_ahead[ahead - 1]
                    indices[name].append((rain & said).sum() / (rain | said).sum())
        return {name: float(np.mean(each)) for name, each in indices.items()}

    return Task([bom, knmi[:start]], judge, {"horizon": max(MINUTES.values()), "n_past": 6})


TASKS = {"moving_mnist": moving_mnist, "radar": radar}


def n_weights(units: int, n_inputs: int) -> int:
    """Weights of a layer with peepholes and its head, without convolutions."""
    return 4 * units * (n_inputs + units + 1) + 3 * units + (units + 1) * n_inputs


def settings_of(variant: str, task: Task, given: dict[str, Any]) -> dict[str, Any]:
    settings = task.settings | given | VARIANTS[variant]
    if variant.startswith("fully"):
        side = task.films[0].shape[-1]
        settings |= {"patch": side}
        if settings["units"] == "as many weights":
            settings["units"] = as_many_units(task, given, side)
    return settings


def as_many_units(task: Task, given: dict[str, Any], side: int) -> int:
    """Units of the LSTM without convolutions that has about as many weights as the network with peepholes by place."""
    settings = task.settings | given | VARIANTS["place"] | {"max_steps": 1, "verbose": False}
    n = ConvLSTMForecaster(**settings).fit(task.films[:1]).model_.count_params()
    return max(units for units in range(1, 2_000) if units == 1 or n_weights(units, side**2) <= n)


def black(past: Any, horizon: int) -> NDArray:
    return np.zeros((len(past), horizon, *past[0].shape[1:]), np.float32)


def lines(task: Task) -> dict[str, dict[str, float]]:
    """Give the figures of what learns nothing."""
    few = task.films[:50]
    simple = {kind.__name__: kind().fit(few).predict for kind in (LastFrameForecaster, ShiftForecaster)}
    return {name: task.judge(predict) for name, predict in ({"black": black} | simple).items()}


def trained(task: Task, settings: dict[str, Any], seed: int) -> dict[str, Any]:
    forecaster = ConvLSTMForecaster(**settings, random_state=seed)
    start, wall = time.process_time(), time.perf_counter()
    forecaster.fit(task.films)
    spent = {"processor seconds": time.process_time() - start, "seconds": time.perf_counter() - wall}
    figures = {
        "seed": seed,
        "weights": forecaster.model_.count_params(),
        "steps": 100 * len(forecaster.history_["loss"]),
    }
    return task.judge(forecaster.predict) | figures | spent


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--task", required=True, choices=TASKS)
    parser.add_argument("--part", default="test", choices=["test", "validation"])
    parser.add_argument("--variants", nargs="*", default=["default"], choices=VARIANTS)
    parser.add_argument("--films", type=int, default=8_000, help="Moving MNIST: films of 40 images to learn from")
    parser.add_argument("--name", help="of the result file")
    arguments = parser.parse_args()
    task = TASKS[arguments.task](arguments.data, arguments.part, arguments.films)
    given = read_settings(arguments.set)
    figures: dict[str, Any] = {"lines": lines(task), "variants": {}}
    for name, line in figures["lines"].items():
        print(name, shown(line), flush=True)
    for variant in arguments.variants:
        settings = settings_of(variant, task, given)
        runs = figures["variants"].setdefault(variant, {"settings": settings, "runs": []})["runs"]
        for seed in arguments.seeds:
            runs.append(trained(task, settings, seed))
            print(variant, shown(runs[-1]), flush=True)
    write_result(arguments.name or f"films-{arguments.task}-{arguments.part}", arguments, figures)


def shown(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(float(value), 3) for name, value in figures.items()}


if __name__ == "__main__":
    main()
