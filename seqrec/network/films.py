"""A network that reads films image by image, and after each tells the next one, or in the end a class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrec.network.architectures import FilmArchitecture
from seqrec.network.blueprint import Rebuilt
from seqrec.network.convolution import PeepholeConvLSTM2D
from seqrec.network.layers import dense
from seqrec.network.motions import Motions
from seqrec.network.tensorflow import check_process, keras, one_graph, ops, own_names, tf

LEAST_CHANCE = 1e-5  # of a value of 0, and of 1


class FilmModel(Rebuilt, keras.Model):
    """Convolutional LSTMs, one above the other, and a head that sees the states of all of them at its place.

    Images are given as places of numbers, (height, width, n_inputs), from 0 to 1. What comes next is told by a
    distribution of each number; further images are told by reading the means as if they had come. With motions, the
    means are those of `Motions`, and states end with the last image.

    Parameters
    ----------
    architecture : FilmArchitecture

    References
    ----------
    Shi et al. (2015), "Convolutional LSTM network: a machine learning approach for precipitation nowcasting", section
    3.2. There, a second network goes on from copies of the states and reads nothing; here one network does both, with
    half of the weights, and reads what it has told.
    """

    @own_names()
    def __init__(self, architecture: FilmArchitecture) -> None:
        check_process()
        super().__init__()
        a = self.architecture = architecture
        *seeds, of_head = np.random.SeedSequence([a.seed, 5]).generate_state(a.n_layers + 1).tolist()
        peephole = None if a.peephole == "none" else a.peephole
        options = {"return_sequences": True, "return_state": True}
        self.recurrent = [
            PeepholeConvLSTM2D(a.units, a.kernel_size, a.recurrent_kernel_size, peephole, **options, seed=seed // 2)
            for seed in seeds
        ]
        self._motions: Any = Motions(a) if a.n_motions else None
        self.head = dense(a.n_classes or sum(a.sizes_told), of_head)
        self._graphs: dict[str, Any] = {}
        one = tf.zeros((1, 1, a.height, a.width, a.n_inputs))
        if a.n_classes:
            self._classes(one, tf.ones((1, 1)))
        else:
            self._read(one)
        self.built = True

    @property
    def training_signature(self) -> list[Any]:
        """Of the arguments of `loss_of`."""
        images, weights = self._images, tf.TensorSpec((None, None), tf.float32)
        if self.architecture.n_classes:
            return [[], images, weights, *(tf.TensorSpec((None,), dtype) for dtype in (tf.int32, tf.float32))]
        return [[], images, images, weights, weights]

    @staticmethod
    def arrays_of(batch: tuple[NDArray, ...]) -> tuple[NDArray, ...]:
        """Give the arrays that `loss_of` takes: a batch is made of them."""
        return batch

    def loss_of(self, memory: list[Any], *arrays: Any) -> tuple[Any, list[Any]]:
        """Mean loss of a value, or of a class, and the memory, of which there is none.

        Parameters
        ----------
        memory : empty list
        arrays : tensors
            Of a model without classes: images that are read, (batch, time, height, width, n_inputs), and images that
            come after them, (batch, horizon, ...); and how much each of both weighs, (batch, time or horizon) float32.
            With classes: images; their weights; classes, (batch,) int32, and the weights of these, float32.
        """
        if self.architecture.n_classes:
            images, shown, classes, weights = arrays
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(classes, self._classes(images, shown))
            return tf.reduce_sum(losses * weights) / tf.reduce_sum(weights), memory
        past, future, past_weights, future_weights = arrays
        means, states = self._read(past)
        n = tf.shape(future)[1]
        told = tf.TensorArray(tf.float32, n, clear_after_read=False).write(0, means[:, -1])

        def step(t: Any, image: Any, states: Any, told: Any) -> Any:
            image, states = self._step(image, states)
            return t + 1, image, states, told.write(t, image)

        *_, told = tf.while_loop(lambda t, *_: t < n, step, (1, means[:, -1], states, told))
        ahead = tf.transpose(told.stack(), (1, 0, 2, 3, 4))
        losses = tf.concat(
            [self._loss_by_image(means[:, :-1], past[:, 1:]), self._loss_by_image(ahead, future)], axis=1
        )
        weights = tf.concat([past_weights[:, 1:], future_weights], axis=1)
        return tf.reduce_sum(losses * weights) / tf.maximum(tf.reduce_sum(weights), 1.0), memory

    def judge(self, *arrays: NDArray) -> float:
        """Give the loss of arrays as `loss_of` takes them."""
        return float(self._graph("judge", self._judge, self.training_signature[1:])(*arrays))

    def read(self, images: NDArray) -> tuple[NDArray[np.float32], list[Any]]:
        """Tell what comes after each image: the means, (batch, time, height, width, n_inputs), and states."""
        means, states = self._graph("read", self._read, [self._images])(images)
        return means.numpy(), states

    def step(self, image: NDArray, states: list[Any]) -> tuple[NDArray[np.float32], list[Any]]:
        """Tell what comes after one more image, (batch, height, width, n_inputs)."""
        state = tf.TensorSpec((None, None, None, self.architecture.units), tf.float32)
        image_spec = tf.TensorSpec((None, None, None, self.architecture.n_inputs), tf.float32)
        signature = [image_spec, [*([state, state] for _ in self.recurrent), image_spec]]
        means, states = self._graph("step", self._step, signature)(image, states)
        return means.numpy(), states

    def classify(self, images: NDArray, shown: NDArray) -> NDArray[np.float32]:
        """Give the logits of the classes, (batch, n_classes), of images that are `shown`, (batch, time), or not."""
        signature = [self._images, tf.TensorSpec((None, None), tf.float32)]
        return self._graph("classify", self._classes, signature)(images, shown).numpy()

    @property
    def _images(self) -> Any:
        a = self.architecture
        places = (a.height, a.width) if a.peephole == "place" else (None, None)
        return tf.TensorSpec((None, None, *places, a.n_inputs), tf.float32)

    def _graph(self, name: str, function: Callable, signature: list[Any]) -> Any:
        if name not in self._graphs:
            self._graphs[name] = one_graph(function, signature)
        return self._graphs[name]

    def _judge(self, *arrays: Any) -> Any:
        return self.loss_of([], *arrays)[0]

    def _hidden(self, read: Any) -> tuple[list[Any], list[Any]]:
        """Give the hidden states of each layer over time, and the last states of each."""
        hidden, states = [read], []
        for layer in self.recurrent:
            outputs, *last = layer(hidden[-1])
            hidden.append(outputs)
            states.append(last)
        return hidden[1:], states

    def _read(self, images: Any) -> tuple[Any, list[Any]]:
        read = self._all_beside(images) if self._motions else images
        hidden, states = self._hidden(read)
        told = self.head(ops.concatenate(hidden, axis=-1))
        means = self._means(*(tf.reshape(each, tf.concat([[-1], tf.shape(each)[2:]], 0)) for each in (told, read)))
        return tf.reshape(means, tf.shape(images)), [*states, images[:, -1]]

    def _step(self, image: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        *states, before = states
        hidden, last = [self._beside(before, image) if self._motions else image], []
        for layer, state in zip(self.recurrent, states, strict=True):
            outputs, state = layer.cell(hidden[-1], list(state))
            hidden.append(outputs)
            last.append(state)
        return self._means(self.head(ops.concatenate(hidden[1:], axis=-1)), hidden[0]), [*last, image]

    def _beside(self, before: Any, images: Any) -> Any:
        """Give images, (n, height, width, n_inputs), beside those before them, and how they seem to have moved."""
        beside = tf.concat([images, before, self._motions.seen(before, images)], axis=-1)
        return tf.ensure_shape(beside, [*images.shape[:-1], self.architecture.sizes_read[0]])

    def _all_beside(self, images: Any) -> Any:
        """Give all images of films so, one time after the other: what is compared takes much memory."""
        images = tf.transpose(images, (1, 0, 2, 3, 4))
        before = tf.concat([images[:1], images[:-1]], axis=0)
        found = tf.map_fn(lambda pair: self._beside(*pair), (before, images), fn_output_signature=tf.float32)
        return tf.transpose(found, (1, 0, 2, 3, 4))

    def _means(self, told: Any, read: Any) -> Any:
        """Give the means of the next images, (n, height, width, n_inputs), of what is told of each place, and read."""
        return ops.sigmoid(told) if self._motions is None else self._motions.applied(told, read)

    def _classes(self, images: Any, shown: Any) -> Any:
        """Pool over what is shown: the mean over all places and times, and the largest of the means over places."""
        hidden = ops.mean(ops.concatenate(self._hidden(images)[0], axis=-1), axis=(2, 3))  # (batch, time, channels)
        shown = shown[..., None]
        mean = ops.sum(hidden * shown, axis=1) / ops.maximum(ops.sum(shown, axis=1), 1.0)
        return self.head(ops.concatenate([mean, ops.max(hidden * shown - 2 * (1 - shown), axis=1)], axis=-1))

    def _loss_by_image(self, means: Any, images: Any) -> Any:
        """Give the mean loss of a value of each image, (batch, time)."""
        if self.architecture.squared:
            each = (means - images) ** 2
        else:
            means = LEAST_CHANCE + (1 - 2 * LEAST_CHANCE) * means
            each = -images * tf.math.log(means) - (1 - images) * tf.math.log(1 - means)
        return tf.reduce_mean(each, axis=(2, 3, 4))
