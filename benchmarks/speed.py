"""How near the machine's own matrix-multiply rate do training and recommending come, on ml-1m? How good in how long?

The rate is measured in the same run, before and after. FLOPs are counted from real events, not from padding: two for
each multiply-add of the matrix products, and three times the forward pass for training. "fit" is one whole call, with
set-up, of a few epochs; its figure is that of the test part, leave-last-out, seen items left out.

    python benchmarks/speed.py --data FOLDER
"""

import argparse
import resource
import statistics
import time

import numpy as np
import tensorflow as tf
from harness import leave_last_out, write_result

from seqrec import LSTMRecommender, Sequences
from seqrec.metrics import ndcg


def matrix_rate(dtype: tf.DType, size: int = 4096, repeats: int = 8) -> float:
    """Median rate of a plain product of two large matrices, in FLOP/s."""
    a, b = (tf.cast(tf.random.stateless_normal((size, size), (seed, 0)), dtype) for seed in (0, 1))
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        tf.matmul(a, b).numpy()
        seconds.append(time.perf_counter() - start)
    return 2 * size**3 / statistics.median(seconds[1:])


def flops_of_an_event(recommender: LSTMRecommender) -> tuple[float, float]:
    """Forward FLOPs of one step of the recurrence with its projection, and of one row of scores."""
    model = recommender.model_
    units, dim = model.recurrence[0].units, model.embedding.output_dim
    step = 2 * ((dim + units) * 4 * units + units * dim)
    return step, 2 * dim * len(recommender.vocabulary_)


def seconds_to_fit(X: Sequences, settings: dict) -> tuple[float, LSTMRecommender]:
    start = time.perf_counter()
    recommender = LSTMRecommender(**settings, validation_fraction=0, random_state=0).fit(X)
    return time.perf_counter() - start, recommender


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of the data sets; default: $SEQREC_DATA")
    parser.add_argument("--units", type=int, default=512)
    parser.add_argument("--epochs", type=int, default=6)
    arguments = parser.parse_args()
    task = leave_last_out("ml-1m", arguments.data, "test")
    X = task.train
    dtype = tf.bfloat16 if LSTMRecommender()._policy() == "mixed_bfloat16" else tf.float32

    rates = {t.name: [matrix_rate(t)] for t in (tf.float32, dtype)}
    one_epoch, _ = seconds_to_fit(X, {"units": arguments.units, "max_epochs": 1})
    fit_seconds, recommender = seconds_to_fit(X, {"units": arguments.units, "max_epochs": arguments.epochs})
    seconds = (fit_seconds - one_epoch) / (arguments.epochs - 1)  # an epoch, without set-up and tracing
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    recommender.recommend(X[:100])
    start = time.perf_counter()
    recommender.recommend(task.history, k=10)
    recommend_seconds = time.perf_counter() - start
    for t in rates:
        rates[t].append(matrix_rate(getattr(tf, t)))
    rate = {t: float(np.mean(values)) for t, values in rates.items()}
    found = ndcg(recommender.rank(task.history, task.target, exclude_seen=True), k=10).mean()

    step, scores = flops_of_an_event(recommender)
    trained = 3 * (step + scores) * X.n_events
    asked = step * np.minimum(task.history.lengths + 1, recommender.max_length).sum() + scores * len(X)
    write_result(
        "speed",
        arguments,
        {
            "matrix_gflops": {t: r / 1e9 for t, r in rate.items()},
            "training_dtype": dtype.name,
            "fit_epochs": arguments.epochs,
            "fit_minutes": fit_seconds / 60,
            "fit_ndcg@10": float(found),
            "training_events_a_second": X.n_events / seconds,
            "training_gflops": trained / seconds / 1e9,
            "training_share_of_matrix_rate": trained / seconds / rate[dtype.name],
            "training_peak_memory_gib": memory,
            "recommend_users_a_second": len(X) / recommend_seconds,
            "recommend_share_of_matrix_rate": asked / recommend_seconds / rate["float32"],
        },
    )


if __name__ == "__main__":
    main()
