"""The training loop: Adam, warm-up and cosine, clipping, early stopping, the best weights so far."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqrec.exceptions import DivergenceError
from seqrec.network.batches import Batch
from seqrec.network.model import SequenceModel
from seqrec.network.progress import TrainingProgress
from seqrec.network.tensorflow import one_graph


def train(
    model: SequenceModel,
    epoch_batches: Callable[[], Iterable[Batch]],
    validate: Callable[[], float] | None,
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
    max_epochs: int,
    patience: int,
    progress: TrainingProgress,
    step: TrainingStep | None = None,
) -> dict[str, list[float]]:
    """Train until `max_epochs`, or until `validate` has not risen for `patience` epochs, and keep the best weights.

    Ctrl-C ends the training early, with a warning and the best weights so far. A warning also says if the last loss is
    far worse than guessing at random.

    Parameters
    ----------
    model : SequenceModel or EventModel
        Trained in place.
    epoch_batches : callable
        Gives the batches of an epoch, in a new random order each time.
    validate : callable or None
        Gives a figure of merit, higher is better; None keeps the last weights.
    learning_rate : float or Keras schedule
    max_epochs, patience : int
    progress : TrainingProgress
    step : TrainingStep, optional
        That of an earlier training of the same model, which saves the time to build its graph.

    Returns
    -------
    history : dict of lists, one entry an epoch
        "loss" (nats an event, with dropout on) and, with `validate`, "validation".

    Raises
    ------
    DivergenceError
        If the loss turns NaN or infinite.
    """
    step = TrainingStep(model) if step is None else step
    step.restart(learning_rate)
    history: dict[str, list[float]] = {"loss": []} | ({"validation": []} if validate else {})
    best, best_epoch, best_weights = -math.inf, 0, None
    try:
        for epoch in range(max_epochs):
            history["loss"].append(_run_epoch(model, step, epoch_batches(), epoch, progress))
            if validate is not None:
                history["validation"].append(validate())
            progress.epoch_done(history)
            merit = history["validation"][-1] if validate else epoch  # unjudged, the last weights are the best
            if merit > best:
                best, best_epoch, best_weights = merit, epoch, model.get_weights()
            if epoch - best_epoch >= patience:
                break
    except KeyboardInterrupt:
        if best_weights is None:
            raise
        warnings.warn(f"Training was stopped by hand after {len(history['loss'])} epochs.", stacklevel=5)
    model.set_weights(best_weights)
    guessing = model.guessing
    if history["loss"][-1] > 2 * guessing + 1:
        warnings.warn(
            f"Training diverged: its last loss, {history['loss'][-1]:.1f} nats, is far worse than guessing at "
            f"random ({guessing:.1f}). Try a smaller learning_rate.",
            stacklevel=5,
        )
    return history


class RowAdam(keras.optimizers.Adam):
    """Adam that leaves an embedding's rows alone where a batch has no gradient for them.

    A dense step on the embeddings of a large catalogue would cost more than all else in a step.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable; Keras calls it."""
        if not isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            return
        rows, gradient, index = gradient.indices, gradient.values, self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, tf.float32)
        momentum, velocity = self._momentums[index].value, self._velocities[index].value
        m = self.beta_1 * tf.gather(momentum, rows) + (1 - self.beta_1) * gradient
        v = self.beta_2 * tf.gather(velocity, rows) + (1 - self.beta_2) * gradient**2
        momentum.scatter_update(tf.IndexedSlices(m, rows))
        velocity.scatter_update(tf.IndexedSlices(v, rows))
        rate = tf.cast(learning_rate, tf.float32) * tf.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        variable.scatter_sub(tf.IndexedSlices(rate * m / (tf.sqrt(v) + self.epsilon), rows))


def warm_up_and_cosine(learning_rate: float, n_batches: int, n_epochs: int) -> Any:
    """Give a schedule that rises for one epoch of `n_batches` and then falls along a cosine to 2 % of its height."""
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        warmup_target=learning_rate,
        warmup_steps=n_batches,
        decay_steps=max(1, n_batches * (n_epochs - 1)),
        alpha=0.02,
    )


class TrainingStep:
    """One step of Adam on a model, as one graph for all shapes of batches and for all trainings of the model."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._optimizer = RowAdam(0.0)
        self._optimizer.build(model.trainable_variables)
        memory = [tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in model.start(1)]
        self._run = one_graph(self._update, [memory, *model.signature])

    def restart(self, learning_rate: float | keras.optimizers.schedules.LearningRateSchedule) -> None:
        """Forget the steps so far, and take those to come at another rate."""
        for variable in self._optimizer.variables:
            variable.assign(keras.ops.zeros_like(variable))
        self._rate_at = learning_rate if callable(learning_rate) else lambda _: learning_rate
        self._n_taken = 0

    def __call__(self, memory: list[Any], batch: Batch) -> tuple[Any, list[Any]]:
        """Learn from a batch and give its loss, and the memory after it."""
        self._optimizer.learning_rate = self._rate_at(self._n_taken)
        self._n_taken += 1
        return self._run(memory, *(tf.constant(array) for array in self._model.arrays_of(batch)))

    def _update(self, memory: list[Any], *arrays: Any) -> tuple[Any, list[Any]]:
        variables = [variable.value for variable in self._model.trainable_variables]
        with tf.GradientTape() as tape:
            loss, memory = self._model.loss_of(memory, *arrays)
        gradients = [_sum_repeated_rows(g) for g in tape.gradient(loss, variables)]
        gradients, _ = tf.clip_by_global_norm(gradients, 1.0)
        self._optimizer.apply(gradients, self._model.trainable_variables)
        return loss, memory


def _sum_repeated_rows(gradient: Any) -> Any:
    """Give each row of a sparse gradient once, as its norm and Adam need it."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    rows, index = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, index, tf.shape(rows)[0])
    return tf.IndexedSlices(values, rows, gradient.dense_shape)


def _run_epoch(
    model: SequenceModel,
    step: TrainingStep,
    batches: Iterable[Batch],
    epoch: int,
    progress: TrainingProgress,
) -> float:
    """Train on each batch, segment by segment (truncated backpropagation), and give the mean loss of an event."""
    total, n_targets = 0.0, 0
    for batch in batches:
        memory = model.start(len(batch.rows))
        for segment in batch.segments():
            loss, memory = step(memory, segment)
            loss = float(loss)
            if not math.isfinite(loss):
                raise DivergenceError(
                    f"the loss turned {loss} in epoch {epoch + 1}. Try a smaller learning_rate, or precision='float32'."
                )
            n = int(np.count_nonzero(segment.targets))
            total, n_targets = total + loss * n, n_targets + n
            progress.batch_done(epoch, n)
    return total / max(1, n_targets)
