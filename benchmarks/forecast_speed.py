"""How many series a second does LSTMForecaster forecast, beside the machine's own matrix-multiply rate?

    python benchmarks/forecast_speed.py

10,000 drawn series of 200 hours, 48 steps of each with their interval, by a forecaster of the default size; what it has
learned makes no difference to the time. FLOPs are counted of the strides that a series has, two for each multiply-add
of the matrix products. The reading of the panel and the answer's frame are part of the time.
"""

import argparse

import numpy as np
import pandas as pd
from detection_speed import time_passes
from harness import write_result

from seqrec import LSTMForecaster, Sequences
from seqrec.network.architectures import LEVELS, N_RECURRENT, STEP_UNITS

HORIZON = 48


def flops(forecaster: LSTMForecaster, n_steps: int) -> int:
    """Of one series."""
    network = forecaster.model_.architecture
    units, strides = network.units, int(forecaster._strides.n_strides(np.array([n_steps]))[0])
    read = strides * (network.n_inputs * units + N_RECURRENT * 8 * units**2)
    told = HORIZON * STEP_UNITS * (units + network.n_ahead + len(LEVELS))
    return 2 * network.n_networks * (read + told)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    hours = pd.date_range("2024-01-01", periods=arguments.steps, freq="h")
    values = np.random.default_rng(0).lognormal(3, 0.3, (arguments.series, arguments.steps))
    X = Sequences.from_arrays(list(values), "y", timestamps=[hours] * arguments.series)
    forecaster = LSTMForecaster(horizon=HORIZON, max_steps=5, random_state=0, verbose=False).fit(X[:100])
    seconds, rate = time_passes(forecaster.predict_interval, X, arguments.repeats)
    gflops = flops(forecaster, arguments.steps) * len(X) / seconds / 1e9
    figures = {"series_a_second": len(X) / seconds, "matrix_gflops": rate, "share_of_matrix_rate": gflops / rate}
    print(figures)
    write_result("forecast-speed", arguments, figures)


if __name__ == "__main__":
    main()
