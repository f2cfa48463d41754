"""How long does a step of training take with `PeepholeConvLSTM2D`, against `keras.layers.ConvLSTM2D` of the same size?

    python benchmarks/layer_speed.py

The loss is the mean square of all outputs; the layers take turns, and the median of the rounds counts: seconds of the
processor, which others on the machine disturb least.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from harness import write_result

from seqrec.layers import PeepholeConvLSTM2D

SIZES = {  # batch, time, height, width, channels; filters; kernel
    "16 x 16, 64 filters, 5 x 5": ((8, 10, 16, 16, 16), 64, 5),
    "16 x 16, 64 filters, 3 x 3": ((8, 10, 16, 16, 16), 64, 3),
    "32 x 32, 16 filters, 3 x 3": ((8, 10, 32, 32, 16), 16, 3),
    "8 x 8, 32 filters, 3 x 3": ((8, 10, 8, 8, 16), 32, 3),
}
PEEPHOLES = {"place": "place", "channel": "channel", "none": None}


def training_step(layer: Any, x: tf.Tensor) -> Callable[[], Any]:
    layer.build(x.shape)
    weights = [weight.value for weight in layer.weights]

    @tf.function(autograph=False)
    def step() -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(layer(x) ** 2)
        return tape.gradient(loss, weights)

    step()
    return step


def seconds(step: Callable[[], Any]) -> float:
    start = time.process_time()
    step()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    arguments = parser.parse_args()
    figures = {}
    for name, (shape, filters, kernel) in SIZES.items():
        x = tf.constant(np.random.default_rng(0).normal(size=shape), tf.float32)
        options = {"return_sequences": True}
        layers = {"Keras": keras.layers.ConvLSTM2D(filters, kernel, padding="same", **options)}
        for label, peephole in PEEPHOLES.items():
            layers[label] = PeepholeConvLSTM2D(filters, kernel, peephole=peephole, **options)
        steps = {label: training_step(layer, x) for label, layer in layers.items()}
        rounds = [{label: seconds(step) for label, step in steps.items()} for _ in range(arguments.rounds)]
        median = {label: float(np.median([each[label] for each in rounds])) for label in steps}
        ratios = {label: median[label] / median["Keras"] for label in PEEPHOLES}
        figures[name] = {"seconds": median, "ratio": ratios}
        print(name, f"{median['Keras']:.3f} s", {label: round(ratio, 2) for label, ratio in ratios.items()}, flush=True)
    write_result("layer_speed", arguments, {"sizes": figures})


if __name__ == "__main__":
    main()
