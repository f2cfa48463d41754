"""The written gradient of the convolutional LSTM's loop against finite differences."""

import numpy as np
import pytest
import tensorflow as tf

from seqrec.network.convolution import PEEPHOLES
from seqrec.network.image_recurrence import read_images


@pytest.mark.parametrize("peephole", PEEPHOLES)
def test_the_gradient_is_that_of_finite_differences(peephole):
    rng = np.random.default_rng(2)
    of_places = {"place": [(3, 4, 3, 2)], "channel": [(3, 1, 1, 2)], None: []}[peephole]
    shapes = [(3, 2, 4, 3, 8), (3, 3, 2, 8), *of_places, (2, 4, 3, 2), (2, 4, 3, 2)]
    arguments = [tf.constant(rng.normal(scale=0.5, size=shape)) for shape in shapes]
    weights = rng.normal(size=(3, 2, 4, 3, 2)), *rng.normal(size=(2, 2, 4, 3, 2))

    def loss(z, kernel, *others):
        results = read_images(z, kernel, *(others if of_places else (None, *others)))
        return tf.add_n([tf.reduce_sum(weight * result) for weight, result in zip(weights, results, strict=True)])

    with tf.GradientTape() as tape:
        tape.watch(arguments)
        value = loss(*arguments)
    for at, gradient in enumerate(tape.gradient(value, arguments)):
        way = rng.normal(size=shapes[at])
        ahead, back = ([*arguments[:at], arguments[at] + step * way, *arguments[at + 1 :]] for step in (1e-6, -1e-6))
        slope = (loss(*ahead) - loss(*back)) / 2e-6
        np.testing.assert_allclose(np.sum(gradient * way), slope, rtol=1e-6)
