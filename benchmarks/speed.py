"""How near the machine's own matrix-multiply rate do training and recommending come, on ml-1m? How good in how long?

The rate is measured in the same run: before, between and after all that is timed, as work over time, so that what else
runs on the machine slows both alike. FLOPs are counted from real events, not from padding: two for each multiply-add of
the matrix products, and three times the forward pass for training. "fit" is one whole call, with set-up, of a few
epochs; its figure is that of the test part, leave-last-out, seen items left out.

    python benchmarks/speed.py --data FOLDER
"""

import argparse
import resource
import time

import numpy as np
import tensorflow as tf
from harness import leave_last_out, write_result

from seqrec import LSTMRecommender, Sequences
from seqrec.metrics import ndcg
from seqrec.network.tensorflow import bfloat16_is_fast


class MatrixRate:
    """The rate of plain products of two large matrices of a dtype, over all the times that it was measured."""

    def __init__(self, dtype: str, size: int = 4096) -> None:
        self.factors = [tf.cast(tf.random.stateless_normal((size, size), (seed, 0)), dtype) for seed in (0, 1)]
        self.seconds: list[float] = []

    def measure(self, repeats: int = 16) -> None:
        """Take some more products."""
        tf.matmul(*self.factors).numpy()  # not timed: the first one warms up
        for _ in range(repeats):
            start = time.perf_counter()
            tf.matmul(*self.factors).numpy()
            self.seconds.append(time.perf_counter() - start)

    @property
    def gflops(self) -> float:
        """All that was done over all the time that it took, in GFLOP/s."""
        return 2 * len(self.factors[0]) ** 3 / np.mean(self.seconds) / 1e9


def flops_of_an_event(recommender: LSTMRecommender) -> tuple[float, float]:
    """Forward FLOPs of one step of the recurrence with its projection, and of one row of scores."""
    network = recommender.model_.architecture
    units, dim = network.units, network.embedding_dim
    step = 2 * ((dim + units) * 4 * units + units * dim)
    return step, 2 * dim * len(recommender.vocabulary_)


def fit(X: Sequences, precision: str, units: int, epochs: int) -> tuple[float, LSTMRecommender]:
    """Fit on all of X without validation: seconds of the whole call, and the recommender."""
    recommender = LSTMRecommender(
        units=units, max_epochs=epochs, precision=precision, validation_fraction=0, random_state=0
    )
    start = time.perf_counter()
    recommender.fit(X)
    return time.perf_counter() - start, recommender


def time_training(
    X: Sequences, precision: str, units: int, epochs: int
) -> tuple[dict[str, float], float, LSTMRecommender]:
    """Time an epoch, as what `epochs` take longer than one: figures, and seconds and recommender of the longer fit."""
    rate = MatrixRate(precision)
    rate.measure()
    one_epoch, _ = fit(X, precision, units, 1)
    rate.measure()
    seconds, recommender = fit(X, precision, units, epochs)
    rate.measure()
    epoch_seconds = (seconds - one_epoch) / (epochs - 1)
    gflops = 3 * sum(flops_of_an_event(recommender)) * X.n_events / epoch_seconds / 1e9
    figures = {
        "matrix_gflops": rate.gflops,
        "events_a_second": X.n_events / epoch_seconds,
        "gflops": gflops,
        "share_of_matrix_rate": gflops / rate.gflops,
    }
    return figures, seconds, recommender


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of the data sets; default: $SEQREC_DATA")
    parser.add_argument("--units", type=int, default=512)
    parser.add_argument("--epochs", type=int, default=6)
    arguments = parser.parse_args()
    task = leave_last_out("ml-1m", arguments.data, "test")
    X = task.train

    # The precision of the defaults comes first, for the memory is that of its training.
    default, *others = ["bfloat16", "float32"] if bfloat16_is_fast() else ["float32"]
    figures, fit_seconds, recommender = time_training(X, default, arguments.units, arguments.epochs)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    training = {default: figures} | {
        precision: time_training(X, precision, arguments.units, epochs=3)[0] for precision in others
    }

    recommender.recommend(X[:100])
    rate = MatrixRate("float32")  # scores are computed in it
    rate.measure()
    start = time.perf_counter()
    recommender.recommend(task.history, k=10)
    seconds = time.perf_counter() - start
    rate.measure()
    step, scores = flops_of_an_event(recommender)
    asked = step * np.minimum(task.history.lengths + 1, recommender.max_length).sum() + scores * len(X)
    found = ndcg(recommender.rank(task.history, task.target, exclude_seen=True), k=10).mean()
    write_result(
        "speed",
        arguments,
        {
            "training": training,
            "training_peak_memory_gib": memory,
            "fit_epochs": arguments.epochs,
            "fit_minutes": fit_seconds / 60,
            "fit_ndcg@10": float(found),
            "recommend_matrix_gflops": rate.gflops,
            "recommend_users_a_second": len(X) / seconds,
            "recommend_share_of_matrix_rate": asked / seconds / 1e9 / rate.gflops,
        },
    )


if __name__ == "__main__":
    main()
