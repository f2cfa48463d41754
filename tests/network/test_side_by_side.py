import numpy as np
import pytest
import tensorflow as tf

from seqrec.network.layers import recurrent_layer
from seqrec.network.side_by_side import DenseLayers, RecurrentLayers

RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(4, 3, 2, 5)).astype("f4")  # time, networks, batch, input_dim


@pytest.mark.parametrize("cell", ["lstm", "peephole", "gru", "rnn"])
def test_each_of_several_recurrent_layers_gives_the_numbers_of_its_own(cell):
    layers = RecurrentLayers(cell, 6, [1, 2, 3])
    layers(INPUTS)
    layers.set_weights([RNG.normal(0, 0.5, weight.shape).astype("f4") for weight in layers.get_weights()])
    told = layers(INPUTS).numpy()
    for network in range(3):
        alone = recurrent_layer(cell, 6, seed=0)
        alone.build((None, None, 5))
        alone.set_weights([weight[network] for weight in layers.get_weights()])
        inputs = INPUTS[:, network].swapaxes(0, 1)
        np.testing.assert_allclose(told[:, network], alone(inputs)[0].numpy().swapaxes(0, 1), atol=1e-5)


def test_recurrent_layers_start_from_the_weights_of_keras_layers():
    layers = RecurrentLayers("lstm", 6, [1, 2])
    layers.build((None, 2, None, 5))
    alone = recurrent_layer("lstm", 6, seed=2)
    alone.build((None, None, 5))
    for together, weight in zip(layers.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(together[1], weight)


@pytest.mark.parametrize("training", [False, True])
def test_what_one_network_learns_does_not_move_another(training):
    layers = RecurrentLayers("lstm", 6, [1, 2, 3])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layers(INPUTS, training=training)[:, 1] ** 2)
    for gradient in tape.gradient(loss, layers.trainable_variables):
        moved = np.abs(gradient.numpy()).reshape(3, -1).sum(axis=1)
        assert moved[1] > 0
        np.testing.assert_array_equal(moved[[0, 2]], 0)


def test_dense_layers_are_products_of_each_networks_own():
    layers = DenseLayers(2, [1, 2, 3])
    inputs = INPUTS.swapaxes(0, 1)
    told = layers(inputs).numpy()
    kernel, _ = layers.get_weights()
    np.testing.assert_allclose(told, np.einsum("ntbi,niu->ntbu", inputs, kernel), atol=1e-5)
    np.testing.assert_allclose(layers(inputs[:1]).numpy()[2], inputs[0] @ kernel[2], atol=1e-5)
